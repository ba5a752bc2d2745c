package ecscache

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Status describes how complete and how old the content of a cache is.
type Status struct {
	// Synced is the time up to which the cache is complete: it has seen every matching instance that existed at that
	// time. Synced is the earliest of the Synced times of all regions and, with AllRegions, of the discovery of
	// regions. It is zero until every region has been listed completely at least once.
	Synced time.Time
	// Err is the error of the last call of DescribeRegions, or nil if [Options.AllRegions] is not set.
	Err error
	// Regions contains an entry for every region that is listed.
	Regions map[string]RegionStatus
}

// RegionStatus describes how complete and how old the content of one region is.
type RegionStatus struct {
	Synced    time.Time // when the last complete listing began; zero if there was none
	Instances int       // number of instances in the cache
	Err       error     // why the last listing was not complete; otherwise nil
}

// Status returns how complete and how old the content of the cache is.
func (c *Cache) Status() Status {
	c.mu.RLock()
	defer c.mu.RUnlock()
	instances := map[*task]int{}
	for _, r := range c.records {
		instances[r.from]++
	}
	s := Status{Regions: map[string]RegionStatus{}}
	for i, t := range c.allTasks() {
		if i == 0 || t.synced.Before(s.Synced) {
			s.Synced = t.synced
		}
		if t.region == "" {
			s.Err = t.err
		} else {
			s.Regions[t.region] = RegionStatus{Synced: t.synced, Instances: instances[t], Err: t.err}
		}
	}
	return s
}

// WaitForSync waits until [Cache.Run] has listed every region completely at least once. WaitForSync does not start Run:
// the caller must run it in another goroutine. Without Run, WaitForSync never returns nil, and waits until ctx is done.
// If ctx is done or Run ends first, WaitForSync returns an error that contains the errors of the failing regions.
func (c *Cache) WaitForSync(ctx context.Context) error {
	if ctx == nil {
		return errNilContext
	}
	err := c.await(ctx, func() bool { return c.synced })
	if err == nil {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	var reasons []error
	for _, t := range c.allTasks() {
		if t.synced.IsZero() && t.err != nil {
			reasons = append(reasons, inRegion(t, t.err))
		}
	}
	return fmt.Errorf("ecscache: not every region has been listed completely yet: %w", joinLine(append(reasons, err)))
}

// refreshAll makes every task start a pass immediately, and waits until these passes have ended.
func (c *Cache) refreshAll(ctx context.Context) error {
	c.mu.RLock()
	begun := c.lastObserved
	for _, t := range c.tasks {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
	c.mu.RUnlock()
	var errs []error
	err := c.await(ctx, func() bool {
		errs = nil
		for _, t := range c.allTasks() { // including regions that were discovered in the meantime
			if t.finished <= begun {
				return false
			}
			if t.err != nil {
				errs = append(errs, inRegion(t, t.err))
			}
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("ecscache: Refresh: %w", err)
	}
	return joinLine(errs)
}

// regionTasks returns the tasks of all regions. With Options.AllRegions, it waits for the first discovery.
func (c *Cache) regionTasks(ctx context.Context) (tasks []*task, err error) {
	if ctx == nil {
		return nil, errNilContext
	}
	err = c.await(ctx, func() bool {
		tasks = c.allTasks()
		return tasks[0].region != "" || !tasks[0].synced.IsZero()
	})
	if err != nil {
		return nil, fmt.Errorf("ecscache: the regions have not been discovered yet: %w", err)
	}
	return slices.DeleteFunc(tasks, func(t *task) bool { return t.region == "" }), nil
}

// allTasks returns all tasks, with the discovery of regions first. c.mu must be held.
func (c *Cache) allTasks() []*task {
	return slices.SortedFunc(maps.Values(c.tasks), func(a, b *task) int { return strings.Compare(a.region, b.region) })
}

// await waits until done returns true. It calls done with c.mu held.
func (c *Cache) await(ctx context.Context, done func() bool) error {
	for {
		c.mu.RLock()
		ok, state, changed := done(), c.state, c.changed
		c.mu.RUnlock()
		switch {
		case ok:
			return nil
		case state == ended:
			return errors.New("Run has ended")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.mu.RLock()
			defer c.mu.RUnlock()
			if c.state == notStarted {
				return fmt.Errorf("Run has not been started: %w", ctx.Err())
			}
			return ctx.Err()
		}
	}
}

// broadcast wakes the callers of await. c.mu must be held.
func (c *Cache) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}
