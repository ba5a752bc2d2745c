package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestMain runs the tests. In a process that TestSignals has started, TestMain runs a small program that exits when
// it receives a signal.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_PROCESS") == "" {
		os.Exit(m.Run())
	}
	Main(func(ctx context.Context, _ []string) int {
		fmt.Println("ready")
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			select {
			case <-ctx.Done():
				return 7
			case <-time.After(200 * time.Millisecond):
				fmt.Println("running")
			}
		}
		return 8
	})
}

// TestSignals verifies that each signal ends the program, unless the parent process has set the signal to be ignored.
func TestSignals(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals")
	}
	for _, tt := range []struct {
		start  string // the shell command that starts the program
		signal syscall.Signal
		ends   bool
	}{
		{`exec "$0"`, syscall.SIGINT, true},
		{`exec "$0"`, syscall.SIGTERM, true},
		{`exec "$0"`, syscall.SIGHUP, true},
		{`trap "" INT; exec "$0"`, syscall.SIGINT, false},
		{`trap "" INT; exec "$0"`, syscall.SIGTERM, true},
		{`trap "" INT; exec "$0"`, syscall.SIGHUP, true},
		{`trap "" HUP; exec "$0"`, syscall.SIGHUP, false},
		{`trap "" HUP; exec "$0"`, syscall.SIGINT, true},
	} {
		t.Run(fmt.Sprintf("%s %s", tt.start, tt.signal), func(t *testing.T) {
			t.Parallel()
			if tt.ends && signal.Ignored(tt.signal) {
				t.Skip("the tests were started with this signal ignored, and a shell cannot change that")
			}
			c := exec.CommandContext(t.Context(), "/bin/sh", "-c", tt.start, os.Args[0])
			c.Env = append(os.Environ(), "TEST_RUN_PROCESS=1")
			in, err := c.StdinPipe()
			out, err2 := c.StdoutPipe()
			if err = errors.Join(err, err2); err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			if lines.Scan(); lines.Text() != "ready" {
				t.Fatalf("%q", lines.Text())
			}
			if err = c.Process.Signal(tt.signal); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(in, "\n")
			_ = in.Close()
			running := lines.Scan() && lines.Text() == "running"
			_ = c.Wait()
			if want := map[bool]int{true: 7, false: 8}[tt.ends]; running == tt.ends || c.ProcessState.ExitCode() != want {
				t.Errorf("running %v, exit code %d, want %d", running, c.ProcessState.ExitCode(), want)
			}
		})
	}
}
