package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

// discovery keeps the list of targets: the instances in the cache of each account and, for regions that have not been listed
// completely since the program started, those that an earlier run saved.
type discovery struct {
	accounts   []account
	selection  *selection.Selection
	ports      []string
	interval   time.Duration
	staleAfter time.Duration
	stateFile  string // "" saves nothing
	filters    string // of the requests, as saved in the file
	log        *slog.Logger
	metrics    *metrics

	started time.Time
	ready   atomic.Bool // there is a list to serve

	rendering sync.Mutex
	list      rendered

	mu     sync.Mutex
	saved  fleet               // what an earlier run saved, for regions that have not been listed completely yet
	partly map[place]time.Time // when the last listing that could not read some members of instances ended
}

// account is an account and the cache of its instances.
type account struct {
	selection.Source

	cache *ecscache.Cache
}

// fleet contains the selected instances by place.
type fleet map[place][]ecs.Instance

func (f fleet) add(inst ecs.Instance) {
	where := place{selection.Account(inst), inst.RegionID}
	f[where] = append(f[where], inst)
}

// place is a region of an account. Without a region, it represents the account's list of regions.
type place struct{ account, region string }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.account, other.account), cmp.Compare(p.region, other.region))
}

// String returns the name of the place for messages.
func (p place) String() string {
	name := cmp.Or(p.region, "all")
	if p.account != "" {
		name = p.account + "/" + name
	}
	return name
}

// newDiscovery returns the discovery for a command line. It does no I/O, except for reading the file of -state.
func newDiscovery(c *config, sources []selection.Source, log *slog.Logger, m *metrics) (*discovery, error) {
	d := &discovery{
		selection: &c.Selection, ports: c.ports, interval: c.interval, staleAfter: c.staleAfter, stateFile: c.state,
		log: log, metrics: m, started: time.Now(), partly: map[place]time.Time{},
	}
	for _, src := range sources {
		opts := &ecscache.Options{
			Regions: src.Regions, Interval: c.interval,
			OnError: func(err error) { d.failed(src, err) },
		}
		if src.Regions == nil {
			opts.AllRegions, opts.Exclude = true, c.Exclude
		}
		cache, err := ecscache.New(src.Client, c.Request, opts)
		if err != nil {
			return nil, err
		}
		d.accounts = append(d.accounts, account{src, cache})
	}
	var of string
	var err error
	if d.filters, err = filtersOf(c.Request); err != nil {
		return nil, err
	}
	if of, d.saved, err = load(d.stateFile); err == nil && len(d.saved) > 0 && of != d.filters {
		log.Warn("the file of -state was saved with other filters, so it is not used")
		d.saved = nil
	}
	return d, err
}

// run keeps the caches up to date until ctx is done.
func (d *discovery) run(ctx context.Context) {
	var running sync.WaitGroup
	for _, a := range d.accounts {
		running.Go(func() { _ = a.cache.Run(a.Context(ctx)) }) // its only error is that of ctx
	}
	if d.stateFile != "" {
		running.Go(func() { d.saveRegularly(ctx) })
	}
	running.Wait()
}

// warn logs which regions of -exclude-region do not exist.
func (d *discovery) warn(ctx context.Context) {
	var sources []selection.Source
	for _, a := range d.accounts {
		sources = append(sources, a.Source)
	}
	for _, warning := range d.selection.UselessExclusions(ctx, sources) {
		d.log.Warn(warning)
	}
}

// failed logs and counts an error of a cache: a region, or the list of regions, could not be listed completely.
func (d *discovery) failed(src selection.Source, err error) {
	where := place{account: src.Account}
	var regional *ecs.RegionError
	if errors.As(err, &regional) {
		where.region, err = regional.Region, regional.Err
	}
	kind := failure.KindOf(err)
	var unreadable *ecs.IncompleteError
	if errors.As(err, &unreadable) {
		d.mu.Lock()
		d.partly[where] = time.Now()
		d.mu.Unlock()
	}
	d.metrics.failures.WithLabelValues(where.account, where.region, string(kind)).Inc()
	d.log.Warn("not everything could be read; the instances known from before stay in the list", "region", where, "kind", kind, "error", failure.Text(err))
}

// status says how current the content of a place is.
type status struct {
	read time.Time // the last listing without an error, or with no error but unreadable members; zero if there was none
	err  error     // of the last listing
}

// status returns the state of every region, and of the lists of regions that failed. complete is when all regions
// were last read completely; zero means never.
func (d *discovery) status() (places map[place]status, complete time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	places = map[place]status{}
	for i, a := range d.accounts {
		s := a.cache.Status()
		if i == 0 || s.Synced.Before(complete) {
			complete = s.Synced
		}
		if s.Err != nil {
			places[place{account: a.Account}] = status{err: s.Err}
		}
		for name, r := range s.Regions {
			where := place{a.Account, name}
			read := r.Synced
			if partly := d.partly[where]; partly.After(read) {
				read = partly
			}
			places[where] = status{read, r.Err}
		}
	}
	return places, complete
}

// isReady reports whether the list can be served. Until then Prometheus keeps the targets that it knows. A first list without
// a region would remove that region's targets, so it waits, up to staleAfter, for regions whose failure may pass by itself. If
// nothing at all could be read, it waits longer. Once isReady has returned true, it always does.
func (d *discovery) isReady() bool {
	if d.ready.Load() {
		return true
	}
	places, _ := d.status()
	saved := d.hasSaved()
	some, waiting := saved, false
	for _, a := range d.accounts {
		waiting = waiting || len(a.cache.Status().Regions) == 0 // the list of regions is not known yet
	}
	for where, s := range places {
		switch {
		case !s.read.IsZero():
			some = true
		case where.region != "" && (s.err == nil || !failure.KindOf(s.err).Lasting()):
			waiting = true
		}
	}
	if some && (!waiting || saved || time.Since(d.started) >= d.staleAfter) {
		d.ready.Store(true)
	}
	return d.ready.Load()
}

// fleet returns the instances of the current list.
func (d *discovery) fleet() fleet {
	now, known := fleet{}, map[string]bool{}
	for _, a := range d.accounts {
		for inst := range a.cache.Instances() {
			if known[a.Account+" "+inst.InstanceID] = true; d.selection.Matches(inst) {
				now.add(a.Mark(inst))
			}
		}
	}
	for where, instances := range d.unconfirmed() {
		for _, inst := range instances {
			if !known[where.account+" "+inst.InstanceID] && d.selection.Matches(inst) {
				now.add(inst)
			}
		}
	}
	return now
}
