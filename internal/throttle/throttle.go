// Package throttle paces the requests of one quota: it learns from the server's responses how fast requests may be sent.
package throttle

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of [Control.Admit], besides the context's own and a *LimiterError.
var (
	// ErrPastDeadline says that no request can be sent before the context's deadline. The context may not be done yet.
	ErrPastDeadline error = pastDeadlineError{}
	// ErrWaitedTooLong says that the caller's longest wait is over, or is known to be too short.
	ErrWaitedTooLong = errors.New("throttled: no quota within the longest wait")
)

type pastDeadlineError struct{}

func (pastDeadlineError) Error() string {
	return "throttled: the wait for quota would pass the context's deadline"
}
func (pastDeadlineError) Timeout() bool        { return true }
func (pastDeadlineError) Temporary() bool      { return true }
func (pastDeadlineError) Is(target error) bool { return target == context.DeadlineExceeded }

// LimiterError is an error of the limiter given to [Control.Admit].
type LimiterError struct{ Err error }

// Error returns the limiter's own text.
func (e *LimiterError) Error() string { return fmt.Sprint("limiter: ", e.Err) }

// Unwrap returns the limiter's error.
func (e *LimiterError) Unwrap() error { return e.Err }

// Outcome is what the response to a request says about the quota.
type Outcome int

// The outcomes of a request.
const (
	Accepted  Outcome = iota // the server processed the request
	Throttled                // the server rejected it because the quota is used up
	Unknown                  // nothing: another failure, or the request was cancelled or never sent
)

// Ticket is the permission to send one request.
type Ticket struct {
	// Waited is how long the caller waited for the quota, without the time spent in a limiter.
	Waited time.Duration

	seq   uint64 // Control.seq when the ticket was issued
	probe bool
}

// Admit waits, first in first out, until a request may be sent. Every ticket must be reported exactly once with
// [Control.Report].
//
// limiter, when not nil, is waited for immediately before the ticket is issued, so that a limit of the caller's own holds
// for the requests that are really sent. It is called again for the same request only if the quota ran out meanwhile. Until
// the first throttled response, all callers wait for it at the same time; afterwards only the first in the queue does.
//
// Admit returns the context's error as soon as ctx is done, [ErrPastDeadline] as soon as it is known that no request can be
// sent before the deadline of ctx, and [ErrWaitedTooLong] as soon as the same is known for maxWait (0: no limit). The time
// that anybody spends in a limiter does not count as waiting for quota.
func (c *Control) Admit(ctx context.Context, maxWait time.Duration, limiter func(context.Context) error) (Ticket, error) {
	if err := ctx.Err(); err != nil {
		return Ticket{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if limiter == nil {
		if now := time.Now(); c.queue.Len() == 0 && !c.nextSendTime().After(now) {
			return c.issueTicket(now), nil
		}
	} else if c.free() {
		if err := c.passLimiter(ctx, limiter); err != nil {
			return Ticket{}, err
		}
		if c.free() { // still, so the limiter alone decides about the order
			return c.issueTicket(time.Now()), nil
		}
	}
	return c.waitInQueue(ctx, maxWait, limiter)
}

// passLimiter waits for the limiter. It is called, and returns or panics, with c.mu locked.
func (c *Control) passLimiter(ctx context.Context, limiter func(context.Context) error) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	if err := limiter(ctx); err != nil {
		return &LimiterError{err}
	}
	return ctx.Err()
}

// Report says how the request of a ticket ended. retryAfter is how long the server asked to wait (0: it did not say); it
// counts for throttled requests only, and is bounded by the caller. Responses to requests that were sent before the gate
// closed say nothing new and change nothing.
func (c *Control) Report(t Ticket, o Outcome, retryAfter time.Duration) {
	if o != Throttled && !t.probe {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reportOutcome(time.Now(), t, o, retryAfter)
	c.wakeFront()
}
