package jsonscan

import (
	"errors"
	"time"
)

// The API writes times in UTC, to the minute ("2017-12-10T04:04Z") or to the second, and "" for a time that is not set.
const (
	minuteLayout = "2006-01-02T15:04Z07:00"
	secondLayout = "2006-01-02T15:04:05Z07:00"
)

// ParseTime parses a time in a format of the API: to the minute, to the second or to a fraction of a second. It
// returns the zero time for "". Results are in UTC.
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
		return time.Time{}, errors.New("year out of range in UTC")
	}
	return t, nil
}

// appendTime appends t in the format of the API: "" for the zero time, without seconds if they are zero.
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
