package throttle

import (
	"container/list"
	"context"
	"time"
)

// waiter is a caller that waits in the queue.
type waiter struct {
	wake     chan struct{} // has a buffer of 1, so that sending a signal never blocks and no signal is lost
	deadline time.Time     // the deadline of the context, or zero if there is none
	giveUpAt time.Time     // the end of the caller's maximum wait, or zero if there is no limit
}

// waitInQueue adds the caller to the queue and waits until the caller is admitted. c.mu must be locked before the call,
// and is locked when waitInQueue returns.
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
			passed = false // call the limiter again, because its permission is outdated
			continue
		}
		if limiter != nil && !passed {
			took, err := c.passLimiterAtFront(ctx, limiter)
			if err != nil {
				return Ticket{}, err
			}
			inLimiter += took
			passed = true
			continue // check again, because a response may have been throttled while the caller waited for the limiter
		}
		t := c.issueTicket(now)
		t.Waited = now.Sub(start) - inLimiter
		return t, nil
	}
}

// passLimiterAtFront waits for the limiter of the caller at the front of the queue. No other caller is admitted in the
// meantime. The time does not count as waiting for quota, so passLimiterAtFront extends the maximum wait of every
// caller in the queue.
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

// pause waits until the caller w should check again whether it can be admitted. It returns the context's error if ctx
// is done, and ErrPastDeadline or ErrWaitedTooLong if w cannot be admitted in time. c.mu must be locked before the
// call, and is locked when pause returns.
func (c *Control) pause(ctx context.Context, w *waiter, e *list.Element, now time.Time) error {
	next := c.nextSendTime() // when the caller at the front of the queue may be admitted
	if isPast(w.deadline, now) || !c.probing && isBefore(w.deadline, next) {
		return ErrPastDeadline
	}
	if !c.limiting && (isPast(w.giveUpAt, now) || !c.probing && isBefore(w.giveUpAt, next)) {
		return ErrWaitedTooLong
	}
	// Only the caller at the front of the queue needs a timer. If another caller leaves the queue or changes the next
	// send time, it wakes the caller at the front.
	var until time.Time
	if c.queue.Front() == e {
		until = next
	}
	for _, t := range []time.Time{w.deadline, w.giveUpAt} {
		if t.After(now) && (until.IsZero() || t.Before(until)) {
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

// isPast reports whether time t has been reached. It returns false if t is zero.
func isPast(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// isBefore reports whether t is before next. It returns false if t is zero.
func isBefore(t, next time.Time) bool { return !t.IsZero() && t.Before(next) }

// wakeFront wakes the caller at the front of the queue, so that it recomputes how long it must wait.
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
