package transport

import (
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestBackoff checks that the delays between attempts grow and are random. If the server requests a wait, the delay
// must be added to the wait.
func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(503, ""), nil }, func(c *Config) {
			c.Retry = Policy{MaxAttempts: 8, MinDelay: 100 * time.Millisecond, MaxDelay: time.Second}
		})
		_, _ = g.Do(t.Context(), call())
		got := g.gaps()
		ceilings := []time.Duration{100, 200, 400, 800, 1000, 1000, 1000}
		if len(got) != len(ceilings) {
			t.Fatalf("%v", got)
		}
		distinct := map[time.Duration]bool{}
		for i, d := range got {
			if d < 50*time.Millisecond || d > ceilings[i]*time.Millisecond {
				t.Errorf("pause %d is %v", i, d)
			}
			distinct[d] = true
		}
		if len(distinct) != len(got) {
			t.Errorf("no jitter: %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(503, "", "Retry-After", "2", "X-RateLimit-User", "Limit:9,Remain:0,TimeLeft:50000"), nil
		}, nil)
		_, _ = g.Do(t.Context(), call())
		for i, d := range g.gaps() {
			if d < 2050*time.Millisecond || d > 2200*time.Millisecond {
				t.Errorf("pause %d is %v", i, d)
			}
		}
	})
}

// TestLimits checks which limits of a retry Policy apply to a call.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy   Policy
		patient  bool
		attempts int
		elapsed  time.Duration
	}{
		{Policy{}, false, 5, 4500 * time.Millisecond},
		{Policy{}, true, 0, 30 * time.Second},
		{Policy{MaxAttempts: 3}, false, 3, 0},
		{Policy{MaxAttempts: 3}, true, 3, 0},
		{Policy{MaxElapsed: time.Minute}, false, 0, time.Minute},
		{Policy{MaxElapsed: time.Minute}, true, 0, time.Minute},
		{Policy{MaxAttempts: 3, MaxElapsed: time.Minute}, true, 3, time.Minute},
	} {
		if attempts, elapsed := c.policy.withDefaults().limits(c.patient); attempts != c.attempts || elapsed != c.elapsed {
			t.Errorf("%+v, patient %v: %d attempts, %v", c.policy, c.patient, attempts, elapsed)
		}
	}
}

// TestMaxElapsed checks that no retry starts later than MaxElapsed after the first failure.
func TestMaxElapsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy     Policy
		patient    bool
		retryAfter string
		last       time.Duration // time from the first failure to the last request
		requests   int           // 0 means any number
	}{
		"short":                              {policy: Policy{MaxElapsed: time.Second}, last: time.Second},
		"long":                               {policy: Policy{MaxElapsed: time.Minute}, last: time.Minute},
		"a page by default":                  {patient: true, last: defaultPatience},
		"the server asks for more":           {policy: Policy{MaxElapsed: 5 * time.Second}, retryAfter: "6", last: 0, requests: 1},
		"the server asks for less":           {policy: Policy{MaxElapsed: 5 * time.Second}, retryAfter: "4", last: 5 * time.Second, requests: 2},
		"the server asks for exactly that":   {policy: Policy{MaxElapsed: 5 * time.Second}, retryAfter: "5", last: 5 * time.Second, requests: 2},
		"the server asks, no limit is given": {retryAfter: "20", last: 20 * time.Second, requests: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
					if n == 1 {
						time.Sleep(8 * time.Second)
					}
					return respond(503, "", "Retry-After", c.retryAfter), nil
				}, func(cfg *Config) { cfg.Retry = c.policy })
				k := call()
				k.Patient = c.patient
				_, err := g.Do(t.Context(), k)
				if f, ok := asFailure(err); !ok || f.Class&Unavailable == 0 || f.Response.Status != 503 {
					t.Errorf("%v", err)
				}
				last := g.times[len(g.times)-1].Sub(g.times[0])
				if len(g.times) > 1 {
					last -= 8 * time.Second
				}
				if last > c.last+time.Second || last < c.last-defaultMaxDelay || c.requests > 0 && len(g.times) != c.requests {
					t.Errorf("%d requests, the last %v after the first failure, want %v", len(g.times), last, c.last)
				}
				if c.policy.MaxElapsed > 0 && last > c.policy.MaxElapsed {
					t.Errorf("a retry was sent %v after the first failure", last)
				}
			})
		})
	}
}

// TestOutageAfterThrottling checks a call that fails temporarily, is throttled, and then fails again. By default, the
// time limit for retries starts again with the failure after the throttled response. MaxElapsed limits the time since
// the first failure.
func TestOutageAfterThrottling(t *testing.T) {
	t.Parallel()
	for _, maxElapsed := range []time.Duration{0, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
				switch {
				case n == 2 && maxElapsed == 0:
					return respond(400, codeBody("Throttling"), "x-acs-retry-after", "40000"), nil
				case n == 2:
					return respond(400, codeBody("Throttling"), "x-acs-retry-after", "8000"), nil
				case n == 4 && maxElapsed == 0:
					return respond(200, good), nil
				}
				return respond(503, ""), nil
			}, func(c *Config) { c.Retry = Policy{MaxElapsed: maxElapsed} })
			c := call()
			c.Patient = true
			_, err := g.Do(t.Context(), c)
			last := g.times[len(g.times)-1].Sub(g.times[0])
			if (err == nil) != (maxElapsed == 0) || len(g.times) < 4 || maxElapsed > 0 && last > maxElapsed {
				t.Errorf("MaxElapsed %v: %d requests, the last after %v, error %v", maxElapsed, len(g.times), last, err)
			}
		})
	}
}

