package main

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/realtool"
)

// onATerminal runs the program on a simulated terminal with 100 columns and returns the output.
func onATerminal(t *testing.T, server *ecstest.Server, term string, args ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("script(1) has different flags on this system")
	}
	script := realtool.Find(t, "bsdutils", "script")
	line := shellLine(os.Args[0], append(args, "-endpoint", server.URL(), "-region", "cn-hangzhou"))
	c := exec.CommandContext(t.Context(), script, "-qec", "stty cols 100; exec "+line, "/dev/null")
	key := server.Credentials()
	c.Env = []string{
		"TEST_RUN_INVENTORY=1", "HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TERM=" + term, "SHELL=/bin/sh", "LC_ALL=C.UTF-8",
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + key.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + key.AccessKeySecret,
	}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

// ownSequences matches the escape sequences that the program writes.
var ownSequences = regexp.MustCompile("\x1b\\[[0-9]*m|\r\x1b\\[K")

func TestOnATerminal(t *testing.T) {
	t.Parallel()
	server := newServer(t, hostileFleet()...)
	for _, format := range []string{"table", "record", "json", "ndjson", "csv", "ids", "ssh-config", "summary"} {
		got := onATerminal(t, server, "xterm", "-o", format)
		if !strings.Contains(got, "instances\n") || controls(ownSequences.ReplaceAllString(got, "")) {
			t.Errorf("%s: %.300q", format, got)
		}
		if colored := strings.Contains(got, "\x1b[1m"); colored != (format == "table" || format == "record" || format == "summary") {
			t.Errorf("%s has colors: %v", format, colored)
		}
	}
	if got := onATerminal(t, server, "dumb"); strings.ContainsAny(got, "\x1b\r") {
		t.Errorf("escape sequences on a terminal that does not support them: %.300q", got)
	}

	slow := newServer(t, fleet(1000)...)
	slow.Configure(func(s *ecstest.Settings) { s.Latency = 150e6 })
	if got := onATerminal(t, slow, "xterm"); !regexp.MustCompile("\r\x1b\\[Klisting: [1-9][0-9]* instances so far in cn-hangzhou\r").MatchString(got) {
		t.Errorf("the progress is not shown: %.300q", got)
	}
}
