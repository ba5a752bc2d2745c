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

	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// CredentialsProvider gives the key that signs a request. It is asked for every attempt, so it should answer from a
// cache and refresh in time.
//
// A client calls it from one goroutine at a time; callers that come meanwhile share the answer. When it fails, the last
// good key serves on for 150 s. A panic is an error. The client stops waiting when the caller's context ends or after
// 30 s. Its errors reach callers with everything that looks like a secret masked.
type CredentialsProvider interface {
	Credentials(ctx context.Context) (signer.Credentials, error)
}

// StaticCredentials is a fixed key; securityToken is "" unless the key is temporary. Bad values are reported by the
// first call.
func StaticCredentials(accessKeyID, accessKeySecret, securityToken string) CredentialsProvider {
	return staticCredentials{signer.Credentials{AccessKeyID: accessKeyID, AccessKeySecret: accessKeySecret, SecurityToken: securityToken}}
}

type staticCredentials struct{ key signer.Credentials }

func (s staticCredentials) Credentials(context.Context) (signer.Credentials, error) {
	return s.key, nil
}

// Format prints redacted: fmt does not ask the unexported field for its own.
func (s staticCredentials) Format(f fmt.State, verb rune) { s.key.Format(f, verb) }

// CredentialsFrom uses a credential of github.com/aliyun/credentials-go, which covers all the vendor's ways to get a
// key: RAM roles, OIDC, instance metadata, profiles, a credentials URI. Bearer tokens are not supported.
//
// It may be shared by any number of clients and goroutines, although credentials-go's own values may not: access is
// locked, waiting ends with the caller's context, panics are caught.
func CredentialsFrom(c credentials.Credential) CredentialsProvider {
	return newGuard(&vendorCredentials{current: c})
}

// vendorCredentials reads credentials-go. Its calls do not take a context; the guard around it waits with one.
type vendorCredentials struct {
	build   func() (credentials.Credential, error) // nil: current is all there is
	current credentials.Credential
}

func (v *vendorCredentials) Credentials(context.Context) (signer.Credentials, error) {
	if v.current == nil {
		if v.build == nil {
			return signer.Credentials{}, errors.New("the credential is nil")
		}
		c, err := v.build()
		if err != nil {
			return signer.Credentials{}, err
		}
		v.current = c
	}
	m, err := v.current.GetCredential()
	if err != nil {
		v.stale() // the default chain sticks to its last link after a failure: look through all of them again
		return signer.Credentials{}, err
	}
	if m == nil {
		return signer.Credentials{}, errors.New("the provider returned no credentials")
	}
	var c signer.Credentials
	for _, f := range []struct {
		to   *string
		from *string
	}{{&c.AccessKeyID, m.AccessKeyId}, {&c.AccessKeySecret, m.AccessKeySecret}, {&c.SecurityToken, m.SecurityToken}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if c.AccessKeyID == "" && m.BearerToken != nil && *m.BearerToken != "" {
		return signer.Credentials{}, errors.New("the provider returned a bearer token, which is not supported")
	}
	return c, nil
}

// stale drops what the default chain has cached.
func (v *vendorCredentials) stale() {
	if v.build != nil {
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
)

// guard makes any provider safe to use: one call at a time, shared by all who wait.
type guard struct {
	provider CredentialsProvider

	mu      sync.Mutex
	flight  *flight
	good    signer.Credentials
	failing time.Time // since when refreshes fail; zero while they work
}

// flight is one call of the provider.
type flight struct {
	done    chan struct{} // closed when creds and err are set
	creds   signer.Credentials
	err     error
	waiters int
	left    bool // all waiters gave up: its context is cancelled, its result counts for nobody who comes later
	cancel  context.CancelFunc
}

func newGuard(p CredentialsProvider) *guard {
	if g, ok := p.(*guard); ok {
		return g
	}
	return &guard{provider: p}
}

// Credentials implements [CredentialsProvider].
func (g *guard) Credentials(ctx context.Context) (signer.Credentials, error) {
	return g.get(ctx, false)
}

// Format keeps what the guard holds out of every verb.
func (g *guard) Format(f fmt.State, verb rune) {
	formatText(f, verb, fmt.Sprintf("ecs.CredentialsProvider(%T)", g.provider))
}

// get asks the provider. fresh says that the API called the last key stale: then the last good one does not serve.
func (g *guard) get(ctx context.Context, fresh bool) (signer.Credentials, error) {
	if s, ok := g.provider.(staticCredentials); ok {
		return s.key, check(s.key)
	}
	timeout := time.NewTimer(providerTimeout)
	defer timeout.Stop()
	for {
		f, joined := g.join(ctx, fresh)
		select {
		case <-f.done:
			g.leave(f, joined)
			if !joined {
				continue // it was cancelled before we came
			}
			return g.result(f, fresh)
		case <-ctx.Done():
			g.leave(f, joined)
			return signer.Credentials{}, ctx.Err()
		case <-timeout.C:
			g.leave(f, joined)
			return signer.Credentials{}, fmt.Errorf("the credentials provider has not answered within %v", providerTimeout)
		}
	}
}

func (g *guard) join(ctx context.Context, fresh bool) (f *flight, joined bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.flight == nil {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), providerTimeout)
		g.flight = &flight{done: make(chan struct{}), cancel: cancel}
		go g.fly(within, g.flight, fresh)
	}
	if g.flight.left {
		return g.flight, false
	}
	g.flight.waiters++
	return g.flight, true
}

func (g *guard) leave(f *flight, joined bool) {
	if !joined {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.waiters--; f.waiters == 0 {
		f.left = true
		f.cancel()
	}
}

func (g *guard) fly(ctx context.Context, f *flight, fresh bool) {
	c, err := g.ask(ctx, fresh)
	g.mu.Lock()
	defer g.mu.Unlock()
	f.creds, f.err = c, err
	g.flight = nil
	f.cancel()
	close(f.done)
}

func (g *guard) ask(ctx context.Context, fresh bool) (c signer.Credentials, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the credentials provider panicked: %v", p)
		}
		if err != nil {
			err = transport.CleanError(err, c)
		}
	}()
	if s, ok := g.provider.(interface{ stale() }); ok && fresh {
		s.stale()
	}
	if c, err = g.provider.Credentials(ctx); err != nil {
		return signer.Credentials{}, err
	}
	return c, check(c)
}

// result bridges a failure with the last good key.
func (g *guard) result(f *flight, fresh bool) (signer.Credentials, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.err == nil {
		g.good, g.failing = f.creds, time.Time{}
		return f.creds, nil
	}
	if g.failing.IsZero() {
		g.failing = time.Now()
	}
	if fresh || g.good == (signer.Credentials{}) || time.Since(g.failing) >= lastGoodFor {
		return signer.Credentials{}, f.err
	}
	return g.good, nil
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
