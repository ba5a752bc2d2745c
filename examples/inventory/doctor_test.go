package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// throughProxy is an HTTP client whose proxy does not accept connections.
var throughProxy = &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})}}

// TestDoctorScreens compares the terminal output for five failures with testdata/doctor.txt.
func TestDoctorScreens(t *testing.T) {
	t.Parallel()
	var all bytes.Buffer
	for _, cause := range []struct {
		name string
		opts ecs.Options
		edit func(*ecstest.Server)
		want *ecs.CheckOptions
	}{
		{name: "wrong secret", edit: func(s *ecstest.Server) {
			s.UpdateKey(s.Credentials().AccessKeyID, func(k *ecstest.Key) { k.Credentials.AccessKeySecret = "another" })
		}},
		{name: "no permission in one of two regions", edit: func(s *ecstest.Server) {
			s.UpdateKey(s.Credentials().AccessKeyID, func(k *ecstest.Key) {
				k.Deny, k.DenyIn = []string{"DescribeRegions"}, map[string][]string{"cn-beijing": {"DescribeInstances"}}
			})
		}, want: &ecs.CheckOptions{Regions: []string{"cn-hangzhou", "cn-beijing"}}},
		{name: "a clock that is two hours behind", edit: func(s *ecstest.Server) {
			s.Configure(func(s *ecstest.Settings) { s.ClockSkew = 2 * time.Hour })
		}},
		{name: "a proxy that is down", opts: ecs.Options{HTTPClient: throughProxy}, edit: func(*ecstest.Server) {}},
		{name: "a quota that is used up", edit: func(s *ecstest.Server) {
			s.Inject(ecstest.Fault{Action: "DescribeInstances", Times: -1, Code: "Throttling.User", Message: "Request was denied due to user flow control."})
		}},
	} {
		server := newServer(t)
		cause.edit(server)
		screen := func(color bool) string {
			var b bytes.Buffer
			d := &doctorScreen{w: &b, width: 80, color: color}
			cause.opts.Retry.MaxElapsed = 50 * time.Millisecond
			client, err := server.Client("cn-hangzhou", &cause.opts)
			if cause.opts.HTTPClient != nil { // use the real endpoint, because clients bypass a proxy for loopback addresses
				cause.opts.Credentials = ecs.StaticCredentials("LTAI5tTestTestTestTest", "secret", "")
				client, err = ecs.NewClient("cn-hangzhou", &cause.opts)
			}
			if err != nil {
				t.Fatal(err)
			}
			opts := ecs.CheckOptions{}
			if cause.want != nil {
				opts = *cause.want
			}
			opts.OnStep = d.step
			d.end(client.Check(t.Context(), &opts))
			return regexp.MustCompile(`127\.0\.0\.1:\d{4,}`).ReplaceAllString(b.String(), "127.0.0.1:443")
		}
		plain := screen(false)
		for line := range strings.Lines(plain) {
			if terminal.Width(strings.TrimSuffix(line, "\n")) > 80 || strings.ContainsFunc(line, func(r rune) bool { return r > '~' }) {
				t.Errorf("%s: %q is wider than 80 columns, or not ASCII", cause.name, line)
			}
		}
		if colored := screen(true); terminal.Unstyled(colored) != plain || colored == plain {
			t.Errorf("%s: in color:\n%s", cause.name, colored)
		}
		fmt.Fprintf(&all, "# %s\n\n%s\n", cause.name, plain)
	}
	golden(t, "doctor.txt", all.String())
}

// TestDoctor verifies that a check returns the same exit code as a listing.
func TestDoctor(t *testing.T) {
	t.Parallel()
	denied := ecstest.Fault{Action: "DescribeInstances", Denied: true, Times: -1}
	for _, tt := range []struct {
		args   string
		faults []ecstest.Fault
		key    ecs.CredentialsProvider
		code   int
		stdout string // text that stdout must contain
		stderr string
	}{
		{args: "doctor -region cn-hangzhou", stdout: "A listing would succeed."},
		{args: "-doctor -region cn-hangzhou", stdout: "A listing would succeed."},
		{args: "doctor -region all -exclude-region cn-beijing", stdout: "cn-shanghai: permitted"},
		{args: "doctor -region cn-hangzhou -tag env=prod", stdout: "A listing would succeed."},
		{args: "doctor -region cn-hangzhou", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stdout: "\"ecs:DescribeInstances\""},
		{args: "doctor -region cn-hangzhou", faults: []ecstest.Fault{{Action: "ListTagResources", Denied: true}}, stdout: "warn permission    ListTagResources"},
		{args: "doctor -region cn-hangzhou -tag env", faults: []ecstest.Fault{{Action: "ListTagResources", Denied: true}}, code: failure.ExitForbidden, stdout: "FAIL permission    ListTagResources"},
		{args: "doctor -region cn-hangzhou", faults: []ecstest.Fault{{Code: "ServiceUnavailable", Times: -1}}, code: failure.ExitUnavailable, stdout: "skip"},
		{args: "doctor -region cn-hangzhou", key: ecs.StaticCredentials("LTAInobody", "secret", ""), code: failure.ExitCredentials, stdout: "FAIL signature"},
		{args: "doctor -region cn-hangzhou -o json", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stdout: `"missing_actions"`},
		{args: "doctor -region cn-hangzhou -o csv", code: failure.ExitUsage, stderr: "-o csv has no effect with doctor"},
		{args: "doctor -region cn-hangzhou -limit 3", code: failure.ExitUsage, stderr: "-limit has no effect with doctor"},
		{args: "doctor -region cn-hangzhou -dry-run", code: failure.ExitUsage, stderr: "-dry-run has no effect with doctor"},
		{args: "doctor now", code: failure.ExitUsage, stderr: `"now" is neither a flag`},
		{args: "docter", code: failure.ExitUsage, stderr: `there is no command "docter": did you mean doctor?`},
		{args: "-region cn-hangzhou doctor", code: failure.ExitUsage, stderr: "doctor must come before all flags"},
		{args: "doctor -timeout 1ns -region cn-hangzhou", code: failure.ExitIncomplete, stderr: "-timeout expired"},
	} {
		s := newServer(t)
		s.Inject(tt.faults...)
		r := world{server: s, key: tt.key}.run(t, strings.Fields(tt.args)...)
		if r.code != tt.code || !strings.Contains(r.stdout, tt.stdout) || !strings.Contains(r.stderr, tt.stderr) || tt.stderr == "" && r.stderr != "" {
			t.Errorf("%s: exit code %d, want %d\n%s\n%s", tt.args, r.code, tt.code, r.stdout, r.stderr)
		}
		if strings.Contains(tt.args, "-exclude-region") && strings.Contains(r.stdout, "cn-beijing") {
			t.Errorf("%s: cn-beijing was checked\n%s", tt.args, r.stdout)
		}
		if strings.Contains(tt.args, "json") && !json.Valid([]byte(r.stdout)) {
			t.Errorf("%s: not JSON: %s", tt.args, r.stdout)
		}
	}
}
