// Package terminal formats strings for a terminal. It can remove control characters, because instance names, tags and
// error messages may contain any characters.
package terminal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable returns s as a single line without control characters. It replaces each white space character with a
// space, and each other unprintable character with U+FFFD.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, s)
}

// EscapeJSON returns JSON text in which unprintable non-ASCII characters are replaced with \u escapes. Parsers decode
// the result to the same value.
func EscapeJSON(text []byte) []byte {
	harmless := func(r rune) bool { return r < 0x7f || r != utf8.RuneError && unicode.IsPrint(r) }
	var out []byte
	for rest := string(text); rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case harmless(r):
			out = append(out, rest[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		rest = rest[size:]
	}
	return out
}

// wide contains the characters that are two columns wide on a terminal, such as Chinese characters and emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1},
		{0x231a, 0x231b, 1},
		{0x2e80, 0x303e, 1},
		{0x3041, 0x33ff, 1},
		{0x3400, 0x4dbf, 1},
		{0x4e00, 0x9fff, 1},
		{0xa000, 0xa4cf, 1},
		{0xa960, 0xa97f, 1},
		{0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1},
		{0xfe30, 0xfe6f, 1},
		{0xff00, 0xff60, 1},
		{0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x16fe0, 0x18aff, 1}, {0x1b000, 0x1b2ff, 1}, {0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// runeWidth returns the width of a printable character in columns.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	default:
		return 1
	}
}

// styled matches the escape sequences of styles.
var styled = regexp.MustCompile("\x1b\\[[0-9]*m")

// Unstyled returns s without the escape sequences of styles.
func Unstyled(s string) string {
	if !strings.Contains(s, "\x1b") {
		return s
	}
	return styled.ReplaceAllString(s, "")
}

// Width returns the width of s in columns. Escape sequences of styles have no width.
func Width(s string) int {
	n := 0
	for _, r := range Unstyled(s) {
		n += runeWidth(r)
	}
	return n
}

// Snip shortens s to the given width by removing characters at the end. It appends "…" to a shortened string.
func Snip(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// SnipMiddle is like Snip, but removes characters in the middle. Many instance names differ only in a number at the
// end.
func SnipMiddle(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	runes := []rune(s)
	at := len(runes)
	for at > 0 && Width(string(runes[at-1:])) <= width/3 {
		at--
	}
	tail := string(runes[at:])
	return Snip(s, width-Width(tail)) + tail
}

// SnipStart is like Snip, but removes characters at the beginning. All instance types begin with the same characters.
func SnipStart(s string, width int) string {
	if Width(s) <= width {
		return s
	}
	n, runes := 0, []rune(s)
	for i, r := range slices.Backward(runes) {
		if n += runeWidth(r); n > width-1 {
			return "…" + string(runes[i+1:])
		}
	}
	return s
}

// Pad appends spaces to s up to the given width.
func Pad(s string, width int) string { return s + strings.Repeat(" ", max(width-Width(s), 0)) }

// PadLeft prepends spaces to s up to the given width.
func PadLeft(s string, width int) string { return strings.Repeat(" ", max(width-Width(s), 0)) + s }
