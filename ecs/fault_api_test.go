package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/pagination"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// permanent returns a fault case for an API error that must not be retried and must match only the given kind.
func permanent(status int, code string, kind error) func(*testing.T, variant) {
	return func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) { x.fail(status, code) })
		defer g.finish()
		err := g.fails(t.Context(), 1)
		if err.Code != code || err.StatusCode != status || err.RequestID != "0A1B2C3D-0000-4000-8000-00000000000E" || err.Message != "message of "+code || err.HostID != "ecs.test" || err.Attempts != 1 {
			t.Errorf("%+v", err)
		}
		for _, k := range []error{ecs.ErrThrottled, ecs.ErrForbidden, ecs.ErrCredentials, ecs.ErrInvalidParameter, ecs.ErrUnavailable, ecs.ErrNotFound} {
			if errors.Is(err, k) != (k == kind) {
				t.Errorf("errors.Is(err, %v) = %v", k, errors.Is(err, k))
			}
		}
		for _, part := range []string{strconv.Itoa(status), code, err.Message, err.RequestID} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s is not in %v", part, err)
			}
		}
	}
}

func failsOnce(status int, code string, header ...string) func(*exchange) {
	return then(1, func(x *exchange) { x.fail(status, code, header...) })
}

var apiFaults = []fault{
	{id: "A01", name: "invalid_parameter", what: "400 InvalidParameter", run: permanent(400, "InvalidParameter", ecs.ErrInvalidParameter)},
	{id: "A02", name: "not_found", what: "404 InvalidInstanceId.NotFound", run: permanent(404, "InvalidInstanceId.NotFound", ecs.ErrNotFound)},
	{id: "A03", name: "forbidden", what: "403 Forbidden.RAM", run: permanent(403, "Forbidden.RAM", ecs.ErrForbidden)},
	{id: "A04", name: "dry_run", what: "400 DryRunOperation", run: permanent(400, "DryRunOperation", nil)},
	{id: "A05", name: "500_internal_error", what: "500 InternalError, then success", run: recovers(2, failsOnce(500, "InternalError"))},
	{id: "A06", name: "400_internal_error", what: "400 InternalError, then success", run: recovers(2, failsOnce(400, "InternalError"))},
	{id: "A07", name: "503_unavailable", what: "503 ServiceUnavailable, then success", run: recovers(2, failsOnce(503, "ServiceUnavailable"))},
	{id: "A08", name: "numeric_code", what: "error JSON with numeric Code and RequestId", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(400, `{"Code":400,"RequestId":12345678901234567890,"Message":"odd"}`))
		defer g.finish()
		if err := g.fails(t.Context(), 1); err.StatusCode != 400 || err.Code != "400" || err.RequestID != "12345678901234567890" {
			t.Errorf("%+v", err)
		}
	}},
	{id: "A10", name: "xml", what: "XML error body", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(404, `<?xml version='1.0' encoding='UTF-8'?><Error><RequestId>R-1</RequestId><HostId>h</HostId><Code>InvalidAccessKeyId.NotFound</Code><Message>no &quot;key&quot;</Message></Error>`, "Content-Type", "text/xml"))
		defer g.finish()
		if err := g.fails(t.Context(), 1); err.Code != "InvalidAccessKeyId.NotFound" || err.StatusCode != 404 || err.RequestID != "R-1" || err.Message != `no "key"` || !errors.Is(err, ecs.ErrCredentials) {
			t.Errorf("%+v", err)
		}
	}},
	{id: "A11", name: "log_injection", what: "error message with ANSI escapes, CR/LF, NUL and bidirectional controls", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(400, `{"Code":"Bad\u001b[31m\r\nCode","RequestId":"R\u0000\u0007","Message":"a\r\nb\u001b]0;x\u0007\u0000\u202e\u2028c","HostId":"h\n","Recommend":"\u009b31m"}`))
		defer g.finish()
		err := g.fails(t.Context(), 1)
		for _, text := range []string{err.Error(), err.Code, err.Message, err.RequestID, err.HostID, err.Recommend} {
			if strings.ContainsAny(text, "\r\n\x00\x07\x1b\u009b\u202e\u2028") {
				t.Errorf("%q", text)
			}
		}
	}},
}

