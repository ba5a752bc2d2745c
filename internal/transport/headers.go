package transport

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
)

// maxRetryAfter caps what a server may ask the client to wait.
const maxRetryAfter = time.Minute

// headers are the headers of a response, when they came, and what masks the secrets of the request in them. The zero value
// is no response.
type headers struct {
	header   http.Header
	at       time.Time
	redactor func() *redact.Redactor
}

// lastHeaders keeps the headers of the last response. It is safe for concurrent use.
type lastHeaders struct{ p atomic.Pointer[headers] }

func (l *lastHeaders) store(h headers) {
	if h.header != nil {
		l.p.Store(&h)
	}
}

// Observation is what the headers of the last response of an operation say.
type Observation struct {
	// ServerTime and LocalTime are the server's and the local time of the response, to the second. ServerTime is zero when the
	// response had no Date, or came from a cache.
	ServerTime, LocalTime time.Time
	// RateLimitUserAPI and RateLimitUser are the quotas of the account for this operation, and for all operations:
	// "Limit:n,Remain:n,TimeLeft:ms,Reset:…". They are "" when the response did not say.
	RateLimitUserAPI, RateLimitUser string
}

// Observe returns what the headers of the last response of an operation in a region say. ok is false if there was none.
func (t *Transport) Observe(region, action string) (o Observation, ok bool) {
	h := t.scope(region, action).headers.p.Load()
	if h == nil {
		return Observation{}, false
	}
	o.LocalTime = h.at
	if date, err := http.ParseTime(h.header.Get("Date")); err == nil && h.header.Get("Age") == "" {
		o.ServerTime = date
	}
	o.RateLimitUserAPI = h.redactor().Line(h.header.Get("X-RateLimit-User-API"), 256)
	o.RateLimitUser = h.redactor().Line(h.header.Get("X-RateLimit-User"), 256)
	return o, true
}

// ClockOffset returns what is added to the local time when requests are signed: 0 until the API refused a request for its
// time.
func (t *Transport) ClockOffset() time.Duration {
	_, offset := t.clock.now()
	return offset
}

// retryAfter returns how long the server asks to wait, capped: the longest of what its headers say. x-acs-retry-after
// (milliseconds) and Retry-After are for every failure. The rate limits, Limit:n,Remain:n,TimeLeft:ms, may come with any
// response, so they count for a throttled one alone, and a window that is used up counts before one that is not.
func retryAfter(h http.Header, throttled bool) time.Duration {
	var wait, notUsedUp time.Duration
	if ms, ok := parseNumber(h.Get("X-Acs-Retry-After")); ok {
		wait = capped(ms, time.Millisecond)
	}
	if throttled {
		for _, name := range []string{"X-Ratelimit-User-Api", "X-Ratelimit-User"} {
			remain, left := parseRateLimit(h.Get(name))
			if remain > 0 {
				notUsedUp = max(notUsedUp, left)
			} else {
				wait = max(wait, left)
			}
		}
	}
	after := strings.TrimSpace(h.Get("Retry-After"))
	if s, ok := parseNumber(after); ok {
		wait = max(wait, capped(s, time.Second))
	} else if t, err := http.ParseTime(after); err == nil {
		from, err := http.ParseTime(h.Get("Date")) // by the server's clock, which may differ from the local one
		if err != nil {
			from = time.Now()
		}
		wait = max(wait, min(t.Sub(from), maxRetryAfter))
	}
	if wait == 0 {
		return notUsedUp
	}
	return wait
}

// parseRateLimit reads the members Remain and TimeLeft of a rate limit.
func parseRateLimit(header string) (remain int64, left time.Duration) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, ":")
		n, ok := parseNumber(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "timeleft":
			left = capped(n, time.Millisecond)
		case "remain":
			if ok {
				remain = n
			}
		}
	}
	return remain, left
}

// parseNumber returns the number in s, or the nearest one that fits if it is larger than that.
func parseNumber(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// capped returns n units, within 0 and maxRetryAfter.
func capped(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxRetryAfter/unit))) * unit
}
