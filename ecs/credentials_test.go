package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// providerFunc is a provider in a function. n counts its calls from 1.
type providerFunc struct {
	calls atomic.Int32
	f     func(ctx context.Context, n int) (signer.Credentials, error)
}

func (p *providerFunc) Credentials(ctx context.Context) (signer.Credentials, error) {
	return p.f(ctx, int(p.calls.Add(1)))
}

func guarded(f func(ctx context.Context, n int) (signer.Credentials, error)) (*guard, *providerFunc) {
	p := &providerFunc{f: f}
	return newGuard(p), p
}

func keyOf(n int) signer.Credentials {
	return signer.Credentials{AccessKeyID: fmt.Sprint("id", n), AccessKeySecret: fmt.Sprint("secret", n), SecurityToken: fmt.Sprint("token", n)}
}

var none signer.Credentials

func TestOneCallAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, p := guarded(func(_ context.Context, n int) (signer.Credentials, error) {
			time.Sleep(time.Second)
			return keyOf(n), nil
		})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if key, warning, err := g.get(t.Context(), none); key != keyOf(1) || warning != nil || err != nil {
					t.Error(key, warning, err)
				}
			})
		}
		wg.Wait()
		if n := p.calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		if key, err := g.Credentials(t.Context()); key != keyOf(2) || err != nil {
			t.Error(key, err)
		}
	})
}

// Callers leave with their context. The last one takes the call along, but what it brings all the same is used.
func TestAbandonedCall(t *testing.T) {
	t.Parallel()
	type key struct{}
	for name, c := range map[string]struct {
		obeys bool
		want  int // the key that the next caller gets
		took  time.Duration
	}{
		"the provider obeys":   {true, 2, 2500 * time.Millisecond},
		"the provider is deaf": {false, 1, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g, _ := guarded(func(ctx context.Context, n int) (signer.Credentials, error) {
					if n == 1 && ctx.Value(key{}) != "value" {
						t.Error("the context lost its values")
					}
					done := ctx.Done()
					if !c.obeys {
						done = nil
					}
					select {
					case <-time.After(2 * time.Second):
						return keyOf(n), nil
					case <-done:
						return none, ctx.Err()
					}
				})
				start := time.Now()
				var wg sync.WaitGroup
				for i := range 5 { // the call is for all of them
					wg.Go(func() {
						limit := time.Duration(i+1) * 100 * time.Millisecond
						ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "value"), limit)
						defer cancel()
						if _, _, err := g.get(ctx, none); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != limit {
							t.Errorf("%v after %v", err, time.Since(start))
						}
					})
				}
				wg.Wait()
				if got, _, err := g.get(t.Context(), none); got != keyOf(c.want) || err != nil || time.Since(start) != c.took {
					t.Errorf("%v %v after %v", got, err, time.Since(start))
				}
			})
		})
	}
}

func TestHangingProvider(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g, p := guarded(func(_ context.Context, n int) (signer.Credentials, error) {
			<-release // whatever its context says
			return keyOf(n), nil
		})
		start := time.Now()
		for range 2 {
			_, _, err := g.get(t.Context(), none)
			if err == nil || !strings.Contains(err.Error(), "not answered within 30s") || time.Since(start) != 30*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		if n := p.calls.Load(); n != 1 {
			t.Errorf("%d calls hang", n)
		}
		close(release)
		synctest.Wait()
		if key, _, err := g.get(t.Context(), none); key != keyOf(2) || err != nil {
			t.Error(key, err)
		}
	})
}

// slowText is an error whose text takes its time.
type slowText struct{}

func (slowText) Error() string { time.Sleep(time.Minute); return "slow" }

func TestSlowErrorText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, _ := guarded(func(context.Context, int) (signer.Credentials, error) { return none, slowText{} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		for range 2 {
			if _, _, err := g.get(ctx, none); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		time.Sleep(10 * time.Minute)
	})
}

