// Command inventory lists the ECS instances of an Alibaba Cloud account, as a table and in formats for scripts. Try it
// without an account:
//
//	go run ./examples/inventory -demo
//	go run ./examples/inventory -h
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

func main() {
	os.Exit(withSignals(os.Args[1:]))
}

func withSignals(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)   // a second Ctrl-C ends the program at once
	signal.Ignore(syscall.SIGPIPE) // `| head`: the write fails instead, and the terminal is left tidy
	// Terminals show characters of ambiguous width narrow, in Chinese locales too.
	text.OverrideRuneWidthEastAsianWidth(false)
	p := program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now(), connect: demo.Client}
	return p.run(ctx, args)
}

// program is run with what it uses of the world.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            time.Time
	connect        func(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error)
}

// The exit codes, as -h explains them.
const (
	exitOK = iota
	exitFailed
	exitUsage
	exitForbidden
	exitCredentials
	exitUnavailable
	exitIncomplete
	exitNotFound
	exitInterrupted = 130
)

var (
	errTimeout     = errors.New("-timeout ran out")
	errInterrupted = errors.New("interrupted")
)

// run carries out one command line and gives its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	c, err := parse(args, interruptible(ctx, p.stdin), p.getenv, p.now)
	switch {
	case err != nil && ctx.Err() != nil:
		return p.fail(ctx, 0, err)
	case err != nil:
		p.say(err.Error() + " (-h for help)")
		return exitUsage
	}
	if c.help != "" {
		fmt.Fprint(p.stdout, c.help)
		return exitOK
	}
	if c.format.name == "html" && isTerminal(p.stdout) {
		p.say("-o html writes a page for a browser: say where, such as > fleet.html")
		return exitUsage
	}
	if c.look.demo {
		p.say("demo: these instances are made up, as of " + demo.Now().Format(time.DateOnly))
	}
	if c.verbose {
		c.options.Logger = slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.timeout, errTimeout)
		defer cancel()
	}
	if c.workers > 0 && len(c.regions) != 1 {
		p.say("-workers is for a single region: several are listed at once, by one chain of requests each")
	}
	client, done, err := p.connect(c.look.demo, c.home, &c.options)
	if err != nil {
		return p.fail(ctx, 0, err)
	}
	defer done()
	if c.dryRun {
		return p.dryRun(ctx, client, c)
	}
	return p.list(ctx, client, c)
}

