package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestProblems checks that what went wrong below HTTP can be told apart, and that what needs a change is not retried.
func TestProblems(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	proxy := func(err error) error { return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} }
	unknown := &net.DNSError{Err: "no such host", Name: "x.test", IsNotFound: true}
	untrusted := &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
	for name, c := range map[string]struct {
		err       error
		problem   Problem
		permanent bool
		advice    string
		as        any // a pointer for errors.As, nil: none
	}{
		"unknown host":          {dial(unknown), NameNotFound, true, "check the region id, the endpoint and the name server", new(*net.DNSError)},
		"name server down":      {dial(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), NameLookup, false, "name server", new(*net.DNSError)},
		"name server times out": {dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), NameLookup, false, "name server", nil},
		"refused":               {dial(syscall.ECONNREFUSED), ConnectionRefused, false, "", new(*net.OpError)},
		"unreachable":           {dial(syscall.ENETUNREACH), ConnectionRefused, false, "", nil},
		"reset":                 {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, ConnectionLost, false, "", nil},
		"end of file":           {io.EOF, ConnectionLost, false, "", nil},
		"dial timeout":          {dial(context.DeadlineExceeded), TimedOut, false, "", nil},
		"TLS timeout":           {errors.New("net/http: TLS handshake timeout"), TimedOut, false, "", nil},
		"too many headers":      {errors.New("net/http: server response headers exceeded 1048576 bytes; aborted"), NoProblem, true, "", nil},
		"untrusted":             {untrusted, TLSNotTrusted, true, "root certificates", new(*tls.CertificateVerificationError)},
		"old TLS":               {errors.New("remote error: tls: protocol version not supported"), TLSFailed, true, "TLS 1.2", nil},
		"no TLS":                {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, TLSFailed, true, "does not speak TLS", nil},
		"plain HTTP":            {fmt.Errorf("wrapped: %w", http.ErrSchemeMismatch), TLSFailed, true, "does not speak TLS", nil},
		"proxy unknown":         {proxy(dial(unknown)), ProxyFailed, true, "the proxy's own host name does not exist", new(*net.DNSError)},
		"proxy refused":         {proxy(dial(syscall.ECONNREFUSED)), ProxyFailed, false, "the proxy cannot be reached", nil},
		"proxy untrusted":       {proxy(untrusted), ProxyFailed, true, "TLS connection to the proxy", nil},
		"proxy forbids":         {proxyError(403), ProxyFailed, true, "NO_PROXY", nil},
		"proxy wants a user":    {proxyError(407), ProxyFailed, true, "user and password", nil},
		"proxy cannot reach":    {proxyError(503), ProxyFailed, false, "NO_PROXY", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newRig(func(int, *http.Request) (*http.Response, error) { return nil, c.err }, nil)
				_, err := g.Do(t.Context(), call())
				f, ok := asFailure(err)
				if !ok || f.Problem != c.problem || f.Class&Unavailable == 0 || f.Class&Permanent != 0 != c.permanent || !strings.Contains(f.Advice, c.advice) || f.Host != "ecs.test" {
					t.Fatalf("%+v", f)
				}
				if want := map[bool]int{true: 1, false: 3}[c.permanent]; len(g.requests) != want {
					t.Errorf("%d requests, want %d", len(g.requests), want)
				}
				if c.as != nil && !errors.As(err, c.as) {
					t.Errorf("no %T in %v", c.as, err)
				}
				if errors.Is(err, context.DeadlineExceeded) || c.problem == TimedOut && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("a timeout of whom? %v", err)
				}
			})
		})
	}
}

// TestCredentialsUnreachable checks that a credentials provider that cannot reach its service is told from one that has no
// key, and that its timeouts are not taken for the caller's.
func TestCredentialsUnreachable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want Class
	}{
		"no key":    {errors.New("no key in the profile"), Credentials},
		"bad file":  {fmt.Errorf("profile: %w", io.ErrUnexpectedEOF), Credentials},
		"refused":   {fmt.Errorf("STS: %w", syscall.ECONNREFUSED), Credentials | Unavailable},
		"dial":      {&net.OpError{Op: "dial", Err: errors.New("no route")}, Credentials | Unavailable},
		"no host":   {&net.DNSError{Err: "no such host", IsNotFound: true}, Credentials | Unavailable},
		"timeout":   {fmt.Errorf("metadata: %w", context.DeadlineExceeded), Credentials | Unavailable},
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

func (saysUnavailable) Error() string       { return "provider failed" }
func (s saysUnavailable) Unavailable() bool { return bool(s) }

// TestUnknownKeyIsRenewed checks that a key that the API calls unknown or disabled is replaced once, like an expired one.
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
				t.Errorf("%s: %d attempts, %d keys, %v", code, meta.Attempts, keys, err)
			}
		})
	}
}

// TestErrorDocument checks which responses with a status of success are error documents.
func TestErrorDocument(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message string
		want          bool
	}{
		{``, ``, false},
		{`""`, `""`, false},
		{`null`, `null`, false},
		{`"200"`, `"successful"`, false},
		{`200`, `"success"`, false},
		{`"Success"`, `"done"`, false},
		{`""`, `"successful"`, false},
		{`"InternalError"`, ``, false}, // an operation may have a member Code of its own
		{`"InternalError"`, `"told"`, true},
		{`"InternalError"`, `""`, true},
		{`500`, `"told"`, true},
		{`""`, `"something failed"`, true},
	} {
		if got := IsErrorDocument([]byte(c.code), []byte(c.message)); got != c.want {
			t.Errorf("Code %s, Message %s: %v", c.code, c.message, got)
		}
	}
	synctest.Test(t, func(t *testing.T) { // unreadable for another reason: its Code is not an error's
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(200, `{"Code":"200","Message":"successful"}`), nil
		}, nil)
		_, err := g.Do(t.Context(), call())
		if f, ok := asFailure(err); !ok || f.Response.Code != "" || !strings.Contains(err.Error(), "bad page") {
			t.Errorf("%v", err)
		}
	})
}

// TestRequestIDs checks that a request id that is a secret is masked wherever it is reported.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]func(*http.Request) string{
		"signature": func(r *http.Request) string {
			_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			return signature
		},
		"key in hex": func(*http.Request) string { return hex.EncodeToString([]byte(secretKey.AccessKeySecret)) },
	} {
		for _, body := range []string{good, codeBody("InvalidParameter"), "cut"} {
			synctest.Test(t, func(t *testing.T) {
				var secret string
				g := newRig(func(_ int, r *http.Request) (*http.Response, error) {
					secret = id(r)
					return respond(map[bool]int{true: 200, false: 400}[body == good], body, "X-Acs-Request-Id", secret), nil
				}, func(c *Config) { c.Signer = signer.V3{} })
				meta, err := g.Do(t.Context(), call())
				f, _ := asFailure(err)
				texts := fmt.Sprintf("%s %+v %+v %+v", g.log.String(), meta, f, g.attempts)
				if len(secret) < 32 || strings.Contains(texts, secret) || strings.Contains(texts, secret[:len(secret)/2]) {
					t.Errorf("%s with %s: %q in %s", name, body, secret, texts)
				}
			})
		}
	}
	const id = "04F0F334-1335-436C-A1D7-6C044FE73368"
	g := newRig(func(int, *http.Request) (*http.Response, error) {
		return respond(200, good, "X-Acs-Request-Id", id), nil
	}, nil)
	if meta, err := g.Do(t.Context(), call()); err != nil || meta.RequestID != id {
		t.Errorf("%+v, %v", meta, err)
	}
}

// TestCallersErrorsAreMasked checks that an error of the caller's limiter, and the cause of its context, are one line
// without secrets, and stay reachable unless they hold one.
func TestCallersErrorsAreMasked(t *testing.T) {
	t.Parallel()
	plain := errors.New("two\nlines")
	secret := errors.New("it is " + secretKey.AccessKeySecret)
	for _, theirs := range []error{plain, secret} {
		g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good), nil }, nil)
		if _, err := g.Do(t.Context(), call()); err != nil { // so that the key is known
			t.Fatal(err)
		}
		canceled, cancel := context.WithCancelCause(t.Context())
		cancel(theirs)
		_, byContext := g.Do(canceled, call())
		g.cfg.Limiter = limiter(func(context.Context) error { return theirs })
		_, byLimiter := g.Do(t.Context(), call())
		if !errors.Is(byContext, context.Canceled) {
			t.Errorf("%v is no cancellation", byContext)
		}
		for _, err := range []error{byContext, byLimiter} {
			if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "\n") || strings.Contains(text, secretKey.AccessKeySecret) {
				t.Errorf("%q", text)
			}
			if errors.Is(err, theirs) != (theirs == plain) {
				t.Errorf("%v: wraps the caller's error: %v", err, errors.Is(err, theirs))
			}
		}
	}
}

// TestPanicsOfTheCaller checks that a panic in any code of the caller's leaves nothing locked.
func TestPanicsOfTheCaller(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(c *Config, explode func()){
		"OnAttempt": func(c *Config, explode func()) { c.OnAttempt = func(Attempt) { explode() } },
		"Limiter": func(c *Config, explode func()) {
			c.Limiter = limiter(func(context.Context) error { explode(); return nil })
		},
		"Logger":      func(c *Config, explode func()) { c.Logger = slog.New(explodingHandler{slog.DiscardHandler, explode}) },
		"Signer":      func(c *Config, explode func()) { c.Signer = explodingSigner(explode) },
		"Credentials": func(c *Config, explode func()) { c.Credentials = explodingCredentials(explode) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, phase := range []string{"free", "throttled", "paced"} {
				synctest.Test(t, func(t *testing.T) {
					armed := false
					throttled := phase != "free"
					g := newRig(func(int, *http.Request) (*http.Response, error) {
						if throttled {
							throttled = false
							return respond(400, codeBody("Throttling")), nil
						}
						return respond(200, good), nil
					}, func(c *Config) {
						edit(c, func() {
							if armed {
								armed = false
								panic("theirs")
							}
						})
					})
					if phase == "paced" {
						_, _ = g.Do(t.Context(), call())
					}
					if phase == "throttled" {
						g.cfg.Retry.MaxAttempts = 1
						_, _ = g.Do(t.Context(), call())
						g.cfg.Retry.MaxAttempts = 3
					}
					armed = true
					func() {
						defer func() {
							if recover() != "theirs" {
								t.Error("no panic")
							}
						}()
						_, _ = g.Do(t.Context(), call())
					}()
					ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
					defer cancel()
					for range 2 {
						if _, err := g.Do(ctx, call()); err != nil {
							t.Errorf("%s: %v", phase, err)
						}
					}
				})
			}
		})
	}
}

type explodingHandler struct {
	slog.Handler
	explode func()
}

func (h explodingHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h explodingHandler) Handle(context.Context, slog.Record) error {
	h.explode()
	return nil
}

type explodingSigner func()

func (e explodingSigner) Sign(r signer.Request, c signer.Credentials) (signer.Signed, error) {
	e()
	return signer.V1{}.Sign(r, c)
}

func explodingCredentials(explode func()) func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
	return func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
		explode()
		return secretKey, nil, nil
	}
}

// TestObserve checks what is kept of the headers of the last response.
func TestObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().Add(7 * time.Minute).UTC().Truncate(time.Second)
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(200, good, "Date", date.Format(http.TimeFormat), "X-RateLimit-User-API", "Limit:10,Remain:9"), nil
		}, nil)
		if o, ok := g.Observe("cn-test", "DescribeInstances"); ok {
			t.Errorf("before any response: %+v", o)
		}
		_, _ = g.Do(t.Context(), call())
		want := Observation{ServerTime: date, LocalTime: time.Now(), RateLimitUserAPI: "Limit:10,Remain:9"}
		if o, ok := g.Observe("cn-test", "DescribeInstances"); !ok || o != want {
			t.Errorf("%+v, want %+v", o, want)
		}
		if offset := g.ClockOffset(); offset != 0 {
			t.Errorf("offset %v, although nothing was refused", offset)
		}
	})
}

// TestMask checks that texts of successful responses can be masked with the key in use.
func TestMask(t *testing.T) {
	t.Parallel()
	g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good), nil }, nil)
	_, _ = g.Do(t.Context(), call())
	if got := g.Mask("region "+secretKey.AccessKeySecret+"\n", 80); got != "region *** " {
		t.Errorf("%q", got)
	}
}

// TestWithCredentials checks that a Transport for another account shares the connections and nothing else.
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
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
