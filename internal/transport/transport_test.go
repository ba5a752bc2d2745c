package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// roundTripper simulates the server. n is the number of the request, counted from 1.
type roundTripper func(n int, r *http.Request) (*http.Response, error)

// rig is a Transport that sends its requests to a roundTripper, and a record of the requests.
type rig struct {
	*Transport
	mu       sync.Mutex
	requests []*http.Request
	times    []time.Time
	attempts []Attempt
	log      bytes.Buffer
}

func newRig(serve roundTripper, edit func(*Config)) *rig {
	g := &rig{}
	cfg := Config{
		HTTPClient: &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			g.mu.Lock()
			g.requests, g.times = append(g.requests, r), append(g.times, time.Now())
			n := len(g.requests)
			g.mu.Unlock()
			resp, err := serve(n, r)
			if resp != nil {
				resp.Request = r
			}
			return resp, err
		})},
		Signer: signer.V1{},
		Retry:  Policy{MaxAttempts: 3, MinDelay: 100 * time.Millisecond},
		Credentials: func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
			return secretKey, nil, nil
		},
		OnAttempt: func(a Attempt) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.attempts = append(g.attempts, a)
		},
		Logger: slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if edit != nil {
		edit(&cfg)
	}
	g.Transport = New(cfg)
	return g
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func respond(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

func codeBody(code string) string {
	return `{"Code":"` + code + `","Message":"told","RequestId":"REQ","HostId":"host"}`
}

const good = `{"Instances":{}}`

// call returns a call that succeeds with a valid response.
func call() Call {
	return Call{
		Region: "cn-test", Action: "DescribeInstances", Version: "2014-05-26", Scheme: "https", Host: "ecs.test",
		Params: url.Values{"RegionId": {"cn-test"}}, ReadOnly: true,
		Decode: func(body []byte) error {
			if string(body) != good {
				return errors.New("bad page")
			}
			return nil
		},
	}
}

// gaps returns the pauses between the attempts.
func (g *rig) gaps() (gaps []time.Duration) {
	for i := 1; i < len(g.times); i++ {
		gaps = append(gaps, g.times[i].Sub(g.times[i-1]))
	}
	return gaps
}

// TestDo checks the results of calls and their numbers of attempts.
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
		class    Class  // class of the failure
		code     string // problem of the failure
		status   int
		text     string // part of the text of the failure; "" means that the call succeeds
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
		"certificate":               {serve: fail(errors.New("tls: failed to verify certificate")), attempts: 1, class: permanent, text: "certificate"},
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
		"throttled for too long":    {serve: always(400, codeBody("Throttling.User"), "x-acs-retry-after", "55000"), attempts: 3, class: Throttled, code: "Throttling.User", status: 400, text: "no quota available within 2m0s"},
		"nonce used once":           {serve: once(always(400, codeBody("SignatureNonceUsed"))), attempts: 2},
		"cut page once":             {serve: once(cut(200, `{"Inst`)), attempts: 2},
		"cut page for ever":         {serve: cut(200, `{"Inst`), attempts: 3, class: transient, status: 200, text: "unexpected EOF", is: io.ErrUnexpectedEOF},
		"cut 400 once":              {serve: once(cut(400, `{"Code":"Throt`)), attempts: 2},
		"cut 404 for ever":          {serve: cut(404, `<html>`), attempts: 3, class: transient, status: 404, text: "unexpected EOF", is: io.ErrUnexpectedEOF},
		"cut 400, code complete":    {serve: cut(400, codeBody("InvalidParameter")), attempts: 1, class: Invalid, code: "InvalidParameter", status: 400, text: "told"},
		"bad page once":             {serve: once(always(200, "<html>")), attempts: 2},
		"bad page for ever":         {serve: always(200, "<html>"), attempts: 3, class: transient, status: 200, text: "not a response of this API, body begins: <html>: bad page"},
		"200 with an error":         {serve: always(200, codeBody("InternalError")), attempts: 3, class: transient, code: "InternalError", status: 200, text: "told"},
		"200 with a final error":    {serve: always(200, codeBody("InvalidParameter")), attempts: 1, class: Invalid, code: "InvalidParameter", status: 200, text: "told"},
		"204":                       {serve: always(204, ""), attempts: 3, class: transient, status: 204, text: "empty body"},
		"large page":                {serve: always(200, strings.Repeat(" ", maxBody+1)), attempts: 1, class: permanent, status: 200, text: "too large", is: errTooLarge},
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
				f, ok := err.(*Failure) //nolint:errorlint // as promised
				if !ok {
					t.Fatalf("%T %v", err, err)
				}
				if !strings.Contains(f.Error(), c.text) || f.Response.Code != c.code || f.Response.Status != c.status || f.Class != c.class || f.Attempts != c.attempts {
					t.Errorf("%v: %+v", f, f)
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("%v is not %v", err, c.is)
				}
				if errors.Is(err, context.DeadlineExceeded) && c.is != context.DeadlineExceeded { //nolint:errorlint // the very one
					t.Errorf("%v claims a deadline", err)
				}
			})
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// forever is a connection that never sends anything and ignores deadlines.
type forever struct{}