// A refresh that fails or hangs is bridged for 150 s from its first failure, and then tried again every 5 s, not for
// every request.
func TestLastGoodKey(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, c := range map[string]struct {
		fail func(ctx context.Context) error
		text string
		wait time.Duration // for the first answer
	}{
		"fails": {func(context.Context) error { return down }, "down", 0},
		"hangs": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "not answered within 5s", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var broken atomic.Bool
				g, p := guarded(func(ctx context.Context, n int) (signer.Credentials, error) {
					if broken.Load() {
						return none, c.fail(ctx)
					}
					return keyOf(n), nil
				})
				if key, warning, err := g.get(t.Context(), none); key != keyOf(1) || warning != nil || err != nil {
					t.Fatal(key, warning, err)
				}
				broken.Store(true)
				time.Sleep(time.Hour)

				start := time.Now()
				key, warning, err := g.get(t.Context(), none)
				if key != keyOf(1) || warning == nil || !strings.Contains(warning.Error(), c.text) || err != nil || time.Since(start) != c.wait {
					t.Fatal(key, warning, err, time.Since(start))
				}
				first := time.Now()
				for range 1000 { // requests go on
					if key, warning, err = g.get(t.Context(), none); key != keyOf(1) || warning != nil || err != nil {
						t.Fatal(key, warning, err)
					}
				}
				if n := p.calls.Load(); n != 2 {
					t.Errorf("%d calls", n)
				}
				warnings := 0
				for time.Since(first) < 140*time.Second { // a refresh under way then ends before 150 s
					time.Sleep(500 * time.Millisecond)
					if key, warning, err = g.get(t.Context(), none); key != keyOf(1) || err != nil {
						t.Fatal(key, err, time.Since(first))
					}
					if warning != nil {
						warnings++
					}
				}
				if warnings < 10 || warnings > 30 {
					t.Errorf("%d warnings in 140 s", warnings)
				}
				time.Sleep(15 * time.Second)
				if key, _, err = g.get(t.Context(), none); err == nil {
					t.Errorf("%v after %v", key, time.Since(first))
				}
				broken.Store(false)
				time.Sleep(30 * time.Second)
				if key, warning, err = g.get(t.Context(), none); key == keyOf(1) || warning != nil || err != nil {
					t.Error(key, warning, err)
				}
				if !g.failing.IsZero() {
					t.Error("still failing")
				}
			})
		})
	}
}

// A key that the API called stale is asked for once, however many callers were told, and never bridges a failure.
func TestStaleKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		g, p := guarded(func(_ context.Context, n int) (signer.Credentials, error) {
			time.Sleep(100 * time.Millisecond)
			if broken.Load() {
				return none, io.ErrUnexpectedEOF
			}
			return keyOf(n), nil
		})
		// One is under way when its key is called stale: wait for it, then ask again.
		go g.Credentials(t.Context()) //nolint:errcheck // only to be under way
		synctest.Wait()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if key, _, err := g.get(t.Context(), keyOf(1)); key != keyOf(2) || err != nil {
					t.Error(key, err)
				}
			})
		}
		wg.Wait()
		if n := p.calls.Load(); n != 2 {
			t.Errorf("%d calls", n)
		}
		broken.Store(true)
		if key, warning, err := g.get(t.Context(), keyOf(1)); key != keyOf(2) || warning == nil || err != nil {
			t.Error("another good key must bridge", key, warning, err)
		}
		if key, _, err := g.get(t.Context(), keyOf(2)); key != none || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error("a stale key must not bridge", key, err)
		}
		if key, _, err := g.get(t.Context(), none); key != none || err == nil {
			t.Error("not later either", key, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a provider that has no other
		g, p := guarded(func(context.Context, int) (signer.Credentials, error) { return keyOf(1), nil })
		if key, _, err := g.get(t.Context(), keyOf(1)); key != keyOf(1) || err != nil || p.calls.Load() != 1 {
			t.Error(key, err, p.calls.Load())
		}
	})
}

type typedNil struct{ text string }

func (e *typedNil) Error() string { return e.text }

func (e *typedNil) Unwrap() error { return errors.New(e.text) }

