package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/throttle"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// admit waits until the caller's limiter permits a request and quota is available. If the request is not admitted,
// admit returns the result of the failed attempt.
func (s *callState) admit(ctx context.Context) (throttle.Ticket, *attemptResult) {
	if ctx.Err() != nil {
		res := s.contextResult(ctx)
		return throttle.Ticket{}, &res
	}
	var limiter func(context.Context) error
	if s.t.cfg.Limiter != nil {
		limiter = s.t.cfg.Limiter.Wait
	}
	ticket, err := s.scope.throttle.Admit(ctx, s.throttleWait, limiter)
	if err != nil {
		res := s.notAdmitted(ctx, err)
		return throttle.Ticket{}, &res
	}
	if s.throttleWait > 0 {
		s.throttleWait = max(s.throttleWait-ticket.Waited, 1) // 0 would mean no limit
	}
	return ticket, nil
}

// notAdmitted returns the result of an attempt whose request was not sent, because throttle.Control.Admit returned err.
func (s *callState) notAdmitted(ctx context.Context, err error) attemptResult {
	var limiterErr *throttle.LimiterError
	switch {
	case errors.As(err, &limiterErr) && ctx.Err() == nil:
		res := s.endedEarly(limiterErr)
		if !errors.Is(err, context.DeadlineExceeded) && strings.Contains(fmt.Sprint(limiterErr.Err), "deadline") {
			// If the wait would exceed the context's deadline, golang.org/x/time/rate returns an error that can be
			// recognized only by its message.
			res.err = fmt.Errorf("%w (%w)", res.err, context.DeadlineExceeded)
		}
		return res
	case limiterErr != nil:
		return s.contextResult(ctx)
	case ctx.Err() != nil: // the context's error takes precedence over err
		res := s.contextResult(ctx)
		res.err, res.class = fmt.Errorf("throttled while waiting for quota: %w", res.err), res.class|Throttled
		return res
	case errors.Is(err, throttle.ErrWaitedTooLong):
		limit := cmp.Or(s.t.cfg.Retry.MaxElapsed, defaultThrottleWait)
		return attemptResult{err: fmt.Errorf("throttled: no quota is available within %v", limit), class: Throttled, final: true}
	default:
		return attemptResult{err: err, class: Throttled, final: true}
	}
}

// contextResult returns the result of an attempt that ended because the caller's context is done.
func (s *callState) contextResult(ctx context.Context) attemptResult {
	return s.endedEarly(ContextError(ctx))
}

// endedEarly returns the result of an attempt that was ended by the caller's context or limiter. The argument err is
// the error of the context or limiter. Secrets in err are masked.
func (s *callState) endedEarly(err error) attemptResult {
	err = newRedactor(signer.Signed{}, s.latestKey()).Error(err)
	return attemptResult{err: err, class: s.last.class &^ retryable, advice: s.last.advice, final: true}
}

// latestKey returns the key that signed the call's most recent attempt. Before the first attempt, it returns the key of
// the transport's most recent request.
func (s *callState) latestKey() signer.Credentials {
	return cmp.Or(s.key, s.t.latestKey())
}

// throttleWait returns the maximum total time that a call may wait for quota. 0 means that only the context's deadline
// limits the wait.
func (p Policy) throttleWait(ctx context.Context) time.Duration {
	if p.MaxElapsed > 0 {
		return p.MaxElapsed
	}
	if _, ok := ctx.Deadline(); ok {
		return 0
	}
	return defaultThrottleWait
}