func (forever) Read([]byte) (int, error)    { select {} }
func (forever) Write(b []byte) (int, error) { return len(b), nil }
func (forever) Close() error                { return nil }

type badSigner struct{}

func (badSigner) Sign(_ signer.Request, c signer.Credentials) (signer.Signed, error) {
	return signer.Signed{}, errors.New("cannot sign " + c.AccessKeySecret)
}

type limiter func(context.Context) error

func (l limiter) Wait(ctx context.Context) error { return l(ctx) }

// TestEveryAttemptIsSigned checks that every attempt has its own nonce, time and signature.
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

func TestNonce(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		n := nonce()
		if len(n) != 32 || strings.Trim(n, "0123456789abcdef") != "" || seen[n] {
			t.Fatalf("nonce %s, seen %v", n, seen[n])
		}
		seen[n] = true
	}
}

// TestBackoff checks that backoffs grow, have jitter, and are added to the wait that the server requests.
func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(503, ""), nil }, func(c *Config) {
			c.Retry = Policy{MaxAttempts: 8, MinDelay: 100 * time.Millisecond, MaxDelay: time.Second}
		})
		_, _ = g.Do(t.Context(), call())
		got := g.gaps()
		ceilings := []time.Duration{100, 200, 400, 800, 1000, 1000, 1000}
		if len(got) != len(ceilings) {
			t.Fatalf("%v", got)
		}
		distinct := map[time.Duration]bool{}
		for i, d := range got {
			if d < 50*time.Millisecond || d > ceilings[i]*time.Millisecond {
				t.Errorf("gap %d is %v", i, d)
			}
			distinct[d] = true
		}
		if len(distinct) != len(got) {
			t.Errorf("no jitter: %v", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(503, "", "Retry-After", "2", "X-RateLimit-User", "Limit:9,Remain:8,TimeLeft:50000"), nil
		}, nil)
		_, _ = g.Do(t.Context(), call())
		for i, d := range g.gaps() {
			if d < 2050*time.Millisecond || d > 2200*time.Millisecond {
				t.Errorf("gap %d is %v", i, d)
			}
		}
	})
}

// TestRetryBudgetOfCalls checks that every region and operation has its own retry budget, and that the error of a
// call says so if it was not retried because the budget was spent.
func TestRetryBudgetOfCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(_ int, r *http.Request) (*http.Response, error) { return respond(503, ""), nil }, nil)
		for range 200 {
			_, _ = g.Do(t.Context(), call())
		}
		if n := len(g.requests); n > 200*12/10+retryBudget+1 {
			t.Errorf("%d requests for 200 calls", n)
		}
		refused := 0
		for range 10 {
			_, err := g.Do(t.Context(), call())
			if f := err.(*Failure); f.Attempts == 1 && strings.Contains(f.Advice, "too many calls are failing") { //nolint:errorlint // as promised
				refused++
			}
		}
		if refused < 6 {
			t.Errorf("%d of 10 calls were told why they were not retried", refused)
		}
		for _, other := range []func(*Call){func(c *Call) { c.Region = "cn-other" }, func(c *Call) { c.Action = "DescribeRegions" }} {
			c := call()
			other(&c)
			if meta, _ := g.Do(t.Context(), c); meta.Attempts != 3 {
				t.Errorf("%s in %s had %d attempts", c.Action, c.Region, meta.Attempts)
			}
		}
	})
}

func TestContext(t *testing.T) {
	t.Parallel()
	hang := func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	hangBody := func(_ int, r *http.Request) (*http.Response, error) {
		resp := respond(200, "")
		resp.ContentLength, resp.Body = -1, io.NopCloser(untilDone{r.Context()})
		return resp, nil
	}
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
		deadline time.Duration // deadline of the context; 0 means that the context is canceled after a second
		took     time.Duration
		attempts int
		code     string
		is       error
	}{
		"cancelled in the request":     {hang, nil, 0, time.Second, 1, "", cause},
		"cancelled in the body":        {hangBody, nil, 0, time.Second, 1, "", cause},
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
					t.Errorf("%v blames the caller's deadline", err)
				}
				if !errors.Is(err, c.is) || c.deadline == 0 && !errors.Is(err, context.Canceled) {
					t.Errorf("%v is not %v", err, c.is)
				}
				if f := err.(*Failure); f.Attempts != c.attempts || f.Response.Code != c.code { //nolint:errorlint // as promised
					t.Errorf("%d attempts, code %q", f.Attempts, f.Response.Code)
				}
				if n := len(g.requests); n != c.attempts {
					t.Errorf("%d requests", n)
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
			t.Errorf("%v after %d requests", err, len(g.requests))
		}
	})
}

type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

// TestAttemptTimeout checks that an attempt that takes too long is reported as a timeout, and that idle
// connections are closed.
func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closer := &idleCloser{RoundTripper: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		g := newRig(nil, func(c *Config) { c.HTTPClient = &http.Client{Transport: closer} })
		_, err := g.Do(t.Context(), call())
		if e, ok := asTimeout(err); !ok || !e.Timeout() || !e.Temporary() || !strings.Contains(err.Error(), "no complete response within 10s") {
			t.Errorf("%v", err)
		}
		if closer.closed != 2 {
			t.Errorf("closed idle connections %d times between 3 attempts", closer.closed)
		}
		g.CloseIdleConnections()
		if closer.closed != 3 {
			t.Error("CloseIdleConnections did nothing")
		}
	})
}

type idleCloser struct {
	http.RoundTripper
	closed int
}

func (i *idleCloser) CloseIdleConnections() { i.closed++ }

// TestLastResponseIsKept checks that a call that ends with a different failure still reports the last error
// response.
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
		if f := err.(*Failure); f.Response.Code != "ServiceUnavailable" || !errors.Is(err, io.ErrUnexpectedEOF) { //nolint:errorlint // as promised
			t.Errorf("%+v", f)
		}
		if a := g.attempts[2]; a.StatusCode != 0 || a.Code != "" || a.Err.(*Failure).Response.Code != "" { //nolint:errorlint // as made
			t.Errorf("the attempt has the answer of another: %+v", a)
		}
	})
}

// TestContextErrorKeepsTheLastFailure checks that a call ended by its context also reports the failure before it.
func TestContextErrorKeepsTheLastFailure(t *testing.T) {
	t.Parallel()
	reset := errors.New("connection reset")
	for name, c := range map[string]struct {
		serve    roundTripper
		deadline time.Duration
		code     string
		is       error
	}{
		"no time for another attempt": {func(int, *http.Request) (*http.Response, error) { return nil, reset }, time.Millisecond, "", reset},
		"in the second attempt": {func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return respond(503, codeBody("ServiceUnavailable")), nil
			}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, time.Second, "ServiceUnavailable", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(c.serve, nil)
			ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
			defer cancel()
			_, err := g.Do(ctx, call())
			if f, ok := asFailure(err); !ok || !errors.Is(err, context.DeadlineExceeded) || c.is != nil && !errors.Is(err, c.is) || f.Response.Code != c.code || f.Class&Unavailable == 0 {
				t.Errorf("%s: %v: %+v", name, err, f)
			}
		})
	}
}

func TestTextsAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 20_000)
	g := newRig(func(int, *http.Request) (*http.Response, error) {
		return respond(400, `{"Code":"C","Message":"`+long+`"}`), nil
	}, nil)
	_, err := g.Do(t.Context(), call())
	if f, ok := asFailure(err); !ok || len(f.Response.Message) > 8<<10 || len(f.Response.Message) < 8<<10-8 {
		t.Errorf("%d bytes of message", len(f.Response.Message))
	}
	g = newRig(func(int, *http.Request) (*http.Response, error) { return nil, errors.New(long) }, func(c *Config) { c.Retry.MaxAttempts = 1 })
	if _, err = g.Do(t.Context(), call()); len(err.Error()) > 8<<10 {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
}

// TestExpiredKey checks that a key that the API reports as expired is replaced once, and that nothing is sent if
// there is no other key.
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
			if len(g.requests) != c.requests || (err == nil) != c.ok {
				t.Errorf("%s: %d requests, %v", name, len(g.requests), err)
			}
			if !slices.Equal(stales, []signer.Credentials{{}, first}) {
				t.Errorf("%s: told stale: %v", name, stales)
			}
			if f, ok := err.(*Failure); ok && (f.Response.Code != "InvalidSecurityToken.Expired" || f.Attempts != c.requests || f.Class&Credentials == 0) { //nolint:errorlint // as promised
				t.Errorf("%s: %+v", name, f)
			}
		})
	}
}

// TestSkew checks that the server's time is learned from a response that refuses the time of a request, that it is
// remembered, and that it is learned at most once more in the same call.
func TestSkew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := 30 * time.Minute
		serve := func(_ int, r *http.Request) (*http.Response, error) {
			now := time.Now().Add(server).UTC()
			sent, _ := time.Parse(time.RFC3339, r.URL.Query().Get("Timestamp"))
			if now.Sub(sent).Abs() > 15*time.Minute {
				return respond(400, codeBody("InvalidTimeStamp.Expired"), "Date", now.Format(http.TimeFormat)), nil
			}
			return respond(200, good), nil
		}
		g := newRig(serve, nil)
		for i, want := range []int{2, 1, 1} {
			if meta, err := g.Do(t.Context(), call()); err != nil || meta.Attempts != want {
				t.Errorf("call %d: %d attempts, %v", i, meta.Attempts, err)
			}
		}
		server = -2 * time.Hour // the local clock jumped
		if meta, err := g.Do(t.Context(), call()); err != nil || meta.Attempts != 2 {
			t.Errorf("after the jump: %d attempts, %v", meta.Attempts, err)
		}
		server = 25 * time.Hour // too far off to be plausible
		if meta, err := g.Do(t.Context(), call()); err == nil || meta.Attempts != 1 {
			t.Errorf("absurd date: %d attempts, %v", meta.Attempts, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a server that refuses every time
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			return respond(400, codeBody("IllegalTimestamp"), "Date", time.Now().Add(time.Duration(n)*time.Hour).UTC().Format(http.TimeFormat)), nil
		}, nil)
		if meta, err := g.Do(t.Context(), call()); err == nil || meta.Attempts != 3 {
			t.Errorf("%d attempts, %v", meta.Attempts, err)
		}
	})
}

// TestMismatch checks that a response that does not fit the caller's type is not retried.
func TestMismatch(t *testing.T) {
	t.Parallel()
	g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good), nil }, nil)
	c := call()
	c.Decode = func([]byte) error { return fmt.Errorf("%w: number", ErrMismatch) }
	meta, err := g.Do(t.Context(), c)
	if f := err.(*Failure); meta.Attempts != 1 || f.Class != 0 || f.Error() != "the response does not fit the result: number" || !errors.Is(err, ErrMismatch) { //nolint:errorlint // as promised
		t.Errorf("%+v", f)
	}
}

// TestNoSecretLeaves checks that no text of the server, the network or the provider leaks a secret into errors,
// attempts or the log.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]signer.Signer{"V1": signer.V1{}, "V3": signer.V3{}} {
		echo := func(status int) roundTripper {
			return func(n int, r *http.Request) (*http.Response, error) {
				text := fmt.Sprintf("%s %v %s", r.URL, r.Header, strings.Join(secrets[:3], " "))
				body := fmt.Sprintf(`{"Code":%[1]q,"Message":%[1]q,"RequestId":%[1]q,"HostId":%[1]q,"Recommend":%[1]q,"AccessDeniedDetail":{"AuthAction":%[1]q,"EncodedDiagnosticMessage":%[1]q}}`, text)
				switch n % 3 {
				case 0:
					body = text
				case 1:
					return nil, errors.New(text)
				}
				return respond(status, body, "X-Acs-Request-Id", text), nil
			}
		}
		for _, status := range []int{200, 302, 400, 503} {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(echo(status), func(c *Config) {
					c.Signer = s
					c.Credentials = func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
						return secretKey, errors.New("provider is late"), nil
					}
				})
				_, err := g.Do(t.Context(), call())
				texts := []string{g.log.String()}
				for _, a := range g.attempts {
					texts = append(texts, fmt.Sprintf("%+v %v", a, a.Err))
				}
				walk(err, func(link error) { texts = append(texts, fmt.Sprintf("%v %+v %#v", link, link, link)) })
				answer := err.(*Failure).Response //nolint:errorlint // as promised
				if answer.AccessDenied != nil {
					texts = append(texts, fmt.Sprintf("%+v", *answer.AccessDenied))
				}
				for _, text := range append(texts, fmt.Sprintf("%+v", answer)) {
					if bad := holds(text); bad != "" {
						t.Errorf("%s, %d: %s in %s", name, status, bad, text)
					}
					for _, r := range g.requests {
						_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
						signature += r.URL.Query().Get("Signature")
						if strings.Contains(text, signature) || strings.Contains(text, url.QueryEscape(signature)) {
							t.Errorf("%s, %d: signature in %s", name, status, text)
						}
					}
				}
				if !strings.Contains(g.log.String(), "provider is late") {
					t.Error("the warning was not logged")
				}
			})
		}
	}
}

// TestCallersClient checks that the caller's http.Client and parameters are used but not modified.
func TestCallersClient(t *testing.T) {
	t.Parallel()
	redirected := 0
	theirs := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { redirected++; return nil }}
	theirs.Transport = roundTripFunc(func(*http.Request) (*http.Response, error) {
		return respond(302, "", "Location", "https://elsewhere.test/"), nil
	})
	g := newRig(nil, func(c *Config) { c.HTTPClient, c.Logger, c.OnAttempt = theirs, nil, nil })
	params := call()
	before := maps.Clone(params.Params)
	_, err := g.Do(t.Context(), params)
	if f := err.(*Failure); f.Response.Status != 302 || redirected != 0 || theirs.Timeout != time.Minute || theirs.CheckRedirect == nil { //nolint:errorlint // as promised
		t.Errorf("%+v, redirected %d times", f, redirected)
	}
	if !maps.EqualFunc(before, params.Params, slices.Equal) {
		t.Errorf("the parameters became %v", params.Params)
	}
}

func TestOwnClient(t *testing.T) {
	t.Parallel()
	tr := New(Config{}).http.Transport.(*http.Transport)
	if tr == http.DefaultTransport || tr.TLSClientConfig.MinVersion != 0x303 || tr.TLSHandshakeTimeout == 0 || tr.MaxResponseHeaderBytes != maxHeader || tr.HTTP2.SendPingTimeout == 0 || tr.HTTP2.PingTimeout == 0 || tr.HTTP2.SendPingTimeout+tr.HTTP2.PingTimeout > defaultAttemptTimeout {
		t.Errorf("%+v", tr)
	}
	if d := NewDialer(); d.Timeout > 5*time.Second || d.FallbackDelay < 0 {
		t.Errorf("%+v", d)
	}
}

// TestPanicInDecode checks that a panic in Decode does not block other calls.
func TestPanicInDecode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return respond(400, codeBody("Throttling")), nil
			}
			return respond(200, good), nil
		}, nil)
		c := call()
		c.Decode = func([]byte) error { panic("theirs") }
		func() {
			defer func() {
				if recover() != "theirs" {
					t.Error("no panic")
				}
			}()
			_, _ = g.Do(t.Context(), c)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Do(ctx, call()); err != nil {
			t.Error(err)
		}
	})
}

