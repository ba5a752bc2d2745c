// Package jsonscan reads JSON where it stands, strictly by RFC 8259.
//
// It is made of steps: each is given a place in the data, reads what stands there, and gives the place behind it. So a
// decoder that knows what to expect needs no tokens. It accepts what encoding/json accepts, within the limits below, and
// gives the same strings: a lone surrogate and a byte that is not UTF-8 become U+FFFD.
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of one value that is skipped. No answer comes near them.
const (
	MaxDepth  = 100
	MaxValues = 1 << 20
)

// Scanner reads from Data, which must not change meanwhile.
//
// The first error stays in Err. From then on each step leads to the end of Data, where there is nothing, so that a caller
// need not look before it is done.
type Scanner struct {
	Data []byte
	Err  error

	text   []byte // of a string with escapes
	values int    // skipped so far
}

// Reset begins with data. nil lets go of the old data, and of memory that a very long string took.
func (s *Scanner) Reset(data []byte) {
	s.Data, s.Err = data, nil
	if cap(s.text) > 64<<10 {
		s.text = nil
	}
}

// Stop ends the reading for err, unless it has ended before.
func (s *Scanner) Stop(err error) int {
	if s.Err == nil {
		s.Err = err
	}
	return len(s.Data)
}

// Fail ends the reading because the byte at i is wrong. The error never quotes the data.
func (s *Scanner) Fail(i int) int {
	if i >= len(s.Data) {
		return s.Stop(fmt.Errorf("JSON ends early, after %d bytes: %w", len(s.Data), io.ErrUnexpectedEOF))
	}
	return s.Stop(fmt.Errorf("invalid JSON at byte %d of %d", i, len(s.Data)))
}

// End ends the reading behind the document, which is an error if there is more than white space.
func (s *Scanner) End(i int) error {
	if i = s.Space(i); i < len(s.Data) {
		s.Fail(i)
	}
	return s.Err
}

// At is the byte at i, 0 at the end.
func (s *Scanner) At(i int) byte {
	if i < len(s.Data) {
		return s.Data[i]
	}
	return 0
}

// Has reports whether text stands at i.
func (s *Scanner) Has(i int, text string) bool {
	return len(s.Data)-i >= len(text) && string(s.Data[i:i+len(text)]) == text
}

// Space skips white space.
func (s *Scanner) Space(i int) int {
	for i < len(s.Data) && s.Data[i] <= ' ' && (s.Data[i] == ' ' || s.Data[i] == '\n' || s.Data[i] == '\r' || s.Data[i] == '\t') {
		i++
	}
	return i
}

// Open goes to the first item in the object or array at i, or behind it if it is empty.
func (s *Scanner) Open(i int) (at int, some bool) {
	end := s.Data[i] + 2 // "{" + 2 is "}", "[" + 2 is "]"
	if i = s.Space(i + 1); s.At(i) == end {
		return i + 1, false
	}
	return i, true
}

// Next goes on behind an item: to the item after it, or behind the end of all.
func (s *Scanner) Next(i int, end byte) (at int, more bool) {
	switch i = s.Space(i); s.At(i) {
	case ',':
		return s.Space(i + 1), true
	case end:
		return i + 1, false
	}
	return s.Fail(i), false
}

// Name reads the name of a member and the colon. The name is valid until the next String or Name.
func (s *Scanner) Name(i int) (name []byte, at int) {
	if s.At(i) != '"' {
		return nil, s.Fail(i)
	}
	name, _, i = s.String(i)
	if i = s.Space(i); s.At(i) != ':' {
		return nil, s.Fail(i)
	}
	return name, s.Space(i + 1)
}

// String reads the string at i. Its value is part of the data if it stands there as it is, else valid until the next
// String or Name.
func (s *Scanner) String(i int) (value []byte, asIs bool, at int) {
	end, plain := text(s.Data, i+1)
	if end < 0 {
		return nil, false, s.Fail(^end)
	}
	value = s.Data[i+1 : end]
	if !plain && (bytes.IndexByte(value, '\\') >= 0 || !utf8.Valid(value)) {
		s.text = unescape(slices.Grow(s.text[:0], len(value)), value)
		return s.text, false, end + 1
	}
	return value, true, end + 1
}

// Skip reads any value.
func (s *Scanner) Skip(i int) int {
	s.values = 0
	return s.skip(i, 0)
}

func (s *Scanner) skip(i, depth int) int {
	if s.values++; s.values > MaxValues {
		return s.Stop(fmt.Errorf("more than %d JSON values", MaxValues))
	}
	word := "null"
	switch c := s.At(i); c {
	case '"':
		end, _ := text(s.Data, i+1)
		if end < 0 {
			return s.Fail(^end)
		}
		return end + 1
	case '{', '[':
		at, more := s.Open(i)
		if more && depth == MaxDepth {
			return s.Stop(fmt.Errorf("JSON nested deeper than %d at byte %d", MaxDepth, at))
		}
		for more {
			if c == '{' {
				_, at = s.Name(at)
			}
			at, more = s.Next(s.skip(at, depth+1), c+2)
		}
		return at
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
	default:
		if i = number(s.Data, i); i < 0 {
			return s.Fail(^i)
		}
		return i
	}
	for k := range len(word) {
		if s.At(i+k) != word[k] {
			return s.Fail(i + k)
		}
	}
	return i + len(word)
}

// unescape appends the value of a string.
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

// IsNumber reports whether b is a JSON number and nothing else.
func IsNumber(b []byte) bool { return number(b, 0) == len(b) }

// AppendString appends text as a JSON string. A byte that is not UTF-8 becomes U+FFFD.
func AppendString(b []byte, text string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	begin := 0 // of what is yet to be copied
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			if _, size = utf8.DecodeRuneInString(text[i:]); size > 1 {
				i += size
				continue
			}
		}
		b = append(b, text[begin:i]...)
		switch {
		case c >= utf8.RuneSelf:
			b = append(b, "\ufffd"...)
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i += size
		begin = i
	}
	return append(append(b, text[begin:]...), '"')
}

// The functions below read from data[i:] and return where they ended, or, where it is wrong, ^i of the first wrong byte.

const (
	ones = 0x0101010101010101
	high = 0x80 * ones
)

// text finds the closing quote, eight bytes at a time.
func text(data []byte, i int) (end int, plain bool) {
	odd, escaped := uint64(0), false
	for {
		for i+8 <= len(data) {
			x := binary.LittleEndian.Uint64(data[i:])
			// A byte's top bit ends up set for a quote or control character (once bit 1 is turned, these are the least 0x21)
			// and for a backslash; above the first such byte it may be set for others too.
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

func number(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	if i < len(data) && data[i] == '0' {
		i++
	} else if i = digits(data, i); i < 0 {
		return i
	}
	if i < len(data) && data[i] == '.' {
		if i = digits(data, i+1); i < 0 {
			return i
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		return digits(data, i)
	}
	return i
}

// digits reads at least one.
func digits(data []byte, i int) int {
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
