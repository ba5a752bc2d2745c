// Package process contains the process handling that the programs share: signals, and messages on stderr.
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

// sameSignal is how long after a signal another one counts as the same: timeout(1) and service managers signal
// both the process and its group, so that the signal arrives twice.
const sameSignal = 500 * time.Millisecond

// Main runs a program and exits with its code. SIGINT, SIGTERM and SIGHUP cancel the context, so that the program
// can print its results so far; those that the parent ignores, as nohup does with SIGHUP, stay ignored. A second
// Ctrl-C ends the process immediately.
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

// watch calls cancel at the first signal, and exit at a second Ctrl-C.
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

// Say returns a function that writes lines to stderr, each beginning with the program's name. Quoted names or
// responses cannot control the terminal.
func Say(stderr io.Writer, program string) func(line string) {
	return func(line string) { fmt.Fprintln(stderr, program+": "+terminal.Printable(line)) }
}
