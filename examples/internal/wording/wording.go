// Package wording contains the messages that the programs share: errors in a command line, and failures.
package wording

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// badValue matches the messages of package flag about a value that a flag does not accept.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([^:]+): (.+)$`)

// Usage returns an error of package flag in plainer words, with a suggestion if a name is similar to an existing
// one.
func Usage(err error, fs *flag.FlagSet) error {
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
		return fmt.Errorf("there is no flag -%s%s", name, DidYouMean("-", name, names))
	}
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		if f := fs.Lookup(m[2]); f != nil {
			return fmt.Errorf("-%s %s: %w", f.Name, m[1], Value(f, errors.New(m[3])))
		}
	}
	return err
}

// CheckValues refuses a flag that would take the next flag as its value, as "-name $UNSET -o ids" does in a script: package flag
// accepts it. Such a value can be given on purpose as -name=-o. The flags in except take values that begin with "-".
func CheckValues(args []string, fs *flag.FlagSet, except ...string) error {
	for len(args) > 0 {
		name, isFlag := flagName(args[0])
		name, _, hasValue := strings.Cut(name, "=")
		f := fs.Lookup(name)
		if !isFlag || f == nil {
			return nil // package flag stops here, too
		}
		args = args[1:]
		if isSwitch, ok := f.Value.(interface{ IsBoolFlag() bool }); hasValue || ok && isSwitch.IsBoolFlag() || len(args) == 0 {
			continue
		}
		next, looksLikeFlag := flagName(args[0])
		if next, _, _ = strings.Cut(next, "="); looksLikeFlag && fs.Lookup(next) != nil && !slices.Contains(except, name) {
			return fmt.Errorf("-%s has no value: %s after it is a flag (a variable that is not set?); if it is meant as the value, write -%[1]s=%[2]s", name, args[0])
		}
		args = args[1:]
	}
	return nil
}

// Stray returns the error for a word that is neither a flag nor the value of one.
func Stray(word string) error {
	return fmt.Errorf("%q is neither a flag nor the value of one: several values are separated by commas, and a value with spaces needs quotes", word)
}

// flagName returns an argument without the dashes that make it a flag.
func flagName(arg string) (name string, isFlag bool) {
	name, isFlag = strings.CutPrefix(arg, "-")
	return strings.TrimPrefix(name, "-"), isFlag && name != "" && name != "-"
}

// Value replaces the "parse error" of package flag by the kind of value that the flag requires.
func Value(f *flag.Flag, err error) error {
	typed, ok := f.Value.(flag.Getter)
	if !ok || err.Error() != "parse error" {
		return err
	}
	switch typed.Get().(type) {
	case time.Duration:
		return errors.New("want a duration such as 30s")
	case bool:
		return errors.New("want true or false")
	case int:
		return errors.New("want a number")
	default:
		return err
	}
}

// DidYouMean returns a suggestion if one of the names is similar to what was written, otherwise "". The names are
// compared without their common prefix.
func DidYouMean(prefix, written string, names []string) string {
	best, least := "", max(len(written)/3, 1)+1
	for _, name := range names {
		if len(written) > 2 && strings.HasPrefix(strings.ToLower(name), strings.ToLower(written)) {
			best = name
			break
		}
		if d := distance(strings.ToLower(written), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s%s?", prefix, best)
}

// OneOf returns a setter that accepts one of the values, ignoring case.
func OneOf[T ~string](to *T, values ...T) func(string) error {
	return func(s string) error {
		var names []string
		for _, v := range values {
			if strings.EqualFold(s, string(v)) {
				*to = v
				return nil
			}
			names = append(names, string(v))
		}
		return fmt.Errorf("want %s%s", strings.Join(names, ", "), DidYouMean("", s, names))
	}
}

// distance returns how many bytes have to be inserted, removed, replaced or swapped with the next one to turn a into b: the
// Damerau-Levenshtein distance.
func distance(a, b string) int {
	var before []int // the row above last
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			replace := last[j]
			if a[i] != b[j] {
				replace++
			}
			row[j+1] = min(replace, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// flagNames replaces the names of Go options in messages by the names of the corresponding flags.
var flagNames = strings.NewReplacer("Options.Endpoint", "-endpoint", "or set Options.Credentials", "or choose a profile with -profile")

// stringToSign matches what the API quotes when a signature does not match. It hides the end of the message, which says what is
// wrong, and tells users nothing.
var stringToSign = regexp.MustCompile(`(?i)\s*server string ?to ?sign is:?\s*(\[[^\]]*\]|\S+)`)

// Plain returns the text of an error for the user of a program, who knows its flags and not the names of the Go API.
func Plain(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "ecs: "), "NewClient: ")
	return flagNames.Replace(stringToSign.ReplaceAllString(text, ""))
}

// Time returns t as the API writes it: in UTC, to the minute, or to the second if it has one. It returns "" for the zero time.
func Time(t time.Time) string {
	switch u := t.UTC(); {
	case t.IsZero():
		return ""
	case u.Second() == 0 && u.Nanosecond() == 0:
		return u.Format("2006-01-02T15:04Z")
	default:
		return u.Format(time.RFC3339Nano)
	}
}
