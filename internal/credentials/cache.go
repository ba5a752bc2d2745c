package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	refreshTimeout   = 30 * time.Second  // for one call of a provider
	slowAfter        = 5 * time.Second   // if a refresh takes longer, calls use the last valid key instead of waiting
	reuseLastValid   = 150 * time.Second // how long the last valid key is used while refreshes fail
	maxHungRefreshes = 4                 // maximum number of provider calls that have not returned after refreshTimeout
)

// Cache makes a [Provider] safe to call before every request, from any number of goroutines.
//
// All callers share one call of the provider at a time. While refreshes fail, the last valid key is reused for up
// to 150 s and the provider is called every 5 s. A key that the API has refused is never reused in this way. A
// provider may hang, panic or end its goroutine: a call that has not returned within 30 s is abandoned and a new
// one is made. After four such calls, no other call is made until one of them returns.
type Cache struct{ *cacheState }

// cacheState is behind a pointer, like the key of a [Static], so that fmt does not print a key.
type cacheState struct {
	provider Provider
	redact   func(err error, keys ...signer.Credentials) error

	mu           sync.Mutex
	current      *refresh           // the refresh that is under way
	started      int                // number of refreshes so far
	stored       int                // number of the refresh that set lastValid
	hung         int                // number of refreshes that were abandoned and have not returned
	lastValid    signer.Credentials // zero: none
	refused      signer.Credentials // the last key that the API refused
	failingSince time.Time          // time of the first failure since the last success; zero if there is none
	retryAt      time.Time          // when to refresh next, while the last valid key is reused
	cancelled    bool               // the last refresh was canceled because all its callers stopped waiting
}

// refresh is one call of the provider.
type refresh struct {
	number    int
	started   time.Time
	stale     signer.Credentials
	cancel    context.CancelFunc
	callers   int           // who wait for it
	cancelled bool          // all callers had left
	done      chan struct{} // closed when key and err are set
	key       signer.Credentials
	err       error
}

// NewCache returns a Cache of a provider. If the provider is a Cache, it is returned unchanged. redact returns a
// provider's error with the given keys, and everything that looks like a secret, masked; nil returns errors
// unchanged.
func NewCache(p Provider, redact func(err error, keys ...signer.Credentials) error) *Cache {
	if c, ok := p.(*Cache); ok {
		return c
	}
	if redact == nil {
		redact = func(err error, _ ...signer.Credentials) error { return err }
	}
	return &Cache{&cacheState{provider: p, redact: redact}}
}

// Credentials implements [Provider].
func (c *Cache) Credentials(ctx context.Context) (signer.Credentials, error) {
	if ctx == nil {
		return signer.Credentials{}, errors.New("ctx is nil, use context.Background()")
	}
	key, _, err := c.Get(ctx, signer.Credentials{})
	return key, err
}

// Format writes the type of the provider, for every verb.
func (c *Cache) Format(f fmt.State, verb rune) {
	text := fmt.Sprintf("ecs.CredentialsProvider(%T)", c.provider)
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text)
}

// Report returns what the provider knows about its key, without I/O: nothing, unless it is a Chain.
func (c *Cache) Report() Report {
	chain, ok := c.provider.(*Chain)
	if !ok {
		return Report{}
	}
	r := chain.Report()
	for i, link := range r.Links {
		if link.Err != nil {
			r.Links[i].Err = c.redact(link.Err)
		}
	}
	return r
}

// Get returns a key. stale is a key that the API has refused, or zero: it is not returned unless the provider has
// no other. If the last valid key is reused after a failure, warning is that failure.
func (c *Cache) Get(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error) {
	switch p := c.provider.(type) {
	case *Static:
		key, err = p.Credentials(ctx)
		return key, nil, err
	case *Chain:
		if cached, fresh := p.peek(); fresh && cached != stale {
			return cached, nil, nil
		}
	}
	if err = ctx.Err(); err != nil {
		return signer.Credentials{}, nil, err
	}
	for {
		r, patience, late, err := c.joinOrStart(ctx, stale)
		if err != nil {
			return c.useLastValid(err)
		}
		if r == nil {
			if key = c.last(); key == (signer.Credentials{}) {
				continue // another caller has just learned that the API refuses it
			}
			return key, nil, nil
		}
		select {
		case <-r.done:
			switch {
			case r.err != nil && late:
				continue // it was canceled before this caller arrived
			case r.err != nil:
				return c.useLastValid(r.err)
			case r.key == stale && r.stale != stale:
				continue // it started before the key was known to be stale
			}
			return r.key, nil, nil
		case <-ctx.Done():
			c.leave(r, true)
			return signer.Credentials{}, nil, ctx.Err()
		case <-time.After(time.Until(r.started.Add(patience))):
			c.leave(r, false)
			return c.useLastValid(fmt.Errorf("the credentials provider has not returned within %v", patience))
		}
	}
}

