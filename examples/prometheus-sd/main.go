// Command prometheus-sd tells Prometheus which ECS instances there are: a server for http_sd_configs. Its README shows
// the configuration of Prometheus. Try it without an account:
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
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

const help = `prometheus-sd tells Prometheus which ECS instances an Alibaba Cloud account has (http_sd_configs).

  prometheus-sd -demo                             a made-up fleet, no account needed
  prometheus-sd -region all -port 9100,9256       all regions, two exporters on each instance
  prometheus-sd -region cn-hangzhou -tag env=prod -status Running -listen :9465
  prometheus-sd -region all -once >ecs.json       a list for file_sd_configs

It serves /sd for Prometheus, /metrics about itself, and /healthz.

` + selection.Help + `
What to say of them
  -port N[,N...]       the ports of the exporters, a target for each; default 9100

The server
  -listen ADDR         default 127.0.0.1:9465; whoever reaches it sees the list
  -interval D          how often to ask the API, give or take a tenth; default 1m, at least 5s
  -stale-after D       when nothing could be read for so long, /healthz says so; a refresh may take no longer; default
                       5 intervals. A first list that lacks a region waits for it as long.
  -once                print the list and exit, or fail and print nothing
  -v                   log every refresh and every request to the API

Credentials are the first there are: environment (ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET,
ALIBABA_CLOUD_SECURITY_TOKEN), OIDC role, CLI profile (~/.aliyun/config.json), profile file, instance RAM role,
credentials URI.

` + selection.ExitCodes + `
The server itself ends with 0 when it is told to (SIGTERM, Ctrl-C), and never because of the API.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	p := program{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, connect: demo.Client}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is run with what it uses of the world.
type program struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	connect        func(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error)
}

// config is the command line, understood.
type config struct {
	selection.Selection
	ports                []string
	listen               string
	interval, staleAfter time.Duration
	once, verbose, help  bool
}

// shortest is the least interval: each refresh lists all regions anew.
const shortest = 5 * time.Second

func parse(args []string, getenv func(string) string) (*config, error) {
	c := &config{}
	fs := flag.NewFlagSet("prometheus-sd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.Define(fs)
	ports := fs.String("port", "9100", "")
	fs.StringVar(&c.listen, "listen", "127.0.0.1:9465", "")
	fs.DurationVar(&c.interval, "interval", time.Minute, "")
	fs.DurationVar(&c.staleAfter, "stale-after", 0, "")
	fs.BoolVar(&c.once, "once", false, "")
	fs.BoolVar(&c.verbose, "v", false, "")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		c.help = true
		return c, nil
	} else if err != nil {
		return nil, wording.Usage(err, fs)
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("%q is not understood: everything is said with flags", fs.Arg(0))
	}
	for port := range strings.SplitSeq(*ports, ",") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("-port %q: want numbers from 1 to 65535", *ports)
		}
		c.ports = append(c.ports, port)
	}
	if _, _, err := net.SplitHostPort(c.listen); err != nil {
		hint := ""
		if _, err := strconv.ParseUint(c.listen, 10, 16); err == nil {
			hint = ": did you mean :" + c.listen + "?"
		}
		return nil, fmt.Errorf("-listen %q: want HOST:PORT or :PORT%s", c.listen, hint)
	}
	if c.interval < shortest {
		return nil, fmt.Errorf("-interval %s: want %s or more, since all that ask the API for this account share its quota", c.interval, shortest)
	}
	if c.staleAfter < 0 {
		return nil, fmt.Errorf("-stale-after %s is negative", c.staleAfter)
	}
	if c.staleAfter == 0 {
		c.staleAfter = 5 * c.interval
	}
	return c, c.Finish(getenv)
}

// run carries out one command line and gives its exit code.
func (p *program) run(ctx context.Context, args []string) int {
	c, err := parse(args, p.getenv)
	if err != nil {
		p.say(err.Error() + " (-h for help)")
		return selection.ExitUsage
	}
	if c.help {
		fmt.Fprint(p.stdout, help)
		return selection.ExitOK
	}
	level := slog.LevelInfo
	if c.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level}))
	m := newMetrics()
	c.Options.Logger, c.Options.OnAttempt = logger, m.attempt
	client, done, err := p.connect(c.Demo, c.Home, &c.Options)
	if err != nil {
		return selection.Report(p.say, err)
	}
	defer done()
	d := &discovery{
		client: client, selection: &c.Selection, ports: c.ports, interval: c.interval, staleAfter: c.staleAfter,
		log: logger, metrics: m, started: time.Now(),
	}
	m.registry.MustRegister(d)
	if c.once {
		return p.once(ctx, d)
	}
	return p.serve(ctx, d, c)
}

// once prints one list, if all of it could be read.
func (p *program) once(ctx context.Context, d *discovery) int {
	fresh, failed := d.read(ctx)
	if ctx.Err() != nil {
		p.say("interrupted")
		return selection.ExitInterrupted
	}
	if len(failed) > 0 {
		var failures []error
		for name, err := range failed {
			if name != "" {
				err = &ecs.RegionError{Region: name, Err: err}
			}
			failures = append(failures, err)
		}
		return selection.Report(p.say, failures...)
	}
	d.regions, _ = d.merge(fresh, nil, time.Now())
	list, _ := d.render()
	if _, err := p.stdout.Write(list); err != nil {
		return selection.Report(p.say, fmt.Errorf("cannot write the list: %w", err))
	}
	return selection.ExitOK
}

// serve runs until ctx ends.
func (p *program) serve(ctx context.Context, d *discovery, c *config) int {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if err != nil {
		return selection.Report(p.say, fmt.Errorf("-listen: %w", err))
	}
	if c.Demo {
		d.log.Info("demo: these instances are made up")
	}
	d.log.Info("serving", "url", "http://"+listener.Addr().String()+"/sd")

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler: d.handler(), ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
		ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 5 * time.Minute,
	}
	var running sync.WaitGroup
	running.Go(func() { d.run(ctx) })
	running.Go(func() {
		<-ctx.Done()
		patience, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		_ = server.Shutdown(patience) // who is still reading then is cut off
	})
	err = server.Serve(listener)
	cancel()
	running.Wait()
	if !errors.Is(err, http.ErrServerClosed) {
		return selection.Report(p.say, err)
	}
	d.log.Info("stopped")
	return selection.ExitOK
}

// say writes a line for the person at the terminal.
func (p *program) say(line string) { fmt.Fprintln(p.stderr, "prometheus-sd: "+line) }