// Whatever a provider does, the caller gets an error and the process lives.
func TestBadProviders(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	key := signer.Credentials{AccessKeyID: "LTAIplantedkeyid01", AccessKeySecret: "plantedsecret", SecurityToken: "plantedtoken"}
	for name, c := range map[string]struct {
		f    func() (signer.Credentials, error)
		text string
		is   error
	}{
		"an error":   {func() (signer.Credentials, error) { return none, mine }, "mine", mine},
		"two errors": {func() (signer.Credentials, error) { return none, errors.Join(mine, io.EOF) }, "mine EOF", mine},
		"an error and a key": {func() (signer.Credentials, error) {
			return key, fmt.Errorf("with %s and %s", key.AccessKeySecret, key.SecurityToken)
		}, "with *** and ***", nil},
		"an error with a key":  {func() (signer.Credentials, error) { return none, errors.New(`got {"AccessKeySecret":"plantedsecret"}`) }, `got {"AccessKeySecret":"***"}`, nil},
		"nothing":              {func() (signer.Credentials, error) { return none, nil }, "is empty", nil},
		"half a key":           {func() (signer.Credentials, error) { return signer.Credentials{AccessKeyID: "id"}, nil }, "is empty", nil},
		"a line break":         {func() (signer.Credentials, error) { k := key; k.AccessKeySecret += "\n"; return k, nil }, "line break", nil},
		"a header":             {func() (signer.Credentials, error) { k := key; k.AccessKeyID += "\r\nX-Evil: 1"; return k, nil }, "line break", nil},
		"a blank":              {func() (signer.Credentials, error) { k := key; k.SecurityToken = " " + k.SecurityToken; return k, nil }, "line break", nil},
		"a control character":  {func() (signer.Credentials, error) { k := key; k.AccessKeyID += "\x00"; return k, nil }, "line break", nil},
		"panic with a text":    {func() (signer.Credentials, error) { panic("plantedsecret") }, "panicked", nil},
		"panic with an error":  {func() (signer.Credentials, error) { panic(mine) }, "panicked: mine", mine},
		"panic with a value":   {func() (signer.Credentials, error) { panic(struct{ k signer.Credentials }{key}) }, "panicked with a struct", nil},
		"nil pointer":          {func() (signer.Credentials, error) { var p *struct{ k signer.Credentials }; return p.k, nil }, "panicked: runtime error", nil},
		"a typed nil as error": {func() (signer.Credentials, error) { var e *typedNil; return key, e }, "cannot be printed", nil},
		"ends its goroutine":   {func() (signer.Credentials, error) { runtime.Goexit(); return key, nil }, "ended its goroutine", nil},
		"a panic with Goexit":  {func() (signer.Credentials, error) { defer runtime.Goexit(); panic(mine) }, "ended its goroutine", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, _ := guarded(func(_ context.Context, n int) (signer.Credentials, error) {
				if n == 1 {
					return key, nil // so that its values are known
				}
				return c.f()
			})
			if _, _, err := g.get(t.Context(), none); err != nil {
				t.Fatal(err)
			}
			got, _, err := g.get(t.Context(), key)
			if got != none || err == nil || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("%v %v, want %s", got, err, c.text)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is lost", c.is)
			}
			if s := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(s, "planted") {
				t.Error(s)
			}
		})
	}
	t.Run("nil", func(t *testing.T) {
		t.Parallel()
		for _, p := range []CredentialsProvider{(*providerFunc)(nil), CredentialsFrom(nil)} {
			if _, err := newGuard(p).Credentials(t.Context()); err == nil {
				t.Errorf("%T", p)
			}
		}
	})
}

func TestStaticCredentials(t *testing.T) {
	t.Parallel()
	p := StaticCredentials("id", "secret", "token")
	want := signer.Credentials{AccessKeyID: "id", AccessKeySecret: "secret", SecurityToken: "token"}
	if key, err := p.Credentials(t.Context()); key != want || err != nil {
		t.Error(key, err)
	}
	g := newGuard(p)
	if key, _, err := g.get(t.Context(), none); key != want || err != nil || newGuard(g) != g {
		t.Error(key, err)
	}
	if _, _, err := newGuard(StaticCredentials("id", "secret\n", "")).get(t.Context(), none); err == nil {
		t.Error("a line break passed")
	}
}

// vendorFake is a credential of credentials-go that notices what its own cannot bear: two calls at once.
type vendorFake struct {
	credentials.Credential
	busy atomic.Bool
	get  func() (*credentials.CredentialModel, error)
}

func (v *vendorFake) GetCredential() (*credentials.CredentialModel, error) {
	if v.busy.Swap(true) {
		panic("two calls at once")
	}
	defer v.busy.Store(false)
	runtime.Gosched()
	return v.get()
}

func model(n int) *credentials.CredentialModel {
	k := keyOf(n)
	return (&credentials.CredentialModel{}).SetAccessKeyId(k.AccessKeyID).SetAccessKeySecret(k.AccessKeySecret).SetSecurityToken(k.SecurityToken)
}

