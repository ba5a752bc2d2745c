package ecs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// CredentialsProvider gives the key that signs a request. It is asked for every attempt, so it should answer from a
// cache and refresh in time.
//
// A client calls it from one goroutine at a time; callers that come meanwhile share the answer. They leave when their
// context ends, or after 30 s. The context it gets ends after 30 s, or when all callers have left. When it fails, or
// takes more than 5 s, the last good key serves on for 150 s: Options.Logger is warned and the provider asked again every
// 5 s. A panic is an error. Its errors reach callers with everything that looks like a secret masked.
type CredentialsProvider interface {
	Credentials(ctx context.Context) (signer.Credentials, error)
}

// StaticCredentials is a fixed key; securityToken is "" unless the key is temporary. Bad values are reported by the
// first call.
func StaticCredentials(accessKeyID, accessKeySecret, securityToken string) CredentialsProvider {
	return &staticCredentials{&signer.Credentials{AccessKeyID: accessKeyID, AccessKeySecret: accessKeySecret, SecurityToken: securityToken}}
}

// staticCredentials keeps its key behind two pointers, as the guard does: of a field that it may call no methods on, fmt
// prints the first one's target when the verb does not fit, but never the second's.
type staticCredentials struct{ key *signer.Credentials }

func (s *staticCredentials) Credentials(context.Context) (signer.Credentials, error) {
	return *s.key, nil
}

// Format prints redacted.
func (s *staticCredentials) Format(f fmt.State, verb rune) { formatText(f, verb, s.key.String()) }

// CredentialsFrom uses a credential of github.com/aliyun/credentials-go, which covers all the vendor's ways to get a
// key: RAM roles, OIDC, instance metadata, profiles, a credentials URI. Bearer tokens are not supported, and nil is an error
// of the first call.
//
// What it returns may be shared by any number of clients and goroutines, although credentials-go's own values may not:
// access is locked, waiting ends with the caller's context, panics are caught. Wrap each credential once.
func CredentialsFrom(c credentials.Credential) CredentialsProvider {
	return newGuard(&vendorCredentials{current: c})
}

// vendorCredentials reads credentials-go. Its calls do not take a context; the guard around it waits with one.
type vendorCredentials struct {
	build   func() (credentials.Credential, error) // nil: current is all there is
	current credentials.Credential
	last    signer.Credentials // what current gave
}

func (v *vendorCredentials) Credentials(context.Context) (c signer.Credentials, err error) {
	if v.build == nil {
		return v.read()
	}
	if v.current != nil {
		if c, err = v.read(); err == nil {
			return c, nil
		}
	}
	// The default chain sticks to the link that worked first, and after a failure of all to the last one: a new one
	// looks through them again.
	if v.current, err = v.build(); err == nil {
		c, err = v.read()
	}
	if err != nil {
		v.current = nil
		err = fmt.Errorf("the default chain has none: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, a profile of the vendor's CLI, or Options.Credentials (%w)", err)
	}
	return c, err
}

func (v *vendorCredentials) read() (c signer.Credentials, err error) {
	if v.current == nil {
		return c, errors.New("the credential is nil")
	}
	m, err := v.current.GetCredential()
	switch {
	case err != nil:
		return c, err
	case m == nil:
		return c, errors.New("the provider returned no credentials")
	}
	for _, f := range []struct{ to, from *string }{{&c.AccessKeyID, m.AccessKeyId}, {&c.AccessKeySecret, m.AccessKeySecret}, {&c.SecurityToken, m.SecurityToken}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if c.AccessKeyID == "" && m.BearerToken != nil && *m.BearerToken != "" {
		return signer.Credentials{}, errors.New("the provider returned a bearer token, which is not supported")
	}
	v.last = c
	return c, nil
}

// drop makes the default chain forget a key that the API called expired, unless it has another by now.
func (v *vendorCredentials) drop(key signer.Credentials) {
	if v.build != nil && v.last == key {
		v.current = nil
	}
}

// defaultCredentials is credentials-go's default chain: environment, OIDC, CLI profile, profile file, instance role,
// credentials URI. It is built when first used.
func defaultCredentials() CredentialsProvider {
	return newGuard(&vendorCredentials{build: func() (credentials.Credential, error) { return credentials.NewCredential(nil) }})
}

const (
	lastGoodFor     = 150 * time.Second // a failing refresh is bridged this long
	providerTimeout = 30 * time.Second
	bridgeAfter     = 5 * time.Second // a provider that takes longer is failing, if there is a good key; and then it rests
)

// guard makes any provider safe to use: one call at a time, shared by all who wait.
type guard struct{ *guardState }

type guardState struct {
	provider CredentialsProvider

	mu      sync.Mutex
	flight  *flight            // the call that is under way
	good    signer.Credentials // the last that came and was not called stale; zero: none
	failing time.Time          // since when refreshes fail; zero while they work
	rest    time.Time          // when to ask again, while the good key bridges a failure
}

// flight is one call of the provider.
type flight struct {
	started   time.Time
	stale     signer.Credentials
	cancel    context.CancelFunc
	callers   int           // who wait for it
	abandoned bool          // all of them left, so it was cancelled; a key that it brings all the same is welcome
	done      chan struct{} // closed when key and err are set
	key       signer.Credentials
	err       error
}

func newGuard(p CredentialsProvider) *guard {
	if g, ok := p.(*guard); ok {
		return g
	}
	return &guard{&guardState{provider: p}}
}

// Credentials implements [CredentialsProvider].
func (g *guard) Credentials(ctx context.Context) (signer.Credentials, error) {
	if ctx == nil {
		return signer.Credentials{}, errNilContext
	}
	key, _, err := g.get(ctx, signer.Credentials{})
	return key, err
}

// Format keeps what the guard holds out of every verb.
func (g *guard) Format(f fmt.State, verb rune) {
	formatText(f, verb, fmt.Sprintf("ecs.CredentialsProvider(%T)", g.provider))
}

// get asks the provider for a key other than stale, unless that is zero. A warning says why the last good key serves
// instead of the latest.
func (g *guard) get(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error) {
	if s, ok := g.provider.(*staticCredentials); ok && s != nil {
		return *s.key, nil, check(*s.key)
	}
	for {
		f, late, patience, good := g.join(ctx, stale)
		if f == nil {
			return good, nil, nil
		}
		timeout := time.NewTimer(time.Until(f.started.Add(patience)))
		select {
		case <-f.done:
			timeout.Stop()
			switch {
			case f.err != nil && late:
				continue // it was cancelled before we came
			case f.err != nil:
				return g.bridge(f.err)
			case f.key == stale && f.stale != stale:
				continue // it was under way before its key was known to be stale
			}
			return f.key, nil, nil
		case <-ctx.Done():
			timeout.Stop()
			g.leave(f, true)
			return signer.Credentials{}, nil, ctx.Err()
		case <-timeout.C:
			g.leave(f, false)
			return g.bridge(fmt.Errorf("the credentials provider has not answered within %v", patience))
		}
	}
}

// join gives the call that is under way, or a new one, and how long to wait for it from its start; late says that it was
// abandoned before. If a call has just failed, it gives the good key that bridges that.
func (g *guard) join(ctx context.Context, stale signer.Credentials) (f *flight, late bool, patience time.Duration, good signer.Credentials) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.good == stale {
		g.good = signer.Credentials{}
	}
	patience = providerTimeout
	if g.bridges() {
		if time.Now().Before(g.rest) {
			return nil, false, 0, g.good
		}
		patience = bridgeAfter
	}
	if g.flight == nil {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
		g.flight = &flight{started: time.Now(), stale: stale, cancel: cancel, done: make(chan struct{})}
		go g.fly(within, g.flight)
	}
	g.flight.callers++
	return g.flight, g.flight.abandoned, patience, good
}

