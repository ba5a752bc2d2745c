package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	pieceLen  = 8  // length, in bytes, of the pieces of encoded secrets that a search looks up
	maxEntity = 16 // maximum length, in bytes, of an HTML escape that is decoded
)

// secretFinder finds known secrets in text, including encodings such as hexadecimal or base64. Escapes and white space
// are removed from the text before the search, so only a few encodings of each secret have to be stored. An encoding of
// a secret is called a form.
type secretFinder struct {
	short   []string // secrets shorter than pieceLen, which are found only unchanged
	forms   []form
	pieces  map[[pieceLen]byte]place // where each piece occurs in forms; see the method add
	longest int                      // maximum length, in bytes, of an encoded secret in a text
}

// form is one encoding of a secret. The function fold has been applied to each byte of text, as it is to the text that
// is searched.
type form struct {
	text []byte
	// fixedLen is the number of bytes at the beginning of text that do not depend on what follows the secret. In
	// base64, the last characters of a secret depend on the bytes after the secret.
	fixedLen int
}

// place is the position of a piece of an encoded secret.
type place struct{ form, offset int }

// minSecretLength is the minimum length, in bytes, of a secret that is masked. Masking shorter secrets would mask parts
// of ordinary words.
const minSecretLength = 4

func newSecretFinder(secrets []string) secretFinder {
	f := secretFinder{pieces: map[[pieceLen]byte]place{}}
	for _, s := range secrets {
		switch {
		case len(s) >= pieceLen:
			f.addSecret(s)
		case len(s) >= minSecretLength:
			f.short = append(f.short, s)
		}
	}
	return f
}

func (f *secretFinder) addSecret(secret string) {
	f.longest = max(f.longest, 5*len(secret)) // the longest form: the secret, percent-encoded twice
	f.add(secret, len(secret))
	variants := []string{secret}
	if escaped := url.QueryEscape(secret); escaped != secret {
		variants = append(variants, escaped)
	}
	for _, v := range variants {
		f.add(hex.EncodeToString([]byte(v)), 2*len(v))
		// In base64, the first characters of a secret depend on the bytes before the secret. These characters are not
		// part of the form. Their number is dependent.
		for offset, dependent := range []int{0, 2, 3} {
			text := base64.StdEncoding.EncodeToString(append(make([]byte, offset, offset+len(v)), v...))[dependent:]
			f.add(text, len(strings.TrimRight(text, "="))-1)
		}
	}
}

// add adds an encoded secret and indexes its pieces: the piece at each multiple of pieceLen, and the last piece within
// the first fixedLen bytes. If fixedLen is less than pieceLen, there is no piece to search for, and add ignores the
// encoded secret.
func (f *secretFinder) add(text string, fixedLen int) {
	if fixedLen < pieceLen {
		return
	}
	folded := []byte(text)
	for i, c := range folded {
		folded[i] = fold(c)
	}
	f.forms = append(f.forms, form{folded, fixedLen})
	for offset := 0; offset+pieceLen <= fixedLen; offset += pieceLen {
		f.pieces[[pieceLen]byte(folded[offset:])] = place{len(f.forms) - 1, offset}
	}
	f.pieces[[pieceLen]byte(folded[fixedLen-pieceLen:])] = place{len(f.forms) - 1, fixedLen - pieceLen}
}

// fold replaces an upper case letter with the lower case letter, and a character of URL-safe base64 with the
// corresponding character of standard base64.
func fold(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case c == '-':
		return '+'
	case c == '_':
		return '/'
	}
	return c
}

// mask replaces every known secret in text with "***".
func (f *secretFinder) mask(text string) string {
	spans := f.find(text)
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var b strings.Builder
	end := 0 // the text before this index has been written or masked
	for i, s := range spans {
		if s.start > end || i == 0 {
			b.WriteString(text[end:s.start])
			b.WriteString(mask)
		}
		end = max(end, s.end)
	}
	b.WriteString(text[end:])
	return b.String()
}

// contains reports whether text contains a known secret.
func (f *secretFinder) contains(text string) bool { return len(f.find(text)) > 0 }

// span is the range of bytes from start to end in a text.
type span struct{ start, end int }

// find returns the positions of known secrets in text, in no particular order. The text may be escaped several times,
// so find repeats the search after removing each layer of escapes.
func (f *secretFinder) find(text string) (spans []span) {
	if len(f.forms) == 0 && len(f.short) == 0 {
		return nil
	}
	v := viewOf(text)
	for range 5 {
		v = normalize(v)
		spans = f.search(v, spans)
		next, changed := unescape(v)
		if !changed {
			break
		}
		v = next
	}
	return spans
}

