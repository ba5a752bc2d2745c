package ecscache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestRefresh checks that Refresh immediately updates the given instances, or all instances.
func TestRefresh(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "some", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"), in(beijing, "i-other"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, beijing}})
		l := watch(t, cache)
		l.want(t, "+i-h=", "+i-b=", "+i-other=", "synced")
		c.Update("i-h", func(i *ecs.Instance) { i.InstanceName = "new" })
		c.Update("i-other", func(i *ecs.Instance) { i.InstanceName = "not asked for" })
		c.Put(in(beijing, "i-added"))
		c.Delete("i-b")
		if err := cache.Refresh(t.Context(), "i-h", "i-b", "i-added", "i-unknown"); err != nil {
			t.Error(err)
		}
		l.want(t, "i-h=>new", "-i-b=", "+i-added=")
		sent := len(c.Requests())
		if err := cache.Refresh(t.Context(), "i-h"); err != nil || len(c.Requests()) != sent+1 {
			t.Errorf("Refresh of a cached instance: error %v, %d requests, want 1", err, len(c.Requests())-sent)
		}
	})
	inVirtualTime(t, "of a request", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "web"), named("i-2", "web"), named("i-3", "web"))
		cache := c.synced(ecs.DescribeInstancesRequest{InstanceName: "web", InstanceIDs: ecs.JSONList{"i-1", "i-2"}}, nil)
		l := watch(t, cache)
		l.want(t, "+i-1=web", "+i-2=web", "synced")
		c.rename("i-1", "was-web")
		if err := cache.Refresh(t.Context(), "i-1", "i-3"); err != nil {
			t.Error(err)
		}
		l.want(t, "-i-1=web")
	})
	inVirtualTime(t, "of a region that fails", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, beijing}})
		l := watch(t, cache)
		l.want(t, "+i-h=", "+i-b=", "synced")
		c.Inject(ecstest.Fault{Region: beijing, Code: "Forbidden.RAM", Times: -1})
		c.Delete("i-h", "i-b")
		err := cache.Refresh(t.Context(), "i-h", "i-b")
		var regional *ecs.RegionError
		if !errors.As(err, &regional) || regional.Region != beijing || !errors.Is(err, ecs.ErrForbidden) {
			t.Errorf("error %v, want ErrForbidden of the failing region", err)
		}
		l.want(t, "-i-h=")
	})
	inVirtualTime(t, "nothing", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		sent := len(c.Requests())
		if err := cache.Refresh(t.Context(), []string{}...); err != nil {
			t.Error(err)
		}
		if err := cache.Refresh(t.Context(), ""); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Errorf("an empty id: error %v, want ErrInvalidParameter", err)
		}
		if n := len(c.Requests()) - sent; n != 0 {
			t.Errorf("Refresh without work sent %d requests, want 0", n)
		}
	})
	inVirtualTime(t, "everything", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, beijing}, Interval: 24 * time.Hour})
		c.Delete("i-h")
		// Virtual time advances only when every goroutine waits, so all calls have begun before the first response arrives.
		c.Configure(func(s *ecstest.Settings) { s.Latency = 50 * time.Millisecond })
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := cache.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		wantNames(t, cache, "i-b=")
		if n := c.lists(beijing); n > 3 {
			t.Errorf("50 concurrent calls of Refresh caused %d listings, want at most 2", n-1)
		}
		c.Inject(ecstest.Fault{Region: beijing, Code: "Forbidden.RAM", Times: -1})
		var regional *ecs.RegionError
		if err := cache.Refresh(t.Context()); !errors.As(err, &regional) || regional.Region != beijing {
			t.Errorf("Refresh with a failing region: error %v, want a RegionError", err)
		}
	})
	inVirtualTime(t, "everything, when all regions are listed", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"))
		c.Configure(func(s *ecstest.Settings) { s.Regions = []string{hangzhou} })
		cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{AllRegions: true, Interval: 24 * time.Hour})
		c.Put(in("eu-central-1", "i-e"))
		if err := cache.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		wantNames(t, cache, "i-e= i-h=")
	})
	inVirtualTime(t, "everything, without Run", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"))
		cache, err := ecscache.New(c.client, ecs.DescribeInstancesRequest{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := cache.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Run has not been started") {
			t.Errorf("Refresh without Run: error %v, want a deadline error that says that Run has not been started", err)
		}
		if err := cache.Refresh(t.Context(), "i-1"); err != nil { // works without Run
			t.Error(err)
		}
		wantNames(t, cache, "i-1=a")
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := cache.WaitForSync(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Run has not been started") {
			t.Errorf("WaitForSync without Run: error %v, want a deadline error that says that Run has not been started", err)
		}
	})
}

// TestRefreshOutlivesOlderListing checks that the result of a refresh is not overwritten by a listing that began
// earlier.
func TestRefreshOutlivesOlderListing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(c *cloud)
		during []string // events that the refresh causes
	}{
		"changed": {func(c *cloud) { c.rename("i-1", "new") }, []string{"i-1=old>new"}},
		"removed": {func(c *cloud) { c.Delete("i-1") }, []string{"-i-1=old"}},
		"added":   {func(c *cloud) { c.rename("i-2", "added") }, []string{"+i-2=added"}},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			var slow atomic.Bool
			// The listing receives the page ten seconds after the server has sent the page.
			c := newCloud(t, &ecs.Options{OnAttempt: func(ecs.Attempt) {
				if slow.Swap(false) {
					time.Sleep(10 * time.Second)
				}
			}}, named("i-1", "old"), named("i-0", "x"))
			cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{Interval: time.Hour})
			l := watch(t, cache)
			l.want(t, "+i-1=old", "+i-0=x", "synced")

			lists := c.lists(hangzhou)
			slow.Store(true)
			relisted := make(chan error)
			go func() { relisted <- cache.Refresh(t.Context()) }()
			synctest.Wait()
			if c.lists(hangzhou) != lists+1 {
				t.Fatal("the listing has not started")
			}
			tt.change(c)
			if err := cache.Refresh(t.Context(), "i-1", "i-2"); err != nil {
				t.Fatal(err)
			}
			l.want(t, tt.during...)
			if err := <-relisted; err != nil {
				t.Fatal(err)
			}
			l.want(t)
			if err := cache.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			l.want(t)
		})
	}
}

// TestGet checks that Get requests only instances that are not cached.
func TestGet(t *testing.T) {
	t.Parallel()
	both := &ecscache.Options{Regions: []string{hangzhou, beijing}, Interval: 24 * time.Hour}
	get := func(t *testing.T, cache *ecscache.Cache, id string) error {
		t.Helper()
		inst, err := cache.Get(t.Context(), id)
		if err == nil && inst.InstanceID != id {
			t.Errorf("Get(%q) returned %q", id, inst.InstanceID)
		}
		return err
	}
	inVirtualTime(t, "known or asked for", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, both)
		l := watch(t, cache)
		l.want(t, "+i-h=", "+i-b=", "synced")
		sent := len(c.Requests())
		if err := get(t, cache, "i-b"); err != nil || len(c.Requests()) != sent {
			t.Errorf("Get of a cached instance: error %v, %d requests, want 0", err, len(c.Requests())-sent)
		}
		c.Put(in(beijing, "i-new"))
		if err := get(t, cache, "i-new"); err != nil {
			t.Errorf("Get of a new instance: %v", err)
		}
		l.want(t, "+i-new=")
	})
	inVirtualTime(t, "no such instance", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, both)
		var notFound *ecs.NotFoundError
		if err := get(t, cache, "i-unknown"); !errors.As(err, &notFound) || notFound.InstanceIDs[0] != "i-unknown" {
			t.Errorf("error %v, want a NotFoundError for i-unknown", err)
		}
		if err := get(t, cache, ""); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Errorf("an empty id: error %v, want ErrInvalidParameter", err)
		}
	})
	for failing, other := range map[string]string{beijing: hangzhou, hangzhou: beijing} {
		inVirtualTime(t, failing+" fails", func(t *testing.T) {
			c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
			cache := c.synced(ecs.DescribeInstancesRequest{}, both)
			c.Put(in(other, "i-new"))
			c.Inject(ecstest.Fault{Region: failing, Code: "Forbidden.RAM", Times: 1})
			var notFound *ecs.NotFoundError
			err := get(t, cache, "i-unknown")
			if err == nil || errors.As(err, &notFound) || !errors.Is(err, ecs.ErrForbidden) {
				t.Errorf("error %v, want ErrForbidden and no NotFoundError while a region fails", err)
			}
			c.Inject(ecstest.Fault{Region: failing, BlackHole: true, Times: -1})
			began := time.Now()
			if err = get(t, cache, "i-new"); err != nil || time.Since(began) > time.Second {
				t.Errorf("Get of an instance in the other region: error %v after %v", err, time.Since(began))
			}
		})
	}
	inVirtualTime(t, "with a filter", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "web"), named("i-2", "db"))
		cache := c.synced(ecs.DescribeInstancesRequest{InstanceName: "web"}, nil)
		if err := get(t, cache, "i-2"); err != nil {
			t.Error(err)
		}
		wantNames(t, cache, "i-1=web")
	})
	inVirtualTime(t, "before Run", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "web"))
		cache, err := ecscache.New(c.client, ecs.DescribeInstancesRequest{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := get(t, cache, "i-1"); err != nil {
			t.Error(err)
		}
		wantNames(t, cache, "i-1=web")
	})
}

// TestRun checks that Run lists instances until its context is done. A concurrent second call of Run must fail.
func TestRun(t *testing.T) {
	t.Parallel()
	newCache := func(t *testing.T, c *cloud, opts *ecscache.Options) *ecscache.Cache {
		t.Helper()
		cache, err := ecscache.New(c.client, ecs.DescribeInstancesRequest{}, opts)
		if err != nil {
			t.Fatal(err)
		}
		return cache
	}
	inVirtualTime(t, "only one", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		if err := cache.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "Run") {
			t.Errorf("a second Run returned %v, want an error", err)
		}
	})
	inVirtualTime(t, "ends and starts again", func(t *testing.T) {
		c := newCloud(t, &ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}}, in(hangzhou, "i-1"))
		c.Inject(ecstest.Fault{Region: beijing, Code: "Forbidden.RAM", Times: -1})
		failures := 0
		cache := newCache(t, c, &ecscache.Options{Regions: []string{hangzhou, beijing}, OnError: func(error) { failures++ }})
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			if err := cache.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Run: %v", err)
			}
			cancel()
		}
		wantNames(t, cache, "i-1=")
		if failures != 2 {
			t.Errorf("OnError was called %d times, want 2: the end of Run is not a failure", failures)
		}
		for what, err := range map[string]error{"WaitForSync": cache.WaitForSync(t.Context()), "Refresh": cache.Refresh(t.Context())} {
			if err == nil || !strings.Contains(err.Error(), "Run has ended") {
				t.Errorf("%s after the end of Run: error %v, want one that says that Run has ended", what, err)
			}
		}
		if err := cache.WaitForSync(t.Context()); !errors.Is(err, ecs.ErrForbidden) || !strings.Contains(err.Error(), beijing) {
			t.Errorf("WaitForSync: error %v, want the error of the failing region", err)
		}
	})
	inVirtualTime(t, "interrupted listing", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"))
		c.Inject(ecstest.Fault{Action: "DescribeInstances", BlackHole: true, Times: -1})
		cache := newCache(t, c, &ecscache.Options{OnError: func(err error) { t.Errorf("OnError: %v", err) }})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := cache.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run: %v", err)
		}
		if s := cache.Status().Regions[hangzhou]; s.Err != nil || !s.Synced.IsZero() {
			t.Errorf("Status: %+v", s)
		}
	})
	inVirtualTime(t, "returns after the last goroutine", func(t *testing.T) {
		c := newCloud(t, &ecs.Options{OnAttempt: func(ecs.Attempt) { time.Sleep(10 * time.Second) }}, named("i-1", "a"))
		cache := newCache(t, c, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		_ = cache.Run(ctx)
		if d := time.Since(began); d != 10*time.Second {
			t.Errorf("Run returned after %v, want 10s: it must wait for the hook", d)
		}
	})
	inVirtualTime(t, "pace", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
		c.Inject(ecstest.Fault{Region: beijing, Code: "Forbidden.RAM", Times: -1})
		c.cache(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, beijing}, Interval: 20 * time.Second})
		time.Sleep(time.Hour)
		last, gaps := map[string]time.Time{}, map[string]map[time.Duration]int{hangzhou: {}, beijing: {}}
		for _, r := range c.Requests() {
			if at, ok := last[r.Region]; ok {
				gaps[r.Region][r.Time.Sub(at)]++
			}
			last[r.Region] = r.Time
		}
		if n := len(gaps[hangzhou]); n < 100 {
			t.Errorf("the gaps between listings have only %d different lengths, want jitter", n)
		}
		for gap := range gaps[hangzhou] {
			if gap < 18*time.Second || gap > 22*time.Second {
				t.Errorf("a gap of %v between listings, want 18s to 22s", gap)
			}
		}
		longest := time.Duration(0)
		for gap := range gaps[beijing] {
			longest = max(longest, gap)
		}
		if n := len(gaps[beijing]); n < 10 || n > 25 || longest < 270*time.Second || longest > 330*time.Second {
			t.Errorf("a failing region has %d different gaps between its listings, want 10 to 25; the longest is %v, want about 5m", n, longest)
		}
	})
	inVirtualTime(t, "a slow region holds up no other", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
		c.Inject(ecstest.Fault{Region: beijing, BlackHole: true, Times: -1})
		cache := c.cache(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, beijing}})
		synctest.Wait()
		wantNames(t, cache, "i-h=")
	})
	inVirtualTime(t, "nil context", func(t *testing.T) {
		cache := newCache(t, newCloud(t, nil), nil)
		var none context.Context
		_, getErr := cache.Get(none, "i-1")
		for what, err := range map[string]error{
			"Run": cache.Run(none), "WaitForSync": cache.WaitForSync(none), "Get": getErr, "Refresh": cache.Refresh(none), "Refresh of one": cache.Refresh(none, "i-1"),
		} {
			if !errors.Is(err, ecs.ErrInvalidParameter) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestPanic checks that a panic in a callback reaches the caller of Run, Refresh or Get, and that the cache still works
// afterwards.
func TestPanic(t *testing.T) {
	t.Parallel()
	recovered := func(f func()) (p any) {
		defer func() { p = recover() }()
		f()
		return nil
	}
	inVirtualTime(t, "OnError", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"))
		c.Inject(ecstest.Fault{Code: "Forbidden.RAM"})
		cache, err := ecscache.New(c.client, ecs.DescribeInstancesRequest{}, &ecscache.Options{OnError: func(error) { panic("mine") }})
		if err != nil {
			t.Fatal(err)
		}
		if p := recovered(func() { _ = cache.Run(t.Context()) }); p != "mine" {
			t.Errorf("recovered %v, want the panic of the callback", p)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := cache.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Run after the panic: %v", err)
		}
		wantNames(t, cache, "i-1=a")
	})
	inVirtualTime(t, "a hook of the client", func(t *testing.T) {
		var explode atomic.Bool
		c := newCloud(t, &ecs.Options{OnAttempt: func(ecs.Attempt) {
			if explode.Load() {
				panic("mine")
			}
		}}, in(hangzhou, "i-h"), in(beijing, "i-b"))
		cache, err := ecscache.New(c.client, ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, beijing}})
		if err != nil {
			t.Fatal(err)
		}
		explode.Store(true)
		for what, f := range map[string]func(){
			"Run":     func() { _ = cache.Run(t.Context()) },
			"Refresh": func() { _ = cache.Refresh(t.Context(), "i-1") },
			"Get":     func() { _, _ = cache.Get(t.Context(), "i-1") },
		} {
			if p := recovered(f); !strings.Contains(fmt.Sprint(p), "mine") {
				t.Errorf("%s: recovered %v, want the panic of the hook", what, p)
			}
		}
		explode.Store(false)
		if err := cache.Refresh(t.Context(), "i-h"); err != nil {
			t.Error(err)
		}
		wantNames(t, cache, "i-h=")
	})
	inVirtualTime(t, "the loop of a watcher", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		if p := recovered(func() {
			for range cache.Watch(t.Context()) {
				panic("mine")
			}
		}); p != "mine" {
			t.Errorf("recovered %v, want the panic of the callback", p)
		}
		c.rename("i-1", "b")
		minutes(1)
		wantNames(t, cache, "i-1=b")
	})
}

// TestRefreshInManyRegions checks that Refresh finds a new instance that exists in only one of many regions.
func TestRefreshInManyRegions(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "new instances", func(t *testing.T) {
		c := newCloud(t, nil)
		regions := []string{hangzhou, beijing, "cn-shanghai", "cn-shenzhen", "eu-central-1", "us-west-1"}
		cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: regions, Interval: 24 * time.Hour})
		for n := range 60 {
			id := fmt.Sprintf("i-%d", n)
			c.Put(in(regions[n%len(regions)], id))
			if err := cache.Refresh(t.Context(), id); err != nil {
				t.Error(err)
			}
			if _, ok := cache.Lookup(id); !ok {
				t.Errorf("%s was not found", id)
			}
		}
	})
}
