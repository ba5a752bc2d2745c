package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/throttle"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// Policy limits the retries of a call. When neither MaxAttempts nor MaxElapsed is set, a single call ends after 5 attempts, or
// after the time that their backoffs take at most (4.5 s with the default delays), and a patient one after 30 s. Otherwise only
// what is set limits.
type Policy struct {
	MaxAttempts    int           // 1 = never retry
	MaxElapsed     time.Duration // no retry starts later than this after the first failure
	MinDelay       time.Duration // the longest backoff before the first retry, doubled for each further one
	MaxDelay       time.Duration // the longest backoff
	AttemptTimeout time.Duration // for one request and its whole response
}

const (
	defaultAttempts       = 5
	defaultPatience       = 30 * time.Second
	defaultMinDelay       = 300 * time.Millisecond
	defaultMaxDelay       = 3 * time.Second
	defaultAttemptTimeout = 10 * time.Second

	// throttleAttempts limits the attempts of a throttled call. Most of its waiting is done inside the throttle control, and only
	// probes are rejected. A lone caller sends all the probes; so many outlast a quota's window of a minute, which 12 would not.
	throttleAttempts = 14
	// defaultThrottleWait limits the waiting for quota of a call whose context has no deadline.
	defaultThrottleWait = 2 * time.Minute
)

// withDefaults fills in everything but MaxAttempts and MaxElapsed: see limits.
func (p Policy) withDefaults() Policy {
	if p.MinDelay <= 0 {
		p.MinDelay = defaultMinDelay
		if p.MaxDelay > 0 {
			p.MinDelay = min(p.MinDelay, p.MaxDelay)
		}
	}
	if p.MaxDelay <= 0 {
		p.MaxDelay = defaultMaxDelay
	}
	p.MaxDelay = max(p.MaxDelay, p.MinDelay)
	if p.AttemptTimeout <= 0 {
		p.AttemptTimeout = defaultAttemptTimeout
	}
	return p
}

// limits returns the limits of one call; 0 is none.
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

// ceiling returns the longest pause after the n-th failure (from 1).
func (p Policy) ceiling(n int) time.Duration {
	if shift := min(n-1, 62); p.MinDelay <= p.MaxDelay>>shift { // not MinDelay<<shift, which could overflow
		return p.MinDelay << shift
	}
	return p.MaxDelay
}

// backoff returns the pause of a call after its n-th failure: full jitter under the ceiling, above a floor that protects a
// dead server.
func (p Policy) backoff(n int) time.Duration {
	ceiling, floor := p.ceiling(n), p.MinDelay/2
	return floor + rand.N(ceiling-floor+1)
}

// probeSpacing returns the pause between the n-th failure of all calls together and the next probe: at least two thirds of
// the ceiling, so that a few probes outlast an outage of some seconds.
func (p Policy) probeSpacing(n int) time.Duration {
	ceiling := p.ceiling(n)
	floor := ceiling - ceiling/3
	return floor + rand.N(ceiling-floor+1)
}

// retry says when to send the next attempt. The zero value is at once, as far as limiter and throttle control allow.
type retry struct {
	fault            bool // after a failure that may pass
	earliest, giveUp time.Time
}

// decideRetry decides whether there is another attempt.
func (s *callState) decideRetry(res *attemptResult) (retry, bool) {
	learned := res.class&skew != 0 && s.t.clock.learn(res.received.header, res.offset) // also when only later calls profit
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
		if s.t.cfg.Retry.MaxElapsed == 0 { // the service responds, so that a later failure begins another outage
			s.firstFault = time.Time{}
		}
		return retry{}, s.throttles < throttleAttempts
	case res.class&retryable == 0:
		return retry{}, false
	case !s.mayRepeat(res):
		res.advice = "not retried, because it may have been carried out: check, or set a ClientToken"
		return retry{}, false
	}
	return s.retryFault(res)
}

// mayRepeat reports whether sending the request again cannot carry the operation out twice.
func (s *callState) mayRepeat(res *attemptResult) bool {
	return s.call.ReadOnly || s.call.Repeatable || res.notReceived
}

// retryFault plans the retry after a failure that may pass.
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
	// Everybody is told the same retryAfter, so the jitter comes on top.
	r := retry{fault: true, earliest: now.Add(res.retryAfter + p.backoff(s.faults))}
	if elapsed == 0 { // the turn to retry comes within MaxDelay, unless other calls take it
		r.giveUp = r.earliest.Add(p.MaxDelay + p.AttemptTimeout)
		return r, true
	}
	r.giveUp = s.firstFault.Add(elapsed)
	switch served := now.Add(res.retryAfter); {
	case !now.Before(r.giveUp):
		return retry{}, false
	case !served.After(r.giveUp):
	case p.MaxElapsed > 0: // the user's limit is strict
		return retry{}, false
	default: // the server's request takes precedence over a default
		r.giveUp = r.earliest.Add(p.MaxDelay)
	}
	if r.earliest.After(r.giveUp) { // a last attempt when the time is over, rather than none
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

// endedWhileWaiting returns the result of a call that ended with err while it waited for its next attempt.
func (s *callState) endedWhileWaiting(err error, last attemptResult) attemptResult {
	switch {
	case errors.Is(err, errGiveUp):
		return last
	case errors.Is(err, errBudgetSpent):
		last.advice = "not retried, because too many calls fail at the moment"
		return last
	}
	err = newRedactor(signer.Signed{}, s.latestKey()).Error(err)
	if last.err != nil {
		err = fmt.Errorf("%w; last attempt: %w", err, last.err)
	}
	return attemptResult{err: err, class: last.class, problem: last.problem, advice: last.advice}
}

// PastDeadline reports whether a call ended because its next attempt would have come after the context's deadline. The
// context itself may not be done then.
func PastDeadline(err error) bool {
	return errors.Is(err, errNoTime) || errors.Is(err, throttle.ErrPastDeadline)
}
