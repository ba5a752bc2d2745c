package ecscache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// maxBackoff bounds the time to the next listing of a region that fails, unless the interval is longer.
const maxBackoff = 5 * time.Minute

// task is what Run repeats: the listing of a region, or the discovery of regions.
type task struct {
	region string // "" for the discovery
	client *ecs.Client
	wake   chan struct{} // has an element when the next pass is due at once

	// Guarded by Cache.mu.
	finished uint64    // the number of the last pass that has ended
	complete uint64    // the number of the last listing that was complete
	synced   time.Time // when the last complete pass began; zero when there was none
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

// Run lists every region at once and then every [Options.Interval]. Each region is on its own: one that fails or is slow
// does not hold up the others. Run returns when ctx ends, with the error of ctx, after its goroutines have ended. The
// cache keeps what it knows, and Run may be called again; while one is running, another one returns an error.
//
// Run panics when [Options.OnError] or a hook of the client, such as Options.OnAttempt, does.
func (c *Cache) Run(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	c.mu.Lock()
	if c.state == running {
		c.mu.Unlock()
		return errors.New("ecscache: this cache has a Run already, start it only once")
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
		r.start(work, t)
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

// runner is one call of Run.
type runner struct {
	cache    *Cache
	wg       sync.WaitGroup
	failures chan failure // on their way to OnError
}

type failure struct {
	task *task
	err  error
}

// start repeats a task until ctx ends.
func (r *runner) start(ctx context.Context, t *task) {
	r.wg.Go(func() {
		for failures := 0; ; {
			err := catchPanic(func() error { return r.pass(ctx, t) })
			if ctx.Err() != nil {
				return // that the end of Run cuts a listing short is no failure
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
			timer := time.NewTimer(r.cache.delay(failures))
			select {
			case <-timer.C:
			case <-t.wake:
			case <-ctx.Done():
			}
			timer.Stop()
		}
	})
}

// slowsDown reports whether the next listing comes later. It does not when the API responds well and something cannot be
// read: what can be would only get older.
func slowsDown(err error) bool {
	var incomplete *ecs.IncompleteError
	var capped *ecs.CappedError
	return !errors.As(err, &incomplete) && !errors.As(err, &capped)
}

// delay returns the time to the next pass after so many failures in a row. The jitter keeps caches that started at the
// same time from listing at the same time for ever.
func (c *Cache) delay(failures int) time.Duration {
	d := c.opts.Interval
	for ; failures > 0 && d < maxBackoff; failures-- {
		d = min(2*d, maxBackoff)
	}
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// pass does the work of a task once.
func (r *runner) pass(ctx context.Context, t *task) error {
	c := r.cache
	began := time.Now()
	o := c.observe(t)
	defer o.end()
	var err error
	if t.region == "" {
		err = r.discover(ctx)
	} else if err = o.seeAll(listInstances(ctx, t.client, c.req, c.opts.Workers)); err == nil {
		o.seenAll()
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

// discover starts to list the regions that are not known yet. Known regions stay, whatever the API returns.
func (r *runner) discover(ctx context.Context) error {
	c := r.cache
	resp, err := c.client.DescribeRegions(ctx, ecs.DescribeRegionsRequest{})
	if err != nil {
		return err
	}
	var (
		found   []*task
		refused []error
	)
	for _, region := range resp.Regions {
		if slices.Contains(c.opts.Exclude, region.RegionID) {
			continue
		}
		client, err := c.client.InRegion(region.RegionID)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		found = append(found, newTask(region.RegionID, client))
	}
	if len(found)+len(refused) == 0 {
		return fmt.Errorf("ecscache: DescribeRegions returned no region that Options.Exclude does not name (request id %s)", resp.RequestID)
	}
	c.mu.Lock()
	found = slices.DeleteFunc(found, func(t *task) bool { return c.tasks[t.region] != nil })
	for _, t := range found {
		c.tasks[t.region] = t
	}
	c.mu.Unlock()
	for _, t := range found {
		r.start(ctx, t)
	}
	return joinLine(refused)
}
