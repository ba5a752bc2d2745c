package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// providerFunc is a provider that calls f with the number of the call, counted from 1.
type providerFunc struct {
	calls atomic.Int32
	f     func(ctx context.Context, n int) (signer.Credentials, error)
}

func (p *providerFunc) Credentials(ctx context.Context) (signer.Credentials, error) {
	return p.f(ctx, int(p.calls.Add(1)))
}

func cacheOf(f func(ctx context.Context, n int) (signer.Credentials, error)) (*Cache, *providerFunc) {
	p := &providerFunc{f: f}
	return NewCache(p, nil), p
}

func keyOf(n int) signer.Credentials {
	return signer.Credentials{AccessKeyID: fmt.Sprint("id", n), AccessKeySecret: fmt.Sprint("secret", n), SecurityToken: fmt.Sprint("token", n)}
}

var none signer.Credentials

var errDown = errors.New("down")

// sleep waits for d, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestCacheTimeline runs a Cache in virtual time with providers that misbehave, and checks the result of each call.
func TestCacheTimeline(t *testing.T) {
	t.Parallel()
	type step struct {
		at    string // when the call is made
		limit string // the caller's timeout; an empty string means no timeout
		stale int    // number of the key that the API rejected, or 0
		key   int    // number of the returned key, or 0
		took  string
		text  string // part of the warning, or of the error if no key is returned
	}
	between := func(from, to time.Duration, now time.Duration) bool { return from <= now && now < to }
	for name, c := range map[string]struct {
		provide func(ctx context.Context, n int, now time.Duration) (signer.Credentials, error)
		steps   []step
		calls   int
	}{
		"rotation": {
			provide: func(_ context.Context, _ int, now time.Duration) (signer.Credentials, error) {
				return keyOf(1 + int(now/time.Hour)), nil
			},
			steps: []step{{at: "0s", key: 1, took: "0s"}, {at: "59m", key: 1, took: "0s"}, {at: "1h", key: 2, took: "0s"}, {at: "61m", stale: 1, key: 2, took: "0s"}},
			calls: 4,
		},
		"revocation": { // the API rejects key 1, and the provider finds key 2 in the same call
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				return keyOf(min(n, 2)), nil
			},
			steps: []step{{at: "0s", key: 1, took: "0s"}, {at: "1s", stale: 1, key: 2, took: "0s"}, {at: "2s", stale: 2, key: 2, took: "0s"}},
			calls: 3,
		},
		"STS is down for a minute": {
			provide: func(_ context.Context, n int, now time.Duration) (signer.Credentials, error) {
				if between(time.Second, 61*time.Second, now) {
					return none, errDown
				}
				return keyOf(min(n, 2)), nil
			},
			steps: []step{
				{at: "0s", key: 1, took: "0s"},
				{at: "1s", key: 1, took: "0s", text: "down"},
				{at: "2s", key: 1, took: "0s"},
				{at: "6s", key: 1, took: "0s", text: "down"},
				{at: "60s", key: 1, took: "0s", text: "down"},
				{at: "64s", key: 1, took: "0s"},
				{at: "65s", key: 2, took: "0s"},
			},
			calls: 5,
		},
		"STS stays down": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n > 1 {
					return none, errDown
				}
				return keyOf(1), nil
			},
			steps: []step{
				{at: "0s", key: 1, took: "0s"},
				{at: "10s", key: 1, took: "0s", text: "down"},
				{at: "159s", key: 1, took: "0s", text: "down"},
				{at: "160s", took: "0s", text: "down"},
				{at: "1h", took: "0s", text: "down"},
			},
			calls: 5,
		},
		"a rejected key does not bridge a failure": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n%2 == 0 {
					return none, errDown
				}
				return keyOf(1), nil
			},
			// The provider returns the rejected key a second time. The Cache must not reuse that key if the provider
			// fails later.
			steps: []step{{at: "0s", key: 1, took: "0s"}, {at: "1s", stale: 1, took: "0s", text: "down"}, {at: "2s", key: 1, took: "0s"}, {at: "3s", took: "0s", text: "down"}},
			calls: 4,
		},
		"hangs once and ignores its context": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n == 1 {
					time.Sleep(time.Hour)
				}
				return keyOf(n), nil
			},
			steps: []step{{at: "0s", took: "30s", text: "did not return within 30s"}, {at: "31s", key: 2, took: "0s"}, {at: "2h", key: 3, took: "0s"}},
			calls: 3,
		},
		"a late key does not replace a newer one": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				switch n {
				case 1:
					time.Sleep(time.Hour)
				case 2:
				default:
					return none, errDown
				}
				return keyOf(n), nil
			},
			steps: []step{{at: "0s", took: "30s", text: "did not return within 30s"}, {at: "31s", key: 2, took: "0s"}, {at: "2h", key: 2, took: "0s", text: "down"}},
			calls: 3,
		},
		"hangs with a valid key": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n == 2 {
					time.Sleep(time.Hour)
				}
				return keyOf(n), nil
			},
			steps: []step{
				{at: "0s", key: 1, took: "0s"},
				{at: "10s", limit: "1h", key: 1, took: "5s", text: "did not return within 5s"},
				{at: "16s", key: 1, took: "0s"},
				{at: "20s", key: 1, took: "0s", text: "did not return within 5s"},
				{at: "41s", key: 3, took: "0s"},
			},
			calls: 3,
		},
		"hangs always": {
			provide: func(context.Context, int, time.Duration) (signer.Credentials, error) {
				time.Sleep(4 * time.Hour)
				return none, errDown
			},
			steps: []step{
				{at: "0s", took: "30s", text: "30s"},
				{at: "1m", took: "30s", text: "30s"},
				{at: "2m", limit: "5s", took: "5s", text: "deadline"},
				{at: "3m", took: "30s", text: "30s"},
				{at: "4m", took: "0s", text: "4 calls have not returned"},
				{at: "3h", took: "0s", text: "4 calls"},
				{at: "4h1m", took: "30s", text: "30s"}, // a hanging call has returned, so the cache may start another
			},
			calls: 5,
		},
		"takes 8 s": {
			provide: func(ctx context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				return keyOf(n), sleep(ctx, 8*time.Second)
			},
			steps: []step{
				{at: "0s", key: 1, took: "8s"}, {at: "10s", key: 1, took: "5s", text: "within 5s"}, {at: "19s", key: 2, took: "5s", text: "within 5s"},
			},
			calls: 3,
		},
		"takes 6 s, and callers 3 s": { // the second refresh is not canceled, so it returns a key
			provide: func(ctx context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				return keyOf(n), sleep(ctx, 6*time.Second)
			},
			steps: []step{
				{at: "0s", limit: "3s", took: "3s", text: "deadline"},
				{at: "3s", limit: "3s", took: "3s", text: "deadline"},
				{at: "7s", limit: "3s", key: 2, took: "2s"},
				{at: "10s", limit: "3s", key: 2, took: "1.5s", text: "did not return"},
			},
			calls: 3,
		},
		"ignores its cancellation": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				time.Sleep(3 * time.Second)
				return keyOf(n), nil
			},
			steps: []step{{at: "0s", limit: "1s", took: "1s", text: "deadline"}, {at: "2s", key: 1, took: "1s"}},
			calls: 1,
		},
		"is canceled although an earlier caller did not wait": {
			provide: func(ctx context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n == 2 {
					return none, sleep(ctx, 20*time.Second)
				}
				return keyOf(n), nil
			},
			steps: []step{
				{at: "0s", key: 1, took: "0s"},
				{at: "1s", key: 1, took: "5s", text: "within 5s"},
				{at: "7s", stale: 1, limit: "2s", took: "2s", text: "deadline"},
				{at: "10s", key: 3, took: "0s"},
			},
			calls: 3,
		},
		"is canceled twice, with a success in between": {
			provide: func(ctx context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n%2 == 1 {
					return none, sleep(ctx, 20*time.Second)
				}
				return keyOf(n), nil
			},
			steps: []step{
				{at: "0s", limit: "1s", took: "1s", text: "deadline"},
				{at: "2s", key: 2, took: "0s"},
				{at: "3s", stale: 2, limit: "1s", took: "1s", text: "deadline"},
				{at: "5s", key: 4, took: "0s"},
			},
			calls: 4,
		},
		"panics": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n == 2 {
					panic("out of order")
				}
				return keyOf(n), nil
			},
			steps: []step{{at: "0s", key: 1, took: "0s"}, {at: "1s", key: 1, took: "0s", text: "panicked: out of order"}, {at: "6s", key: 3, took: "0s"}},
			calls: 3,
		},
		"returns nonsense": {
			provide: func(_ context.Context, n int, _ time.Duration) (signer.Credentials, error) {
				if n == 2 {
					return signer.Credentials{AccessKeyID: "id\r\nX-Evil: 1", AccessKeySecret: "s"}, nil
				}
				return keyOf(n), nil
			},
			steps: []step{{at: "0s", key: 1, took: "0s"}, {at: "1s", key: 1, took: "0s", text: "line break"}, {at: "6s", key: 3, took: "0s"}},
			calls: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				cache, p := cacheOf(func(ctx context.Context, n int) (signer.Credentials, error) {
					return c.provide(ctx, n, time.Since(start))
				})
				for _, s := range c.steps {
					time.Sleep(time.Until(start.Add(duration(t, s.at))))
					ctx, stale, began := t.Context(), none, time.Now()
					if s.limit != "" {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, duration(t, s.limit))
						defer cancel()
					}
					if s.stale != 0 {
						stale = keyOf(s.stale)
					}
					key, warning, err := cache.Get(ctx, stale)
					took := time.Since(began)
					t.Logf("%s: at %v, stale %d: key %q in %v, warning %v, error %v", name, s.at, s.stale, key.AccessKeyID, took, warning, err)
					want := none
					if s.key != 0 {
						want = keyOf(s.key)
					}
					if key != want || (err == nil) != (s.key != 0) || took != duration(t, s.took) {
						t.Errorf("at %s: key %q (want %q) after %v (want %s), error %v", s.at, key.AccessKeyID, want.AccessKeyID, took, s.took, err)
					}
					said := fmt.Sprint(errors.Join(warning, err))
					if s.text == "" && said != "<nil>" || !strings.Contains(said, s.text) {
						t.Errorf("at %s: %s, want %q", s.at, said, s.text)
					}
				}
				if n := int(p.calls.Load()); n != c.calls {
					t.Errorf("%d calls, want %d", n, c.calls)
				}
				time.Sleep(10 * time.Hour) // let the hanging calls return before the synctest bubble ends
			})
		})
	}
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConcurrentCallersShareOneRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache, p := cacheOf(func(_ context.Context, n int) (signer.Credentials, error) {
			time.Sleep(time.Second)
			return keyOf(n), nil
		})
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if key, warning, err := cache.Get(t.Context(), none); key != keyOf(1) || warning != nil || err != nil {
					t.Error(key, warning, err)
				}
			})
		}
		wg.Wait()
		if n := p.calls.Load(); n != 1 {
			t.Errorf("%d provider calls", n)
		}
		// A refresh that will return key 2 is in progress when the API rejects key 2. All callers must share one
		// further refresh.
		go func() { _, _ = cache.Credentials(t.Context()) }()
		synctest.Wait()
		for range 100 {
			wg.Go(func() {
				if key, _, err := cache.Get(t.Context(), keyOf(2)); key != keyOf(3) || err != nil {
					t.Error(key, err)
				}
			})
		}
		wg.Wait()
		if n := p.calls.Load(); n != 3 {
			t.Errorf("%d provider calls", n)
		}
		// A refresh that will return key 4 is in progress when the API rejects key 3. No further refresh is needed.
		go func() { _, _ = cache.Credentials(t.Context()) }()
		synctest.Wait()
		if key, _, err := cache.Get(t.Context(), keyOf(3)); key != keyOf(4) || err != nil || p.calls.Load() != 4 {
			t.Errorf("%v, %v after %d provider calls", key, err, p.calls.Load())
		}
	})
}

