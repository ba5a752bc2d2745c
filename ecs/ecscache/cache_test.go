package ecscache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	hangzhou = "cn-hangzhou"
	beijing  = "cn-beijing"
)

// inVirtualTime runs test as a parallel subtest in virtual time. The subtest fails if a goroutine leaks.
func inVirtualTime(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

// cloud is an in-memory ECS server with a client for cn-hangzhou.
type cloud struct {
	*ecstest.Server
	t      *testing.T
	client *ecs.Client
}

func newCloud(t *testing.T, opts *ecs.Options, instances ...ecs.Instance) *cloud {
	t.Helper()
	c := &cloud{Server: ecstest.NewPipeServer(instances...), t: t}
	t.Cleanup(c.Close)
	client, err := c.Client(hangzhou, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	c.client = client
	return c
}

// cache returns a cache that runs until the end of the test.
func (c *cloud) cache(req ecs.DescribeInstancesRequest, opts *ecscache.Options) *ecscache.Cache {
	c.t.Helper()
	cache, err := ecscache.New(c.client, req, opts)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan error, 1)
	go func() { done <- cache.Run(ctx) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			c.t.Errorf("Run: %v, want the context's error", err)
		}
	})
	return cache
}

// synced returns a running cache that has listed every region.
func (c *cloud) synced(req ecs.DescribeInstancesRequest, opts *ecscache.Options) *ecscache.Cache {
	c.t.Helper()
	cache := c.cache(req, opts)
	if err := cache.WaitForSync(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	return cache
}

// rename changes the name of an instance, or creates the instance.
func (c *cloud) rename(id, name string) {
	if !c.Update(id, func(i *ecs.Instance) { i.InstanceName = name }) {
		c.Put(named(id, name))
	}
}

// lists returns how often a region has been listed.
func (c *cloud) lists(region string) (n int) {
	for _, r := range c.Requests() {
		if r.Action == "DescribeInstances" && r.Region == region && !r.Params.Has("NextToken") && !r.Params.Has("InstanceIds") && !r.Params.Has("DryRun") {
			n++
		}
	}
	return n
}

func named(id, name string) ecs.Instance {
	return ecs.Instance{InstanceID: id, InstanceName: name, RegionID: hangzhou}
}

func in(region, id string) ecs.Instance { return ecs.Instance{InstanceID: id, RegionID: region} }

// names returns the ids and names of the instances in a cache as a string such as "i-1=web i-2=db".
func names(cache *ecscache.Cache) string {
	var list []string
	for i := range cache.Instances() {
		list = append(list, i.InstanceID+"="+i.InstanceName)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func wantNames(t *testing.T, cache *ecscache.Cache, want string) {
	t.Helper()
	if got := names(cache); got != want {
		t.Errorf("the cache contains %q, want %q", got, want)
	}
}

// log records the events that a watcher receives.
type log struct {
	mu     sync.Mutex
	events []string
}

// watch starts a watcher that runs until the end of the test, and returns its log.
func watch(t *testing.T, cache *ecscache.Cache) *log {
	t.Helper()
	l := &log{}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		for ev := range cache.Watch(ctx) {
			l.mu.Lock()
			l.events = append(l.events, text(ev))
			l.mu.Unlock()
		}
	}()
	return l
}

func text(ev ecscache.Event) string {
	switch ev.Type {
	case ecscache.EventAdded:
		return fmt.Sprintf("+%s=%s", ev.Instance.InstanceID, ev.Instance.InstanceName)
	case ecscache.EventChanged:
		return fmt.Sprintf("%s=%s>%s", ev.Instance.InstanceID, ev.Old.InstanceName, ev.Instance.InstanceName)
	case ecscache.EventRemoved:
		return fmt.Sprintf("-%s=%s", ev.Old.InstanceID, ev.Old.InstanceName)
	case ecscache.EventSynced:
		return "synced"
	default:
		return "unknown event " + string(ev.Type)
	}
}

// want waits until all goroutines are blocked. It fails the test unless exactly the given events have arrived since the
// last call, in any order.
func (l *log) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	got := slices.Clone(l.events)
	l.events = nil
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("the watcher saw %q, want %q", got, want)
	}
}

// minutes waits for n listing intervals of one minute each, including their jitter.
func minutes(n int) { time.Sleep(time.Duration(n) * 70 * time.Second) }

