package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

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

	// Throttled calls have a budget of their own: most wait inside the throttle control, and only probes are refused. A
	// lone caller sends all the probes; so many outlast a quota's window of a minute, which 12 would not.
	throttleAttempts = 14
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
	if shift := min(n-1, 62); p.MinDelay <= ceiling>>shift { // this way round, since the other could overflow
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

// hint is how long the server asks to wait, capped: the longest of what its headers say. x-acs-retry-after (milliseconds)
// and Retry-After are for every failure. The rate limits, Limit:n,Remain:n,TimeLeft:ms, may come with any answer, so they
// count for a throttled one alone, and the window that is used up before one that is not.
func hint(h http.Header, throttled bool) time.Duration {
	var d, open time.Duration
	if ms, ok := number(h.Get("X-Acs-Retry-After")); ok {
		d = max(d, upTo(ms, time.Millisecond))
	}
	for _, name := range []string{"X-Ratelimit-User-Api", "X-Ratelimit-User"} {
		var left time.Duration
		remain := int64(0)
		for part := range strings.SplitSeq(h.Get(name), ",") {
			k, v, _ := strings.Cut(part, ":")
			n, ok := number(v)
			switch strings.ToLower(strings.TrimSpace(k)) {
			case "timeleft":
				left = upTo(n, time.Millisecond)
			case "remain":
				if ok {
					remain = n
				}
			}
		}
		switch {
		case !throttled:
		case remain > 0:
			open = max(open, left)
		default:
			d = max(d, left)
		}
	}
	after := strings.TrimSpace(h.Get("Retry-After"))
	if s, ok := number(after); ok {
		d = max(d, upTo(s, time.Second))
	} else if t, err := http.ParseTime(after); err == nil {
		from, err := http.ParseTime(h.Get("Date")) // by the server's clock, which may not be ours
		if err != nil {
			from = time.Now()
		}
		d = max(d, min(t.Sub(from), maxHint))
	}
	if d == 0 {
		d = open
	}
	return d
}

// number is a number, the nearest one that fits if it is larger than that.
func number(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// upTo is n units within [0, maxHint], whatever the server sent.
func upTo(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxHint/unit))) * unit
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

// PastDeadline reports whether a call ended because its next attempt would have come after the context's deadline. The
// context itself may not be done then.
func PastDeadline(err error) bool {
	return errors.Is(err, errNoTime) || errors.Is(err, errWaitTooLong)
}

// contextError is the error of a context that is done, with its cause when the caller gave one.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) { // the other way round on purpose: no cause of its own
		return err
	}
	return &causedError{err, cause}
}

type causedError struct{ err, cause error }

func (e *causedError) Error() string   { return e.err.Error() + ": " + e.cause.Error() }
func (e *causedError) Unwrap() []error { return []error{e.err, e.cause} }