// TestRefreshContext checks the context of a provider call. It has the values of the first caller's context, and it is
// canceled when the last caller stops waiting.
func TestRefreshContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type contextKey struct{}
		start := time.Now()
		var ended time.Duration
		cache, p := cacheOf(func(ctx context.Context, n int) (signer.Credentials, error) {
			if n == 1 && ctx.Value(contextKey{}) != "value" {
				t.Error("the context has lost its values")
			}
			err := sleep(ctx, 2*time.Second)
			ended = time.Since(start)
			return keyOf(n), err
		})
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				limit := time.Duration(i+1) * 100 * time.Millisecond
				ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey{}, "value"), limit)
				defer cancel()
				if _, _, err := cache.Get(ctx, none); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != limit {
					t.Errorf("Get returned %v after %v", err, time.Since(start))
				}
			})
		}
		wg.Wait()
		if synctest.Wait(); ended != 500*time.Millisecond {
			t.Errorf("the provider's context ended after %v", ended)
		}
		if key, _, err := cache.Get(t.Context(), none); key != keyOf(2) || err != nil || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("Get returned %v, %v after %v", key, err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := cache.Get(ctx, none)
		if synctest.Wait(); !errors.Is(err, context.Canceled) || p.calls.Load() != 2 {
			t.Errorf("Get returned %v after %d provider calls", err, p.calls.Load())
		}
	})
}

