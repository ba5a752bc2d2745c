package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

// fleet is the default number of instances in a measurement.
const fleet = 10_000

// contender is one of several implementations that do the same work.
type contender struct {
	name string
	work func() error
}

// figures contains the results by contender and by measured quantity, such as "cpu".
type figures map[string]map[string]series

// race runs the contenders one after another in each round, so that other load on the machine affects all of them. The
// results of the first round are discarded. If extra is not nil, race calls it after each run of a contender to add
// more results.
func race(rounds int, contenders []contender, per float64, extra func(name string, add func(what string, f float64)) error) (figures, error) {
	all := figures{}
	for _, c := range contenders {
		all[c.name] = map[string]series{}
	}
	for round := range rounds + 1 {
		for i := range contenders {
			c := contenders[(i+round)%len(contenders)]
			u, err := measure(c.work)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			add := func(what string, f float64) {
				if round > 0 {
					all[c.name][what] = append(all[c.name][what], f)
				}
			}
			add("cpu", float64(u.cpu)/per)
			add("wall", float64(u.wall)/per)
			add("allocs", u.allocs/per)
			add("bytes", u.bytes/per)
			if extra != nil {
				if err := extra(c.name, add); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// in converts a series from nanoseconds or bytes to a larger unit.
func (s series) in(unit float64) series {
	r := make(series, len(s))
	for i := range s {
		r[i] = s[i] / unit
	}
	return r
}

func (s series) minus(other series) series {
	r := make(series, len(s))
	for i := range s {
		r[i] = s[i] - other[i]
	}
	return r
}

// always returns a series with the same value in every round.
func always(f float64, rounds int) series {
	s := make(series, rounds)
	for i := range s {
		s[i] = f
	}
	return s
}

const (
	us = float64(time.Microsecond)
	ms = float64(time.Millisecond)
	mb = 1e6
)

// page returns three functions that fetch the page with a given token. The first uses this SDK, the second uses the old
// SDK, and the third does not decode the page. If transport is not nil, the functions use it instead of the network.
func page(ctx context.Context, url string, transport http.RoundTripper) (ours, old, bytes func(token string) error) {
	opts := &ecs.Options{}
	if transport != nil {
		opts.HTTPClient = httpClient(transport)
	}
	client, oldClient, undecoded := newOurs(url, opts), newOld(url, transport), newUndecoded(url, transport)
	check := func(n int, err error) error {
		if err == nil && n != pageSize {
			return fmt.Errorf("%d instances on a page of %d", n, pageSize)
		}
		return err
	}
	ours = func(token string) error {
		page, err := client.DescribeInstances(ctx, ecs.DescribeInstancesRequest{MaxResults: pageSize, NextToken: token})
		if err != nil {
			return err
		}
		return check(len(page.Instances), nil)
	}
	old = func(token string) error {
		page, err := oldClient.DescribeInstances(oldClient.request(token))
		if err != nil {
			return err
		}
		return check(len(page.Instances.Instance), nil)
	}
	bytes = func(token string) error { return undecoded.page(ctx, token) }
	return ours, old, bytes
}

// body returns the JSON of a response with one page of instances.
func body(kind string) ([]byte, error) {
	list, err := newTemplates(kind, pageSize)
	if err != nil {
		return nil, err
	}
	a := &api{setup: setup{Kind: kind, Fleet: pageSize}, templates: list}
	return a.answer(nil, map[string][]string{"MaxResults": {strconv.Itoa(pageSize)}})
}

// pages measures target 1: the total cost of a page.
func (b *bench) pages(ctx context.Context) error {
	calls := 200
	if b.quick {
		calls = 50
	}
	for _, kind := range []string{full, typical} {
		if _, err := b.set(setup{Kind: kind, Fleet: fleet}); err != nil {
			return err
		}
		text, err := body(kind)
		if err != nil {
			return err
		}
		size := float64(len(text))
		repeat := func(call func(string) error) func() error {
			return func() error {
				for i := range calls {
					if err = call(tokenOf(i * pageSize % fleet)); err != nil {
						return err
					}
				}
				return nil
			}
		}
		ours, old, undecoded := page(ctx, b.url, nil)
		oursMemory, oldMemory, undecodedMemory := page(ctx, b.url, fixedResponse{text})
		f, err := race(b.rounds, []contender{
			{"ours", repeat(ours)},
			{"old SDK", repeat(old)},
			{"bytes alone", repeat(undecoded)},
			{"ours, memory", repeat(oursMemory)},
			{"old SDK, memory", repeat(oldMemory)},
			{"bytes alone, memory", repeat(undecodedMemory)},
		}, float64(calls), nil)
		if err != nil {
			return err
		}
		add := func(target, what, unit, figure string, scale float64, name string, limit float64, absolute bool) {
			b.rows = append(b.rows, row{
				target: target, what: kind + " page" + what, unit: unit,
				ours: f["ours"][figure].in(scale), peer: f[name][figure].in(scale), name: name, limit: limit, absolute: absolute,
			})
		}
		if kind == full {
			add("1", ", CPU", "ms", "cpu", ms, "old SDK", 0.25, false)
			b.rows = append(b.rows, row{
				target: "1", what: "full page, CPU relative to the new SDK", ours: f["ours"]["cpu"].over(f["old SDK"]["cpu"]).in(41.4 / 5.24),
				name: "estimate from 41.4 ms (new SDK) and 5.24 ms (old SDK)", limit: 0.035,
			})
			add("1", ", CPU", "ms", "cpu", ms, "bytes alone", 5, false)
			add("1", ", allocations per instance", "", "allocs", pageSize, "old SDK", 25, true)
			add("1", ", bytes allocated per byte of body", "", "bytes", size, "old SDK", 1, true)
		} else {
			add("", ", CPU", "ms", "cpu", ms, "old SDK", 0, false)
			add("", ", CPU", "ms", "cpu", ms, "bytes alone", 0, false)
			add("1", ", allocations per instance", "", "allocs", pageSize, "old SDK", 10, true)
			add("1", ", bytes allocated per byte of body", "", "bytes", size, "old SDK", 1, true)
		}
		add("", ", time of the call", "ms", "wall", ms, "old SDK", 0, false)
		b.rows = append(b.rows, row{
			what: kind + " page, decoding alone, CPU", unit: "ms",
			ours: f["ours, memory"]["cpu"].minus(f["bytes alone, memory"]["cpu"]).in(ms),
			peer: f["old SDK, memory"]["cpu"].minus(f["bytes alone, memory"]["cpu"]).in(ms), name: "old SDK",
		})
	}
	return nil
}

// listings measures target 2: listings that keep all 10,000 instances in memory.
func (b *bench) listings(ctx context.Context) error {
	rounds, latencies := max(b.rounds-2, 1), []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond}
	if b.quick {
		rounds, latencies = 1, latencies[:2]
	}
	for _, latency := range latencies {
		s := setup{Kind: full, Fleet: fleet, Latency: latency}
		if _, err := b.set(s); err != nil {
			return err
		}
		var peak float64
		count := func(n int, err error) error {
			if err == nil && n != fleet {
				return fmt.Errorf("%d instances of %d", n, fleet)
			}
			return err
		}
		watched := func(work func() error) func() error {
			return func() (err error) {
				peak, err = peakHeap(work)
				return err
			}
		}
		ours := func(list func(*ecs.Client) iter.Seq2[ecs.Instance, error]) func() error {
			return watched(func() error {
				client := newOurs(b.url, nil)
				defer client.CloseIdleConnections()
				all, err := collect(list(client))
				return count(len(all), err)
			})
		}
		contenders := []contender{
			{"old SDK", watched(func() error {
				all, err := newOld(b.url, nil).list()
				return count(len(all), err)
			})},
			{"Instances", ours(func(c *ecs.Client) iter.Seq2[ecs.Instance, error] {
				return c.Instances(ctx, ecs.DescribeInstancesRequest{})
			})},
		}
		scans := []int{4, 8, 16}
		for _, workers := range scans {
			contenders = append(contenders, contender{scanName(workers), ours(func(c *ecs.Client) iter.Seq2[ecs.Instance, error] {
				return c.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: workers})
			})})
		}
		f, err := race(rounds, contenders, 1, func(_ string, add func(string, float64)) error {
			seen, err := b.set(s)
			add("peak", peak)
			add("requests", float64(seen.Requests))
			add("connections", float64(seen.Connections))
			return err
		})
		if err != nil {
			return err
		}
		what := func(name, rest string) string {
			return fmt.Sprintf("10,000 instances at %d ms, %s%s", latency.Milliseconds(), name, rest)
		}
		for _, c := range contenders[1:] {
			r := row{what: what(c.name, ""), unit: "ms", ours: f[c.name]["wall"].in(ms), peer: f["old SDK"]["wall"].in(ms), name: "old SDK"}
			if latency == 20*time.Millisecond {
				switch c.name {
				case "Instances":
					r.target, r.limit = "2", 0.9
				case scanName(16):
					r.target, r.limit = "2", 0.12
				}
			}
			b.rows = append(b.rows, r)
		}
		scan := f[scanName(16)]
		if latency == 0 {
			for _, c := range contenders[1:] {
				b.rows = append(b.rows,
					row{what: what(c.name, ", CPU"), unit: "ms", ours: f[c.name]["cpu"].in(ms), peer: f["old SDK"]["cpu"].in(ms), name: "old SDK"},
					row{what: what(c.name, ", peak heap"), unit: "MB", ours: f[c.name]["peak"].in(mb), peer: f["old SDK"]["peak"].in(mb), name: "old SDK"})
			}
			for _, n := range []struct {
				name  string
				limit float64
			}{{"Instances", 2}, {scanName(16), 17}} {
				b.rows = append(b.rows, row{target: "7", what: what(n.name, ", connections"), ours: f[n.name]["connections"], limit: n.limit})
			}
		}
		if latency == 20*time.Millisecond {
			ideal := latency * fleet / pageSize / 16
			b.rows = append(b.rows,
				row{target: "2", what: what(scanName(16), ""), unit: "ms", ours: scan["wall"].in(ms), peer: always(float64(ideal)/ms, rounds), name: "pages ÷ workers × latency"},
				row{what: what(scanName(16), ", requests"), ours: scan["requests"], peer: f["Instances"]["requests"], name: "Instances"})
		}
	}
	return nil
}

func scanName(workers int) string { return fmt.Sprintf("ScanInstances × %d", workers) }

// memory measures target 3: the size of the live heap during a listing that does not keep the instances.
func (b *bench) memory(ctx context.Context) error {
	fleets := []struct {
		n     int
		limit float64
	}{{100_000, 24}, {1_000_000, 96}}
	if b.quick {
		fleets = fleets[:1]
	}
	for _, f := range fleets {
		n := f.n
		if _, err := b.set(setup{Kind: full, Fleet: n}); err != nil {
			return err
		}
		for _, way := range streams(ctx, newOurs(b.url, nil)) {
			all, err := heapWhile(way.items, n)
			if err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			least := max(len(all)/10, 1)
			b.rows = append(b.rows,
				row{target: "3", what: fmt.Sprintf("streaming %s instances, %s, maximum live heap", number(float64(n)), way.name), unit: "MB", ours: series{all.in(mb).most()}, limit: f.limit},
				row{what: fmt.Sprintf("streaming %s instances, %s, live heap at the end", number(float64(n)), way.name), unit: "MB", ours: series{all[len(all)-1] / mb}, peer: series{all[least-1] / mb}, name: "after a tenth"})
		}
	}
	return nil
}

type stream struct {
	name  string
	items iter.Seq2[ecs.Instance, error]
}

// streams returns this SDK's methods that list instances without keeping all of them in memory.
func streams(ctx context.Context, client *ecs.Client) []stream {
	return []stream{
		{"Instances", client.Instances(ctx, ecs.DescribeInstancesRequest{})},
		{"StreamInstances", streamed(ctx, client)},
		{"ScanInstances", client.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: 16})},
	}
}

