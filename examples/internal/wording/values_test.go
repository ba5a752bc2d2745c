package wording

import (
	"strings"
	"testing"
)

// TestCheckValues verifies that a flag does not accept the name of another flag as its value.
func TestCheckValues(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-tag -demo":                 "-tag has no value, because the next argument is the flag -demo: set a value, or write -tag=-demo if -demo is the value",
		"--tag --limit=3":            "-tag has no value, because the next argument is the flag --limit=3",
		"-limit -tag x":              "-limit has no value",
		"-demo -tag x -tag -timeout": "-tag has no value, because the next argument is the flag -timeout",
		"-demo=false -tag -demo":     "-tag has no value",
		"-tag=-demo":                 "", // the "=" makes the value explicit
		"-tag -other":                "", // -other is not a flag
		"-tag demo":                  "",
		"-tag -":                     "",
		"-tag -- -tag":               "",
		"-columns -tag":              "", // -columns accepts any value
		"-tag":                       "", // the flag package reports the missing value
		"-unknown -tag -demo":        "", // the flag package reports the unknown flag
		"word -tag -demo":            "",
		"-- -tag -demo":              "",
		"-demo -limit 3":             "",
		"":                           "",
	} {
		err := CheckValues(strings.Fields(args), flags(), "columns")
		if got := ""; (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			if err != nil {
				got = err.Error()
			}
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}
