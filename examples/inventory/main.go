// Command inventory lists the ECS instances of an Alibaba Cloud account as a table for people or in a format for
// scripts. To run the program without an account:
//
//	go run ./examples/inventory -demo
//	go run ./examples/inventory -h
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/process"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

func main() {
	signal.Ignore(syscall.SIGPIPE) // a write to a closed pipe then returns an error
	p := program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now(), connect: demo.Client}
	process.Main(p.run)
}

// program contains the inputs and outputs of the program, which tests replace.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            time.Time
	connect        selection.Connect
}

var (
	errTimeout     = errors.New("-timeout expired")
	errInterrupted = errors.New("interrupted")
)

// run executes one command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	c, err := parse(args, selection.Interruptible(ctx, p.stdin), p.getenv, p.now)
	switch {
	case err != nil && ctx.Err() != nil:
		return p.fail(ctx, c, 0, err)
	case err != nil:
		help := "-h for help"
		if errors.As(err, new(columnError)) {
			help = "-columns help lists all columns"
		}
		p.say(err.Error() + " (" + help + ")")
		return failure.ExitUsage
	}
	if c.help != "" {
		fmt.Fprint(p.stdout, c.help)
		return failure.ExitOK
	}
	if c.format.name == "html" && terminal.IsTerminal(p.stdout) {
		p.say("-o html writes a page for a browser: redirect it to a file, such as > fleet.html")
		return failure.ExitUsage
	}
	if c.Demo {
		p.say(demo.Notice())
	}
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.timeout, errTimeout)
		defer cancel()
	}
	sources, done, err := c.Open(p.connect, func(opts *ecs.Options) {
		if c.verbose {
			opts.Logger = slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
	})
	if err != nil {
		return p.fail(ctx, c, 0, err)
	}
	defer done()
	if c.watch > 0 {
		p.warn(ctx, c, sources) // print warnings now, because a watch may run for days
		return p.watch(ctx, c, sources)
	}
	defer p.warn(ctx, c, sources)
	if c.doctor || c.dryRun {
		return p.check(ctx, c, sources)
	}
	return p.list(ctx, c, sources)
}

// warn prints a warning for each nonexistent region in -exclude-region.
func (p *program) warn(ctx context.Context, c *config, sources []selection.Source) {
	for _, warning := range c.UselessExclusions(ctx, sources) {
		p.say(warning)
	}
}

// fail reports the failures and returns the exit code. The argument printed is the number of instances that have been
// printed. If it is not 0, fail also reports that the list is incomplete.
func (p *program) fail(ctx context.Context, c *config, printed int, failures ...error) int {
	first := failure.Sorted(failures)[0]
	failures = causes(ctx, failures)
	setup := failure.Setup{}
	if c != nil {
		setup = c.Setup()
	}
	code := setup.Report(p.say, failures...)
	var regional *ecs.RegionError
	var account *failure.AccountError
	switch {
	case errors.Is(failures[0], errInterrupted):
		code = failure.ExitInterrupted
	case errors.Is(failures[0], errTimeout), printed > 0 && !c.oneRegion() && (errors.As(first, &regional) || errors.As(first, &account)):
		code = failure.ExitIncomplete
	}
	if printed > 0 {
		p.say(fmt.Sprintf("the list is incomplete: %s printed, but there may be more", instances(printed)))
	}
	return code
}

// causes returns the failures to report. After a timeout or an interrupt, other failures are not reported.
func causes(ctx context.Context, failures []error) []error {
	switch {
	case len(failures) == 0 || ctx.Err() == nil:
		return failures
	case errors.Is(context.Cause(ctx), errTimeout):
		return []error{errTimeout}
	default:
		return []error{errInterrupted}
	}
}

// instances formats a number of instances, such as "1 instance" or "1,500 instances".
func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return thousands(n) + " instances"
}

// say writes a message to stderr, prefixed with the name of the program.
func (p *program) say(line string) { process.Say(p.stderr, "inventory")(line) }
