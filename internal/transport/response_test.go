package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/aliyun-ecs/sdk-go/signer"
)

func TestTextsAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 20_000)
	g := newRig(func(int, *http.Request) (*http.Response, error) {
		return respond(400, `{"Code":"C","Message":"`+long+`"}`), nil
	}, nil)
	_, err := g.Do(t.Context(), call())
	if f, ok := asFailure(err); !ok || len(f.Response.Message) > 8<<10 || len(f.Response.Message) < 8<<10-8 {
		t.Errorf("the message has %d bytes", len(f.Response.Message))
	}
	g = newRig(func(int, *http.Request) (*http.Response, error) { return nil, errors.New(long) }, func(c *Config) { c.Retry.MaxAttempts = 1 })
	if _, err = g.Do(t.Context(), call()); len(err.Error()) > 8<<10 {
		t.Errorf("the error text has %d bytes", len(err.Error()))
	}
}

// TestProblems checks how the transport classifies each type of network error, and whether it retries the request.
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
		as        any // the target of errors.As, or nil
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
		"proxy unknown":         {proxy(dial(unknown)), ProxyFailed, true, "the host name of the proxy does not exist", new(*net.DNSError)},
		"proxy's name server":   {proxy(dial(&net.DNSError{Err: "server misbehaving", IsTemporary: true})), ProxyFailed, false, "the proxy cannot be reached", nil},
		"SOCKS proxy refuses":   {&net.OpError{Op: "socks connect", Net: "tcp", Err: syscall.ECONNREFUSED}, ProxyFailed, false, "the proxy cannot be reached", nil},
		"proxy refused":         {proxy(dial(syscall.ECONNREFUSED)), ProxyFailed, false, "the proxy cannot be reached", nil},
		"proxy untrusted":       {proxy(untrusted), ProxyFailed, true, "TLS connection to the proxy", nil},
		"proxy forbids":         {proxyError(403), ProxyFailed, true, "NO_PROXY", nil},
		"proxy wants a user":    {proxyError(407), ProxyFailed, true, "user name and password", nil},
		"proxy cannot reach":    {proxyError(503), ProxyFailed, false, "NO_PROXY", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newRig(func(int, *http.Request) (*http.Response, error) { return nil, c.err }, nil)
				_, err := g.Do(t.Context(), call())
				f, ok := asFailure(err)
				if !ok || f.Problem != c.problem || f.Class&Unavailable == 0 || (f.Class&retryable == 0) != c.permanent || !strings.Contains(f.Advice, c.advice) || f.Host != "ecs.test" {
					t.Fatalf("%+v", f)
				}
				if want := map[bool]int{true: 1, false: 3}[c.permanent]; len(g.requests) != want {
					t.Errorf("%d requests, want %d", len(g.requests), want)
				}
				if c.as != nil && !errors.As(err, c.as) {
					t.Errorf("errors.As finds no %T in %v", c.as, err)
				}
				if errors.Is(err, context.DeadlineExceeded) || c.problem == TimedOut && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%v: the timeout must match os.ErrDeadlineExceeded, and never context.DeadlineExceeded", err)
				}
			})
		})
	}
}

// TestCutPage checks the error of a call if the connection breaks in the middle of a page. The error must not quote the
// page.
func TestCutPage(t *testing.T) {
	t.Parallel()
	g := newRig(func(int, *http.Request) (*http.Response, error) {
		resp := respond(200, "", "X-Acs-Request-Id", "0-1")
		resp.ContentLength, resp.Body = -1, io.NopCloser(io.MultiReader(strings.NewReader(`{"Inst`), errReader{io.ErrUnexpectedEOF}))
		return resp, nil
	}, func(c *Config) { c.Retry.MaxAttempts = 1 })
	_, err := g.Do(t.Context(), call())
	if f, ok := asFailure(err); !ok || f.Error() != "unexpected EOF" || f.Problem != ConnectionLost || f.Response.Status != 200 || f.Response.RequestID != "0-1" {
		t.Errorf("%v: %+v", err, f)
	}
}

// TestErrorDocument checks which responses with a 2xx status are treated as errors.
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
		{`"InternalError"`, ``, false}, // a successful response may contain a Code without a Message
		{``, `"told"`, false},
		{`null`, `"told"`, false},
		{`"InternalError"`, `null`, false},
		{`"InternalError"`, `"told"`, true},
		{`"InternalError"`, `""`, true},
		{`500`, `"told"`, true},
		{`""`, `"something failed"`, true},
	} {
		if got := IsErrorDocument([]byte(c.code), []byte(c.message)); got != c.want {
			t.Errorf("Code %s, Message %s: %v", c.code, c.message, got)
		}
	}
	synctest.Test(t, func(t *testing.T) { // the response is not an error document, but the caller cannot decode it
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(200, `{"Code":"200","Message":"successful"}`), nil
		}, nil)
		_, err := g.Do(t.Context(), call())
		if f, ok := asFailure(err); !ok || f.Response.Code != "" || !strings.Contains(err.Error(), "bad page") {
			t.Errorf("%v", err)
		}
	})
}

// TestRequestIDs checks that a secret in a request id is masked everywhere.
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
}

// TestRequestIDOfASuccess checks that a successful call reports the request id in any format, but at most 256 bytes of
// it.
func TestRequestIDOfASuccess(t *testing.T) {
	t.Parallel()
	const uuid = "04F0F334-1335-436C-A1D7-6C044FE73368"
	for sent, want := range map[string]string{
		uuid: uuid, strings.ToLower(uuid): strings.ToLower(uuid), "": "", "0-1": "0-1",
		uuid[1:]: uuid[1:], uuid + "\n": uuid + " ", "a\tb": "a b",
	} {
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			return respond(200, good, "X-Acs-Request-Id", sent), nil
		}, nil)
		if meta, err := g.Do(t.Context(), call()); err != nil || meta.RequestID != want {
			t.Errorf("%q is reported as %q, want %q (%v)", sent, meta.RequestID, want, err)
		}
	}
	g := newRig(func(int, *http.Request) (*http.Response, error) {
		return respond(200, good, "X-Acs-Request-Id", strings.Repeat("ab ", 1000)), nil
	}, nil)
	if meta, err := g.Do(t.Context(), call()); err != nil || len(meta.RequestID) < 200 || len(meta.RequestID) > 260 {
		t.Errorf("a request id of 3,000 bytes is reported with %d bytes: %q, error %v", len(meta.RequestID), meta.RequestID, err)
	}
}

// TestIsUUID checks that isUUID accepts only UUIDs. A request id that is a UUID is reported without masking.
func TestIsUUID(t *testing.T) {
	t.Parallel()
	const uuid = "04F0F334-1335-436C-a1d7-6C044FE73368"
	if !isUUID(uuid) {
		t.Errorf("isUUID(%s) is false", uuid)
	}
	for i := range len(uuid) {
		for _, other := range []string{"", "g", "G", "/", ":", "`", "@", "\x00", "--", "00"} {
			if s := uuid[:i] + other + uuid[i+1:]; isUUID(s) {
				t.Errorf("isUUID(%q) is true", s)
			}
		}
	}
}
