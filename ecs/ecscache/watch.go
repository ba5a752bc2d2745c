package ecscache

import (
	"container/list"
	"context"
	"iter"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// EventType is the type of an event of [Cache.Watch].
type EventType string

// The types of events.
const (
	EventAdded   EventType = "added"   // the watcher has not seen the instance before, or has seen it removed
	EventChanged EventType = "changed" // the instance differs from its state in the watcher's previous event
	EventRemoved EventType = "removed" // a complete listing no longer contains the instance
	// EventSynced means that every region has been listed completely once, and that all instances found have been yielded.
	EventSynced EventType = "synced"
)

// Event is a change of the cache. Instance.InstanceID identifies the instance for every type except EventSynced,
// which has neither Instance nor Old.
type Event struct {
	Type EventType
	// Instance is the current state of the instance or, after its removal, the last known state.
	Instance ecs.Instance
	// Old is the state in the previous event of this watcher about the instance; zero for EventAdded.
	Old ecs.Instance
}

// Watch yields the changes of the cache until ctx is done or the loop is left; it does not end when Run does. It
// first yields an EventAdded for every instance in the cache, then further changes as they occur. It yields
// EventSynced once: after every region has been listed completely and all instances found by then have been
// yielded. Each loop is a separate watcher, which releases its resources when it ends. ctx must not be nil.
//
// The events of one instance are in the order in which its states were seen. A slow watcher does not delay the
// cache or other watchers: several changes of an instance are merged into one event, from the state that the
// watcher saw last to the newest one, or into none if these are equal. So at most one event is stored for each
// instance.
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

// watcher is one loop over Watch.
type watcher struct {
	wake chan struct{} // contains an element if there may be a change

	mu      sync.Mutex
	changes list.List                // elements of type change, in the order in which they are due
	byID    map[string]*list.Element // the pending change of an instance
}

// change is a change that the watcher has not seen yet. The zero change represents EventSynced.
type change struct {
	seen    *version // the state that the watcher saw last; nil if it has not seen the instance
	latest  *version // the last known state
	removed bool
}

// join adds a watcher and returns the instances that it must see first.
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

// notify informs every watcher that an instance has changed. before is its previous state, or nil if the cache did
// not contain it. c.mu must be held.
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
		w.changes.Remove(w.byID[id]) // added and removed before the watcher saw it
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

// next returns the event that is due. ok is false if there is none.
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
