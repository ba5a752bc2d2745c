package transport

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestSkew checks that the transport corrects a wrong local clock. It must learn the server's time from responses that
// reject the timestamp, and must retry a call at most twice for this reason.
func TestSkew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := 30 * time.Minute
		serve := func(_ int, r *http.Request) (*http.Response, error) {
			now := time.Now().Add(server).UTC()
			sent, _ := time.Parse(time.RFC3339, r.URL.Query().Get("Timestamp"))
			if now.Sub(sent).Abs() > 15*time.Minute {
				return respond(400, codeBody("InvalidTimeStamp.Expired"), "Date", now.Format(http.TimeFormat)), nil
			}
			return respond(200, good), nil
		}
		g := newRig(serve, nil)
		for i, want := range []int{2, 1, 1} {
			if meta, err := g.Do(t.Context(), call()); err != nil || meta.Attempts != want {
				t.Errorf("call %d: %d attempts, error %v", i, meta.Attempts, err)
			}
		}
		server = -2 * time.Hour // the local clock has jumped
		if meta, err := g.Do(t.Context(), call()); err != nil || meta.Attempts != 2 {
			t.Errorf("after the clock jumped: %d attempts, error %v", meta.Attempts, err)
		}
		server = 25 * time.Hour // a difference of more than a day is not plausible
		if meta, err := g.Do(t.Context(), call()); err == nil || meta.Attempts != 1 {
			t.Errorf("implausible date: %d attempts, error %v", meta.Attempts, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // the server rejects every request
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			return respond(400, codeBody("IllegalTimestamp"), "Date", time.Now().Add(time.Duration(n)*time.Hour).UTC().Format(http.TimeFormat)), nil
		}, nil)
		if meta, err := g.Do(t.Context(), call()); err == nil || meta.Attempts != 3 {
			t.Errorf("%d attempts, error %v", meta.Attempts, err)
		}
	})
}

// TestClockIsLearnedWithoutRetry checks that the transport learns the server's time even from a call that is not
// retried.
func TestClockIsLearnedWithoutRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(_ int, r *http.Request) (*http.Response, error) {
			now := time.Now().Add(30 * time.Minute).UTC()
			at, _ := time.Parse(time.RFC3339, r.URL.Query().Get("Timestamp"))
			if now.Sub(at).Abs() > 15*time.Minute {
				return respond(400, codeBody("InvalidTimeStamp.Expired"), "Date", now.Format(http.TimeFormat)), nil
			}
			return respond(200, good), nil
		}, func(c *Config) { c.Retry.MaxAttempts = 1 })
		if _, err := g.Do(t.Context(), call()); err == nil || len(g.requests) != 1 {
			t.Errorf("first call: %d requests, error %v", len(g.requests), err)
		}
		if _, err := g.Do(t.Context(), call()); err != nil || len(g.requests) != 2 {
			t.Errorf("second call: %d requests, error %v", len(g.requests), err)
		}
	})
}

// TestClockIsNotLearnedFromOtherErrors checks that the clock offset depends only on responses that reject the timestamp.
func TestClockIsNotLearnedFromOtherErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(503, "", "Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)), nil
		}, nil)
		if _, err := g.Do(t.Context(), call()); err == nil || g.ClockOffset() != 0 {
			t.Errorf("error %v, offset %v", err, g.ClockOffset())
		}
	})
}

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
			known   time.Duration // the clock offset used to sign the request
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
			"just enough":               {0, date(4 * minute), true, 4 * minute},
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
