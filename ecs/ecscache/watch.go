package ecscache

import (
	"container/list"
	"context"
	"iter"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// EventType is the type of an [Event].
type EventType string

// The types of events.
const (
	EventAdded   EventType = "added"   // the instance is new, or was removed before
	EventChanged EventType = "changed" // the instance has changed since the watcher's previous event for it
	EventRemoved EventType = "removed" // a complete listing or a refresh did not find the instance
	// EventSynced means that every region has been listed completely at least once. The watcher has received all
	// instances found so far.
	EventSynced EventType = "synced"
)

// Event is a change of the cache. Instance and Old are zero if Type is EventSynced.
type Event struct {
	Type EventType
	// Instance is the current state of the instance, or its last known state if Type is EventRemoved.
	Instance ecs.Instance
	// Old is the state of the instance in the previous event that this watcher received for it, or zero if Type is
	// EventAdded.
	Old ecs.Instance
}

// Watch yields the changes of the cache until ctx is done, even after Run has returned. It first yields an EventAdded
// for every instance in the cache, and then the changes as they occur. It yields one EventSynced after every region has
// been listed completely and all instances found have been yielded. ctx must not be nil.
//
// Each loop is a separate watcher, and receives the events of an instance in the order of the changes. A slow loop does
// not delay the cache or other watchers: the changes of an instance that the loop has not received yet are merged into
// one event. If an instance has returned to the state that the loop received last, there is no event.
func (c *Cache) Watch(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		w, snapshot := c.join()
		defer c.leave(w)
		for i, v := range snapshot {
			if ctx.Err() != nil || !yield(Event{Type: EventAdded, Instance: v.instance}) {
				return
			}
			snapshot[i] = nil
		}
		for ctx.Err() == nil {
			ev, ok := w.next()
			if ok && !yield(ev) {
				return
			}
			if ok {
				continue
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
			}
		}
	}
}

// watcher is the state of one loop over Watch.
type watcher struct {
	wake chan struct{} // contains an element if a change may be pending

	mu      sync.Mutex
	changes list.List                // elements of type change, in the order in which they are yielded
	byID    map[string]*list.Element // pending change by instance id
}

// change is a pending change of one instance. The zero value represents an EventSynced.
type change struct {
	seen    *version // the state that the watcher saw last; nil if it has not seen the instance
	latest  *version // the last known state
	removed bool
}

// join adds a watcher. It returns the watcher and the instances that the watcher must yield first.
func (c *Cache) join() (*watcher, []*version) {
	w := &watcher{wake: make(chan struct{}, 1), byID: map[string]*list.Element{}}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers[w] = struct{}{}
	if c.synced {
		w.add(change{})
	}
	return w, c.snapshot()
}

func (c *Cache) leave(w *watcher) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watchers, w)
}

// notify informs every watcher that an instance has changed. The previous version before is nil if the cache did not
// contain the instance. c.mu must be held.
func (c *Cache) notify(before, latest *version, removed bool) {
	for w := range c.watchers {
		w.add(change{seen: before, latest: latest, removed: removed})
	}
}

// add queues a change, or merges it with an earlier change of the same instance.
func (w *watcher) add(ch change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ch.latest == nil {
		w.changes.PushBack(ch)
	} else if id := ch.latest.instance.InstanceID; w.byID[id] == nil {
		w.byID[id] = w.changes.PushBack(ch)
	} else if earlier := w.byID[id].Value.(change); earlier.seen == nil && ch.removed {
		w.changes.Remove(w.byID[id]) // added and removed before the watcher received it
		delete(w.byID, id)
	} else {
		ch.seen = earlier.seen
		w.byID[id].Value = ch
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// next returns the next event, and false if no event is pending.
func (w *watcher) next() (Event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for e := w.changes.Front(); e != nil; e = w.changes.Front() {
		ch := w.changes.Remove(e).(change)
		if ch.latest == nil {
			return Event{Type: EventSynced}, true
		}
		delete(w.byID, ch.latest.instance.InstanceID)
		switch {
		case ch.seen == nil:
			return Event{Type: EventAdded, Instance: ch.latest.instance}, true
		case ch.removed:
			return Event{Type: EventRemoved, Instance: ch.latest.instance, Old: ch.seen.instance}, true
		case ch.seen.digest != ch.latest.digest:
			return Event{Type: EventChanged, Instance: ch.latest.instance, Old: ch.seen.instance}, true
		}
	}
	return Event{}, false
}
