package transport

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	const minute, hour = time.Minute, time.Hour
	date := func(off time.Duration) http.Header {
		return http.Header{"Date": {time.Now().Add(off).UTC().Format(http.TimeFormat)}}
	}
	cached := func(off time.Duration) http.Header {
		h := date(off)
		h.Set("Age", "30")
		return h
	}
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			known   time.Duration // offset before
			header  http.Header
			learned bool
			want    time.Duration
		}{
			"behind":                    {0, date(30 * minute), true, 30 * minute},
			"ahead":                     {0, date(-3 * hour), true, -3 * hour},
			"almost a day":              {0, date(24 * hour), true, 24 * hour},
			"more than a day":           {0, date(24*hour + time.Second), false, 0},
			"long ago":                  {0, http.Header{"Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}}, false, 0},
			"far ahead":                 {0, http.Header{"Date": {"Thu, 01 Jan 2099 00:00:00 GMT"}}, false, 0},
			"too little":                {0, date(3 * minute), false, 0},
			"from a cache":              {0, cached(30 * minute), false, 0},
			"no date":                   {0, http.Header{}, false, 0},
			"no time":                   {0, http.Header{"Date": {"now"}}, false, 0},
			"what was used already":     {30 * minute, date(31 * minute), false, 30 * minute},
			"learned wrongly":           {5 * hour, date(30 * minute), true, 30 * minute},
			"the clock was right again": {5 * hour, date(time.Minute), true, 0},
			"wrong, absurd date":        {5 * hour, date(-48 * hour), false, 5 * hour},
		} {
			var k clock
			k.offset.Store(int64(c.known))
			if got := k.learn(c.header, c.known); got != c.learned {
				t.Errorf("%s: learned %v", name, got)
			}
			now, offset := k.now()
			if offset != c.want || time.Until(now) != c.want {
				t.Errorf("%s: offset %v, want %v", name, offset, c.want)
			}
		}
	})
}