// throttledOnce returns a fault case in which the first attempt is throttled. The retry must follow after a delay
// between least and most.
func throttledOnce(least, most time.Duration, status int, code string, header ...string) func(*testing.T, variant) {
	return func(t *testing.T, v variant) {
		g := newRig(t, v, failsOnce(status, code, header...))
		defer g.finish()
		g.succeeds(2)
		if gap := g.gaps()[0]; gap < least || gap > most {
			t.Errorf("the delay before the retry is %v", gap)
		}
	}
}

// many makes calls from several goroutines and returns the number of failed calls.
func (g *rig) many(ctx context.Context, workers, calls int) (failed int) {
	var wg sync.WaitGroup
	var failures, begun atomic.Int64
	for range workers {
		wg.Go(func() {
			for begun.Add(1) <= int64(calls) {
				if _, err := g.get(ctx); err != nil {
					failures.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(failures.Load())
}

// metered returns a handler that takes 20 ms per request. If allow returns false, the request is throttled and counted
// in rejected.
func metered(rejected *atomic.Int64, allow func(time.Time) (ok bool, hint time.Duration)) func(*exchange) {
	var mu sync.Mutex
	return func(x *exchange) {
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		ok, hint := allow(time.Now())
		mu.Unlock()
		if ok {
			x.ok()
			return
		}
		rejected.Add(1)
		if hint > 0 {
			x.fail(400, "Throttling.User", "x-acs-retry-after", strconv.FormatInt(hint.Milliseconds(), 10))
			return
		}
		x.fail(400, "Throttling.User")
	}
}

// tokenBucket returns an allow function that permits rate requests per second, with bursts of up to burst requests.
func tokenBucket(rate, burst float64) func(time.Time) (bool, time.Duration) {
	tokens, last := burst, time.Now()
	return func(now time.Time) (bool, time.Duration) {
		tokens, last = min(burst, tokens+now.Sub(last).Seconds()*rate), now
		if tokens < 1 {
			return false, 0
		}
		tokens--
		return true, 0
	}
}

// fixedWindow returns an allow function that permits n requests per period. If hints is true, a throttled response
// reports the time until the next period.
func fixedWindow(n int, period time.Duration, hints bool) func(time.Time) (bool, time.Duration) {
	start, used := time.Now(), 0
	return func(now time.Time) (bool, time.Duration) {
		for now.Sub(start) >= period {
			start, used = start.Add(period), 0
		}
		if used++; used <= n {
			return true, 0
		}
		if hints {
			return false, start.Add(period).Sub(now)
		}
		return false, 0
	}
}

var throttleFaults = []fault{
	{id: "Q01", name: "throttling", what: "400 Throttling, then success", run: throttledOnce(50*time.Millisecond, time.Second, 400, "Throttling")},
	{id: "Q02", name: "throttling_user", what: "400 Throttling.User, then success", run: throttledOnce(50*time.Millisecond, time.Second, 400, "Throttling.User")},
	{id: "Q04", name: "429_throttling", what: "429 Throttling, then success", run: throttledOnce(50*time.Millisecond, time.Second, 429, "Throttling")},
	{id: "Q05", name: "retry_after_milliseconds", what: "400 Throttling.User with x-acs-retry-after: 1500, then success", run: throttledOnce(1500*time.Millisecond, 4*time.Second, 400, "Throttling.User", "x-acs-retry-after", "1500")},
	{id: "Q06", name: "rate_limit_header", what: "400 Throttling.User with X-RateLimit-User-API TimeLeft:1500, then success", run: throttledOnce(1500*time.Millisecond, 4*time.Second, 400, "Throttling.User", "X-RateLimit-User-API", "Limit:20,Remain:0,TimeLeft:1500,Reset:1780000000")},
	{id: "Q07", name: "retry_after_beyond_deadline", what: "throttled for 3600 s, but the deadline is in 1 s", run: func(t *testing.T, v variant) {
		for _, header := range [][]string{{"Retry-After", "3600"}, {"x-acs-retry-after", "3600000"}, {"X-RateLimit-User", "TimeLeft:3600000"}} {
			g := newRig(t, v, func(x *exchange) { x.fail(400, "Throttling.User", header...) })
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := g.fails(ctx, 1)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ecs.ErrThrottled) || err.Code != "Throttling.User" || g.elapsed() != 0 {
				t.Errorf("%v: after %v: %v", header, g.elapsed(), err)
			}
			g.finish()
		}
	}},
	{id: "Q08", name: "retry_quota", what: "503 for every request, 200 calls from 20 goroutines", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(503, ""))
		defer g.finish()
		if failed := g.many(t.Context(), 20, 200); failed != 200 || g.requestCount() > 320 {
			t.Errorf("%d failed, %d attempts", failed, g.requestCount())
		}
	}},
	{id: "Q09", name: "backoff", what: "503 for every request: delays between attempts", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(503, ""))
		defer g.finish()
		_ = g.fails(t.Context(), 5)
		gaps := g.gaps()
		if slices.Min(gaps) < 20*time.Millisecond || gaps[0] == gaps[1] || gaps[1] <= gaps[0]/2 {
			t.Errorf("the delays between attempts are %v", gaps)
		}
	}},
	{id: "Q10", name: "token_bucket", what: "token bucket of 40 requests/s with bursts of 10, 240 calls from 16 goroutines", run: func(t *testing.T, v variant) {
		var rejected atomic.Int64
		g := newRig(t, v, metered(&rejected, tokenBucket(40, 10)))
		defer g.finish()
		failed := g.many(t.Context(), 16, 240)
		share := 100 * float64(rejected.Load()) / float64(g.requestCount())
		t.Logf("%d failed, %.1f %% rejected, %v", failed, share, g.elapsed())
		if failed > 0 || share > 35 || g.elapsed() > time.Minute {
			t.Errorf("%d failed, %.1f %% rejected, %v", failed, share, g.elapsed())
		}
	}},
	{id: "Q11", name: "fixed_window", what: "20 requests per window of 3 s, no rate limit headers, 60 calls from 6 goroutines", run: func(t *testing.T, v variant) {
		var rejected atomic.Int64
		g := newRig(t, v, metered(&rejected, fixedWindow(20, 3*time.Second, false)))
		defer g.finish()
		failed := g.many(t.Context(), 6, 60)
		share := 100 * float64(rejected.Load()) / float64(g.requestCount())
		t.Logf("%d failed, %.1f %% rejected, %v", failed, share, g.elapsed())
		if failed > 0 || share > 60 || g.elapsed() > 20*time.Second {
			t.Errorf("%d failed, %.1f %% rejected, %v", failed, share, g.elapsed())
		}
	}},
}