// TestHookMayCall checks that OnAttempt may make calls itself.
func TestHookMayCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g *rig
		inner := 0
		g = newRig(func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return respond(400, codeBody("Throttling")), nil
			}
			return respond(200, good), nil
		}, func(c *Config) {
			c.OnAttempt = func(a Attempt) {
				if inner++; inner < 3 {
					if _, err := g.Do(a.Context, call()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		if _, err := g.Do(t.Context(), call()); err != nil {
			t.Error(err)
		}
	})
}

// TestClockIsLearnedWithoutRetry checks that a call that is not retried still learns the server's time for the
// next call.
func TestClockIsLearnedWithoutRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(func(_ int, r *http.Request) (*http.Response, error) {
			now := time.Now().Add(30 * time.Minute).UTC()
			at, _ := time.Parse(time.RFC3339, r.URL.Query().Get("Timestamp"))
			if now.Sub(at).Abs() > 15*time.Minute {
				return respond(400, codeBody("InvalidTimeStamp.Expired"), "Date", now.Format(http.TimeFormat)), nil
			}
			return respond(200, good), nil
		}, func(c *Config) { c.Retry.MaxAttempts = 1 })
		if _, err := g.Do(t.Context(), call()); err == nil || len(g.requests) != 1 {
			t.Errorf("%d requests: %v", len(g.requests), err)
		}
		if _, err := g.Do(t.Context(), call()); err != nil || len(g.requests) != 2 {
			t.Errorf("%d requests: %v", len(g.requests), err)
		}
	})
}

// TestNoMoreThanTheLimitIsRead checks that an endless body is read up to the limit, and that a page that declares
// a larger size is not read at all.
func TestNoMoreThanTheLimitIsRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		length int64
		most   int
	}{{200, -1, 32 << 20}, {200, 32<<20 + 1, 0}, {500, -1, 1 << 20}, {500, 1<<20 + 1, 1 << 20}, {404, 1 << 40, 1 << 20}} {
		read := 0
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			resp := respond(c.status, "")
			resp.ContentLength, resp.Body = c.length, io.NopCloser(readerFunc(func(b []byte) (int, error) {
				read += len(b)
				return len(b), nil
			}))
			return resp, nil
		}, func(cfg *Config) { cfg.Retry.MaxAttempts = 1 })
		// the unused part of a pooled buffer may be filled, too
		if _, err := g.Do(t.Context(), call()); err == nil || read > c.most+keepBuffer {
			t.Errorf("%d, Content-Length %d: %d bytes read, %v", c.status, c.length, read, err)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestEndedWhileWaitingForQuota checks the error of a call that ends while it waits for quota, before or after its
// first request.
func TestEndedWhileWaitingForQuota(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]error{"deadline": context.DeadlineExceeded, "cancel": context.Canceled} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(func(int, *http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return respond(400, codeBody("Throttling.User"), "x-acs-retry-after", "1000"), nil
			}, nil)
			const when = 2500 * time.Millisecond // the next probe is in flight
			ctx, cancel := context.WithCancel(t.Context())
			if name == "deadline" {
				ctx, cancel = context.WithTimeout(t.Context(), when)
			} else {
				time.AfterFunc(when, cancel)
			}
			defer cancel()
			errs := make(chan error, 20)
			for range cap(errs) {
				go func() {
					_, err := g.Do(ctx, call())
					errs <- err
				}()
				time.Sleep(75 * time.Millisecond) // so that some calls arrive while the gate is closed
			}
			for range cap(errs) {
				err := <-errs
				if f, ok := asFailure(err); !ok || !errors.Is(err, want) || f.Class&Throttled == 0 {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestLimiterWithThrottling checks that the caller's limit holds whatever the throttle control does, and that the
// limiter is called no more often than necessary.
func TestLimiterWithThrottling(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		callers int
		serve   func(n int, at time.Duration) bool // whether it is throttled
		waits   int
	}{
		"alone":                {1, func(n int, _ time.Duration) bool { return n <= 3 }, 4},
		"all at once":          {100, func(n int, at time.Duration) bool { return n > 5 && at < 30*time.Second }, 0},
		"throttled repeatedly": {100, func(n int, _ time.Duration) bool { return n%20 == 7 }, 0},
		"probes that fail":     {30, func(n int, at time.Duration) bool { return at < 15*time.Second }, 0},
		"never throttled":      {100, func(int, time.Duration) bool { return false }, 100},
		"throttled at once":    {100, func(n int, _ time.Duration) bool { return n == 1 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, next, waits := time.Now(), time.Now(), 0
				var mu sync.Mutex
				g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
					if c.serve(n, time.Since(start)) {
						return respond(400, codeBody("Throttling")), nil
					}
					return respond(200, good), nil
				}, func(cfg *Config) {
					cfg.Limiter = limiter(func(ctx context.Context) error { // ten a second
						mu.Lock()
						at := later(next, time.Now())
						next = at.Add(100 * time.Millisecond)
						waits++
						mu.Unlock()
						return sleepUntil(ctx, at)
					})
				})
				var wg sync.WaitGroup
				for range c.callers {
					wg.Go(func() {
						if _, err := g.Do(t.Context(), call()); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				for i := 1; i < len(g.times); i++ {
					if d := g.times[i].Sub(g.times[i-1]); d < 100*time.Millisecond {
						t.Fatalf("request %d came %v after the one before", i+1, d)
					}
				}
				if c.waits > 0 && waits != c.waits {
					t.Errorf("the limiter was called %d times, want %d", waits, c.waits)
				}
				t.Logf("%d requests, the limiter was called %d times, %v", len(g.requests), waits, time.Since(start))
			})
		})
	}
}

// TestGateClosesDuringLimiter checks that if the gate closes while a call waits for the limiter, the call then
// waits for the gate.
func TestGateClosesDuringLimiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const closed = 20 * time.Second
		next := time.Now()
		var mu sync.Mutex
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				return respond(400, codeBody("Throttling")), nil
			case 80: // paced by now, and faster than the limiter allows
				return respond(400, codeBody("Throttling"), "x-acs-retry-after", "20000"), nil
			}
			return respond(200, good), nil
		}, func(cfg *Config) {
			cfg.Limiter = limiter(func(ctx context.Context) error {
				mu.Lock()
				at := later(next, time.Now())
				next = at.Add(100 * time.Millisecond)
				mu.Unlock()
				return sleepUntil(ctx, at)
			})
		})
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				if _, err := g.Do(t.Context(), call()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if gap := g.times[80].Sub(g.times[79]); gap < closed {
			t.Errorf("a request came %v after the server asked for %v", gap, closed)
		}
	})
}

