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
	Response ErrorResponse // the last error response; zero when there was none
	Attempts int
	Class    Class
	Problem  Problem // below HTTP
	Host     string  // that the request was sent to
	Advice   string  // what to do about it, where more is known than the class
	Err      error   // the underlying error: a context's, a network error …; nil when the response says it all
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

// Do carries out the call. It returns nil after Decode accepted a response, else a *Failure.
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

// callState is a call on its way through its attempts.
type callState struct {
	t     *Transport
	call  Call
	scope *quotaScope
	last  attemptResult // the last error response

	throttleWait time.Duration // how long the call may still wait for quota; 0: until the context's deadline
	firstFault   time.Time     // when the outage began: the first failure that may pass since the service last responded; zero: none

	sent, faults, throttles, skews int

	connectionSuspect bool               // the last attempt failed on the wire
	key, stale        signer.Credentials // of the last attempt; and the one that the API refused, until it is replaced
	keyRenewed        bool
}

// attemptResult is the end of one attempt: success, an error response, or an error below HTTP.
type attemptResult struct {
	ok          bool
	sent        bool
	status      int
	response    ErrorResponse // of a success only the request id
	err         error
	class       Class
	problem     Problem
	advice      string
	notReceived bool // the request cannot have reached the server
	final       bool // no other attempt can help
	retryAfter  time.Duration
	received    headers
	offset      time.Duration // of the clock that the request was signed by
}

// attempt sends one request, once the limiter and the throttle control admit it, and reports it.
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

// callFailure describes why the call failed: as its last attempt did, with the last error response there was. A call that
// ends while it waits still says why it waited.
func (s *callState) callFailure(res attemptResult) *Failure {
	f := s.attemptFailure(res)
	if f.Response.Status == 0 {
		requestID := f.Response.RequestID
		f.Response = s.last.response
		f.Response.RequestID = cmp.Or(requestID, f.Response.RequestID)
	}
	return f
}

// report tells the caller's hook and logger about a finished attempt. Both may panic, and may call the transport.
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
	log := s.t.cfg.Logger
	if !log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := []slog.Attr{
		slog.String("action", s.call.Action), slog.String("region", s.call.Region), slog.Int("attempt", s.sent),
		slog.String("reason", s.attemptFailure(res).Error()),
	}
	if res.class&Throttled == 0 { // for a throttled call, nobody knows yet how long the throttle control will wait
		attrs = append(attrs, slog.Duration("wait", max(0, time.Until(r.earliest))))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "ecs: retrying", attrs...)
}
