package jsonscan

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	t.Parallel()
	at := func(sec, nsec int) time.Time { return time.Date(2017, 12, 10, 4, 4, sec, nsec, time.UTC) }
	for text, want := range map[string]time.Time{
		"":                            {},
		"2017-12-10T04:04Z":           at(0, 0),
		"2017-12-10T04:04:00Z":        at(0, 0),
		"2017-12-10T04:04:05Z":        at(5, 0),
		"2017-12-10T04:04:05.25Z":     at(5, 250_000_000),
		"2017-12-10T12:04+08:00":      at(0, 0),
		"2017-12-10T12:04:05+08:00":   at(5, 0),
		"2099-12-31T15:59Z":           time.Date(2099, 12, 31, 15, 59, 0, 0, time.UTC),
		"0001-01-01T00:00Z":           {},
		"9999-12-31T23:59:59.999999Z": time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
	} {
		if got, err := ParseTime(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"2017-12-10", "2017-12-10T04Z", "2017-12-10T04:04", "2017-12-10 04:04Z", "2017-13-10T04:04Z", "2017-02-29T04:04Z", "2017-12-10T24:00Z",
		"2017-12-10T04:60Z", "2017-12-10T04:04:61Z", "20171210T0404Z", " 2017-12-10T04:04Z", "2017-12-10T04:04Z ", "never", "0", "0000-01-01T00:00+01:00", "9999-12-31T23:59-00:01",
	} {
		if got, err := ParseTime(text); err == nil || !got.IsZero() {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for want, at := range map[string]time.Time{
		"": {}, "2017-12-10T04:04Z": at(0, 0), "2017-12-10T04:04:05Z": at(5, 0), "2017-12-10T04:04:05.000000001Z": at(5, 1),
		"2017-12-10T04:04:00.5Z": at(0, 500_000_000).In(time.FixedZone("CST", 8*60*60)),
	} {
		if got := string(appendTime(nil, at)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzTime(f *testing.F) {
	for _, text := range []string{
		"", "2017-12-10T04:04Z", "2017-12-10T04:04:05Z", "2017-12-10T04:04:05.123456789Z", "2017-12-10T12:04:05,5+08:00", "2099-12-31T15:59Z",
		"2016-02-29T00:00Z", "2017-02-29T00:00Z", "0000-01-01T00:00+00:01", "9999-12-31T23:59-23:59", "0001-01-01T00:00Z", "2017-12-10T24:00Z", "2017-12-10T04:04z",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := ParseTime(text)
		if err == nil {
			written := appendTime(nil, want)
			if reread, err := ParseTime(string(written)); err != nil || reread != want {
				t.Errorf("%q is %v, but %s is read as %v, %v", text, want, written, reread, err)
			}
			if _, offset := want.Zone(); offset != 0 {
				t.Errorf("%q is not in UTC: %v", text, want)
			}
		}
		// For times in the usual layout, ReadTime has its own code instead of calling ParseTime. Both must return the
		// same time.
		quoted, _ := json.Marshal(text)
		if err := json.Unmarshal(quoted, &text); err != nil { // invalid UTF-8 in text becomes U+FFFD
			t.Fatal(err)
		}
		want, err = ParseTime(text)
		d := Decoder{Members: &[256]Member{}}
		d.Reset(quoted)
		got, _ := d.ReadTime(0)
		if bad := len(d.Problems()) > 0; bad != (err != nil) || got != want {
			t.Errorf("%q: ReadTime returns %v, ParseTime %v, %v", text, got, want, err)
		}
	})
}
