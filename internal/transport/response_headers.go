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

// maxRetryAfter is the maximum wait that a server can request. Longer waits are reduced to this value.
const maxRetryAfter = time.Minute

// responseHeaders contains the headers of a response and the time at which the response arrived. It also contains a
// Redactor for the secrets of the request. The zero value means that there was no response.
type responseHeaders struct {
	header   http.Header
	at       time.Time
	redactor func() *redact.Redactor
}

// Observation contains data from the headers of an operation's most recent response.
type Observation struct {
	// ServerTime is the value of the Date header, with a precision of one second. LocalTime is the local time at
	// which the response arrived. ServerTime is zero if the response had no Date header or came from a cache.
	ServerTime, LocalTime time.Time
	// RateLimitUserAPI is the account's quota for this operation, in the form "Limit:n,Remain:n,TimeLeft:ms,Reset:…",
	// or "" if the response did not report the quota.
	RateLimitUserAPI string
}

// Observe returns data from the headers of an operation's most recent response in a region, or the zero Observation if
// there was no response.
func (t *Transport) Observe(region, action string) (o Observation) {
	h := t.scope(region, action).lastHeaders.Load()
	if h == nil {
		return o
	}
	o.LocalTime = h.at
	if h.header.Get("Age") == "" {
		o.ServerTime, _ = http.ParseTime(h.header.Get("Date"))
	}
	o.RateLimitUserAPI = h.redactor().Line(h.header.Get("X-RateLimit-User-API"), 256)
	return o
}

// ClockOffset returns the duration that is added to the local time when a request is signed. It is 0 until the API
// rejects a request because of its timestamp.
func (t *Transport) ClockOffset() time.Duration {
	_, offset := t.clock.now()
	return offset
}

// retryAfter returns how long the server asks to wait. It returns the largest value in the headers X-Acs-Retry-After,
// Retry-After and the rate limit headers, capped at maxRetryAfter.
//
// The rate limit headers have the form Limit:n,Remain:n,TimeLeft:ms. Any response may contain them, so they are used
// only if throttled is true. A rate limit with remaining requests is used only if no other header requests a wait.
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
		from, err := http.ParseTime(h.Get("Date")) // use the server's clock, because the local clock may be wrong
		if err != nil {
			from = time.Now()
		}
		wait = max(wait, min(t.Sub(from), maxRetryAfter))
	}
	return cmp.Or(wait, notUsedUp)
}

// parseRateLimit returns the Remain and TimeLeft values of a rate limit header.
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

// parseNumber returns the integer in s. An integer that is out of range becomes the closest int64. If s is not an
// integer, parseNumber returns 0 and false.
func parseNumber(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// capped returns n units, clamped to the range from 0 to maxRetryAfter.
func capped(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(max(n, 0), int64(maxRetryAfter/unit))) * unit
}