func TestCredentialsFrom(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, c := range map[string]struct {
		model *credentials.CredentialModel
		err   error
		want  signer.Credentials
		text  string
	}{
		"a key":             {model(1), nil, keyOf(1), ""},
		"no token":          {(&credentials.CredentialModel{}).SetAccessKeyId("i").SetAccessKeySecret("s"), nil, signer.Credentials{AccessKeyID: "i", AccessKeySecret: "s"}, ""},
		"an error":          {nil, down, none, "down"},
		"nothing":           {nil, nil, none, "no credentials"},
		"an empty model":    {&credentials.CredentialModel{}, nil, none, "is empty"},
		"a bearer token":    {(&credentials.CredentialModel{}).SetBearerToken("plantedtoken"), nil, none, "bearer token, which is not supported"},
		"it prints secrets": {nil, fmt.Errorf("bad answer: %s", model(7)), none, "bad answer"},
	} {
		key, err := CredentialsFrom(&vendorFake{get: func() (*credentials.CredentialModel, error) { return c.model, c.err }}).Credentials(t.Context())
		if key != c.want || (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v %v", name, key, err)
		}
		if err != nil && (strings.Contains(err.Error(), "secret7") || strings.Contains(err.Error(), "planted") || strings.Contains(err.Error(), "token7")) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// Shared by clients and goroutines.
	shared := CredentialsFrom(&vendorFake{get: func() (*credentials.CredentialModel, error) { return model(1), nil }})
	var wg sync.WaitGroup
	for range 8 {
		g := newGuard(shared)
		wg.Go(func() {
			for range 200 {
				if key, _, err := g.get(t.Context(), none); key != keyOf(1) || err != nil {
					t.Error(key, err)
				}
			}
		})
	}
	wg.Wait()
}

// The default chain keeps to the link that worked and, after a failure, to its last link. Ours looks through all again.
func TestDefaultChainIsRebuilt(t *testing.T) {
	t.Parallel()
	builds, working := 0, 0
	down := errors.New("down")
	v := &vendorCredentials{build: func() (credentials.Credential, error) {
		builds++
		link := working // whichever works when the chain is built is kept
		return &vendorFake{get: func() (*credentials.CredentialModel, error) {
			if link != working || link == 0 {
				return nil, down
			}
			return model(link), nil
		}}, nil
	}}
	g := newGuard(v)
	for i, step := range []struct {
		working int
		stale   signer.Credentials
		want    signer.Credentials
		builds  int
	}{
		{0, none, none, 1},
		{0, none, none, 2},          // not stuck to the last link
		{1, none, keyOf(1), 3},      // works
		{1, none, keyOf(1), 3},      // is kept
		{2, none, keyOf(2), 4},      // at once, when the first link is gone
		{2, keyOf(2), keyOf(2), 5},  // called expired: built anew, though it gives the same
		{2, keyOf(1), keyOf(2), 5},  // an old one called expired: it has another already
		{0, keyOf(2), none, 6 /**/}, // all gone
	} {
		working = step.working
		key, _, err := g.get(t.Context(), step.stale)
		if key != step.want || (err == nil) != (step.want != none) || builds != step.builds {
			t.Errorf("step %d: %v %v, %d builds", i, key, err, builds)
		}
	}
	v = &vendorCredentials{build: func() (credentials.Credential, error) { return nil, down }}
	if _, _, err := newGuard(v).get(t.Context(), none); !errors.Is(err, down) {
		t.Error(err)
	}
}

// The real chain, kept on this machine.
func TestDefaultChain(t *testing.T) {
	secret := "planted-by-the-uri"
	var answer atomic.Value
	answer.Store(`{"Code":"Failed","AccessKeySecret":"` + secret + `"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer.Load().(string)) }))
	defer server.Close()
	for k, v := range map[string]string{
		"HOME": t.TempDir(), "USERPROFILE": t.TempDir(), "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "ALIBABA_CLOUD_CLI_PROFILE_DISABLED": "true",
		"ALIBABA_CLOUD_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"), "ALIBABA_CLOUD_CREDENTIALS_URI": server.URL,
		"ALIBABA_CLOUD_ACCESS_KEY_ID": "", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "", "ALIBABA_CLOUD_SECURITY_TOKEN": "", "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "",
		"ALIBABA_CLOUD_ROLE_ARN": "", "NO_PROXY": "*",
	} {
		t.Setenv(k, v)
	}
	p := defaultCredentials()
	key, err := p.Credentials(t.Context())
	if key != none || err == nil || strings.Contains(err.Error(), secret) || strings.ContainsAny(err.Error(), "\r\n") || !strings.Contains(err.Error(), "none: set ALIBABA_CLOUD_ACCESS_KEY_ID") {
		t.Errorf("%v", err)
	}
	uri, _ := json.Marshal(map[string]string{"AccessKeyId": "i", "AccessKeySecret": secret, "SecurityToken": "t", "Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	answer.Store(string(uri))
	if key, err = p.Credentials(t.Context()); err != nil || key.AccessKeySecret != secret {
		t.Errorf("the last link works now: %v %v", key, err)
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "env-id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "env-secret\n")
	if _, err = defaultCredentials().Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "line break") || strings.Contains(err.Error(), "env-secret") {
		t.Errorf("%v", err)
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "env-secret")
	if key, err = defaultCredentials().Credentials(t.Context()); err != nil || key.AccessKeySecret != "env-secret" {
		t.Errorf("%v %v", key, err)
	}
}
