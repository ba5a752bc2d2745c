package ecs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// then returns a handler that passes the given number of requests to f and lets all later requests succeed.
func then(first int, f func(*exchange)) func(*exchange) {
	return func(x *exchange) {
		if x.n <= first {
			f(x)
			return
		}
		x.ok()
	}
}

func always(status int, body string, header ...string) func(*exchange) {
	return func(x *exchange) { x.answer(status, body, header...) }
}

func recovers(attempts int, serve func(*exchange), edit ...func(*rig, *ecs.Options)) func(*testing.T, variant) {
	return func(t *testing.T, v variant) {
		g := newRig(t, v, serve, edit...)
		defer g.finish()
		g.succeeds(attempts)
	}
}

// hosted sets the endpoint to a host name with TLS.
func hosted(_ *rig, o *ecs.Options) { o.Endpoint = secure }

var transportFaults = []fault{
	{id: "T01", name: "reset_after_request", what: "TCP RST after the request, then success", run: recovers(2, then(1, func(x *exchange) { x.reset() }))},
	{id: "T02", name: "fin_before_answer", what: "FIN before the first byte of the response, then success", run: recovers(2, then(1, func(x *exchange) { x.fin() }))},
	{id: "T04", name: "short_body", what: "body shorter than Content-Length, then success", run: recovers(2, then(1, func(x *exchange) {
		x.raw("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + page(3)[:60])
		x.fin()
	}))},
	{id: "T06", name: "stale_keep_alive", what: "the server resets a reused connection", run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) {
			if x.n == 2 {
				if x.nth != 2 {
					t.Error("the connection was not reused")
				}
				x.reset()
				return
			}
			x.ok()
		})
		defer g.finish()
		g.succeeds(1)
		g.succeeds(2)
	}},
	{id: "T07", name: "black_hole_once", what: "no response to the first attempt, then success", run: func(t *testing.T, v variant) {
		g := newRig(t, v, then(1, (*exchange).hang), func(_ *rig, o *ecs.Options) { o.Retry.AttemptTimeout = 5 * time.Second })
		defer g.finish()
		g.succeeds(2)
		g.within("6s")
	}},
	{id: "T08", name: "black_hole", what: "no response to any attempt, default options, no deadline", run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).hang)
		defer g.finish()
		err := g.fails(t.Context(), 2)
		if !isTimeout(err) || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ecs.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		g.within("60s")
	}},
	{id: "T09", name: "slow_drip", what: "endless body, one byte every 200 ms", run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) {
			x.raw("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
			for x.pause(200 * time.Millisecond) {
				x.raw(" ")
			}
		})
		defer g.finish()
		if err := g.fails(t.Context(), 2); !isTimeout(err) {
			t.Errorf("%v", err)
		}
		g.within("45s")
	}},
	{id: "T10", name: "tls_handshake_hangs", what: "no response to the TLS handshake", run: func(t *testing.T, v variant) {
		g := newRig(t, v, nil, hosted)
		defer g.finish()
		g.listen("ecs.test:443", (*conn).hang)
		if err := g.fails(t.Context(), 0); !isTimeout(err) || err.Attempts != 2 {
			t.Errorf("%v", err)
		}
		// A caller's own http.Client has no handshake timeout, so the attempt timeout applies.
		g.within(map[bool]string{true: "30s", false: "31s"}[v.own])
	}},
	{id: "T11", name: "refused", what: "connection refused for every attempt", run: func(t *testing.T, v variant) {
		g := newRig(t, v, nil)
		defer g.finish()
		err := g.fails(t.Context(), 0)
		if !errors.Is(err, syscall.ECONNREFUSED) || isTimeout(err) || errors.Is(err, context.DeadlineExceeded) || err.Attempts != 5 || g.dialed() != 5 {
			t.Errorf("%d dials: %v", g.dialed(), err)
		}
		if took := g.elapsed(); took < 100*time.Millisecond || took > 6*time.Second {
			t.Errorf("took %v", took)
		}
	}},
	{id: "T13", name: "unknown_host", what: "unknown host (DNS)", real: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, nil, func(_ *rig, o *ecs.Options) { o.Endpoint = "https://ecs.nowhere.test" })
		defer g.finish()
		d := transport.NewDialer()
		d.Resolver = nameServer(nil)
		g.http.Transport.(*http.Transport).DialContext = d.DialContext
		err := g.fails(t.Context(), 0)
		if dns, ok := errorAs[*net.DNSError](err); !ok || !dns.IsNotFound || isTimeout(err) || err.Attempts != 1 || !strings.Contains(err.Error(), "ecs.nowhere.test") {
			t.Errorf("%v", err)
		}
		g.within("10s")
	}},
	{id: "T14", name: "self_signed", what: "self-signed server certificate", run: func(t *testing.T, v variant) {
		g := newRig(t, v, nil, hosted)
		defer g.finish()
		g.overTLS("ecs.test", newAuthority(t).server(t, "ecs.test"), (*exchange).ok)
		err := g.fails(t.Context(), 0)
		if _, ok := errorAs[*tls.CertificateVerificationError](err); !ok || g.dialed() != 1 || err.Attempts != 1 {
			t.Errorf("%d dials: %v", g.dialed(), err)
		}
	}},
	{id: "T15", name: "garbage", what: "garbage instead of HTTP, and instead of TLS", run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) { x.raw("\x00\xff\x1b[2Jgarbage\r\n\r\n\r\n"); x.fin() })
		defer g.finish()
		_ = g.fails(t.Context(), 5)
		g = newRig(t, v, nil, hosted)
		defer g.finish()
		g.listen("ecs.test:443", func(c *conn) { _, _ = io.WriteString(c, strings.Repeat("garbage", 100)); c.hang() })
		if err := g.fails(t.Context(), 0); err.Attempts > 5 {
			t.Errorf("%v", err)
		}
	}},
	{id: "T17", name: "huge_headers", what: "16 MiB of response headers", run: func(t *testing.T, v variant) {
		var sent atomic.Int64
		g := newRig(t, v, func(x *exchange) {
			x.raw("HTTP/1.1 200 OK\r\n")
			line := "X-Header: " + strings.Repeat("x", 8<<10) + "\r\n"
			for range 2 << 10 {
				n, err := io.WriteString(x.w, line)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
			x.raw("Content-Length: 2\r\n\r\n{}")
		})
		defer g.finish()
		err := g.fails(t.Context(), 1)
		limit := int64(1 << 20)
		if !v.own { // by default, net/http limits the response headers to 10 MiB
			limit = 10 << 20
		}
		if most := limit + 2*window; sent.Load() > most || !strings.Contains(err.Error(), "headers") {
			t.Errorf("%d bytes sent, want at most %d: %v", sent.Load(), most, err)
		}
	}},
}

const gatewayHTML = "<html><head><title>502 Bad Gateway</title></head>\r\n<body><hr>tengine</body></html>"

var httpFaults = []fault{
	{id: "H01", name: "502_html_once", what: "502 with HTML of a load balancer, then success", run: recovers(2, then(1, always(502, gatewayHTML, "Content-Type", "text/html")))},
	{id: "H02", name: "503_retry_after", what: "503 with Retry-After: 2, then success", run: func(t *testing.T, v variant) {
		g := newRig(t, v, then(1, always(503, "", "Retry-After", "2")))
		defer g.finish()
		g.succeeds(2)
		if gap := g.gaps()[0]; gap < 2*time.Second || gap > 3*time.Second {
			t.Errorf("waited %v", gap)
		}
	}},
	{id: "H04", name: "429_empty", what: "429 without a body, then success", run: recovers(2, then(1, always(429, "")))},
	{id: "H05", name: "502_html", what: "502 with HTML for every attempt", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(502, gatewayHTML), func(_ *rig, o *ecs.Options) { o.Retry = ecs.RetryPolicy{MaxAttempts: 5, MinDelay: time.Second} })
		defer g.finish()
		err := g.fails(t.Context(), 5)
		if err.StatusCode != 502 || !strings.Contains(err.Message, "<title>502 Bad Gateway</title>") || !errors.Is(err, ecs.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		for i, gap := range g.gaps() {
			if gap < 500*time.Millisecond || gap > time.Second<<i {
				t.Errorf("gaps %v", g.gaps())
			}
		}
	}},
	{id: "H06", name: "captive_portal", what: "200 with the HTML of a captive portal", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, "<html>Please log in</html>", "Content-Type", "text/html"))
		defer g.finish()
		if err := g.fails(t.Context(), 5); err.StatusCode != 200 || !strings.Contains(err.Error(), "Please log in") {
			t.Errorf("%v", err)
		}
	}},
	{id: "H07", name: "200_empty", what: "200 with an empty body", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, ""))
		defer g.finish()
		if err := g.fails(t.Context(), 5); err.StatusCode != 200 {
			t.Errorf("%v", err)
		}
	}},
	{id: "H08", name: "204", what: "204 No Content", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(204, ""))
		defer g.finish()
		if err := g.fails(t.Context(), 5); err.StatusCode != 204 {
			t.Errorf("%v", err)
		}
	}},
	{id: "H10", name: "404_html", what: "404 with HTML (wrong endpoint)", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(404, "<html>Not Found</html>"))
		defer g.finish()
		if err := g.fails(t.Context(), 1); err.StatusCode != 404 || !strings.Contains(err.Error(), "check the endpoint") {
			t.Errorf("%v", err)
		}
	}},
}

