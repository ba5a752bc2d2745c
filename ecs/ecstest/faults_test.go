package ecstest_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestFaultMatching: which requests a fault hits, and how often.
func TestFaultMatching(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	code := func(action string, params ...string) string { return ask(t, srv, action, params...).Code }
	srv.Inject(
		ecstest.Fault{Action: "DescribeRegions", Code: "A"},
		ecstest.Fault{Region: "cn-beijing", Code: "B", Times: 2},
		ecstest.Fault{Match: func(r ecstest.Request) bool { return r.Params.Get("DryRun") == "true" }, Code: "C", Times: -1},
		ecstest.Fault{Code: "D", Skip: 1},
	)
	for i, test := range []struct {
		want, action string
		params       []string
	}{
		{"", "DescribeInstances", nil}, // skipped by D
		{"D", "DescribeInstances", nil},
		{"", "DescribeInstances", nil},
		{"A", "DescribeRegions", nil},
		{"", "DescribeRegions", nil},
		{"B", "DescribeInstances", []string{"RegionId", "cn-beijing"}},
		{"C", "DescribeInstances", []string{"DryRun", "true"}},
		{"B", "DescribeInstances", []string{"RegionId", "cn-beijing", "DryRun", "true"}},
		{"C", "DescribeInstances", []string{"RegionId", "cn-beijing", "DryRun", "true"}},
		{"C", "DescribeInstances", []string{"DryRun", "true"}},
	} {
		if got := code(test.action, test.params...); got != test.want {
			t.Errorf("request %d: %q, want %q", i, got, test.want)
		}
		if got := last(srv); got.Code != test.want || got.AuthError != "" {
			t.Errorf("request %d is recorded with %+v", i, got)
		}
	}
	srv.ClearFaults()
	if got := code("DescribeInstances", "DryRun", "true"); got != "DryRunOperation" {
		t.Errorf("after all: %q", got)
	}
}

// TestFaultAnswers: answers in place of the usual one.
func TestFaultAnswers(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	for _, test := range []struct {
		name   string
		fault  ecstest.Fault
		status int
		code   string
		check  func(answer) bool
	}{
		{"throttled", ecstest.Fault{Code: "Throttling.User"}, 400, "Throttling.User", nil},
		{"throttled with 429 and a hint", ecstest.Fault{Code: "Throttling", Status: 429, Header: http.Header{"x-acs-retry-after": {"1500"}}}, 429, "Throttling", func(a answer) bool { return a.header.Get("X-Acs-Retry-After") == "1500" }},
		{"internal", ecstest.Fault{Code: "InternalError", Message: "broken"}, 500, "InternalError", func(a answer) bool { return a.Message == "broken" }},
		{"internal as 400", ecstest.Fault{Code: "InternalError", Status: 400}, 400, "InternalError", nil},
		{"unavailable", ecstest.Fault{Code: "ServiceUnavailable"}, 503, "ServiceUnavailable", nil},
		{"forbidden", ecstest.Fault{Code: "Forbidden.RAM"}, 403, "Forbidden.RAM", nil},
		{"not found", ecstest.Fault{Code: "InvalidInstanceId.NotFound"}, 404, "InvalidInstanceId.NotFound", nil},
		{"bare status", ecstest.Fault{Status: 429}, 429, "", func(a answer) bool { return a.raw == "" }},
		{"no content", ecstest.Fault{Status: 204}, 204, "", func(a answer) bool { return a.raw == "" }},
		{"load balancer", ecstest.Fault{Status: 502, Body: []byte("<html>"), ContentType: "text/html"}, 502, "", func(a answer) bool { return a.raw == "<html>" && a.header.Get("Content-Type") == "text/html" }},
		{"captive portal", ecstest.Fault{Body: []byte("<html>")}, 200, "", func(a answer) bool { return a.raw == "<html>" }},
		{"empty body", ecstest.Fault{Body: []byte{}}, 200, "", func(a answer) bool { return a.raw == "" && a.header.Get("Content-Length") == "0" }},
		{"redirect", ecstest.Fault{Redirect: "http://127.0.0.1:1/"}, 302, "", func(a answer) bool { return a.header.Get("Location") == "http://127.0.0.1:1/" }},
		{"odd date", ecstest.Fault{Header: http.Header{"Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}}}, 200, "", func(a answer) bool { return strings.Contains(a.header.Get("Date"), "1970") && len(a.ids()) == 1 }},
		{"skew", ecstest.Fault{Skew: -time.Hour}, 400, "InvalidTimeStamp.Expired", func(a answer) bool {
			date, err := http.ParseTime(a.header.Get("Date"))
			return err == nil && time.Since(date).Round(time.Minute) == time.Hour
		}},
		{"denied", ecstest.Fault{Denied: true}, 200, "", func(a answer) bool { return len(a.ids()) == 0 && strings.Contains(a.raw, `"Instance":[]`) }},
		{"doubled", ecstest.Fault{Duplicate: 5}, 200, "", func(a answer) bool { return slices.Equal(a.ids(), []string{"i-0000", "i-0000"}) }},
		{"error with 200", ecstest.Fault{Code: "InternalError", Status: 200}, 200, "InternalError", nil},
	} {
		srv.Inject(test.fault)
		a := list(t, srv)
		if a.status != test.status || a.Code != test.code || test.check != nil && !test.check(a) {
			t.Errorf("%s: %d %v %s", test.name, a.status, a.header, a.raw)
		}
		if got := last(srv); got.Status != test.status || got.Code != test.code {
			t.Errorf("%s is recorded with %d %s", test.name, got.Status, got.Code)
		}
		if a := list(t, srv); a.status != 200 || len(a.ids()) != 1 {
			t.Errorf("after %s: %d %s", test.name, a.status, a.raw)
		}
	}
	srv.Inject(ecstest.Fault{Code: "InternalError"})
	if list(t, srv, "SignatureMethod", "none"); last(srv).AuthError != "InvalidSignatureMethod" || last(srv).Code != "InternalError" {
		t.Errorf("a fault must not hide what was wrong: %+v", last(srv))
	}
}

// TestFaultConnections: answers that do not come, or not whole.
func TestFaultConnections(t *testing.T) {
	t.Parallel()
	srv := start(t, small(30)...)
	whole := list(t, srv).raw
	request := func(params ...string) *http.Request { return request(t, srv, "DescribeInstances", pairs(params...)) }

	srv.Inject(ecstest.Fault{Reset: true}, ecstest.Fault{Close: true}, ecstest.Fault{Truncate: true}, ecstest.Fault{CutJSON: true})
	if _, err := do(t, request()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("reset: %v", err)
	}
	if _, err := do(t, request()); !errors.Is(err, io.EOF) {
		t.Errorf("close: %v", err)
	}
	if a, err := do(t, request()); !errors.Is(err, io.ErrUnexpectedEOF) || len(a.raw) != len(whole)/2 || a.header.Get("Content-Length") != strconv.Itoa(len(whole)) {
		t.Errorf("truncate: %v, %d bytes of %s", err, len(a.raw), a.header.Get("Content-Length"))
	}
	if a, err := do(t, request()); err != nil || json.Valid([]byte(a.raw)) || len(a.raw) != len(whole)/2 {
		t.Errorf("cut: %v %d", err, len(a.raw))
	}
	for _, f := range []ecstest.Fault{{BlackHole: true}, {Latency: time.Hour}, {Drip: time.Hour}} {
		srv.Inject(f)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := do(t, request().WithContext(ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: %v", f, err)
		}
		cancel()
	}
	srv.Inject(ecstest.Fault{Drip: time.Microsecond})
	if a := must(t, request("InstanceIds", "[]")); !strings.HasSuffix(a.raw, "]}}") || a.status != 200 {
		t.Errorf("drip: %s", a.raw)
	}
}

// TestFaultPaging: tokens that lead nowhere and pages without rows.
func TestFaultPaging(t *testing.T) {
	t.Parallel()
	srv := start(t, small(30)...)
	srv.Inject(ecstest.Fault{EmptyPage: true, Times: 2})
	got := pages(t, srv, nil, "MaxResults", "10")
	if len(got) != 5 || len(got[0])+len(got[1]) != 0 || len(slices.Concat(got...)) != 30 {
		t.Errorf("pages %v", got)
	}
	srv.Inject(ecstest.Fault{RepeatToken: true, Times: -1})
	first := list(t, srv, "MaxResults", "10").NextToken
	second := list(t, srv, "MaxResults", "10", "NextToken", first)
	if first == "" || second.NextToken != first || second.ids()[0] != "i-0010" {
		t.Errorf("tokens %q %q", first, second.NextToken)
	}
	srv.ClearFaults()
	seen := map[string]bool{}
	srv.Inject(ecstest.Fault{EmptyPage: true, Times: -1})
	token := ""
	for range 100 {
		a := list(t, srv, "MaxResults", "10", "NextToken", token)
		if token = a.NextToken; seen[token] || len(a.ids()) != 0 {
			t.Fatalf("token %q again, or rows %v", token, a.ids())
		}
		seen[token] = true
	}
}

// TestFormats: XML unless JSON is asked for, gzip for those that accept it.
func TestFormats(t *testing.T) {
	t.Parallel()
	odd := every()
	odd.Description = `<a> & "b"`
	srv := start(t, odd)
	var page struct {
		XMLName    xml.Name
		RequestID  string   `xml:"RequestId"`
		IDs        []string `xml:"Instances>Instance>InstanceId"`
		Text       string   `xml:"Instances>Instance>Description"`
		TagKeys    []string `xml:"Instances>Instance>Tags>Tag>TagKey"`
		TotalCount int
	}
	a := list(t, srv, "Format", "-")
	if err := xml.Unmarshal([]byte(a.raw), &page); err != nil {
		t.Fatal(err)
	}
	if page.XMLName.Local != "DescribeInstancesResponse" || !slices.Equal(page.IDs, []string{"i-every"}) || page.Text != odd.Description ||
		len(page.TagKeys) != 2 || page.TotalCount != 1 || page.RequestID != a.header.Get("x-acs-request-id") || a.header.Get("Content-Type") != "text/xml;charset=utf-8" {
		t.Errorf("got %s", a.raw)
	}
	var failure struct {
		XMLName                          xml.Name
		Code, Message, RequestId, HostId string //nolint:staticcheck // the API's names
	}
	a = list(t, srv, "Format", "XML", "AccessKeyId", "x")
	if err := xml.Unmarshal([]byte(a.raw), &failure); err != nil || failure.XMLName.Local != "Error" || failure.Code != "InvalidAccessKeyId.NotFound" || failure.HostId == "" || a.status != 404 {
		t.Errorf("%v %s", err, a.raw)
	}
	for accept, want := range map[string]bool{"gzip": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false, "identity": false, "": false, "gzip;q=0.0, br": false} {
		r := request(t, srv, "DescribeInstances", nil)
		r.Header.Set("Accept-Encoding", accept)
		a := must(t, r)
		if got := a.header.Get("Content-Encoding") == "gzip"; got != want || a.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accept, a.header)
			continue
		}
		if want {
			z, err := gzip.NewReader(strings.NewReader(a.raw))
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(z); err != nil || !json.Valid(body) {
				t.Errorf("%q: %v %s", accept, err, body)
			}
		}
	}
	srv.Configure(func(s *ecstest.Settings) { s.NoGzip = true })
	r := request(t, srv, "DescribeInstances", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	if a := must(t, r); a.header.Get("Content-Encoding") != "" {
		t.Errorf("gzip is off: %v", a.header)
	}
}

// pipe runs a test in virtual time against a server without network.
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

// TestQuota: buckets and windows, for each region and operation alone.
func TestQuota(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		quota   ecstest.Quota
		at      []time.Duration // of the requests
		allowed string          // 1 or 0 for each
		hint    string          // ms, told to the last one
	}{
		{"none", ecstest.Quota{}, make([]time.Duration, 5), "11111", ""},
		{"bucket", ecstest.Quota{Rate: 2, Burst: 3, Hints: true}, []time.Duration{0, 0, 0, 0, 499 * time.Millisecond, 500 * time.Millisecond, time.Minute, time.Minute, time.Minute, time.Minute}, "1110011110", "500"},
		{"bucket of one", ecstest.Quota{Rate: 1, Hints: true}, []time.Duration{0, 250 * time.Millisecond}, "10", "750"},
		{"window", ecstest.Quota{Limit: 2, Hints: true}, []time.Duration{0, time.Second, 2 * time.Second, 59 * time.Second, time.Minute, time.Minute, time.Minute}, "1100110", "60000"},
		{"short window", ecstest.Quota{Limit: 1, Window: 3 * time.Second}, []time.Duration{0, time.Second, 3 * time.Second}, "101", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			pipe(t, func(t *testing.T, srv *ecstest.Server, _ *ecs.Client) {
				srv.Configure(func(s *ecstest.Settings) { s.Quota = test.quota })
				ask := func(action string, params ...string) answer {
					transport := &http.Transport{DialContext: srv.DialContext, DisableKeepAlives: true}
					resp, err := transport.RoundTrip(request(t, srv, action, pairs(params...))) //nolint:bodyclose // read does
					if err != nil {
						t.Fatal(err)
					}
					return read(t, resp)
				}
				begin, got := time.Now(), ""
				var a answer
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
				if hint := a.header.Get("x-acs-retry-after"); hint != test.hint {
					t.Errorf("hint %q, want %q", hint, test.hint)
				}
				if a := ask("DescribeInstances", "RegionId", "cn-beijing"); a.status != 200 {
					t.Errorf("another region has a quota of its own: %s", a.raw)
				}
				if a := ask("DescribeRegions"); a.status != 200 {
					t.Errorf("another operation has a quota of its own: %s", a.raw)
				}
			})
		})
	}
}

// TestQuotaHints: what a throttled client is told.
func TestQuotaHints(t *testing.T) {
	t.Parallel()
	srv := start(t)
	srv.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Limit: 1, Window: 24 * time.Hour, Hints: true} })
	a := list(t, srv)
	if a.status == 200 {
		a = list(t, srv)
	}
	ms, err := strconv.Atoi(a.header.Get("x-acs-retry-after"))
	if a.status != 400 || a.Code != "Throttling.User" || err != nil || ms < 1 || ms > 86_400_000 {
		t.Errorf("%d %v", a.status, a.header)
	}
	if hint := a.header.Get("X-RateLimit-User-API"); !strings.HasPrefix(hint, "Limit:1,Remain:0,TimeLeft:"+strconv.Itoa(ms)+",Reset:") {
		t.Errorf("hint %q", hint)
	}
	srv.Configure(func(s *ecstest.Settings) { s.Quota.Hints = false })
	if a := list(t, srv); a.Code != "Throttling.User" || a.header.Get("x-acs-retry-after") != "" {
		t.Errorf("%s %v", a.Code, a.header)
	}
}

// TestVirtualTime: in a bubble hours cost nothing, and nonces are forgotten after 15 minutes.
func TestVirtualTime(t *testing.T) {
	t.Parallel()
	pipe(t, func(t *testing.T, srv *ecstest.Server, client *ecs.Client) {
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 5 * time.Second })
		begin := time.Now()
		n := 0
		for _, err := range client.Instances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: 10}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 1000 || time.Since(begin) != 500*time.Second {
			t.Errorf("%d instances in %v", n, time.Since(begin))
		}
		if r := srv.Requests(); len(r) != 100 || r[99].Time.Sub(r[0].Time) != 495*time.Second || r[0].RemoteAddr == "" {
			t.Errorf("%d requests", len(r))
		}
		srv.Inject(ecstest.Fault{BlackHole: true}, ecstest.Fault{Reset: true})
		for range 2 {
			if _, err := client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{}); !errors.Is(err, ecs.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
	}, small(1000)...)
	pipe(t, func(t *testing.T, srv *ecstest.Server, _ *ecs.Client) {
		httpClient := &http.Client{Transport: &http.Transport{DialContext: srv.DialContext, DisableKeepAlives: true}}
		for _, test := range []struct {
			wait time.Duration
			code string
		}{{0, ""}, {14 * time.Minute, "SignatureNonceUsed"}, {2 * time.Minute, ""}, {0, "SignatureNonceUsed"}} {
			time.Sleep(test.wait)
			resp, err := httpClient.Do(request(t, srv, "DescribeInstances", pairs("SignatureNonce", "n", "Format", "XML")))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if !strings.Contains(string(body), test.code) || (resp.StatusCode == 200) != (test.code == "") {
				t.Errorf("want %q, got %s", test.code, body)
			}
		}
	})
}

// TestClose ends what hangs, closes the port and can be repeated.
func TestClose(t *testing.T) {
	t.Parallel()
	for name, srv := range map[string]*ecstest.Server{"loopback": ecstest.NewServer(), "pipe": ecstest.NewPipeServer(), "slow": ecstest.NewServer()} {
		srv.Inject(ecstest.Fault{BlackHole: true})
		if name == "slow" {
			srv.Configure(func(s *ecstest.Settings) { s.Latency = time.Hour })
		}
		result := make(chan error, 1)
		go func() {
			transport := &http.Transport{DialContext: srv.DialContext}
			r, err := http.NewRequest(http.MethodGet, srv.URL(), nil) //nolint:noctx // Close must end it
			if err == nil {
				_, err = transport.RoundTrip(r) //nolint:bodyclose // there is none
			}
			result <- err
		}()
		for len(srv.Requests()) == 0 {
			select {
			case err := <-result:
				t.Fatalf("%s: ended before Close: %v", name, err)
			default:
			}
		}
		srv.Close()
		srv.Close()
		if err := <-result; err == nil {
			t.Errorf("%s: a request into a black hole got an answer", name)
		}
		if conn, err := srv.DialContext(t.Context(), "tcp", ""); err == nil {
			_ = conn.Close()
			t.Errorf("%s: still listening", name)
		}
	}
}

