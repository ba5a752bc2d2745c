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

// queryOf is params as they go on the wire.
func queryOf(params url.Values) string {
	return string(appendQuery(nil, sorted(flatten(params, 0)), false))
}

// flatten lists every value of params, with room for more.
func flatten(params url.Values, more int) []param {
	list := make([]param, 0, len(params)+more)
	for name, values := range params {
		for _, value := range values {
			list = append(list, param{name, value})
		}
	}
	return list
}

// sorted sorts list by raw name, in byte order. The values of one name stay in order.
func sorted(list []param) []param {
	slices.SortStableFunc(list, func(a, b param) int { return strings.Compare(a.name, b.name) })
	return list
}

// appendQuery joins list as name=value with &; an empty value keeps its equals sign.
// twice is for a text to be signed, where all that is escaped again.
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

// appendEscaped percent-encodes every byte outside RFC 3986's unreserved set, with
// capital digits. It works on bytes, so text that is not UTF-8 goes through as it
// is. The standard library has no such escape: url.QueryEscape turns a blank into
// a plus and url.PathEscape leaves too much alone.
func appendEscaped(b []byte, text string, twice bool) []byte {
	const digits = "0123456789ABCDEF"
	start := 0 // of a run that stays as it is
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

// escapedLen is the length of what appendEscaped appends.
func escapedLen(text string, twice bool) int {
	odd := len(text)
	for i := range len(text) {
		odd -= int(plain[text[i]])
	}
	if twice {
		return len(text) + 4*odd
	}
	return len(text) + 2*odd
}

func unreserved(c byte) bool { return plain[c] != 0 }

// plain is 1 for what is not escaped. It is never written.
var plain = [256]uint8{
	'-': 1, '.': 1, '_': 1, '~': 1,
	'0': 1, '1': 1, '2': 1, '3': 1, '4': 1, '5': 1, '6': 1, '7': 1, '8': 1, '9': 1,
	'A': 1, 'B': 1, 'C': 1, 'D': 1, 'E': 1, 'F': 1, 'G': 1, 'H': 1, 'I': 1, 'J': 1, 'K': 1, 'L': 1, 'M': 1,
	'N': 1, 'O': 1, 'P': 1, 'Q': 1, 'R': 1, 'S': 1, 'T': 1, 'U': 1, 'V': 1, 'W': 1, 'X': 1, 'Y': 1, 'Z': 1,
	'a': 1, 'b': 1, 'c': 1, 'd': 1, 'e': 1, 'f': 1, 'g': 1, 'h': 1, 'i': 1, 'j': 1, 'k': 1, 'l': 1, 'm': 1,
	'n': 1, 'o': 1, 'p': 1, 'q': 1, 'r': 1, 's': 1, 't': 1, 'u': 1, 'v': 1, 'w': 1, 'x': 1, 'y': 1, 'z': 1,
}

// wireTime is UTC to the second, the only layout that signatures accept.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func mac(h func() hash.Hash, key string, message []byte) []byte {
	m := hmac.New(h, []byte(key))
	m.Write(message)
	return m.Sum(nil)
}
