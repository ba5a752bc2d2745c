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

// Policy limits the retries of a call. If neither MaxAttempts nor MaxElapsed is set, a single call ends after 5
// attempts, or after the maximum time of their backoffs (4.5 s with the default delays), and a patient call after
// 30 s. Otherwise only the limits that are set apply.
type Policy struct {
	MaxAttempts    int           // 1 means no retries
	MaxElapsed     time.Duration // maximum time from the first failure to the start of a retry
	MinDelay       time.Duration // the first retry waits between half of it and all of it; the upper bound doubles with each further retry
	MaxDelay       time.Duration // upper bound of the backoff
	AttemptTimeout time.Duration // timeout of one request, including its whole response
}

const (
	defaultAttempts       = 5
	defaultPatience       = 30 * time.Second
	defaultMinDelay       = 300 * time.Millisecond
	defaultMaxDelay       = 3 * time.Second
	defaultAttemptTimeout = 10 * time.Second

	// throttleAttempts limits the attempts of a throttled call. Most of the waiting happens inside the throttle
	// control, and only probes are rejected. A single caller sends all the probes: with 14 it outlasts a quota
	// window of one minute, with 12 it would not.
	throttleAttempts = 14
	// defaultThrottleWait limits how long a call waits for quota if its context has no deadline.
	defaultThrottleWait = 2 * time.Minute
)

// withDefaults returns the policy with defaults for all fields except MaxAttempts and MaxElapsed; see limits.
func (p Policy) withDefaults() Policy {
	p.MaxDelay = cmp.Or(p.MaxDelay, defaultMaxDelay)
	p.MinDelay = cmp.Or(p.MinDelay, min(defaultMinDelay, p.MaxDelay))
	p.MaxDelay = max(p.MaxDelay, p.MinDelay)
	p.AttemptTimeout = cmp.Or(p.AttemptTimeout, defaultAttemptTimeout)
	return p
}

// limits returns the limits of one call; 0 means no limit.
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

// ceiling returns the longest backoff after the n-th failure, counted from 1.
func (p Policy) ceiling(n int) time.Duration {
	if shift := min(n-1, 62); p.MinDelay <= p.MaxDelay>>shift { // not MinDelay<<shift, which could overflow
		return p.MinDelay << shift
	}
	return p.MaxDelay
}

// backoff returns the backoff of a call after its n-th failure: full jitter below the ceiling, and above a floor
// that protects a server that is down.
func (p Policy) backoff(n int) time.Duration {
	ceiling, floor := p.ceiling(n), p.MinDelay/2
	return floor + rand.N(ceiling-floor+1)
}

// probeSpacing returns the pause before the next probe, where n is the number of failures of all calls together.
// It is at least two thirds of the ceiling, so that a few probes outlast an outage of several seconds.
func (p Policy) probeSpacing(n int) time.Duration {
	ceiling := p.ceiling(n)
	floor := ceiling - ceiling/3
	return floor + rand.N(ceiling-floor+1)
}

// retry describes when to send the next attempt. The zero value means at once, subject to the limiter and the
// throttle control.
type retry struct {
	fault            bool // whether the failure is temporary
	earliest, giveUp time.Time
}

// decideRetry decides whether to make another attempt, and when.
func (s *callState) decideRetry(res *attemptResult) (retry, bool) {
	// even if there is no retry, later calls benefit
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
		if s.t.cfg.Retry.MaxElapsed == 0 { // the service responds, so a later failure starts another outage
			s.firstFault = time.Time{}
		}
		return retry{}, s.throttles < throttleAttempts
	case res.class&retryable == 0:
		return retry{}, false
	case !s.call.ReadOnly && !s.call.Repeatable && !res.notReceived:
		res.advice = "not retried, because the operation may have been carried out: check its effect, or set a ClientToken"
		return retry{}, false
	}
	return s.retryFault(res)
}

// retryFault plans the retry after a temporary failure.
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
	// All callers receive the same retryAfter, so the jitter is added to it.
	r := retry{fault: true, earliest: now.Add(res.retryAfter + p.backoff(s.faults))}
	if elapsed == 0 { // the retry can start within MaxDelay, unless other calls go first
		r.giveUp = r.earliest.Add(p.MaxDelay + p.AttemptTimeout)
		return r, true
	}
	r.giveUp = s.firstFault.Add(elapsed)
	switch served := now.Add(res.retryAfter); {
	case !now.Before(r.giveUp):
		return retry{}, false
	case !served.After(r.giveUp):
	case p.MaxElapsed > 0: // a limit set by the user is strict
		return retry{}, false
	default: // the wait requested by the server takes precedence over a default
		r.giveUp = r.earliest.Add(p.MaxDelay)
	}
	if r.earliest.After(r.giveUp) { // make a last attempt when the time is over
		r.earliest = r.giveUp
	}
	return r, true
}

// wait waits until the next attempt may be sent.
func (s *callState) wait(ctx context.Context, r retry) error {
	if !r.fault {
		return nil
	}
	return s.scope.outage.await(ctx, s.t.cfg.Retry, r.earliest, r.giveUp)
}

// endedWhileWaiting returns the result of a call that ended with err while it was waiting for its next attempt.
func (s *callState) endedWhileWaiting(err error, last attemptResult) attemptResult {
	switch {
	case errors.Is(err, errNoTimeLeft):
		return last
	case errors.Is(err, errBudgetSpent):
		last.advice = "not retried, because too many calls are failing"
		return last
	}
	err = newRedactor(signer.Signed{}, s.latestKey()).Error(err)
	if last.err != nil {
		err = fmt.Errorf("%w; last attempt: %w", err, last.err)
	}
	return attemptResult{err: err, class: last.class, problem: last.problem, advice: last.advice}
}
