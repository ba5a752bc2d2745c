package ecscache_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
)

// TestSlowWatcher checks that a watcher that stalls for some time misses no change. Several changes of an instance may
// be merged into one event.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	fleet := func() []ecs.Instance {
		return []ecs.Instance{named("i-1", "a"), named("i-2", "b"), named("i-3", "c"), named("i-4", "d")}
	}
	inVirtualTime(t, "merges", func(t *testing.T) {
		c := newCloud(t, nil, fleet()...)
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		fast := watch(t, cache)
		stalled := make(chan struct{})
		slow, ctx := &log{}, t.Context()
		ctx, cancel := context.WithCancel(ctx)
		t.Cleanup(cancel)
		go func() {
			for ev := range cache.Watch(ctx) {
				if ev.Type == ecscache.EventSynced {
					<-stalled // the watcher stalls after it has received all instances
					continue
				}
				slow.mu.Lock()
				slow.events = append(slow.events, text(ev))
				slow.mu.Unlock()
			}
		}()
		fast.want(t, "+i-1=a", "+i-2=b", "+i-3=c", "+i-4=d", "synced")
		slow.want(t, "+i-1=a", "+i-2=b", "+i-3=c", "+i-4=d")

		step := func(change func()) {
			change()
			if err := cache.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		step(func() {
			c.rename("i-1", "a2")
			c.rename("i-2", "b2")
			c.rename("i-3", "c2")
			c.Delete("i-4")
			c.rename("i-5", "e")
		})
		fast.want(t, "i-1=a>a2", "i-2=b>b2", "i-3=c>c2", "-i-4=d", "+i-5=e")
		step(func() {
			c.rename("i-1", "a3")
			c.rename("i-2", "b")
			c.Delete("i-3")
			c.rename("i-4", "d4")
			c.Delete("i-5")
			c.rename("i-6", "f")
		})
		fast.want(t, "i-1=a2>a3", "i-2=b2>b", "-i-3=c2", "+i-4=d4", "-i-5=e", "+i-6=f")
		step(func() { c.rename("i-6", "f2") })
		fast.want(t, "i-6=f>f2")

		close(stalled)
		slow.want(t, "i-1=a>a3", "-i-3=c", "i-4=d>d4", "+i-6=f2") // i-2 is back in its old state; i-5 was added and removed
	})
	inVirtualTime(t, "removed while the watcher is at the beginning", func(t *testing.T) {
		c := newCloud(t, nil, fleet()[:2]...)
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		known := map[string]string{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for ev := range cache.Watch(ctx) {
			switch ev.Type {
			case ecscache.EventAdded:
				known[ev.Instance.InstanceID] = ev.Instance.InstanceName
				if len(known) == 1 { // the other instance has not been yielded yet
					c.Delete("i-1", "i-2")
					if err := cache.Refresh(ctx); err != nil {
						t.Fatal(err)
					}
					time.AfterFunc(time.Hour, cancel)
				}
			case ecscache.EventRemoved:
				if known[ev.Instance.InstanceID] != ev.Old.InstanceName || ev.Old.InstanceName == "" {
					t.Errorf("unexpected event %s: the watcher knows %q", text(ev), known)
				}
				delete(known, ev.Instance.InstanceID)
			case ecscache.EventChanged:
				t.Errorf("unexpected event %s", text(ev))
			case ecscache.EventSynced:
			}
		}
		if len(known) != 0 {
			t.Errorf("the watcher received no EventRemoved for %q", known)
		}
	})
	inVirtualTime(t, "holds up nobody", func(t *testing.T) {
		c := newCloud(t, nil, fleet()...)
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for range cache.Watch(ctx) {
				<-ctx.Done()
			}
		}()
		synctest.Wait()
		for i := range 50 {
			c.rename("i-1", fmt.Sprint(i))
			if err := cache.Refresh(ctx); err != nil {
				t.Fatal(err)
			}
			if inst, err := cache.Get(ctx, "i-1"); err != nil || inst.InstanceName != fmt.Sprint(i) {
				t.Fatalf("Get: %q, %v", inst.InstanceName, err)
			}
		}
	})
}

// TestWatchEnds checks that a watcher ends when its context is done, even if Run has ended or was never started.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "cancelled", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"), named("i-2", "b"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events := 0
		for range cache.Watch(ctx) {
			events++
			cancel()
		}
		if events != 1 {
			t.Errorf("%d events, want 1", events)
		}
		for ev := range cache.Watch(ctx) {
			t.Errorf("unexpected event %s", text(ev))
		}
	})
	inVirtualTime(t, "without Run", func(t *testing.T) {
		cache, err := ecscache.New(newCloud(t, nil).client, ecs.DescribeInstancesRequest{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for ev := range cache.Watch(ctx) {
			t.Errorf("unexpected event %s", text(ev))
		}
	})
	inVirtualTime(t, "not synced", func(t *testing.T) { // EventSynced must not occur
		c := newCloud(t, nil, in(hangzhou, "i-h"))
		cache := c.cache(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, "eu-nowhere-1"}})
		l := watch(t, cache)
		minutes(10)
		l.want(t, "+i-h=")
	})
}

// TestModifiedByConsumer checks that modifying a returned instance does not cause an event and does not hide a later
// change.
func TestModifiedByConsumer(t *testing.T) {
	t.Parallel()
	tagged := func(value string) ecs.Instance {
		return ecs.Instance{InstanceID: "i-1", RegionID: hangzhou, Tags: []ecs.Tag{{Key: "env", Value: value}}}
	}
	spoil := map[string]func(*testing.T, *ecscache.Cache, func(ecs.Instance)){
		"Lookup": func(_ *testing.T, cache *ecscache.Cache, f func(ecs.Instance)) {
			inst, _ := cache.Lookup("i-1")
			f(inst)
		},
		"Instances": func(_ *testing.T, cache *ecscache.Cache, f func(ecs.Instance)) {
			for inst := range cache.Instances() {
				f(inst)
			}
		},
		"Watch": func(t *testing.T, cache *ecscache.Cache, f func(ecs.Instance)) {
			for ev := range cache.Watch(t.Context()) {
				f(ev.Instance)
				return
			}
		},
	}
	for name, modify := range spoil {
		inVirtualTime(t, name, func(t *testing.T) {
			c := newCloud(t, nil, tagged("prod"))
			cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
			l := watch(t, cache)
			l.want(t, "+i-1=", "synced")
			modify(t, cache, func(inst ecs.Instance) { inst.Tags[0].Value = "test" })
			minutes(1)
			l.want(t)
			c.Put(tagged("test")) // a real change on the server
			minutes(1)
			l.want(t, "i-1=>")
		})
	}
}
