package transport

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// Failure describes why a call, or one attempt, failed.
type Failure struct {
	Response ErrorResponse // the most recent error response, or the zero value if the server sent none
	Attempts int
	Class    Class
	Problem  Problem // the network problem, if there was no HTTP response
	Host     string  // the host to which the request was sent
	Advice   string  // what the user can do; "" means the general advice for Class
	// Err is the underlying error, such as a context or network error. It is nil if the error response is the only
	// reason.
	Err error
}

// Error returns the code and the message of the error response, followed by the underlying error.
func (f *Failure) Error() string {
	text := strings.TrimSpace(f.Response.Code + " " + f.Response.Message)
	if f.Err != nil {
		return strings.TrimPrefix(text+": "+f.Err.Error(), ": ")
	}
	return text
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// Do makes the call. The call succeeds when Decode accepts a response. If the call fails, the error is a *Failure.
func (t *Transport) Do(ctx context.Context, call Call) (Meta, error) {
	s := &callState{t: t, call: call, scope: t.scope(call.Region, call.Action), throttleWait: t.cfg.Retry.throttleWait(ctx)}
	s.scope.outage.addCall()
	for {
		res := s.attempt(ctx)
		if res.ok {
			return Meta{RequestID: res.response.RequestID, Attempts: s.sent, redactor: res.received.redactor}, nil
		}
		if res.response.Status != 0 {
			s.last = res
		}
		retry, ok := s.decideRetry(&res)
		if !ok {
			return Meta{Attempts: s.sent}, s.callFailure(res)
		}
		s.logRetry(ctx, res, retry)
		if err := s.wait(ctx, retry); err != nil {
			return Meta{Attempts: s.sent}, s.callFailure(s.endedWhileWaiting(err, res))
		}
	}
}

// callState is the state of one call across all attempts.
type callState struct {
	t     *Transport
	call  Call
	scope *quotaScope
	last  attemptResult // the most recent attempt that received an error response

	throttleWait time.Duration // how much longer the call may wait for quota; 0 means no limit
	// firstFault is the time of the first temporary failure since the service's last response, or zero if there was
	// none.
	firstFault time.Time

	sent, faults, throttles, skews int

	connectionSuspect bool // whether the last attempt failed without an HTTP response
	// key is the key of the last attempt. stale is a key that the API has rejected, until another key is used.
	key, stale signer.Credentials
	keyRenewed bool
}

// attemptResult is the result of one attempt. An attempt ends with success, with an error response or with an error
// without an HTTP response.
type attemptResult struct {
	ok          bool
	sent        bool
	status      int
	response    ErrorResponse // the error response; for a success, only the request id
	err         error
	class       Class
	problem     Problem
	advice      string
	notReceived bool // whether the request certainly did not reach the server
	final       bool // whether a retry is pointless
	retryAfter  time.Duration
	received    responseHeaders
	offset      time.Duration // the clock offset with which the request was signed
}

// attempt makes one attempt: it waits for admission, sends the request, and reports the attempt to the caller's hook
// and logger.
func (s *callState) attempt(ctx context.Context) attemptResult {
	ticket, failed := s.admit(ctx)
	if failed != nil {
		return *failed
	}
	start := time.Now()
	res := s.signAndSend(ctx, ticket)
	if res.sent {
		s.reportAttempt(ctx, res, start)
	}
	return res
}

// attemptFailure describes why one attempt failed.
func (s *callState) attemptFailure(res attemptResult) *Failure {
	return &Failure{
		Response: res.response, Attempts: s.sent, Class: res.class, Problem: res.problem, Host: s.call.Host, Advice: res.advice, Err: res.err,
	}
}

// callFailure describes why the call failed. It combines res with the most recent error response, which may belong to
// an earlier attempt.
func (s *callState) callFailure(res attemptResult) *Failure {
	f := s.attemptFailure(res)
	if f.Response.Status == 0 {
		requestID := f.Response.RequestID
		f.Response = s.last.response
		f.Response.RequestID = cmp.Or(requestID, f.Response.RequestID)
	}
	return f
}

// reportAttempt passes a finished attempt to the caller's logger and hook OnAttempt. A panic in the logger or the hook
// reaches the goroutine that called Do. Do not hold a lock when calling reportAttempt, because the logger and the hook
// may panic or use the transport.
func (s *callState) reportAttempt(ctx context.Context, res attemptResult, start time.Time) {
	a := Attempt{
		Context: ctx, Action: s.call.Action, Region: s.call.Region, Host: s.call.Host, Number: s.sent, Start: start, Duration: time.Since(start),
		StatusCode: res.status, Code: res.response.Code, RequestID: res.response.RequestID,
	}
	if !res.ok {
		a.Err = s.attemptFailure(res)
	}
	if log := s.t.cfg.Logger; log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "ecs: attempt", slog.String("action", a.Action), slog.String("region", a.Region), slog.String("host", a.Host),
			slog.Int("attempt", a.Number), slog.Duration("duration", a.Duration), slog.Int("status", a.StatusCode),
			slog.String("code", a.Code), slog.String("request_id", a.RequestID))
	}
	if s.t.cfg.OnAttempt != nil {
		s.t.cfg.OnAttempt(a)
	}
}

// logRetry logs that the call will make another attempt after a delay.
func (s *callState) logRetry(ctx context.Context, res attemptResult, r retry) {
	attrs := []slog.Attr{
		slog.String("action", s.call.Action), slog.String("region", s.call.Region), slog.Int("attempt", s.sent),
		slog.String("reason", s.attemptFailure(res).Error()),
	}
	// After a throttled response, the throttle control determines the delay, which is not known yet.
	if res.class&Throttled == 0 {
		attrs = append(attrs, slog.Duration("wait", max(0, time.Until(r.earliest))))
	}
	s.t.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "ecs: retrying", attrs...)
}