// joinOrStart returns the refresh in progress, or a new one. It also returns how long after its start to wait for
// it, and whether it is late, which means that it has already been canceled. If the last valid key should be used
// at once, it returns no refresh; if the provider hangs, it returns an error.
func (c *Cache) joinOrStart(ctx context.Context, stale signer.Credentials) (r *refresh, patience time.Duration, late bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stale != (signer.Credentials{}) {
		c.refused = stale
		if c.lastValid == stale {
			c.lastValid = signer.Credentials{}
		}
	}
	if c.current != nil && time.Since(c.current.started) >= refreshTimeout {
		c.current = nil
		c.hung++
	}
	if c.lastValidUsable() && time.Now().Before(c.retryAt) {
		return nil, 0, false, nil
	}
	if c.current == nil {
		if c.hung >= maxHungRefreshes {
			return nil, 0, false, fmt.Errorf("the credentials provider hangs: %d calls have not returned", c.hung)
		}
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
		c.started++
		c.current = &refresh{number: c.started, started: time.Now(), stale: stale, cancel: cancel, done: make(chan struct{})}
		go c.doRefresh(within, c.current)
	}
	patience = refreshTimeout
	if c.lastValidUsable() {
		patience = slowAfter
		if deadline, ok := ctx.Deadline(); ok { // leave the request time, too
			patience = min(patience, time.Since(c.current.started)+time.Until(deadline)/2)
		}
	}
	c.current.callers++
	return c.current, patience, c.current.cancelled, nil
}

// leave is called when a caller stops waiting. A refresh without callers is canceled if the context of the last
// one is done, unless the previous refresh was canceled too: otherwise a provider that is slower than its callers
// would never return a key.
func (c *Cache) leave(r *refresh, contextDone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.callers--; r.callers == 0 && contextDone && !c.cancelled && c.current == r {
		r.cancelled, c.cancelled = true, true
		r.cancel()
	}
}

// last returns the last valid key.
func (c *Cache) last() signer.Credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastValid
}

// lastValidUsable reports whether the last valid key may be used instead of a new one.
func (c *Cache) lastValidUsable() bool {
	return c.lastValid != (signer.Credentials{}) && (c.failingSince.IsZero() || time.Since(c.failingSince) < reuseLastValid)
}

// useLastValid returns the last valid key with err as a warning, or err if there is none to use.
func (c *Cache) useLastValid(err error) (key signer.Credentials, warning, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failingSince.IsZero() {
		c.failingSince = time.Now()
	}
	if !c.lastValidUsable() {
		return signer.Credentials{}, nil, err
	}
	c.retryAt = time.Now().Add(slowAfter)
	return c.lastValid, err, nil
}

// doRefresh calls the provider and stores what it returned.
func (c *Cache) doRefresh(ctx context.Context, r *refresh) {
	defer r.cancel()
	r.err = errors.New("the credentials provider ended its goroutine")
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.current == r {
			c.current = nil
		} else {
			c.hung--
		}
		if !r.cancelled {
			c.cancelled = false
		}
		if r.err == nil {
			if r.number > c.stored && r.key != c.refused { // a late result does not replace a newer one
				c.lastValid, c.stored = r.key, r.number
				c.failingSince, c.retryAt = time.Time{}, time.Time{}
			}
		}
		close(r.done)
	}()
	key, err := callProvider(ctx, c.provider, r.stale)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // this timeout is that of the refresh, not the caller's
			err = fmt.Errorf("the credentials provider has not returned within %v: %w", refreshTimeout, os.ErrDeadlineExceeded)
		}
		// The text of the error is computed by the provider's code, which may take long: do not hold a lock here.
		key, err = signer.Credentials{}, c.redact(err, c.last(), r.stale, key)
	}
	r.key, r.err = key, err
}

// callProvider calls the provider. It converts a panic and a malformed key to an error.
func callProvider(ctx context.Context, p Provider, stale signer.Credentials) (key signer.Credentials, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("the credentials provider panicked: %w", p)
		case string:
			err = fmt.Errorf("the credentials provider panicked: %s", p)
		default: // its fields may hold a key
			err = fmt.Errorf("the credentials provider panicked with a %T", p)
		}
	}()
	if chain, ok := p.(*Chain); ok && stale != (signer.Credentials{}) {
		chain.forget(stale)
	}
	if key, err = p.Credentials(ctx); err == nil {
		err = validateKey(key)
	}
	return key, err
}
