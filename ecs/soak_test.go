package ecs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// soak lists a fleet repeatedly from 8 goroutines for the duration d, despite failing requests, a quota and key
// rotation. Every listing must be complete. The function each is called once per minute.
func soak(t *testing.T, v variant, d time.Duration, each func(minute int)) {
	const nPages, perMinute, rotation = 20, 120, 10 * time.Minute
	begun := time.Now()
	// Keys are rotated in the middle of a quota period.
	current := func() int { return int((time.Since(begun) + rotation - 10*time.Second) / rotation) }
	quota := fixedWindow(perMinute, time.Minute, false)
	var mu sync.Mutex
	var requests, throttled, expired, faults, providerFailures atomic.Int64
	list := pages(nPages, nil)
	g := newRig(t, v, func(x *exchange) {
		x.pause(time.Second)
		n := requests.Add(1)
		mu.Lock()
		ok, _ := quota(time.Now())
		mu.Unlock()
		switch {
		case !strings.Contains(x.URL.RawQuery+x.Header.Get("Authorization"), fmt.Sprint("rotatingid", current())):
			expired.Add(1)
			x.fail(400, "InvalidSecurityToken.Expired")
		case !ok:
			throttled.Add(1)
			x.fail(400, "Throttling.User")
		case n%100 == 37:
			faults.Add(1)
			x.reset()
		case n%100 == 71:
			faults.Add(1)
			x.fail(503, "ServiceUnavailable")
		default:
			list(x)
		}
	}, lean, func(_ *rig, o *ecs.Options) {
		o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) {
			if since := time.Since(begun) % rotation; since > 4*time.Minute && since < 5*time.Minute {
				providerFailures.Add(1)
				return signer.Credentials{}, errors.New("the provider is down")
			}
			return rotating(current()), nil
		})
	})
	want := idsOf(1, nPages)
	ctx, cancel := context.WithCancel(t.Context())
	var listings atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		client, err := g.client.InRegion("cn-test")
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				ids := make([]string, 0, len(want))
				for inst, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{}) {
					if err != nil {
						if ctx.Err() == nil {
							t.Errorf("after %v: %v", time.Since(begun), err)
						}
						return
					}
					ids = append(ids, inst.InstanceID)
				}
				if !slices.Equal(ids, want) {
					t.Errorf("after %v: %d instances: %v", time.Since(begun), len(ids), ids)
					return
				}
				listings.Add(1)
			}
		})
	}
	for minute := range int(d / time.Minute) {
		time.Sleep(time.Minute)
		each(minute + 1)
	}
	cancel()
	wg.Wait()
	g.finish()
	t.Logf("%d listings, %d requests, %d throttled, %d faults, %d expired keys, %d failures of the provider, %d connections",
		listings.Load(), requests.Load(), throttled.Load(), faults.Load(), expired.Load(), providerFailures.Load(), g.dialed())
	if ideal := int64(d.Minutes()) * perMinute / nPages; listings.Load() < ideal*7/10 || faults.Load() == 0 || expired.Load() == 0 || providerFailures.Load() == 0 {
		t.Errorf("%d complete listings, but the quota permits %d", listings.Load(), ideal)
	}
}

// heap returns the size of the live heap in KiB.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // frees objects that were in a sync.Pool before the first collection
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) >> 10
}

// TestSoak lists a fleet for an hour of virtual time and checks that the process does not use more and more memory.
func TestSoak(t *testing.T) { //nolint:paralleltest // measures the memory of the process
	synctest.Test(t, func(t *testing.T) {
		var early, late int64
		soak(t, variants[1], time.Duration(volume(60, 15))*time.Minute, func(minute int) {
			switch minute {
			case 10:
				early = heap()
			case volume(60, 15):
				late = heap()
			}
		})
		t.Logf("%d KiB after 10 minutes, %d KiB at the end", early, late)
		if late > early+512 {
			t.Errorf("the heap grew from %d KiB to %d KiB", early, late)
		}
	})
}

var soakTime = flag.Duration("soak", 0, "how long TestSoakOverTCP runs; 0 skips the test")

// TestSoakOverTCP lists instances from 32 goroutines over the loopback network while some requests fail. Every listing
// must be exact, and no goroutine may leak.
func TestSoakOverTCP(t *testing.T) { //nolint:paralleltest // counts the goroutines and measures the memory of the process
	if *soakTime == 0 {
		t.Skip("needs the flag -soak=10s")
	}
	goroutines, before := runtime.NumGoroutine(), heap()
	server := ecstest.NewServer(ecstest.Fleet(2000, 1)...)
	random := func(percent int) func(ecstest.Request) bool {
		return func(ecstest.Request) bool { return rand.IntN(100) < percent }
	}
	server.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Rate: 400, Burst: 100} })
	server.Inject(
		ecstest.Fault{Times: -1, Match: random(1), Reset: true}, ecstest.Fault{Times: -1, Match: random(1), Code: "InternalError", Status: http.StatusInternalServerError},
		ecstest.Fault{Times: -1, Match: random(1), Truncate: true}, ecstest.Fault{Times: -1, Match: random(1), CutJSON: true},
	)
	all := server.Instances()
	want := map[string]map[string]bool{}
	for _, inst := range all {
		if want[inst.RegionID] == nil {
			want[inst.RegionID] = map[string]bool{}
		}
		want[inst.RegionID][inst.InstanceID] = true
	}
	client, err := server.Client("cn-hangzhou", &ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 8, MinDelay: time.Millisecond}, TrustEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), *soakTime)
	defer cancel()
	var listings, instances atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		regions := slices.Sorted(maps.Keys(want))
		wg.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				region := regions[n%len(regions)]
				c, err := client.InRegion(region)
				if err != nil {
					t.Error(err)
					return
				}
				got := map[string]bool{}
				list := c.Instances(ctx, ecs.DescribeInstancesRequest{})
				if n%2 == 0 {
					list = c.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: 4})
				}
				for inst, err := range list {
					if err != nil {
						if ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
							t.Errorf("%s: %v", region, err)
						}
						return
					}
					if got[inst.InstanceID] || !want[region][inst.InstanceID] {
						t.Errorf("%s: %s was yielded twice or does not exist", region, inst.InstanceID)
					}
					got[inst.InstanceID] = true
				}
				if len(got) != len(want[region]) {
					t.Errorf("%s: %d of %d instances", region, len(got), len(want[region]))
				}
				listings.Add(1)
				instances.Add(int64(len(got)))
			}
		})
	}
	wg.Wait()
	client.CloseIdleConnections()
	server.Close()
	after := heap()
	t.Logf("%d listings, %d instances, heap %d KiB before and %d KiB after", listings.Load(), instances.Load(), before, after)
	if n := runtime.NumGoroutine(); n > goroutines+4 || listings.Load() == 0 {
		buf := make([]byte, 1<<20)
		t.Errorf("the number of goroutines grew from %d to %d\n%s", goroutines, n, buf[:runtime.Stack(buf, true)])
	}
}
