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

// Policy limits the retries of a call. If neither MaxAttempts nor MaxElapsed is set, default limits apply. By default,
// a patient call fails after 30 s. Any other call fails after 5 attempts, or after the longest time that the backoffs
// between 5 attempts can take (4.5 s with the default delays).
type Policy struct {
	MaxAttempts int           // 1 means no retries
	MaxElapsed  time.Duration // maximum time from the first failure to the start of the last retry
	// MinDelay is the upper bound of the first backoff. The bound doubles with each retry. Every backoff is at least
	// MinDelay/2.
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

	// throttleAttempts is the maximum number of attempts of a throttled call. It is large enough for a single caller to
	// keep trying for longer than a quota window of one minute. With 12 attempts, the time would be too short.
	throttleAttempts = 14
	// defaultThrottleWait is the maximum time that a call waits for quota if neither its context nor the retry policy
	// limits the time.
	defaultThrottleWait = 2 * time.Minute
)

// withDefaults returns a copy of p in which zero fields have their default values. The defaults of MaxAttempts and
// MaxElapsed depend on the call; see limits.
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
	if shift := n - 1; p.MinDelay <= p.MaxDelay>>shift {
		return p.MinDelay << shift
	}
	return p.MaxDelay
}

// backoff returns a random delay after the n-th failure, between MinDelay/2 and p.ceiling(n). The lower bound protects
// a server that has failed.
func (p Policy) backoff(n int) time.Duration {
	ceiling, floor := p.ceiling(n), p.MinDelay/2
	return floor + rand.N(ceiling-floor+1)
}

// probeSpacing returns the pause before the next probe. The argument n is the total number of failed probes of all
// calls, and is at least 1. The pause is at least two thirds of p.ceiling(n), so that an outage of several seconds
// causes only a few probes.
func (p Policy) probeSpacing(n int) time.Duration {
	ceiling := p.ceiling(n)
	floor := ceiling - ceiling/3
	return floor + rand.N(ceiling-floor+1)
}

// retry describes when to make the next attempt. The zero value means immediately, as soon as the limiter and the
// throttle control admit the request.
type retry struct {
	fault            bool // whether to retry because of a temporary failure; only then do earliest and giveUp apply
	earliest, giveUp time.Time
}

// decideRetry decides whether to make another attempt, and when.
func (s *callState) decideRetry(res *attemptResult) (retry, bool) {
	// Learn the clock offset even if this call is not retried, because later calls use it.
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
		if s.t.cfg.Retry.MaxElapsed == 0 { // the service has responded, so a later failure counts as a new outage
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
	// The server may send all callers the same retryAfter, so add a random backoff.
	r := retry{fault: true, earliest: now.Add(res.retryAfter + p.backoff(s.faults))}
	// If only MaxAttempts is set, extend the wait by MaxDelay and AttemptTimeout, because other calls may retry first.
	if elapsed == 0 {
		r.giveUp = r.earliest.Add(p.MaxDelay + p.AttemptTimeout)
		return r, true
	}
	r.giveUp = s.firstFault.Add(elapsed)
	switch served := now.Add(res.retryAfter); {
	case !now.Before(r.giveUp):
		return retry{}, false
	case !served.After(r.giveUp):
	case p.MaxElapsed > 0: // the user has set this limit, so never exceed it
		return retry{}, false
	default: // a wait requested by the server may exceed a default limit
		r.giveUp = r.earliest.Add(p.MaxDelay)
	}
	if r.earliest.After(r.giveUp) { // make the last attempt exactly at the time limit
		r.earliest = r.giveUp
	}
	return r, true
}

// wait waits until the time for the next attempt. It returns an error if the next attempt must not be made.
func (s *callState) wait(ctx context.Context, r retry) error {
	if !r.fault {
		return nil
	}
	return s.scope.outage.await(ctx, s.t.cfg.Retry, r.earliest, r.giveUp)
}

// endedWhileWaiting returns the final result of a call that ended with err while waiting to retry. The argument last is
// the result of the previous attempt.
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
