package throttle

import (
	"container/list"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// A Control does not know the quota. It learns from the responses at which rate it may send requests. The following
// constants determine how it learns.
const (
	// decrease is the factor by which the rate is multiplied after a throttled response, as in TCP CUBIC (RFC 9438).
	decrease = 0.7
	// recovery is the time in which the rate returns to the rate that was throttled. After that, the growth
	// accelerates, and the rate has doubled after another 1.5 times recovery. With a shorter recovery, the Control
	// discovers additional quota earlier. With a longer recovery, fewer requests are rejected.
	recovery = 1750 * time.Millisecond
	// minRate is the minimum of the learned rate, in requests per second.
	minRate = 0.5
	// rateSpan is the time over which the current rate is averaged. A burst therefore counts as if it were spread over
	// half a second. As a result, the next burst is so slow that only a few requests are in progress when it is
	// throttled.
	rateSpan = 500 * time.Millisecond
	// maxLag is the maximum delay that the pacing makes up for. If late timers or an idle period have delayed requests,
	// the following requests are admitted earlier.
	maxLag = 250 * time.Millisecond
	// minProbeBackoff and maxProbeBackoff are the shortest and the longest pause between probes, without jitter. Jitter
	// adds up to 25%, so no pause is longer than 10 s.
	minProbeBackoff = 100 * time.Millisecond
	maxProbeBackoff = 8 * time.Second
	// probeTimeout is the maximum time for which a probe without a response delays the next probe. It is the same as
	// the default timeout of an attempt.
	probeTimeout = 10 * time.Second
	// freeAfter is how long the gate must have been open before pacing ends. It is one minute, because the API's
	// documentation says that quotas apply to windows of one minute. After a minute, the rate has increased by a factor
	// of ten thousand, so pacing no longer delays any request.
	freeAfter = time.Minute
)

// Control paces the requests that share one quota, typically the requests for one operation in one region. The zero
// value is ready to use. A Control is safe for concurrent use by all callers that share the quota. It has three
// states:
//
//   - Free: no response has been throttled so far. Every request is admitted immediately.
//   - Closed: a response was throttled. Only one request at a time is admitted, as a probe. The probe is sent at the
//     time that the server specified. If the server did not specify a time, the pauses between probes increase. When
//     the server accepts a probe, the gate opens and the state becomes paced.
//   - Paced: one request is admitted every 1/rate seconds. The rate starts below the rate that was throttled, and
//     increases as a cubic function of time until a response is throttled. After a minute without a throttled response,
//     the state becomes free.
//
// Control works for both kinds of server quota. If the server uses a token bucket, it accepts the first probe, so the
// gate is closed only briefly and the pacing limits the requests. If the server uses a fixed window, it rejects every
// probe until the window ends, so the closed gate limits the requests. After that, the pacing is fast, because it
// starts from the rate at which the quota was used up, not from the average rate of the quota.
//
// Control starts no goroutine. A caller that stops waiting does not delay other callers.
type Control struct {
	mu       sync.Mutex
	queue    list.List // contains *waiter values; the first caller in the queue is admitted first
	limiting bool      // whether the caller at the front is waiting for its limiter

	recentSends float64   // an exponentially decaying count of the tickets issued in about the last rateSpan
	lastSend    time.Time // when the most recent ticket was issued

	paced          bool      // whether a rate has been learned; false in the free state
	rateAtThrottle float64   // requests per second at the most recent throttled response
	regrowthStart  time.Time // when the rate started to regrow
	nextPaced      time.Time // when the next request may be sent, if paced

	closed       bool
	probing      bool          // whether a probe is in progress
	nextProbeAt  time.Time     // when the next probe may be sent, or earlier if the current probe ends
	probeBackoff time.Duration // the next pause between probes, before jitter
	seq          uint64        // incremented when the gate closes or a probe is sent, to recognize late responses
	closedAtSeq  uint64        // the value of seq when the gate last closed; later probes have higher values
}

// free reports whether the Control is in the free state, in which every request is admitted immediately.
func (c *Control) free() bool { return !c.closed && !c.paced }

// nextSendTime returns the time at which the caller at the front of the queue may be admitted. The zero time means
// immediately.
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
	// Add jitter. Without it, a steady load would be throttled at regular intervals, and the same caller might be
	// rejected every time.
	c.regrowthStart = now.Add(rand.N(recovery/2) - recovery/4)
	c.nextPaced = now.Add(interval(c.rate(now)))
}

// closeGate closes the gate. If the gate is already closed because a probe was rejected, closeGate schedules the
// next probe.
func (c *Control) closeGate(now time.Time, retryAfter time.Duration) {
	if !c.closed {
		// Use the lower bound if there were too few requests to estimate a rate.
		used := max(c.recentSends/rateSpan.Seconds(), 1/minProbeBackoff.Seconds())
		if c.paced {
			used = min(used, c.rate(now))
		}
		c.closed, c.paced, c.rateAtThrottle = true, true, used
		c.probeBackoff = max(minProbeBackoff, interval(used)) // no quota becomes available earlier
		c.seq++
		c.closedAtSeq = c.seq
	}
	if retryAfter < minProbeBackoff { // retryAfter is missing or implausibly short
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

// rate returns how many requests per second may be sent. The rate starts at decrease*rateAtThrottle, and reaches
// rateAtThrottle after the time recovery has passed.
func (c *Control) rate(now time.Time) float64 {
	x := float64(now.Sub(c.regrowthStart))/float64(recovery) - 1
	return max(minRate, c.rateAtThrottle*(1+(1-decrease)*x*x*x))
}

func interval(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }
