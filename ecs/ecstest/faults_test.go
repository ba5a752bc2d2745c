package ecstest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestFaultMatching checks that a fault applies only to the requests that its fields Action, Region, Match, Skip and
// Times select.
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
		{"", "DescribeInstances", nil}, // fault D skips this request
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
		t.Errorf("after ClearFaults: %q", got)
	}
}

// TestFaultResponses checks that a fault can set the error code, status, headers and body of a response, and that it
// does not affect the next response.
func TestFaultResponses(t *testing.T) {
	t.Parallel()
	srv := start(t, small(1)...)
	for _, test := range []struct {
		name   string
		fault  ecstest.Fault
		status int
		code   string
		check  func(response) bool
	}{
		{"throttled", ecstest.Fault{Code: "Throttling.User"}, 400, "Throttling.User", nil},
		{"throttled with 429 and a retry-after header", ecstest.Fault{Code: "Throttling", Status: 429, Header: http.Header{"x-acs-retry-after": {"1500"}}}, 429, "Throttling", func(a response) bool { return a.header.Get("X-Acs-Retry-After") == "1500" }},
		{"internal", ecstest.Fault{Code: "InternalError", Message: "broken"}, 500, "InternalError", func(a response) bool { return a.Message == "broken" }},
		{"internal as 400", ecstest.Fault{Code: "InternalError", Status: 400}, 400, "InternalError", nil},
		{"unavailable", ecstest.Fault{Code: "ServiceUnavailable"}, 503, "ServiceUnavailable", nil},
		{"forbidden", ecstest.Fault{Code: "Forbidden.RAM"}, 403, "Forbidden.RAM", nil},
		{"not found", ecstest.Fault{Code: "InvalidInstanceId.NotFound"}, 404, "InvalidInstanceId.NotFound", nil},
		{"bare status", ecstest.Fault{Status: 429}, 429, "", func(a response) bool { return a.raw == "" }},
		{"no content", ecstest.Fault{Status: 204}, 204, "", func(a response) bool { return a.raw == "" }},
		{"load balancer", ecstest.Fault{Status: 502, Body: []byte("<html>"), ContentType: "text/html"}, 502, "", func(a response) bool { return a.raw == "<html>" && a.header.Get("Content-Type") == "text/html" }},
		{"captive portal", ecstest.Fault{Body: []byte("<html>")}, 200, "", func(a response) bool { return a.raw == "<html>" }},
		{"empty body", ecstest.Fault{Body: []byte{}}, 200, "", func(a response) bool { return a.raw == "" && a.header.Get("Content-Length") == "0" }},
		{"redirect", ecstest.Fault{Redirect: "http://127.0.0.1:1/"}, 302, "", func(a response) bool { return a.header.Get("Location") == "http://127.0.0.1:1/" }},
		{"odd date", ecstest.Fault{Header: http.Header{"Date": {"Thu, 01 Jan 1970 00:00:00 GMT"}}}, 200, "", func(a response) bool { return strings.Contains(a.header.Get("Date"), "1970") && len(a.ids()) == 1 }},
		{"skew", ecstest.Fault{Skew: -time.Hour}, 400, "InvalidTimeStamp.Expired", func(a response) bool {
			date, err := http.ParseTime(a.header.Get("Date"))
			return err == nil && time.Since(date).Round(time.Minute) == time.Hour
		}},
		{"denied", ecstest.Fault{Denied: true}, 403, "Forbidden.RAM", func(a response) bool { return a.AccessDeniedDetail.AuthAction == "ecs:DescribeInstances" }},
		{"doubled", ecstest.Fault{Duplicate: 5}, 200, "", func(a response) bool { return slices.Equal(a.ids(), []string{"i-0000", "i-0000"}) }},
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
		t.Errorf("the error of the request itself is not recorded if there is a fault: %+v", last(srv))
	}
}

// TestFaultConnections checks that the client sees the expected failure if a fault breaks or delays the connection.
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
		ctx, cancel := context.WithCancel(t.Context())
		f.Match = func(ecstest.Request) bool { cancel(); return true } // the client cancels as soon as the request arrives
		srv.Inject(f)
		if _, err := do(t, request().WithContext(ctx)); !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	srv.Inject(ecstest.Fault{Drip: time.Microsecond})
	if a := must(t, request("InstanceIds", "[]")); !strings.HasSuffix(a.raw, "]}}") || a.status != 200 {
		t.Errorf("drip: %s", a.raw)
	}
}

// TestFaultPaging checks that a fault can repeat a page token, and that it can send empty pages without losing
// instances.
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
			t.Fatalf("token %q is repeated, or instances %v", token, a.ids())
		}
		seen[token] = true
	}
}
