// Package jsonscan reads and writes JSON in the format of the ECS API.
//
// [Scanner] reads JSON strictly according to RFC 8259. It returns no tokens: each method takes the position of a
// value or another part of the data, reads that part, and returns the position after it. Scanner accepts the same
// documents as encoding/json, within the limits below, and returns the same strings: lone surrogates and invalid
// UTF-8 become U+FFFD.
//
// [Decoder] reads values into the fields of Go structs and uses generated code (see internal/decodegen). It
// continues after a value of the wrong type, so that only this value is lost. [Marshal] writes the same structs
// as JSON. The API wraps a list in an object with one member, such as {"Tag": […]}. The tag of the field names
// that member: `wrap:"Tag"`.
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

// These limits apply to a value that is skipped. API responses stay far below them.
const (
	MaxDepth  = 100     // maximum depth of nested objects and arrays
	MaxValues = 1 << 20 // maximum number of values within the skipped value
)

// Check returns an error unless data is a single JSON document with at most maxValues values. Objects and arrays
// count as values, and so do their contents. Check limits the memory that encoding/json needs to decode data,
// because a small document can decode into many large values.
func Check(data []byte, maxValues int) error {
	s := Scanner{Data: data, limit: min(maxValues, MaxValues)}
	return s.End(s.Skip(s.SkipSpace(0)))
}

// CheckPage is like Check, for a response that contains a list. It also returns an error if an object has two
// members with the same name, ignoring case. In this case, encoding/json would drop the first member, which may
// be the list or the token of the next page. CheckPage does not examine objects in arrays.
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
		folded := strings.ToLower(strings.ToUpper(string(name))) // encoding/json compares names in the same way
		if names[folded] {
			return s.Stop(fmt.Errorf("a member occurs twice before byte %d", at))
		}
		names[folded] = true
		i, more = s.Next(s.unique(at), '}')
	}
	return i
}

// Scanner reads JSON from Data. Data must not change while it is read.
//
// Err is the first error. After an error, every method returns the end of Data as the position, so the caller
// only needs to check Err at the end.
type Scanner struct {
	Data []byte
	Err  error

	unescaped []byte // the last string that contained escapes, without the escapes
	values    int    // number of values that the current Skip has read
	limit     int    // maximum number of values for one Skip; 0 means MaxValues
}

// Reset prepares s to read data. Reset(nil) releases the previous data, and also the internal buffer if a very
// long string has made it large.
func (s *Scanner) Reset(data []byte) {
	s.Data, s.Err = data, nil
	if cap(s.unescaped) > 64<<10 {
		s.unescaped = nil
	}
}

// Stop stops the scanner with err, unless there was an earlier error. It returns the end of Data.
func (s *Scanner) Stop(err error) int {
	if s.Err == nil {
		s.Err = err
	}
	return len(s.Data)
}

// Fail stops the scanner with an error for the invalid byte at i, and returns the end of Data. The error does not
// quote the data, because the data may be private.
func (s *Scanner) Fail(i int) int {
	if i >= len(s.Data) {
		return s.Stop(fmt.Errorf("the JSON document is truncated after %d bytes: %w", len(s.Data), io.ErrUnexpectedEOF))
	}
	return s.Stop(fmt.Errorf("invalid JSON at byte %d of %d", i, len(s.Data)))
}

// End returns the first error. If there is none, i must be the end of the document: only white space may follow.
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

// Has reports whether Data contains text at position i.
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

// Open enters the object or array at i. It returns the position of the first member or element, and true. If the
// object or array is empty, Open returns the position after it, and false.
func (s *Scanner) Open(i int) (at int, more bool) {
	end := s.Data[i] + 2 // "{" + 2 is "}", "[" + 2 is "]"
	if i = s.SkipSpace(i + 1); s.At(i) == end {
		return i + 1, false
	}
	return i, true
}

// Next continues after a member or element. It returns the position of the next member or element, and true.
// After the last one, it returns the position after the object or array, and false. end is the closing
// byte, '}' or ']'.
func (s *Scanner) Next(i int, end byte) (at int, more bool) {
	switch i = s.SkipSpace(i); s.At(i) {
	case ',':
		return s.SkipSpace(i + 1), true
	case end:
		return i + 1, false
	}
	return s.Fail(i), false
}

// Name reads a member's name and the colon after it. It returns the name and the position of the member's value.
// The name is valid until the next call of String, Name or Skip.
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

// String reads the string at i. If the string contains no escapes, verbatim is true and value is a part of Data.
// Otherwise value is valid until the next call of String, Name or Skip.
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

// Skip checks that the value at i is valid JSON, and returns the position after the value.
func (s *Scanner) Skip(i int) int {
	s.values = 0
	return s.skip(i, 0)
}

func (s *Scanner) skip(i, depth int) int {
	if s.values++; s.values > cmp.Or(s.limit, MaxValues) {
		return s.Stop(fmt.Errorf("the JSON document contains more than %d values", cmp.Or(s.limit, MaxValues)))
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
			return s.Stop(fmt.Errorf("the JSON document is nested more than %d levels deep at byte %d", MaxDepth, at))
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
