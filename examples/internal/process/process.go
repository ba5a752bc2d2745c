// Package process handles signals and writes messages to stderr for the example programs.
package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// sameSignal is the period after the first signal in which a second Ctrl-C is ignored. Service managers and
// timeout(1) may send the same signal twice, to a process and to its process group.
const sameSignal = 500 * time.Millisecond

// Main calls run and exits with its result. SIGINT, SIGTERM and SIGHUP cancel the context of run, and a second Ctrl-C
// exits immediately. Main does not handle signals that the parent process has set to be ignored.
func Main(run func(ctx context.Context, args []string) int) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 8)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	go watch(signals, cancel, os.Exit)
	code := run(ctx, os.Args[1:])
	cancel()
	os.Exit(code)
}

// watch calls cancel when the first signal arrives. It calls exit if the user presses Ctrl-C more than sameSignal
// after the first signal.
func watch(signals <-chan os.Signal, cancel func(), exit func(code int)) {
	<-signals
	cancel()
	first := time.Now()
	for s := range signals {
		if s == os.Interrupt && time.Since(first) > sameSignal {
			exit(130)
		}
	}
}

// Say returns a function that writes a line to stderr, prefixed with the name of the program. The function replaces
// control characters, because a line may contain strings from the API.
func Say(stderr io.Writer, program string) func(line string) {
	return func(line string) { fmt.Fprintln(stderr, program+": "+terminal.Printable(line)) }
}
