package transport

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestPanicInDecode checks that a panic in a caller's Decode function does not block other calls.
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
					t.Error("the panic was swallowed")
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

// TestHookMayCall checks that the hook OnAttempt may make calls with the same Transport.
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

// TestPanicsOfTheCaller checks that a panic in the caller's hook, limiter, logger, signer or credentials provider
// leaves no mutex locked.
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
								t.Error("the panic was swallowed")
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

// TestRetryLog checks that the log entry for a retry contains the wait, except after a throttled response.
func TestRetryLog(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"ServiceUnavailable": `reason="ServiceUnavailable told" wait=`,
		"Throttling":         "reason=\"Throttling told\"\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return respond(400, codeBody(code)), nil
				}
				return respond(200, good), nil
			}, nil)
			_, _ = g.Do(t.Context(), call())
			if text := g.log.String(); !strings.Contains(text, "level=INFO msg=\"ecs: retrying\"") || !strings.Contains(text, want) || strings.Contains(text, "wait=0s") {
				t.Errorf("%s: the log is %s", code, text)
			}
		})
	}
}

// TestObserve checks that Observe returns the data from the headers of the most recent response.
func TestObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		date := time.Now().Add(7 * time.Minute).UTC().Truncate(time.Second)
		header := []string{"Date", date.Format(http.TimeFormat), "X-RateLimit-User-API", "Limit:10,Remain:9"}
		g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good, header...), nil }, nil)
		if o := g.Observe("cn-test", "DescribeInstances"); o != (Observation{}) {
			t.Errorf("before any response, Observe returned %+v", o)
		}
		_, _ = g.Do(t.Context(), call())
		want := Observation{ServerTime: date, LocalTime: time.Now(), RateLimitUserAPI: "Limit:10,Remain:9"}
		if o := g.Observe("cn-test", "DescribeInstances"); o != want {
			t.Errorf("%+v, want %+v", o, want)
		}
		if offset := g.ClockOffset(); offset != 0 {
			t.Errorf("the clock offset is %v although no request was rejected", offset)
		}
		for _, header = range [][]string{append(header, "Age", "30"), {"Date", "now"}, nil} {
			_, _ = g.Do(t.Context(), call())
			if o := g.Observe("cn-test", "DescribeInstances"); !o.ServerTime.IsZero() {
				t.Errorf("the server's time after a response with the headers %q is %v", header, o.ServerTime)
			}
		}
	})
}
