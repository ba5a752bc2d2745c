package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	denied := ecstest.Fault{Denied: true, Times: -1}
	for _, tt := range []struct {
		name   string
		args   string
		faults []ecstest.Fault
		key    ecs.CredentialsProvider
		ctx    context.Context //nolint:containedctx // the context of one run
		code   int
		stdout int    // expected number of lines on stdout
		stderr string // text that stderr must contain
	}{
		{name: "permitted", args: "-region cn-hangzhou -dry-run", code: failure.ExitOK, stdout: 1},
		{name: "permitted everywhere", args: "-region cn-hangzhou,cn-beijing -dry-run", code: failure.ExitOK, stdout: 2},
		{name: "denied", args: "-region cn-hangzhou", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stderr: "ecs:DescribeInstances"},
		{name: "denied, as JSON", args: "-region cn-hangzhou -o json", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stderr: "AliyunECSReadOnlyAccess"},
		{name: "denied everywhere", args: "-region cn-hangzhou,cn-beijing", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stderr: "cn-beijing"},
		{name: "denied in one region", args: "-region cn-hangzhou,cn-beijing -o ids", faults: []ecstest.Fault{{Region: "cn-beijing", Denied: true, Times: -1}}, code: failure.ExitIncomplete, stdout: 150, stderr: "cn-beijing"},
		{name: "denied dry run", args: "-region cn-hangzhou -dry-run", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stdout: 1, stderr: "ecs:DescribeInstances"},
		{name: "wrong secret", args: "-region cn-hangzhou", key: ecs.StaticCredentials("LTAInobody", "secret", ""), code: failure.ExitCredentials, stderr: "check the access key id"},
		{name: "wrong secret, V3", args: "-region cn-hangzhou -v3", key: ecs.StaticCredentials("LTAInobody", "secret", ""), code: failure.ExitCredentials, stderr: "InvalidAccessKeyId"},
		{name: "throttled", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "Throttling.User", Times: -1}}, code: failure.ExitUnavailable, stderr: "quota"},
		{name: "unavailable", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "ServiceUnavailable", Times: -1}}, code: failure.ExitUnavailable, stderr: "check the network"},
		{name: "cannot be confirmed", args: "-region cn-shanghai", faults: []ecstest.Fault{{Match: func(r ecstest.Request) bool { return r.Params.Get("DryRun") == "true" }, Code: "SomethingNew", Times: -1}}, code: failure.ExitIncomplete, stderr: "could not be verified"},
		{name: "unknown zone", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "InvalidParameter", Times: -1}}, code: failure.ExitUsage, stderr: "InvalidParameter"},
		{name: "unexpected", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "SomethingNew", Times: -1}}, code: failure.ExitFailed, stderr: "SomethingNew"},
		{name: "fails after the first page", args: "-region cn-hangzhou -o ids", faults: []ecstest.Fault{{Skip: 1, Code: "SomethingNew", Times: -1}}, code: failure.ExitFailed, stdout: 100, stderr: "100 instances printed"},
		{name: "one region fails", args: "-region cn-hangzhou,cn-beijing -o ids", faults: []ecstest.Fault{{Region: "cn-beijing", Code: "SomethingNew", Times: -1}}, code: failure.ExitIncomplete, stdout: 150, stderr: "cn-beijing"},
		{name: "one region fails, sorted", args: "-region cn-hangzhou,cn-beijing -o ids -sort name -limit 10", faults: []ecstest.Fault{{Region: "cn-beijing", Code: "SomethingNew", Times: -1}}, code: failure.ExitIncomplete, stdout: 10, stderr: "cn-beijing"},
		{name: "list of regions unavailable", args: "-region all", faults: []ecstest.Fault{{Action: "DescribeRegions", Code: "ServiceUnavailable", Times: -1}}, code: failure.ExitUnavailable, stderr: "DescribeRegions"},
		{name: "unreadable", args: "-region cn-hangzhou -o ids", faults: []ecstest.Fault{{Body: []byte(`{"RequestId":"R","NextToken":"","Instances":{"Instance":[{"InstanceId":"i-1"},{"InstanceId":"i-2","Cpu":"many"}]}}`)}}, code: failure.ExitIncomplete, stdout: 2, stderr: "i-2"},
		{name: "interrupted", args: "-region cn-hangzhou", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
		{name: "interrupted regions", args: "-region all", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
		{name: "interrupted dry run", args: "-region all -dry-run", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, fleet(150)...)
			s.Inject(tt.faults...)
			r := world{server: s, key: tt.key, ctx: tt.ctx}.run(t, strings.Fields(tt.args)...)
			if r.code != tt.code || !strings.Contains(r.stderr, tt.stderr) {
				t.Errorf("exit code %d, want %d; stderr without %q:\n%s", r.code, tt.code, tt.stderr, r.stderr)
			}
			if n := strings.Count(r.stdout, "\n"); n != tt.stdout {
				t.Errorf("%d lines on stdout, want %d:\n%.500s", n, tt.stdout, r.stdout)
			}
		})
	}
}

