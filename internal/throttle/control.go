package throttle

import (
	"container/list"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// No quota is built in: the rate is learned from the responses. These numbers only shape how it is learned.
const (
	// decrease is the part of the rate that is kept after a throttled response, as in TCP CUBIC (RFC 9438).
	decrease = 0.7
	// recovery is the time in which the rate regrows to the one that was throttled. After that it grows ever faster: one and a
	// half recoveries later it has doubled. A shorter time finds new quota sooner, a longer one is rejected less often.
	recovery = 1750 * time.Millisecond
	// minRate (requests per second) is the lowest rate that is ever learned.
	minRate = 0.5
	// rateSpan is the time over which the rate in use is averaged. A burst therefore counts as the rate that would have spread it
	// over half a second, so that the next one is slow enough to stop with few requests in flight.
	rateSpan = 500 * time.Millisecond
	// maxLag is how far the pacing may fall behind (late timers, idle moments) and still catch up.
	maxLag = 250 * time.Millisecond
	// minProbeBackoff and maxProbeBackoff are the first and the longest pause between probes. Jitter adds up to a quarter, so
	// that no pause exceeds 10 s.
	minProbeBackoff = 100 * time.Millisecond
	maxProbeBackoff = 8 * time.Second
	// probeTimeout is how long a probe without a response delays the next one: the default time limit of an attempt.
	probeTimeout = 10 * time.Second
	// freeAfter is how long the gate must have been open before pacing ends: the window of the API's quotas is documented as one
	// minute. By then the rate has grown ten-thousandfold, so nothing is delayed any more.
	freeAfter = time.Minute
)

// Control paces the requests of one quota, typically one operation in one region. It is safe for concurrent use by all callers
// that share the quota. The zero value is ready to use. It has three states:
//
//   - free, until the first throttled response: every request is admitted at once.
//   - closed, from a throttled response on: nothing is admitted but one probe at a time, at the time that the server named or
//     else with growing pauses in between. A probe that the server accepts opens the gate.
//   - paced, once the gate is open again: one request per 1/rate seconds. The rate starts below the one that was throttled,
//     regrows as a cubic function of time, and settles around the quota. After a minute without a throttled response the state
//     is free again.
//
// This fits both kinds of server quota. A token bucket accepts the first probe: the gate is closed only briefly, and the pacing
// does the work. A fixed window rejects every probe until it is over: the gate does the work, and the pacing is fast, since it
// remembers the rate at which the quota was used, not the quota's average.
//
// There is no background goroutine, and a caller that stops waiting delays nobody.
type Control struct {
	mu       sync.Mutex
	queue    list.List // of *waiter, first in, first out
	limiting bool      // the front of the queue waits for its limiter

	recentSends float64   // tickets issued in about the last rateSpan (exponentially decaying count)
	lastSend    time.Time // when the last ticket was issued

	paced          bool      // a rate has been learned; false: free
	rateAtThrottle float64   // requests per second at the last throttled response
	regrowthStart  time.Time // when the rate began to regrow
	nextPaced      time.Time // when the next paced request may be sent

	closed       bool
	probing      bool          // a probe is in flight
	nextProbeAt  time.Time     // when the next probe may be sent; may come earlier while probing
	probeBackoff time.Duration // the next pause between probes, before jitter
	seq          uint64        // counts closings and probes, to tell late responses from current ones
	closedAtSeq  uint64        // seq of the last closing: the probes of this closing have higher ones
}

// free reports whether nothing is known of a quota, so that nobody has to wait.
func (c *Control) free() bool { return !c.closed && !c.paced }

// nextSendTime returns when the front of the queue may be admitted.
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

// issueTicket admits one request now.
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

// reportOutcome does the work of Report, with c.mu locked.
func (c *Control) reportOutcome(now time.Time, t Ticket, o Outcome, retryAfter time.Duration) {
	switch {
	case o == Throttled && t.seq == c.seq:
		c.close(now, retryAfter)
	case o == Accepted && c.closed && t.seq > c.closedAtSeq: // also a probe that was given up and accepted after all
		c.closed, c.probing = false, false
		// Without jitter a steady load would be throttled at regular intervals, and it would always hit the same caller.
		c.regrowthStart = now.Add(jitter(recovery/2) - recovery/4)
		c.nextPaced = now.Add(interval(c.rate(now)))
	case o == Unknown && c.closed && t.seq == c.seq: // the next in the queue probes at once
		c.probing, c.nextProbeAt = false, now
	}
}

// close closes the gate, or keeps it closed after a rejected probe.
func (c *Control) close(now time.Time, retryAfter time.Duration) {
	if !c.closed {
		used := max(c.recentSends/rateSpan.Seconds(), 1/minProbeBackoff.Seconds()) // a few requests do not show their rate
		if c.paced {
			used = min(used, c.rate(now))
		}
		c.closed, c.paced, c.rateAtThrottle = true, true, used
		c.probeBackoff = max(minProbeBackoff, interval(used)) // a quota of that rate cannot recover any sooner
		c.seq++
		c.closedAtSeq = c.seq
	}
	if retryAfter < minProbeBackoff { // not given, or too short to be true
		retryAfter = c.probeBackoff + jitter(c.probeBackoff/4)
		c.probeBackoff = min(2*c.probeBackoff, maxProbeBackoff)
	}
	c.probing, c.nextProbeAt = false, now.Add(retryAfter)
	for e := c.queue.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*waiter); isBefore(w.deadline, c.nextProbeAt) || isBefore(w.giveUpAt, c.nextProbeAt) {
			w.signal() // it fails at once
		}
	}
}

// rate returns how many requests per second may be sent: decrease*rateAtThrottle at first, rateAtThrottle after recovery.
func (c *Control) rate(now time.Time) float64 {
	x := float64(now.Sub(c.regrowthStart))/float64(recovery) - 1
	return max(minRate, c.rateAtThrottle*(1+(1-decrease)*x*x*x))
}

// jitter returns a random duration below limit. It spreads load and protects no secret.
func jitter(limit time.Duration) time.Duration { return rand.N(limit) }

func interval(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }
