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

// Cache keeps the instances that match a request. Make one by [New] and start [Cache.Run]. All methods are safe for any
// number of goroutines.
type Cache struct {
	client *ecs.Client
	req    ecs.DescribeInstancesRequest
	opts   Options
	seed   maphash.Seed

	mu           sync.RWMutex
	records      map[string]record   // by instance id
	missing      map[missing]uint64  // what refreshes did not find, and their numbers; see observation
	observations map[uint64]struct{} // those that have not ended
	lastObserved uint64
	tasks        map[string]*task // by region; "" is the discovery of regions
	watchers     map[*watcher]struct{}
	state        runState
	synced       bool          // every region was listed completely at least once
	changed      chan struct{} // closed and replaced when a task has finished a pass or Run has ended
}

// Options configure a cache. The zero value, and every zero field, is a usable default.
type Options struct {
	// Regions are listed. None means the client's own, unless AllRegions is set.
	Regions []string
	// AllRegions lists every region that DescribeRegions returns, except those in Exclude. Regions are discovered once per
	// Interval, too. One that DescribeRegions stops to return is still listed: that its instances are gone takes the same
	// proof as anywhere else.
	AllRegions bool
	// Exclude names regions that AllRegions leaves out, such as those which a policy denies.
	Exclude []string
	// Interval is the time between two listings of a region, give or take 10 %. 0 is one minute. After a failure it
	// doubles with every further one, up to five minutes (or Interval, if that is longer).
	Interval time.Duration
	// Workers above 1 lists each region by [ecs.Client.ScanInstances] with so many workers, which is faster and takes
	// more requests. 0 and 1 list by [ecs.Client.Instances].
	Workers int
	// OnError is called with every failure: an [*ecs.RegionError] for a region whose listing did not end completely, any
	// other error for the discovery of regions. It is called by the goroutine of Run, one call at a time. Regions that
	// fail meanwhile wait for it to return, so it must not call [Cache.Refresh] or [Cache.WaitForSync]. nil is none.
	OnError func(error)
}

// New returns an empty cache of the instances that match req. It does no I/O. The request is one that
// [ecs.Client.Instances] accepts, without NextToken; its slices must not be modified afterwards. nil opts are the
// defaults. Errors match [ecs.ErrInvalidParameter].
func New(client *ecs.Client, req ecs.DescribeInstancesRequest, opts *Options) (*Cache, error) {
	c := &Cache{
		client: client, req: req, seed: maphash.MakeSeed(), changed: make(chan struct{}),
		records: map[string]record{}, missing: map[missing]uint64{}, observations: map[uint64]struct{}{},
		tasks: map[string]*task{}, watchers: map[*watcher]struct{}{},
	}
	if opts != nil {
		c.opts = *opts
		c.opts.Regions, c.opts.Exclude = slices.Clone(opts.Regions), slices.Clone(opts.Exclude)
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("ecscache: New: %w", err)
	}
	c.opts.Interval = cmp.Or(c.opts.Interval, defaultInterval)
	if c.opts.AllRegions {
		c.tasks[""] = newTask("", client)
		return c, nil
	}
	if len(c.opts.Regions) == 0 {
		c.opts.Regions = []string{client.Region()}
	}
	for _, region := range c.opts.Regions {
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
		return invalid("client is nil")
	case c.opts.AllRegions && len(c.opts.Regions) > 0:
		return invalid("Options.Regions and Options.AllRegions are both set")
	case !c.opts.AllRegions && len(c.opts.Exclude) > 0:
		return invalid("Options.Exclude is set without Options.AllRegions")
	case c.opts.Interval < 0:
		return invalid("Options.Interval must not be negative")
	case c.opts.Workers < 0:
		return invalid("Options.Workers must not be negative")
	case c.req.NextToken != "":
		return invalid("NextToken is set, but a cache lists from the beginning")
	}
	// A listing checks its request first. With a context that has ended it sends nothing.
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

var errNilContext = fmt.Errorf("ecscache: ctx is nil, use context.Background(): %w", ecs.ErrInvalidParameter)

// Lookup returns the instance with the given id as it was last seen. It is false when the cache does not have it, which
// does not mean that there is no such instance: see [Cache.Get].
func (c *Cache) Lookup(id string) (ecs.Instance, bool) {
	c.mu.RLock()
	v := c.records[id].version
	c.mu.RUnlock()
	if v == nil {
		return ecs.Instance{}, false
	}
	return v.instance, true
}

// Instances yields the instances in the cache, each once, in no particular order. Each loop over it sees a snapshot of
// the moment when it began, however long it takes.
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

// snapshot returns the state of every instance. It is called with c.mu held.
func (c *Cache) snapshot() []*version {
	versions := make([]*version, 0, len(c.records))
	for _, r := range c.records {
		versions = append(versions, r.version)
	}
	return versions
}

// Get returns the instance with the given id: from the cache if it is there, however long ago it was seen, and else from
// the API by [ecs.Client.GetInstance], which lets concurrent calls share requests. With several regions it asks all of
// them at once; with [Options.AllRegions] it first waits until Run has discovered them.
//
// The error is an [*ecs.NotFoundError] only if the API has said in every region that there is no such instance. Where
// that cannot be told it is any other error, such as an [*ecs.RegionError]. What the API returned is kept if the request
// of the cache has no filters; otherwise it is unknown whether the instance matches them.
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
		got, err := getInstance(ctx, t.client, id)
		if err != nil && got.InstanceID != id {
			return err
		}
		if c.unfiltered() {
			o.current = got
			o.see()
		}
		once.Do(func() { found, inst, foundErr = true, got, err })
		cancel() // the other regions are of no interest any more
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

// unfiltered reports whether every instance matches the request, and GetInstance returns it as a listing would.
func (c *Cache) unfiltered() bool {
	req := c.req
	req.MaxResults = 0
	return reflect.ValueOf(req).IsZero()
}

// Refresh asks the API for the given instances at once, and brings the cache up to date: they are added, changed, or
// removed if they no longer match the request, as if a listing had seen them. Listings that began before it do not undo
// what it found. Call it when an instance is known to have changed, for instance after [ecs.Client.WaitForStatus].
//
// An id that the cache knows is asked for in its region, any other in all regions. Instances that do not exist are not
// an error. Without ids (nil) Refresh makes Run list everything now and waits until that is done; the error then names
// the regions whose listing failed. An empty list that is not nil does nothing.
func (c *Cache) Refresh(ctx context.Context, ids ...string) error {
	switch {
	case ctx == nil:
		return errNilContext
	case ids == nil:
		return c.refreshAll(ctx)
	case slices.Contains(ids, ""):
		return fmt.Errorf("ecscache: Refresh: %w", invalid("an id is empty"))
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
		o.seenOf(wanted[t])
		return nil
	}))
}

// matching returns the ids that the request does not rule out by its own list of ids.
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
