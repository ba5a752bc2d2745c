// Package jsonscan splits JSON into a flat list of tokens, strictly by RFC 8259, and leaves the text where it is.
//
// One pass checks the syntax; whoever reads the tokens afterwards can skip, count and look back freely. It accepts what
// encoding/json accepts, within the limits below, and gives the same strings: a lone surrogate and a byte that is not
// UTF-8 become U+FFFD.
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Limits of one value. A body within the usual limit of some MiB could otherwise grow to gigabytes of tokens.
const (
	MaxDepth  = 100
	MaxTokens = 1 << 20
)

// Kind is the kind of a Token.
type Kind uint8

// The kinds. A Name is the name of a member; the token after it is the member's value.
const (
	Null Kind = iota
	False
	True
	Number
	String
	Name
	Array
	Object
)

// Token is a name, a scalar, or the beginning of an object or array, whose contents follow as tokens of their own.
type Token struct {
	Start, End int32 // of its text in the data; for String and Name without the quotes
	Next       int32 // index of the token after this one and its contents
	Kind       Kind
	Plain      bool // the text of a String or Name is ASCII without escapes
}

// Scanner reads values from data. Its zero value has nothing to read. The tokens of one value make way for the next.
type Scanner struct {
	Tokens []Token

	data []byte
	pos  int
	open [MaxDepth]int32 // the objects and arrays around pos
}

// Reset begins with data, which must not change while it is read. nil lets go of the old data.
func (s *Scanner) Reset(data []byte) { s.data, s.pos, s.Tokens = data, 0, s.Tokens[:0] }

