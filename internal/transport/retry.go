package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// Policy limits the retries of a call. If MaxAttempts or MaxElapsed is set, only the limits that are set apply.
// Otherwise a patient call gives up after 30 s, and any other call gives up after 5 attempts or after the sum of
// the longest possible backoffs between 5 attempts (4.5 s with the default delays), whichever comes first.
type Policy struct {
	MaxAttempts int           // 1 means no retries
	MaxElapsed  time.Duration // maximum time from the first failure to the start of the last retry
	// MinDelay is the upper bound of the first backoff. The bound doubles with each retry. A backoff is never
	// shorter than MinDelay/2.
	MinDelay       time.Duration
	MaxDelay       time.Duration // upper bound of the backoff
	AttemptTimeout time.Duration // timeout of one request, including reading the whole response
}

const (
	defaultAttempts       = 5
	defaultPatience       = 30 * time.Second
	defaultMinDelay       = 300 * time.Millisecond
	defaultMaxDelay       = 3 * time.Second
	defaultAttemptTimeout = 10 * time.Second

	// throttleAttempts limits the attempts of a throttled call. A call spends most of that time waiting for
	// admission by the throttle control. Only the probes that the throttle control admits are rejected by the API.
	// A single caller has to send all the probes itself: 14 attempts outlast a quota window of one minute, and 12
	// attempts do not.
	throttleAttempts = 14
	// defaultThrottleWait limits how long a call waits for quota if its context has no deadline.
	defaultThrottleWait = 2 * time.Minute
)

// withDefaults returns the policy with defaults for every field except MaxAttempts and MaxElapsed, whose defaults
// depend on the call (see limits).
func (p Policy) withDefaults() Policy {
	p.MaxDelay = cmp.Or(p.MaxDelay, defaultMaxDelay)
	p.MinDelay = cmp.Or(p.MinDelay, min(defaultMinDelay, p.MaxDelay))
	p.MaxDelay = max(p.MaxDelay, p.MinDelay)
	p.AttemptTimeout = cmp.Or(p.AttemptTimeout, defaultAttemptTimeout)
	return p
}

// limits returns the maximum number of attempts and the maximum elapsed time of one call. 0 means no limit.
func (p Policy) limits(patient bool) (attempts int, elapsed time.Duration) {
	switch {
	case p.MaxAttempts > 0 || p.MaxElapsed > 0:
		return p.MaxAttempts, p.MaxElapsed
	case patient:
		return 0, defaultPatience
	default:
		for n := 1; n < defaultAttempts; n++ {
			elapsed += p.ceiling(n)
		}
		return defaultAttempts, elapsed
	}
}

// ceiling returns the longest possible backoff after the n-th failure. The first failure is number 1.
func (p Policy) ceiling(n int) time.Duration {
	// Shift MaxDelay instead of MinDelay, because MinDelay<<shift could overflow.
	if shift := min(n-1, 62); p.MinDelay <= p.MaxDelay>>shift {
		return p.MinDelay << shift
	}
	return p.MaxDelay
}

// backoff returns the backoff of a call after the n-th failure: a random duration between MinDelay/2 and the
// ceiling. The lower bound protects a server that is down.
func (p Policy) backoff(n int) time.Duration {
	ceiling, floor := p.ceiling(n), p.MinDelay/2
	return floor + rand.N(ceiling-floor+1)
}

// probeSpacing returns the pause before the next probe. n is the number of failed probes of all calls together,
// counted from 1. The pause is at least two thirds of the ceiling, so that a few probes outlast an outage of
// several seconds.
func (p Policy) probeSpacing(n int) time.Duration {
	ceiling := p.ceiling(n)
	floor := ceiling - ceiling/3
	return floor + rand.N(ceiling-floor+1)
}

// retry describes when to make the next attempt. The zero value means immediately, subject to the limiter and the
// throttle control.
type retry struct {
	fault            bool // whether the retry follows a temporary failure, so that earliest and giveUp apply
	earliest, giveUp time.Time
}

// decideRetry decides whether to make another attempt, and when.
func (s *callState) decideRetry(res *attemptResult) (retry, bool) {
	// Learn the offset even if this call is not retried: later calls need it.
	learned := res.class&skew != 0 && s.t.clock.learn(res.received.header, res.offset)
	switch {
	case res.final || s.t.cfg.Retry.MaxAttempts == 1:
		return retry{}, false
	case res.class&renewKey != 0 && !s.keyRenewed:
		s.keyRenewed, s.stale = true, s.key
		return retry{}, true
	case learned && s.skews < 2:
		s.skews++
		return retry{}, true
	case res.class&Throttled != 0:
		s.throttles++
		if s.t.cfg.Retry.MaxElapsed == 0 { // The service responded, so a later failure belongs to a new outage.
			s.firstFault = time.Time{}
		}
		return retry{}, s.throttles < throttleAttempts
	case res.class&retryable == 0:
		return retry{}, false
	case !s.call.ReadOnly && !s.call.Repeatable && !res.notReceived:
		res.advice = "the call was not retried because the operation may already have taken effect: check the resources, or set a ClientToken"
		return retry{}, false
	}
	return s.retryFault(res)
}

// retryFault decides whether and when to retry after a temporary failure.
func (s *callState) retryFault(res *attemptResult) (retry, bool) {
	p := s.t.cfg.Retry
	attempts, elapsed := p.limits(s.call.Patient)
	now := time.Now()
	s.faults++
	if s.firstFault.IsZero() {
		s.firstFault = now
	}
	if attempts > 0 && s.faults >= attempts {
		return retry{}, false
	}
	// The server may send the same retryAfter to all callers, so add the jitter to it.
	r := retry{fault: true, earliest: now.Add(res.retryAfter + p.backoff(s.faults))}
	// If only MaxAttempts is set, wait up to MaxDelay and AttemptTimeout longer, because other calls may send their
	// probes first.
	if elapsed == 0 {
		r.giveUp = r.earliest.Add(p.MaxDelay + p.AttemptTimeout)
		return r, true
	}
	r.giveUp = s.firstFault.Add(elapsed)
	switch served := now.Add(res.retryAfter); {
	case !now.Before(r.giveUp):
		return retry{}, false
	case !served.After(r.giveUp):
	case p.MaxElapsed > 0: // MaxElapsed was set by the user, so it is strict
		return retry{}, false
	default: // a wait requested by the server takes precedence over a default limit
		r.giveUp = r.earliest.Add(p.MaxDelay)
	}
	if r.earliest.After(r.giveUp) { // make one last attempt when the time limit is reached
		r.earliest = r.giveUp
	}
	return r, true
}

// wait waits until the call may make its next attempt.
func (s *callState) wait(ctx context.Context, r retry) error {
	if !r.fault {
		return nil
	}
	return s.scope.outage.await(ctx, s.t.cfg.Retry, r.earliest, r.giveUp)
}

// endedWhileWaiting returns the final result of a call that ended with err while it was waiting to retry. last is
// the result of the attempt that failed before.
func (s *callState) endedWhileWaiting(err error, last attemptResult) attemptResult {
	switch {
	case errors.Is(err, errNoTimeLeft):
		return last
	case errors.Is(err, errBudgetSpent):
		last.advice = "the call was not retried because too many calls are failing"
		return last
	}
	err = newRedactor(signer.Signed{}, s.latestKey()).Error(err)
	if last.err != nil {
		err = fmt.Errorf("%w; last attempt: %w", err, last.err)
	}
	return attemptResult{err: err, class: last.class, problem: last.problem, advice: last.advice}
}