// TestFailuresInOrder verifies that the exit code and the order of the messages do not depend on the order of the
// responses.
func TestFailuresInOrder(t *testing.T) {
	t.Parallel()
	var results []result
	for _, slow := range []string{"cn-beijing", "cn-hangzhou"} {
		s := newServer(t)
		for region, code := range map[string]string{"cn-beijing": "Forbidden.RAM", "cn-hangzhou": "SomethingNew"} {
			f := ecstest.Fault{Region: region, Code: code, Times: -1}
			if region == slow {
				f.Latency = 100 * time.Millisecond
			}
			s.Inject(f)
		}
		r := world{server: s}.run(t, "-region", "cn-hangzhou,cn-beijing", "-o", "ids")
		lines := strings.Split(r.stderr, "\n")
		r.stderr = ""
		for _, line := range lines {
			text, _, _ := strings.Cut(line, " (request ")
			r.stderr += text + "\n"
		}
		results = append(results, r)
	}
	if results[0] != results[1] || results[0].code != failure.ExitForbidden {
		t.Errorf("%+v", results)
	}
}

// TestDryRunOfNoRegion verifies that a dry run fails if there are no regions.
func TestDryRunOfNoRegion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.Configure(func(c *ecstest.Settings) { c.Regions = []string{} })
	if r := (world{server: s}).run(t, "-region", "all", "-dry-run"); r.code == failure.ExitOK || strings.Contains(r.stdout, "permitted") {
		t.Errorf("%+v", r)
	}
}

// TestInterruptedReading verifies that an interrupt ends a program that is reading ids from stdin.
func TestInterruptedReading(t *testing.T) {
	t.Parallel()
	stdin, typed := io.Pipe()
	defer typed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	p := program{stdin: stdin, stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }, now: testNow}
	code := make(chan int)
	go func() { code <- p.run(ctx, []string{"-demo", "-id", "-"}) }()
	_, _ = io.WriteString(typed, "i-1\n")
	cancel()
	if c := <-code; c != failure.ExitInterrupted || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d: %s", c, stderr.String())
	}
}

// TestInterrupted verifies that the program prints the instances that were listed before an interrupt, in a valid
// format.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json", "csv", "ids", "ssh-config", "html"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := newServer(t, fleet(350)...)
			var pages atomic.Int32
			over := make(chan struct{})
			s.Configure(func(c *ecstest.Settings) {
				c.OnRequest = func(ecstest.Request) {
					if pages.Add(1) == 3 {
						cancel()
						<-over // wait until the test ends, so that the third page is never sent
					}
				}
			})
			defer close(over)
			r := world{server: s, ctx: ctx}.run(t, "-region", "cn-hangzhou", "-o", format)
			// The interrupt may lose the instance that is just being yielded, but the reported number must be correct.
			n := 0
			if _, count, ok := strings.Cut(r.stderr, "incomplete: "); ok {
				_, _ = fmt.Sscan(count, &n)
			}
			if r.code != failure.ExitInterrupted || n < 198 || !strings.Contains(r.stdout, fmt.Sprintf("i-%04d", n-1)) || strings.Contains(r.stdout, fmt.Sprintf("i-%04d", n)) {
				t.Errorf("exit code %d, %d instances, stderr %s", r.code, n, r.stderr)
			}
			if format == "json" && !json.Valid([]byte(r.stdout)) {
				t.Error("not JSON")
			}
		})
	}
}

// TestTimeout verifies that the program prints the instances that were listed before -timeout expired.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := ecstest.NewPipeServer(fleet(150)...)
		defer s.Close()
		s.Inject(ecstest.Fault{Skip: 1, BlackHole: true, Times: -1})
		r := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "ids", "-timeout", "2s")
		if r.code != failure.ExitIncomplete || len(r.lines()) != 100 || !strings.Contains(r.stderr, "-timeout expired") {
			t.Errorf("exit code %d, %d lines, stderr %s", r.code, len(r.lines()), r.stderr)
		}
	})
}

// TestEndpointFailures verifies that the exit code is not ExitUnavailable if the endpoint's host does not exist or is
// not trusted, because retrying does not help.
func TestEndpointFailures(t *testing.T) {
	t.Parallel()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, tt := range []struct {
		args   string
		dial   error // the error returned when connecting; nil means success
		code   int
		stderr string
	}{
		{"", &net.DNSError{Err: "no such host", Name: "ecs.cn-hangzou.aliyuncs.com", IsNotFound: true}, failure.ExitFailed, "check the region id"},
		{"-network vpc", &net.DNSError{Err: "no such host", IsNotFound: true}, failure.ExitFailed, "leave out -network vpc on other machines"},
		{"", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, failure.ExitUnavailable, "check the network"},
		{"-network vpc", errors.New("connection refused"), failure.ExitUnavailable, "only inside a VPC"},
		{"-endpoint " + untrusted.URL, nil, failure.ExitFailed, "root certificates"},
	} {
		var stderr bytes.Buffer
		p := program{stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }, now: testNow}
		p.connect = func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			opts.Credentials = ecs.StaticCredentials("LTAItest", "secret", "")
			opts.Retry.MaxAttempts = 1
			opts.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if tt.dial != nil {
					return nil, &net.OpError{Op: "dial", Net: network, Err: tt.dial}
				}
				return new(net.Dialer).DialContext(ctx, network, addr)
			}}}
			c, err := ecs.NewClient(region, opts)
			return c, func() {}, err
		}
		code := p.run(t.Context(), append(strings.Fields(tt.args), "-region", "cn-hangzou"))
		if code != tt.code || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("%s, %v: exit code %d, want %d: %s", tt.args, tt.dial, code, tt.code, &stderr)
		}
	}
}
