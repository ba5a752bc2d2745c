package throttle

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// serviceTime is the response time of the simulated server.
const serviceTime = 20 * time.Millisecond

// tokenBucket simulates a quota of rate requests per second, with bursts of up to burst requests.
type tokenBucket struct {
	rate, burst, tokens float64
	last                time.Time
}

func (b *tokenBucket) allow(now time.Time) (bool, time.Duration) {
	// On the first call, last is far in the past, so the bucket is full.
	b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.last).Seconds())
	b.last = now
	if b.tokens < 1 {
		return false, 0
	}
	b.tokens--
	return true, 0
}

// fixedWindow simulates a quota of n requests per period. The first period begins at start.
type fixedWindow struct {
	n      int
	period time.Duration
	start  time.Time
	hint   bool // whether a rejection reports when the period ends

	window time.Duration
	used   int
}

func (w *fixedWindow) allow(now time.Time) (bool, time.Duration) {
	since := now.Sub(w.start)
	if window := since.Truncate(w.period); window != w.window {
		w.window, w.used = window, 0
	}
	if w.used == w.n {
		if w.hint {
			return false, w.window + w.period - since
		}
		return false, 0
	}
	w.used++
	return true, 0
}

// throttleLoad simulates clients that send requests to a server with a quota, in virtual time. Each client has its own
// Control and several workers, which retry calls as package transport does.
type throttleLoad struct {
	clients, workers, calls int // workers and calls are per client
	attempts                int
	limit                   time.Duration
	allow                   func(now time.Time) (bool, time.Duration)

	mu               sync.Mutex
	failed, rejected int
	passed           []time.Duration // times of accepted requests, relative to the start
}