// TestCache checks that a cache lists its instances immediately and then once per interval. Watchers receive the
// existing instances, EventSynced and then the changes.
func TestCache(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "changes", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "web"), named("i-2", "db"))
		cache := c.cache(ecs.DescribeInstancesRequest{}, nil)
		early := watch(t, cache)
		if err := cache.WaitForSync(t.Context()); err != nil {
			t.Fatal(err)
		}
		early.want(t, "+i-1=web", "+i-2=db", "synced")
		wantNames(t, cache, "i-1=web i-2=db")
		late := watch(t, cache)
		late.want(t, "+i-1=web", "+i-2=db", "synced")

		c.rename("i-1", "web-new")
		c.rename("i-3", "cron")
		c.Delete("i-2")
		minutes(1)
		wantNames(t, cache, "i-1=web-new i-3=cron")
		for _, l := range []*log{early, late} {
			l.want(t, "i-1=web>web-new", "+i-3=cron", "-i-2=db")
		}
		if inst, ok := cache.Lookup("i-1"); !ok || inst.InstanceName != "web-new" {
			t.Errorf("Lookup of i-1 = name %q, ok %t; want web-new, true", inst.InstanceName, ok)
		}
		if inst, ok := cache.Lookup("i-2"); ok {
			t.Errorf("Lookup found %q, which was deleted", inst.InstanceID)
		}
		minutes(10)
		early.want(t)
	})
	inVirtualTime(t, "request", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "web"), named("i-2", "db"))
		cache := c.synced(ecs.DescribeInstancesRequest{InstanceName: "web"}, &ecscache.Options{Workers: 4})
		l := watch(t, cache)
		l.want(t, "+i-1=web", "synced")
		c.rename("i-1", "was-web")
		minutes(1)
		l.want(t, "-i-1=web")
	})
	inVirtualTime(t, "duplicates", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"), named("i-2", "b"))
		c.Inject(ecstest.Fault{Action: "DescribeInstances", Duplicate: 2, Times: -1})
		l := watch(t, c.synced(ecs.DescribeInstancesRequest{}, nil))
		minutes(3)
		l.want(t, "+i-1=a", "+i-2=b", "synced")
	})
	inVirtualTime(t, "clock", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		for i, skew := range []time.Duration{3 * time.Hour, -3 * time.Hour, 0} {
			c.Configure(func(s *ecstest.Settings) { s.ClockSkew = skew })
			c.rename("i-1", fmt.Sprint(i))
			minutes(4)
			wantNames(t, cache, fmt.Sprintf("i-1=%d", i))
		}
	})
	inVirtualTime(t, "fleet that moves while it is listed", func(t *testing.T) {
		fleet := make([]ecs.Instance, 250)
		for i := range fleet {
			fleet[i] = named(fmt.Sprintf("i-%03d", i), "x")
		}
		c := newCloud(t, nil, fleet...)
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		l := watch(t, cache)
		synctest.Wait()
		l.events = nil
		var once sync.Once
		c.Configure(func(s *ecstest.Settings) {
			s.OnRequest = func(r ecstest.Request) {
				if r.Params.Has("NextToken") {
					once.Do(func() { c.Delete("i-000", "i-249"); c.rename("i-248", "y"); c.rename("i-new", "z") })
				}
			}
		})
		minutes(1)
		l.want(t, "-i-249=x", "i-248=x>y", "+i-new=z") // i-000 was deleted after its page had been read
		minutes(1)
		l.want(t, "-i-000=x")
	})
}