// slowText is an error whose message takes a long time to compute.
type slowText struct{}

func (slowText) Error() string { time.Sleep(time.Minute); return "slow" }

func TestSlowErrorTextHoldsNoLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &providerFunc{f: func(context.Context, int) (signer.Credentials, error) { return none, slowText{} }}
		cache := NewCache(p, func(err error, _ ...signer.Credentials) error { return errors.New(err.Error()) })
		start := time.Now()
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, _, err := cache.Get(ctx, none); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if time.Since(start) != 2*time.Second {
			t.Errorf("two calls took %v", time.Since(start))
		}
		time.Sleep(10 * time.Minute)
	})
}

// TestProviderErrorsAreMasked checks that an error of the provider does not reveal keys: neither the last valid key,
// nor the rejected key, nor a key that the provider returned together with the error.
func TestProviderErrorsAreMasked(t *testing.T) {
	t.Parallel()
	p := &providerFunc{f: func(_ context.Context, n int) (signer.Credentials, error) {
		if n == 1 {
			return keyOf(1), nil
		}
		return keyOf(3), errors.New("secret1 secret2 secret3")
	}}
	cache := NewCache(p, func(err error, keys ...signer.Credentials) error {
		text := err.Error()
		for _, key := range keys {
			if key != none {
				text = strings.ReplaceAll(text, key.AccessKeySecret, "***")
			}
		}
		return errors.New(text)
	})
	_, _, _ = cache.Get(t.Context(), none)
	if key, warning, err := cache.Get(t.Context(), keyOf(2)); key != keyOf(1) || err != nil || warning == nil || warning.Error() != "*** *** ***" {
		t.Errorf("%v, %v, %v", key, warning, err)
	}
}