// TestChangesAreNotRepeated checks calls of an operation that changes resources. Such a call may be retried only if the
// failed attempt had no effect or if the request has a ClientToken.
func TestChangesAreNotRepeated(t *testing.T) {
	t.Parallel()
	fail := func(err error) roundTripper {
		return func(int, *http.Request) (*http.Response, error) { return nil, err }
	}
	status := func(status int, body string) roundTripper {
		return func(int, *http.Request) (*http.Response, error) { return respond(status, body), nil }
	}
	for name, c := range map[string]struct {
		first  roundTripper
		repeat bool // whether the call is retried
	}{
		"connection refused": {fail(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), true},
		"no route":           {fail(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}), true},
		"name server down":   {fail(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "timeout", IsTimeout: true}}), true},
		"dial timeout":       {fail(&net.OpError{Op: "dial", Net: "tcp", Err: timeoutError("i/o timeout")}), true},
		"proxy down":         {fail(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: syscall.ECONNREFUSED}), true},
		"TLS timeout":        {fail(errors.New("net/http: TLS handshake timeout")), true},
		"throttled":          {status(400, codeBody("Throttling.User")), true},
		"429":                {status(429, ""), true},
		"expired token":      {status(400, codeBody("InvalidSecurityToken.Expired")), true},
		"reset":              {fail(&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}), false},
		"timeout":            {fail(&net.OpError{Op: "read", Net: "tcp", Err: timeoutError("i/o timeout")}), false},
		"500":                {status(500, codeBody("InternalError")), false},
		"503":                {status(503, codeBody("ServiceUnavailable")), false},
		"502 of a proxy":     {status(502, "<html>"), false},
		"408":                {status(408, ""), false},
		"unreadable":         {status(200, "<html>"), false},
		"nonce used":         {status(400, codeBody("SignatureNonceUsed")), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"read", "with ClientToken", "change"} {
				synctest.Test(t, func(t *testing.T) {
					g := newRig(func(n int, r *http.Request) (*http.Response, error) {
						if n == 1 {
							return c.first(n, r)
						}
						return respond(200, good), nil
					}, nil)
					keys := 0
					g.cfg.Credentials = rotating(&keys)
					k := call()
					k.ReadOnly, k.Repeatable = kind == "read", kind == "with ClientToken"
					_, err := g.Do(t.Context(), k)
					if want := c.repeat || kind != "change"; (err == nil) != want {
						t.Errorf("%s: %d requests, error %v", kind, len(g.requests), err)
					}
					if f, ok := asFailure(err); ok && !strings.Contains(f.Advice, "may already have taken effect") {
						t.Errorf("%s: the advice is %q", kind, f.Advice)
					}
				})
			}
		})
	}
}

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
		t.Errorf("MaxDelay below MinDelay: %+v", got)
	}
	if got := (Policy{MaxDelay: time.Millisecond}).withDefaults(); got.MinDelay != time.Millisecond {
		t.Errorf("MinDelay above MaxDelay: %+v", got)
	}
}

// TestBackoffRange checks that backoffs are spread between the lower bound and the ceiling.
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
		"seconds > int64":    {h("Retry-After", "99999999999999999999"), time.Minute, time.Minute},
		"below int64":        {h("x-acs-retry-after", "-99999999999999999999", userAPI, "TimeLeft:-99999999999999999999"), 0, 0},
		"negative":           {h("x-acs-retry-after", "-5", "Retry-After", "-5", userAPI, "TimeLeft:-5"), 0, 0},
		"not numbers":        {h("x-acs-retry-after", "soon", "Retry-After", "1.5", userAPI, "TimeLeft:x,Remain:y"), 0, 0},
		"time left":          {h(userAPI, "TimeLeft:1500"), 1500 * time.Millisecond, 0},
		"used up":            {h(userAPI, "Limit:10,Remain:0,TimeLeft:1500,Reset:1"), 1500 * time.Millisecond, 0},
		"other case":         {h(user, "limit:10, remain:0, timeleft: 1500"), 1500 * time.Millisecond, 0},
		"the one used up":    {h(userAPI, "Limit:10,Remain:0,TimeLeft:1500", user, "Limit:1000,Remain:900,TimeLeft:40000"), 1500 * time.Millisecond, 0},
		"the later of two":   {h(userAPI, "Remain:0,TimeLeft:1500", user, "Remain:0,TimeLeft:2500"), 2500 * time.Millisecond, 0},
		"neither used up":    {h(userAPI, "Remain:5,TimeLeft:2500", user, "Remain:9,TimeLeft:1500"), 2500 * time.Millisecond, 0},
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
			t.Errorf("without a Date header, the wait is %v", got)
		}
	})
}
