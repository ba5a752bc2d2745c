package ecscache

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// maxBackoff is the maximum time between two listings of a failing region, unless the interval is longer.
const maxBackoff = 5 * time.Minute

// task is a unit of work that Run repeats: the listing of a region, or the discovery of regions. Each repetition is
// called a pass.
type task struct {
	region string // "" for the discovery of regions
	client *ecs.Client
	wake   chan struct{} // contains an element if the next pass must start immediately

	// The fields below are guarded by Cache.mu.
	finished uint64    // number of the last pass that ended
	complete uint64    // number of the last listing that was complete
	synced   time.Time // when the last complete pass began; zero if there was none
	err      error     // why the last pass was not complete
}

func newTask(region string, client *ecs.Client) *task {
	return &task{region: region, client: client, wake: make(chan struct{}, 1)}
}

type runState int

const (
	notStarted runState = iota
	running
	ended
)

// Run lists every region immediately and then once per [Options.Interval]. A region that fails or is slow does not
// delay other regions. When ctx is done, Run waits for its goroutines and returns the error of ctx. The instances
// remain in the cache, and Run may be called again. If Run is already running, a second call returns an error.
//
// Run panics if [Options.OnError] or a hook of the client, such as Options.OnAttempt, panics.
func (c *Cache) Run(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	c.mu.Lock()
	if c.state == running {
		c.mu.Unlock()
		return errors.New("ecscache: Run is already in progress for this cache")
	}
	c.state = running
	tasks := c.allTasks()
	c.mu.Unlock()
	defer c.markEnded()

	work, cancel := context.WithCancel(ctx)
	r := &runner{cache: c, failures: make(chan failure)}
	defer r.wg.Wait()
	defer cancel()
	for _, t := range tasks {
		r.repeat(work, t)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case f := <-r.failures:
			rethrow(f.err)
			if c.opts.OnError != nil {
				c.opts.OnError(inRegion(f.task, f.err))
			}
		}
	}
}

func (c *Cache) markEnded() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = ended
	c.broadcast()
}

// runner is the state of one call of Run.
type runner struct {
	cache    *Cache
	wg       sync.WaitGroup
	failures chan failure // errors to be passed to OnError
}

type failure struct {
	task *task
	err  error
}

// repeat repeats a task until ctx is done.
func (r *runner) repeat(ctx context.Context, t *task) {
	r.wg.Go(func() {
		for failures := 0; ; {
			err := catchPanic(func() error { return r.pass(ctx, t) })
			if ctx.Err() != nil {
				return // Run is ending, so err is not a failure of the listing
			}
			if err != nil {
				select {
				case r.failures <- failure{t, err}:
				case <-ctx.Done():
				}
			}
			if err == nil {
				failures = 0
			} else if slowsDown(err) {
				failures++
			}
			select {
			case <-time.After(r.cache.untilNextPass(failures)):
			case <-t.wake:
			case <-ctx.Done():
			}
		}
	})
}

// slowsDown reports whether the next listing must be delayed because of err. A delay is useless if the API responded
// and only some of the instances could not be read.
func slowsDown(err error) bool {
	var incomplete *ecs.IncompleteError
	var capped *ecs.CappedError
	return !errors.As(err, &incomplete) && !errors.As(err, &capped)
}

// untilNextPass returns the time until the next pass after the given number of consecutive failures. It has jitter, so
// that several caches do not send their requests at the same time.
func (c *Cache) untilNextPass(failures int) time.Duration {
	d := c.opts.Interval
	for ; failures > 0 && d < maxBackoff; failures-- {
		d = min(2*d, maxBackoff)
	}
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// pass performs one pass of a task.
func (r *runner) pass(ctx context.Context, t *task) error {
	c := r.cache
	began := time.Now()
	o := c.observe(t)
	defer o.end()
	var err error
	if t.region == "" {
		err = r.discover(ctx)
	} else if err = o.seeAll(listInstances(ctx, t.client, c.req, c.opts.Workers)); err == nil {
		o.completeListing()
	}
	if err != nil && ctx.Err() != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.finished, t.err = o.number, err
	if err == nil {
		t.synced = began
	}
	if !c.synced && !slices.ContainsFunc(c.allTasks(), func(t *task) bool { return t.synced.IsZero() }) {
		c.synced = true
		for w := range c.watchers {
			w.add(change{})
		}
	}
	c.broadcast()
	return err
}

// listInstances lists the instances of a region.
func listInstances(ctx context.Context, client *ecs.Client, req ecs.DescribeInstancesRequest, workers int) iter.Seq2[ecs.Instance, error] {
	if workers > 1 {
		return client.ScanInstances(ctx, req, &ecs.ScanOptions{Workers: workers})
	}
	return client.Instances(ctx, req)
}

// discover starts a task for each new region that DescribeRegions returns. Existing tasks continue.
func (r *runner) discover(ctx context.Context) error {
	c := r.cache
	resp, err := c.client.DescribeRegions(ctx, ecs.DescribeRegionsRequest{})
	if err != nil {
		return err
	}
	var (
		found   []*task
		invalid []error
	)
	for _, region := range resp.Regions {
		if slices.Contains(c.opts.Exclude, region.RegionID) {
			continue
		}
		client, err := c.client.InRegion(region.RegionID)
		if err != nil {
			invalid = append(invalid, err)
			continue
		}
		found = append(found, newTask(region.RegionID, client))
	}
	if len(found)+len(invalid) == 0 {
		return fmt.Errorf("ecscache: Options.Exclude excludes every region that DescribeRegions returned (request id %s)", resp.RequestID)
	}
	c.mu.Lock()
	found = slices.DeleteFunc(found, func(t *task) bool { return c.tasks[t.region] != nil })
	for _, t := range found {
		c.tasks[t.region] = t
	}
	c.mu.Unlock()
	for _, t := range found {
		r.repeat(ctx, t)
	}
	return joinLine(invalid)
}
