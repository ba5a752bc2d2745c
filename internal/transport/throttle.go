package transport

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Nothing here knows a quota: the rate is learned from the answers. These numbers only shape how it is learned.
const (
	// decrease is what is left of the rate after a throttle, the value of TCP CUBIC (RFC 9438).
	decrease = 0.7
	// recovery is the time in which the rate is back where it was throttled. From there on it grows ever faster: it has doubled
	// after another one and a half recoveries. Shorter finds new quota sooner, longer is rejected less.
	recovery = 1750 * time.Millisecond
	// minRate (requests per second) keeps a learned rate from dying out.
	minRate = 0.5
	// rateSpan is the time over which the rate in use is averaged. A burst is thereby taken for the rate that would have spread
	// it over half a second, so that the next one is slow enough to stop with few requests in flight.
	rateSpan = 500 * time.Millisecond
	// maxLag is how far the pacing may fall behind (late timers, idle moments) and still catch up.
	maxLag = 250 * time.Millisecond
	// minGap and maxGap are the first and the longest pause between probes; jitter adds up to a quarter: at most 10 s.
	minGap = 100 * time.Millisecond
	maxGap = 8 * time.Second
	// probeTimeout is how long an unanswered probe holds up the next one: the default time limit of an attempt.
	probeTimeout = 10 * time.Second
	// freeAfter is how long the gate must have been open before pacing ends: the quota's window is documented as a minute. By
	// then the rate has grown ten-thousandfold, so nothing is paced any more.
	freeAfter = time.Minute
)

var (
	// errThrottleWait says that a call ended while it waited for quota.
	errThrottleWait = errors.New("throttled: no quota left")
	// errWaitTooLong says that it ended because its deadline is too near.
	errWaitTooLong = fmt.Errorf("%w: the wait would pass the deadline: %w", errThrottleWait, context.DeadlineExceeded)
)

// outcome is what a request told about the quota.
type outcome int

const (
	outcomeOK        outcome = iota // the server took the request
	outcomeThrottled                // the server rejected it for the quota
	outcomeOther                    // nothing: another error, or cancelled
)

// ticket is the permission to send one request.
type ticket struct {
	seq   uint64 // throttle.seq when it was sent
	probe bool

	waited bool // in the queue
}

// throttle paces the requests of one region and operation, shared by all goroutines of a client and its siblings. The zero value
// is ready. It has three states:
//
//   - free, until the first throttled answer: every request passes.
//   - closed, from a throttled answer on: nothing passes but one probe at a time, at the time the server named or else at growing
//     gaps. A probe that is taken opens the gate.
//   - paced, once open again: one request per 1/rate seconds. The rate starts below the rate that was throttled, regrows as a cubic
//     function of time, and settles around the quota. After freeAfter without a throttle the state is free again.
//
// Both kinds of server quota are met by this. A token bucket takes the first probe; the gate is closed for a blink and the pacing
// does the work. A fixed window rejects every probe until it is over; the gate does the work, and the pacing is fast, since it
// remembers the rate at which the quota was used, not the quota's average.
//
// Waiters queue. Only the first one watches the clock; whoever leaves the front, or changes what the front waits for, wakes it. So
// there is no background goroutine, and a waiter that gives up holds up nobody.
type throttle struct {
	mu    sync.Mutex
	queue list.List // of *waiter, first in, first out

	recent float64   // requests sent in the last rateSpan or so (exponentially decaying count)
	sent   time.Time // when the last one was

	paced  bool      // a rate has been learned; false: free
	peak   float64   // requests per second at the last throttle
	opened time.Time // when the rate began to regrow
	next   time.Time // when the next request may be sent

	closed   bool
	probing  bool          // a probe is under way
	until    time.Time     // when the next probe may be sent: certain, unless probing
	gap      time.Duration // the next pause between probes, before jitter
	seq      uint64        // counts closings and probes, so that late answers are told from current ones
	closedAt uint64        // seq of the last closing: probes of this closing have higher ones
}

type waiter struct {
	wake     chan struct{} // buffered: a signal is never lost and never blocks
	deadline time.Time     // zero: none
}