// TestNoFalseRemoval checks that a failed listing removes no instances.
func TestNoFalseRemoval(t *testing.T) {
	t.Parallel()
	guest := signer.Credentials{AccessKeyID: "LTAI-guest", AccessKeySecret: "secret"}
	as := func(c signer.Credentials) *ecs.Options {
		return &ecs.Options{Credentials: ecs.StaticCredentials(c.AccessKeyID, c.AccessKeySecret, c.SecurityToken)}
	}
	status := func(t *testing.T, cache *ecscache.Cache, region string, wantErr bool) ecscache.RegionStatus {
		t.Helper()
		s := cache.Status().Regions[region]
		if (s.Err != nil) != wantErr {
			t.Errorf("Status of %s: error %v, want an error: %t", region, s.Err, wantErr)
		}
		return s
	}

	for failing, other := range map[string]string{beijing: hangzhou, hangzhou: beijing} {
		inVirtualTime(t, failing+" fails and comes back", func(t *testing.T) {
			c := newCloud(t, nil, in(failing, "i-f"), in(other, "i-o"))
			var failures []error
			cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{
				Regions: []string{hangzhou, beijing},
				OnError: func(err error) { failures = append(failures, err) },
			})
			l := watch(t, cache)
			l.want(t, "+i-f=", "+i-o=", "synced")
			before := status(t, cache, failing, false)

			c.Inject(ecstest.Fault{Region: failing, Code: "ServiceUnavailable", Times: -1})
			c.Update("i-o", func(i *ecs.Instance) { i.InstanceName = "still-listed" })
			c.Delete("i-f")
			minutes(20)
			l.want(t, "i-o=>still-listed")
			during := status(t, cache, failing, true)
			if during.Instances != 1 || !during.Synced.Before(before.Synced.Add(2*time.Minute)) {
				t.Errorf("status of the failing region: %+v", during)
			}
			if s := cache.Status(); !s.Synced.Equal(during.Synced) || s.Regions[other].Synced.Before(time.Now().Add(-2*time.Minute)) {
				t.Errorf("status of the cache: %+v", s)
			}
			if len(failures) < 3 {
				t.Fatalf("OnError was called %d times, want at least 3", len(failures))
			}
			var regional *ecs.RegionError
			if !errors.As(failures[0], &regional) || regional.Region != failing || !errors.Is(failures[0], ecs.ErrUnavailable) {
				t.Errorf("OnError received %v, want an ErrUnavailable of the failing region", failures[0])
			}

			c.ClearFaults()
			minutes(10)
			l.want(t, "-i-f=")
			status(t, cache, failing, false)
			lists := c.lists(failing)
			minutes(10)
			if n := c.lists(failing) - lists; n < 10 || n > 17 { // a listing whose empty result is verified counts twice
				t.Errorf("%d listings within 12 minutes after the failure, want 10 to 17", n)
			}
		})
	}
	inVirtualTime(t, "permission lost and given back", func(t *testing.T) {
		c := newCloud(t, as(guest), named("i-1", "a"), named("i-2", "b"))
		c.AddKey(ecstest.Key{Credentials: guest})
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		l := watch(t, cache)
		l.want(t, "+i-1=a", "+i-2=b", "synced")
		c.AddKey(ecstest.Key{Credentials: guest, Deny: []string{"DescribeInstances"}})
		minutes(20)
		l.want(t)
		if s := status(t, cache, hangzhou, true); !errors.Is(s.Err, ecs.ErrForbidden) {
			t.Errorf("Status: error %v, want ErrForbidden", s.Err)
		}
		c.Delete("i-2")
		c.AddKey(ecstest.Key{Credentials: guest})
		minutes(10)
		l.want(t, "-i-2=b")
	})
	inVirtualTime(t, "the key is revoked", func(t *testing.T) {
		c := newCloud(t, as(guest), named("i-1", "a"))
		c.AddKey(ecstest.Key{Credentials: guest})
		l := watch(t, c.synced(ecs.DescribeInstancesRequest{}, nil))
		c.RevokeKey(guest.AccessKeyID)
		minutes(20)
		l.want(t, "+i-1=a", "synced")
	})
	inVirtualTime(t, "the listing is capped", func(t *testing.T) {
		fleet := make([]ecs.Instance, 1100)
		for i := range fleet {
			fleet[i] = named(fmt.Sprintf("i-%04d", i), "x")
			fleet[i].Tags = []ecs.Tag{{Key: "env", Value: "prod"}}
		}
		c := newCloud(t, as(guest), fleet[:900]...)
		c.AddKey(ecstest.Key{Credentials: guest, Deny: []string{"ListTagResources"}})
		cache := c.synced(ecs.DescribeInstancesRequest{Tags: ecs.TagList{{Key: "env", Value: "prod"}}}, nil)
		c.Delete("i-0001")
		c.Put(fleet[900:]...)
		minutes(1)
		n := 0
		for range cache.Instances() {
			n++
		}
		if _, ok := cache.Lookup("i-0001"); !ok || n != 1001 { // 900 old instances and 101 of the new instances
			t.Errorf("the cache contains %d instances, want 1001; it contains i-0001: %t, want true", n, ok)
		}
		var capped *ecs.CappedError
		if s := status(t, cache, hangzhou, true); !errors.As(s.Err, &capped) {
			t.Errorf("Status: error %v, want a CappedError", s.Err)
		}
		lists := c.lists(hangzhou)
		minutes(5)
		if n := c.lists(hangzhou) - lists; n < 4 {
			t.Errorf("%d listings in 5 minutes, want at least 4: a capped listing must not delay the next listing", n)
		}
	})
	inVirtualTime(t, "a member cannot be read", func(t *testing.T) {
		c := newCloud(t, nil, named("i-1", "a"), named("i-2", "b"), named("i-3", "c"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		l := watch(t, cache)
		l.want(t, "+i-1=a", "+i-2=b", "+i-3=c", "synced")
		c.Inject(ecstest.Fault{Action: "DescribeInstances", Times: -1, Body: []byte(`{"RequestId":"r","Instances":{"Instance":[
			{"InstanceId":"i-1","InstanceName":"a","RegionId":"cn-hangzhou","Cpu":{"a":1}},
			{"InstanceId":"i-2","InstanceName":"b2","RegionId":"cn-hangzhou"}]}}`)})
		minutes(1)
		synctest.Wait()
		l.mu.Lock()
		for _, ev := range l.events {
			if strings.HasPrefix(ev, "-") {
				t.Errorf("unexpected event %s", ev)
			}
		}
		if !slices.Contains(l.events, "i-2=b>b2") {
			t.Errorf("events %q do not contain the change of i-2", l.events)
		}
		l.mu.Unlock()
		var incomplete *ecs.IncompleteError
		if s := status(t, cache, hangzhou, true); !errors.As(s.Err, &incomplete) || s.Instances != 3 {
			t.Errorf("Status: %+v, want an IncompleteError and 3 instances", s)
		}
	})
	inVirtualTime(t, "the last page fails", func(t *testing.T) {
		fleet := make([]ecs.Instance, 150)
		for i := range fleet {
			fleet[i] = named(fmt.Sprintf("i-%03d", i), "x")
		}
		c := newCloud(t, nil, fleet...)
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		l := watch(t, cache)
		synctest.Wait()
		l.events = nil
		c.Inject(ecstest.Fault{Match: func(r ecstest.Request) bool { return r.Params.Has("NextToken") }, Status: 404, Times: -1})
		c.Delete("i-001")
		c.rename("i-000", "changed")
		minutes(1)
		l.want(t, "i-000=x>changed")
		c.ClearFaults()
		minutes(5)
		l.want(t, "-i-001=x")
	})
}

// TestAllRegions checks that a cache with AllRegions finds new regions and never drops a region.
func TestAllRegions(t *testing.T) {
	t.Parallel()
	regions := func(c *cloud, list ...string) { c.Configure(func(s *ecstest.Settings) { s.Regions = list }) }
	inVirtualTime(t, "come and go", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"))
		regions(c, hangzhou, beijing)
		cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{AllRegions: true})
		l := watch(t, cache)
		l.want(t, "+i-h=", "synced")
		c.Put(in("eu-central-1", "i-e"))
		regions(c, hangzhou, beijing, "eu-central-1")
		minutes(1)
		l.want(t, "+i-e=")
		if got := slices.Sorted(maps.Keys(cache.Status().Regions)); !slices.Equal(got, []string{beijing, hangzhou, "eu-central-1"}) {
			t.Errorf("Status contains the regions %q", got)
		}

		// From now on, DescribeRegions omits a region that still has instances.
		c.Inject(ecstest.Fault{Action: "DescribeRegions", Times: -1, Body: []byte(`{"RequestId":"r","Regions":{"Region":[{"RegionId":"cn-hangzhou"}]}}`)})
		c.Update("i-e", func(i *ecs.Instance) { i.InstanceName = "alive" })
		minutes(2)
		l.want(t, "i-e=>alive")
		if n := c.lists(hangzhou); n < 4 || n > 5 {
			t.Errorf("%d listings of a region in 3.5 minutes, want 4 or 5", n)
		}
	})
	inVirtualTime(t, "excluded", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"), in(beijing, "i-b"))
		regions(c, hangzhou, beijing)
		cache := c.synced(ecs.DescribeInstancesRequest{}, &ecscache.Options{AllRegions: true, Exclude: []string{beijing}})
		wantNames(t, cache, "i-h=")
		if n := c.lists(beijing); n != 0 {
			t.Errorf("an excluded region was listed %d times", n)
		}
	})
	inVirtualTime(t, "all are excluded", func(t *testing.T) {
		c := newCloud(t, nil)
		regions(c, hangzhou)
		cache := c.cache(ecs.DescribeInstancesRequest{}, &ecscache.Options{AllRegions: true, Exclude: []string{hangzhou}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := cache.WaitForSync(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Options.Exclude") {
			t.Errorf("WaitForSync returned %v, want a deadline error that mentions Options.Exclude", err)
		}
	})
	inVirtualTime(t, "the discovery fails", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h"))
		c.Inject(ecstest.Fault{Action: "DescribeRegions", Code: "Forbidden.RAM", Times: -1})
		var failures []error
		cache := c.cache(ecs.DescribeInstancesRequest{}, &ecscache.Options{AllRegions: true, OnError: func(err error) { failures = append(failures, err) }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := cache.Get(ctx, "i-h"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get before the discovery of regions returned %v", err)
		}
		if s := cache.Status(); !errors.Is(s.Err, ecs.ErrForbidden) || !s.Synced.IsZero() {
			t.Errorf("Status during the failure: %+v", s)
		}
		synctest.Wait()
		if len(failures) == 0 || !errors.Is(failures[0], ecs.ErrForbidden) {
			t.Errorf("OnError: %v", failures)
		}
		c.ClearFaults()
		if err := cache.WaitForSync(t.Context()); err != nil {
			t.Error(err)
		}
		if s := cache.Status(); s.Err != nil || s.Synced.IsZero() {
			t.Errorf("Status afterwards: %+v", s)
		}
	})
}

func TestNew(t *testing.T) {
	t.Parallel()
	srv := ecstest.NewServer()
	t.Cleanup(srv.Close)
	client, err := srv.Client(hangzhou, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		client *ecs.Client
		req    ecs.DescribeInstancesRequest
		opts   *ecscache.Options
		want   string // part of the error message; empty if no error is expected
	}{
		"defaults":            {client: client},
		"many ids":            {client: client, req: ecs.DescribeInstancesRequest{InstanceIDs: strings.Fields(strings.Repeat("i-1 ", 1000) + "i-2")}},
		"matches nothing":     {client: client, req: ecs.DescribeInstancesRequest{InstanceIDs: ecs.JSONList{}}},
		"no client":           {want: "client must not be nil"},
		"token":               {client: client, req: ecs.DescribeInstancesRequest{NextToken: "t"}, want: "NextToken"},
		"page mode":           {client: client, req: ecs.DescribeInstancesRequest{PageNumber: 1}, want: "PageNumber"},
		"bad tag":             {client: client, req: ecs.DescribeInstancesRequest{Tags: ecs.TagList{{Value: "v"}}}, want: "Tag"},
		"bad tag, scanned":    {client: client, req: ecs.DescribeInstancesRequest{Tags: ecs.TagList{{Value: "v"}}}, opts: &ecscache.Options{Workers: 4}, want: "Tag"},
		"bad region":          {client: client, opts: &ecscache.Options{Regions: []string{"not a region"}}, want: "region"},
		"empty region":        {client: client, opts: &ecscache.Options{Regions: []string{""}}, want: "region"},
		"regions and all":     {client: client, opts: &ecscache.Options{Regions: []string{hangzhou}, AllRegions: true}, want: "AllRegions"},
		"exclude without all": {client: client, opts: &ecscache.Options{Exclude: []string{hangzhou}}, want: "Exclude"},
		"negative interval":   {client: client, opts: &ecscache.Options{Interval: -1}, want: "Interval"},
		"negative workers":    {client: client, opts: &ecscache.Options{Workers: -1}, want: "Workers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache, err := ecscache.New(tt.client, tt.req, tt.opts)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (!errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), tt.want) || cache != nil):
				t.Errorf("error %v, want ErrInvalidParameter with %q in the message", err, tt.want)
			}
			if n := len(srv.Requests()); n > 0 {
				t.Errorf("New sent %d requests, want 0", n)
			}
		})
	}
}
