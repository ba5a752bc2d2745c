package throttle

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowLimiter returns a limiter that counts its calls and makes each caller wait for one second.
func slowLimiter(calls *int) func(context.Context) error {
	return func(context.Context) error {
		*calls++
		time.Sleep(time.Second)
		return nil
	}
}

// TestGateClosesDuringLimiter checks a caller that waits for the limiter while another request is throttled. The caller
// must wait for quota and then call the limiter again.
func TestGateClosesDuringLimiter(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) *Control{
		"free": func(*testing.T) *Control { return new(Control) },
		"paced": func(t *testing.T) *Control {
			t.Helper()
			c := closedThrottle(t, time.Second)
			c.Report(mustAdmit(t, c), Accepted, 0)
			return c
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := open(t)
			inFlight := mustAdmit(t, c)
			start := time.Now()
			time.AfterFunc(500*time.Millisecond, func() { c.Report(inFlight, Throttled, 20*time.Second) })
			calls := 0
			ticket, err := c.Admit(t.Context(), 0, slowLimiter(&calls))
			if took := time.Since(start); err != nil || !ticket.probe || took != 21500*time.Millisecond || calls != 2 {
				t.Errorf("%s: admitted after %v and %d limiter calls, error %v", name, took, calls, err)
			}
		})
	}
}

// TestWaitedLeavesOutTheLimiter checks that Ticket.Waited does not include the time spent waiting for the limiter.
func TestWaitedLeavesOutTheLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := closedThrottle(t, 5*time.Second)
		calls := 0
		ticket, err := c.Admit(t.Context(), 0, slowLimiter(&calls))
		if err != nil || ticket.Waited != 5*time.Second || calls != 1 {
			t.Errorf("waited %v, %d limiter calls, error %v", ticket.Waited, calls, err)
		}
	})
}

// TestMaxWaitBehindALimiter checks the maximum wait of callers that are in the queue while the first caller waits for
// its limiter. The time in the limiter does not count. A caller gives up even if it is not the first in the queue.
func TestMaxWaitBehindALimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := closedThrottle(t, time.Second)
		start := time.Now()
		var wg sync.WaitGroup
		for _, caller := range []struct {
			maxWait time.Duration
			limiter func(context.Context) error
			want    error
			took    time.Duration
		}{
			{0, func(context.Context) error { time.Sleep(100 * time.Second); return nil }, nil, 101 * time.Second},
			{1000 * time.Second, nil, nil, 111 * time.Second}, // after the probeTimeout of the first request
			{5 * time.Second, nil, ErrWaitedTooLong, 105 * time.Second},
		} {
			wg.Go(func() {
				if _, err := c.Admit(t.Context(), caller.maxWait, caller.limiter); !errors.Is(err, caller.want) || time.Since(start) != caller.took {
					t.Errorf("maximum wait of %v: Admit returned %v after %v", caller.maxWait, err, time.Since(start))
				}
			})
			synctest.Wait() // the caller is in the queue
		}
		wg.Wait()
	})
}

// TestLimiterWhilePaced checks that requests are paced even if the limiter permits them immediately.
func TestLimiterWhilePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := closedThrottle(t, time.Second)
		c.Report(mustAdmit(t, c), Accepted, 0)
		start := time.Now()
		for range 5 {
			if _, err := c.Admit(t.Context(), 0, func(context.Context) error { return nil }); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(start); took < 300*time.Millisecond || took > 3*time.Second {
			t.Errorf("5 requests were admitted within %v", took)
		}
	})
}

// TestLimiterFails checks that Admit returns the limiter's error and that the next caller is not blocked.
func TestLimiterFails(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c := new(Control)
			if closed {
				c = closedThrottle(t, time.Second)
			}
			theirs := errors.New("theirs")
			_, err := c.Admit(t.Context(), 0, func(context.Context) error { return theirs })
			var limiterErr *LimiterError
			if !errors.As(err, &limiterErr) || !errors.Is(err, theirs) || err.Error() != "limiter: theirs" {
				t.Errorf("%v", err)
			}
			mustAdmit(t, c)
		})
	}
}
