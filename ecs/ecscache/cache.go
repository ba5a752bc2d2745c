package ecscache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const defaultInterval = time.Minute

// Cache keeps the instances that match a request in memory. Create a Cache with [New] and start [Cache.Run] in a
// goroutine. A Cache is safe for concurrent use.
type Cache struct {
	client *ecs.Client
	req    ecs.DescribeInstancesRequest
	opts   Options
	seed   maphash.Seed

	mu      sync.RWMutex
	records map[string]record // by instance id
	// ids that a refresh did not find, with the number of the refresh
	missing      map[missing]uint64
	observations map[uint64]struct{} // observations that have not ended
	lastObserved uint64
	tasks        map[string]*task // by region; "" is the task that discovers regions
	watchers     map[*watcher]struct{}
	state        runState
	synced       bool          // whether every region has been listed completely at least once
	changed      chan struct{} // closed and replaced whenever a task completes a pass or Run ends
}

// Options configures a cache. The zero value of Options and of each field is a usable default.
type Options struct {
	// Regions are the regions to list. If empty, the cache lists the client's own region, unless AllRegions is set.
	Regions []string
	// AllRegions makes the cache list every region that DescribeRegions returns, except the regions in Exclude.
	// DescribeRegions is called once per Interval. A region that DescribeRegions no longer returns is still listed.
	AllRegions bool
	// Exclude contains the regions that AllRegions skips, such as regions that a policy denies.
	Exclude []string
	// Interval is the time from the end of a region's listing to the start of the next listing, varied at random by up
	// to 10%. 0 means one minute. Each consecutive failure doubles the interval, up to five minutes, or up to Interval
	// if that is longer.
	Interval time.Duration
	// Workers, if greater than 1, makes the cache use [ecs.Client.ScanInstances] with that number of workers, which is
	// faster but sends more requests. Otherwise, the cache uses [ecs.Client.Instances].
	Workers int
	// OnError, if not nil, is called for every failure, one call at a time. Its argument is an [*ecs.RegionError] if a
	// region could not be listed completely. Any other error means that the regions could not be discovered. OnError
	// runs in the goroutine of Run, and must not call [Cache.Refresh] or [Cache.WaitForSync].
	OnError func(error)
}

// New returns an empty cache for the instances that match req. It does no I/O. The request must be valid for
// [ecs.Client.Instances] and must not set NextToken. The caller must not modify the slices in the request afterwards.
// If opts is nil, the default options are used. Errors match [ecs.ErrInvalidParameter].
func New(client *ecs.Client, req ecs.DescribeInstancesRequest, opts *Options) (*Cache, error) {
	c := &Cache{
		client: client, req: req, seed: maphash.MakeSeed(), changed: make(chan struct{}),
		records: map[string]record{}, missing: map[missing]uint64{}, observations: map[uint64]struct{}{},
		tasks: map[string]*task{}, watchers: map[*watcher]struct{}{},
	}
	if opts != nil {
		c.opts = *opts
		c.opts.Exclude = slices.Clone(opts.Exclude)
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("ecscache: New: %w", err)
	}
	for _, region := range c.opts.Exclude {
		if _, err := client.InRegion(region); err != nil {
			return nil, fmt.Errorf("ecscache: New: Options.Exclude: %w", err)
		}
	}
	c.opts.Interval = cmp.Or(c.opts.Interval, defaultInterval)
	if c.opts.AllRegions {
		c.tasks[""] = newTask("", client)
		return c, nil
	}
	regions := c.opts.Regions
	if len(regions) == 0 {
		regions = []string{client.Region()}
	}
	for _, region := range regions {
		regional, err := client.InRegion(region)
		if err != nil {
			return nil, fmt.Errorf("ecscache: New: %w", err)
		}
		c.tasks[region] = newTask(region, regional)
	}
	return c, nil
}

func (c *Cache) validate() error {
	switch {
	case c.client == nil:
		return invalid("client must not be nil")
	case c.opts.AllRegions && len(c.opts.Regions) > 0:
		return invalid("Options.Regions and Options.AllRegions cannot be combined: set only one of them")
	case !c.opts.AllRegions && len(c.opts.Exclude) > 0:
		return invalid("Options.Exclude requires Options.AllRegions")
	case c.opts.Interval < 0:
		return invalid("Options.Interval must not be negative")
	case c.opts.Workers < 0:
		return invalid("Options.Workers must not be negative")
	case c.req.NextToken != "":
		return invalid("NextToken must not be set, because a cache lists from the beginning")
	}
	// Validate the request with a listing that has a canceled context and therefore sends no request.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range listInstances(ctx, c.client, c.req, c.opts.Workers) {
		if errors.Is(err, ecs.ErrInvalidParameter) {
			return err
		}
	}
	return nil
}

func invalid(text string) error { return fmt.Errorf("%s: %w", text, ecs.ErrInvalidParameter) }

var errNilContext = fmt.Errorf("ecscache: ctx must not be nil: use context.Background(): %w", ecs.ErrInvalidParameter)

