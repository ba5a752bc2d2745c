package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// roundTrip sends the request and reads the response. Both must finish within the attempt timeout.
func (s *callState) roundTrip(ctx context.Context, key signer.Credentials, signed signer.Signed) attemptResult {
	within, cancel := context.WithTimeout(ctx, s.t.cfg.Retry.AttemptTimeout)
	defer cancel()
	x := &exchange{
		callState: s, ctx: ctx, within: within, query: signed.Query,
		redactor: sync.OnceValue(func() *redact.Redactor { return newRedactor(signed, key) }),
	}
	if s.connectionSuspect {
		// The previous attempt failed without a response. Close all idle connections, because net/http may not notice
		// that an HTTP/2 connection is broken.
		s.t.CloseIdleConnections()
		s.connectionSuspect = false
	}
	s.sent++
	resp, err := s.t.http.Do(s.newRequest(within, signed))
	if err != nil {
		return x.networkFailure(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 100 { // net/http accepts any three-digit status
		return x.networkFailure(fmt.Errorf("malformed HTTP status %03d", resp.StatusCode))
	}
	res := x.readResponse(resp)
	res.received = responseHeaders{resp.Header, time.Now(), x.redactor}
	return res
}

// newRequest returns the HTTP request for one attempt.
func (s *callState) newRequest(ctx context.Context, signed signer.Signed) *http.Request {
	req := (&http.Request{
		Method: http.MethodPost,
		URL:    &url.URL{Scheme: s.call.Scheme, Host: s.call.Host, Path: "/", RawQuery: signed.Query},
		Host:   s.call.Host,
		Header: signed.Header.Clone(),
		Body:   http.NoBody,
	}).WithContext(ctx)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", s.t.cfg.UserAgent)
	return req
}

// exchange is one HTTP request and its response.
type exchange struct {
	*callState
	ctx, within context.Context // ctx is the caller's context; within adds the attempt timeout
	query       string          // query string with the signature
	redactor    func() *redact.Redactor
}

// networkFailure returns the result of an attempt that failed without a complete HTTP response.
func (x *exchange) networkFailure(err error) attemptResult {
	x.connectionSuspect = true
	switch {
	case x.ctx.Err() != nil:
		return x.contextResult(x.ctx)
	case x.within.Err() != nil:
		text := fmt.Sprintf("no complete response was received within %v", x.t.cfg.Retry.AttemptTimeout)
		return attemptResult{err: timeoutError(text), class: transient, problem: TimedOut}
	}
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // net/http wraps every error in it
		err = u.Err
	}
	res := classifyNetwork(err)
	res.err = withoutContextError(x.redactor().Error(err))
	if res.problem == TimedOut {
		res.err = timeoutError(res.err.Error())
	}
	return res
}

// timeoutError is the error for a timeout other than the deadline of the caller's context, such as the attempt timeout
// or a network timeout.
type timeoutError string

func (e timeoutError) Error() string      { return string(e) }
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Temporary() bool      { return true }
func (timeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// withoutContextError returns an error with the message of err that matches neither context.DeadlineExceeded nor
// context.Canceled. Use it for errors that occurred before the caller's context was done: net, net/http and credentials
// providers return context.DeadlineExceeded for their own timeouts.
func withoutContextError(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return timeoutError(err.Error())
	case errors.Is(err, context.Canceled):
		return errors.New(err.Error())
	}
	return err
}

// ContextError returns the error of ctx, which must be done. If ctx was canceled with a cause, the returned error also
// wraps the cause.
func ContextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(err, cause) { // without an explicit cause, context.Cause returns ctx.Err()
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
