package ecstest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// pipe runs a test in virtual time with an in-memory connection.
func pipe(t *testing.T, test func(t *testing.T, srv *ecstest.Server, client *ecs.Client), instances ...ecs.Instance) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := ecstest.NewPipeServer(instances...)
		defer srv.Close()
		client, err := srv.Client("cn-hangzhou", &ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		test(t, srv, client)
	})
}

// TestQuota checks which requests are throttled by a token bucket and by a fixed window. Each operation must have its
// own quota in each region.
func TestQuota(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		quota   ecstest.Quota
		at      []time.Duration // when each request is sent
		allowed string          // one digit per request: 1 if accepted, 0 if throttled
		wait    string          // how long the last response asks the client to wait, in milliseconds
	}{
		{"none", ecstest.Quota{}, make([]time.Duration, 5), "11111", ""},
		{"bucket", ecstest.Quota{Rate: 2, Burst: 3, Headers: true}, []time.Duration{0, 0, 0, 0, 499 * time.Millisecond, 500 * time.Millisecond, time.Minute, time.Minute, time.Minute, time.Minute}, "1110011110", "500"},
		{"bucket of one", ecstest.Quota{Rate: 1, Headers: true}, []time.Duration{0, 250 * time.Millisecond}, "10", "750"},
		{"window", ecstest.Quota{Limit: 2, Headers: true}, []time.Duration{0, time.Second, 2 * time.Second, 59 * time.Second, time.Minute, time.Minute, time.Minute}, "1100110", "60000"},
		{"short window", ecstest.Quota{Limit: 1, Window: 3 * time.Second}, []time.Duration{0, time.Second, 3 * time.Second}, "101", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pipe(t, func(t *testing.T, srv *ecstest.Server, _ *ecs.Client) {
				srv.Configure(func(s *ecstest.Settings) { s.Quota = test.quota })
				ask := func(action string, params ...string) response {
					transport := &http.Transport{DialContext: srv.DialContext, DisableKeepAlives: true}
					resp, err := transport.RoundTrip(request(t, srv, action, pairs(params...))) //nolint:bodyclose // read closes the body
					if err != nil {
						t.Fatal(err)
					}
					return read(t, resp)
				}
				begin, got := time.Now(), ""
				var a response
				for _, at := range test.at {
					time.Sleep(time.Until(begin.Add(at)))
					a = ask("DescribeInstances")
					switch {
					case a.status == 200:
						got += "1"
					case a.status == 400 && a.Code == "Throttling.User":
						got += "0"
					default:
						t.Fatal(a.raw)
					}
				}
				if got != test.allowed {
					t.Errorf("got %s, want %s", got, test.allowed)
				}
				if wait := a.header.Get("x-acs-retry-after"); wait != test.wait {
					t.Errorf("retry after %q, want %q", wait, test.wait)
				}
				if a := ask("DescribeInstances", "RegionId", "cn-beijing"); a.status != 200 {
					t.Errorf("another region has its own quota: %s", a.raw)
				}
				if a := ask("DescribeRegions"); a.status != 200 {
					t.Errorf("another operation has its own quota: %s", a.raw)
				}
			})
		})
	}
}

// TestQuotaHeaders checks that Quota.Headers adds headers with the remaining quota and the time to wait to the
// responses.
func TestQuotaHeaders(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Limit: 2, Window: 24 * time.Hour, Headers: true} })
	for n, want := range []string{"Limit:2,Remain:1,TimeLeft:0,", "Limit:2,Remain:0,TimeLeft:0,"} {
		if a := list(t, srv); a.status != 200 || !strings.HasPrefix(a.header.Get("X-RateLimit-User-API"), want) || a.header.Get("x-acs-retry-after") != "" {
			t.Errorf("request %d: %d %v", n, a.status, a.header)
		}
	}
	a := list(t, srv)
	ms, err := strconv.Atoi(a.header.Get("x-acs-retry-after"))
	if a.status != 400 || a.Code != "Throttling.User" || err != nil || ms < 1 || ms > 86_400_000 {
		t.Errorf("%d %v", a.status, a.header)
	}
	if quota := a.header.Get("X-RateLimit-User-API"); !strings.HasPrefix(quota, "Limit:2,Remain:0,TimeLeft:"+strconv.Itoa(ms)+",Reset:") {
		t.Errorf("quota %q", quota)
	}
	srv.Configure(func(s *ecstest.Settings) { s.Quota.Headers = false })
	if a := list(t, srv); a.Code != "Throttling.User" || a.header.Get("x-acs-retry-after") != "" || a.header.Get("X-RateLimit-User-API") != "" {
		t.Errorf("%s %v", a.Code, a.header)
	}
}