// TestRefreshTimeoutIsNotTheCallers checks that the error for a refresh that timed out does not match
// context.DeadlineExceeded, because the caller's deadline has not expired.
func TestRefreshTimeoutIsNotTheCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache, _ := cacheOf(func(ctx context.Context, _ int) (signer.Credentials, error) { <-ctx.Done(); return none, ctx.Err() })
		_, _, err := cache.Get(t.Context(), none)
		if err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestBadProviders checks that a misbehaving provider causes an error and does not crash the process.
func TestBadProviders(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	key := keyOf(1)
	for name, c := range map[string]struct {
		f    func() (signer.Credentials, error)
		text string
		is   error
	}{
		"an error":            {func() (signer.Credentials, error) { return none, mine }, "mine", mine},
		"an error and a key":  {func() (signer.Credentials, error) { return key, mine }, "mine", mine},
		"nothing":             {func() (signer.Credentials, error) { return none, nil }, "is empty", nil},
		"half a key":          {func() (signer.Credentials, error) { return signer.Credentials{AccessKeyID: "id"}, nil }, "is empty", nil},
		"a line break":        {func() (signer.Credentials, error) { k := key; k.AccessKeySecret += "\n"; return k, nil }, "line break", nil},
		"a blank":             {func() (signer.Credentials, error) { k := key; k.SecurityToken = " " + k.SecurityToken; return k, nil }, "line break", nil},
		"a control character": {func() (signer.Credentials, error) { k := key; k.AccessKeyID += "\x00"; return k, nil }, "line break", nil},
		"panic with an error": {func() (signer.Credentials, error) { panic(mine) }, "panicked: mine", mine},
		"panic with a value":  {func() (signer.Credentials, error) { panic(struct{ k signer.Credentials }{key}) }, "panicked with a struct", nil},
		"nil pointer":         {func() (signer.Credentials, error) { var p *struct{ k signer.Credentials }; return p.k, nil }, "panicked: runtime error", nil},
		"ends its goroutine":  {func() (signer.Credentials, error) { runtime.Goexit(); return key, nil }, "called runtime.Goexit", nil},
		"a panic with Goexit": {func() (signer.Credentials, error) { defer runtime.Goexit(); panic(mine) }, "called runtime.Goexit", nil},
		"a joined error":      {func() (signer.Credentials, error) { return none, errors.Join(mine, io.EOF) }, "mine", io.EOF},
		"a nil panic":         {func() (signer.Credentials, error) { panic(nil) }, "panicked", nil},
		"a direction mark":    {func() (signer.Credentials, error) { k := key; k.AccessKeyID += "\u202e"; return k, nil }, "line break", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache, _ := cacheOf(func(context.Context, int) (signer.Credentials, error) { return c.f() })
			got, _, err := cache.Get(t.Context(), none)
			if got != none || err == nil || !strings.Contains(err.Error(), c.text) || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("%v %v, want %s", got, err, c.text)
			}
		})
	}
	t.Run("nil", func(t *testing.T) {
		t.Parallel()
		for _, p := range []Provider{nil, (*providerFunc)(nil)} {
			if _, err := NewCache(p, nil).Credentials(t.Context()); err == nil {
				t.Errorf("a nil %T returned no error", p)
			}
		}
	})
}

