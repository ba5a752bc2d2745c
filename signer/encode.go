package signer

import (
	"crypto/hmac"
	"hash"
	"net/url"
	"slices"
	"strings"
	"time"
)

// param is one parameter of a query string, or one header.
type param struct{ name, value string }

// queryOf returns params as an encoded query string.
func queryOf(params url.Values) string {
	return string(appendQuery(nil, sorted(flatten(params, 0)), false))
}

// flatten returns every value of params. The list has capacity for extra more elements.
func flatten(params url.Values, extra int) []param {
	list := make([]param, 0, len(params)+extra)
	for name, values := range params {
		for _, value := range values {
			list = append(list, param{name, value})
		}
	}
	return list
}

// sorted sorts list by unescaped name, in byte order, and returns it. The values of a name keep their order.
func sorted(list []param) []param {
	slices.SortStableFunc(list, func(a, b param) int { return strings.Compare(a.name, b.name) })
	return list
}

// appendQuery appends list as a query string; an empty value keeps its equals sign. If twice is true, the query
// string is escaped once more, as in the text that V1 signs.
func appendQuery(b []byte, list []param, twice bool) []byte {
	equals, and := "=", "&"
	if twice {
		equals, and = "%3D", "%26"
	}
	size := 0
	for _, p := range list {
		size += escapedLen(p.name, twice) + escapedLen(p.value, twice) + len(equals) + len(and)
	}
	b = slices.Grow(b, size)
	for i, p := range list {
		if i > 0 {
			b = append(b, and...)
		}
		b = appendEscaped(b, p.name, twice)
		b = append(b, equals...)
		b = appendEscaped(b, p.value, twice)
	}
	return b
}

// appendEscaped percent-encodes every byte except the unreserved characters of RFC 3986, with upper-case digits.
// It does not require valid UTF-8. The functions of net/url differ: QueryEscape encodes a space as a plus sign,
// and PathEscape keeps many reserved characters.
func appendEscaped(b []byte, text string, twice bool) []byte {
	const digits = "0123456789ABCDEF"
	start := 0 // start of the unreserved bytes that have not been appended yet
	for i := range len(text) {
		if c := text[i]; !unreserved(c) {
			if start < i {
				b = append(b, text[start:i]...)
			}
			if start = i + 1; twice {
				b = append(b, '%', '2', '5', digits[c>>4], digits[c&15])
			} else {
				b = append(b, '%', digits[c>>4], digits[c&15])
			}
		}
	}
	return append(b, text[start:]...)
}

// escapedLen returns the number of bytes that appendEscaped appends.
func escapedLen(text string, twice bool) int {
	reserved := len(text)
	for i := range len(text) {
		reserved -= int(unreservedBytes[text[i]])
	}
	if twice {
		return len(text) + 4*reserved
	}
	return len(text) + 2*reserved
}

func unreserved(c byte) bool { return unreservedBytes[c] != 0 }

// unreservedBytes is 1 for the bytes that are not escaped. It is never modified.
var unreservedBytes = [256]uint8{
	'-': 1, '.': 1, '_': 1, '~': 1,
	'0': 1, '1': 1, '2': 1, '3': 1, '4': 1, '5': 1, '6': 1, '7': 1, '8': 1, '9': 1,
	'A': 1, 'B': 1, 'C': 1, 'D': 1, 'E': 1, 'F': 1, 'G': 1, 'H': 1, 'I': 1, 'J': 1, 'K': 1, 'L': 1, 'M': 1,
	'N': 1, 'O': 1, 'P': 1, 'Q': 1, 'R': 1, 'S': 1, 'T': 1, 'U': 1, 'V': 1, 'W': 1, 'X': 1, 'Y': 1, 'Z': 1,
	'a': 1, 'b': 1, 'c': 1, 'd': 1, 'e': 1, 'f': 1, 'g': 1, 'h': 1, 'i': 1, 'j': 1, 'k': 1, 'l': 1, 'm': 1,
	'n': 1, 'o': 1, 'p': 1, 'q': 1, 'r': 1, 's': 1, 't': 1, 'u': 1, 'v': 1, 'w': 1, 'x': 1, 'y': 1, 'z': 1,
}

// wireTime formats t in UTC with a precision of seconds, the only layout that the service accepts.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func mac(h func() hash.Hash, key string, message []byte) []byte {
	m := hmac.New(h, []byte(key))
	m.Write(message)
	return m.Sum(nil)
}