// streamed returns the items of StreamInstances as an iterator.
func streamed(ctx context.Context, client *ecs.Client) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		stream := client.StreamInstances(ctx, ecs.DescribeInstancesRequest{})
		defer stream.Stop()
		for inst := range stream.C {
			if !yield(inst, nil) {
				return
			}
		}
		if err := stream.Err(); err != nil {
			yield(ecs.Instance{}, err)
		}
	}
}

// heapWhile ranges over n instances and measures the live heap fifty times.
func heapWhile(items iter.Seq2[ecs.Instance, error], n int) (series, error) {
	var heap series
	got := 0
	for _, err := range items {
		if err != nil {
			return nil, err
		}
		if got++; got%max(n/50, 1) == 0 {
			heap = append(heap, liveHeap())
		}
	}
	if got != n {
		return nil, fmt.Errorf("%d instances of %d", got, n)
	}
	return heap, nil
}

// requests measures target 4: encoding and signing a request.
func (b *bench) requests(ctx context.Context) error {
	n := 3000
	if b.quick {
		n = 500
	}
	repeat := func(work func() error) func() error {
		return func() error {
			for range n {
				if err := work(); err != nil {
					return err
				}
			}
			return nil
		}
	}
	const nowhere = "http://127.0.0.1:1"
	empty := fixedResponse{emptyPage}
	client, oldClient := newOurs(nowhere, &ecs.Options{Signer: stopper{}}), newOld(nowhere, nil)
	whole, oldWhole, undecoded := newOurs(nowhere, &ecs.Options{HTTPClient: httpClient(empty)}), newOld(nowhere, empty), newUndecoded(nowhere, empty)
	for _, w := range []struct {
		name          string
		pair          requestPair
		limit, allocs float64
	}{{"typical request", typicalRequest(), 0.40, 95}, {"request with 100 ids and 20 tags", largeRequest(), 0.40, 0}} {
		f, err := race(b.rounds, []contender{
			{"ours", repeat(func() error { return signOurs(ctx, client, w.pair) })},
			{"old SDK", repeat(func() error { return oldClient.sign(w.pair) })},
			{"ours, whole", repeat(func() error {
				_, err := whole.DescribeInstances(ctx, w.pair.ours)
				return err
			})},
			{"old SDK, whole", repeat(func() error { return oldWhole.call(w.pair) })},
			{"HTTP", repeat(func() error { return undecoded.page(ctx, midway) })},
		}, float64(n), nil)
		if err != nil {
			return err
		}
		http := f["HTTP"]["cpu"]
		b.rows = append(b.rows,
			row{target: "4", what: w.name + ", encoded and signed", unit: "µs", ours: f["ours"]["cpu"].in(us), peer: f["old SDK"]["cpu"].in(us), name: "old SDK", limit: w.limit})
		allocs := row{what: w.name + ", allocations", ours: f["ours"]["allocs"], peer: f["old SDK"]["allocs"], name: "old SDK", limit: w.allocs, absolute: true}
		if w.allocs != 0 {
			allocs.target = "4"
		}
		b.rows = append(b.rows, allocs,
			row{
				what: w.name + ", whole call with an empty response, without HTTP", unit: "µs",
				ours: f["ours, whole"]["cpu"].minus(http).in(us), peer: f["old SDK, whole"]["cpu"].minus(http).in(us), name: "old SDK",
			})
	}
	return nil
}

