package throttle

import (
	"container/list"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// No quota is built in: the rate is learned from the responses. The constants below determine how it is learned.
const (
	// decrease is the factor by which the rate is multiplied after a throttled response, as in TCP CUBIC (RFC
	// 9438).
	decrease = 0.7
	// recovery is the time until the rate has regrown to the one that was throttled. Afterwards it grows faster
	// and faster, and has doubled after another recovery and a half. A shorter time discovers additional quota
	// sooner; a longer one causes fewer rejected requests.
	recovery = 1750 * time.Millisecond
	// minRate is the lower bound of the learned rate, in requests per second.
	minRate = 0.5
	// rateSpan is the time over which the current rate is averaged. A burst thus counts as if it had been spread
	// over half a second, which makes the next one slow enough to stop with few requests in flight.
	rateSpan = 500 * time.Millisecond
	// maxLag is how far the pacing may fall behind, because of late timers or idle periods, and still catch up.
	maxLag = 250 * time.Millisecond
	// minProbeBackoff and maxProbeBackoff are the shortest and the longest pause between probes. Jitter adds up to
	// a quarter, so that no pause exceeds 10 s.
	minProbeBackoff = 100 * time.Millisecond
	maxProbeBackoff = 8 * time.Second
	// probeTimeout is how long a probe without a response delays the next one. It equals the default timeout of an
	// attempt.
	probeTimeout = 10 * time.Second
	// freeAfter is how long the gate must have been open before pacing ends. It is one minute, the documented
	// window of the API's quotas. By then the rate has grown ten-thousandfold, so pacing no longer delays
	// anything.
	freeAfter = time.Minute
)

// Control paces the requests of one quota, typically one operation in one region. It is safe for concurrent use by all callers
// that share the quota. The zero value is ready to use. It has three states:
//
//   - free, until the first throttled response: every request is admitted at once.
//   - closed, after a throttled response: only one probe at a time is admitted, at the time that the server specified or
//     else with growing pauses in between. A probe that the server accepts opens the gate.
//   - paced, after the gate has opened: one request per 1/rate seconds. The rate starts below the one that was throttled,
//     regrows as a cubic function of time, and settles around the quota. After a minute without a throttled response the state
//     is free again.
//
// This works for both kinds of server quota. A token bucket accepts the first probe: the gate is closed only briefly, and the
// pacing limits the requests. A fixed window rejects every probe until it is over: the gate limits the requests, and the pacing
// is fast, because it starts from the rate at which the quota was used up, not from the quota's average.
//
// There is no background goroutine, and a caller that stops waiting does not delay the others.
type Control struct {
	mu       sync.Mutex
	queue    list.List // of *waiter, first in, first out
	limiting bool      // the front of the queue waits for its limiter

	recentSends float64   // tickets issued in about the last rateSpan (exponentially decaying count)
	lastSend    time.Time // when the most recent ticket was issued

	paced          bool      // whether a rate has been learned; false in the state free
	rateAtThrottle float64   // requests per second at the most recent throttled response
	regrowthStart  time.Time // when the rate began to regrow
	nextPaced      time.Time // when the next paced request may be sent

	closed       bool
	probing      bool          // whether a probe is in flight
	nextProbeAt  time.Time     // when the next probe may be sent; while probing, it may be sent earlier
	probeBackoff time.Duration // the next pause between probes, before jitter
	seq          uint64        // incremented for each closing and probe, to distinguish late responses from current ones
	closedAtSeq  uint64        // value of seq at the most recent closing; the probes sent since then have higher values
}

// free reports whether no quota is known, so that no caller has to wait.
func (c *Control) free() bool { return !c.closed && !c.paced }

// nextSendTime returns when the first caller in the queue may be admitted.
func (c *Control) nextSendTime() time.Time {
	switch {
	case c.closed:
		return c.nextProbeAt
	case c.paced:
		return c.nextPaced
	default:
		return time.Time{}
	}
}

// issueTicket admits one request immediately.
func (c *Control) issueTicket(now time.Time) Ticket {
	c.recentSends = 1 + c.recentSends*math.Exp(-float64(now.Sub(c.lastSend))/float64(rateSpan))
	c.lastSend = now
	switch {
	case c.closed:
		c.probing = true
		c.nextProbeAt = now.Add(probeTimeout)
		c.seq++
	case c.paced && now.Sub(c.regrowthStart) > freeAfter:
		c.paced = false
	case c.paced:
		earliest := now.Add(-maxLag)
		if c.nextPaced.After(earliest) {
			earliest = c.nextPaced
		}
		c.nextPaced = earliest.Add(interval(c.rate(now)))
	}
	return Ticket{seq: c.seq, probe: c.closed}
}

// openGate opens the gate, after a probe was accepted.
func (c *Control) openGate(now time.Time) {
	c.closed, c.probing = false, false
	// Without jitter, a steady load would be throttled at regular intervals, and would always hit the same caller.
	c.regrowthStart = now.Add(rand.N(recovery/2) - recovery/4)
	c.nextPaced = now.Add(interval(c.rate(now)))
}

// closeGate closes the gate, or keeps it closed after a probe was rejected.
func (c *Control) closeGate(now time.Time, retryAfter time.Duration) {
	if !c.closed {
		used := max(c.recentSends/rateSpan.Seconds(), 1/minProbeBackoff.Seconds()) // too few requests to estimate a rate
		if c.paced {
			used = min(used, c.rate(now))
		}
		c.closed, c.paced, c.rateAtThrottle = true, true, used
		c.probeBackoff = max(minProbeBackoff, interval(used)) // at that rate, no quota can recover sooner
		c.seq++
		c.closedAtSeq = c.seq
	}
	if retryAfter < minProbeBackoff { // missing, or too short to be plausible
		retryAfter = c.probeBackoff + rand.N(c.probeBackoff/4)
		c.probeBackoff = min(2*c.probeBackoff, maxProbeBackoff)
	}
	c.probing, c.nextProbeAt = false, now.Add(retryAfter)
	for e := c.queue.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*waiter); isBefore(w.deadline, c.nextProbeAt) || isBefore(w.giveUpAt, c.nextProbeAt) {
			w.signal() // a deadline in the past makes it fail at once
		}
	}
}

// rate returns how many requests per second may be sent. It starts at decrease*rateAtThrottle and reaches
// rateAtThrottle after the time recovery.
func (c *Control) rate(now time.Time) float64 {
	x := float64(now.Sub(c.regrowthStart))/float64(recovery) - 1
	return max(minRate, c.rateAtThrottle*(1+(1-decrease)*x*x*x))
}

func interval(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }
