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

// discovery maintains the list of targets for Prometheus. For regions that have not been listed yet, the list
// contains the instances that an earlier run saved.
type discovery struct {
	accounts   []account
	selection  *selection.Selection
	ports      []string
	interval   time.Duration
	staleAfter time.Duration
	stateFile  string // "" means that instances are not saved
	filters    string // the filters to save in the state file
	log        *slog.Logger
	metrics    *metrics

	started time.Time
	ready   atomic.Bool // whether the list of targets can be served

	rendering sync.Mutex
	list      rendered

	mu     sync.Mutex
	saved  fleet               // instances from the state file, for regions that have not been listed yet
	partly map[place]time.Time // time of the last listing that had unreadable fields
}

// account is an account with a cache of its instances.
type account struct {
	selection.Source

	cache *ecscache.Cache
}

// fleet contains instances, grouped by account and region.
type fleet map[place][]ecs.Instance

func (f fleet) add(inst ecs.Instance) {
	where := place{selection.Account(inst), inst.RegionID}
	f[where] = append(f[where], inst)
}

// place is a region of an account. An empty region represents the account's list of regions.
type place struct{ account, region string }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.account, other.account), cmp.Compare(p.region, other.region))
}

// String returns a name such as "cn-hangzhou" or "account/cn-hangzhou" for messages.
func (p place) String() string {
	name := cmp.Or(p.region, "all")
	if p.account != "" {
		name = p.account + "/" + name
	}
	return name
}

// newDiscovery returns a discovery for the flags in c. It reads the state file, but does not send requests.
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

// warn logs a warning for each nonexistent region in -exclude-region.
func (d *discovery) warn(ctx context.Context) {
	var sources []selection.Source
	for _, a := range d.accounts {
		sources = append(sources, a.Source)
	}
	for _, warning := range d.selection.UselessExclusions(ctx, sources) {
		d.log.Warn(warning)
	}
}

// failed logs and counts a failed listing of a region, or of an account's regions.
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

// status describes the last listings of a place.
type status struct {
	read time.Time // time of the last listing that contained every instance; zero if there was none
	err  error     // error of the last listing
}

// status returns the status of every region and of every failed DescribeRegions request, and the time of the last
// complete listing of all regions. The time is zero if some account has never been listed completely.
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

// isReady reports whether the list of targets can be served. Prometheus removes the targets of regions that are
// missing from the list, so the first list waits up to staleAfter for regions whose failure may be temporary.
func (d *discovery) isReady() bool {
	if d.ready.Load() {
		return true
	}
	places, _ := d.status()
	saved := d.hasSaved()
	some, waiting := saved, false
	for _, a := range d.accounts {
		waiting = waiting || len(a.cache.Status().Regions) == 0 // the account's regions are not known yet
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

// fleet returns the instances in the current list of targets.
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
