package transport

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestNoSecretLeaves checks that errors, attempts passed to OnAttempt and log entries contain no secrets.
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
				answer := err.(*Failure).Response //nolint:errorlint // Do returns a *Failure, not wrapped
				if answer.AccessDenied != nil {
					texts = append(texts, fmt.Sprintf("%+v", *answer.AccessDenied))
				}
				for _, text := range append(texts, fmt.Sprintf("%+v", answer)) {
					if bad := holds(text); bad != "" {
						t.Errorf("%s, status %d: secret %s in %s", name, status, bad, text)
					}
					for _, r := range g.requests {
						_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
						signature += r.URL.Query().Get("Signature")
						if strings.Contains(text, signature) || strings.Contains(text, url.QueryEscape(signature)) {
							t.Errorf("%s, status %d: signature in %s", name, status, text)
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

// TestCallersErrorsAreMasked checks that secrets are masked in errors of the caller's limiter and context. If such an
// error contains no secret, it must stay in the error chain.
func TestCallersErrorsAreMasked(t *testing.T) {
	t.Parallel()
	plain := errors.New("two\nlines")
	secret := errors.New("it is " + secretKey.AccessKeySecret)
	for _, theirs := range []error{plain, secret} {
		g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good), nil }, nil)
		if _, err := g.Do(t.Context(), call()); err != nil { // after the first call, the transport knows the key
			t.Fatal(err)
		}
		canceled, cancel := context.WithCancelCause(t.Context())
		cancel(theirs)
		_, byContext := g.Do(canceled, call())
		g.cfg.Limiter = limiter(func(context.Context) error { return theirs })
		_, byLimiter := g.Do(t.Context(), call())
		if !errors.Is(byContext, context.Canceled) {
			t.Errorf("%v is not a cancellation", byContext)
		}
		for _, err := range []error{byContext, byLimiter} {
			if text := fmt.Sprintf("%v %+v", err, err); strings.Contains(text, "\n") || strings.Contains(text, secretKey.AccessKeySecret) {
				t.Errorf("%q", text)
			}
			if errors.Is(err, theirs) != (theirs == plain) {
				t.Errorf("%v: errors.Is finds the caller's error: %v", err, errors.Is(err, theirs))
			}
		}
	}
}

// TestKeyOfTheCallIsMasked checks that errors of the caller's context are masked with the key of the call itself, even if
// another call has used a newer key in the meantime.
func TestKeyOfTheCallIsMasked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		keys := 0
		g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return respond(503, "", "Retry-After", "10"), nil
			}
			return respond(200, good), nil
		}, func(c *Config) {
			c.Credentials = func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
				if keys++; keys == 1 {
					return secretKey, nil, nil
				}
				return signer.Credentials{AccessKeyID: "newer", AccessKeySecret: "newer secret"}, nil, nil
			}
		})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2*time.Second, func() { cancel(errors.New("it is " + secretKey.AccessKeySecret)) })
		time.AfterFunc(time.Second, func() {
			if _, err := g.Do(t.Context(), call()); err != nil {
				t.Error(err)
			}
		})
		_, err := g.Do(ctx, call())
		if !errors.Is(err, context.Canceled) || keys != 2 || strings.Contains(err.Error(), secretKey.AccessKeySecret) {
			t.Errorf("%v after %d keys", err, keys)
		}
	})
}

// TestMask checks that Meta.Mask masks the key and the signature of the request.
func TestMask(t *testing.T) {
	t.Parallel()
	g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good), nil }, nil)
	meta, err := g.Do(t.Context(), call())
	signature := g.requests[0].URL.Query().Get("Signature")
	if got := meta.Mask("region " + secretKey.AccessKeySecret + "," + signature); err != nil || signature == "" || got != "region ***,***" {
		t.Errorf("%q, %v", got, err)
	}
}

var (
	secretKey    = signer.Credentials{AccessKeyID: "LTAIplantedKeyID01", AccessKeySecret: "plantedSecret/+=2", SecurityToken: "CAISplanted+Token/3=" + strings.Repeat("q", 300)}
	secretSigned = signer.Signed{
		Query:  "Action=A&Signature=" + url.QueryEscape("plantedSig+/4=") + "&SecurityToken=" + url.QueryEscape(secretKey.SecurityToken),
		Header: http.Header{"Authorization": {"ACS3-HMAC-SHA256 Credential=LTAIplantedKeyID01,SignedHeaders=host,Signature=00plantedhexsignature11"}},
	}
	secrets = []string{secretKey.AccessKeyID, secretKey.AccessKeySecret, secretKey.SecurityToken, "plantedSig+/4=", "00plantedhexsignature11"}
)

// holds returns the first secret in text, unencoded or in a usual encoding, or an empty string.
func holds(text string) string {
	for _, s := range secrets {
		once := url.QueryEscape(s)
		for _, form := range []string{s, once, url.QueryEscape(once), strings.ToLower(once), hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))} {
			if strings.Contains(text, form) || len(form) > 40 && strings.Contains(text, form[:12]) {
				return s
			}
		}
	}
	return ""
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func (e *nilError) Unwrap() error { return errors.New(e.text) }

func walk(err error, visit func(error)) {
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			walk(inner, visit)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			walk(inner, visit)
		}
	}
}
