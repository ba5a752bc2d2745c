package throttle

import (
	"container/list"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// A Control does not know the quota. It learns from the responses how fast it may send requests. The constants below
// control how it learns.
const (
	// decrease is the factor by which the rate is multiplied after a throttled response, as in TCP CUBIC (RFC 9438).
	decrease = 0.7
	// recovery is the time it takes to return to the rate at which a request was throttled. After that, the rate grows
	// faster. A shorter time discovers additional quota earlier, and a longer time causes fewer rejected requests.
	recovery = 1750 * time.Millisecond
	// minRate is the minimum of the learned rate, in requests per second.
	minRate = 0.5
	// rateSpan is the time over which the current rate is averaged. A burst counts as if it were spread over this time,
	// so the next burst is slow enough that only a few requests are in progress when it is throttled.
	rateSpan = 500 * time.Millisecond
	// maxLag limits the burst of requests after an idle period or a late timer. The burst contains about as many
	// requests as the current rate permits in this time.
	maxLag = 250 * time.Millisecond
	// minProbeBackoff and maxProbeBackoff are the shortest and the longest pause between two probes, which are the
	// requests that test for quota. Jitter adds up to 25 % to a pause.
	minProbeBackoff = 100 * time.Millisecond
	maxProbeBackoff = 8 * time.Second
	// probeTimeout is how long the next probe waits for the response to the current probe. It equals the default
	// timeout of an attempt.
	probeTimeout = 10 * time.Second
	// freeAfter is how long requests must have succeeded before pacing ends. It is one minute because, according to the
	// API's documentation, quotas apply to windows of one minute. By then, the rate is so high that pacing no longer
	// delays any request.
	freeAfter = time.Minute
)

// Control paces the requests that share one quota, typically the requests for one operation in one region. The zero
// value is ready to use. A Control is safe for concurrent use by all callers that share the quota.
//
// A Control has three states:
//
//   - Free: no response has been throttled so far. Every request is admitted immediately.
//   - Closed: a response was throttled. Only one request at a time is admitted, to test whether quota is available.
//     This request is called a probe. When the server accepts a probe, the state becomes paced.
//   - Paced: requests are admitted at a limited rate, which grows until a response is throttled. After a minute without
//     a throttled response, the state becomes free.
//
// Control works for both kinds of server quota. A server with a token bucket accepts the first probe, so pacing does
// most of the work. A server with a fixed window rejects every probe until the window ends, so most of the time is
// spent in the closed state.
//
// Control starts no goroutine. A caller that stops waiting does not delay other callers.
type Control struct {
	mu       sync.Mutex
	queue    list.List // contains *waiter values; the first caller in the queue is admitted first
	limiting bool      // the caller at the front of the queue is waiting for its limiter

	recentSends float64   // number of recently sent requests; older requests count less (see rateSpan)
	lastSend    time.Time // when the most recent request was admitted

	paced          bool      // a rate has been learned, so the state is paced or closed
	rateAtThrottle float64   // requests per second at the most recent throttled response
	regrowthStart  time.Time // when the rate started to regrow
	nextPaced      time.Time // when the next request may be sent, if paced

	closed       bool
	probing      bool          // whether a probe is in progress
	nextProbeAt  time.Time     // when the next probe may be sent, unless the current probe ends earlier
	probeBackoff time.Duration // the next pause between probes, before jitter
	seq          uint64        // incremented when the state becomes closed or a probe is sent, to recognize late responses
	closedAtSeq  uint64        // value of seq when the state last became closed; later probes have higher values
}

// free reports whether the Control is in the free state, in which every request is admitted immediately.
func (c *Control) free() bool { return !c.paced }

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
		c.nextPaced = earliest.Add(interval(c.regrownRate(now)))
	}
	return Ticket{seq: c.seq, probe: c.closed}
}

// startPacing changes the state from closed to paced after the server has accepted a probe.
func (c *Control) startPacing(now time.Time) {
	c.closed, c.probing = false, false
	// Without jitter, a steady load would be throttled at regular intervals, possibly always for the same caller.
	c.regrowthStart = now.Add(rand.N(recovery/2) - recovery/4)
	c.nextPaced = now.Add(interval(c.regrownRate(now)))
}

// startProbing is called after a throttled response. It changes the state to closed, records the rate that was in use,
// and schedules the first probe. After a rejected probe, it only schedules the next probe. When a probe is accepted,
// pacing starts at a fraction of the recorded rate.
func (c *Control) startProbing(now time.Time, retryAfter time.Duration) {
	if !c.closed {
		// Assume a minimum rate, because there may have been too few requests to estimate the rate.
		used := max(c.recentSends/rateSpan.Seconds(), 1/minProbeBackoff.Seconds())
		if c.paced {
			used = min(used, c.regrownRate(now))
		}
		c.closed, c.paced, c.rateAtThrottle = true, true, used
		c.probeBackoff = max(minProbeBackoff, interval(used)) // do not probe faster than the throttled rate
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
			w.signal() // let the caller return its error immediately
		}
	}
}

// regrownRate returns how many requests per second may be sent now. The rate grows from a fraction of rateAtThrottle,
// reaches rateAtThrottle after the time specified by recovery, and then grows faster.
func (c *Control) regrownRate(now time.Time) float64 {
	x := float64(now.Sub(c.regrowthStart))/float64(recovery) - 1
	return max(minRate, c.rateAtThrottle*(1+(1-decrease)*x*x*x))
}

func interval(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }
