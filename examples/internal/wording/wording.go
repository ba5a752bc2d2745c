// Package wording converts command-line errors and API errors to messages for the users of the example programs.
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

// badValue matches the flag package's error message about an invalid value.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([^:]+): (.+)$`)

// Usage converts an error from the flag package to a message for users. If a flag does not exist, the message
// suggests a similar flag.
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

// CheckValues returns an error if the value of a flag is the name of another flag. Such a value is most likely a
// mistake: if UNSET is not set, a shell expands "-name $UNSET -o ids" to "-name -o ids". The flags in except are not
// checked.
func CheckValues(args []string, fs *flag.FlagSet, except ...string) error {
	for len(args) > 0 {
		name, isFlag := flagName(args[0])
		name, _, hasValue := strings.Cut(name, "=")
		f := fs.Lookup(name)
		if !isFlag || f == nil {
			return nil // the flag package also stops parsing here
		}
		args = args[1:]
		if isSwitch, ok := f.Value.(interface{ IsBoolFlag() bool }); hasValue || ok && isSwitch.IsBoolFlag() || len(args) == 0 {
			continue
		}
		next, looksLikeFlag := flagName(args[0])
		if next, _, _ = strings.Cut(next, "="); looksLikeFlag && fs.Lookup(next) != nil && !slices.Contains(except, name) {
			return fmt.Errorf("-%s has no value, because the next argument is the flag %s: set a value, or write -%[1]s=%[2]s if %[2]s is the value", name, args[0])
		}
		args = args[1:]
	}
	return nil
}

// Stray returns an error for an argument that is not a flag.
func Stray(word string) error {
	return fmt.Errorf("%q is neither a flag nor the value of a flag: separate several values with commas, and quote a value that contains spaces", word)
}

// flagName returns the argument without leading dashes, and reports whether the argument is a flag.
func flagName(arg string) (name string, isFlag bool) {
	name, isFlag = strings.CutPrefix(arg, "-")
	return strings.TrimPrefix(name, "-"), isFlag && name != "" && name != "-"
}

// Value returns an error that describes the values that the flag accepts. It replaces the flag package's error "parse
// error" and returns other errors unchanged.
func Value(f *flag.Flag, err error) error {
	typed, ok := f.Value.(flag.Getter)
	if !ok || err.Error() != "parse error" {
		return err
	}
	switch typed.Get().(type) {
	case time.Duration:
		return errors.New("must be a duration such as 30s")
	case bool:
		return errors.New("must be true or false")
	case int:
		return errors.New("must be a number")
	default:
		return err
	}
}

// DidYouMean returns a suggestion such as ": did you mean -limit?", or "" if no name is similar to written. The
// suggested name is preceded by prefix.
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

// OneOf returns a function that sets *to to one of the values. The function ignores case, and returns an error for
// any other string.
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
		return fmt.Errorf("must be one of %s%s", strings.Join(names, ", "), DidYouMean("", s, names))
	}
}

// distance returns the Damerau-Levenshtein distance between a and b, measured in bytes.
func distance(a, b string) int {
	var before []int // the row of the table before the previous row
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

// flagNames replaces the names of Go options with the names of flags.
var flagNames = strings.NewReplacer("Options.Endpoint", "-endpoint", "or set Options.Credentials", "or choose a profile with -profile")

// stringToSign matches the string to sign in the API's message about a wrong signature. Messages to users omit the
// string, because it is long and does not help users.
var stringToSign = regexp.MustCompile(`(?i)\s*server string ?to ?sign is:?\s*(\[[^\]]*\]|\S+)`)

// Plain returns the message of an error without terms from the Go API.
func Plain(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "ecs: "), "NewClient: ")
	return flagNames.Replace(stringToSign.ReplaceAllString(text, ""))
}

// Time formats t in UTC to the minute, or to the second if t has seconds. Time returns "" for the zero time.
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
