package transport

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndedWhileWaitingForQuota checks the error of a call whose context ends while the call waits for quota. The error
// must match the context's error, and its class must include Throttled.
func TestEndedWhileWaitingForQuota(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{"deadline": context.DeadlineExceeded, "cancel": context.Canceled} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(func(int, *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return respond(400, codeBody("Throttling.User"), "x-acs-retry-after", "1000"), nil
			}, nil)
			const when = 2500 * time.Millisecond // at this time, a request that tests the quota is in flight
			ctx, cancel := context.WithCancel(t.Context())
			if name == "deadline" {
				ctx, cancel = context.WithTimeout(t.Context(), when)
			} else {
				time.AfterFunc(when, cancel)
			}
			defer cancel()
			errs := make(chan error, 20)
			for range cap(errs) {
				go func() {
					_, err := g.Do(ctx, call())
					errs <- err
				}()
				time.Sleep(75 * time.Millisecond) // let some calls arrive while requests are blocked
			}
			for range cap(errs) {
				err := <-errs
				if f, ok := asFailure(err); !ok || !errors.Is(err, want) || f.Class&Throttled == 0 {
					t.Errorf("%s: the error is %v", name, err)
				}
			}
		})
	}
}

// TestLimiterWithThrottling checks that requests never exceed the rate of the caller's limiter while some of them are
// throttled.
func TestLimiterWithThrottling(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		callers int
		serve   func(n int, at time.Duration) bool // reports whether the server throttles request n
		waits   int
	}{
		"alone":                {1, func(n int, _ time.Duration) bool { return n <= 3 }, 4},
		"all at once":          {100, func(n int, at time.Duration) bool { return n > 5 && at < 30*time.Second }, 0},
		"throttled repeatedly": {100, func(n int, _ time.Duration) bool { return n%20 == 7 }, 0},
		"probes that fail":     {30, func(n int, at time.Duration) bool { return at < 15*time.Second }, 0},
		"never throttled":      {100, func(int, time.Duration) bool { return false }, 100},
		"throttled at once":    {100, func(n int, _ time.Duration) bool { return n == 1 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, next, waits := time.Now(), time.Now(), 0
				var mu sync.Mutex
				g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
					if c.serve(n, time.Since(start)) {
						return respond(400, codeBody("Throttling")), nil
					}
					return respond(200, good), nil
				}, func(cfg *Config) {
					cfg.Limiter = limiter(func(ctx context.Context) error { // ten requests per second
						mu.Lock()
						at := later(next, time.Now())
						next = at.Add(100 * time.Millisecond)
						waits++
						mu.Unlock()
						return sleepUntil(ctx, at)
					})
				})
				var wg sync.WaitGroup
				for range c.callers {
					wg.Go(func() {
						if _, err := g.Do(t.Context(), call()); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				for i := 1; i < len(g.times); i++ {
					if d := g.times[i].Sub(g.times[i-1]); d < 100*time.Millisecond {
						t.Fatalf("request %d was sent %v after the previous request", i+1, d)
					}
				}
				if c.waits > 0 && waits != c.waits {
					t.Errorf("the limiter was called %d times, want %d", waits, c.waits)
				}
				t.Logf("%d requests, the limiter was called %d times, %v", len(g.requests), waits, time.Since(start))
			})
		})
	}
}

// TestGateClosesDuringLimiter checks calls that wait for the limiter while another request is throttled. After the
// limiter has admitted them, they must also wait for quota.
func TestGateClosesDuringLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const closed = 20 * time.Second
		next := time.Now()
		var mu sync.Mutex
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				return respond(400, codeBody("Throttling")), nil
			case 80: // by now, the requests are paced faster than the limiter permits
				return respond(400, codeBody("Throttling"), "x-acs-retry-after", "20000"), nil
			}
			return respond(200, good), nil
		}, func(cfg *Config) {
			cfg.Limiter = limiter(func(ctx context.Context) error {
				mu.Lock()
				at := later(next, time.Now())
				next = at.Add(100 * time.Millisecond)
				mu.Unlock()
				return sleepUntil(ctx, at)
			})
		})
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if _, err := g.Do(t.Context(), call()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if gap := g.times[80].Sub(g.times[79]); gap < closed {
			t.Errorf("a request was sent %v after the server asked to wait %v", gap, closed)
		}
	})
}

// TestSlowLimiterWithThrottling checks several calls with a slow limiter after a throttled response. The calls must not
// overtake each other, because each overtaken call would have to wait for the limiter again.
func TestSlowLimiterWithThrottling(t *testing.T) {
	t.Parallel()
	const callers = 3
	for n := range 20 { // repeated, because the random delays between requests affect the result
		pause := time.Duration(8+n) * time.Second
		synctest.Test(t, func(t *testing.T) {
			start, next, waits := time.Now(), time.Now(), 0
			var mu sync.Mutex
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return respond(400, codeBody("Throttling")), nil
				}
				return respond(200, good), nil
			}, func(cfg *Config) {
				cfg.Limiter = limiter(func(ctx context.Context) error {
					mu.Lock()
					at := later(next, time.Now())
					next = at.Add(pause)
					waits++
					mu.Unlock()
					return sleepUntil(ctx, at)
				})
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					if _, err := g.Do(ctx, call()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if took := time.Since(start); took > 2*callers*pause || waits > 2*callers {
				t.Errorf("limit of one request per %v: %d requests took %v, and the limiter was called %d times", pause, len(g.requests), took, waits)
			}
		})
	}
}

// TestMaxElapsedThrottled checks that MaxElapsed also limits the time that a call waits for quota.
func TestMaxElapsedThrottled(t *testing.T) {
	t.Parallel()
	for retryAfter, want := range map[string]time.Duration{"4000": 8 * time.Second, "10000": 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(func(int, *http.Request) (*http.Response, error) {
				return respond(400, codeBody("Throttling.User"), "x-acs-retry-after", retryAfter), nil
			}, func(c *Config) { c.Retry.MaxAttempts, c.Retry.MaxElapsed = 0, 10*time.Second })
			start := time.Now()
			_, err := g.Do(t.Context(), call())
			if f, ok := asFailure(err); !ok || f.Class&Throttled == 0 || errors.Is(err, context.DeadlineExceeded) || time.Since(start) != want {
				t.Errorf("got error %v after %v, want %v", err, time.Since(start), want)
			}
			if !strings.Contains(err.Error(), "no quota is available within 10s") {
				t.Errorf("%v does not contain the maximum wait", err)
			}
		})
	}
}

// TestSlowLimiter checks that calls wait for a slow limiter as long as necessary.
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
				cfg.Limiter = limiter(func(ctx context.Context) error { // one request per 20 s
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
					t.Errorf("%s: request %d was sent %v after the previous request", name, i+1, d)
				}
			}
		})
	}
}