// leave is a caller who does not wait any longer. A call that nobody waits for is cancelled, unless it was only slower
// than the good key.
func (g *guard) leave(f *flight, cancel bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.callers--; f.callers == 0 && cancel {
		f.abandoned = true
		f.cancel()
	}
}

// bridges reports whether the good key may stand in for the latest.
func (g *guard) bridges() bool {
	return g.good != signer.Credentials{} && (g.failing.IsZero() || time.Since(g.failing) < lastGoodFor)
}

// bridge gives the good key after a failure, with the failure as a warning, or the failure alone.
func (g *guard) bridge(err error) (key signer.Credentials, warning, _ error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failing.IsZero() {
		g.failing = time.Now()
	}
	if !g.bridges() {
		return signer.Credentials{}, nil, err
	}
	g.rest = time.Now().Add(bridgeAfter)
	return g.good, err, nil
}

// fly makes one call and remembers what it brought.
func (g *guard) fly(ctx context.Context, f *flight) {
	defer f.cancel()
	f.err = errors.New("the credentials provider ended its goroutine")
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if f.err == nil && f.key != f.stale {
			g.good, g.failing, g.rest = f.key, time.Time{}, time.Time{}
		}
		g.flight = nil
		close(f.done)
	}()
	key, err := ask(ctx, g.provider, f.stale)
	if err != nil { // its text is the provider's code again, so nobody may wait for a lock meanwhile
		g.mu.Lock()
		good := g.good
		g.mu.Unlock()
		key, err = signer.Credentials{}, redact.New(good.AccessKeyID, good.AccessKeySecret, good.SecurityToken, f.stale.AccessKeyID, f.stale.AccessKeySecret, f.stale.SecurityToken,
			key.AccessKeyID, key.AccessKeySecret, key.SecurityToken).Error(err)
	}
	f.key, f.err = key, err
}

// ask contains what a provider may do wrong.
func ask(ctx context.Context, p CredentialsProvider, stale signer.Credentials) (key signer.Credentials, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("the credentials provider panicked: %w", p)
		case string:
			err = fmt.Errorf("the credentials provider panicked: %s", p)
		default: // may hold anything, also a key
			err = fmt.Errorf("the credentials provider panicked with a %T", p)
		}
	}()
	if v, ok := p.(*vendorCredentials); ok && stale != (signer.Credentials{}) {
		v.drop(stale)
	}
	if key, err = p.Credentials(ctx); err == nil {
		err = check(key)
	}
	return key, err
}

// check finds what would be refused by the API in a less helpful way, or break a header.
func check(c signer.Credentials) error {
	unfit := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	switch {
	case c.AccessKeyID == "" || c.AccessKeySecret == "":
		return errors.New("the access key id or secret is empty: set both")
	case strings.ContainsFunc(c.AccessKeyID, unfit), strings.ContainsFunc(c.AccessKeySecret, unfit), strings.ContainsFunc(c.SecurityToken, unfit):
		return errors.New("the access key or token holds white space or control characters: was a line break copied with it?")
	}
	return nil
}