// timestamp returns the signed timestamp of the request.
func (x *exchange) timestamp() time.Time {
	t, _ := time.Parse(time.RFC3339, x.query().Get("Timestamp")+x.Header.Get("X-Acs-Date"))
	return t
}

func (x *exchange) nonce() string {
	return x.query().Get("SignatureNonce") + x.Header.Get("X-Acs-Signature-Nonce")
}

// strict returns a handler that rejects a timestamp more than 15 minutes off. skew is how far the server's clock is
// ahead, and date returns the headers of a rejection.
func strict(skew func() time.Duration, date func(now time.Time) []string) func(*exchange) {
	return func(x *exchange) {
		now := time.Now().Add(skew())
		if x.timestamp().Sub(now).Abs() > 15*time.Minute {
			x.fail(400, "InvalidTimeStamp.Expired", date(now)...)
			return
		}
		x.ok()
	}
}

func dated(now time.Time) []string { return []string{"Date", now.UTC().Format(http.TimeFormat)} }

// echo returns the error message for a wrong signature. The message quotes the string to sign, which contains the key
// id and the token.
func echo(x *exchange) string {
	return "Specified signature is not matched with our calculation. server string to sign is:" + signer.StringToSign("POST", x.query()) +
		" canonical request is:" + signer.CanonicalRequest(signer.Request{Method: "POST", Host: x.Host, Params: x.query()}, x.Header) +
		" authorization is " + x.Header.Get("Authorization") + " url is " + x.URL.String()
}

var clockFaults = []fault{
	{id: "C01", name: "signed_anew", what: "500 twice, then success: each attempt has its own nonce, time and signature", run: func(t *testing.T, v variant) {
		g := newRig(t, v, then(2, func(x *exchange) { x.fail(500, "InternalError") }), func(_ *rig, o *ecs.Options) { o.Retry.MinDelay = 3 * time.Second })
		defer g.finish()
		g.succeeds(3)
		nonces, signatures, times := map[string]bool{}, map[string]bool{}, map[time.Time]bool{}
		for _, x := range g.requests {
			nonces[x.nonce()], signatures[x.query().Get("Signature")+x.Header.Get("Authorization")], times[x.timestamp()] = true, true, true
		}
		if len(nonces) != 3 || len(signatures) != 3 || len(times) != 3 {
			t.Errorf("%d nonces, %d signatures, %d times", len(nonces), len(signatures), len(times))
		}
	}},
	{id: "C02", name: "clock_behind", what: "the client's clock is 30 minutes behind the server's", run: func(t *testing.T, v variant) {
		g := newRig(t, v, strict(func() time.Duration { return 30 * time.Minute }, dated))
		defer g.finish()
		g.succeeds(2)
		g.succeeds(1)
	}},
	{id: "C03", name: "nonce_used", what: "400 SignatureNonceUsed, then success", run: func(t *testing.T, v variant) {
		g := newRig(t, v, failsOnce(400, "SignatureNonceUsed"))
		defer g.finish()
		g.succeeds(2)
		if g.requests[0].nonce() == g.requests[1].nonce() {
			t.Error("the retry has the same nonce")
		}
	}},
	{id: "C04", name: "echoed_string_to_sign", what: "400 SignatureDoesNotMatch that echoes the string to sign with the token", run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) { x.answer(400, apiError("SignatureDoesNotMatch", echo(x))) })
		defer g.finish()
		if err := g.fails(t.Context(), 1); err.Code != "SignatureDoesNotMatch" || !errors.Is(err, ecs.ErrCredentials) || !strings.Contains(err.Error(), "secret") {
			t.Errorf("%v", err)
		}
	}},
	{id: "C05", name: "unknown_key", what: "404 InvalidAccessKeyId.NotFound", run: permanent(404, "InvalidAccessKeyId.NotFound", ecs.ErrCredentials)},
	{id: "C06", name: "expired_token", what: "403 InvalidSecurityToken.Expired; the provider has a new key, or none", run: func(t *testing.T, v variant) {
		n := 0
		g := newRig(t, v, func(x *exchange) {
			if strings.Contains(x.URL.RawQuery+x.Header.Get("Authorization"), "rotatingid1") {
				x.fail(403, "InvalidSecurityToken.Expired")
				return
			}
			x.ok()
		}, func(_ *rig, o *ecs.Options) {
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) { n++; return rotating(n), nil })
		})
		defer g.finish()
		g.succeeds(2)
		// If the provider has no other key, the request must not be retried.
		g = newRig(t, v, func(x *exchange) { x.fail(400, "InvalidSecurityToken.Expired") })
		defer g.finish()
		if err := g.fails(t.Context(), 1); !errors.Is(err, ecs.ErrCredentials) {
			t.Errorf("%v", err)
		}
	}},
	{id: "C07", name: "special_characters", what: "special characters in parameters", run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).ok)
		defer g.finish()
		odd := "a b*~+/=&?%#äß中😀'\"\\\t\r\n\x01-_.%20%7E"
		resp, err := g.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{
			InstanceName: odd, Tags: []ecs.Tag{{Key: odd, Value: odd}, {Key: "empty"}}, InstanceIDs: []string{"i-1", odd}, NextToken: odd, IPv6Addresses: []string{"2001:db8::1"},
		})
		if err != nil || len(resp.Instances) != 1 {
			t.Fatal(err)
		}
		if q := g.requests[0].query(); q.Get("InstanceName") != odd || q.Get("Tag.1.Value") != odd || q.Get("NextToken") != odd {
			t.Errorf("%q", q)
		}
	}},
}

// list lists all instances. It returns their ids and the last error.
func (g *rig) list(req ...ecs.DescribeInstancesRequest) (ids []string, err error) {
	var r ecs.DescribeInstancesRequest
	if len(req) > 0 {
		r = req[0]
	}
	for inst, e := range g.client.Instances(g.Context(), r) {
		if e != nil {
			if err != nil || inst.InstanceID != "" {
				g.Errorf("got a second error, or an error with an instance: %v after %v", e, err)
			}
			err = e
			g.note(e)
			continue
		}
		ids = append(ids, inst.InstanceID)
	}
	return ids, err
}

// pages returns a handler that serves n pages of two instances each. If before is not nil, the handler calls it for
// each request. If before returns true, it has sent the response itself.
func pages(n int, before func(x *exchange, page int) bool) func(*exchange) {
	return func(x *exchange) {
		p := 1
		if token := x.query().Get("NextToken"); token != "" {
			p, _ = strconv.Atoi(strings.TrimPrefix(token, "p"))
		}
		if before != nil && before(x, p) {
			return
		}
		next := fmt.Sprint("p", p+1)
		if p == n {
			next = ""
		}
		x.answer(200, fmt.Sprintf(`{"RequestId":"R","Instances":{"Instance":[{"InstanceId":"i-%d-a"},{"InstanceId":"i-%d-b"}]},"NextToken":%q}`, p, p, next))
	}
}

