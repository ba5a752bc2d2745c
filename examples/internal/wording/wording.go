// Package wording contains the messages that all programs share: errors in a command line, and error texts without Go
// names.
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

// badValue matches a message of package flag about a value that a flag does not accept.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([^:]+): (.+)$`)

// Usage rewords an error of package flag for users. If the name of a flag was misspelt, the message suggests a
// similar name.
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

// CheckValues returns an error if a flag would take the next flag as its value. Package flag accepts such a value,
// but it is most likely a mistake. For example, if UNSET is not set, "-name $UNSET -o ids" in a script becomes "-name
// -o ids". A user who really means such a value can write -name=-o. The flags in except accept values that begin with
// "-".
func CheckValues(args []string, fs *flag.FlagSet, except ...string) error {
	for len(args) > 0 {
		name, isFlag := flagName(args[0])
		name, _, hasValue := strings.Cut(name, "=")
		f := fs.Lookup(name)
		if !isFlag || f == nil {
			return nil // package flag stops parsing here as well
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

// Stray returns the error for an argument that is neither a flag nor the value of a flag.
func Stray(word string) error {
	return fmt.Errorf("%q is neither a flag nor the value of a flag: separate several values with commas, and quote a value that contains spaces", word)
}

// flagName removes the leading dashes of a flag, and reports whether the argument is a flag.
func flagName(arg string) (name string, isFlag bool) {
	name, isFlag = strings.CutPrefix(arg, "-")
	return strings.TrimPrefix(name, "-"), isFlag && name != "" && name != "-"
}

// Value returns a better message for the error "parse error" of package flag. The message names the kind of value
// that the flag requires.
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

// DidYouMean returns a suggestion such as ": did you mean -limit?" if one of the names is similar to written, and ""
// otherwise. The suggestion contains prefix before the name, but prefix is not compared.
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

// OneOf returns a function that parses a string, ignoring case. The function sets *to if the string is one of the
// values, and returns an error otherwise.
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

// distance returns the Damerau-Levenshtein distance of a and b, which is the smallest number of changes that turn a
// into b. A change inserts, removes or replaces a byte, or swaps two neighboring bytes.
func distance(a, b string) int {
	var before []int // the row before last
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

// flagNames replaces the names of Go options in messages with the corresponding flags.
var flagNames = strings.NewReplacer("Options.Endpoint", "-endpoint", "or set Options.Credentials", "or choose a profile with -profile")

// stringToSign matches the string to sign that the API quotes when a signature does not match. The quoted string is
// of no use to users, and it is so long that they would overlook the end of the message, which describes the problem.
var stringToSign = regexp.MustCompile(`(?i)\s*server string ?to ?sign is:?\s*(\[[^\]]*\]|\S+)`)

// Plain returns the text of an error for the user of a program, who knows the program's flags but not the names of
// the Go API.
func Plain(err error) string {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "ecs: "), "NewClient: ")
	return flagNames.Replace(stringToSign.ReplaceAllString(text, ""))
}

// Time formats t as the API does, in UTC to the minute. If t has seconds, the result includes them. Time returns ""
// for the zero time.
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
