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

// encode sorts list by raw name, in byte order, and joins it as name=value with &;
// an empty value keeps its equals sign. The values of one name stay in order. The
// result has room for more bytes.
func encode(list []param, more int) []byte {
	slices.SortStableFunc(list, func(a, b param) int { return strings.Compare(a.name, b.name) })
	for _, p := range list {
		more += escapedLen(p.name) + escapedLen(p.value) + len("=&")
	}
	b := make([]byte, 0, more)
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

// appendEscaped percent-encodes every byte outside RFC 3986's unreserved set, with
// capital digits. It works on bytes, so text that is not UTF-8 goes through as it
// is. The standard library has no such escape: url.QueryEscape turns a blank into
// a plus and url.PathEscape leaves too much alone.
func appendEscaped[T string | []byte](b []byte, s T) []byte {
	const digits = "0123456789ABCDEF"
	start := 0 // of a run that stays as it is
	for i := range len(s) {
		if c := s[i]; !unreserved(c) {
			b = append(b, s[start:i]...)
			b = append(b, '%', digits[c>>4], digits[c&15])
			start = i + 1
		}
	}
	return append(b, s[start:]...)
}

func escapedLen[T string | []byte](s T) int {
	n := len(s)
	for i := range len(s) {
		if !unreserved(s[i]) {
			n += 2
		}
	}
	return n
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

// wireTime is UTC to the second, the only layout that signatures accept.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func mac(h func() hash.Hash, key string, message []byte) []byte {
	m := hmac.New(h, []byte(key))
	m.Write(message)
	return m.Sum(nil)
}
