// Command prometheus-sd is a server that provides the ECS instances of an Alibaba Cloud account to Prometheus. The
// README shows the configuration of Prometheus. To run the server without an account:
//
//	go run ./examples/prometheus-sd -demo
//	go run ./examples/prometheus-sd -h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/process"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

const help = `prometheus-sd provides the ECS instances of an Alibaba Cloud account to Prometheus (http_sd_configs).

  prometheus-sd -demo                             serve generated instances, without an account
  prometheus-sd -region all -port 9100,9256       serve all regions, with two exporters on each instance
  prometheus-sd -region cn-hangzhou -tag env=prod -status Running -listen :9465
  prometheus-sd -region all -once >ecs.json       print a list for file_sd_configs

The server provides /sd for Prometheus, /metrics with its own metrics, and /healthz.

Where
` + selection.WhereHelp + `
` + selection.WhichHelp + `
Targets
  -port N[,N...]       the ports of the exporters (default 9100); each instance gets one target for each port
  -prefer-public       use the public address of an instance if there is one, and otherwise the private address

The server
  -listen ADDR         the address to listen on (default 127.0.0.1:9465). Every client that can connect can read the
                       list
  -allow-host H[,H...] additional host names that requests may use for the server. IP addresses, localhost, the name of
                       this machine and the host in -listen are always allowed. The server rejects all other names, so
                       that a web page cannot read the list through DNS rebinding
  -interval D          the time between two listings of a region (default 1m, at least 5s), varied by up to a tenth. For
                       a region that fails, the interval grows to up to 5 minutes
  -stale-after D       /healthz reports an error if no region could be listed for this time (default 5 intervals).
                       Before it serves the first list, the server waits up to this time for an unavailable region
  -state FILE          save the instances in this file and load them at the start, so that a region that fails keeps its
                       targets after a restart
  -once                print the list and exit; if a region fails, the list omits the region, and the exit code is 6
  -v                   log every request to the API

` + selection.CredentialsHelp + `
Exit codes
` + failure.ExitCodes + `  6    the list that -once printed is incomplete: a region or part of an instance is missing
  130  the program was interrupted
The server exits with code 0 after SIGTERM or Ctrl-C. The server keeps running if the API fails.
`

func main() {
	p := program{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, connect: demo.Client, minInterval: minInterval}
	process.Main(p.run)
}

// program contains the inputs and outputs of the program, which tests replace.
type program struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	connect        selection.Connect
	minInterval    time.Duration
}

// config contains the values of the flags.
type config struct {
	selection.Selection

	ports                []string
	listen               string
	allowHosts           []string
	interval, staleAfter time.Duration
	state                string
	once, verbose, help  bool
}

// minInterval is the minimum value of -interval.
const minInterval = 5 * time.Second

// define defines the flags.
func (c *config) define(fs *flag.FlagSet) (ports *string) {
	c.Define(fs, nil, time.Now())
	fs.BoolVar(&c.PreferPublic, "prefer-public", false, "")
	ports = fs.String("port", "9100", "")
	fs.StringVar(&c.listen, "listen", "127.0.0.1:9465", "")
	fs.Func("allow-host", "", func(text string) error { c.allowHosts = append(c.allowHosts, selection.Split(text)...); return nil })
	fs.DurationVar(&c.interval, "interval", time.Minute, "")
	fs.DurationVar(&c.staleAfter, "stale-after", 0, "")
	fs.StringVar(&c.state, "state", "", "")
	fs.BoolVar(&c.once, "once", false, "")
	fs.BoolVar(&c.verbose, "v", false, "")
	return ports
}

func parse(args []string, getenv func(string) string, minInterval time.Duration) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("prometheus-sd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	ports := c.define(fs)
	if err := wording.CheckValues(args, fs); err != nil {
		return nil, err
	}
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		c.help = true
		return c, nil
	} else if err != nil {
		return nil, wording.Usage(err, fs)
	}
	if fs.NArg() > 0 {
		return nil, wording.Stray(fs.Arg(0))
	}
	for port := range strings.SplitSeq(*ports, ",") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("-port %q: must be numbers from 1 to 65535", *ports)
		}
		c.ports = append(c.ports, port)
	}
	if _, _, err := net.SplitHostPort(c.listen); err != nil {
		suggestion := ""
		if _, err := strconv.ParseUint(c.listen, 10, 16); err == nil {
			suggestion = ": did you mean :" + c.listen + "?"
		}
		return nil, fmt.Errorf("-listen %q: must be HOST:PORT or :PORT%s", c.listen, suggestion)
	}
	if c.interval < minInterval {
		return nil, fmt.Errorf("-interval %s: must be %s or more, because all clients of an account share the API quota", c.interval, minInterval)
	}
	if c.staleAfter < 0 {
		return nil, fmt.Errorf("-stale-after %s: must not be negative", c.staleAfter)
	}
	if c.once && c.state != "" {
		return nil, errors.New("-state has no effect with -once")
	}
	if c.staleAfter == 0 {
		c.staleAfter = 5 * c.interval
	}
	return c, c.Finish(getenv)
}

// run executes one command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	c, err := parse(args, p.getenv, p.minInterval)
	if err != nil {
		p.say(err.Error() + " (-h for help)")
		return failure.ExitUsage
	}
	if c.help {
		fmt.Fprint(p.stdout, help)
		return failure.ExitOK
	}
	level := slog.LevelInfo
	if c.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level}))
	if c.once && !c.verbose { // -once reports failures at the end instead of logging them
		logger = slog.New(slog.DiscardHandler)
	}
	m := newMetrics()
	sources, done, err := c.Open(p.connect, func(opts *ecs.Options) { opts.Logger, opts.OnAttempt = logger, m.attempt })
	if err != nil {
		return c.Setup().Report(p.say, err)
	}
	defer done()
	if c.once {
		if c.Demo {
			p.say(demo.Notice())
		}
		return p.once(ctx, c, sources)
	}
	d, err := newDiscovery(c, sources, logger, m)
	if err != nil {
		return c.Setup().Report(p.say, err)
	}
	m.registry.MustRegister(d)
	return p.serve(ctx, d, c)
}

// once prints the list of targets and returns the exit code.
func (p *program) once(ctx context.Context, c *config, sources []selection.Source) int {
	all := fleet{}
	var failures []error
	for inst, err := range selection.Instances(ctx, sources) {
		if err != nil {
			failures = append(failures, err)
		} else {
			all.add(inst)
		}
	}
	if ctx.Err() != nil {
		p.say("interrupted")
		return failure.ExitInterrupted
	}
	for _, warning := range c.UselessExclusions(ctx, sources) {
		p.say(warning)
	}
	code := failure.ExitOK
	if len(failures) > 0 {
		if code = c.Setup().Report(p.say, failures...); len(all) == 0 {
			return code
		}
		p.say("the list is incomplete, but all instances that could be listed were printed")
		code = failure.ExitIncomplete
	}
	list, summaries := (&discovery{selection: &c.Selection, ports: c.ports}).render(all)
	unreachable := 0
	for _, sum := range summaries {
		unreachable += sum.unreachable
	}
	if unreachable > 0 {
		p.say(fmt.Sprintf("instances left out because they have no address: %d", unreachable))
	}
	if _, err := p.stdout.Write(list); err != nil {
		p.say("cannot write the list: " + err.Error())
		return failure.ExitFailed
	}
	return code
}

// serve runs the server until ctx is done and returns the exit code.
func (p *program) serve(ctx context.Context, d *discovery, c *config) int {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		p.say("-listen: " + err.Error())
		return failure.ExitFailed
	}
	if c.Demo {
		d.log.Info(demo.Notice())
	}
	d.log.Info("serving", "url", "http://"+listener.Addr().String()+"/sd")

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler: rejectUnknownHosts(d.handler(), c.listen, c.allowHosts), ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
		ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute,
	}
	var running sync.WaitGroup
	running.Go(func() { d.run(ctx) })
	running.Go(func() { d.warn(ctx) })
	running.Go(func() {
		<-ctx.Done()
		patience, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		_ = server.Shutdown(patience) // requests still in progress after the timeout are aborted
	})
	err = server.Serve(listener)
	cancel()
	running.Wait()
	if !errors.Is(err, http.ErrServerClosed) {
		p.say(err.Error())
		return failure.ExitFailed
	}
	d.log.Info("stopped")
	return failure.ExitOK
}

// say writes a message to stderr, prefixed with the name of the program.
func (p *program) say(line string) { process.Say(p.stderr, "prometheus-sd")(line) }
