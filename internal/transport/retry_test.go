package transport

import (
	"math"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

func TestPolicyDefaults(t *testing.T) {
	t.Parallel()
	if got, want := (Policy{}).withDefaults(), (Policy{0, 0, 300 * time.Millisecond, 3 * time.Second, 10 * time.Second}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	set := Policy{1, 2, 3, 4, 5}
	if got := set.withDefaults(); got != set {
		t.Errorf("%+v", got)
	}
	if got := (Policy{MinDelay: time.Minute}).withDefaults(); got.MaxDelay != time.Minute {
		t.Errorf("a ceiling below the start: %+v", got)
	}
	if got := (Policy{MaxDelay: time.Millisecond}).withDefaults(); got.MinDelay != time.Millisecond {
		t.Errorf("a start above the ceiling: %+v", got)
	}
}

// TestBackoffRange checks that backoffs lie between the floor and the ceiling and are spread over the whole range.
func TestBackoffRange(t *testing.T) {
	t.Parallel()
	p := Policy{MinDelay: 100 * time.Millisecond, MaxDelay: time.Second}
	for n, ceiling := range map[int]time.Duration{1: 100, 2: 200, 3: 400, 4: 800, 5: 1000, 6: 1000, 64: 1000, 1000: 1000} {
		ceiling *= time.Millisecond
		least, most := time.Duration(math.MaxInt64), time.Duration(0)
		for range 1000 {
			d := p.backoff(n)
			least, most = min(least, d), max(most, d)
		}
		span := ceiling - 50*time.Millisecond
		if least < 50*time.Millisecond || most > ceiling {
			t.Errorf("backoff(%d) is %v to %v, want 50ms to %v", n, least, most, ceiling)
		}
		if least > 50*time.Millisecond+span/10 || most < ceiling-span/10 {
			t.Errorf("backoff(%d) is %v to %v: too little jitter", n, least, most)
		}
	}
	for _, p := range []Policy{{MinDelay: 1, MaxDelay: 1}, {MinDelay: 100 * time.Hour, MaxDelay: math.MaxInt64}, {MinDelay: math.MaxInt64, MaxDelay: math.MaxInt64}} {
		for n := range 100 {
			if d := p.backoff(n + 1); d < 0 {
				t.Errorf("%+v: backoff(%d) = %v", p, n+1, d)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	date := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	at := func(d time.Duration) string { return date.Add(d).Format(http.TimeFormat) }
	h := func(pairs ...string) http.Header {
		header := http.Header{"Date": {at(0)}}
		for i := 0; i < len(pairs); i += 2 {
			header.Set(pairs[i], pairs[i+1])
		}
		return header
	}
	const user, userAPI = "X-RateLimit-User", "X-RateLimit-User-API"
	for name, c := range map[string]struct {
		header               http.Header
		throttled, otherwise time.Duration
	}{
		"none":               {h(), 0, 0},
		"milliseconds":       {h("x-acs-retry-after", "1500"), 1500 * time.Millisecond, 1500 * time.Millisecond},
		"blanks":             {h("x-acs-retry-after", " 1500 "), 1500 * time.Millisecond, 1500 * time.Millisecond},
		"seconds":            {h("Retry-After", "2"), 2 * time.Second, 2 * time.Second},
		"date":               {h("Retry-After", at(3*time.Second)), 3 * time.Second, 3 * time.Second},
		"date in the past":   {h("Retry-After", at(-time.Hour)), 0, 0},
		"date far away":      {h("Retry-After", at(24*365*time.Hour)), time.Minute, time.Minute},
		"the longest":        {h("Retry-After", "2", "x-acs-retry-after", "2500"), 2500 * time.Millisecond, 2500 * time.Millisecond},
		"huge":               {h("x-acs-retry-after", strconv.FormatInt(math.MaxInt64, 10), "Retry-After", strconv.FormatInt(math.MaxInt64, 10)), time.Minute, time.Minute},
		"beyond int64":       {h("x-acs-retry-after", "99999999999999999999", "Retry-After", "99999999999999999999"), time.Minute, time.Minute},
		"below int64":        {h("x-acs-retry-after", "-99999999999999999999", userAPI, "TimeLeft:-99999999999999999999"), 0, 0},
		"negative":           {h("x-acs-retry-after", "-5", "Retry-After", "-5", userAPI, "TimeLeft:-5"), 0, 0},
		"not numbers":        {h("x-acs-retry-after", "soon", "Retry-After", "1.5", userAPI, "TimeLeft:x,Remain:y"), 0, 0},
		"time left":          {h(userAPI, "TimeLeft:1500"), 1500 * time.Millisecond, 0},
		"used up":            {h(userAPI, "Limit:10,Remain:0,TimeLeft:1500,Reset:1"), 1500 * time.Millisecond, 0},
		"other case":         {h(user, "limit:10, remain:0, timeleft: 1500"), 1500 * time.Millisecond, 0},
		"the one used up":    {h(userAPI, "Limit:10,Remain:0,TimeLeft:1500", user, "Limit:1000,Remain:900,TimeLeft:40000"), 1500 * time.Millisecond, 0},
		"the later of two":   {h(userAPI, "Remain:0,TimeLeft:1500", user, "Remain:0,TimeLeft:2500"), 2500 * time.Millisecond, 0},
		"none used up":       {h(userAPI, "Limit:10,Remain:5,TimeLeft:1500"), 1500 * time.Millisecond, 0},
		"said otherwise too": {h(userAPI, "Limit:10,Remain:5,TimeLeft:9000", "x-acs-retry-after", "100"), 100 * time.Millisecond, 100 * time.Millisecond},
		"garbage":            {h(userAPI, ",,:,TimeLeft,:5,TimeLeft:,"), 0, 0},
	} {
		if got := retryAfter(c.header, true); got != c.throttled {
			t.Errorf("%s: throttled %v, want %v", name, got, c.throttled)
		}
		if got := retryAfter(c.header, false); got != c.otherwise {
			t.Errorf("%s: otherwise %v, want %v", name, got, c.otherwise)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		after := time.Now().Add(4 * time.Second).UTC().Format(http.TimeFormat)
		if got := retryAfter(http.Header{"Retry-After": {after}}, false); got != 4*time.Second {
			t.Errorf("without Date: %v", got)
		}
	})
}