// TestSlowLimiterWithThrottling checks that a probe that waits long for the limiter is not overtaken by later
// probes.
func TestSlowLimiterWithThrottling(t *testing.T) {
	t.Parallel()
	const callers = 3
	for n := range 20 { // the course depends on jitter
		pause := time.Duration(8+n) * time.Second
		synctest.Test(t, func(t *testing.T) {
			start, next, waits := time.Now(), time.Now(), 0
			var mu sync.Mutex
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return respond(400, codeBody("Throttling")), nil
				}
				return respond(200, good), nil
			}, func(cfg *Config) {
				cfg.Limiter = limiter(func(ctx context.Context) error {
					mu.Lock()
					at := later(next, time.Now())
					next = at.Add(pause)
					waits++
					mu.Unlock()
					return sleepUntil(ctx, at)
				})
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			var wg sync.WaitGroup
			for range callers {
				wg.Go(func() {
					if _, err := g.Do(ctx, call()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if took := time.Since(start); took > 2*callers*pause || waits > 2*callers {
				t.Errorf("one in %v: %d requests took %v, and the limiter was called %d times", pause, len(g.requests), took, waits)
			}
		})
	}
}

func asTimeout(err error) (timeout timeoutError, ok bool) {
	ok = errors.As(err, &timeout)
	return timeout, ok
}

func asFailure(err error) (f *Failure, ok bool) {
	ok = errors.As(err, &f)
	return f, ok
}

// sleepUntil waits like a rate.Limiter: it returns an error at once if the wait would exceed the deadline.
func sleepUntil(ctx context.Context, at time.Time) error {
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		return errNoTime
	}
	select {
	case <-time.After(time.Until(at)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// rotating returns a provider that always returns a key other than the stale one.
func rotating(calls *int) func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
	return func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
		*calls++
		return signer.Credentials{AccessKeyID: fmt.Sprint("key", *calls), AccessKeySecret: "x"}, nil, nil
	}
}