// bomb returns a compressed page that contains 256 MiB of spaces.
var bomb = sync.OnceValue(func() []byte {
	member := func(text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.Bytes()
	}
	blanks := member(strings.Repeat(" ", 1<<20))
	return slices.Concat(member(`{"Instances":`), bytes.Repeat(blanks, 256), member(`{}}`))
})

var bodyFaults = []fault{
	{id: "D01", name: "type_drift", what: "numbers and booleans as strings, null objects", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, `{"RequestId":7,"PageSize":"10","NextToken":null,"Instances":{"Instance":[{"InstanceId":"i-000000","Cpu":"4","Memory":"8192","IoOptimized":"true",
			"DeviceAvailable":"false","VpcAttributes":null,"EipAddress":{},"Tags":null,"OperationLocks":{"LockReason":null},"CreationTime":"","InternetMaxBandwidthOut":"1.0"}]}}`))
		defer g.finish()
		i := g.succeeds(1).Instances[0]
		if i.CPU != 4 || i.Memory != 8192 || !i.IOOptimized || i.DeviceAvailable || i.InternetMaxBandwidthOut != 1 || i.Tags != nil {
			t.Errorf("%+v", i)
		}
	}},
	{id: "D02", name: "impossible_type", what: "an instance has a field of the wrong type", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, `{"RequestId":"R","Instances":{"Instance":[{"InstanceId":"i-a"},{"InstanceId":"i-b","Cpu":{"n":4}},{"InstanceId":"i-c"}]},"NextToken":""}`))
		defer g.finish()
		ids, err := g.list()
		incomplete, ok := errorAs[*ecs.IncompleteError](err)
		if strings.Join(ids, " ") != "i-a i-b i-c" || !ok || len(incomplete.Undecoded) != 1 || incomplete.Undecoded[0].InstanceID != "i-b" || incomplete.Undecoded[0].Path != "Cpu" {
			t.Errorf("%v %v", ids, err)
		}
	}},
	{id: "D04", name: "200_error", what: "200 with an error document, also with an empty list", run: func(t *testing.T, v variant) {
		for _, body := range []string{apiError("InternalError", "sorry"), `{"RequestId":"R","Code":"InternalError","Message":"sorry","Instances":{"Instance":[]}}`} {
			g := newRig(t, v, always(200, body))
			if err := g.fails(t.Context(), 5); err.Code != "InternalError" || err.StatusCode != 200 || !errors.Is(err, ecs.ErrUnavailable) {
				t.Errorf("%v", err)
			}
			g.finish()
		}
	}},
	{id: "D05", name: "truncated_json", what: "truncated JSON with a matching Content-Length, then success", run: recovers(2, then(1, always(200, page(3)[:150])))},
	{id: "D06", name: "gzip_bomb", what: "gzip bomb of 300 KB that expands to 256 MiB", alone: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, string(bomb()), "Content-Encoding", "gzip"))
		defer g.finish()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := g.fails(t.Context(), 1)
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) >> 20; n > 128 || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%d MiB allocated: %v", n, err)
		}
	}},
	{id: "D07", name: "endless_body", what: "200 with an endless body at full speed", run: func(t *testing.T, v variant) {
		var sent atomic.Int64
		g := newRig(t, v, func(x *exchange) {
			x.raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			chunk := "10000\r\n" + strings.Repeat(" ", 64<<10) + "\r\n"
			for sent.Load() < 1<<30 {
				n, err := io.WriteString(x.w, chunk)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		})
		defer g.finish()
		if err := g.fails(t.Context(), 1); sent.Load() > 64<<20 || !strings.Contains(err.Error(), "too large") {
			t.Errorf("%d bytes sent: %v", sent.Load(), err)
		}
	}},
	{id: "D08", name: "deep_nesting", what: "JSON nested 50,000 levels deep in an unknown field", run: func(t *testing.T, v variant) {
		deep := strings.Repeat(`{"a":[`, 25_000) + strings.Repeat(`]}`, 25_000)
		g := newRig(t, v, always(200, `{"RequestId":"R","Novel":`+deep+`,"Instances":{"Instance":[{"InstanceId":"i-000000","Cpu":4,"Novel":`+deep+`}]}}`))
		defer g.finish()
		if resp, err := g.get(t.Context()); err == nil && len(resp.Instances)+len(resp.Undecoded) != 1 {
			t.Errorf("%+v", resp)
		}
	}},
	{id: "D11", name: "two_documents", what: "two JSON documents in one body", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, page(1)+page(2)))
		defer g.finish()
		_ = g.fails(t.Context(), 5)
	}},
}

