package transport

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sentinels survive the cleaning of an error's text.
var sentinels = []error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, errTooLarge}

// Policy is how failures are retried. Zero fields take the defaults below.
type Policy struct {
	MaxAttempts    int           // 1 = never retry
	MinDelay       time.Duration // backoff starts here
	MaxDelay       time.Duration // and ends here
	AttemptTimeout time.Duration // for one request and its whole answer
}

const (
	defaultAttempts       = 3
	defaultMinDelay       = 100 * time.Millisecond
	defaultMaxDelay       = 10 * time.Second
	defaultAttemptTimeout = 10 * time.Second

	// Throttled calls have a budget of their own: most wait inside the throttle control, and only probes are refused.
	throttleAttempts = 12
	// throttleWait bounds the waiting of a throttled call whose context has no deadline.
	throttleWait = 2 * time.Minute
	// maxHint caps what a server may ask us to wait.
	maxHint = time.Minute
)

func (p Policy) withDefaults() Policy {
	if p.MaxAttempts <= 0 {
		p.MaxAttempts = defaultAttempts
	}
	if p.MinDelay <= 0 {
		p.MinDelay = defaultMinDelay
	}
	if p.MaxDelay <= 0 {
		p.MaxDelay = defaultMaxDelay
	}
	p.MaxDelay = max(p.MaxDelay, p.MinDelay)
	if p.AttemptTimeout <= 0 {
		p.AttemptTimeout = defaultAttemptTimeout
	}
	return p
}

// delay is the backoff after the n-th failure (from 1): full jitter under an exponential cap, above a floor that keeps
// a dead server from being hammered.
func (p Policy) delay(n int) time.Duration {
	ceiling := p.MaxDelay
	if shift := n - 1; shift < 30 && p.MinDelay<<shift < ceiling {
		ceiling = p.MinDelay << shift
	}
	floor := p.MinDelay / 2
	return floor + rand.N(ceiling-floor+1)
}

// quota bounds the retries of many calls together: against a dead server each call may cost 1.2 requests in the long
// run, with a stock of quotaSize retries for short troubles. The zero value is a full stock.
type quota struct {
	mu    sync.Mutex
	spent float64
}

const (
	quotaSize    = 50
	quotaPerCall = 0.2
)

func (q *quota) call() {
	q.mu.Lock()
	q.spent = max(0, q.spent-quotaPerCall)
	q.mu.Unlock()
}

func (q *quota) retry() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spent+1 > quotaSize {
		return false
	}
	q.spent++
	return true
}

// hint is how long the server asks to wait, by the longest of its three ways to say so, capped.
func hint(h http.Header, now time.Time) time.Duration {
	var d time.Duration
	if ms, err := strconv.ParseInt(strings.TrimSpace(h.Get("X-Acs-Retry-After")), 10, 64); err == nil {
		d = max(d, millis(ms))
	}
	for _, name := range []string{"X-Ratelimit-User-Api", "X-Ratelimit-User"} {
		for part := range strings.SplitSeq(h.Get(name), ",") {
			if k, v, ok := strings.Cut(part, ":"); ok && strings.EqualFold(strings.TrimSpace(k), "TimeLeft") {
				if ms, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
					d = max(d, millis(ms))
				}
			}
		}
	}
	switch after := strings.TrimSpace(h.Get("Retry-After")); {
	case after == "":
	default:
		if s, err := strconv.ParseInt(after, 10, 64); err == nil {
			d = max(d, millis(min(s, int64(maxHint/time.Second))*1000))
		} else if t, err := http.ParseTime(after); err == nil {
			d = max(d, t.Sub(now))
		}
	}
	return min(d, maxHint)
}

// millis is ms milliseconds within [0, maxHint], whatever the server sent.
func millis(ms int64) time.Duration {
	return time.Duration(min(max(ms, 0), maxHint.Milliseconds())) * time.Millisecond
}

// sleep waits d or until ctx is done. It refuses at once a wait that would pass the deadline.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return errNoTime
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// errNoTime is the deadline's error before the deadline.
var errNoTime error = noTimeError{}

type noTimeError struct{}

func (noTimeError) Error() string {
	return "the wait before the next attempt would pass the context's deadline"
}
func (noTimeError) Timeout() bool        { return true }
func (noTimeError) Temporary() bool      { return true }
func (noTimeError) Is(target error) bool { return target == context.DeadlineExceeded }

// contextError is the error of a context that is done, with its cause when the caller gave one.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) { //nolint:errorlint // the other way round on purpose: no cause of its own
		return err
	}
	return &causedError{err, cause}
}

type causedError struct{ err, cause error }

func (e *causedError) Error() string   { return e.err.Error() + ": " + e.cause.Error() }
func (e *causedError) Unwrap() []error { return []error{e.err, e.cause} }