func TestStaticIsValidatedAndRedacted(t *testing.T) {
	t.Parallel()
	key := signer.Credentials{AccessKeyID: "LTAIplantedkeyid01", AccessKeySecret: "plantedsecret", SecurityToken: "plantedtoken"}
	static := NewStatic(key)
	cache := NewCache(static, nil)
	if got, _, err := cache.Get(t.Context(), key); got != key || err != nil || NewCache(cache, nil) != cache {
		t.Error(got, err)
	}
	key.AccessKeySecret += "\n"
	if _, err := NewCache(NewStatic(key), nil).Credentials(t.Context()); err == nil {
		t.Error("a key with a line break was accepted")
	}
	if got := fmt.Sprintf("%v %q", cache, cache); got != `ecs.CredentialsProvider(*credentials.Static) "ecs.CredentialsProvider(*credentials.Static)"` {
		t.Error(got)
	}
	holder := struct {
		s *Static
		c *Cache
	}{static, cache}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%t"} {
		if text := fmt.Sprintf(verb+verb+verb, static, cache, holder); strings.Contains(text, "planted") || strings.Contains(text, "706c616e746564") {
			t.Error(verb, text)
		}
	}
}

// TestNoEmptyKeyBesideARefusal checks that no caller receives an empty key at the moment when another caller reports
// that the API has rejected the last valid key.
func TestNoEmptyKeyBesideARefusal(t *testing.T) {
	t.Parallel()
	var empty atomic.Int32
	cache, p := cacheOf(func(_ context.Context, n int) (signer.Credentials, error) {
		if n%3 == 0 {
			return none, errDown
		}
		return keyOf(n), nil
	})
	var wg sync.WaitGroup
	for caller := range 16 {
		wg.Go(func() {
			var stale signer.Credentials
			for p.calls.Load() < 300 {
				key, _, err := cache.Get(t.Context(), stale)
				if err == nil && key == none {
					empty.Add(1)
				}
				if caller%2 == 0 {
					stale = key
				}
			}
		})
	}
	wg.Wait()
	if n := empty.Load(); n != 0 {
		t.Errorf("Get returned an empty key %d times", n)
	}
}
