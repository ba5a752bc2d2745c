package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestLimits checks which limits of a policy apply to a call.
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

// TestMaxElapsed checks that no retry starts after MaxElapsed, that a last one starts when it is over, and that it
// is counted from the first failure.
func TestMaxElapsed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy     Policy
		patient    bool
		retryAfter string
		last       time.Duration // when the last request is sent, counted from the first failure
		requests   int           // 0: any number
	}{
		"short":                              {policy: Policy{MaxElapsed: time.Second}, last: time.Second},
		"long":                               {policy: Policy{MaxElapsed: time.Minute}, last: time.Minute},
		"a page by default":                  {patient: true, last: defaultPatience},
		"the server asks for more":           {policy: Policy{MaxElapsed: 5 * time.Second}, retryAfter: "6", last: 0, requests: 1},
		"the server asks for less":           {policy: Policy{MaxElapsed: 5 * time.Second}, retryAfter: "4", last: 5 * time.Second, requests: 2},
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
					t.Errorf("a retry %v after the first failure", last)
				}
			})
		})
	}
}

// TestMaxElapsedThrottled checks that MaxElapsed also limits the time that a call waits for quota.
func TestMaxElapsedThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(400, codeBody("Throttling.User"), "x-acs-retry-after", "4000"), nil
		}, func(c *Config) { c.Retry.MaxAttempts, c.Retry.MaxElapsed = 0, 10*time.Second })
		start := time.Now()
		_, err := g.Do(t.Context(), call())
		if f, ok := asFailure(err); !ok || f.Class&Throttled == 0 || errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 8*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestChangesAreNotRepeated checks that an operation that may change something is retried only if it cannot have
// been carried out, or has a ClientToken.
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
		repeat bool // although the operation may change something
	}{
		"connection refused": {fail(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}), true},
		"no route":           {fail(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}), true},
		"name server down":   {fail(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "timeout", IsTimeout: true}}), true},
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
						t.Errorf("%s: %d requests, %v", kind, len(g.requests), err)
					}
					if f, ok := asFailure(err); ok && !strings.Contains(f.Advice, "may have been carried out") {
						t.Errorf("%s: the advice is %q", kind, f.Advice)
					}
				})
			}
		})
	}
}

// TestSlowLimiter checks that calls wait for a slow limiter as long as necessary, even after they have been
// throttled.
func TestSlowLimiter(t *testing.T) {
	t.Parallel()
	for name, throttled := range map[string]int{"never throttled": 0, "throttled at once": 1, "throttled later": 7} {
		synctest.Test(t, func(t *testing.T) {
			next := time.Now()
			var mu sync.Mutex
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
				if n == throttled {
					return respond(400, codeBody("Throttling")), nil
				}
				return respond(200, good), nil
			}, func(cfg *Config) {
				cfg.Limiter = limiter(func(ctx context.Context) error { // one in 20 s
					mu.Lock()
					at := later(next, time.Now())
					next = at.Add(20 * time.Second)
					mu.Unlock()
					return sleepUntil(ctx, at)
				})
			})
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if _, err := g.Do(t.Context(), call()); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wg.Wait()
			for i := 1; i < len(g.times); i++ {
				if d := g.times[i].Sub(g.times[i-1]); d < 20*time.Second {
					t.Errorf("%s: request %d came %v after the one before", name, i+1, d)
				}
			}
		})
	}
}

// TestPartialOutage checks that many concurrent callers succeed although the service fails half of their requests,
// and that they do not flood it with retries.
func TestPartialOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(20 * time.Millisecond)
			if n%2 == 0 {
				return respond(503, ""), nil
			}
			return respond(200, good), nil
		}, func(c *Config) { c.Retry = Policy{} })
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 10 {
					c := call()
					c.Patient = true
					if _, err := g.Do(t.Context(), c); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n := len(g.requests); n > 640*2+1 {
			t.Errorf("%d requests for 640 calls", n)
		}
	})
}
