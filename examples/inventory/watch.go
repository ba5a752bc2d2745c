package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// shortestWatch is the minimum value of -watch.
const shortestWatch = 5 * time.Second

// checkWatch returns an error if -watch is combined with a flag that does not support it.
func (c *config) checkWatch(given map[string]bool) error {
	if !given["watch"] {
		return nil
	}
	if c.doctor {
		return errors.New("-watch has no effect with doctor, which lists no instances")
	}
	if c.watch < shortestWatch {
		return fmt.Errorf("-watch %s: must be %s or more, because all clients of an account share the API quota", c.watch, shortestWatch)
	}
	if c.format.name != "table" && c.format.name != "ndjson" {
		return fmt.Errorf("-watch supports -o table and -o ndjson, but not -o %s", c.format.name)
	}
	for _, name := range []string{"sort", "limit", "dry-run"} {
		if given[name] {
			return fmt.Errorf("-%s has no effect with -watch", name)
		}
	}
	return nil
}

// watchColumns returns the default columns of -watch.
func watchColumns(accounts bool) (list []column) {
	for _, c := range columns() {
		switch c.name {
		case "id", "name", "status", "private-ip", "type", "zone":
			list = append(list, c)
		case "account":
			if accounts {
				list = append(list, c)
			}
		}
	}
	return list
}

// watch is the state of a running -watch command.
type watch struct {
	c    *config
	out  io.Writer
	look look
	say  func(line string)
	end  context.CancelCauseFunc

	mu     sync.Mutex // guards out and the fields below
	count  map[string]int
	synced int // number of accounts that have been listed
}

// watch prints the existing instances and then each change until ctx is done. It returns the exit code.
func (p *program) watch(ctx context.Context, c *config, sources []selection.Source) int {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	w := &watch{c: c, out: p.stdout, look: c.look, say: p.say, end: end, count: map[string]int{}}
	if c.raw.columns == "" {
		w.look.columns = watchColumns(len(sources) > 1)
	}
	var running sync.WaitGroup
	for _, src := range sources {
		opts := &ecscache.Options{Regions: src.Regions, Interval: c.watch, Workers: c.Workers, OnError: func(err error) { w.failed(src.Wrap(err)) }}
		if src.Regions == nil {
			opts.AllRegions, opts.Exclude = true, c.Exclude
		}
		cache, err := ecscache.New(src.Client, c.Request, opts)
		if err != nil {
			return p.fail(ctx, c, 0, err)
		}
		running.Go(func() { _ = cache.Run(src.Context(ctx)) })
		running.Go(func() {
			for ev := range cache.Watch(ctx) {
				w.show(src, ev)
			}
		})
	}
	running.Wait()
	var stopped stopError
	switch cause := context.Cause(ctx); {
	case errors.As(cause, &stopped) && errors.Is(cause, syscall.EPIPE):
		return failure.ExitOK // the reader, such as `head`, has closed the pipe
	case errors.As(cause, &stopped) && stopped.output:
		p.say("cannot write the list: " + stopped.Error())
		return failure.ExitFailed
	case errors.As(cause, &stopped):
		return c.Setup().Report(p.say, stopped.error)
	case errors.Is(cause, errTimeout) && w.synced == len(sources):
		return failure.ExitOK
	default:
		return p.fail(ctx, c, 0, cause)
	}
}

// stopError is an error that ends a watch. If output is true, the program could not write to stdout. Otherwise, the
// API returned an error that the user must resolve.
type stopError struct {
	error

	output bool
}

func (e stopError) Unwrap() error { return e.error }

// failed reports an error of a cache. If the first listing fails for all selected regions and waiting does not help,
// failed ends the watch.
func (w *watch) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var regional *ecs.RegionError
	var account *failure.AccountError
	one := w.c.oneRegion() || !errors.As(err, &regional) && !errors.As(err, &account)
	if kind := failure.KindOf(err); one && w.synced == 0 && kind.Lasting() && kind != failure.Incomplete {
		w.end(stopError{error: err})
		return
	}
	w.say(failure.Text(err))
}

// show prints a change of an account's instances.
func (w *watch) show(src selection.Source, ev ecscache.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ev.Type == ecscache.EventSynced {
		w.synced++
	} else if ev.Type = w.typeOf(ev); ev.Type == "" {
		return
	}
	switch ev.Type {
	case ecscache.EventAdded:
		w.count[src.Account]++
	case ecscache.EventRemoved:
		w.count[src.Account]--
	case ecscache.EventChanged, ecscache.EventSynced:
	}
	ev.Instance, ev.Old = src.Mark(ev.Instance), src.Mark(ev.Old)
	var err error
	switch {
	case w.c.format.name == "ndjson":
		err = w.writeJSON(src, ev)
	case ev.Type == ecscache.EventSynced:
		what := ""
		if src.Account != "" {
			what = src.Account + ": "
		}
		w.say(what + instances(w.count[src.Account]) + "; watching for changes every " + w.c.watch.String())
	default:
		_, err = fmt.Fprintln(w.out, w.line(ev))
	}
	if err != nil {
		w.end(stopError{err, true})
	}
}

// typeOf returns the type of an event as the user sees it, or "" if the instance is not selected. A changed instance
// may be reported as added or removed, because it can start or stop matching a filter.
func (w *watch) typeOf(ev ecscache.Event) ecscache.EventType {
	before := ev.Type != ecscache.EventAdded && w.c.Matches(ev.Old)
	now := ev.Type != ecscache.EventRemoved && w.c.Matches(ev.Instance)
	switch {
	case before && now:
		return ecscache.EventChanged
	case now:
		return ecscache.EventAdded
	case before:
		return ecscache.EventRemoved
	default:
		return ""
	}
}

// event is an event in the ndjson output.
type event struct {
	Type     ecscache.EventType `json:"type"`
	Time     time.Time          `json:"time"`
	Account  string             `json:"account,omitempty"`
	Instance json.RawMessage    `json:"instance,omitempty"` // omitted in "synced" events
	Old      json.RawMessage    `json:"old,omitempty"`      // the instance before the change; only in "changed" events
}

func (w *watch) writeJSON(src selection.Source, ev ecscache.Event) (err error) {
	line := event{Type: ev.Type, Time: time.Now().UTC(), Account: src.Account}
	if ev.Type != ecscache.EventSynced {
		if line.Instance, err = apiJSON(ev.Instance); err != nil {
			return err
		}
	}
	if ev.Type == ecscache.EventChanged {
		if line.Old, err = apiJSON(ev.Old); err != nil {
			return err
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err = e.Encode(line); err != nil {
		return err
	}
	_, err = w.out.Write(terminal.EscapeJSON(b.Bytes()))
	return err
}

// line formats an event as a line of text.
func (w *watch) line(ev ecscache.Event) string {
	sign, texts := map[ecscache.EventType]string{ecscache.EventAdded: "+", ecscache.EventChanged: "~", ecscache.EventRemoved: "-"}[ev.Type], []string(nil)
	if ev.Type == ecscache.EventChanged {
		texts = append(texts, ev.Instance.InstanceID, ev.Instance.InstanceName, w.changes(ev.Old, ev.Instance))
	} else {
		for _, c := range w.look.columns {
			texts = append(texts, c.text(ev.Instance))
		}
	}
	for i, text := range texts {
		if texts[i] = terminal.Printable(text); text == "" { // remove line feeds, which would look like the start of another event
			texts[i] = "-"
		}
	}
	return time.Now().Format(time.TimeOnly) + " " + sign + " " + strings.Join(texts, "  ")
}

// changes returns the differences between two versions of an instance, including differences in columns that are not
// shown.
func (w *watch) changes(before, now ecs.Instance) string {
	var list []string
	for _, c := range columns() {
		if a, b := c.text(before), c.text(now); a != b {
			list = append(list, fmt.Sprintf("%s: %s -> %s", c.name, orNone(a), orNone(b)))
		}
	}
	if list == nil {
		return "a property without a column (use -o ndjson to see it)"
	}
	return strings.Join(list, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
