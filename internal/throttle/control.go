package throttle

import (
	"container/list"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Control does not assume any particular quota: it learns the rate from the responses. The following constants
// determine how it learns.
const (
	// decrease is the factor by which a throttled response multiplies the rate, as in TCP CUBIC (RFC 9438).
	decrease = 0.7
	// recovery is the time in which the rate regrows to the rate that was throttled. After that, the rate grows
	// faster and faster, and has doubled after another 1.5 times recovery. A shorter recovery discovers additional
	// quota sooner. A longer recovery causes fewer rejected requests.
	recovery = 1750 * time.Millisecond
	// minRate is the lower bound of the learned rate in requests per second.
	minRate = 0.5
	// rateSpan is the time over which the current rate is averaged. A burst therefore counts as if it were spread
	// over half a second. This makes the next burst so slow that it stops with few requests in flight.
	rateSpan = 500 * time.Millisecond
	// maxLag is how far the pacing may fall behind and still catch up. The pacing falls behind because of late
	// timers and idle periods.
	maxLag = 250 * time.Millisecond
	// minProbeBackoff and maxProbeBackoff are the shortest and the longest pause between probes, before jitter.
	// Jitter adds up to a quarter, so no pause exceeds 10 s.
	minProbeBackoff = 100 * time.Millisecond
	maxProbeBackoff = 8 * time.Second
	// probeTimeout is how long a probe without a response delays the next probe. It equals the default timeout of
	// an attempt.
	probeTimeout = 10 * time.Second
	// freeAfter is how long the gate must have been open before pacing ends. It is one minute, which is the
	// documented window of the API's quotas. After a minute, the rate has grown ten-thousandfold, so pacing no
	// longer delays any request.
	freeAfter = time.Minute
)

// Control paces the requests that share one quota, typically the requests for one operation in one region. The zero
// value is ready to use. A Control is safe for concurrent use by all callers that share the quota. It has three
// states:
//
//   - Free, until the first throttled response. Every request is admitted immediately.
//   - Closed, after a throttled response. Only one probe at a time is admitted. The probe is sent at the time that
//     the server specified. If the server did not specify a time, the pauses between probes grow. The gate opens
//     when the server accepts a probe.
//   - Paced, after the gate has opened. One request is admitted every 1/rate seconds. The rate starts below the
//     rate that was throttled, regrows as a cubic function of time, and settles around the quota. After a minute
//     without a throttled response, the state becomes free.
//
// Control works for both kinds of server quota. A token bucket accepts the first probe, so the gate is closed only
// briefly, and the pacing limits the requests. A fixed window rejects every probe until the window ends, so the
// gate limits the requests. The pacing is then fast, because it starts from the rate at which the quota was used
// up, not from the average rate of the quota.
//
// Control starts no goroutine. A caller that stops waiting does not delay other callers.
type Control struct {
	mu       sync.Mutex
	queue    list.List // contains *waiter values, first in, first out
	limiting bool      // whether the front of the queue is waiting for its limiter

	recentSends float64   // tickets issued in about the last rateSpan, as an exponentially decaying count
	lastSend    time.Time // when the most recent ticket was issued

	paced          bool      // whether a rate has been learned; false in the free state
	rateAtThrottle float64   // requests per second at the most recent throttled response
	regrowthStart  time.Time // when the rate started to regrow
	nextPaced      time.Time // when the next request may be sent, if paced

	closed       bool
	probing      bool          // whether a probe is in flight
	nextProbeAt  time.Time     // when the next probe may be sent; while probing, it may be sent earlier if the probe ends
	probeBackoff time.Duration // the next pause between probes, before jitter
	seq          uint64        // incremented whenever the gate closes or a probe is sent, to recognize late responses
	closedAtSeq  uint64        // the value of seq when the gate last closed; later probes have higher values
}

// free reports whether no quota is known yet, so that every caller is admitted immediately.
func (c *Control) free() bool { return !c.closed && !c.paced }

// nextSendTime returns the time at which the front of the queue may be admitted. The zero time means immediately.
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

// issueTicket admits one request without waiting.
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

// openGate opens the gate after the server has accepted a probe.
func (c *Control) openGate(now time.Time) {
	c.closed, c.probing = false, false
	// Without jitter, a steady load would be throttled at regular intervals, and every time the same caller would
	// be rejected.
	c.regrowthStart = now.Add(rand.N(recovery/2) - recovery/4)
	c.nextPaced = now.Add(interval(c.rate(now)))
}

// closeGate closes the gate. If the gate is already closed because a probe was rejected, closeGate schedules the
// next probe.
func (c *Control) closeGate(now time.Time, retryAfter time.Duration) {
	if !c.closed {
		// The lower bound applies if there were too few requests to estimate a rate.
		used := max(c.recentSends/rateSpan.Seconds(), 1/minProbeBackoff.Seconds())
		if c.paced {
			used = min(used, c.rate(now))
		}
		c.closed, c.paced, c.rateAtThrottle = true, true, used
		c.probeBackoff = max(minProbeBackoff, interval(used)) // the quota cannot recover faster
		c.seq++
		c.closedAtSeq = c.seq
	}
	if retryAfter < minProbeBackoff { // retryAfter is missing, or too short to be plausible
		retryAfter = c.probeBackoff + rand.N(c.probeBackoff/4)
		c.probeBackoff = min(2*c.probeBackoff, maxProbeBackoff)
	}
	c.probing, c.nextProbeAt = false, now.Add(retryAfter)
	for e := c.queue.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*waiter); isBefore(w.deadline, c.nextProbeAt) || isBefore(w.giveUpAt, c.nextProbeAt) {
			w.signal() // wake the caller, so that it fails immediately
		}
	}
}

// rate returns how many requests per second may be sent. The rate starts at decrease*rateAtThrottle and reaches
// rateAtThrottle after recovery.
func (c *Control) rate(now time.Time) float64 {
	x := float64(now.Sub(c.regrowthStart))/float64(recovery) - 1
	return max(minRate, c.rateAtThrottle*(1+(1-decrease)*x*x*x))
}

func interval(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }
