package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape decodes a JSON string without its quotes and appends the result to b.
func unescape(b, in []byte) []byte {
	for len(in) > 0 {
		switch c := in[0]; {
		case c == '\\' && in[1] == 'u':
			r := hex4(in[2:])
			in = in[6:]
			if utf16.IsSurrogate(r) {
				pair := rune(unicode.ReplacementChar)
				if len(in) >= 6 && in[0] == '\\' && in[1] == 'u' {
					pair = utf16.DecodeRune(r, hex4(in[2:]))
				}
				if r = pair; r != unicode.ReplacementChar {
					in = in[6:]
				}
			}
			b = utf8.AppendRune(b, r)
		case c == '\\':
			c = in[1]
			switch c {
			case 'b':
				c = '\b'
			case 'f':
				c = '\f'
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			}
			b = append(b, c)
			in = in[2:]
		case c < utf8.RuneSelf:
			b = append(b, c)
			in = in[1:]
		default:
			r, size := utf8.DecodeRune(in)
			b = utf8.AppendRune(b, r)
			in = in[size:]
		}
	}
	return b
}

// isNumber reports whether b consists of exactly one JSON number.
func isNumber(b []byte) bool { return scanNumber(b, 0) == len(b) }

// Each of the following functions reads the part of data that begins at position i, and returns the position after that
// part. If the byte at position n is invalid, the function returns ^n, which is negative.

const (
	ones = 0x0101010101010101
	high = 0x80 * ones
)

// scanString returns the position of a string's closing quote. It also reports whether the string is plain: ASCII
// without escapes.
func scanString(data []byte, i int) (end int, plain bool) {
	plain = true
	for {
		for ; i+8 <= len(data); i += 8 {
			x := binary.LittleEndian.Uint64(data[i : i+8])
			// Examine eight bytes at a time. The expression below sets the top bit of the first byte that is a quote, a
			// control character, a backslash or not ASCII. Flipping bit 1 makes quotes and control characters less than
			// 0x21. Ignore the bits after the first one, which borrows may have set.
			low, slash := x^2*ones, x^'\\'*ones
			if stop := ((low - 0x21*ones) | (slash - ones) | x) & high; stop != 0 {
				i += bits.TrailingZeros64(stop) / 8
				break
			}
		}
		if i == len(data) || data[i] < ' ' {
			return ^i, false
		}
		switch data[i] {
		case '"':
			return i, plain
		case '\\':
			if i = scanEscape(data, i); i < 0 {
				return i, false
			}
			plain = false
		default: // a byte that is not ASCII, or one of the last seven bytes
			plain = plain && data[i] < utf8.RuneSelf
			i++
		}
	}
}

// scanEscape reads an escape sequence in a string.
func scanEscape(data []byte, i int) int {
	i++
	if i == len(data) {
		return ^i
	}
	switch data[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for range 4 {
			if i++; i == len(data) || !isHex(data[i]) {
				return ^i
			}
		}
		return i + 1
	}
	return ^i
}

// scanNumber reads a JSON number.
func scanNumber(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	if i < len(data) && data[i] == '0' {
		i++
	} else if i = scanDigits(data, i); i < 0 {
		return i
	}
	if i < len(data) && data[i] == '.' {
		if i = scanDigits(data, i+1); i < 0 {
			return i
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		return scanDigits(data, i)
	}
	return i
}

// scanDigits reads one or more digits.
func scanDigits(data []byte, i int) int {
	if i == len(data) || data[i]-'0' > 9 {
		return ^i
	}
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20-'a' <= 5 }

func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		if c -= '0'; c > 9 {
			c = (c + '0') | 0x20 - 'a' + 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
