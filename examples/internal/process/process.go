// Package process contains the signal handling and the stderr messages that all programs share.
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

// sameSignal is the period after the first signal in which a second signal is ignored. A process may receive the same
// signal twice within this period, because timeout(1) and service managers send the signal to the process and to its
// process group.
const sameSignal = 500 * time.Millisecond

// Main calls run and exits with the code that run returns. SIGINT, SIGTERM and SIGHUP cancel the context, so that run
// can print its partial results. If the parent process made this process ignore a signal, as nohup does with SIGHUP,
// the signal is still ignored. A second Ctrl-C ends the process immediately.
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

// watch calls cancel when the first signal arrives. If the user presses Ctrl-C more than sameSignal later, watch
// calls exit.
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

// Say returns a function that writes the program's name and a line to stderr. The function removes control
// characters, because a line may quote names or responses, which must not control the terminal.
func Say(stderr io.Writer, program string) func(line string) {
	return func(line string) { fmt.Fprintln(stderr, program+": "+terminal.Printable(line)) }
}
