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
	Response ErrorResponse // the last error response; zero if there was none
	Attempts int
	Class    Class
	Problem  Problem // below HTTP
	Host     string  // the host that the request was sent to
	Advice   string  // advice for the user, if it is more specific than that of the class
	// the underlying error, such as that of a context or of the network; nil if the response is the only cause
	Err error
}

// Error returns the code and message of the response, and the underlying error.
func (f *Failure) Error() string {
	text := strings.TrimSpace(f.Response.Code + " " + f.Response.Message)
	if f.Err != nil {
		return strings.TrimPrefix(text+": "+f.Err.Error(), ": ")
	}
	return text
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// Do carries out the call. It returns nil once Decode has accepted a response, otherwise a *Failure.
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

// callState is the state of one call and its attempts.
type callState struct {
	t     *Transport
	call  Call
	scope *quotaScope
	last  attemptResult // the most recent error response

	throttleWait time.Duration // how long the call may still wait for quota; 0 means until the context's deadline
	// when the outage began: the first temporary failure since the service last responded; zero if there is none
	firstFault time.Time

	sent, faults, throttles, skews int

	connectionSuspect bool // whether the last attempt failed below HTTP
	// the key of the last attempt, and the key that the API rejected, until it has been replaced
	key, stale signer.Credentials
	keyRenewed bool
}

// attemptResult is the result of one attempt: success, an error response, or an error below HTTP.
type attemptResult struct {
	ok          bool
	sent        bool
	status      int
	response    ErrorResponse // the error response; after success, it has only the request id
	err         error
	class       Class
	problem     Problem
	advice      string
	notReceived bool // the request cannot have reached the server
	final       bool // another attempt cannot help
	retryAfter  time.Duration
	received    headers
	offset      time.Duration // the clock offset with which the request was signed
}

// attempt waits for the limiter and the throttle control, sends one request, and reports it to the caller.
func (s *callState) attempt(ctx context.Context) attemptResult {
	ticket, refused := s.admit(ctx)
	if refused != nil {
		return *refused
	}
	start := time.Now()
	res := s.signAndSend(ctx, ticket)
	if res.sent {
		s.report(ctx, res, start)
	}
	return res
}

// attemptFailure describes why one attempt failed.
func (s *callState) attemptFailure(res attemptResult) *Failure {
	return &Failure{
		Response: res.response, Attempts: s.sent, Class: res.class, Problem: res.problem, Host: s.call.Host, Advice: res.advice, Err: res.err,
	}
}

// callFailure describes why the call failed: because of its last attempt, and with the last error response. If the
// call ended while it waited for a retry, the failure that caused the wait is included.
func (s *callState) callFailure(res attemptResult) *Failure {
	f := s.attemptFailure(res)
	if f.Response.Status == 0 {
		requestID := f.Response.RequestID
		f.Response = s.last.response
		f.Response.RequestID = cmp.Or(requestID, f.Response.RequestID)
	}
	return f
}

// report informs the caller's hook and logger of a finished attempt. Both may panic, and may use the transport.
func (s *callState) report(ctx context.Context, res attemptResult, start time.Time) {
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

// logRetry logs that the call is about to wait for another attempt.
func (s *callState) logRetry(ctx context.Context, res attemptResult, r retry) {
	attrs := []slog.Attr{
		slog.String("action", s.call.Action), slog.String("region", s.call.Region), slog.Int("attempt", s.sent),
		slog.String("reason", s.attemptFailure(res).Error()),
	}
	// if throttled, the throttle control determines how long the wait will be, and does not know it yet
	if res.class&Throttled == 0 {
		attrs = append(attrs, slog.Duration("wait", max(0, time.Until(r.earliest))))
	}
	s.t.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "ecs: retrying", attrs...)
}
