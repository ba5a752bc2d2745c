package ecscache

import (
	"iter"
	"maps"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// version is one state of an instance. It is never modified, unless a caller violates the documentation.
type version struct {
	instance ecs.Instance
	digest   uint64
}

// record contains the current version of an instance and the origin of that version.
type record struct {
	*version
	from *task  // the task of the region in which the instance was seen
	seen uint64 // number of the last observation that saw the instance
}

// observation is one query of the API: a listing, a refresh or a get. Observations are numbered in the order in which
// they begin, so that an older result never overwrites a newer result. The numbers do not depend on the machine's
// clock.
type observation struct {
	cache  *Cache
	from   *task
	number uint64

	digest  digester
	current ecs.Instance // a field, to avoid an allocation for an unchanged instance
}

// missing identifies an instance that a refresh did not find in a region.
type missing struct {
	from *task
	id   string
}

// observe begins an observation of a region. The caller must call end afterwards.
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
	if len(c.missing) == 0 {
		return
	}
	oldest := c.lastObserved + 1
	for number := range c.observations {
		oldest = min(oldest, number)
	}
	maps.DeleteFunc(c.missing, func(_ missing, number uint64) bool { return number <= oldest })
}

// see stores the instance o.current, which the API returned, in the cache. It does nothing if a later observation has
// already recorded newer data.
func (o *observation) see() {
	digest := o.digest.digest(&o.current)
	c := o.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	id := o.current.InstanceID
	r := c.records[id]
	if o.number < max(r.seen, o.from.complete, c.missing[missing{o.from, id}]) {
		return // a later observation has already recorded newer data
	}
	before := r.version
	if before == nil || before.digest != digest {
		r.version = &version{instance: o.current, digest: digest}
	}
	r.from, r.seen = o.from, o.number
	c.records[id] = r
	if r.version != before {
		c.notify(before, r.version, false)
	}
}

// seeAll calls see for every instance of a listing, and returns the listing's error.
func (o *observation) seeAll(listing iter.Seq2[ecs.Instance, error]) (err error) {
	for o.current, err = range listing {
		if err != nil {
			return err
		}
		o.see()
	}
	return nil
}

// completeListing records that a listing is complete, and removes the instances that the listing did not return.
func (o *observation) completeListing() {
	c := o.cache
	c.mu.Lock()
	o.from.complete = max(o.from.complete, o.number)
	c.mu.Unlock()
	c.mu.RLock() // a read lock is sufficient and does not block readers
	var unseen []string
	for id, r := range c.records {
		if o.missed(r) {
			unseen = append(unseen, id)
		}
	}
	c.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range unseen {
		o.remove(id)
	}
}

// completeRefresh records that a refresh of the given ids is complete, and removes the instances that the refresh did
// not return.
func (o *observation) completeRefresh(ids []string) {
	c := o.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.records[id].seen < o.number {
			key := missing{o.from, id}
			c.missing[key] = max(c.missing[key], o.number)
			o.remove(id)
		}
	}
}

// remove removes an instance from the cache, unless the instance is in another region or was seen after the observation
// began. c.mu must be held.
func (o *observation) remove(id string) {
	if r := o.cache.records[id]; o.missed(r) {
		delete(o.cache.records, id)
		o.cache.notify(r.version, r.version, true)
	}
}

func (o *observation) missed(r record) bool { return r.from == o.from && r.seen < o.number }
