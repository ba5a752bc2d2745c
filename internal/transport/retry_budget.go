package transport

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/throttle"
)

const (
	// retryBudget is the number of retries that are available during short disruptions.
	retryBudget = 50
	// budgetPerCall is how much each call adds to the budget. In the long run, a server that stays down receives
	// about 1.2 requests per call.
	budgetPerCall = 0.2
)

var (
	// errPastDeadline means that a wait would exceed the context's deadline.
	errPastDeadline error = throttle.DeadlineError("the wait before the next attempt would pass the context's deadline")
	// errBudgetSpent means that the retry budget is used up because too many calls have failed.
	errBudgetSpent = errors.New("the retry budget is used up")
	// errNoTimeLeft means that no time is left for retries.
	errNoTimeLeft = errors.New("no time is left for retries")
)

// outage coordinates the retries of all calls of a scope. The service counts as down from a failure until the next
// response. During that time the waiting calls share their retries: one of them sends a probe, with growing pauses
// between probes, and the others follow when the service responds. The number of requests during an outage thus
// does not depend on the number of callers. A new call always sends its first request.
//
// Every retry takes one from the retry budget. Every response adds one, and every call adds a fifth. If the budget
// is spent, a retry fails while the service is down; otherwise it waits for the responses to other calls.
//
// The zero value has a full budget. It is safe for concurrent use.
type outage struct {
	mu      sync.Mutex
	spent   float64 // how much of retryBudget is used
	down    bool
	probes  int       // probes sent since the last response
	probeAt time.Time // while down, when the next probe may be sent

	changed chan struct{} // closed to make the calls in await check the state; nil until one waits
}

// addCall adds the share of a new call to the budget.
func (o *outage) addCall() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spent = max(0, o.spent-budgetPerCall)
}

// reportResponse records that the service responded.
func (o *outage) reportResponse() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spent = max(0, o.spent-1)
	o.down, o.probes = false, 0
	o.wakeAll()
}

// reportFault records that a request failed for a temporary reason.
func (o *outage) reportFault(p Policy) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return
	}
	o.down, o.probes = true, 0
	o.probeAt = time.Now().Add(p.probeSpacing(1))
	o.wakeAll()
}

func (o *outage) wakeAll() {
	if o.changed != nil {
		close(o.changed)
		o.changed = nil
	}
}

// await waits until a retry may be sent, but at least until earliest. It returns errNoTimeLeft once giveUp is reached,
// errBudgetSpent, errPastDeadline, or the context's error.
func (o *outage) await(ctx context.Context, p Policy, earliest, giveUp time.Time) error {
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(earliest) {
		return errPastDeadline
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		now := time.Now()
		next, err := o.tryRetry(p, now, earliest)
		if err != nil || !next.After(now) {
			return err
		}
		if !giveUp.After(now) {
			return errNoTimeLeft
		}
		if err := o.pause(ctx, min(next.Sub(now), giveUp.Sub(now))); err != nil {
			return err
		}
	}
}

// tryRetry takes a retry from the budget and returns now. If no retry is available, it returns when to try next.
func (o *outage) tryRetry(p Policy, now, earliest time.Time) (next time.Time, err error) {
	next = earliest
	if o.down && o.probeAt.After(next) {
		next = o.probeAt
	}
	switch {
	case next.After(now):
		return next, nil
	case o.spent+1 <= retryBudget:
	case o.down:
		return now, errBudgetSpent
	default: // the responses to other calls will refill the budget
		return now.Add(time.Hour), nil
	}
	o.spent++
	if o.down {
		o.probes++
		o.probeAt = now.Add(p.probeSpacing(o.probes + 1))
	}
	return now, nil
}

// pause waits for d or for a change of the state, with o.mu unlocked.
func (o *outage) pause(ctx context.Context, d time.Duration) error {
	if o.changed == nil {
		o.changed = make(chan struct{})
	}
	changed := o.changed
	o.mu.Unlock()
	defer o.mu.Lock()
	select {
	case <-changed:
	case <-time.After(d):
	case <-ctx.Done():
		return ContextError(ctx)
	}
	return nil
}