// Lookup returns the instance with the given id from the cache, without waiting for the API. It returns false if the
// cache does not contain the instance. The instance may exist anyway: see [Cache.Get].
func (c *Cache) Lookup(id string) (ecs.Instance, bool) {
	c.mu.RLock()
	v := c.records[id].version
	c.mu.RUnlock()
	if v == nil {
		return ecs.Instance{}, false
	}
	return v.instance, true
}

// Instances yields the instances in the cache, without duplicates, in no particular order. Each loop yields the
// instances that are in the cache when the loop begins.
func (c *Cache) Instances() iter.Seq[ecs.Instance] {
	return func(yield func(ecs.Instance) bool) {
		c.mu.RLock()
		snapshot := c.snapshot()
		c.mu.RUnlock()
		for _, v := range snapshot {
			if !yield(v.instance) {
				return
			}
		}
	}
}

// snapshot returns the current version of every instance. c.mu must be held.
func (c *Cache) snapshot() []*version {
	versions := make([]*version, 0, len(c.records))
	for _, r := range c.records {
		versions = append(versions, r.version)
	}
	return versions
}

// Get returns the instance with the given id. If the instance is in the cache, Get returns it without a request, no
// matter how old it is. Otherwise, Get calls [ecs.Client.GetInstance] for all regions concurrently. With
// [Options.AllRegions], Get first waits until Run has discovered the regions.
//
// Get returns an [*ecs.NotFoundError] only if the API has confirmed for every region that the instance does not exist.
// If a region fails and no other region has the instance, the error is an [*ecs.RegionError]. Get adds the instance to
// the cache only if the cache has no filter, because otherwise the cache cannot determine whether the instance matches.
// The returned instance may therefore not match the cache's filter.
func (c *Cache) Get(ctx context.Context, id string) (ecs.Instance, error) {
	if inst, ok := c.Lookup(id); ok {
		return inst, nil
	}
	tasks, err := c.regionTasks(ctx)
	if err != nil {
		return ecs.Instance{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		once     sync.Once
		found    bool
		inst     ecs.Instance
		foundErr error
	)
	errs := inParallel(tasks, func(t *task) error {
		o := c.observe(t)
		defer o.end()
		got, err := t.client.GetInstance(ctx, id)
		if err != nil && got.InstanceID != id {
			return err
		}
		if c.unfiltered() {
			o.current = got
			o.see()
		}
		once.Do(func() { found, inst, foundErr = true, got, err })
		cancel() // the results of the other regions are no longer needed
		return nil
	})
	if found {
		return inst, foundErr
	}
	if missing := slices.IndexFunc(errs, func(err error) bool { return !isNotFound(err) }); missing < 0 {
		return ecs.Instance{}, errors.Unwrap(errs[0])
	}
	return ecs.Instance{}, joinLine(slices.DeleteFunc(errs, isNotFound))
}

func isNotFound(err error) bool {
	var notFound *ecs.NotFoundError
	return errors.As(err, &notFound)
}

// unfiltered reports whether every instance matches the request of the cache.
func (c *Cache) unfiltered() bool {
	req := c.req
	req.MaxResults = 0
	return reflect.ValueOf(req).IsZero()
}

// Refresh fetches the given instances from the API and updates the cache. An instance is removed from the cache if it
// does not exist or does not match the request; neither is an error. Listings that began before Refresh do not
// overwrite its results. Call Refresh when an instance is known to have changed, for example after
// [ecs.Client.WaitForStatus].
//
// If ids is nil, Refresh makes Run list all regions immediately and waits until the listings have ended. The error then
// names the regions that failed. Without Run, Refresh without ids waits until ctx is done. If ids is empty but not nil,
// Refresh does nothing.
func (c *Cache) Refresh(ctx context.Context, ids ...string) error {
	switch {
	case ctx == nil:
		return errNilContext
	case ids == nil:
		return c.refreshAll(ctx)
	case slices.Contains(ids, ""):
		return fmt.Errorf("ecscache: Refresh: %w", invalid("a region id must not be empty"))
	}
	tasks, err := c.regionTasks(ctx)
	if err != nil {
		return err
	}
	c.mu.RLock()
	wanted := map[*task][]string{}
	for _, id := range c.matching(ids) {
		if r, known := c.records[id]; known {
			wanted[r.from] = append(wanted[r.from], id)
			continue
		}
		for _, t := range tasks {
			wanted[t] = append(wanted[t], id)
		}
	}
	c.mu.RUnlock()
	return joinLine(inParallel(slices.Collect(maps.Keys(wanted)), func(t *task) error {
		req := c.req
		req.InstanceIDs = wanted[t]
		o := c.observe(t)
		defer o.end()
		if err := o.seeAll(listInstances(ctx, t.client, req, 1)); err != nil {
			return err
		}
		o.completeRefresh(wanted[t])
		return nil
	}))
}

// matching returns the given ids that are also in the InstanceIDs of the cache's request. If the request has no
// InstanceIDs, matching returns all given ids.
func (c *Cache) matching(ids []string) []string {
	if c.req.InstanceIDs == nil {
		return ids
	}
	listed := map[string]bool{}
	for _, id := range c.req.InstanceIDs {
		listed[id] = true
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !listed[id] })
}
