package ecscache

import (
	"iter"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// version is one state of an instance. It is immutable, as far as the consumers who share its slices let it be.
type version struct {
	instance ecs.Instance
	digest   uint64
}

// record is what the cache knows of one instance.
type record struct {
	*version
	from *task  // the region where it was seen
	seen uint64 // the last observation that saw it
}

// observation is one look at the API: a listing, a refresh or a get. Observations are numbered in the order in which they
// begin, and what one has found is never undone by one that began before it. So an instance keeps the number of the last
// observation that saw it, and an instance that was removed leaves the number of the one that missed it behind, until
// every earlier observation has ended.
//
// The numbers are no times, so that it does not matter how the machine's clock is set.
type observation struct {
	cache  *Cache
	from   *task
	number uint64
	digest digester
}

// observe begins an observation of a region. It must be ended.
func (c *Cache) observe(t *task) *observation {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastObserved++
	c.observations[c.lastObserved] = struct{}{}
	return &observation{cache: c, from: t, number: c.lastObserved, digest: digester{seed: c.seed}}
}

func (o *observation) end() {
	c := o.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.observations, o.number)
	if len(c.removed) == 0 {
		return
	}
	oldest := c.lastObserved + 1
	for number := range c.observations {
		oldest = min(oldest, number)
	}
	for id, number := range c.removed {
		if number <= oldest {
			delete(c.removed, id)
		}
	}
}

// see takes an instance that the API returned into the cache.
func (o *observation) see(inst ecs.Instance) {
	v := &version{instance: inst, digest: o.digest.digest(&inst)}
	c := o.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	id := inst.InstanceID
	before := c.records[id]
	if o.number < before.seen || o.number < c.removed[id] {
		return
	}
	delete(c.removed, id)
	// An equal version replaces the old one as well: consumers may have modified slices of that.
	c.records[id] = record{version: v, from: o.from, seen: o.number}
	if before.version == nil || before.digest != v.digest {
		c.notify(before.version, v, false)
	}
}

// seeAll sees what a listing yields, and returns the error that it ends with.
func (o *observation) seeAll(listing iter.Seq2[ecs.Instance, error]) error {
	for inst, err := range listing {
		if err != nil {
			return err
		}
		o.see(inst)
	}
	return nil
}

// removeUnseen removes those of the given instances which are known in the region and were not seen since the
// observation began. It is the only way out of the cache: call it only when the observation was complete.
func (o *observation) removeUnseen(ids []string) {
	c := o.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if r := c.records[id]; o.missed(r) {
			delete(c.records, id)
			c.removed[id] = o.number
			c.notify(r.version, r.version, true)
		}
	}
}

// unseen returns the ids of all instances of the region that were not seen since the observation began.
func (o *observation) unseen() []string {
	c := o.cache
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []string
	for id, r := range c.records {
		if o.missed(r) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (o *observation) missed(r record) bool { return r.from == o.from && r.seen < o.number }
