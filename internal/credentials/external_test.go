package credentials

import (
	"slices"
	"testing"
)

// TestLimitedBuffer checks that a limitedBuffer accepts exactly maxOutput bytes.
func TestLimitedBuffer(t *testing.T) {
	t.Parallel()
	var b limitedBuffer
	for range 2 {
		if _, err := b.Write(make([]byte, maxOutput/2)); err != nil || b.overflow {
			t.Errorf("after %d bytes: %v", b.data.Len(), err)
		}
	}
	if _, err := b.Write([]byte{0}); err == nil || !b.overflow || b.data.Len() != maxOutput {
		t.Errorf("%d bytes were written, error %v", b.data.Len(), err)
	}
}

func TestSplitCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		line    string
		windows bool
		want    []string
		text    string
	}{
		{"tool", false, []string{"tool"}, ""},
		{"  tool  a\tb\n", false, []string{"tool", "a", "b"}, ""},
		{`tool "a b" 'c "d'`, false, []string{"tool", "a b", `c "d`}, ""},
		{`tool "" ''`, false, []string{"tool", "", ""}, ""},
		{`to"o"l a\ b \"c`, false, []string{"tool", "a b", `"c`}, ""},
		{`tool "\$a \n \" \\" '\n'`, false, []string{"tool", `$a \n " \`, `\n`}, ""},
		{`tool \" a`, false, []string{"tool", `"`, "a"}, ""},
		{"tool a\\\nb", false, []string{"tool", "ab"}, ""},
		{`C:\bin\tool.exe "C:\Program Files\x" "\""`, true, []string{`C:\bin\tool.exe`, `C:\Program Files\x`, `"`}, ""},
		{`tool a\"b c"`, true, []string{"tool", `a\b c`}, ""},
		{`tool \`, true, []string{"tool", `\`}, ""},
		{``, false, nil, "is empty"},
		{`""`, false, nil, "is empty"},
		{`tool "a`, false, nil, "has an unclosed quote"},
		{`tool 'a`, false, nil, "has an unclosed quote"},
		{`tool a\`, false, nil, "ends with a backslash"},
	} {
		got, err := splitCommand(c.line, c.windows)
		if !slices.Equal(got, c.want) || (err == nil) != (c.text == "") || err != nil && err.Error() != c.text {
			t.Errorf("%s: %q %v", c.line, got, err)
		}
	}
}
