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

// TestRetryBudgetOfCalls checks that every operation in every region has its own retry budget. It also checks that the
// error mentions the budget if the budget is used up.
func TestRetryBudgetOfCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(_ int, r *http.Request) (*http.Response, error) { return respond(503, ""), nil }, nil)
		for range 200 {
			_, _ = g.Do(t.Context(), call())
		}
		if n := len(g.requests); n > 200*12/10+retryBudget+1 {
			t.Errorf("%d requests for 200 calls", n)
		}
		refused := 0
		for range 10 {
			_, err := g.Do(t.Context(), call())
			if f := err.(*Failure); f.Attempts == 1 && strings.Contains(f.Advice, "too many calls are failing") { //nolint:errorlint // Do returns a *Failure, not wrapped
				refused++
			}
		}
		if refused < 6 {
			t.Errorf("only %d of 10 errors say why the call was not retried", refused)
		}
		for _, other := range []func(*Call){func(c *Call) { c.Region = "cn-other" }, func(c *Call) { c.Action = "DescribeRegions" }} {
			c := call()
			other(&c)
			if meta, _ := g.Do(t.Context(), c); meta.Attempts != 3 {
				t.Errorf("%s in %s had %d attempts", c.Action, c.Region, meta.Attempts)
			}
		}
	})
}

// TestPartialOutage checks that all callers succeed, without too many retries, while half of the requests fail.
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

// testPolicy is a retry policy whose delays are so short that tests need not wait.
var testPolicy = Policy{MinDelay: 2, MaxDelay: 2}.withDefaults()

// TestRetryBudget checks how many retries the budget permits if a server stays down, and checks that responses refill
// the budget.
func TestRetryBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o outage
		retries := 0
		try := func() bool { return o.await(t.Context(), testPolicy, time.Now(), time.Now().Add(time.Second)) == nil }
		for range 1000 { // the server is down, and each call tries to retry twice
			o.addCall()
			for range 2 {
				o.reportFault(testPolicy)
				if try() {
					retries++
				}
			}
		}
		if want := retryBudget + 1000/5; retries < want-2 || retries > want {
			t.Errorf("%d retries for 1000 calls, want %d", retries, want)
		}
		for range retryBudget {
			o.reportResponse()
		}
		for i := range retryBudget {
			if !try() {
				t.Fatalf("the budget was not refilled: only %d retries", i)
			}
		}
	})
}

// TestRetryBudgetBounds checks that calls and responses do not extend the budget beyond retryBudget, and that one
// response adds one retry.
func TestRetryBudgetBounds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spent float64
		add   func(*outage)
		want  int
	}{
		"calls":        {0, func(o *outage) { o.addCall() }, retryBudget},
		"responses":    {0, func(o *outage) { o.reportResponse() }, retryBudget},
		"one response": {retryBudget + 99, func(o *outage) { o.reportResponse() }, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := outage{spent: c.spent}
			for range 100 {
				c.add(&o)
			}
			o.reportFault(testPolicy)
			retries := 0
			for o.await(t.Context(), testPolicy, time.Now(), time.Now().Add(time.Second)) == nil {
				retries++
			}
			if retries != c.want {
				t.Errorf("%s: %d retries, want %d", name, retries, c.want)
			}
		})
	}
}

// TestRetryBudgetWhileUp checks a retry when the budget is used up. The retry must wait as long as the service is up,
// and must fail when the service goes down.
func TestRetryBudgetWhileUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		report func(*outage)
		want   error
	}{
		"a response": {func(o *outage) { o.reportResponse() }, nil},
		"a fault":    {func(o *outage) { o.reportFault(testPolicy) }, errBudgetSpent},
		"nothing":    {func(*outage) {}, errNoTimeLeft},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := outage{spent: retryBudget}
			start := time.Now()
			time.AfterFunc(time.Second, func() { c.report(&o) })
			err := o.await(t.Context(), testPolicy, start, start.Add(time.Minute))
			if took := time.Since(start); !errors.Is(err, c.want) || c.want == nil && err != nil || name != "nothing" && took > time.Second+testPolicy.MaxDelay {
				t.Errorf("%s: await returned %v after %v", name, err, took)
			}
		})
	}
}

// TestProbes checks the pauses between probes, the retries that test whether a failed service responds again. After the
// service has responded, other retries must be sent immediately.
func TestProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := Policy{MinDelay: time.Second, MaxDelay: time.Second}
		var o outage
		o.reportFault(p)
		for i := range 3 {
			start := time.Now()
			if err := o.await(t.Context(), p, start, start.Add(time.Hour)); err != nil || time.Since(start) < 2*time.Second/3 || time.Since(start) > time.Second {
				t.Errorf("probe %d: await returned %v after %v", i+1, err, time.Since(start))
			}
			o.reportFault(p)
		}
		o.reportResponse()
		start := time.Now()
		if err := o.await(t.Context(), p, start, start.Add(time.Hour)); err != nil || time.Since(start) != 0 {
			t.Errorf("after a response, await returned %v after %v", err, time.Since(start))
		}
	})
}

// TestAwait checks when await returns and with which error.
func TestAwait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o outage
		start := time.Now()
		if err := o.await(t.Context(), testPolicy, start.Add(time.Second), start.Add(time.Hour)); err != nil || time.Since(start) != time.Second {
			t.Errorf("await returned %v after %v", err, time.Since(start))
		}

		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := o.await(ctx, testPolicy, start.Add(time.Second+1), start.Add(time.Hour))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errPastDeadline) || time.Since(start) != 0 {
			t.Errorf("wait beyond the deadline: await returned %v after %v", err, time.Since(start))
		}
		var timeout interface {
			Timeout() bool
			Temporary() bool
		}
		if !errors.As(err, &timeout) || !timeout.Timeout() || !timeout.Temporary() {
			t.Errorf("%v is not a timeout", err)
		}

		cause := errors.New("cause")
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { stop(cause) })
		start = time.Now()
		if err = o.await(ctx, testPolicy, start.Add(time.Minute), start.Add(time.Hour)); !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || time.Since(start) != time.Second {
			t.Errorf("canceled context: await returned %v after %v", err, time.Since(start))
		}
		if err.Error() == "" || ContextError(ctx).Error() != "context canceled: cause" {
			t.Errorf("%v", ContextError(ctx))
		}
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if text := ContextError(ctx).Error(); text != "context canceled" {
			t.Errorf("without a cause, the error is %q", text)
		}
	})
}