func (l *throttleLoad) run() (took time.Duration) {
	start := time.Now()
	var wg sync.WaitGroup
	for range l.clients {
		var th Control
		calls := make(chan struct{}, l.calls)
		for range l.calls {
			calls <- struct{}{}
		}
		close(calls)
		for range l.workers {
			wg.Go(func() {
				for range calls {
					if err := l.call(&th, start); err != nil {
						l.mu.Lock()
						l.failed++
						l.mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	return time.Since(start)
}

func (l *throttleLoad) call(th *Control, start time.Time) error {
	maxWait := l.limit
	for range l.attempts {
		k, err := th.Admit(context.Background(), maxWait, nil)
		if err != nil {
			return err
		}
		maxWait = max(maxWait-k.Waited, 1)
		time.Sleep(serviceTime / 2)
		l.mu.Lock()
		ok, hint := l.allow(time.Now())
		if ok {
			l.passed = append(l.passed, time.Since(start))
		} else {
			l.rejected++
		}
		l.mu.Unlock()
		time.Sleep(serviceTime / 2)
		if ok {
			th.Report(k, Accepted, 0)
			return nil
		}
		th.Report(k, Throttled, hint)
	}
	return errors.New("attempts used up")
}

// share returns the percentage of requests that the server rejected.
func (l *throttleLoad) share() float64 {
	return 100 * float64(l.rejected) / float64(l.rejected+len(l.passed))
}

// TestThrottleLoad checks how long simulated clients take for their calls and how many of their requests are rejected.
// Every case runs many times, because the results depend on jitter.
func TestThrottleLoad(t *testing.T) {
	t.Parallel()
	runs := 25
	if testing.Short() {
		runs = 5
	}
	bucket40 := func(time.Time) func(time.Time) (bool, time.Duration) {
		return (&tokenBucket{rate: 40, burst: 10}).allow
	}
	window200 := func(hint bool) func(time.Time) func(time.Time) (bool, time.Duration) {
		return func(start time.Time) func(time.Time) (bool, time.Duration) {
			return (&fixedWindow{n: 200, period: time.Minute, start: start, hint: hint}).allow
		}
	}
	for _, tt := range []struct {
		name                    string
		clients, workers, calls int // workers and calls are per client
		attempts                int // maximum number of attempts of a call; 0 means 12
		limit                   time.Duration
		server                  func(start time.Time) func(time.Time) (bool, time.Duration)
		phases                  bool
		ideal, most             time.Duration
		rejected                float64 // maximum percentage of rejected requests
	}{
		{name: "bucket/1_client", clients: 1, workers: 16, calls: 2400, server: bucket40, ideal: 60 * time.Second, most: 66 * time.Second, rejected: 10},
		{name: "bucket/4_clients_of_4_workers", clients: 4, workers: 4, calls: 600, server: bucket40, ideal: 60 * time.Second, most: 66 * time.Second, rejected: 10},
		{name: "bucket/4_clients_of_16_workers", clients: 4, workers: 16, calls: 600, server: bucket40, ideal: 60 * time.Second, most: 66 * time.Second, rejected: 10},
		{name: "bucket/short", clients: 1, workers: 16, calls: 240, server: bucket40, ideal: 6 * time.Second, most: 10 * time.Second, rejected: 10},
		// Without jitter, the same worker would be throttled every time.
		{name: "bucket/in_step", clients: 1, workers: 16, calls: 1000, server: func(time.Time) func(time.Time) (bool, time.Duration) {
			return (&tokenBucket{rate: 10, burst: 1.25}).allow
		}, ideal: 100 * time.Second, most: 130 * time.Second, rejected: 20},
		{name: "window/hint", clients: 1, workers: 16, calls: 600, server: window200(true), ideal: 120 * time.Second, most: 132 * time.Second, rejected: 10},
		{name: "window/hint_4_clients", clients: 4, workers: 4, calls: 150, server: window200(true), ideal: 120 * time.Second, most: 132 * time.Second, rejected: 10},
		{name: "window/hint_phases", clients: 1, workers: 16, calls: 600, server: window200(true), phases: true, ideal: 120 * time.Second, most: 132 * time.Second, rejected: 10},
		{name: "window/no_hint", clients: 1, workers: 16, calls: 600, server: window200(false), ideal: 120 * time.Second, most: 132 * time.Second, rejected: 10},
		{name: "window/no_hint_phases", clients: 1, workers: 16, calls: 600, server: window200(false), phases: true, ideal: 120 * time.Second, most: 132 * time.Second, rejected: 10},
		// Each client has to find out when quota is available again. The first client to do so may use up the new
		// quota.
		{name: "window/no_hint_4_clients", clients: 4, workers: 4, calls: 150, attempts: 30, limit: 5 * time.Minute, server: window200(false), ideal: 120 * time.Second, most: 140 * time.Second, rejected: 20},
		// With a single worker, a call needs more attempts, because the worker itself sends every probe.
		{name: "window/no_hint_1_worker", clients: 1, workers: 1, calls: 600, attempts: 20, server: window200(false), phases: true, ideal: 120 * time.Second, most: 135 * time.Second, rejected: 10},
		{name: "window/short", clients: 1, workers: 6, calls: 60, server: func(start time.Time) func(time.Time) (bool, time.Duration) {
			return (&fixedWindow{n: 20, period: 3 * time.Second, start: start}).allow
		}, ideal: 6 * time.Second, most: 20 * time.Second, rejected: 60},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var shares, times []float64
			for i := range runs {
				synctest.Test(t, func(t *testing.T) {
					start, ideal := time.Now(), tt.ideal
					if tt.phases {
						phase := time.Duration(i) * time.Minute / time.Duration(runs)
						start, ideal = start.Add(-phase), ideal-phase
					}
					l := &throttleLoad{
						clients: tt.clients, workers: tt.workers, calls: tt.calls, allow: tt.server(start),
						attempts: 12, limit: 2 * time.Minute,
					}
					if tt.attempts > 0 {
						l.attempts = tt.attempts
					}
					if tt.limit > 0 {
						l.limit = tt.limit
					}
					took := l.run()
					shares, times = append(shares, l.share()), append(times, 100*(took.Seconds()/ideal.Seconds()-1))
					if l.failed > 0 || len(l.passed) != tt.clients*tt.calls || l.share() > tt.rejected || took > tt.most {
						t.Errorf("run %d: %d calls failed, %d passed in %v (ideal %v, at most %v), %.1f %% rejected (at most %v)",
							i, l.failed, len(l.passed), took, ideal, tt.most, l.share(), tt.rejected)
					}
				})
			}
			slices.Sort(shares)
			slices.Sort(times)
			t.Logf("%d runs: rejected %.1f %% (at most %.1f), over the ideal time %.1f %% (at most %.1f)",
				runs, shares[runs/2], shares[runs-1], times[runs/2], times[runs-1])
		})
	}
}

// TestThrottleFollows checks that the rate of requests decreases when the quota decreases, and increases when the quota
// increases.
func TestThrottleFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quota, start := tokenBucket{burst: 10}, time.Now()
		l := &throttleLoad{clients: 1, workers: 16, calls: 4500, attempts: 12, limit: 2 * time.Minute}
		var rejected [5]int // number of rejected requests in each period of 30 s
		l.allow = func(now time.Time) (bool, time.Duration) {
			period := int(now.Sub(start) / (30 * time.Second))
			quota.rate = []float64{40, 5, 100, 100, 100}[min(period, 4)]
			ok, hint := quota.allow(now)
			if !ok {
				rejected[min(period, 4)]++
			}
			return ok, hint
		}
		l.run()
		if l.failed > 0 {
			t.Errorf("%d calls failed", l.failed)
		}
		for _, tt := range []struct {
			quota    float64
			from, to time.Duration
		}{{40, 10 * time.Second, 30 * time.Second}, {5, 40 * time.Second, 60 * time.Second}, {100, 75 * time.Second, 90 * time.Second}} {
			n := 0
			for _, at := range l.passed {
				if tt.from < at && at <= tt.to {
					n++
				}
			}
			rate := float64(n) / (tt.to - tt.from).Seconds()
			t.Logf("quota %v/s: %.1f/s passed, %d rejected in its half minute", tt.quota, rate, rejected[tt.from/(30*time.Second)])
			if rate < 0.85*tt.quota {
				t.Errorf("quota %v/s: only %.1f/s used", tt.quota, rate)
			}
			if got := float64(rejected[tt.from/(30*time.Second)]); got > 0.35*tt.quota*30 {
				t.Errorf("quota %v/s: %v requests rejected in 30 s", tt.quota, got)
			}
		}
	})
}

// closedThrottle returns a Control in the closed state. It admits no request for retryAfter or, if retryAfter is 0, for
// a time that the Control chooses.
func closedThrottle(t *testing.T, retryAfter time.Duration) *Control {
	t.Helper()
	th := new(Control)
	th.Report(mustAdmit(t, th), Throttled, retryAfter)
	return th
}

func waiting(th *Control) int {
	th.mu.Lock()
	defer th.mu.Unlock()
	return th.queue.Len()
}

func mustAdmit(t *testing.T, th *Control) Ticket {
	t.Helper()
	k, err := th.Admit(t.Context(), 0, nil)
	if err != nil {
		t.Error(err)
	}
	return k
}

func TestThrottleCancelledWaiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := closedThrottle(t, 10*time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var left, stayed sync.WaitGroup
		errs := make(chan error, 1000)
		for i := range 1010 {
			if i%101 == 0 {
				stayed.Go(func() { th.Report(mustAdmit(t, th), Accepted, 0) })
				continue
			}
			left.Go(func() {
				_, err := th.Admit(ctx, 0, nil)
				errs <- err
			})
		}
		synctest.Wait()
		if n := waiting(th); n != 1010 {
			t.Fatalf("%d callers are waiting, want 1010", n)
		}
		cancel()
		left.Wait()
		if took := time.Since(start); took != 0 {
			t.Errorf("the canceled callers returned after %v", took)
		}
		for range cap(errs) {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		}
		if n := waiting(th); n != 10 {
			t.Errorf("%d callers are still waiting, want 10", n)
		}
		stayed.Wait()
		if took := time.Since(start); took < 10*time.Second || took > 12*time.Second || waiting(th) != 0 {
			t.Errorf("the remaining callers were admitted after %v, and %d are left", took, waiting(th))
		}
	})
}

