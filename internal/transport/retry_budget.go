package transport

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/throttle"
)

const (
	// retryBudget is the maximum number of retries in the budget. A full budget is sufficient for short disruptions.
	retryBudget = 50
	// budgetPerCall is the number of retries that each call adds to the budget. A server that stays down therefore
	// receives an average of about 1.2 requests per call.
	budgetPerCall = 0.2
)

var (
	// errPastDeadline means that the next attempt could not start before the context's deadline.
	errPastDeadline error = throttle.DeadlineError("the next attempt would start after the context's deadline")
	// errBudgetSpent means that the retry budget is used up because too many calls have failed.
	errBudgetSpent = errors.New("the retry budget is used up")
	// errNoTimeLeft means that the time limit of the retry policy was reached before a retry could be sent.
	errNoTimeLeft = errors.New("no time is left for retries")
)

// outage coordinates the retries of all calls that share a quotaScope. After a temporary failure, the service is
// considered down until it responds. Meanwhile, only one call at a time sends a retry, with increasing pauses. This
// retry is called a probe. When the service responds, the other calls send their retries. The first request of a new
// call is never delayed.
//
// Every retry uses one unit of the retry budget. Every response adds one unit, and every new call adds 0.2 units. If
// the budget is used up, a call fails if the service is down. If the service is not down, the call waits until
// responses to other calls refill the budget.
//
// The zero value has a full budget. An outage is safe for concurrent use.
type outage struct {
	mu      sync.Mutex
	spent   float64 // how much of retryBudget has been used
	down    bool
	probes  int       // probes sent since the last response
	probeAt time.Time // when the next probe may be sent, if the service is down

	changed chan struct{} // closed when the state changes, to wake the calls in await; nil if no call is waiting
}

// addCall adds budgetPerCall to the retry budget for a new call.
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

// reportFault records that a request failed for a temporary reason, such as a network error.
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

// await waits until a retry may be sent, but at least until earliest. It returns one of the following errors if no
// retry may be sent: errNoTimeLeft at the time giveUp, errBudgetSpent if the retry budget is used up, errPastDeadline
// if the context's deadline is before earliest, or the context's error when ctx is done.
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

// tryRetry takes one retry from the budget and returns the current time, now. If no retry may be sent yet, it takes
// nothing from the budget and returns the time at which to call tryRetry again.
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
	default: // responses to other calls refill the budget and wake this call
		return now.Add(time.Hour), nil
	}
	o.spent++
	if o.down {
		o.probes++
		o.probeAt = now.Add(p.probeSpacing(o.probes + 1))
	}
	return now, nil
}

// pause waits until d has passed, the state of the outage has changed, or ctx is done. It returns an error only if ctx
// is done. It unlocks o.mu while it waits.
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
