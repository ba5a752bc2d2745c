package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestDo checks the result and the number of attempts for each kind of response and failure.
func TestDo(t *testing.T) {
	t.Parallel()
	fail := func(err error) roundTripper {
		return func(int, *http.Request) (*http.Response, error) { return nil, err }
	}
	always := func(status int, body string, header ...string) roundTripper {
		return func(int, *http.Request) (*http.Response, error) { return respond(status, body, header...), nil }
	}
	once := func(first roundTripper) roundTripper {
		return func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return first(n, r)
			}
			return respond(200, good, "X-Acs-Request-Id", "0-1"), nil
		}
	}
	cut := func(status int, body string) roundTripper {
		return func(int, *http.Request) (*http.Response, error) {
			resp := respond(status, "", "X-Acs-Request-Id", "0-2")
			resp.ContentLength = 1000
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), errReader{io.ErrUnexpectedEOF}))
			return resp, nil
		}
	}
	reset := errors.New("connection reset")
	for name, c := range map[string]struct {
		serve    roundTripper
		edit     func(*Config)
		attempts int
		class    Class  // class of the Failure
		code     string // error code of the Failure
		status   int
		text     string // part of the error message; empty if the call succeeds
		is       error
	}{
		"first time":                {serve: once(always(200, good)), attempts: 1},
		"connection error once":     {serve: once(fail(reset)), attempts: 2},
		"connection error for ever": {serve: fail(reset), attempts: 3, class: transient, text: "connection reset", is: reset},
		"five attempts":             {serve: fail(reset), edit: func(c *Config) { c.Retry.MaxAttempts = 5 }, attempts: 5, class: transient, text: "connection reset"},
		"never retry":               {serve: fail(reset), edit: func(c *Config) { c.Retry.MaxAttempts = 1 }, attempts: 1, class: transient, text: "connection reset"},
		"never retry a throttle":    {serve: always(400, codeBody("Throttling")), edit: func(c *Config) { c.Retry.MaxAttempts = 1 }, attempts: 1, class: Throttled, code: "Throttling", status: 400, text: "told"},
		"never retry a stale key":   {serve: always(400, codeBody("InvalidSecurityToken.Expired")), edit: func(c *Config) { c.Retry.MaxAttempts = 1 }, attempts: 1, class: Credentials | renewKey, code: "InvalidSecurityToken.Expired", status: 400, text: "told"},
		"nil pointer as error":      {serve: fail((*nilError)(nil)), attempts: 3, class: transient, text: "cannot be printed"},
		"certificate":               {serve: fail(errors.New("tls: failed to verify certificate")), attempts: 1, class: Unavailable, text: "certificate"},
		"500 once":                  {serve: once(always(500, codeBody("InternalError"))), attempts: 2},
		"400 InternalError once":    {serve: once(always(400, codeBody("InternalError"))), attempts: 2},
		"503 for ever":              {serve: always(503, codeBody("ServiceUnavailable")), attempts: 3, class: transient, code: "ServiceUnavailable", status: 503, text: "told"},
		"502 html for ever":         {serve: always(502, "<html>Bad</html>"), attempts: 3, class: transient, status: 502, text: "Bad Gateway, body begins: <html>Bad</html>"},
		"000":                       {serve: always(0, "text"), attempts: 3, class: transient, text: "malformed HTTP status 000"},
		"099 once":                  {serve: once(always(99, good)), attempts: 2},
		"501":                       {serve: always(501, ""), attempts: 1, class: Unavailable, status: 501, text: "Not Implemented, empty body"},
		"302":                       {serve: always(302, "", "Location", "https://elsewhere.test/"), attempts: 1, status: 302, text: "Found"},
		"302 to nowhere":            {serve: always(302, "", "Location", "http://[bad"), attempts: 1, text: "Location"},
		"404 html":                  {serve: always(404, "<html>"), attempts: 1, status: 404, text: "Not Found"},
		"400":                       {serve: always(400, codeBody("InvalidParameter")), attempts: 1, class: Invalid, code: "InvalidParameter", status: 400, text: "told"},
		"403":                       {serve: always(403, codeBody("Forbidden.RAM")), attempts: 1, class: Forbidden, code: "Forbidden.RAM", status: 403, text: "told"},
		"429 empty once":            {serve: once(always(429, "")), attempts: 2},
		"throttled once":            {serve: once(always(400, codeBody("Throttling.User"))), attempts: 2},
		"throttled for ever":        {serve: always(400, codeBody("Throttling.User"), "x-acs-retry-after", "1000"), attempts: throttleAttempts, class: Throttled, code: "Throttling.User", status: 400, text: "told"},
		"throttled for too long":    {serve: always(400, codeBody("Throttling.User"), "x-acs-retry-after", "55000"), attempts: 3, class: Throttled, code: "Throttling.User", status: 400, text: "no quota is available within 2m0s"},
		"nonce used once":           {serve: once(always(400, codeBody("SignatureNonceUsed"))), attempts: 2},
		"cut page once":             {serve: once(cut(200, `{"Inst`)), attempts: 2},
		"cut page for ever":         {serve: cut(200, `{"Inst`), attempts: 3, class: transient, status: 200, text: "unexpected EOF", is: io.ErrUnexpectedEOF},
		"cut 400 once":              {serve: once(cut(400, `{"Code":"Throt`)), attempts: 2},
		"cut 404 for ever":          {serve: cut(404, `<html>`), attempts: 3, class: transient, status: 404, text: "unexpected EOF", is: io.ErrUnexpectedEOF},
		"cut 400, code complete":    {serve: cut(400, codeBody("InvalidParameter")), attempts: 1, class: Invalid, code: "InvalidParameter", status: 400, text: "told"},
		"cut 409, code complete":    {serve: cut(409, codeBody("OperationConflict")), attempts: 1, code: "OperationConflict", status: 409, text: "told"},
		"bad page once":             {serve: once(always(200, "<html>")), attempts: 2},
		"bad page for ever":         {serve: always(200, "<html>"), attempts: 3, class: transient, status: 200, text: "the response did not come from this API, body begins: <html>: bad page"},
		"200 with an error":         {serve: always(200, codeBody("InternalError")), attempts: 3, class: transient, code: "InternalError", status: 200, text: "told"},
		"200 with a final error":    {serve: always(200, codeBody("InvalidParameter")), attempts: 1, class: Invalid, code: "InvalidParameter", status: 200, text: "told"},
		"204":                       {serve: always(204, ""), attempts: 3, class: transient, status: 204, text: "empty body"},
		"large page":                {serve: always(200, strings.Repeat(" ", maxBody+1)), attempts: 1, class: Unavailable, status: 200, text: "too large", is: errTooLarge},
		"large error":               {serve: always(503, strings.Repeat(" ", maxErrorBody+1)), attempts: 3, class: transient, status: 503, text: "Service Unavailable"},
		"large error of known size": {serve: always(403, "<html>denied by the firewall"+strings.Repeat("x", maxErrorBody)), attempts: 1, status: 403, text: "body begins: <html>denied by the firewall"},
		"101": {serve: func(int, *http.Request) (*http.Response, error) {
			r := respond(101, "")
			r.Body = forever{}
			return r, nil
		}, attempts: 1, status: 101, text: "Switching Protocols"},
		"credentials fail": {
			serve: always(200, good), attempts: 0, class: Credentials, text: "no credentials: provider down", is: io.EOF,
			edit: func(c *Config) {
				c.Credentials = func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
					return signer.Credentials{}, nil, fmt.Errorf("provider down: %w", io.EOF)
				}
			},
		},
		"signer fails":  {serve: always(200, good), attempts: 0, class: Invalid, text: "cannot sign ***", edit: func(c *Config) { c.Signer = badSigner{} }},
		"limiter fails": {serve: always(200, good), attempts: 0, text: "limiter: over", edit: func(c *Config) { c.Limiter = limiter(func(context.Context) error { return errors.New("over") }) }},
		"limiter says the deadline is too near": {
			serve: always(200, good), attempts: 0, text: "limiter: would exceed context deadline", is: context.DeadlineExceeded,
			edit: func(c *Config) {
				c.Limiter = limiter(func(context.Context) error { return errors.New("would exceed context deadline") })
			},
		},
		"limiter has its own deadline": {
			serve: always(200, good), attempts: 0, text: "limiter: context deadline exceeded", is: context.DeadlineExceeded,
			edit: func(c *Config) {
				c.Limiter = limiter(func(context.Context) error { return context.DeadlineExceeded })
			},
		},
		"limiter passes": {serve: always(200, good), attempts: 1, edit: func(c *Config) { c.Limiter = limiter(func(context.Context) error { return nil }) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newRig(c.serve, c.edit)
				meta, err := g.Do(t.Context(), call())
				if len(g.requests) != c.attempts || meta.Attempts != c.attempts || len(g.attempts) != c.attempts {
					t.Errorf("%d requests, %d counted, %d reported, want %d", len(g.requests), meta.Attempts, len(g.attempts), c.attempts)
				}
				if c.text == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				f, ok := err.(*Failure) //nolint:errorlint // Do returns a *Failure, not wrapped
				if !ok {
					t.Fatalf("the error is a %T: %v", err, err)
				}
				if !strings.Contains(f.Error(), c.text) || f.Response.Code != c.code || f.Response.Status != c.status || f.Class != c.class || f.Attempts != c.attempts {
					t.Errorf("%v: %+v", f, f)
				}
				if c.is != nil && (!errors.Is(err, c.is) || strings.Count(f.Error(), c.is.Error()) > 1) {
					t.Errorf("%v does not match %v, or contains its message twice", err, c.is)
				}
				if errors.Is(err, context.DeadlineExceeded) && c.is != context.DeadlineExceeded { //nolint:errorlint // must be the same error value
					t.Errorf("%v matches context.DeadlineExceeded, although the caller set no deadline", err)
				}
			})
		})
	}
}