// TestThrottleLateProbe checks the late response to a probe that has timed out. If the next probe has been accepted,
// the late response must change nothing.
func TestThrottleLateProbe(t *testing.T) {
	t.Parallel()
	for _, outcome := range []Outcome{Accepted, Unknown} {
		synctest.Test(t, func(t *testing.T) {
			th := closedThrottle(t, time.Second)
			late := mustAdmit(t, th)
			th.Report(mustAdmit(t, th), Accepted, 0)
			started, next := th.regrowthStart, th.nextSendTime()
			time.Sleep(time.Second)
			th.Report(late, outcome, 0)
			if th.regrowthStart != started || th.nextSendTime() != next {
				t.Errorf("outcome %d: the next request is delayed by %v", outcome, th.nextSendTime().Sub(next))
			}
		})
	}
}

// TestThrottleDeadlineBehindOthers checks a caller in the middle of the queue. The caller must fail as soon as the
// Control knows that no request can be sent before the caller's deadline.
func TestThrottleDeadlineBehindOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := closedThrottle(t, time.Second)
		probe := mustAdmit(t, th)
		start := time.Now()
		front, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = th.Admit(front, 0, nil) })
		synctest.Wait()
		wg.Go(func() {
			defer leave()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := th.Admit(ctx, 0, nil); !errors.Is(err, ErrPastDeadline) || time.Since(start) != 2*time.Second {
				t.Errorf("Admit returned %v after %v", err, time.Since(start))
			}
		})
		time.Sleep(2 * time.Second)
		th.Report(probe, Throttled, time.Minute)
		wg.Wait()
	})
}