var cancelFaults = []fault{
	{id: "L01", name: "cancelled_before", what: "the context is canceled before the call", run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).ok)
		defer g.finish()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.fails(ctx, 0); !errors.Is(err, context.Canceled) || g.dialed() != 0 {
			t.Errorf("%d dials: %v", g.dialed(), err)
		}
	}},
	{id: "L02", name: "cancelled_in_request", what: "the context is canceled while the server processes the request", run: func(t *testing.T, v variant) {
		for _, begin := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"} {
			g := newRig(t, v, func(x *exchange) { x.raw(begin); x.hang() })
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if err := g.fails(ctx, 1); !errors.Is(err, context.Canceled) || g.elapsed() != time.Second {
				t.Errorf("after %v: %v", g.elapsed(), err)
			}
			g.finish()
		}
	}},
	{id: "L03", name: "cancelled_in_backoff", what: "the context is canceled during the delay before a retry", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(503, apiError("ServiceUnavailable", "sorry"), "Retry-After", "5"))
		defer g.finish()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := g.fails(ctx, 1)
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ecs.ErrUnavailable) || err.Code != "ServiceUnavailable" || g.elapsed() != time.Second {
			t.Errorf("after %v: %v", g.elapsed(), err)
		}
	}},
	{id: "L04", name: "deadline", what: "a deadline of 500 ms, but the server takes 3 s", run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) { x.pause(3 * time.Second); x.ok() })
		defer g.finish()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := g.fails(ctx, 1); !errors.Is(err, context.DeadlineExceeded) || g.elapsed() != 500*time.Millisecond {
			t.Errorf("after %v: %v", g.elapsed(), err)
		}
	}},
	{id: "L06", name: "leak_after_errors", what: "50 concurrent calls, 500 with 64 KiB for every attempt: no connections are leaked", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(500, strings.Repeat("x", 64<<10)))
		defer g.finish()
		var wg sync.WaitGroup
		for i := range volume(50, 20) {
			wg.Go(func() {
				time.Sleep(time.Duration(i%25) * 200 * time.Millisecond)
				_, _ = g.get(t.Context())
			})
		}
		wg.Wait()
		time.Sleep(time.Second)
		if n := g.open(); n > 4 {
			t.Errorf("%d connections are open", n)
		}
	}},
	{id: "L09", name: "leak_after_giving_up", what: "40 hanging calls end at the deadline: no connections are leaked", run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).hang)
		defer g.finish()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				if _, err := g.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if g.elapsed() != 200*time.Millisecond {
			t.Errorf("took %v", g.elapsed())
		}
		time.Sleep(500 * time.Millisecond)
		if n := g.open(); n != 0 { // in addition, synctest fails if a goroutine leaks
			t.Errorf("%d connections are open", n)
		}
	}},
}