// forever is a connection on which no data ever arrives.
type forever struct{}

func (forever) Read([]byte) (int, error) { select {} }

func (forever) Write(b []byte) (int, error) { return len(b), nil }

func (forever) Close() error { return nil }

type badSigner struct{}

func (badSigner) Sign(_ signer.Request, c signer.Credentials) (signer.Signed, error) {
	return signer.Signed{}, errors.New("cannot sign " + c.AccessKeySecret)
}

func TestContext(t *testing.T) {
	t.Parallel()
	hang := func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	hangBodyOf := func(status int) roundTripper {
		return func(_ int, r *http.Request) (*http.Response, error) {
			resp := respond(status, "")
			resp.ContentLength, resp.Body = -1, io.NopCloser(untilDone{r.Context()})
			return resp, nil
		}
	}
	hangBody := hangBodyOf(200)
	unavailable := func(int, *http.Request) (*http.Response, error) {
		return respond(503, codeBody("ServiceUnavailable")), nil
	}
	slow := func(_ int, r *http.Request) (*http.Response, error) {
		return respond(503, codeBody("ServiceUnavailable"), "Retry-After", "5"), nil
	}
	throttled := func(int, *http.Request) (*http.Response, error) {
		return respond(400, codeBody("Throttling"), "x-acs-retry-after", "3600000"), nil
	}
	limited := func(c *Config) {
		c.Limiter = limiter(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	}
	noKey := func(c *Config) {
		c.Credentials = func(ctx context.Context, _ signer.Credentials) (signer.Credentials, error, error) {
			<-ctx.Done()
			return signer.Credentials{}, nil, ctx.Err()
		}
	}
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		serve    roundTripper
		edit     func(*Config)
		deadline time.Duration // the context's deadline; 0 means that the context is canceled after one second
		took     time.Duration
		attempts int
		code     string
		is       error
	}{
		"cancelled in the request":     {hang, nil, 0, time.Second, 1, "", cause},
		"cancelled in the body":        {hangBody, nil, 0, time.Second, 1, "", cause},
		"cancelled in the error body":  {hangBodyOf(503), nil, 0, time.Second, 1, "", cause},
		"cancelled in the backoff":     {slow, nil, 0, time.Second, 1, "ServiceUnavailable", cause},
		"cancelled in the throttle":    {throttled, nil, 0, time.Second, 1, "Throttling", cause},
		"cancelled in the limiter":     {unavailable, limited, 0, time.Second, 0, "", cause},
		"cancelled in the credentials": {unavailable, noKey, 0, time.Second, 0, "", cause},
		"deadline in the request":      {hang, nil, time.Second, time.Second, 1, "", context.DeadlineExceeded},
		"deadline in the body":         {hangBody, nil, time.Second, time.Second, 1, "", context.DeadlineExceeded},
		"deadline before the backoff":  {slow, nil, time.Second, 0, 1, "ServiceUnavailable", context.DeadlineExceeded},
		"deadline before the quota":    {throttled, nil, time.Second, 0, 1, "Throttling", context.DeadlineExceeded},
		"deadline in the limiter":      {unavailable, limited, time.Second, time.Second, 0, "", context.DeadlineExceeded},
		"deadline in the credentials":  {unavailable, noKey, time.Second, time.Second, 0, "", context.DeadlineExceeded},
		"timeout of the attempts": {hang, func(c *Config) {
			c.Retry = Policy{MaxAttempts: 3, MinDelay: 1, MaxDelay: 1, AttemptTimeout: time.Second}
		}, time.Hour, 3 * time.Second, 3, "", os.ErrDeadlineExceeded},
		"timeout in the bodies": {hangBody, func(c *Config) {
			c.Retry = Policy{MaxAttempts: 3, MinDelay: 1, MaxDelay: 1, AttemptTimeout: time.Second}
		}, time.Hour, 3 * time.Second, 3, "", os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newRig(c.serve, c.edit)
				ctx, cancel := context.WithCancelCause(t.Context())
				if c.deadline == 0 {
					time.AfterFunc(time.Second, func() { cancel(cause) })
				} else {
					var stop context.CancelFunc
					ctx, stop = context.WithTimeout(ctx, c.deadline)
					defer stop()
				}
				start := time.Now()
				_, err := g.Do(ctx, call())
				if took := time.Since(start); took.Round(time.Millisecond) != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				if c.is == os.ErrDeadlineExceeded && errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v matches the caller's deadline, although the attempt timed out", err)
				}
				if !errors.Is(err, c.is) || c.deadline == 0 && !errors.Is(err, context.Canceled) {
					t.Errorf("%v does not match %v", err, c.is)
				}
				f := err.(*Failure) //nolint:errorlint // Do returns a *Failure, not wrapped
				if f.Attempts != c.attempts || f.Response.Code != c.code {
					t.Errorf("%d attempts, code %q", f.Attempts, f.Response.Code)
				}
				if c.is != os.ErrDeadlineExceeded && c.code == "" && f.Class != 0 { //nolint:errorlint // must be the same error value
					t.Errorf("a call that only its context ended has class %b", f.Class)
				}
				if n := len(g.requests); n != c.attempts {
					t.Errorf("%d requests were sent", n)
				}
				if strings.HasSuffix(name, "in the credentials") && !strings.Contains(err.Error(), "while waiting for credentials: ") {
					t.Errorf("%v does not mention the credentials", err)
				}
				cancel(nil)
			})
		})
	}
	t.Run("done before", func(t *testing.T) {
		t.Parallel()
		g := newRig(hang, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Do(ctx, call()); !errors.Is(err, context.Canceled) || len(g.requests) != 0 {
			t.Errorf("got error %v after %d requests", err, len(g.requests))
		}
	})
}