// Next skips white space and then c, if c comes next.
func (s *Scanner) Next(c byte) bool {
	s.pos = space(s.data, s.pos)
	if s.pos == len(s.data) || s.data[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

// Peek is the byte after white space, 0 at the end.
func (s *Scanner) Peek() byte {
	if s.pos = space(s.data, s.pos); s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// Left is how many bytes are left.
func (s *Scanner) Left() int { return len(s.data) - s.pos }

// End reports whether nothing but white space is left.
func (s *Scanner) End() bool {
	s.pos = space(s.data, s.pos)
	return s.pos == len(s.data)
}

// Value reads one value into Tokens.
func (s *Scanner) Value() error {
	if len(s.data) > math.MaxInt32 {
		return fmt.Errorf("%d bytes of JSON are too many", len(s.data))
	}
	data, tokens, depth := s.data, s.Tokens[:min(cap(s.Tokens), MaxTokens+1)], 0
	s.Tokens = s.Tokens[:0]
	n := 0 // tokens so far
	i := space(data, s.pos)
	for {
		if i == len(data) {
			return s.Unexpected(i)
		}
		if n+2 > len(tokens) { // a value and the name that may follow it
			if len(tokens) > MaxTokens {
				return fmt.Errorf("more than %d JSON values", MaxTokens)
			}
			tokens = append(tokens, make([]Token, min(max(64, len(tokens)), MaxTokens+1-len(tokens)))...)
		}
		// A token is written where it stays, field by field: made elsewhere and copied, it would be read back as a whole
		// before its parts have arrived there.
		t := &tokens[n]
		t.Start, t.Next = index(i), index(n+1)
		n++
		switch c := data[i]; c {
		case '"':
			end, plain := text(data, i+1)
			if end < 0 {
				return s.Unexpected(^end)
			}
			t.Start, t.End, t.Kind, t.Plain = index(i+1), index(end), String, plain
			i = end + 1
		case '{', '[':
			t.Kind, t.Plain = Array, false
			if c == '{' {
				t.Kind = Object
			}
			i = space(data, i+1)
			if i < len(data) && data[i] == c+2 { // "{" + 2 is "}", "[" + 2 is "]"
				i++
				t.End = index(i)
				break
			}
			if depth == MaxDepth {
				return fmt.Errorf("JSON nested deeper than %d at byte %d", MaxDepth, i)
			}
			s.open[depth] = index(n - 1)
			depth++
			if c == '{' {
				if i = name(data, i, &tokens[n], n); i < 0 {
					return s.Unexpected(^i)
				}
				n++
			}
			continue
		case 't', 'f', 'n':
			word := "null"
			if t.Kind, t.Plain = Null, false; c == 't' {
				t.Kind, word = True, "true"
			} else if c == 'f' {
				t.Kind, word = False, "false"
			}
			for k := range len(word) {
				if i+k == len(data) || data[i+k] != word[k] {
					return s.Unexpected(i + k)
				}
			}
			i += len(word)
			t.End = index(i)
		default:
			if i = number(data, i); i < 0 {
				return s.Unexpected(^i)
			}
			t.End, t.Kind, t.Plain = index(i), Number, false
		}

		for { // what follows a value: the end of what it is in, or a comma
			if depth == 0 {
				s.Tokens, s.pos = tokens[:n], i
				return nil
			}
			if i = space(data, i); i == len(data) {
				return s.Unexpected(i)
			}
			in := &tokens[s.open[depth-1]]
			if data[i] == ',' {
				i = space(data, i+1)
				if in.Kind == Object {
					if i = name(data, i, &tokens[n], n); i < 0 {
						return s.Unexpected(^i)
					}
					n++
				}
				break
			}
			if in.Kind == Object && data[i] != '}' || in.Kind == Array && data[i] != ']' {
				return s.Unexpected(i)
			}
			i++
			in.End, in.Next = index(i), index(n)
			depth--
		}
	}
}

// Here is the error for what comes next.
func (s *Scanner) Here() error { return s.Unexpected(space(s.data, s.pos)) }

// Unexpected is the error for the byte at i. It never quotes the data.
func (s *Scanner) Unexpected(i int) error {
	if i >= len(s.data) {
		return fmt.Errorf("JSON ends early, after %d bytes: %w", len(s.data), io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("invalid JSON at byte %d of %d", i, len(s.data))
}

// Raw is the JSON text of token i, part of the data.
func (s *Scanner) Raw(i int) []byte {
	t := &s.Tokens[i]
	if t.Kind == String || t.Kind == Name {
		return s.data[t.Start-1 : t.End+1]
	}
	return s.data[t.Start:t.End]
}

// Literal is the text of token i as it stands in the data, a string without its quotes.
func (s *Scanner) Literal(i int) []byte {
	t := &s.Tokens[i]
	return s.data[t.Start:t.End]
}

// AppendText appends the text of token i: a string's value, or the literal of a number, true, false or null.
func (s *Scanner) AppendText(b []byte, i int) []byte {
	if t := &s.Tokens[i]; t.Plain {
		return append(b, s.data[t.Start:t.End]...)
	}
	return s.appendText(b, i)
}

func (s *Scanner) appendText(b []byte, i int) []byte {
	in := s.Literal(i)
	if k := s.Tokens[i].Kind; k != String && k != Name || bytes.IndexByte(in, '\\') < 0 && utf8.Valid(in) {
		return append(b, in...)
	}
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
func IsNumber(b []byte) bool { return len(b) > 0 && number(b, 0) == len(b) }

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

// index is how a Token keeps i: Value checks the limits of both the data and the tokens.
func index(i int) int32 { return int32(i) }

// The functions below read from data[i:] and return where they ended, or, where it is wrong, ^i of the first wrong byte.

func space(data []byte, i int) int {
	for i < len(data) && data[i] <= ' ' && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

// name reads a member's name, token n, and the colon.
func name(data []byte, i int, t *Token, n int) int {
	if i == len(data) || data[i] != '"' {
		return ^i
	}
	end, plain := text(data, i+1)
	if end < 0 {
		return end
	}
	t.Start, t.End, t.Next, t.Kind, t.Plain = index(i+1), index(end), index(n+1), Name, plain
	if i = space(data, end+1); i == len(data) || data[i] != ':' {
		return ^i
	}
	return space(data, i+1)
}

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
	if data[i] == '-' {
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
