package transport

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
)

// maxRetryAfter caps the wait that a server may request.
const maxRetryAfter = time.Minute

// headers holds the headers of a response, the time of its arrival, and what masks the secrets of the request in them. The
// zero value means that there was no response.
type headers struct {
	header   http.Header
	at       time.Time
	redactor func() *redact.Redactor
}

// Observation holds data from the headers of the most recent response of an operation.
type Observation struct {
	// ServerTime and LocalTime are the server's and the local time of the response, with a precision of a second.
	// ServerTime is zero if the response had no Date header, or came from a cache.
	ServerTime, LocalTime time.Time
	// RateLimitUserAPI is the quota of the account for this operation: "Limit:n,Remain:n,TimeLeft:ms,Reset:…". It is
	// "" if the response did not contain it.
	RateLimitUserAPI string
}

// Observe returns data from the headers of the most recent response of an operation in a region, or the zero
// Observation if there was none.
func (t *Transport) Observe(region, action string) (o Observation) {
	h := t.scope(region, action).lastHeaders.Load()
	if h == nil {
		return o
	}
	o.LocalTime = h.at
	if date, err := http.ParseTime(h.header.Get("Date")); err == nil && h.header.Get("Age") == "" {
		o.ServerTime = date
	}
	o.RateLimitUserAPI = h.redactor().Line(h.header.Get("X-RateLimit-User-API"), 256)
	return o
}

// ClockOffset returns the duration that is added to the local time when requests are signed. It is 0 until the API
// refuses a request for its time.
func (t *Transport) ClockOffset() time.Duration {
	_, offset := t.clock.now()
	return offset
}

// retryAfter returns how long the server asks to wait: the largest value in its headers, capped. x-acs-retry-after
// (milliseconds) and Retry-After apply to every failure. The rate limits, Limit:n,Remain:n,TimeLeft:ms, may be in
// any response, so they apply only to a throttled one; windows that are used up take precedence over the others.
func retryAfter(h http.Header, throttled bool) time.Duration {
	ms, _ := parseNumber(h.Get("X-Acs-Retry-After"))
	wait, notUsedUp := capped(ms, time.Millisecond), time.Duration(0)
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
		from, err := http.ParseTime(h.Get("Date")) // relative to the server's clock, which may differ from the local one
		if err != nil {
			from = time.Now()
		}
		wait = max(wait, min(t.Sub(from), maxRetryAfter))
	}
	return cmp.Or(wait, notUsedUp)
}

// parseRateLimit returns the members Remain and TimeLeft of a rate limit.
func parseRateLimit(header string) (remain int64, left time.Duration) {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, ":")
		n, _ := parseNumber(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "timeleft":
			left = capped(n, time.Millisecond)
		case "remain":
			remain = n
		}
	}
	return remain, left
}

// parseNumber returns the number in s, or the closest int64 if it is out of range. Without a number, it returns 0.
func parseNumber(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// capped returns n units, limited to the range from 0 to maxRetryAfter.
func capped(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxRetryAfter/unit))) * unit
}
