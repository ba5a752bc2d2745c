package wording

import (
	"strings"
	"testing"
)

// A flag must not take the next one as its value: that happens when a variable is not set.
func TestCheckValues(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-tag -demo":                 "-tag has no value: -demo after it is a flag (a variable that is not set?); if it is meant as the value, write -tag=-demo",
		"--tag --limit=3":            "-tag has no value: --limit=3 after it",
		"-limit -tag x":              "-limit has no value",
		"-demo -tag x -tag -timeout": "-tag has no value: -timeout",
		"-demo=false -tag -demo":     "-tag has no value",
		"-tag=-demo":                 "", // on purpose
		"-tag -other":                "", // a name that begins with a dash
		"-tag demo":                  "",
		"-tag -":                     "",
		"-tag -- -tag":               "",
		"-columns -tag":              "", // an exception
		"-tag":                       "", // package flag reports it
		"-unknown -tag -demo":        "", // and this
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