func TestThrottleWaitTooLong(t *testing.T) {
	t.Parallel()
	within := func(d time.Duration) func(*testing.T, *Control) error {
		return func(t *testing.T, th *Control) error {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			_, err := th.Admit(ctx, time.Hour, nil)
			return err
		}
	}
	limit := func(d time.Duration) func(*testing.T, *Control) error {
		return func(t *testing.T, th *Control) error {
			_, err := th.Admit(t.Context(), d, nil)
			return err
		}
	}
	for _, tt := range []struct {
		name  string
		admit func(*testing.T, *Control) error
		want  error
		setup func(*testing.T, *Control) // prepares the Control before the call
		after time.Duration              // time from the start of the call to its failure
		hint  time.Duration
	}{
		{name: "deadline", want: ErrPastDeadline, admit: within(time.Second), hint: time.Minute},
		{name: "limit", want: ErrWaitedTooLong, admit: limit(time.Second), hint: time.Minute},
		{name: "known_later", want: ErrWaitedTooLong, admit: limit(5 * time.Second), hint: time.Second, after: time.Second + serviceTime, setup: func(t *testing.T, th *Control) {
			go func() { // a probe that is ahead of the call in the queue
				k := mustAdmit(t, th)
				time.Sleep(serviceTime)
				th.Report(k, Throttled, time.Minute)
			}()
			synctest.Wait()
			go func() { _, _ = th.Admit(t.Context(), 0, nil) }() // another caller, whose wait is not limited
			synctest.Wait()
		}},
		{name: "never_known", want: ErrWaitedTooLong, admit: limit(5 * time.Second), hint: time.Second, after: 5 * time.Second, setup: func(t *testing.T, th *Control) {
			go mustAdmit(t, th) // a probe that never receives a response
			synctest.Wait()
		}},
		{name: "limit_over", want: ErrWaitedTooLong, admit: limit(1), hint: time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				th := closedThrottle(t, tt.hint)
				if tt.setup != nil {
					tt.setup(t, th)
				}
				start := time.Now()
				err := tt.admit(t, th)
				if !errors.Is(err, tt.want) || errors.Is(err, context.DeadlineExceeded) != (tt.want == ErrPastDeadline) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took != tt.after {
					t.Errorf("failed after %v, want %v", took, tt.after)
				}
			})
		})
	}
}

func TestThrottleContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		done, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := new(Control).Admit(done, 0, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("free state and a context that is done: %v", err)
		}
		th := closedThrottle(t, time.Second)
		go mustAdmit(t, th) // the next send time is unknown until the response arrives
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := th.Admit(ctx, 0, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// TestThrottleGaps checks the pause between a throttled response and the next request, with and without a wait
// requested by the server.
func TestThrottleGaps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var th Control
		last := time.Now()
		gap := func(hint time.Duration) time.Duration {
			th.Report(mustAdmit(t, &th), Throttled, hint)
			k := mustAdmit(t, &th)
			d := time.Since(last)
			last = time.Now()
			th.Report(k, Unknown, 0) // the next request is sent immediately
			return d
		}
		jittered := false
		for i := range 10 {
			low := min(100*time.Millisecond<<i, 8*time.Second)
			got := gap(0)
			if got < low || got > low+low/4 || got > 10*time.Second {
				t.Errorf("gap %d is %v, want %v or up to a quarter more", i, got, low)
			}
			jittered = jittered || got != low
		}
		if !jittered {
			t.Error("no jitter")
		}
		if got := gap(1500 * time.Millisecond); got != 1500*time.Millisecond {
			t.Errorf("the pause is %v, although the server asked for 1.5 s", got)
		}
		if got := gap(time.Millisecond); got < 8*time.Second {
			t.Errorf("the pause is %v, although the 1 ms that the server asked for is too short to be plausible", got)
		}
	})
}

// TestThrottleInFlight checks that only the first of many throttled responses changes the state of a Control.
func TestThrottleInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var th Control
		var tickets []Ticket
		for range 20 {
			tickets = append(tickets, mustAdmit(t, &th))
		}
		start := time.Now()
		for i, k := range tickets {
			th.Report(k, Throttled, time.Duration(i+1)*time.Second)
		}
		th.Report(tickets[0], Accepted, 0)
		k := mustAdmit(t, &th)
		if got := time.Since(start); got != time.Second || !k.probe {
			t.Errorf("the probe was sent after %v, want 1s", got)
		}
		th.Report(tickets[1], Throttled, time.Minute)
		th.Report(k, Accepted, 0)
		mustAdmit(t, &th)
		if got := time.Since(start); got > 1100*time.Millisecond {
			t.Errorf("a request was admitted after %v, want at most 1.1s", got)
		}
	})
}

