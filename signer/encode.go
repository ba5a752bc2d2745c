package signer

import (
	"crypto/hmac"
	"hash"
	"net/url"
	"slices"
	"strings"
	"time"
)

// param is a query parameter or a header field.
type param struct{ name, value string }

// queryOf returns params as an encoded query string.
func queryOf(params url.Values) string { return string(encodeQuery(sorted(flatten(params, 0)))) }

// flatten returns one element for every value in params. The returned slice has room for extra more elements.
func flatten(params url.Values, extra int) []param {
	list := make([]param, 0, len(params)+extra)
	for name, values := range params {
		for _, value := range values {
			list = append(list, param{name, value})
		}
	}
	return list
}

// sorted sorts list in place by the unescaped names, in byte order, and returns list. The sort is stable.
func sorted(list []param) []param {
	slices.SortStableFunc(list, byName)
	return list
}

func byName(a, b param) int { return strings.Compare(a.name, b.name) }

// encodeQuery returns list as a query string. An empty value is sent as "name=".
func encodeQuery(list []param) []byte {
	size := 0
	for _, p := range list {
		size += len(p.name) + len(p.value) + len("=&")
	}
	b := make([]byte, 0, size*4/3) // most characters are not escaped
	for i, p := range list {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(b, p.name)
		b = append(b, '=')
		b = appendEscaped(b, p.value)
	}
	return b
}

// appendEscaped appends text to b in percent-encoding. It encodes every byte except the unreserved characters of RFC
// 3986. The functions of package net/url cannot be used, because they encode a different set of characters.
func appendEscaped[T string | []byte](b []byte, text T) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range []byte(text) {
		if isUnreserved[c] {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// isUnreserved is true for the bytes that appendEscaped does not encode. It is never modified.
var isUnreserved = [256]bool{
	'-': true, '.': true, '_': true, '~': true,
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'A': true, 'B': true, 'C': true, 'D': true, 'E': true, 'F': true, 'G': true, 'H': true, 'I': true,
	'J': true, 'K': true, 'L': true, 'M': true, 'N': true, 'O': true, 'P': true, 'Q': true, 'R': true,
	'S': true, 'T': true, 'U': true, 'V': true, 'W': true, 'X': true, 'Y': true, 'Z': true,
	'a': true, 'b': true, 'c': true, 'd': true, 'e': true, 'f': true, 'g': true, 'h': true, 'i': true,
	'j': true, 'k': true, 'l': true, 'm': true, 'n': true, 'o': true, 'p': true, 'q': true, 'r': true,
	's': true, 't': true, 'u': true, 'v': true, 'w': true, 'x': true, 'y': true, 'z': true,
}

// wireTime formats t in UTC with a precision of seconds. The service accepts no other layout.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func mac(h func() hash.Hash, key string, message []byte) []byte {
	m := hmac.New(h, []byte(key))
	m.Write(message)
	return m.Sum(nil)
}
