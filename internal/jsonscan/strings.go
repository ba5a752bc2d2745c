package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends the value of a JSON string, given without its quotes.
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

// isNumber reports whether b is a JSON number and nothing else.
func isNumber(b []byte) bool { return scanNumber(b, 0) == len(b) }

// The functions below read from data[i:]. They return the position after what they read, or ^i if the byte at i is invalid.

const (
	ones = 0x0101010101010101
	high = 0x80 * ones
)

// scanString finds the closing quote, eight bytes at a time. plain means that the string has no escapes and only ASCII.
func scanString(data []byte, i int) (end int, plain bool) {
	odd, escaped := uint64(0), false
	for {
		for i+8 <= len(data) {
			x := binary.LittleEndian.Uint64(data[i:])
			// Set the top bit of the first byte that is a quote, a control character or a backslash. (With bit 1
			// flipped, quotes and control characters are less than 0x21.) The bits of later bytes are undefined
			// because of borrows.
			low, slash := x^2*ones, x^'\\'*ones
			stop := ((low-0x21*ones)&^low | (slash-ones)&^slash) & high
			if stop != 0 {
				odd |= x & (stop&-stop - 1)
				i += bits.TrailingZeros64(stop) / 8
				break
			}
			odd |= x
			i += 8
		}
		switch {
		case i == len(data) || data[i] < ' ':
			return ^i, false
		case data[i] == '"':
			return i, !escaped && odd&high == 0
		case data[i] == '\\':
			escaped = true
			if i+1 == len(data) {
				return ^(i + 1), false
			}
			switch data[i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				i += 2
			case 'u':
				for k := i + 2; k < i+6; k++ {
					if k == len(data) || !isHex(data[k]) {
						return ^k, false
					}
				}
				i += 6
			default:
				return ^(i + 1), false
			}
		default: // fewer than eight bytes are left
			odd |= uint64(data[i])
			i++
		}
	}
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
