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
	refreshTimeout   = 30 * time.Second  // timeout of one provider call
	slowAfter        = 5 * time.Second   // if a refresh takes longer, callers use the last valid key
	reuseLastValid   = 150 * time.Second // how long the last valid key may be used while refreshes fail
	maxHungRefreshes = 4                 // maximum number of abandoned provider calls
)

// Cache caches the key that a [Provider] returns, so that a client can ask for the key before every request. A Cache is
// safe for concurrent use.
//
// Concurrent callers share one provider call. If a refresh fails, the Cache returns the last valid key for up to 150 s
// and calls the provider every 5 s. A key that the API has rejected is not reused in this way.
//
// The provider may hang, panic or call runtime.Goexit. A provider call that takes more than 30 s is abandoned, and the
// next caller starts a new call. The Cache starts no new call while four abandoned calls are still running.
type Cache struct{ *cacheState }

// cacheState contains the fields of a Cache. A Cache holds only a pointer to it, so that package fmt never prints a
// key. See [Static].
type cacheState struct {
	provider Provider
	redact   func(err error, keys ...signer.Credentials) error

	mu           sync.Mutex
	current      *refresh           // the refresh in progress, or nil
	started      int                // number of refreshes started so far
	stored       int                // number of the refresh that returned lastValid
	hung         int                // number of abandoned refreshes that are still running
	lastValid    signer.Credentials // zero if there is none
	rejected     signer.Credentials // the key that the API rejected most recently
	failingSince time.Time          // the time of the first failure since the last success, or zero if there was none
	retryAt      time.Time          // when to start the next refresh, while the last valid key is reused
	cancelled    bool               // whether the last refresh was canceled because all its callers stopped waiting
}

// refresh is one provider call. Several callers may wait for the same refresh.
type refresh struct {
	number    int
	started   time.Time
	stale     signer.Credentials
	cancel    context.CancelFunc
	callers   int           // the number of callers that are waiting for the refresh
	cancelled bool          // whether the refresh was canceled because all its callers stopped waiting
	done      chan struct{} // closed after key and err have been set
	key       signer.Credentials
	err       error
}

// NewCache returns a Cache for p. If p is already a *Cache, NewCache returns p itself. The function redact masks
// secrets, including the given keys, in the provider's errors. If redact is nil, errors are returned unchanged.
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
		return signer.Credentials{}, errors.New("ctx is nil: use context.Background()")
	}
	key, _, err := c.Get(ctx, signer.Credentials{})
	return key, err
}

// Format implements fmt.Formatter. For every verb, it writes only the provider's type, never the key.
func (c *Cache) Format(f fmt.State, verb rune) {
	text := fmt.Sprintf("ecs.CredentialsProvider(%T)", c.provider)
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text)
}

// Report describes how the provider obtained its key. It performs no I/O. If the provider is not a *Chain, the Report
// is empty.
func (c *Cache) Report() Report {
	chain, ok := c.provider.(*Chain)
	if !ok {
		return Report{}
	}
	r := chain.Report()
	for i, s := range r.Sources {
		if s.Err != nil {
			r.Sources[i].Err = c.redact(s.Err)
		}
	}
	return r
}

// Get returns a key. The argument stale is the key that the API has just rejected, or the zero value. Get returns the
// stale key only if the provider has no other key. If a refresh fails but the last valid key can still be used, Get
// returns that key with the provider's error as the warning.
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
				continue // another caller has just reported that the API rejects the key
			}
			return key, nil, nil
		}
		select {
		case <-r.done:
			switch {
			case r.err != nil && late:
				continue // the refresh had been canceled before this caller joined it
			case r.err != nil:
				return c.useLastValid(r.err)
			case r.key == stale && r.stale != stale:
				continue // the refresh started before the API rejected the key
			}
			return r.key, nil, nil
		case <-ctx.Done():
			c.leave(r, true)
			return signer.Credentials{}, nil, ctx.Err()
		case <-time.After(time.Until(r.started.Add(patience))):
			c.leave(r, false)
			return c.useLastValid(fmt.Errorf("the credentials provider did not return within %v", patience))
		}
	}
}

// joinOrStart returns the refresh in progress, or starts a new one. The caller should wait for it until patience has
// passed since the start of the refresh. If late is true, the refresh has already been canceled, so the caller should
// ignore its error and call joinOrStart again.
//
// If r and err are both nil, the caller should use the last valid key without waiting. If too many abandoned provider
// calls are still running, joinOrStart returns an error.
func (c *Cache) joinOrStart(ctx context.Context, stale signer.Credentials) (r *refresh, patience time.Duration, late bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if stale != (signer.Credentials{}) {
		c.rejected = stale
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
		if deadline, ok := ctx.Deadline(); ok { // reserve half of the time for the request itself
			patience = min(patience, time.Since(c.current.started)+time.Until(deadline)/2)
		}
	}
	c.current.callers++
	return c.current, patience, c.current.cancelled, nil
}

// leave records that a caller stops waiting for r. If the last caller leaves because its context is done, leave cancels
// the refresh. It never cancels two refreshes in a row, because a slow provider would then never return a key.
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

// lastValidUsable reports whether the most recent valid key, if any, may still be used.
func (c *Cache) lastValidUsable() bool {
	return c.lastValid != (signer.Credentials{}) && (c.failingSince.IsZero() || time.Since(c.failingSince) < reuseLastValid)
}

// useLastValid returns the last valid key with err as the warning. If the last valid key may not be used, it returns
// only err, as an error.
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

// doRefresh calls the provider and stores the result.
func (c *Cache) doRefresh(ctx context.Context, r *refresh) {
	defer r.cancel()
	r.err = errors.New("the credentials provider called runtime.Goexit")
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
			if r.number > c.stored && r.key != c.rejected { // a late result must not overwrite a newer key
				c.lastValid, c.stored = r.key, r.number
				c.failingSince, c.retryAt = time.Time{}, time.Time{}
			}
		}
		close(r.done)
	}()
	key, err := callProvider(ctx, c.provider, r.stale)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // the refresh itself has timed out
			err = fmt.Errorf("the credentials provider did not return within %v: %w", refreshTimeout, os.ErrDeadlineExceeded)
		}
		// Do not hold c.mu here: redact calls the Error method of the provider's error, which may be slow.
		key, err = signer.Credentials{}, c.redact(err, c.last(), r.stale, key)
	}
	r.key, r.err = key, err
}

// callProvider calls the provider. It returns an error if the provider panics or returns a malformed key.
func callProvider(ctx context.Context, p Provider, stale signer.Credentials) (key signer.Credentials, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("the credentials provider panicked: %w", p)
		case string:
			err = fmt.Errorf("the credentials provider panicked: %s", p)
		default: // print only the type, because the value may contain a key
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
