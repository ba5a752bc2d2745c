package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

// discovery keeps the list of targets fresh.
type discovery struct {
	sources    []selection.Source
	selection  *selection.Selection
	ports      []string
	interval   time.Duration
	staleAfter time.Duration
	log        *slog.Logger
	metrics    *metrics

	started time.Time
	regions map[place]region // what is known; only the goroutine that refreshes uses it
	state   atomic.Pointer[state]
}

// place is a region of an account. Without a region it stands for all of them: what fails there failed before any region was
// listed.
type place struct{ account, region string }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.account, other.account), cmp.Compare(p.region, other.region))
}

// String returns the place's name for a person.
func (p place) String() string {
	name := cmp.Or(p.region, "all")
	if p.account != "" {
		name = p.account + "/" + name
	}
	return name
}

// wrap returns an error of this place as the error of a listing.
func (p place) wrap(err error) error {
	if p.region != "" {
		err = &ecs.RegionError{Region: p.region, Err: err}
	}
	if p.account != "" {
		err = &failure.AccountError{Account: p.account, Err: err}
	}
	return err
}

// region is what was last read of a region.
type region struct {
	instances []ecs.Instance
	read      time.Time
}

// state is the result of a refresh, for those who ask. It is not changed afterwards.
type state struct {
	list     []byte // the JSON of all targets; nil when there is none to serve yet
	regions  map[place]summary
	read     time.Time       // when something was last read
	complete time.Time       // when every region was last read; zero is never
	failed   map[place]error // in the last refresh
}

// summary is a region's part of the list.
type summary struct {
	targets     int
	unreachable int // instances without an address
	read        time.Time
}

// run refreshes the list until ctx is done.
func (d *discovery) run(ctx context.Context) {
	for ctx.Err() == nil {
		d.refresh(ctx)
		// Jitter, so that several servers that started together do not ask together for ever.
		wait := time.NewTimer(time.Duration(float64(d.interval) * (0.9 + 0.2*rand.Float64())))
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
		}
	}
}

// refresh reads all regions and makes a new list. What cannot be read stays in the list as it was last known.
func (d *discovery) refresh(ctx context.Context) {
	started := time.Now()
	limited, cancel := context.WithTimeout(ctx, d.staleAfter)
	defer cancel()
	fresh, failed := d.read(limited)
	if ctx.Err() != nil {
		return // an interrupted refresh has not failed
	}
	d.metrics.duration.Observe(time.Since(started).Seconds())

	next := &state{regions: map[place]summary{}, failed: failed}
	if last := d.state.Load(); last != nil {
		next.list, next.regions, next.read, next.complete = last.list, last.regions, last.read, last.complete
	}
	for _, where := range slices.SortedFunc(maps.Keys(failed), place.compare) {
		err, kind := failed[where], failure.KindOf(failed[where])
		d.metrics.failures.WithLabelValues(where.account, where.region, string(kind)).Inc()
		d.log.Warn("some instances could not be read, those known from before stay in the list", "region", where, "known", len(d.regions[where].instances), "kind", kind, "error", failure.Text(err))
	}
	merged, behind, worthWaiting := d.merge(fresh, failed, started)
	d.regions = merged
	if behind == 0 {
		next.complete, next.read = started, started
	}
	for _, r := range d.regions {
		if r.read.Equal(started) {
			next.read = started
		}
	}
	// Prometheus keeps the targets it knows while there is no list. A first list without a region would take that region's
	// targets away, so it waits for a region that fails for the time being; but not for ever. An empty first list would take
	// all of them away: while nothing at all could be read, there is none.
	first := next.list == nil
	if !first || (!worthWaiting || time.Since(d.started) >= d.staleAfter) && (len(merged) > 0 || len(failed) == 0) {
		next.list, next.regions = d.render()
	}
	d.state.Store(next)
	d.log.Debug("refreshed", "targets", next.targets(), "regions", len(next.regions), "failed", len(failed), "took", time.Since(started))
}

// read lists all instances, and returns the failures by place.
func (d *discovery) read(ctx context.Context) (fresh map[place][]ecs.Instance, failed map[place]error) {
	fresh, failed = map[place][]ecs.Instance{}, map[place]error{}
	for inst, err := range selection.Instances(ctx, d.sources) {
		var regional *ecs.RegionError
		var account *failure.AccountError
		where := place{selection.Account(inst), inst.RegionID}
		if errors.As(err, &account) {
			where.account, err = account.Account, account.Err
		}
		switch {
		case err == nil:
			fresh[where] = append(fresh[where], inst)
		case errors.As(err, &regional):
			where.region = regional.Region
			failed[where] = regional.Err
		default:
			failed[place{account: where.account}] = err
		}
	}
	// The API may show a region as empty to those who may not list it. One that had instances counts as empty only when a
	// dry run says that listing it is permitted.
	for _, source := range d.sources {
		for where, known := range d.regions {
			if where.account != source.Account || len(known.instances) == 0 || len(fresh[where]) > 0 || failed[where] != nil || failed[place{account: where.account}] != nil {
				continue
			}
			c, err := source.Client.InRegion(where.region)
			if err == nil {
				err = c.DryRun(ctx, d.selection.Request)
			}
			if err != nil {
				failed[where] = err
			}
		}
	}
	return fresh, failed
}

// merge combines what was read and, where something failed, what is known from before. behind is how many regions were not
// read; worthWaiting is true when some of these may be read later without anybody changing anything.
func (d *discovery) merge(fresh map[place][]ecs.Instance, failed map[place]error, now time.Time) (merged map[place]region, behind int, worthWaiting bool) {
	merged = map[place]region{}
	for where, instances := range fresh {
		merged[where] = region{instances, now}
	}
	for where, err := range failed {
		var incomplete *ecs.IncompleteError
		if errors.As(err, &incomplete) { // all was read but the instances it names: these alone stay as they were
			merged[where] = d.complete(where, fresh[where], incomplete, now)
			continue
		}
		behind++
		worthWaiting = worthWaiting || where.region == "" || !failure.KindOf(err).Lasting()
		delete(merged, where) // the listing broke off: part of a region is no list of it
		for known, r := range d.regions {
			if known == where || where.region == "" && known.account == where.account {
				merged[known] = r
			}
		}
	}
	return merged, behind, worthWaiting
}

// complete returns the instances of a region with those that could not be read as they were known before.
func (d *discovery) complete(where place, fresh []ecs.Instance, incomplete *ecs.IncompleteError, now time.Time) region {
	read := region{fresh, now}
	for _, u := range incomplete.Undecoded {
		known := d.regions[where].instances
		has := func(list []ecs.Instance) int {
			return slices.IndexFunc(list, func(inst ecs.Instance) bool { return inst.InstanceID == u.InstanceID })
		}
		if i := has(known); i >= 0 && has(fresh) < 0 {
			read.instances = append(read.instances, known[i])
		}
	}
	return read
}

// targets returns how many there are in the list.
func (s *state) targets() int {
	n := 0
	for _, sum := range s.regions {
		n += sum.targets
	}
	return n
}
