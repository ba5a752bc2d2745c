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

// discovery maintains the list of targets for Prometheus. The list contains the instances in the cache of each
// account. If a region has not been listed completely since the program started, the list also contains the region's
// instances that an earlier run saved.
type discovery struct {
	accounts   []account
	selection  *selection.Selection
	ports      []string
	interval   time.Duration
	staleAfter time.Duration
	stateFile  string // "" means that instances are not saved
	filters    string // the filters of the requests, as saved in the state file
	log        *slog.Logger
	metrics    *metrics

	started time.Time
	ready   atomic.Bool // set when the list can be served

	rendering sync.Mutex
	list      rendered

	mu     sync.Mutex
	saved  fleet               // instances saved by an earlier run, for regions that have not been listed completely yet
	partly map[place]time.Time // end of the last listing in which members of instances were unreadable
}

// account is an account with the cache of its instances.
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

// place is a region of an account. If the region is empty, place represents the account's DescribeRegions request.
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

// newDiscovery returns a discovery with the settings of the command line. It reads the state file, but sends no
// requests.
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
		log.Warn("ignoring the -state file, which was saved with other filters")
		d.saved = nil
	}
	return d, err
}

// run keeps the caches up to date until ctx is done.
func (d *discovery) run(ctx context.Context) {
	var running sync.WaitGroup
	for _, a := range d.accounts {
		running.Go(func() { _ = a.cache.Run(a.Context(ctx)) }) // Run returns an error only if ctx is done
	}
	if d.stateFile != "" {
		running.Go(func() { d.saveRegularly(ctx) })
	}
	running.Wait()
}

// warn logs a warning for each region of -exclude-region that does not exist.
func (d *discovery) warn(ctx context.Context) {
	var sources []selection.Source
	for _, a := range d.accounts {
		sources = append(sources, a.Source)
	}
	for _, warning := range d.selection.UselessExclusions(ctx, sources) {
		d.log.Warn(warning)
	}
}

// failed logs and counts an error of a cache. The error means that a region, or the list of regions, could not be
// listed completely.
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
	d.log.Warn("the listing is incomplete; the targets that are already known are kept", "region", where, "kind", kind, "error", failure.Text(err))
}

// status describes how current the known instances of a place are.
type status struct {
	read time.Time // last listing that was complete except for unreadable members; zero if there was none
	err  error     // error of the last listing
}

// status returns the status of every region, and of each failed DescribeRegions request. complete is the time when
// all regions were last listed completely. With several accounts, complete is the earliest time of all accounts. Zero
// means that an account has never been listed completely.
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

// isReady reports whether the list of targets can be served. Prometheus removes the targets of a region that is
// missing from the first list. The first list therefore waits, for up to staleAfter, for regions whose failure may be
// temporary. It waits longer if no region could be listed at all. After isReady has returned true, it always returns
// true.
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

// fleet returns the instances that the list of targets currently contains.
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