// TestConcurrent does everything at once, for the race detector.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	srv := start(t, small(300)...)
	srv.Configure(func(s *ecstest.Settings) { s.Quota.Rate = 1e6; s.Quota.Burst = 1e6 })
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var listed atomic.Int64
	for range 4 {
		wg.Go(func() {
			for range 3 {
				seen := 0
				for i, err := range client.Instances(t.Context(), ecs.DescribeInstancesRequest{AdditionalAttributes: []ecs.AdditionalAttribute{ecs.AdditionalAttributeMetaOptions}}) {
					if err != nil {
						t.Error(err)
						return
					}
					if i.InstanceID < "i-0200" {
						seen++
					}
				}
				if seen != 200 {
					t.Errorf("%d of the 200 that stay", seen)
				}
				listed.Add(1)
			}
		})
	}
	wg.Go(func() {
		for n := range 100 {
			srv.Delete("i-" + pad(200+n))
			srv.Put(ecs.Instance{InstanceID: "i-9" + pad(n)})
			srv.Update("i-"+pad(n), func(i *ecs.Instance) { i.Tags = append(i.Tags, ecs.Tag{Key: "k"}) })
			srv.Configure(func(s *ecstest.Settings) { s.EmptyLastPage = n%2 == 0 })
			srv.Inject(ecstest.Fault{Action: "None"})
			srv.AddKey(ecstest.Key{Credentials: srv.Credentials()})
			_, _ = srv.Requests(), srv.Instances()
		}
	})
	wg.Wait()
	if listed.Load() != 12 {
		t.Errorf("%d listings", listed.Load())
	}
}