// channel measures target 5: the additional cost of a channel per instance.
func (b *bench) channel(ctx context.Context) error {
	text, err := body(full)
	if err != nil {
		return err
	}
	page, err := newOurs("http://127.0.0.1:1", &ecs.Options{HTTPClient: httpClient(fixedResponse{text})}).DescribeInstances(ctx, ecs.DescribeInstancesRequest{MaxResults: pageSize})
	if err != nil {
		return err
	}
	n := 100 * fleet
	if b.quick {
		n = 10 * fleet
	}
	f, err := race(b.rounds, []contender{
		{"iterator", func() error { return count(repeatPage(page.Instances, n)) }},
		{"channel", func() error { return count(throughChannel(ctx, repeatPage(page.Instances, n))) }},
	}, float64(n), nil)
	if err != nil {
		return err
	}
	if _, err = b.set(setup{Kind: full, Fleet: fleet}); err != nil {
		return err
	}
	client := newOurs(b.url, nil)
	whole, err := race(b.rounds, []contender{
		{"iterator", func() error { return count(client.Instances(ctx, ecs.DescribeInstancesRequest{})) }},
		{"channel", func() error { return count(streamed(ctx, client)) }},
	}, fleet, nil)
	if err != nil {
		return err
	}
	b.rows = append(b.rows,
		row{target: "5", what: "an instance, extra time of a channel over an iterator", unit: "µs", ours: f["channel"]["wall"].minus(f["iterator"]["wall"]).in(us), limit: 1},
		row{what: "an instance from StreamInstances at 0 ms, time", unit: "µs", ours: whole["channel"]["wall"].in(us), peer: whole["iterator"]["wall"].in(us), name: "Instances"},
		row{what: "an instance from StreamInstances at 0 ms, CPU", unit: "µs", ours: whole["channel"]["cpu"].in(us), peer: whole["iterator"]["cpu"].in(us), name: "Instances"})
	return nil
}

