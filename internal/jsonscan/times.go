package jsonscan

import (
	"errors"
	"time"
)

// The API returns times in UTC, with a precision of minutes ("2017-12-10T04:04Z") or seconds. For a time that is not
// set, the API returns "".
const (
	minuteLayout = "2006-01-02T15:04Z07:00"
	secondLayout = "2006-01-02T15:04:05Z07:00"
)

// ParseTime parses a time in a format of the API: with a precision of minutes, seconds or fractions of a second.
// It returns the time in UTC, or the zero time for "".
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

// appendTime appends t in the format of the API. If the seconds of t are zero, they are omitted. The zero time is
// written as "".
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