type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

// TestLastResponseIsKept checks that a failed call reports the latest error response, even if a later attempt received
// no response.
func TestLastResponseIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return respond(503, codeBody("ServiceUnavailable")), nil
			}
			return nil, io.ErrUnexpectedEOF
		}, nil)
		_, err := g.Do(t.Context(), call())
		if f := err.(*Failure); f.Response.Code != "ServiceUnavailable" || !errors.Is(err, io.ErrUnexpectedEOF) { //nolint:errorlint // Do returns a *Failure, not wrapped
			t.Errorf("%+v", f)
		}
		if a := g.attempts[2]; a.StatusCode != 0 || a.Code != "" || a.Err.(*Failure).Response.Code != "" { //nolint:errorlint // Attempt.Err is a *Failure, not wrapped
			t.Errorf("the attempt reports the response of another attempt: %+v", a)
		}
	})
}

// TestContextErrorKeepsTheLastFailure checks that the error of a call whose context is done also reports the last
// failed attempt.
func TestContextErrorKeepsTheLastFailure(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	for name, c := range map[string]struct {
		serve    roundTripper
		deadline time.Duration
		code     string
		id       string // the request id of the most recent response
		is       error
	}{
		"no time for another attempt": {func(int, *http.Request) (*http.Response, error) { return nil, reset }, time.Millisecond, "", "", reset},
		"in the second attempt": {func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return respond(503, codeBody("ServiceUnavailable")), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, time.Second, "ServiceUnavailable", "REQ", nil},
		"in the body of the second response": {func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return respond(503, codeBody("ServiceUnavailable")), nil
			}
			resp := respond(200, "", "X-Acs-Request-Id", "0-2")
			resp.ContentLength, resp.Body = -1, io.NopCloser(untilDone{r.Context()})
			return resp, nil
		}, time.Second, "ServiceUnavailable", "0-2", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(c.serve, nil)
			ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
			defer cancel()
			_, err := g.Do(ctx, call())
			if f, ok := asFailure(err); !ok || !errors.Is(err, context.DeadlineExceeded) || c.is != nil && !errors.Is(err, c.is) || f.Response.Code != c.code || f.Response.RequestID != c.id || f.Class&Unavailable == 0 {
				t.Errorf("%s: %v: %+v", name, err, f)
			}
		})
	}
}
