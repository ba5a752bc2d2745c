package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
	"github.com/aliyun-ecs/sdk-go/internal/throttle"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// signAndSend signs and sends an admitted request. It always reports the outcome to the throttle control, even if the
// caller's code panics.
func (s *callState) signAndSend(ctx context.Context, ticket throttle.Ticket) (res attemptResult) {
	outcome := throttle.Unknown
	defer func() { s.scope.throttle.Report(ticket, outcome, res.retryAfter) }()

	key, failed := s.currentKey(ctx)
	if failed != nil {
		return *failed
	}
	s.key, s.stale = key, signer.Credentials{}
	now, offset := s.t.clock.now()
	signed, err := s.t.cfg.Signer.Sign(signer.Request{
		Method: http.MethodPost, Host: s.call.Host, Action: s.call.Action, Version: s.call.Version,
		Params: s.call.Params, Time: now, Nonce: rand.Text(),
	}, key)
	if err != nil {
		return attemptResult{err: newRedactor(signed, key).Error(err), class: Invalid, final: true}
	}
	if s.t.latestKey() != key {
		latest := key // copy the key: &key would move it to the heap on every call
		s.t.lastKey.Store(&latest)
	}
	res = s.roundTrip(ctx, key, signed)
	res.sent, res.offset = true, offset
	switch {
	case res.class&Throttled != 0:
		outcome = throttle.Throttled
	case res.ok, res.response.Code != "" && res.response.Status < 500:
		outcome = throttle.Accepted
	}
	s.reportToScope(res)
	return res
}

// reportToScope shares the result of an attempt with the other calls in the same quotaScope.
func (s *callState) reportToScope(res attemptResult) {
	if received := res.received; received.header != nil {
		s.scope.lastHeaders.Store(&received)
	}
	switch {
	case res.class&retryable != 0:
		s.scope.outage.reportFault(s.t.cfg.Retry)
	case res.ok, res.response.Status != 0:
		s.scope.outage.reportResponse()
	}
}

// currentKey returns the key for one attempt. If there is no usable key, currentKey returns the result of the failed
// attempt.
func (s *callState) currentKey(ctx context.Context) (signer.Credentials, *attemptResult) {
	key, warning, err := s.t.cfg.Credentials(ctx, s.stale)
	switch {
	case ctx.Err() != nil:
		res := s.contextResult(ctx)
		res.err = fmt.Errorf("while waiting for credentials: %w", res.err)
		return key, &res
	case err != nil:
		class := Credentials
		if isUnreachable(err) {
			class |= Unavailable
		}
		return key, &attemptResult{err: fmt.Errorf("no credentials: %w", withoutContextError(err)), class: class, final: true}
	case key == s.stale: // the provider has no other key
		res := s.last
		res.sent, res.final = false, true
		return key, &res
	case warning != nil:
		s.t.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "ecs: using the last valid credentials", slog.String("reason", warning.Error()))
	}
	return key, nil
}

// Key returns the key with which a request would be signed now. If no key is available, the error is a *Failure.
func (t *Transport) Key(ctx context.Context) (signer.Credentials, error) {
	s := &callState{t: t}
	key, failed := s.currentKey(ctx)
	if failed != nil {
		return signer.Credentials{}, s.attemptFailure(*failed)
	}
	return key, nil
}

// isUnreachable reports whether a credentials provider's error means that the provider could not reach its service. If
// the error has a method Unavailable() bool, isUnreachable returns the result of that method.
func isUnreachable(err error) bool {
	var says interface{ Unavailable() bool }
	if errors.As(err, &says) {
		return says.Unavailable()
	}
	var op *net.OpError
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	if errors.As(err, &op) || errors.As(err, &dns) || errors.As(err, &timeout) && timeout.Timeout() {
		return true
	}
	// A Timeout method may return false although a wrapped error is a timeout.
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

// newRedactor returns a Redactor for the secrets of a signed request: the key and the signatures.
func newRedactor(signed signer.Signed, key signer.Credentials) *redact.Redactor {
	query, _ := url.ParseQuery(signed.Query)
	_, header, _ := strings.Cut(signed.Header.Get("Authorization"), "Signature=")
	return redact.New(key.AccessKeySecret, key.SecurityToken, key.AccessKeyID, query.Get("Signature"), header)
}
