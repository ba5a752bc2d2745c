package jsonscan

import (
	"errors"
	"time"
)

// The API returns times in UTC, with a precision of minutes ("2017-12-10T04:04Z") or seconds. It returns "" for a time
// that is not set.
const (
	minuteLayout = "2006-01-02T15:04Z07:00"
	secondLayout = "2006-01-02T15:04:05Z07:00"
)

// ParseTime parses a time in one of the API's formats. The precision may be minutes, seconds or fractions of a second.
// The result is in UTC, or the zero time for "".
func ParseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(minuteLayout, s)
	if err != nil {
		if t, err = time.Parse(secondLayout, s); err != nil {
			return time.Time{}, err
		}
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, errors.New("the year is out of range in UTC")
	}
	return t, nil
}

// appendTime appends t in the API's format. It omits seconds that are zero, and writes the zero time as "".
func appendTime(b []byte, t time.Time) []byte {
	switch u := t.UTC(); {
	case t.IsZero():
		return b
	case u.Second() == 0 && u.Nanosecond() == 0:
		return u.AppendFormat(b, minuteLayout)
	default:
		return u.AppendFormat(b, time.RFC3339Nano)
	}
}