// readerFunc is called for each read.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// interruptible gives up a read when ctx ends: who sits at the terminal may have nothing to type but Ctrl-C.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	type result struct {
		n   int
		err error
	}
	return readerFunc(func(b []byte) (int, error) {
		own, done := make([]byte, len(b)), make(chan result, 1)
		go func() {
			n, err := r.Read(own)
			done <- result{n, err}
		}()
		select {
		case read := <-done:
			return copy(b, own[:read.n]), read.err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
}

// list prints what matches.
func (p *program) list(ctx context.Context, client *ecs.Client, c *config) int {
	out := bufio.NewWriterSize(p.stdout, 64<<10)
	width := terminalWidth(p.stdout)
	var notes []string
	l := c.look
	l.width, l.color = width, width > 0 && p.getenv("NO_COLOR") == ""
	l.note = func(s string) { notes = append(notes, s) }
	r := c.format.new(out, l)
	var all iter.Seq2[ecs.Instance, error]
	switch {
	case len(c.regions) != 1:
		all = selection.Instances(ctx, client, c.regions, c.request)
	case c.workers > 0:
		all = client.ScanInstances(ctx, c.request, &ecs.ScanOptions{Workers: c.workers})
	default:
		all = client.Instances(ctx, c.request)
	}
	all = counted(all, p.progress(c))
	if c.sort != nil {
		all = sorted(all, c.sort)
	}

	printed := 0
	wanted := map[string]bool{} // and not found yet
	if c.idsAlone() {
		for _, id := range c.request.InstanceIDs {
			wanted[id] = true
		}
	}
	ids := len(wanted)
	var failures []error
	var outputErr error
	for inst, err := range all {
		if err != nil {
			failures = append(failures, err) // and go on: after a region's error others follow
			continue
		}
		printed++
		delete(wanted, inst.InstanceID)
		if outputErr = r.add(inst); outputErr == nil && printed%100 == 0 {
			outputErr = out.Flush() // a consumer sees pages as they come
		}
		if outputErr != nil || printed == c.limit {
			break
		}
	}
	missing := causes(ctx, failures)
	if len(failures) == 0 && len(wanted) > 0 {
		missing = []error{notFound(slices.Sorted(maps.Keys(wanted)), ids)}
	}
	if outputErr == nil && (printed > 0 || len(failures) == 0) { // an empty list after a failure would say "there are none"
		outputErr = r.end(missing)
	}
	outputErr = errors.Join(outputErr, out.Flush())
	for _, note := range notes {
		p.say(note)
	}
	switch {
	case errors.Is(outputErr, syscall.EPIPE):
		return exitOK // `| head` has seen enough
	case outputErr != nil:
		p.say("cannot write the list: " + outputErr.Error())
		return exitFailed
	case len(failures) > 0:
		return p.fail(ctx, printed, failures...)
	case len(wanted) > 0:
		p.say(missing[0].Error())
		return exitNotFound
	case printed == 0:
		p.say("no instance matches")
		for _, hint := range hints(c.request) {
			p.say(hint)
		}
	case isTerminal(p.stderr):
		p.say(fmt.Sprintf("%d instances", printed))
	}
	return exitOK
}

// zone is how ids of zones end, and those of regions do not.
var zone = regexp.MustCompile(`(-|\d)[a-z]$`)

// hints are guesses at why nothing matches: values that the API compares without a word, and that look like another flag's.
func hints(r ecs.DescribeInstancesRequest) (list []string) {
	if r.InstanceName != "" && !strings.Contains(r.InstanceName, "*") {
		list = append(list, "-name is the whole name: try "+shellWord("*"+r.InstanceName+"*"))
	}
	if strings.Count(r.InstanceType, ".") == 1 {
		list = append(list, "-type is a type such as "+r.InstanceType+".large: for the family try -family "+shellWord(r.InstanceType))
	}
	if r.ZoneID != "" && !zone.MatchString(r.ZoneID) {
		list = append(list, "-zone is a zone such as cn-hangzhou-h: for a region try -region "+shellWord(r.ZoneID))
	}
	return list
}

// notFound names ids that a complete listing has not shown.
func notFound(ids []string, of int) error {
	const most = 20
	text := strings.Join(ids[:min(len(ids), most)], ", ")
	if n := len(ids) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("%d of %d ids not found: %s", len(ids), of, text)
}

// counted shows the progress of a listing.
func counted(all iter.Seq2[ecs.Instance, error], progress *progressbar.ProgressBar) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		defer progress.Finish() //nolint:errcheck // of a display
		for inst, err := range all {
			if err == nil {
				_ = progress.Add(1)
			}
			if !yield(inst, err) {
				return
			}
		}
	}
}

// sorted reads a listing to its end and yields it in order. Errors come first: a limit must not cut them off.
func sorted(all iter.Seq2[ecs.Instance, error], compare func(a, b ecs.Instance) int) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		var instances []ecs.Instance
		var failures []error
		for inst, err := range all {
			if err != nil {
				failures = append(failures, err)
			} else {
				instances = append(instances, inst)
			}
		}
		slices.SortStableFunc(instances, compare)
		for _, err := range failures {
			if !yield(ecs.Instance{}, err) {
				return
			}
		}
		for _, inst := range instances {
			if !yield(inst, nil) {
				return
			}
		}
	}
}

// dryRun prints for each region whether the listing would be permitted.
func (p *program) dryRun(ctx context.Context, client *ecs.Client, c *config) int {
	regions, request := c.regions, c.request
	request.InstanceIDs = request.InstanceIDs[:min(len(request.InstanceIDs), 100)] // a single request takes no more
	if regions == nil {
		all, err := client.DescribeRegions(ctx, ecs.DescribeRegionsRequest{})
		if err != nil {
			return p.fail(ctx, 0, err)
		}
		for _, r := range all.Regions {
			regions = append(regions, r.RegionID)
		}
		if len(regions) == 0 {
			return p.fail(ctx, 0, errors.New("DescribeRegions names no region, so nothing is known about the permission"))
		}
	}
	var failures []error
	for _, region := range regions {
		regional, err := client.InRegion(region)
		if err == nil {
			err = regional.DryRun(ctx, request)
		}
		switch {
		case err == nil:
			fmt.Fprintf(p.stdout, "%-20s permitted\n", region)
			continue
		case errors.Is(err, ecs.ErrForbidden):
			fmt.Fprintf(p.stdout, "%-20s denied\n", region)
		default:
			fmt.Fprintf(p.stdout, "%-20s unknown\n", region)
		}
		failures = append(failures, err)
		if ctx.Err() != nil {
			break
		}
	}
	if len(failures) == 0 {
		return exitOK
	}
	return p.fail(ctx, 0, failures...)
}

// fail explains what went wrong and gives the exit code.
func (p *program) fail(ctx context.Context, printed int, failures ...error) int {
	failures = slices.SortedStableFunc(slices.Values(failures), func(a, b error) int { // which region answers first is chance
		return strings.Compare(a.Error(), b.Error())
	})
	code := exitCode(failures[0])
	var regional *ecs.RegionError
	if errors.As(failures[0], &regional) && printed > 0 {
		code = exitIncomplete
	}
	failures = causes(ctx, failures)
	switch {
	case errors.Is(failures[0], errTimeout):
		code = exitIncomplete
	case errors.Is(failures[0], errInterrupted):
		code = exitInterrupted
	}

	const most = 10
	var advice []string
	for i, err := range failures {
		if i < most {
			p.say(wording.Plain(err))
		}
		if a := adviceFor(err); a != "" && !slices.Contains(advice, a) {
			advice = append(advice, a)
		}
	}
	if n := len(failures) - most; n > 0 {
		p.say(fmt.Sprintf("and %d more failures", n))
	}
	for _, a := range advice {
		p.say(a)
	}
	if printed > 0 {
		p.say(fmt.Sprintf("the list is incomplete: %d instances were printed, there may be more", printed))
	}
	return code
}

// causes are the failures, or what made them all when ctx has ended.
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

func exitCode(err error) int {
	var incomplete *ecs.IncompleteError
	var cappedError *ecs.CappedError
	unreadable, capped := errors.As(err, &incomplete), errors.As(err, &cappedError)
	switch {
	case unreadable, capped:
		return exitIncomplete
	case errors.Is(err, ecs.ErrCredentials):
		return exitCredentials
	case errors.Is(err, ecs.ErrForbidden):
		return exitForbidden
	case errors.Is(err, ecs.ErrThrottled), errors.Is(err, ecs.ErrUnavailable):
		return exitUnavailable
	case errors.Is(err, ecs.ErrInvalidParameter):
		return exitUsage
	default:
		return exitFailed
	}
}

// adviceFor says what to do where the error's own text does not.
func adviceFor(err error) string {
	switch exitCode(err) {
	case exitCredentials:
		return "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (for a temporary key also ALIBABA_CLOUD_SECURITY_TOKEN) or a profile in ~/.aliyun/config.json; -demo needs none"
	case exitForbidden:
		return "the system policy AliyunECSReadOnlyAccess permits listing; -dry-run checks again"
	case exitUnavailable:
		if !errors.Is(err, ecs.ErrThrottled) {
			return "check the network and -endpoint; inside a VPC without public access use -network vpc"
		}
	}
	return ""
}

// say writes a line for the person at the terminal.
func (p *program) say(line string) { fmt.Fprintln(p.stderr, "inventory: "+line) }

// progress counts on stderr when that is a terminal and nothing else is being written to it.
func (p *program) progress(c *config) *progressbar.ProgressBar {
	buffered := c.sort != nil || c.format.whole
	where := "all regions"
	if c.regions != nil {
		where = strings.Join(c.regions, ", ")
	}
	return progressbar.NewOptions(-1,
		progressbar.OptionSetVisibility(isTerminal(p.stderr) && !c.verbose && (buffered || !isTerminal(p.stdout))),
		progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionSetDescription("listing "+where),
		progressbar.OptionShowCount(),
		progressbar.OptionShowTotalBytes(false),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish(),
	)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalWidth is 0 when w is no terminal.
func terminalWidth(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 80
	}
	return max(width, 1)
}
