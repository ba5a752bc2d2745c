//go:build unix

package ecscache_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// bigFleet is an http.RoundTripper that serves instances from memory. Unless frozen, 1 % of the instances change state
// between two listings.
type bigFleet struct {
	regions map[string][][2][]byte // the JSON of each instance in both states
	pass    map[string]*atomic.Int64
	frozen  atomic.Bool
}

const benchRegions = 8

// benchFleet returns the number of instances in a benchmark, which is smaller with -short.
func benchFleet() int {
	if testing.Short() {
		return 10_000
	}
	return 100_000
}

func newBigFleet(b *testing.B) (*bigFleet, *ecs.Client, []string) {
	b.Helper()
	f := &bigFleet{regions: map[string][][2][]byte{}, pass: map[string]*atomic.Int64{}}
	var names []string
	for r := range benchRegions {
		region := fmt.Sprintf("cn-region-%d", r)
		names, f.pass[region] = append(names, region), &atomic.Int64{}
		for n, inst := range ecstest.Fleet(benchFleet()/benchRegions, uint64(r)) {
			inst.RegionID = region
			inst.InstanceID = fmt.Sprintf("i-%d-%06d", r, n)
			var states [2][]byte
			for state := range states {
				if n%100 == 0 {
					inst.InstanceName = fmt.Sprint("state-", state)
				}
				if states[state] = states[0]; state == 0 || n%100 == 0 {
					text, err := inst.MarshalJSON()
					if err != nil {
						b.Fatal(err)
					}
					states[state] = text
				}
			}
			f.regions[region] = append(f.regions[region], states)
		}
	}
	client, err := ecs.NewClient(names[0], &ecs.Options{
		Credentials: ecs.StaticCredentials("id", "secret", ""),
		HTTPClient:  &http.Client{Transport: f},
	})
	if err != nil {
		b.Fatal(err)
	}
	return f, client, names
}

func (f *bigFleet) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	region := q.Get("RegionId")
	from, _ := strconv.Atoi(q.Get("NextToken"))
	if from == 0 && !f.frozen.Load() {
		f.pass[region].Add(1)
	}
	state := f.pass[region].Load() % 2
	all := f.regions[region]
	page := all[from:min(from+100, len(all))]
	token := ""
	if from+100 < len(all) {
		token = strconv.Itoa(from + 100)
	}
	body := bytes.NewBuffer(make([]byte, 0, 300<<10))
	fmt.Fprintf(body, `{"RequestId":"r","NextToken":%q,"Instances":{"Instance":[`, token)
	for i, states := range page {
		if i > 0 {
			body.WriteByte(',')
		}
		body.Write(states[state])
	}
	body.WriteString("]}}")
	return &http.Response{
		StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, ContentLength: int64(body.Len()),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body),
	}, nil
}

// BenchmarkRefresh measures the time to refresh a cache, and for comparison the time to list the same instances. The
// cache has 100,000 instances in 8 regions.
func BenchmarkRefresh(b *testing.B) {
	fleet, client, regions := newBigFleet(b)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	cache, err := ecscache.New(client, ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: regions, Interval: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	empty := heap()
	go func() { _ = cache.Run(ctx) }()
	if err := cache.WaitForSync(ctx); err != nil {
		b.Fatal(err)
	}
	kept := heap() - empty
	refresh := func(b *testing.B) {
		b.Helper()
		cpu := cpuTime()
		for b.Loop() {
			if err := cache.Refresh(ctx); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		b.ReportMetric(float64(kept)/float64(benchFleet()), "kept-B/instance")
	}
	b.Run("listing", func(b *testing.B) {
		cpu := cpuTime()
		for b.Loop() {
			var wg sync.WaitGroup
			for _, region := range regions {
				regional, err := client.InRegion(region)
				if err != nil {
					b.Fatal(err)
				}
				wg.Go(func() {
					for _, err := range regional.Instances(b.Context(), ecs.DescribeInstancesRequest{}) {
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		}
		b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	})
	b.Run("refresh", refresh)
	b.Run("refresh, 10 watchers", func(b *testing.B) {
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for range 10 {
			synced := make(chan struct{})
			wg.Go(func() {
				for ev := range cache.Watch(ctx) {
					if ev.Type == ecscache.EventSynced {
						close(synced)
					}
				}
			})
			<-synced
		}
		refresh(b)
	})
	b.Run("refresh, 1 reader", func(b *testing.B) {
		done := make(chan struct{})
		var wg sync.WaitGroup
		var worst time.Duration
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				cache.Lookup("i-3-000100")
				worst = max(worst, time.Since(began))
				runtime.Gosched()
			}
		})
		refresh(b)
		close(done)
		wg.Wait()
		b.ReportMetric(float64(worst.Microseconds()), "worst-lookup-µs")
	})
	fleet.frozen.Store(true)
	b.Run("events", func(b *testing.B) { // measures how fast a new watcher receives the existing instances
		n := 0
		for b.Loop() {
			for ev := range cache.Watch(ctx) {
				n++
				if ev.Type == ecscache.EventSynced {
					break
				}
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("Lookup", func(b *testing.B) {
		for b.Loop() {
			cache.Lookup("i-3-000100")
		}
	})
	b.Run("Instances", func(b *testing.B) {
		for b.Loop() {
			for range cache.Instances() {
			}
		}
	})
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
