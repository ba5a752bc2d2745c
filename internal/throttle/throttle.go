// Package throttle paces the requests of one quota: it learns from the server's responses how fast requests may be sent.
package throttle

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors returned by [Control.Admit], in addition to the error of the context and *LimiterError.
var (
	// ErrPastDeadline means that no request can be sent before the context's deadline. The context itself may not
	// be done yet.
	ErrPastDeadline error = DeadlineError("throttled: the wait for quota would pass the context's deadline")
	// ErrWaitedTooLong means that the caller's maximum wait is over, or would end before a request can be sent.
	ErrWaitedTooLong = errors.New("throttled: no quota available within the maximum wait")
)

// DeadlineError means that a wait would pass the context's deadline. It matches context.DeadlineExceeded.
type DeadlineError string

// Error returns the text.
func (e DeadlineError) Error() string { return string(e) }

// Timeout returns true, as that of context.DeadlineExceeded.
func (DeadlineError) Timeout() bool { return true }

// Temporary returns true, as that of context.DeadlineExceeded.
func (DeadlineError) Temporary() bool { return true }

// Is reports whether target is context.DeadlineExceeded.
func (DeadlineError) Is(target error) bool { return target == context.DeadlineExceeded }

// LimiterError wraps an error of the limiter that was passed to [Control.Admit].
type LimiterError struct{ Err error }

// Error returns the text of the limiter's error.
func (e *LimiterError) Error() string { return fmt.Sprint("limiter: ", e.Err) }

// Unwrap returns the limiter's error.
func (e *LimiterError) Unwrap() error { return e.Err }

// Outcome is what the response to a request reveals about the quota.
type Outcome int

// The outcomes of a request.
const (
	Accepted  Outcome = iota // the server processed the request
	Throttled                // the server rejected it because the quota is used up
	Unknown                  // no information: the request failed in another way, was canceled, or was never sent
)

// Ticket is the permission to send one request.
type Ticket struct {
	// Waited is how long the caller waited for the quota, excluding the time spent in a limiter.
	Waited time.Duration

	seq   uint64 // Control.seq when the ticket was issued
	probe bool
}

// Admit waits, first in first out, until a request may be sent. Every ticket must be reported exactly once with
// [Control.Report].
//
// If limiter is not nil, Admit calls it immediately before issuing the ticket, so that the caller's own limit
// applies to the requests that are actually sent. It is called more than once for the same request only if the
// quota was used up in the meantime. Until the first throttled response, all callers wait for the limiter
// concurrently; afterwards only the first caller in the queue does.
//
// Admit returns the context's error as soon as ctx is done, [ErrPastDeadline] as soon as it is known that no
// request can be sent before the deadline of ctx, and [ErrWaitedTooLong] as soon as the same is known for maxWait
// (0 means no limit). Time that any caller spends in a limiter does not count as waiting for quota.
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
		if c.free() { // still free, so only the limiter determines the order
			return c.issueTicket(time.Now()), nil
		}
	}
	return c.waitInQueue(ctx, maxWait, limiter)
}

// passLimiter waits for the limiter. c.mu must be locked; it is also locked when passLimiter returns or panics.
func (c *Control) passLimiter(ctx context.Context, limiter func(context.Context) error) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	if err := limiter(ctx); err != nil {
		return &LimiterError{err}
	}
	return ctx.Err()
}

// Report reports the outcome of the request that the ticket was issued for. retryAfter is how long the server
// asked to wait, or 0; it is used only for throttled requests, and the caller must limit it. Outcomes of requests
// that were sent before the gate closed are ignored.
func (c *Control) Report(t Ticket, o Outcome, retryAfter time.Duration) {
	if o != Throttled && !t.probe {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case o == Throttled && t.seq == c.seq:
		c.closeGate(now, retryAfter)
	case o == Accepted && c.closed && t.seq > c.closedAtSeq: // including a probe that was considered lost
		c.openGate(now)
	case o == Unknown && c.closed && t.seq == c.seq: // the next caller in the queue sends a probe at once
		c.probing, c.nextProbeAt = false, now
	}
	c.wakeFront()
}
