// Package jsonscan reads and writes JSON in the shape of the ECS API.
//
// [Scanner] reads strictly by RFC 8259, without tokens: each method takes the position of something in the data, reads it,
// and returns the position after it. It accepts what encoding/json accepts, within the limits below, and returns the same
// strings: lone surrogates and invalid UTF-8 become U+FFFD.
//
// [Decoder] reads values into the fields of Go structs, with help from generated code (see internal/decodegen), and
// tolerates what it can: a value of the wrong type costs that value only. [Marshal] writes such structs. Lists are
// wrapped in an object with one member, such as {"Tag": […]}, as the tag `wrap:"Tag"` of a field says.
package jsonscan

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits for a value that is skipped. API responses stay far below them.
const (
	MaxDepth  = 100     // depth of nested objects and arrays
	MaxValues = 1 << 20 // number of values within the value
)

// Check returns an error unless data is a single JSON document with at most maxValues values, including objects,
// arrays and their contents. It bounds the memory that encoding/json needs: a small document can decode into many
// large values.
func Check(data []byte, maxValues int) error {
	s := Scanner{Data: data, limit: min(maxValues, MaxValues)}
	return s.End(s.Skip(s.SkipSpace(0)))
}

// CheckPage is like Check, for a response around a list. It also returns an error if a member of an object occurs twice, in
// whatever letters: encoding/json would drop the first one, be it a list or the token of the next page. Objects in arrays
// are not looked at.
func CheckPage(data []byte, maxValues int) error {
	if err := Check(data, maxValues); err != nil {
		return err
	}
	s := Scanner{Data: data}
	s.unique(s.SkipSpace(0))
	return s.Err
}

func (s *Scanner) unique(i int) (end int) {
	if s.At(i) != '{' {
		return s.Skip(i)
	}
	names := map[string]bool{}
	i, more := s.Open(i)
	for more {
		name, at := s.Name(i)
		folded := strings.ToLower(strings.ToUpper(string(name))) // as encoding/json matches names
		if names[folded] {
			return s.Stop(fmt.Errorf("a member occurs twice before byte %d", at))
		}
		names[folded] = true
		i, more = s.Next(s.unique(at), '}')
	}
	return i
}

// Scanner reads JSON from Data, which must not change meanwhile.
//
// The first error is kept in Err. After an error, every method returns the end of Data as the position, so a
// caller needs to check Err only once, at the end.
type Scanner struct {
	Data []byte
	Err  error

	unescaped []byte // the most recent string that contained escapes
	values    int    // number of values read by the current Skip
	limit     int    // maximum number of values in one Skip; 0 means MaxValues
}

// Reset prepares s to read data. Reset(nil) drops the previous data, and also the buffer if a very long string has
// made it large.
func (s *Scanner) Reset(data []byte) {
	s.Data, s.Err = data, nil
	if cap(s.unescaped) > 64<<10 {
		s.unescaped = nil
	}
}

// Stop stops the scanner with err, unless an error occurred before. It returns the end of Data.
func (s *Scanner) Stop(err error) int {
	if s.Err == nil {
		s.Err = err
	}
	return len(s.Data)
}

// Fail stops the scanner because the byte at i is invalid. The error does not quote the data, which may be
// private.
func (s *Scanner) Fail(i int) int {
	if i >= len(s.Data) {
		return s.Stop(fmt.Errorf("JSON is truncated after %d bytes: %w", len(s.Data), io.ErrUnexpectedEOF))
	}
	return s.Stop(fmt.Errorf("invalid JSON at byte %d of %d", i, len(s.Data)))
}

// End returns the first error. If there was none, i must be the end of the document: anything but white space
// after it is an error.
func (s *Scanner) End(i int) error {
	if i = s.SkipSpace(i); i < len(s.Data) {
		s.Fail(i)
	}
	return s.Err
}

// At returns the byte at i, or 0 at the end of Data.
func (s *Scanner) At(i int) byte {
	if i < len(s.Data) {
		return s.Data[i]
	}
	return 0
}

// Has reports whether Data continues with text at i.
func (s *Scanner) Has(i int, text string) bool {
	end := i + len(text)
	return end <= len(s.Data) && string(s.Data[i:end]) == text
}

// SkipSpace returns the position of the first byte at or after i that is not white space.
func (s *Scanner) SkipSpace(i int) int {
	for i < len(s.Data) && s.Data[i] <= ' ' && (s.Data[i] == ' ' || s.Data[i] == '\n' || s.Data[i] == '\r' || s.Data[i] == '\t') {
		i++
	}
	return i
}

// Open enters the object or array at i. It returns the position of the first member or element and true. If there
// is none, it returns the position after the object or array and false.
func (s *Scanner) Open(i int) (at int, more bool) {
	end := s.Data[i] + 2 // "{" + 2 is "}", "[" + 2 is "]"
	if i = s.SkipSpace(i + 1); s.At(i) == end {
		return i + 1, false
	}
	return i, true
}

// Next continues after a member or element. It returns the position of the next one and true. After the last one,
// it returns the position after the object or array and false. end is the closing byte, } or ].
func (s *Scanner) Next(i int, end byte) (at int, more bool) {
	switch i = s.SkipSpace(i); s.At(i) {
	case ',':
		return s.SkipSpace(i + 1), true
	case end:
		return i + 1, false
	}
	return s.Fail(i), false
}

// Name reads the name of a member and the colon. It returns the position of the value. The name is valid until the next
// call of String, Name or Skip.
func (s *Scanner) Name(i int) (name []byte, at int) {
	if s.At(i) != '"' {
		return nil, s.Fail(i)
	}
	name, _, i = s.String(i)
	if i = s.SkipSpace(i); s.At(i) != ':' {
		return nil, s.Fail(i)
	}
	return name, s.SkipSpace(i + 1)
}

// String reads the string at i. If verbatim is true, the string contains no escapes and value is a part of Data;
// otherwise value is valid until the next call of String, Name or Skip.
func (s *Scanner) String(i int) (value []byte, verbatim bool, at int) {
	end, plain := scanString(s.Data, i+1)
	if end < 0 {
		return nil, false, s.Fail(^end)
	}
	value = s.Data[i+1 : end]
	if plain || bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value) {
		return value, true, end + 1
	}
	s.unescaped = unescape(slices.Grow(s.unescaped[:0], len(value)), value)
	return s.unescaped, false, end + 1
}

// Skip validates the value at i, of any type, and returns the position after it.
func (s *Scanner) Skip(i int) int {
	s.values = 0
	return s.skip(i, 0)
}

func (s *Scanner) skip(i, depth int) int {
	if s.values++; s.values > cmp.Or(s.limit, MaxValues) {
		return s.Stop(fmt.Errorf("more than %d JSON values", cmp.Or(s.limit, MaxValues)))
	}
	word := "null"
	switch c := s.At(i); c {
	case '"':
		end, _ := scanString(s.Data, i+1)
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
		if i = scanNumber(s.Data, i); i < 0 {
			return s.Fail(^i)
		}
		return i
	}
	if s.Has(i, word) {
		return i + len(word)
	}
	for s.At(i) == word[0] {
		i, word = i+1, word[1:]
	}
	return s.Fail(i)
}
