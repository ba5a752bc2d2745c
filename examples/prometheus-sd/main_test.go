package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// TestMain isolates the tests from the developer's own profiles and region.
func TestMain(m *testing.M) {
	os.Setenv("ALIBABA_CLOUD_CONFIG_FILE", "testdata/no-such-file.json")
	os.Unsetenv("ALIBABA_CLOUD_REGION_ID")
	os.Exit(m.Run())
}

// output is a buffer for concurrent reading and writing.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	wait chan string // receives the URL of the server
}

var served = regexp.MustCompile(`url=(http://\S+)/sd\n`)

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m := served.FindSubmatch(b); m != nil {
		o.wait <- string(m[1])
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// newProgram returns a program that sends requests to server, or runs in demo mode if server is nil.
func newProgram(server *ecstest.Server) (p *program, stdout, stderr *output) {
	stdout, stderr = &output{wait: make(chan string, 1)}, &output{wait: make(chan string, 1)}
	p = &program{stdout: stdout, stderr: stderr, getenv: func(string) string { return "" }, connect: demo.Client, minInterval: minInterval}
	if server != nil {
		p.connect = func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			opts.Retry.MaxAttempts = 1
			c, err := server.Client(region, opts)
			return c, func() {}, err
		}
	}
	return p, stdout, stderr
}

// start runs the program as a server and returns its URL. The function stop ends the program and returns the exit
// code and the log.
func start(t *testing.T, server *ecstest.Server, args ...string) (url string, stop func() (int, string)) {
	t.Helper()
	p, _, stderr := newProgram(server)
	p.minInterval = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- p.run(ctx, append([]string{"-listen", "127.0.0.1:0"}, args...)) }()
	stop = sync.OnceValues(func() (int, string) {
		cancel()
		return <-code, stderr.String()
	})
	t.Cleanup(func() { stop() })
	select {
	case url = <-stderr.wait:
	case c := <-code:
		code <- c
		t.Fatalf("ended with %d: %s", c, stderr)
	}
	return url, stop
}

// get sends requests until the server responds with the given status, and returns the response's body.
func get(t *testing.T, url string, status int) string {
	t.Helper()
	var last string
	for range poll(t) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil && resp.StatusCode == status {
			return string(body)
		}
		last = fmt.Sprintf("%d %s %v", resp.StatusCode, body, err)
	}
	t.Fatalf("%s: %s", url, last)
	return ""
}