func TestThrottleProbes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		play func(t *testing.T, th *Control, probe Ticket) // reports outcomes while the first probe is in flight
		want time.Duration                                 // time until the next request is sent
	}{
		{"one_at_a_time", func(t *testing.T, th *Control, probe Ticket) {
			time.AfterFunc(time.Second, func() { th.Report(probe, Accepted, 0) })
		}, time.Second},
		{"cancelled", func(t *testing.T, th *Control, probe Ticket) {
			time.AfterFunc(time.Second, func() { th.Report(probe, Unknown, time.Minute) })
		}, time.Second},
		{"hangs", func(*testing.T, *Control, Ticket) {}, probeTimeout},
		{"rejected_late", func(t *testing.T, th *Control, probe Ticket) { // a second probe is in flight
			second := mustAdmit(t, th)
			th.Report(probe, Throttled, time.Minute)
			time.AfterFunc(time.Second, func() { th.Report(second, Accepted, 0) })
		}, probeTimeout + time.Second},
		{"cancelled_late", func(t *testing.T, th *Control, probe Ticket) {
			mustAdmit(t, th)
			th.Report(probe, Unknown, 0)
		}, 2 * probeTimeout},
		{"accepted_late", func(t *testing.T, th *Control, probe Ticket) { // even a late response shows that quota is available
			mustAdmit(t, th)
			time.AfterFunc(time.Second, func() { th.Report(probe, Accepted, 0) })
		}, probeTimeout + time.Second},
		// Before the response to the first probe arrives, a second probe is accepted and another request is throttled.
		{"accepted_too_late", func(t *testing.T, th *Control, probe Ticket) {
			th.Report(mustAdmit(t, th), Accepted, 0)
			th.Report(mustAdmit(t, th), Throttled, time.Minute)
			th.Report(probe, Accepted, 0)
		}, probeTimeout + time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				th := closedThrottle(t, time.Second)
				probe := mustAdmit(t, th)
				start := time.Now()
				tt.play(t, th, probe)
				mustAdmit(t, th)
				// After a probe has been accepted, pacing may delay the next request.
				if got := time.Since(start); got < tt.want || got > tt.want+2*interval(minRate) {
					t.Errorf("the next request was sent after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestThrottleOrder checks that callers are admitted in the order of their calls.
func TestThrottleOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := closedThrottle(t, time.Second)
		var mu sync.Mutex
		var got []int
		var at []time.Duration
		var wg sync.WaitGroup
		start := time.Now()
		for i := range 100 {
			wg.Go(func() {
				k := mustAdmit(t, th)
				mu.Lock()
				got, at = append(got, i), append(at, time.Since(start))
				mu.Unlock()
				th.Report(k, Accepted, 0)
			})
			synctest.Wait()
		}
		wg.Wait()
		if !slices.IsSorted(got) || len(got) != 100 {
			t.Errorf("callers were admitted in the order %v", got)
		}
		if at[0] != time.Second || !slices.IsSorted(at) || len(slices.Compact(at)) < 50 {
			t.Errorf("callers were admitted at %v", at)
		}
	})
}

// TestThrottleOvertaking checks that a caller never overtakes the caller at the front of the queue.
func TestThrottleOvertaking(t *testing.T) {
	t.Parallel()
	for range 50 { // repeated, because the scheduler decides which goroutine runs first
		synctest.Test(t, func(t *testing.T) {
			th := closedThrottle(t, time.Second)
			var first sync.WaitGroup
			first.Go(func() { th.Report(mustAdmit(t, th), Accepted, 0) })
			synctest.Wait()
			time.Sleep(time.Second)
			k := mustAdmit(t, th)
			th.Report(k, Accepted, 0)
			if k.probe {
				t.Error("the new caller overtook the front of the queue")
			}
			first.Wait()
		})
	}
}

// TestThrottleFreeAgain checks that requests are no longer paced after a minute without throttling.
func TestThrottleFreeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := closedThrottle(t, time.Second)
		th.Report(mustAdmit(t, th), Accepted, 0)
		start := time.Now()
		mustAdmit(t, th)
		if time.Since(start) == 0 || !th.paced {
			t.Error("requests are not paced after a throttled response")
		}
		time.Sleep(freeAfter + time.Second)
		start = time.Now()
		for range 10_000 {
			th.Report(mustAdmit(t, th), Accepted, 0)
		}
		if took := time.Since(start); took != 0 || th.paced {
			t.Errorf("10,000 requests took %v, still paced: %v", took, th.paced)
		}
		// The new rate must be based on the rate of the requests that were actually sent.
		th.Report(mustAdmit(t, th), Throttled, 0)
		if want := 10_001 / rateSpan.Seconds(); math.Abs(th.rateAtThrottle-want) > 1 {
			t.Errorf("throttled at %.0f/s, want %.0f", th.rateAtThrottle, want)
		}
	})
}

func BenchmarkThrottle(b *testing.B) {
	for _, cores := range []string{"serial", "parallel"} {
		b.Run(cores, func(b *testing.B) {
			b.ReportAllocs()
			var th Control
			one := func() {
				k, err := th.Admit(b.Context(), 0, nil)
				if err != nil {
					b.Error(err)
				}
				th.Report(k, Accepted, 0)
			}
			if cores == "serial" {
				for b.Loop() {
					one()
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					one()
				}
			})
		})
	}
}

func TestThrottleFloor(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, peak := range []float64{0, 0.1, 0.5, 0.7} {
		if got := (&Control{rateAtThrottle: peak, regrowthStart: now}).regrownRate(now); got != 0.5 {
			t.Errorf("peak %v: %v requests a second, want 0.5", peak, got)
		}
	}
}