// repeatPage yields n instances by repeating the instances on a page.
func repeatPage(page []ecs.Instance, n int) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		for range n / len(page) {
			for _, inst := range page {
				if !yield(inst, nil) {
					return
				}
			}
		}
	}
}

// throughChannel returns an iterator whose items pass through a channel, as in StreamInstances.
func throughChannel(ctx context.Context, items iter.Seq2[ecs.Instance, error]) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		stream := pagination.NewStream(ctx, pageSize-1, func(context.Context) iter.Seq2[ecs.Instance, error] { return items })
		defer stream.Stop()
		for inst := range stream.C {
			if !yield(inst, nil) {
				return
			}
		}
		if err := stream.Err(); err != nil {
			yield(ecs.Instance{}, err)
		}
	}
}

func count(items iter.Seq2[ecs.Instance, error]) error {
	n := 0
	for _, err := range items {
		if err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return errors.New("no instances")
	}
	return nil
}

// imports measures target 6: how importing the SDK affects a program. Before each build, the build cache contains only
// the standard library, because every Go user already has the compiled standard library.
func (b *bench) imports(ctx context.Context) error {
	const rounds = 3
	programs := []string{"ours", "old", "baseline"}
	dir, err := os.MkdirTemp("", "ecs-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	standard, cache := filepath.Join(dir, "standard"), filepath.Join(dir, "cache")
	goTool := func(cache string, args ...string) (string, *os.ProcessState, error) {
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Env = append(os.Environ(), "GOCACHE="+cache, "GOWORK=off", "CGO_ENABLED=0", "GOFLAGS=-trimpath")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err = cmd.Run(); err != nil {
			return "", nil, fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
		}
		return stdout.String(), cmd.ProcessState, nil
	}
	packages, _, err := goTool(standard, "list", "-deps", "-f", "{{if .Standard}}{{.ImportPath}}{{end}}", "./importcost/...") // also downloads missing modules
	if err != nil {
		return fmt.Errorf("run this command in internal/bench: %w", err)
	}
	if _, _, err = goTool(standard, append([]string{"build"}, strings.Fields(packages)...)...); err != nil {
		return err
	}
	f := map[string]map[string]series{}
	for range rounds {
		for _, p := range programs {
			if err = os.CopyFS(cache, os.DirFS(standard)); err != nil {
				return err
			}
			start, binary := time.Now(), filepath.Join(dir, p)
			_, state, err := goTool(cache, "build", "-ldflags=-s -w", "-o", binary, "./importcost/"+p)
			if err != nil {
				return err
			}
			seconds := time.Since(start).Seconds()
			file, err := os.Stat(binary)
			if err != nil {
				return err
			}
			info, err := buildinfo.ReadFile(binary)
			if err != nil {
				return err
			}
			if f[p] == nil {
				f[p] = map[string]series{}
			}
			for what, figure := range map[string]float64{
				"seconds": seconds,
				"cpu":     (state.UserTime() + state.SystemTime()).Seconds(),
				"peak":    largestProcess(state),
				"size":    float64(file.Size()),
				"modules": float64(len(info.Deps) - 1), // the SDK's own module does not count
			} {
				f[p][what] = append(f[p][what], figure)
			}
			if err = os.RemoveAll(cache); err != nil {
				return err
			}
		}
	}
	over := func(p string) series { return f[p]["size"].minus(f["baseline"]["size"]).in(mb) }
	b.rows = append(b.rows,
		row{target: "6", what: "cold build of a program that lists instances", unit: "s", ours: f["ours"]["seconds"], peer: f["old"]["seconds"], name: "old SDK", limit: 0.25},
		row{what: "cold build of a program without an SDK", unit: "s", ours: f["baseline"]["seconds"]},
		row{what: "cold build, CPU", unit: "s", ours: f["ours"]["cpu"], peer: f["old"]["cpu"], name: "old SDK"},
		row{what: "cold build, largest process", unit: "MB", ours: f["ours"]["peak"].in(mb), peer: f["old"]["peak"].in(mb), name: "old SDK"},
		row{target: "6", what: "stripped binary, in addition to net/http", unit: "MB", ours: over("ours"), peer: over("old"), name: "old SDK", limit: 2, absolute: true},
		row{target: "6", what: "linked modules in addition to the SDK", ours: f["ours"]["modules"], peer: f["old"]["modules"], name: "old SDK", limit: 9, absolute: true})
	return nil
}

// growth measures target 7: the cost per instance must not depend on the number of instances. It also measures how many
// calls per second one CPU core can make.
func (b *bench) growth(ctx context.Context) error {
	sizes := []int{100, 1_000, 10_000, 100_000}
	if b.quick {
		sizes = sizes[:3]
	}
	client := newOurs(b.url, nil)
	cpu, bytes, kept := map[int]series{}, map[int]series{}, map[int]series{}
	for range b.rounds {
		for _, n := range sizes {
			if _, err := b.set(setup{Kind: full, Fleet: n}); err != nil {
				return err
			}
			times := max(1, fleet/n)
			u, err := measure(func() error {
				for range times {
					if err := count(client.Instances(ctx, ecs.DescribeInstancesRequest{})); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			cpu[n] = append(cpu[n], float64(u.cpu)/float64(n*times))
			bytes[n] = append(bytes[n], u.bytes/float64(n*times))

			settle()
			before := liveHeap()
			all, err := collect(client.Instances(ctx, ecs.DescribeInstancesRequest{}))
			if err != nil {
				return err
			}
			all = append(make([]ecs.Instance, 0, len(all)), all...) // copy the slice to remove unused capacity
			settle()
			kept[n] = append(kept[n], (liveHeap()-before)/float64(n))
			runtime.KeepAlive(all)
		}
	}
	for _, n := range sizes[1:] {
		of := fmt.Sprintf(" per instance of %s", number(float64(n)))
		b.rows = append(b.rows,
			row{target: "7", what: "CPU" + of, unit: "µs", ours: cpu[n].in(us), peer: cpu[100].in(us), name: "of 100", limit: 1.25},
			row{target: "7", what: "bytes allocated" + of, ours: bytes[n], peer: bytes[100], name: "of 100", limit: 1.25},
			row{target: "7", what: "bytes kept" + of, ours: kept[n], peer: kept[100], name: "of 100", limit: 1.25})
	}
	return b.oneCore(ctx)
}

// oneCore measures the number of calls per second with GOMAXPROCS=1. For this SDK, it uses four goroutines to keep the
// CPU core busy while requests are in progress.
func (b *bench) oneCore(ctx context.Context) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, load := range []struct {
		what         string
		fleet, calls int
		limit        float64
	}{{"calls for one instance", 1, 4000, 1000}, {"full pages", fleet, 1000, 300}} {
		if b.quick {
			load.calls /= 4
		}
		if _, err := b.set(setup{Kind: full, Fleet: load.fleet}); err != nil {
			return err
		}
		client, oldClient := newOurs(b.url, nil), newOld(b.url, &http.Transport{MaxIdleConnsPerHost: 4})
		token := func(i int) string {
			if load.fleet < pageSize {
				return ""
			}
			return tokenOf(i * pageSize % load.fleet)
		}
		f, err := race(b.rounds, []contender{
			{"ours", func() error {
				return each(4, load.calls, func(i int) error {
					_, err := client.DescribeInstances(ctx, ecs.DescribeInstancesRequest{MaxResults: pageSize, NextToken: token(i)})
					return err
				})
			}},
			{"old SDK", func() error {
				return each(1, load.calls, func(i int) error { // the old SDK's client is not safe for concurrent use
					_, err := oldClient.DescribeInstances(oldClient.request(token(i)))
					return err
				})
			}},
		}, float64(load.calls), nil)
		if err != nil {
			return err
		}
		rate := func(s series) series { return always(float64(time.Second), len(s)).over(s) }
		b.rows = append(b.rows, row{
			target: "rate", what: load.what + " per second on one core", ours: rate(f["ours"]["wall"]), peer: rate(f["old SDK"]["wall"]), name: "old SDK, one at a time",
			limit: load.limit, absolute: true, atLeast: true,
		})
	}
	return nil
}

// each calls do with every number from 0 to n-1. The calls are distributed over the given number of goroutines.
func each(goroutines, n int, do func(i int) error) error {
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < n && errs[g] == nil; i += goroutines {
				errs[g] = do(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
