package throttle

import (
	"container/list"
	"context"
	"time"
)

// waiter is a caller in the queue.
type waiter struct {
	wake     chan struct{} // buffered, so that a signal is neither lost nor blocks
	deadline time.Time     // deadline of the context, or zero
	giveUpAt time.Time     // when the caller's maximum wait ends, or zero
}

// waitInQueue waits for the caller's turn. c.mu must be locked; it is also locked when waitInQueue returns.
func (c *Control) waitInQueue(ctx context.Context, maxWait time.Duration, limiter func(context.Context) error) (Ticket, error) {
	start := time.Now()
	w := &waiter{wake: make(chan struct{}, 1)}
	w.deadline, _ = ctx.Deadline()
	if maxWait > 0 {
		w.giveUpAt = start.Add(maxWait)
	}
	e := c.queue.PushBack(w)
	defer func() {
		c.queue.Remove(e)
		c.wakeFront()
	}()
	var inLimiter time.Duration
	for passed := false; ; {
		now, front := time.Now(), c.queue.Front() == e
		if !front || c.nextSendTime().After(now) {
			if err := c.pause(ctx, w, e, now); err != nil {
				return Ticket{}, err
			}
			passed = false // requests that the limiter allowed earlier must not be added to those that it allows now
			continue
		}
		if limiter != nil && !passed {
			took, err := c.passLimiterAtFront(ctx, limiter)
			if err != nil {
				return Ticket{}, err
			}
			inLimiter += took
			passed = true
			continue // the gate may have closed in the meantime
		}
		t := c.issueTicket(now)
		t.Waited = now.Sub(start) - inLimiter
		return t, nil
	}
}

// passLimiterAtFront waits for the limiter while the rest of the queue stands still. The maximum waits of the
// other callers are extended by that time, because they are not waiting for quota.
func (c *Control) passLimiterAtFront(ctx context.Context, limiter func(context.Context) error) (took time.Duration, err error) {
	start := time.Now()
	c.limiting = true
	defer func() {
		c.limiting = false
		took = time.Since(start)
		for e := c.queue.Front(); e != nil; e = e.Next() {
			if w := e.Value.(*waiter); !w.giveUpAt.IsZero() {
				w.giveUpAt = w.giveUpAt.Add(took)
				w.signal()
			}
		}
	}()
	return 0, c.passLimiter(ctx, limiter)
}

// pause waits for w to be admitted, to be woken, or to time out. c.mu must be locked; it is also locked when pause
// returns.
func (c *Control) pause(ctx context.Context, w *waiter, e *list.Element, now time.Time) error {
	next := c.nextSendTime() // send time of the front of the queue; no caller is admitted before the front
	if isPast(w.deadline, now) || !c.probing && isBefore(w.deadline, next) {
		return ErrPastDeadline
	}
	if !c.limiting && (isPast(w.giveUpAt, now) || !c.probing && isBefore(w.giveUpAt, next)) {
		return ErrWaitedTooLong
	}
	// Only the front of the queue has a timer for the next send time. A caller that leaves the queue or changes
	// the next send time wakes the front.
	var until time.Time
	if c.queue.Front() == e {
		until = next
	}
	for _, t := range []time.Time{w.deadline, w.giveUpAt} {
		if !t.IsZero() && t.After(now) && (until.IsZero() || t.Before(until)) {
			until = t
		}
	}
	var timer <-chan time.Time
	if !until.IsZero() {
		timer = time.After(until.Sub(now))
	}
	c.mu.Unlock()
	defer c.mu.Lock()
	select {
	case <-w.wake:
	case <-timer:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// isPast reports whether the time t has passed. It returns false if t is zero.
func isPast(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// isBefore reports whether the time t is before next. It returns false if t is zero.
func isBefore(t, next time.Time) bool { return !t.IsZero() && t.Before(next) }

// wakeFront makes the caller at the front of the queue recompute how long to wait.
func (c *Control) wakeFront() {
	if e := c.queue.Front(); e != nil {
		e.Value.(*waiter).signal()
	}
}

func (w *waiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}