func (f *secretFinder) search(v view, spans []span) []span {
	for _, s := range f.short {
		for from := 0; ; {
			i := bytes.Index(v.text[from:], []byte(s))
			if i < 0 {
				break
			}
			from += i + len(s)
			spans = append(spans, v.span(from-len(s), from))
		}
	}
	folded := make([]byte, len(v.text))
	for i, c := range v.text {
		folded[i] = fold(c)
	}
	for i := 0; i+pieceLen <= len(folded); {
		p, ok := f.pieces[[pieceLen]byte(folded[i:])]
		if !ok {
			i++
			continue
		}
		start, end := f.forms[p.form].extend(folded, i, p.offset)
		if fixedLen := f.forms[p.form].fixedLen; fixedLen >= 2*pieceLen || end-start >= fixedLen { // short forms must match completely
			spans = append(spans, v.span(start, end))
		}
		i = max(i+1, end-pieceLen+1)
	}
	return spans
}

// extend extends a match of a piece in both directions, as far as text and the form are equal. The piece begins at
// index at in text, and at index offset in the form. The result is the range of the match in text.
func (f form) extend(text []byte, at, offset int) (start, end int) {
	start, end = at, at
	for o := offset; o > 0 && start > 0 && text[start-1] == f.text[o-1]; o-- {
		start--
	}
	for o := offset; o < len(f.text) && end < len(text) && text[end] == f.text[o]; o++ {
		end++
	}
	return start, end
}

// view is a text from which escapes or characters have been removed. It records where each byte was in the original
// text.
type view struct {
	text  []byte
	spans []span
}

func (v *view) span(start, end int) span { return span{v.spans[start].start, v.spans[end-1].end} }

func (v *view) add(c byte, s span) {
	v.text = append(v.text, c)
	v.spans = append(v.spans, s)
}

func viewOf(text string) view {
	v := view{[]byte(text), make([]span, len(text))}
	for i := range v.spans {
		v.spans[i] = span{i, i + 1}
	}
	return v
}

// normalize removes white space, control characters and invalid UTF-8. The function printable replaces the same
// characters with spaces.
func normalize(v view) view {
	plain := view{make([]byte, 0, len(v.text)), make([]span, 0, len(v.text))}
	for i := 0; i < len(v.text); {
		r, size := utf8.DecodeRune(v.text[i:])
		if r != utf8.RuneError && r != ' ' && unicode.IsPrint(r) {
			plain.text = append(plain.text, v.text[i:i+size]...)
			plain.spans = append(plain.spans, v.spans[i:i+size]...)
		}
		i += size
	}
	return plain
}

// unescape removes one layer of percent-encoding, JSON escapes and HTML escapes, and reports whether there were any
// escapes.
func unescape(v view) (plain view, changed bool) {
	plain = view{make([]byte, 0, len(v.text)), make([]span, 0, len(v.text))}
	for i := 0; i < len(v.text); {
		text, n := unescapeOne(v.text[i:])
		if n == 0 {
			plain.add(v.text[i], v.spans[i])
			i++
			continue
		}
		changed = true
		for _, c := range []byte(text) {
			plain.add(c, v.span(i, i+n))
		}
		i += n
	}
	return plain, changed
}

// unescapeOne decodes the escape at the beginning of text. It returns the decoded text and the length of the escape in
// bytes, which is 0 if text does not begin with an escape.
func unescapeOne(text []byte) (plain string, n int) {
	switch {
	case text[0] == '%' && len(text) >= 3:
		if c, err := strconv.ParseUint(string(text[1:3]), 16, 8); err == nil {
			return string([]byte{byte(c)}), 3
		}
	case text[0] == '&':
		end := bytes.IndexByte(text[:min(len(text), maxEntity)], ';')
		if end < 0 {
			return "", 0
		}
		if entity := string(text[:end+1]); html.UnescapeString(entity) != entity {
			return html.UnescapeString(entity), end + 1
		}
	case text[0] != '\\' || len(text) < 2:
	case text[1] == 'u' && len(text) >= 6:
		if r, err := strconv.ParseUint(string(text[2:6]), 16, 16); err == nil {
			return string(rune(r)), 6
		}
	case text[1] == 'x' && len(text) >= 4:
		if c, err := strconv.ParseUint(string(text[2:4]), 16, 8); err == nil {
			return string([]byte{byte(c)}), 4
		}
	case bytes.IndexByte([]byte(`nrtbf`), text[1]) >= 0:
		return " ", 2
	case bytes.IndexByte([]byte(`/\"'`), text[1]) >= 0:
		return string(text[1:2]), 2
	}
	return "", 0
}