// enter waits, first in first out, until a request may be sent; each success must be followed by one leave. It returns ctx.Err()
// as soon as ctx ends, and errWaitTooLong as soon as it is known that no request can be sent before ctx's deadline and before
// limit (zero: none).
func (t *throttle) enter(ctx context.Context, limit time.Time) (ticket, error) {
	if err := ctx.Err(); err != nil {
		return ticket{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.queue.Len() == 0 && !t.turn().After(now) {
		return t.take(now), nil
	}
	return t.wait(ctx, limit)
}

// wait queues. It is called, and returns, with t.mu locked.
func (t *throttle) wait(ctx context.Context, deadline time.Time) (ticket, error) {
	if d, ok := ctx.Deadline(); ok && (deadline.IsZero() || d.Before(deadline)) {
		deadline = d
	}
	w := &waiter{wake: make(chan struct{}, 1), deadline: deadline}
	e := t.queue.PushBack(w)
	defer func() {
		t.queue.Remove(e)
		t.wakeFront()
	}()
	for {
		now, at := time.Now(), t.turn() // nobody's turn comes before the front's
		front := t.queue.Front() == e
		if front && !at.After(now) {
			k := t.take(now)
			k.waited = true
			return k, nil
		}
		if !deadline.IsZero() && (!deadline.After(now) || !t.probing && deadline.Before(at)) {
			return ticket{}, errWaitTooLong
		}
		if !front || !deadline.IsZero() && deadline.Before(at) {
			at = deadline
		}
		var timer <-chan time.Time
		if !at.IsZero() {
			timer = time.After(at.Sub(now))
		}
		t.mu.Unlock()
		select {
		case <-w.wake:
		case <-timer:
		case <-ctx.Done():
		}
		t.mu.Lock()
		if err := ctx.Err(); err != nil {
			return ticket{}, err
		}
	}
}

// free reports whether nothing is known of a quota, so that nobody waits.
func (t *throttle) free() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.closed && !t.paced
}

// hold says that a permission is not used yet. A probe keeps its place until then: who took it meanwhile would come later.
func (t *throttle) hold(k ticket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed && k.seq == t.seq {
		t.until = time.Now().Add(time.Hour)
	}
}

// holds reports whether a permission that was not used at once still is one: not when the gate has closed meanwhile.
func (t *throttle) holds(k ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed && k.seq == t.seq {
		t.until = time.Now().Add(probeTimeout)
		t.wakeFront()
	}
	return !t.closed || k.seq == t.seq
}

// turn is when the front of the queue may pass.
func (t *throttle) turn() time.Time {
	switch {
	case t.closed:
		return t.until
	case t.paced:
		return t.next
	default:
		return time.Time{}
	}
}

// take lets one request pass.
func (t *throttle) take(now time.Time) ticket {
	t.recent = 1 + t.recent*math.Exp(-float64(now.Sub(t.sent))/float64(rateSpan))
	t.sent = now
	switch {
	case t.closed:
		t.probing = true
		t.until = now.Add(probeTimeout)
		t.seq++
	case t.paced && now.Sub(t.opened) > freeAfter:
		t.paced = false
	case t.paced:
		t.next = latest(t.next, now.Add(-maxLag)).Add(interval(t.rate(now)))
	}
	return ticket{seq: t.seq, probe: t.closed}
}

// leave says how the request ended. hint is how long the server wants us to wait (0: it did not say), bounded by the caller; it
// counts for throttled answers only. Answers to requests that were under way when the gate closed are no news and change nothing.
func (t *throttle) leave(k ticket, o outcome, hint time.Duration) {
	if o != outcomeThrottled && !k.probe {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch {
	case o == outcomeThrottled && k.seq == t.seq:
		t.close(now, hint)
	case o == outcomeOK && t.closed && k.seq > t.closedAt: // also a probe that was given up, then answered after all
		t.closed, t.probing = false, false
		// Jitter, lest a steady load be throttled in step with its own turns: it would always hit the same call.
		t.opened = now.Add(jitter(recovery/2) - recovery/4)
		t.next = now.Add(interval(t.rate(now)))
	case o == outcomeOther && t.closed && k.seq == t.seq: // the next in the queue probes at once
		t.probing, t.until = false, now
	}
	t.wakeFront()
}

// close closes the gate, or keeps it closed after a rejected probe.
func (t *throttle) close(now time.Time, hint time.Duration) {
	if !t.closed {
		used := max(t.recent/rateSpan.Seconds(), 1/minGap.Seconds()) // a few requests do not show the rate they came at
		if t.paced {
			used = min(used, t.rate(now))
		}
		t.closed, t.paced, t.peak = true, true, used
		t.gap = max(minGap, interval(t.peak)) // sooner, a quota of that rate cannot have recovered
		t.seq++
		t.closedAt = t.seq
	}
	if hint < minGap { // none, or none to rely on
		hint = t.gap + jitter(t.gap/4)
		t.gap = min(2*t.gap, maxGap)
	}
	t.probing, t.until = false, now.Add(hint)
	for e := t.queue.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*waiter); !w.deadline.IsZero() && w.deadline.Before(t.until) { // fails at once
			w.signal()
		}
	}
}

// rate is how many requests per second may be sent: decrease*peak at first, peak after recovery, flat around it.
func (t *throttle) rate(now time.Time) float64 {
	x := float64(now.Sub(t.opened))/float64(recovery) - 1
	return max(minRate, t.peak*(1+(1-decrease)*x*x*x))
}

func (t *throttle) wakeFront() {
	if e := t.queue.Front(); e != nil {
		e.Value.(*waiter).signal()
	}
}

func (w *waiter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func jitter(most time.Duration) time.Duration {
	return rand.N(most) // spreads load, guards no secret
}

func interval(rate float64) time.Duration {
	return time.Duration(float64(time.Second) / rate)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
