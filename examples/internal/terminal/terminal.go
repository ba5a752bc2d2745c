package terminal

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// IsTerminal reports whether w is connected to a terminal.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Columns returns the width of the terminal in columns, or 0 if w is not a terminal. The environment variable COLUMNS
// overrides the width. If the width is unknown, Columns returns 80.
func Columns(w io.Writer, getenv func(string) string) int {
	if !IsTerminal(w) {
		return 0
	}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd())) //nolint:forcetypeassert // IsTerminal verified that w is an *os.File
	if err != nil {
		return 80
	}
	return max(width, 1)
}

// A Style is an escape sequence for a color or for bold text.
type Style string

// These are the styles that the programs use.
const (
	Bold   Style = "\x1b[1m"
	Red    Style = "\x1b[31m"
	Green  Style = "\x1b[32m"
	Yellow Style = "\x1b[33m"
	Cyan   Style = "\x1b[36m"
)

// Paint returns s with the escape sequences that switch the style on before s and off after s.
func (style Style) Paint(s string) string {
	if s == "" {
		return ""
	}
	return string(style) + s + "\x1b[0m"
}

// Styled reports whether w is a terminal that supports colors. It returns false if the user has set NO_COLOR (see
// no-color.org).
func Styled(w io.Writer, getenv func(string) string) bool {
	return IsTerminal(w) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}