func idsOf(first, last int) (ids []string) {
	for p := first; p <= last; p++ {
		ids = append(ids, fmt.Sprintf("i-%d-a", p), fmt.Sprintf("i-%d-b", p))
	}
	return ids
}

var pageFaults = []fault{
	{id: "P01", name: "repeated_token", what: "every page has the same NextToken", run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) {
			if x.n > 10 { // otherwise, a client that ignores the repeated token would never stop
				x.fail(400, "InvalidParameter")
				return
			}
			x.answer(200, page(2, "same"))
		})
		defer g.finish()
		ids, err := g.list()
		if !errors.Is(err, pagination.ErrTokenLoop) || g.requestCount() > 3 || len(ids) != 2 {
			t.Errorf("%d pages, %v, %v", g.requestCount(), ids, err)
		}
	}},
	{id: "P02", name: "page_fails_once", what: "page 3 of 5 fails once with 500", run: func(t *testing.T, v variant) {
		g := newRig(t, v, pages(5, func(x *exchange, p int) bool {
			if p == 3 && x.n == 3 {
				x.fail(500, "InternalError")
				return true
			}
			return false
		}))
		defer g.finish()
		if ids, err := g.list(); err != nil || !slices.Equal(ids, idsOf(1, 5)) || g.requestCount() != 6 {
			t.Errorf("%d requests, %v, %v", g.requestCount(), ids, err)
		}
	}},
}

var credentialFaults = []fault{
	{id: "K01", name: "provider_error", what: "the provider returns an error", run: func(t *testing.T, v variant) {
		mine, calls := errors.New("mine"), 0
		g := newRig(t, v, (*exchange).ok, func(_ *rig, o *ecs.Options) {
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) {
				calls++
				return signer.Credentials{}, fmt.Errorf("of %s: %w", "the provider", mine)
			})
		})
		defer g.finish()
		if err := g.fails(t.Context(), 0); !errors.Is(err, mine) || !errors.Is(err, ecs.ErrCredentials) || calls != 1 || g.elapsed() != 0 {
			t.Errorf("%d calls: %v", calls, err)
		}
	}},
	{id: "K02", name: "provider_hangs", what: "the provider hangs, with a deadline of 500 ms and without a deadline", run: func(t *testing.T, v variant) {
		release := make(chan struct{})
		defer close(release)
		g := newRig(t, v, (*exchange).ok, func(_ *rig, o *ecs.Options) {
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) { <-release; return rotating(1), nil })
		})
		defer g.finish()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := g.fails(ctx, 0); !errors.Is(err, context.DeadlineExceeded) || g.elapsed() != 500*time.Millisecond || !strings.Contains(err.Error(), "waiting for credentials") {
			t.Errorf("after %v: %v", g.elapsed(), err)
		}
		// Without a deadline, the call must fail within a minute.
		if err := g.fails(t.Context(), 0); !errors.Is(err, ecs.ErrCredentials) || g.elapsed() > time.Minute {
			t.Errorf("after %v: %v", g.elapsed(), err)
		}
	}},
	{id: "K04", name: "provider_panics", what: "the provider panics", run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).ok, func(_ *rig, o *ecs.Options) {
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) { panic("oh AccessKeySecret=" + plantedSecret) })
		})
		defer g.finish()
		if err := g.fails(t.Context(), 0); !errors.Is(err, ecs.ErrCredentials) || !strings.Contains(err.Error(), "panicked") {
			t.Errorf("%v", err)
		}
	}},
	{id: "K05", name: "rotation", what: "credentials are rotated during concurrent calls from 20 goroutines", run: func(t *testing.T, v variant) {
		var n atomic.Int64
		g := newRig(t, v, func(x *exchange) { time.Sleep(10 * time.Millisecond); x.ok() }, func(_ *rig, o *ecs.Options) {
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) { return rotating(int(n.Add(1)) / 3), nil })
		})
		defer g.finish()
		// The server checks that the id, the token and the signature belong to the same key.
		if failed := g.many(t.Context(), 20, 200); failed != 0 {
			t.Errorf("%d failed", failed)
		}
	}},
}