// poll yields repeatedly until the loop ends. It fails the test after three minutes.
func poll(t *testing.T) func(func() bool) {
	return func(yield func() bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for yield() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

func newServer(t *testing.T, instances ...ecs.Instance) *ecstest.Server {
	t.Helper()
	s := ecstest.NewServer(instances...)
	t.Cleanup(s.Close)
	return s
}

// TestServe verifies that the program serves the demo instances.
func TestServe(t *testing.T) {
	t.Parallel()
	url, stop := start(t, nil, "-demo", "-status", "running", "-tag", "env=prod")
	list := get(t, url+"/sd", http.StatusOK)
	if n := strings.Count(list, `"__meta_ecs_tag_env":"prod"`); n < 100 || n != strings.Count(list, "\n")-2 || n != strings.Count(list, `"__meta_ecs_instance_status":"Running"`) {
		t.Errorf("%d instances in %d lines", n, strings.Count(list, "\n"))
	}
	if text := get(t, url+"/healthz", http.StatusOK); !strings.HasPrefix(text, "ok: ") {
		t.Error(text)
	}
	if text := get(t, url+"/metrics", http.StatusOK); !strings.Contains(text, "ecs_sd_targets{") {
		t.Error(text)
	}
	if code, log := stop(); code != failure.ExitOK || !strings.Contains(log, "generated") || !strings.Contains(log, "msg=stopped") {
		t.Errorf("%d: %s", code, log)
	}
}

// TestWrongKey verifies that the server keeps running if the API rejects the key, and that the key does not appear in
// the output.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	server := newServer(t)
	key := server.Credentials()
	server.RevokeKey(key.AccessKeyID)
	url, stop := start(t, server, "-region", "cn-hangzhou", "-v")
	get(t, url+"/sd", http.StatusServiceUnavailable)
	var health string
	for range poll(t) {
		if health = get(t, url+"/healthz", http.StatusServiceUnavailable); strings.Contains(health, "InvalidAccessKeyId") {
			break
		}
	}
	metrics := get(t, url+"/metrics", http.StatusOK)
	if !strings.Contains(metrics, `ecs_sd_refresh_failures_total{account="",kind="credentials",region="cn-hangzhou"} 1`) {
		t.Error(metrics)
	}
	code, log := stop()
	if code != failure.ExitOK || !strings.Contains(log, "InvalidAccessKeyId") {
		t.Errorf("%d: %s", code, log)
	}
	for name, text := range map[string]string{"health": health, "metrics": metrics, "log": log} {
		if strings.Contains(text, key.AccessKeyID) || strings.Contains(text, key.AccessKeySecret) || strings.Contains(text, "Signature=") {
			t.Errorf("%s contains the key: %s", name, text)
		}
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // the listener exists only during the test
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, _, stderr := newProgram(nil)
	if code := p.run(t.Context(), []string{"-demo", "-listen", l.Addr().String()}); code != failure.ExitFailed || !strings.Contains(stderr.String(), "-listen") {
		t.Errorf("%d: %s", code, stderr)
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	const beijing = `{"targets":["10.0.0.1:80"],"labels":{"__meta_ecs_instance_id":"i-2","__meta_ecs_private_ip":"10.0.0.1","__meta_ecs_region":"cn-beijing"}}`
	const hangzhou = "[\n" + `{"targets":["10.0.0.1:80"],"labels":{"__meta_ecs_instance_id":"i-1","__meta_ecs_private_ip":"10.0.0.1","__meta_ecs_region":"cn-hangzhou"}}` + "\n]\n"
	whole := strings.Replace(hangzhou, "[\n", "[\n"+beijing+",\n", 1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name   string
		fault  ecstest.Fault
		ctx    context.Context //nolint:containedctx // the context of one run
		code   int
		stderr string
		want   string
		args   string
	}{
		{name: "works", code: failure.ExitOK, want: whole},
		{name: "denied", fault: ecstest.Fault{Denied: true}, code: 3, stderr: "AliyunECSReadOnlyAccess"},
		{name: "a region is denied", fault: ecstest.Fault{Region: "cn-beijing", Denied: true}, code: 6, stderr: "prometheus-sd: cn-beijing: ", want: hangzhou},
		{name: "a region is not enabled", fault: ecstest.Fault{Region: "cn-beijing", Code: "UnauthorizedRegion", Status: 403}, code: 6, stderr: "-exclude-region", want: hangzhou},
		{name: "a region that is not enabled is excluded", args: "-exclude-region cn-beijing", fault: ecstest.Fault{Region: "cn-beijing", Code: "UnauthorizedRegion", Status: 403}, want: hangzhou},
		{name: "wrong key", fault: ecstest.Fault{Code: "SignatureDoesNotMatch"}, code: 4, stderr: "check the access key"},
		{name: "throttled", fault: ecstest.Fault{Code: "Throttling.User"}, code: 5, stderr: "Throttling.User"},
		{name: "one region fails", fault: ecstest.Fault{Region: "cn-beijing", Code: "SomethingNew"}, code: 6, stderr: "cn-beijing: ", want: hangzhou},
		{name: "invalid parameter", fault: ecstest.Fault{Code: "InvalidParameter"}, code: 2, stderr: "InvalidParameter"},
		{name: "unreadable", fault: ecstest.Fault{Region: "cn-beijing", Body: []byte(`{"RequestId":"R","Instances":{"Instance":[{"InstanceId":"i-9","Cpu":"many"}]}}`)}, code: 6, stderr: "i-9", want: hangzhou},
		{name: "interrupted", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
			if tt.fault.Region != "" || tt.stderr != "" {
				tt.fault.Times = -1
				server.Inject(tt.fault)
			}
			p, stdout, stderr := newProgram(server)
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			code := p.run(ctx, append(strings.Fields(tt.args), "-region", "cn-hangzhou,cn-beijing", "-once", "-port", "80"))
			if code != tt.code || !strings.Contains(stderr.String(), tt.stderr) {
				t.Errorf("exit code %d, want %d and %q: %s", code, tt.code, tt.stderr, stderr)
			}
			if stdout.String() != tt.want {
				t.Errorf("printed %s", stdout)
			}
		})
	}

	p, _, stderr := newProgram(newServer(t))
	p.stdout = writerFunc(func([]byte) (int, error) { return 0, errors.New("disk full") })
	if code := p.run(t.Context(), []string{"-demo", "-once"}); code != failure.ExitFailed || !strings.Contains(stderr.String(), "disk full") {
		t.Errorf("%d: %s", code, stderr)
	}
}

// writerFunc implements io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestParse(t *testing.T) {
	t.Parallel()
	getenv := func(string) string { return "" }
	c, err := parse(strings.Fields("-demo -port 9100,9256 -interval 30s -listen :80"), getenv, minInterval)
	if err != nil || !reflect.DeepEqual(c.ports, []string{"9100", "9256"}) || c.interval != 30*time.Second || c.staleAfter != 150*time.Second || c.listen != ":80" {
		t.Errorf("%+v %v", c, err)
	}
	if c, err = parse(strings.Fields("-demo -stale-after 1h"), getenv, minInterval); err != nil || c.staleAfter != time.Hour || c.interval != time.Minute || !strings.HasPrefix(c.listen, "127.0.0.1:") {
		t.Errorf("%+v %v", c, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // stop the program if it accepts a wrong command line
	for args, want := range map[string]string{
		"":                         "no region selected",
		"-demo -port 0":            "65535",
		"-demo -port 9100,":        "65535",
		"-demo -port http":         "65535",
		"-demo -port 70000":        "65535",
		"-demo -listen 9465":       `-listen "9465": must be HOST:PORT or :PORT: did you mean :9465?`,
		"-demo -listen localhost":  `-listen "localhost": must be HOST:PORT or :PORT (`,
		"-demo -status Runnin":     "did you mean Running?",
		"-demo -interval 0s":       "-interval 0s: must be 5s or more",
		"-demo -interval 1ms":      "-interval 1ms: must be 5s or more",
		"-demo -interval 5":        `-interval "5": must be a duration such as 30s`,
		"-demo -stale-after -1s":   "-stale-after -1s: must not be negative",
		"-demo -once -state x":     "-state has no effect with -once",
		"-demo all":                `"all" is neither a flag`,
		"-demo -ports 9100":        "did you mean -port?",
		"-demo -intreval 1m":       "did you mean -interval?",
		"-region cn-hangzhou -v=x": "-v",
		"-region Hang!":            "region",
	} {
		p, stdout, stderr := newProgram(newServer(t))
		if code := p.run(ended, strings.Fields(args)); code != failure.ExitUsage || !strings.Contains(stderr.String(), want) || stdout.String() != "" {
			t.Errorf("%q: exit code %d, want %q: %s", args, code, want, stderr)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	p, stdout, _ := newProgram(nil)
	if code := p.run(t.Context(), []string{"-h"}); code != failure.ExitOK {
		t.Errorf("exit code %d", code)
	}
	for line := range strings.Lines(stdout.String()) {
		if len(line) > 121 {
			t.Errorf("too long: %s", line)
		}
	}
	for _, name := range []string{"port", "listen", "interval", "stale-after", "state", "once", "v"} {
		if !strings.Contains(stdout.String(), "  -"+name+" ") {
			t.Errorf("-h does not explain -%s", name)
		}
	}
}

// TestMessagesHoldNoControlCharacters verifies that the messages on stderr contain no control characters.
func TestMessagesHoldNoControlCharacters(t *testing.T) {
	t.Parallel()
	server := newServer(t, instance("i-1", "cn-hangzhou"))
	for _, text := range hostile.Escapes() {
		for _, args := range [][]string{{"-once", "-region", "x" + text}, {"-once", "-region", "cn-hangzhou", "-listen", text}, {"-once", "-region", "cn-hangzhou", text}} {
			p, stdout, stderr := newProgram(server)
			p.run(t.Context(), args)
			line := strings.TrimSuffix(stderr.String(), "\n")
			if line == "" || stdout.String() != "" || terminal.Printable(line) != strings.ReplaceAll(line, "\n", " ") {
				t.Errorf("%q: %q", args, line)
			}
		}
	}
}

// TestOnceUnreachable verifies that -once reports the number of instances without an address.
func TestOnceUnreachable(t *testing.T) {
	t.Parallel()
	p, stdout, stderr := newProgram(newServer(t, ecs.Instance{InstanceID: "i-1", RegionID: "cn-hangzhou"}))
	if code := p.run(t.Context(), []string{"-region", "cn-hangzhou", "-once"}); code != failure.ExitOK || strings.Contains(stdout.String(), "i-1") || !strings.Contains(stderr.String(), "instances left out because they have no address: 1\n") {
		t.Errorf("%d: %s%s", code, stdout, stderr)
	}
}
