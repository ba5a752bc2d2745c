package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestEveryAttemptIsSigned checks that every attempt has its own nonce, timestamp and signature.
func TestEveryAttemptIsSigned(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]signer.Signer{"V1": signer.V1{}, "V3": signer.V3{}} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(500, ""), nil }, func(c *Config) {
				c.Signer, c.Retry, c.UserAgent = s, Policy{MaxAttempts: 4, MinDelay: 2 * time.Second}, "agent/1 (x)"
			})
			_, _ = g.Do(t.Context(), call())
			nonces, signatures, times := map[string]bool{}, map[string]bool{}, map[string]bool{}
			for _, r := range g.requests {
				q := r.URL.Query()
				_, headerSignature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
				nonces[q.Get("SignatureNonce")+r.Header.Get("X-Acs-Signature-Nonce")] = true
				signatures[q.Get("Signature")+headerSignature] = true
				times[q.Get("Timestamp")+r.Header.Get("X-Acs-Date")] = true
				if r.Method != http.MethodPost || r.Host != "ecs.test" || r.ContentLength != 0 || r.UserAgent() != "agent/1 (x)" || r.Header.Get("Accept") != "application/json" {
					t.Errorf("%s: %+v", name, r)
				}
			}
			if len(nonces) != 4 || len(signatures) != 4 || len(times) != 4 || nonces[""] || signatures[""] || times[""] {
				t.Errorf("%s: %d nonces, %d signatures, %d times in 4 attempts", name, len(nonces), len(signatures), len(times))
			}
		})
	}
}

// TestExpiredKey checks that a call gets another key only once after the API has reported that the key is expired.
func TestExpiredKey(t *testing.T) {
	t.Parallel()
	first, second := secretKey, signer.Credentials{AccessKeyID: "second", AccessKeySecret: "x", SecurityToken: "t"}
	for name, c := range map[string]struct {
		answer   func(n int) *http.Response
		next     signer.Credentials
		err      error
		requests int
		ok       bool
	}{
		"a new key": {func(n int) *http.Response {
			if n == 1 {
				return respond(403, codeBody("InvalidSecurityToken.Expired"))
			}
			return respond(200, good)
		}, second, nil, 2, true},
		"the new one is refused too": {func(int) *http.Response { return respond(403, codeBody("InvalidSecurityToken.Expired")) }, second, nil, 2, false},
		"there is no other":          {func(int) *http.Response { return respond(403, codeBody("InvalidSecurityToken.Expired")) }, first, nil, 1, false},
		"the provider fails":         {func(int) *http.Response { return respond(403, codeBody("InvalidSecurityToken.Expired")) }, first, io.EOF, 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var stales []signer.Credentials
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) { return c.answer(n), nil }, func(cfg *Config) {
				cfg.Credentials = func(_ context.Context, stale signer.Credentials) (signer.Credentials, error, error) {
					stales = append(stales, stale)
					if len(stales) == 1 {
						return first, nil, nil
					}
					return c.next, nil, c.err
				}
			})
			_, err := g.Do(t.Context(), call())
			if len(g.requests) != c.requests || len(g.attempts) != c.requests || (err == nil) != c.ok {
				t.Errorf("%s: %d requests, %d reported, error %v", name, len(g.requests), len(g.attempts), err)
			}
			if !slices.Equal(stales, []signer.Credentials{{}, first}) {
				t.Errorf("%s: the provider was asked to replace %v", name, stales)
			}
			if f, ok := err.(*Failure); ok && (f.Response.Code != "InvalidSecurityToken.Expired" || f.Attempts != c.requests || f.Class&Credentials == 0) { //nolint:errorlint // Do returns a *Failure, not wrapped
				t.Errorf("%s: %+v", name, f)
			}
		})
	}
}

// TestMismatch checks that a call is not retried if the response does not fit the caller's result type.
func TestMismatch(t *testing.T) {
	t.Parallel()
	g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good), nil }, nil)
	c := call()
	c.Decode = func([]byte) error { return fmt.Errorf("%w: number", ErrMismatch) }
	meta, err := g.Do(t.Context(), c)
	if f := err.(*Failure); meta.Attempts != 1 || f.Class != 0 || f.Error() != "the response does not match the result type: number" || !errors.Is(err, ErrMismatch) { //nolint:errorlint // Do returns a *Failure, not wrapped
		t.Errorf("%+v", f)
	}
}

