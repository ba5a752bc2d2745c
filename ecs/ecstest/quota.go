package ecstest

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// Quota limits the rate of requests for each operation in each region, with a token bucket, a fixed window, or both.
// The zero value sets no limit. A request beyond the limit fails with status 400 and the code Throttling.User.
type Quota struct {
	Rate  float64 // token bucket: average rate in requests per second; 0 means unlimited
	Burst int     // token bucket: its size in requests; 0 means 1

	Limit  int           // fixed window: number of requests permitted in each Window; 0 means unlimited
	Window time.Duration // fixed window: its length; 0 means one minute, as in the API

	// Headers makes the server report the quota in response headers: X-RateLimit-User-API in every response, and
	// x-acs-retry-after, in milliseconds, in a response to a throttled request.
	Headers bool
}

// quotaScope identifies the requests that share a quota.
type quotaScope struct{ region, action string }

// maxMeters limits the memory used for requests with unknown operations or regions.
const maxMeters = 10_000

// meter counts the requests of a quotaScope.
type meter struct {
	tokens float64 // tokens in the bucket
	filled time.Time
	window time.Time // start of the current window
	used   int       // requests in the current window
}

// throttle counts the request, or returns an error if the request exceeds the quota.
func (s *Server) throttle(x *exchange) *apiError {
	q := x.Quota
	if q.Rate <= 0 && q.Limit <= 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	m := s.meters[quotaScope{x.region, x.action}]
	if m == nil {
		if len(s.meters) >= maxMeters {
			clear(s.meters)
		}
		m = &meter{tokens: q.burst(), filled: now}
		s.meters[quotaScope{x.region, x.action}] = m
	}
	wait, remaining := m.count(q, now)
	if q.Headers {
		ms := max(0, (wait + time.Millisecond - 1).Milliseconds())
		x.header["X-Ratelimit-User-Api"] = []string{fmt.Sprintf("Limit:%d,Remain:%d,TimeLeft:%d,Reset:%d",
			max(q.Limit, int(q.Rate)), remaining, ms, now.Add(wait).UnixMilli())}
		if wait > 0 {
			x.header.Set("X-Acs-Retry-After", strconv.FormatInt(ms, 10))
		}
	}
	if wait > 0 {
		return newError(400, "Throttling.User", "Request was denied due to user flow control.")
	}
	return nil
}

func (q Quota) burst() float64 { return float64(max(q.Burst, 1)) }

// count counts a request and returns the number of further requests that are permitted now. It does not count a request
// that exceeds the quota, and returns how long to wait until the next request is permitted.
func (m *meter) count(q Quota, now time.Time) (wait time.Duration, remaining int) {
	length := cmp.Or(q.Window, time.Minute)
	if q.Rate > 0 {
		m.tokens = min(m.tokens+q.Rate*now.Sub(m.filled).Seconds(), q.burst())
		m.filled = now
		if m.tokens < 1 {
			wait = max(1, time.Duration((1-m.tokens)/q.Rate*float64(time.Second)))
		}
	}
	if q.Limit > 0 {
		if start := now.Truncate(length); !start.Equal(m.window) {
			m.window, m.used = start, 0
		}
		if m.used >= q.Limit {
			wait = max(wait, m.window.Add(length).Sub(now))
		}
	}
	if wait > 0 {
		return wait, 0
	}
	if q.Rate > 0 {
		m.tokens--
	}
	m.used++
	switch {
	case q.Limit <= 0:
		return 0, int(m.tokens)
	case q.Rate <= 0:
		return 0, q.Limit - m.used
	}
	return 0, min(int(m.tokens), q.Limit-m.used)
}
