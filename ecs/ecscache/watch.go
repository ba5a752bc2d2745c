package ecscache

import (
	"container/list"
	"context"
	"iter"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// EventType says what an event of [Cache.Watch] tells.
type EventType string

// The types of events.
const (
	EventAdded   EventType = "added"   // the watcher has not seen the instance, or has seen it removed
	EventChanged EventType = "changed" // the API reports the instance otherwise than the watcher saw it last
	EventRemoved EventType = "removed" // a complete listing does not have the instance any more
	EventSynced  EventType = "synced"  // every region was listed completely once; nothing is missing that was there then
)

// Event is a change of the cache. Instance.InstanceID tells which instance it is about, whatever the type, except for
// EventSynced, which has neither Instance nor Old.
type Event struct {
	Type EventType
	// Instance is the instance as the cache knows it now or, when it was removed, as the cache knew it last.
	Instance ecs.Instance
	// Old is the instance as this watcher saw it last: zero for EventAdded.
	Old ecs.Instance
}

// Watch yields the changes of the cache until ctx ends or the loop is left; it does not end when Run does. It begins
// with EventAdded for every instance that is there, continues with whatever comes, and yields EventSynced once: when the
// watcher has seen everything that was there when every region had been listed completely. Each loop over it is a
// watcher of its own, which leaves nothing behind when it ends. ctx must not be nil.
//
// The events of one instance come in the order in which its states were seen. A watcher that is slow holds up nobody:
// what changes several times meanwhile becomes one event, from the state that the watcher saw last to the newest one, or
// none if they are the same. So there is at most one event in store for each instance that the watcher or the cache has.
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
	wake chan struct{} // has an element when there may be a change

	mu      sync.Mutex
	changes list.List                // of change, in the order in which they are due
	byID    map[string]*list.Element // the change of an instance
}

// change is what a watcher has yet to see. The zero change stands for EventSynced.
type change struct {
	seen    *version // the state that the watcher saw last; nil if it has not seen the instance
	latest  *version // the last known state
	removed bool
}

// join adds a watcher, and returns what is there: the watcher sees that first.
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

// notify tells every watcher that an instance has changed from before, which is nil if the cache did not have it. It is
// called with c.mu held.
func (c *Cache) notify(before, latest *version, removed bool) {
	for w := range c.watchers {
		w.add(change{seen: before, latest: latest, removed: removed})
	}
}

// add queues a change, or merges it with an earlier one of the instance.
func (w *watcher) add(ch change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ch.latest == nil {
		w.changes.PushBack(ch)
	} else if id := ch.latest.instance.InstanceID; w.byID[id] == nil {
		w.byID[id] = w.changes.PushBack(ch)
	} else if earlier := w.byID[id].Value.(change); earlier.seen == nil && ch.removed {
		w.changes.Remove(w.byID[id]) // came and went before the watcher saw it
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

// next takes the event that is due. It is false when there is none.
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
