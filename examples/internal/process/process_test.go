package process

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
)

// TestWatch verifies that a second Ctrl-C ends the program immediately, and that a second SIGTERM does not.
func TestWatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		signals []os.Signal
		pause   time.Duration // the pause between two signals
		exits   int
	}{
		{"one", []os.Signal{syscall.SIGTERM}, 0, 0},
		{"terminated twice, as by timeout(1)", []os.Signal{syscall.SIGTERM, syscall.SIGTERM}, time.Millisecond, 0},
		{"terminated several times", []os.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGTERM}, 5 * time.Second, 0},
		{"Ctrl-C delivered twice", []os.Signal{os.Interrupt, os.Interrupt}, 10 * time.Millisecond, 0},
		{"a second Ctrl-C", []os.Signal{os.Interrupt, os.Interrupt}, time.Second, 1},
		{"Ctrl-C after being terminated", []os.Signal{syscall.SIGTERM, os.Interrupt}, time.Second, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			signals := make(chan os.Signal)
			cancelled, exits := 0, 0
			done := make(chan struct{})
			go func() {
				watch(signals, func() { cancelled++ }, func(int) { exits++ })
				close(done)
			}()
			for _, s := range tt.signals {
				signals <- s
				time.Sleep(tt.pause)
			}
			close(signals)
			<-done
			if cancelled != 1 || exits != tt.exits {
				t.Errorf("%s: cancelled %d times, %d exits, want %d", tt.name, cancelled, exits, tt.exits)
			}
		})
	}
}

func TestSay(t *testing.T) {
	t.Parallel()
	for _, text := range hostile.Escapes() {
		var b strings.Builder
		Say(&b, "x")(text)
		if strings.ContainsAny(b.String(), "\x1b\r\t\u202e\u009b") || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%q: %q", text, b.String())
		}
	}
}