// TestCredentialsUnreachable checks that an unreachable credentials service does not look like a missing key or a
// timeout of the caller.
func TestCredentialsUnreachable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want Class
	}{
		"no key":   {errors.New("no key in the profile"), Credentials},
		"bad file": {fmt.Errorf("profile: %w", io.ErrUnexpectedEOF), Credentials},
		"refused":  {fmt.Errorf("STS: %w", syscall.ECONNREFUSED), Credentials | Unavailable},
		"reset":    {fmt.Errorf("STS: %w", syscall.ECONNRESET), Credentials | Unavailable},
		"no file":  {fmt.Errorf("profile: %w", syscall.ENOENT), Credentials},
		"dial":     {&net.OpError{Op: "dial", Err: errors.New("no route")}, Credentials | Unavailable},
		"no host":  {&net.DNSError{Err: "no such host", IsNotFound: true}, Credentials | Unavailable},
		"timeout":  {fmt.Errorf("metadata: %w", context.DeadlineExceeded), Credentials | Unavailable},
		"a timeout that url.Error does not recognize": {
			&url.Error{Op: "Get", URL: "http://vault.test", Err: fmt.Errorf("traced: %w", context.DeadlineExceeded)}, Credentials | Unavailable,
		},
		"says so":   {saysUnavailable(true), Credentials | Unavailable},
		"denies it": {saysUnavailable(false), Credentials},
		"canceled":  {fmt.Errorf("metadata: %w", context.Canceled), Credentials},
	} {
		g := newRig(nil, func(cfg *Config) {
			cfg.Credentials = func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
				return signer.Credentials{}, nil, c.err
			}
		})
		_, err := g.Do(t.Context(), call())
		if f, ok := asFailure(err); !ok || f.Class != c.want || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), c.err.Error()) {
			t.Errorf("%s: %v: %+v", name, err, f)
		}
	}
}

type saysUnavailable bool

func (saysUnavailable) Error() string { return "provider failed" }

func (s saysUnavailable) Unavailable() bool { return bool(s) }

// TestKey checks that Key returns the key of the next request, or a *Failure.
func TestKey(t *testing.T) {
	t.Parallel()
	var failure error
	g := newRig(nil, func(c *Config) {
		c.Credentials = func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
			return secretKey, nil, failure
		}
	})
	if key, err := g.Key(t.Context()); key != secretKey || err != nil {
		t.Errorf("%v, %v", key, err)
	}
	failure = errors.New("no key in the profile")
	key, err := g.Key(t.Context())
	if f, ok := asFailure(err); key != (signer.Credentials{}) || !ok || f.Class != Credentials || f.Attempts != 0 {
		t.Errorf("%v, %v", key, err)
	}
}

// TestResponsesThatEndThrottling checks which responses end throttling, so that several requests may be sent at the
// same time. A response from a proxy or a service failure must not end throttling, because it does not show that quota
// is available.
func TestResponsesThatEndThrottling(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		ends   bool
	}{
		"success":             {200, good, true},
		"error of the caller": {400, codeBody("InvalidParameter"), true},
		"service failure":     {500, codeBody("InternalError"), false},
		"page of a proxy":     {404, "<html>", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			inFlight, most := 0, 0
			var mu sync.Mutex
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return respond(400, codeBody("Throttling")), nil
				}
				mu.Lock()
				inFlight++
				most = max(most, inFlight)
				mu.Unlock()
				time.Sleep(2 * time.Second)
				mu.Lock()
				defer mu.Unlock()
				inFlight--
				return respond(c.status, c.body), nil
			}, func(cfg *Config) { cfg.Retry.MaxAttempts = 1 })
			_, _ = g.Do(t.Context(), call())
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { _, _ = g.Do(t.Context(), call()) })
			}
			wg.Wait()
			if len(g.requests) != 11 || (most > 1) != c.ends {
				t.Errorf("%s: %d requests, up to %d at the same time", name, len(g.requests), most)
			}
		})
	}
}

// TestResponsesThatEndAnOutage checks that an outage ends when the server responds, even with an error, but not when a
// request fails without a response.
func TestResponsesThatEndAnOutage(t *testing.T) {
	t.Parallel()
	g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
		switch n {
		case 1:
			return respond(503, ""), nil
		case 2:
			return nil, errors.New("tls: failed to verify certificate")
		}
		return respond(400, codeBody("InvalidParameter")), nil
	}, func(c *Config) { c.Retry.MaxAttempts = 1 })
	for i, want := range []bool{true, true, false} {
		_, _ = g.Do(t.Context(), call())
		if got := g.scope("cn-test", "DescribeInstances").outage.down; got != want {
			t.Errorf("after request %d: down is %v", i+1, got)
		}
	}
}

// TestUnknownKeyIsRenewed checks that a key that the API reports as unknown or disabled is replaced once.
func TestUnknownKeyIsRenewed(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "InvalidAccessKeyIdError", "Forbidden.AccessKeyDisabled", "InvalidSecurityToken.Expired"} {
		synctest.Test(t, func(t *testing.T) {
			keys := 0
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return respond(404, codeBody(code)), nil
				}
				return respond(200, good), nil
			}, func(c *Config) { c.Credentials = rotating(&keys) })
			if meta, err := g.Do(t.Context(), call()); err != nil || meta.Attempts != 2 || keys != 2 {
				t.Errorf("%s: %d attempts, %d keys, error %v", code, meta.Attempts, keys, err)
			}
		})
	}
}

// TestWithCredentials checks that a Transport for another account shares only the connections of the original
// Transport.
func TestWithCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(_ int, r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("AccessKeyId") == secretKey.AccessKeyID {
				return respond(400, codeBody("Throttling"), "x-acs-retry-after", "60000"), nil
			}
			return respond(200, good), nil
		}, func(c *Config) { c.Retry.MaxAttempts = 1 })
		_, _ = g.Do(t.Context(), call())
		keys := 0
		other := g.WithCredentials(rotating(&keys))
		start := time.Now()
		if _, err := other.Do(t.Context(), call()); err != nil || time.Since(start) != 0 || len(g.requests) != 2 {
			t.Errorf("got error %v after %v", err, time.Since(start))
		}
	})
}
