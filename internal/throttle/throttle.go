// Package throttle delays requests to keep them within the server's quota. It learns from the server's responses how
// fast requests may be sent.
package throttle

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors that [Control.Admit] returns, in addition to the context's error and [*LimiterError].
var (
	// ErrPastDeadline means that no request can be sent before the context's deadline. It may be returned before the
	// deadline has passed.
	ErrPastDeadline error = DeadlineError("throttled: no quota is available before the context's deadline")
	// ErrWaitedTooLong means that the caller's maximum wait has passed, or would pass before a request can be sent.
	ErrWaitedTooLong = errors.New("throttled: no quota is available within the maximum wait")
)

// DeadlineError is the message of an error for a wait that would end after the context's deadline. The error matches
// context.DeadlineExceeded.
type DeadlineError string

// Error returns the error message.
func (e DeadlineError) Error() string { return string(e) }

// Timeout returns true, like the Timeout method of context.DeadlineExceeded.
func (DeadlineError) Timeout() bool { return true }

// Temporary returns true, like the Temporary method of context.DeadlineExceeded.
func (DeadlineError) Temporary() bool { return true }

// Is reports whether target is context.DeadlineExceeded.
func (DeadlineError) Is(target error) bool { return target == context.DeadlineExceeded }

// LimiterError wraps an error from the limiter that was passed to [Control.Admit].
type LimiterError struct{ Err error }

// Error returns the message of the limiter's error, prefixed with "limiter: ".
func (e *LimiterError) Error() string { return fmt.Sprint("limiter: ", e.Err) }

// Unwrap returns the limiter's error.
func (e *LimiterError) Unwrap() error { return e.Err }

// Outcome is the outcome of a request with regard to the quota.
type Outcome int

// The outcomes of a request.
const (
	Accepted  Outcome = iota // the server processed the request
	Throttled                // the server rejected the request because the quota is used up
	Unknown                  // the request failed for another reason, was canceled, or was never sent
)

// Ticket permits its holder to send one request.
type Ticket struct {
	// Waited is how long the caller waited for quota. It does not include the time spent in a limiter.
	Waited time.Duration

	seq   uint64 // Control.seq when the ticket was issued
	probe bool
}

// Admit waits until a request may be sent, and returns a ticket for the request. Callers are admitted in the order of
// their calls. The caller must report the outcome of every ticket exactly once, with [Control.Report].
//
// If limiter is not nil, Admit calls it immediately before issuing the ticket, and again if the quota was used up in
// the meantime. Until the first throttled response, callers wait for their limiters concurrently. After that, only the
// first caller in the queue waits for its limiter.
//
// Admit returns the context's error when ctx is done. It returns [ErrPastDeadline] if no request can be sent before the
// deadline of ctx, and [ErrWaitedTooLong] if the wait for quota would exceed maxWait. If maxWait is 0, the wait is not
// limited. The time spent in limiters does not count as waiting for quota.
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
		if c.free() { // no response has been throttled, so do not queue
			return c.issueTicket(time.Now()), nil
		}
	}
	return c.waitInQueue(ctx, maxWait, limiter)
}

// passLimiter waits for the limiter with c.mu unlocked. c.mu must be locked before the call, and is locked when
// passLimiter returns or panics.
func (c *Control) passLimiter(ctx context.Context, limiter func(context.Context) error) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	if err := limiter(ctx); err != nil {
		return &LimiterError{err}
	}
	return ctx.Err()
}

// Report reports the outcome of the request for which the ticket was issued. The argument retryAfter is the wait that
// the server requested in a throttled response, or 0. The caller must limit it to a reasonable maximum. Report ignores
// responses to requests that were sent before the state last became closed.
func (c *Control) Report(t Ticket, o Outcome, retryAfter time.Duration) {
	if o != Throttled && !t.probe {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case o == Throttled && t.seq == c.seq:
		c.startProbing(now, retryAfter)
	case o == Accepted && c.closed && t.seq > c.closedAtSeq: // even if the response arrived after probeTimeout
		c.startPacing(now)
	case o == Unknown && t.seq == c.seq: // let the next caller send a probe immediately
		c.probing, c.nextProbeAt = false, now
	}
	c.wakeFront()
}
