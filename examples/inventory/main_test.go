package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

var update = flag.Bool("update", false, "write the golden files")

// TestMain runs the tests. If a test has started this process, TestMain runs the program instead.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_INVENTORY") != "" {
		main()
	}
	// Isolate the tests from the developer's own profiles and region.
	os.Setenv("ALIBABA_CLOUD_CONFIG_FILE", "testdata/no-such-file.json")
	os.Unsetenv("ALIBABA_CLOUD_REGION_ID")
	os.Exit(m.Run())
}

var testNow = time.Date(2025, 6, 15, 12, 0, 0, 0, time.UTC)

// result is the exit code and the output of the program.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) lines() []string { return strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n") }

// world describes how a test runs the program. If server is nil, the program runs in demo mode.
type world struct {
	server *ecstest.Server
	key    ecs.CredentialsProvider // if key is nil, the server's key is used
	env    map[string]string
	stdin  string
	ctx    context.Context //nolint:containedctx // the context of one run
	stdout io.Writer       // if stdout is nil, the result contains the output
}

func (w world) run(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := program{
		stdin: strings.NewReader(w.stdin), stdout: &stdout, stderr: &stderr, now: testNow, connect: demo.Client,
		getenv: func(name string) string { return w.env[name] },
	}
	if w.stdout != nil {
		p.stdout = w.stdout
	}
	if w.server != nil {
		p.connect = func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			opts.Credentials = w.key
			opts.Retry.MaxAttempts = 1
			c, err := w.server.Client(region, opts)
			return c, func() {}, err
		}
	}
	ctx := w.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	code := p.run(ctx, args)
	return result{code, stdout.String(), stderr.String()}
}

func newServer(t *testing.T, instances ...ecs.Instance) *ecstest.Server {
	t.Helper()
	s := ecstest.NewServer(instances...)
	t.Cleanup(s.Close)
	return s
}

// fleet returns n instances in one region.
func fleet(n int) []ecs.Instance {
	list := make([]ecs.Instance, n)
	for i := range list {
		list[i] = ecs.Instance{
			InstanceID: fmt.Sprintf("i-%04d", i), InstanceName: fmt.Sprintf("web-%d", i), RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h",
			Status: ecs.InstanceStatusRunning, CPU: i % 7, CreationTime: testNow.AddDate(0, 0, -i),
			VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}},
		}
	}
	return list
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run go test -update to see how); got\n%s", path, got)
	}
}
