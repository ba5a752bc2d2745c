package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// command returns a command that runs the program in a separate process, for tests of signals, pipes and environment
// variables.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], args...) //nolint:noctx // the test ends the process with signals
	c.Env = []string{"TEST_RUN_INVENTORY=1", "HOME=" + t.TempDir(), "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true"}
	return c
}

func TestProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals")
	}
	s := newServer(t, fleet(1000)...)
	key := s.Credentials()
	env := []string{"ALIBABA_CLOUD_ACCESS_KEY_ID=" + key.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + key.AccessKeySecret, "ALIBABA_CLOUD_REGION_ID=cn-hangzhou"}

	t.Run("credentials from the environment", func(t *testing.T) {
		t.Parallel()
		c := command(t, "-endpoint", s.URL(), "-o", "ids")
		c.Env = append(c.Env, env...)
		out, err := c.Output()
		if n := bytes.Count(out, []byte("\n")); err != nil || n != 1000 {
			t.Errorf("%d lines: %v", n, err)
		}
	})
	t.Run("no credentials", func(t *testing.T) {
		t.Parallel()
		c := command(t, "-endpoint", s.URL(), "-region", "cn-hangzhou")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		_ = c.Run()
		if c.ProcessState.ExitCode() != failure.ExitCredentials || strings.Count(stderr.String(), "set ALIBABA_CLOUD_ACCESS_KEY_ID") != 1 || strings.Contains(stderr.String(), "Options.") {
			t.Errorf("%v: %s", c.ProcessState, &stderr)
		}
	})
	t.Run("profiles", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, fleet(3)...)
		key := s.Credentials()
		s.AddKey(ecstest.Key{Credentials: signer.Credentials{AccessKeyID: "LTAIother", AccessKeySecret: "other"}})
		c := command(t, "-endpoint", s.URL(), "-profile", "*", "-o", "csv", "-columns", "account,id", "-sort", "account")
		config := fmt.Sprintf(`{"current":"dev","profiles":[{"name":"prod","mode":"AK","access_key_id":"LTAIother","access_key_secret":"other","region_id":"cn-hangzhou"},
			{"name":"dev","mode":"AK","access_key_id":%q,"access_key_secret":%q,"region_id":"cn-hangzhou"},{"name":"old","mode":"AK","access_key_id":"LTAIold","access_key_secret":"old","region_id":"cn-hangzhou"}]}`, key.AccessKeyID, key.AccessKeySecret)
		folder := filepath.Join(strings.TrimPrefix(c.Env[1], "HOME="), ".aliyun")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, _ := c.Output()
		if want := "account,id\ndev,i-0000\ndev,i-0001\ndev,i-0002\nprod,i-0000\nprod,i-0001\nprod,i-0002\n"; string(out) != want || c.ProcessState.ExitCode() != failure.ExitIncomplete || !strings.Contains(stderr.String(), "old: cn-hangzhou: ") {
			t.Errorf("%v: %s%s", c.ProcessState, out, &stderr)
		}
	})
	t.Run("reader leaves", func(t *testing.T) {
		t.Parallel()
		c := command(t, "-endpoint", s.URL(), "-o", "ndjson")
		c.Env = append(c.Env, env...)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(out, make([]byte, 100))
		_ = out.Close()
		_ = c.Wait()
		if err != nil || c.ProcessState.ExitCode() != failure.ExitOK || stderr.Len() > 0 {
			t.Errorf("%v, %v: %s", err, c.ProcessState, &stderr)
		}
	})
	for name, signals := range map[string][]os.Signal{
		"interrupt": {os.Interrupt}, "terminate": {syscall.SIGTERM}, "terminate twice": {syscall.SIGTERM, syscall.SIGTERM, syscall.SIGTERM},
		"interrupt twice at once": {os.Interrupt, os.Interrupt}, "hang up": {syscall.SIGHUP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if slices.ContainsFunc(signals, func(s os.Signal) bool { return signal.Ignored(s) }) {
				t.Skip("the tests were started with this signal ignored")
			}
			slow := newServer(t, fleet(1000)...)
			slow.Inject(ecstest.Fault{Skip: 3, BlackHole: true, Times: -1})
			key := slow.Credentials()
			c := command(t, "-endpoint", slow.URL(), "-o", "ids")
			c.Env = append(c.Env, "ALIBABA_CLOUD_ACCESS_KEY_ID="+key.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET="+key.AccessKeySecret, "ALIBABA_CLOUD_REGION_ID=cn-hangzhou")
			var stderr bytes.Buffer
			c.Stderr = &stderr
			out, err := c.StdoutPipe()
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			some := make([]byte, len("i-0000\n")*300) // the length of three pages of 100 ids
			if _, err := io.ReadFull(out, some); err != nil {
				t.Fatal(err)
			}
			for _, s := range signals {
				_ = c.Process.Signal(s)
			}
			rest, _ := io.ReadAll(out)
			_ = c.Wait()
			if c.ProcessState.ExitCode() != failure.ExitInterrupted || len(rest) > 0 || !strings.Contains(stderr.String(), "300 instances printed") {
				t.Errorf("%v, %d bytes more: %s", c.ProcessState, len(rest), &stderr)
			}
		})
	}
}
