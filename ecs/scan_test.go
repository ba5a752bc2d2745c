package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// shapes contains functions that return the creation time of instance i of n.
var shapes = map[string]func(i, n int, now time.Time) time.Time{
	"uniform": func(i, n int, now time.Time) time.Time {
		return now.Add(-5 * 365 * 24 * time.Hour / time.Duration(max(n, 1)) * time.Duration(i))
	},
	"bursts": func(i, _ int, now time.Time) time.Time {
		return now.AddDate(-3, 0, 0).Add(time.Duration(i/500) * 17 * 24 * time.Hour)
	},
	"one minute": func(_, _ int, now time.Time) time.Time { return now.AddDate(-1, 0, 0) },
	"young":      func(i, _ int, now time.Time) time.Time { return now.Add(-time.Duration(i) * time.Second) },
	"old": func(i, _ int, now time.Time) time.Time {
		return now.AddDate(-30, 0, 0).Add(time.Duration(i) * 9 * time.Hour)
	},
	"future": func(i, n int, now time.Time) time.Time { return now.Add(time.Duration(i-n/2) * time.Hour) },
	"some unknown": func(i, _ int, now time.Time) time.Time {
		if i%7 == 0 {
			return time.Time{}
		}
		return now.Add(-time.Duration(i) * time.Hour)
	},
}

func fleetOf(n int, created func(i, n int, now time.Time) time.Time) []ecs.Instance {
	now := time.Now()
	return numbered(n, "cn-hangzhou", func(i int, inst *ecs.Instance) {
		inst.ZoneID = "cn-hangzhou-h"
		if inst.CreationTime = (time.Time{}); !created(i, n, now).IsZero() {
			inst.CreationTime = created(i, n, now).UTC().Truncate(time.Minute)
		}
	})
}

func scanned(t *testing.T, c *ecs.Client, req ecs.DescribeInstancesRequest, workers int) map[string]int {
	t.Helper()
	got, err := collect(c.ScanInstances(t.Context(), req, &ecs.ScanOptions{Workers: workers}))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestScanIsExact(t *testing.T) {
	t.Parallel()
	const round = 20 * time.Millisecond
	// most is the maximum number of rounds for a scan with 16 workers, in which each worker sends one request per
	// round. Ideally, 10,000 instances take 6.25 rounds.
	most := map[string]map[int]int{
		"uniform": {101: 2, 1_000: 4, 10_000: 9}, "young": {101: 2, 1_000: 5, 10_000: 10}, "bursts": {101: 2, 1_000: 9, 10_000: 12},
		"one minute": {101: 2, 1_000: 13, 10_000: 102}, "some unknown": {101: 2, 1_000: 7, 10_000: 17}, "future": {101: 2, 1_000: 4, 10_000: 9},
	}
	for name, created := range shapes {
		for _, n := range volume([]int{0, 1, 99, 100, 101, 1_000, 10_000}, []int{101, 1_000}) {
			for _, exclusive := range volume([]bool{false, true}, []bool{true}) {
				if n == 10_000 && exclusive && name != "uniform" {
					continue // TestScanOfALargeFleet tests these shapes with an exclusive bound
				}
				inVirtualTime(t, fmt.Sprintf("%s/%d/exclusive=%v", name, n, exclusive), func(t *testing.T) {
					fleet := fleetOf(n, created)
					srv := newCloud(t, nil, fleet...)
					srv.Configure(func(s *ecstest.Settings) { s.ExclusiveTimes, s.Latency = exclusive, round })
					start := time.Now()
					sameOnce(t, scanned(t, srv.client, ecs.DescribeInstancesRequest{}, 16), fleet)
					took := int(time.Since(start) / round)
					t.Logf("%d requests in %d rounds: %v", len(srv.Requests()), took, srv.requestCounts())
					if limit := most[name][n]; limit > 0 && took > limit || n > 0 && n <= 100 && took != 1 {
						t.Errorf("took %d rounds, want at most %d", took, max(limit, 1))
					}
					if extra := len(srv.Requests()) - (n+99)/100; extra > 7*16 {
						t.Errorf("%d more requests than pages", extra)
					}
				})
			}
		}
	}
}

// TestScanWithASlowClock checks that a scan is complete and fast if the local clock is slow and some instances seem to
// have been created in the future.
func TestScanWithASlowClock(t *testing.T) {
	t.Parallel()
	for _, slow := range []time.Duration{0, time.Hour, 24 * time.Hour, 3 * 365 * 24 * time.Hour} {
		inVirtualTime(t, slow.String(), func(t *testing.T) {
			now := time.Now().Add(slow)
			o := &oddECS{rows: rowsOf(10_000, rand.New(rand.NewPCG(1, 2)), func(i int) time.Time { return shapes["young"](i, 0, now) }), latency: 20 * time.Millisecond}
			start := time.Now()
			o.exact(t, ecs.DescribeInstancesRequest{}, 16)
			if rounds := time.Since(start) / o.latency; rounds > 18 { // a single worker needs 100 rounds
				t.Errorf("%d rounds", rounds)
			}
		})
	}
}

// TestScanInOrder checks how many rounds of requests a scan needs if the server lists instances in the order of
// creation, or if only a part of the listing is in this order.
func TestScanInOrder(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * 60
	bursts := func(rng *rand.Rand, now time.Time) []row {
		var begin time.Time
		left := 0
		return rowsOf(10_000, rng, func(int) time.Time {
			if left--; left < 0 {
				begin, left = now.Add(-time.Duration(rng.IntN(3*year))*time.Minute), rng.IntN(80)
			}
			return begin.Add(-time.Duration(rng.IntN(3)) * time.Minute)
		})
	}
	reversed := func(rows []row) []row {
		slices.Reverse(rows)
		return rows
	}
	for name, tt := range map[string]struct {
		order  func(rng *rand.Rand, rows []row) []row
		rounds int
	}{
		"oldest first":   {func(_ *rand.Rand, rows []row) []row { return rows }, 9},
		"youngest first": {func(_ *rand.Rand, rows []row) []row { return reversed(rows) }, 9},
		// The oldest 30 % come first, followed by the youngest instances.
		"in order by year": {func(_ *rand.Rand, rows []row) []row {
			return slices.Concat(rows[:3_000], reversed(slices.Clone(rows[3_000:])))
		}, 16},
		"in blocks": {func(rng *rand.Rand, rows []row) []row {
			blocks := slices.Collect(slices.Chunk(rows[500:], 500))
			rng.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
			return slices.Concat(rows[:500], slices.Concat(blocks...))
		}, 16},
		"by chance at first": {func(rng *rand.Rand, rows []row) []row {
			rest := rows[200:]
			rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
			return rows
		}, 16},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			rows := bursts(rng, time.Now())
			slices.SortStableFunc(rows, func(a, b row) int { return a.created.Compare(b.created) })
			o := &oddECS{rows: tt.order(rng, rows), latency: 300 * time.Millisecond}
			start := time.Now()
			o.exact(t, ecs.DescribeInstancesRequest{}, 16)
			took := int(time.Since(start) / o.latency)
			t.Logf("%d requests in %d rounds", o.lists+o.counts, took)
			if took > tt.rounds {
				t.Errorf("took %d rounds, want at most %d", took, tt.rounds)
			}
		})
	}
}

// TestScanPanics checks that a panic in a hook reaches the goroutine that runs the loop.
func TestScanPanics(t *testing.T) {
	t.Parallel()
	// With 8 workers, the first 8 attempts request the first page and the samples. The next attempts count instances,
	// because the listing does not seem to be ordered.
	for name, attempt := range map[string]int32{"first page or samples": 1, "counts": 10, "pages": 60} {
		inVirtualTime(t, name, func(t *testing.T) {
			srv := newCloud(t, nil, fleetOf(volume(10_000, 6_000), shapes["some unknown"])...)
			srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
			var attempts atomic.Int32
			c := srv.as(&ecs.Options{OnAttempt: func(ecs.Attempt) {
				if attempts.Add(1) == attempt {
					panic("a bug in the hook")
				}
			}})
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "a bug in the hook") {
					t.Errorf("recovered %v", p)
				}
				srv.noMoreRequests()
			}()
			_, err := collect(c.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, nil))
			t.Errorf("the scan ended with %v", err)
		})
	}
}

// TestRegionsScanALargeOne checks that listing all regions takes only slightly longer than scanning the largest region.
func TestRegionsScanALargeOne(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "", func(t *testing.T) {
		fleet := fleetOf(volume(10_000, 3_000), shapes["uniform"])
		large := fleet
		regions := []string{"cn-hangzhou"}
		for i := range 29 {
			region := fmt.Sprintf("cn-r%d", i)
			regions, fleet = append(regions, region), append(fleet, numbered(10*i+1, region)...)
		}
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 300 * time.Millisecond })
		start := time.Now()
		sameOnce(t, scanned(t, srv.client, ecs.DescribeInstancesRequest{}, 16), large)
		alone := time.Since(start)
		start = time.Now()
		got, err := collect(srv.client.InstancesInRegions(t.Context(), regions, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Workers: 16}))
		if err != nil {
			t.Fatal(err)
		}
		sameOnce(t, got, fleet)
		if took := time.Since(start); took > alone*13/10 && !testing.Short() { // with -short, the region is too small
			t.Errorf("all regions took %v, the large region alone took %v", took, alone)
		}
	})
}

// TestScanOfALargeFleet checks that a scan of up to 100,000 instances is complete and does not send too many requests.
func TestScanOfALargeFleet(t *testing.T) {
	t.Parallel()
	n := volume(100_000, 20_000)
	for name, created := range shapes {
		if testing.Short() && name != "uniform" {
			continue
		}
		inVirtualTime(t, name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			now := time.Now()
			o := &oddECS{rows: rowsOf(n, rng, func(i int) time.Time { return created(i, n, now) }), latency: 20 * time.Millisecond, seconds: rng.IntN(2) == 0, beforeExcluded: true}
			start := time.Now()
			o.exact(t, ecs.DescribeInstancesRequest{}, 16)
			t.Logf("%d pages and %d counts in %d rounds", o.lists, o.counts, time.Since(start)/o.latency)
			if o.mostAtOnce > 17 {
				t.Errorf("%d concurrent requests", o.mostAtOnce)
			}
			if most := n/100*5/4 + 16*9; name != "some unknown" && o.lists+o.counts > most {
				t.Errorf("%d requests, want at most %d", o.lists+o.counts, most)
			}
		})
	}
}

// TestScanOfOddServers checks that a scan yields every instance exactly once, even if the server returns wrong counts
// or interprets time bounds in an unusual way.
func TestScanOfOddServers(t *testing.T) {
	t.Parallel()
	lies := map[string]func(rng *rand.Rand) func(int) int{
		"true":     func(*rand.Rand) func(int) int { return nil },
		"zero":     func(*rand.Rand) func(int) int { return func(int) int { return 0 } },
		"seven":    func(*rand.Rand) func(int) int { return func(int) int { return 7 } },
		"constant": func(*rand.Rand) func(int) int { return func(int) int { return 1000 } },
		"huge":     func(*rand.Rand) func(int) int { return func(int) int { return math.MaxInt / 2 } },
		"negative": func(*rand.Rand) func(int) int { return func(n int) int { return -n } },
		"reversed": func(*rand.Rand) func(int) int { return func(n int) int { return 1500 - n } },
		"rough":    func(*rand.Rand) func(int) int { return func(n int) int { return n / 300 * 300 } },
		"random": func(rng *rand.Rand) func(int) int {
			var mu sync.Mutex
			return func(int) int {
				mu.Lock()
				defer mu.Unlock()
				return rng.IntN(5000)
			}
		},
	}
	for name, lie := range lies {
		for seed := range volume[uint64](8, 2) {
			inVirtualTime(t, fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 7))
				now := time.Now()
				span := []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 20000 * time.Hour}[rng.IntN(4)]
				created := func(int) time.Time { return now.Add(time.Hour - time.Duration(rng.Int64N(int64(span)))) }
				o := &oddECS{
					rows: rowsOf(rng.IntN(1500), rng, created), afterExcluded: rng.IntN(2) == 0, beforeExcluded: rng.IntN(2) == 0,
					seconds: rng.IntN(2) == 0, gapsIgnored: rng.IntN(4) == 0, timesIgnored: rng.IntN(8) == 0, pages: max(0, rng.IntN(6)-3),
					shift: time.Duration(rng.IntN(3)-1) * 8 * time.Hour, total: lie(rng), latency: time.Millisecond,
				}
				o.exact(t, ecs.DescribeInstancesRequest{MaxResults: rng.IntN(2) * 50}, 1+rng.IntN(64))
			})
		}
	}
}

// TestScanFindsUndatedInstances checks that a scan is complete although a server's time filters exclude instances whose
// creation time is unknown.
func TestScanFindsUndatedInstances(t *testing.T) {
	t.Parallel()
	for _, undated := range []int{0, 1, 3, 2999, 3000} {
		for _, ordered := range []bool{false, true} {
			inVirtualTime(t, fmt.Sprintf("%d/%v", undated, ordered), func(t *testing.T) {
				now := time.Now()
				o := &oddECS{undatedExcluded: true, latency: time.Millisecond, rows: rowsOf(3000, rand.New(rand.NewPCG(1, 2)), func(i int) time.Time {
					if i < undated {
						return time.Time{}
					}
					return now.Add(-time.Duration(i) * time.Hour)
				})}
				if ordered {
					slices.SortFunc(o.rows, func(a, b row) int { return a.created.Compare(b.created) })
				}
				o.exact(t, ecs.DescribeInstancesRequest{}, 8)
				if undated == 0 && o.lists > 60 {
					t.Errorf("%d pages of a region without undated instances", o.lists)
				}
				got, err := collect(o.client(t).InstancesInRegions(t.Context(), []string{"cn-hangzhou"}, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Workers: 8}))
				if err != nil || len(got) != 3000 {
					t.Errorf("InstancesInRegions: %d instances, %v", len(got), err)
				}
			})
		}
	}
	inVirtualTime(t, "a request with a time filter", func(t *testing.T) { // the server excludes the undated instances
		now := time.Now()
		o := &oddECS{undatedExcluded: true, rows: rowsOf(3000, rand.New(rand.NewPCG(1, 2)), func(i int) time.Time {
			if i < 3 {
				return time.Time{}
			}
			return now.Add(-time.Duration(i) * time.Hour)
		})}
		got, err := collect(o.client(t).ScanInstances(t.Context(), ecs.DescribeInstancesRequest{CreatedBefore: now}, &ecs.ScanOptions{Workers: 8}))
		if err != nil || len(got) != 2997 || o.lists > 60 {
			t.Errorf("%d instances, %d pages, %v", len(got), o.lists, err)
		}
	})
}

// TestScanWithWrongTotals checks that a scan of an ordered listing is complete and takes few requests although the
// server reports absurd numbers of instances.
func TestScanWithWrongTotals(t *testing.T) {
	t.Parallel()
	for _, total := range []int{math.MaxInt, math.MaxInt32, 50_000_000, 1, -1} {
		for _, ordered := range []bool{false, true} {
			inVirtualTime(t, fmt.Sprintf("%d/%v", total, ordered), func(t *testing.T) {
				now := time.Now()
				o := &oddECS{total: func(int) int { return total }, rows: rowsOf(3000, rand.New(rand.NewPCG(1, 2)), func(i int) time.Time {
					return now.Add(-time.Duration(i) * time.Hour)
				})}
				if ordered {
					slices.SortFunc(o.rows, func(a, b row) int { return a.created.Compare(b.created) })
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				got, err := collect(o.client(t).ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: 8}))
				if err != nil || len(got) != 3000 {
					t.Errorf("%d instances, %v", len(got), err)
				}
				if n := o.lists + o.counts; n > 400 {
					t.Errorf("%d requests", n)
				}
			})
		}
	}
}

func TestScanWithoutCounts(t *testing.T) {
	t.Parallel()
	for _, pages := range []int{1, 2} { // 1: the server rejects page numbers; 2: the server ignores page numbers
		inVirtualTime(t, fmt.Sprint(pages), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			now := time.Now()
			o := &oddECS{rows: rowsOf(10_000, rng, func(int) time.Time { return now.Add(-time.Duration(rng.Int64N(int64(5 * 365 * 24 * time.Hour)))) }), pages: pages, latency: 20 * time.Millisecond}
			start := time.Now()
			o.exact(t, ecs.DescribeInstancesRequest{}, 16)
			if rounds := time.Since(start) / o.latency; rounds > 25 { // a listing by one worker takes 100 rounds
				t.Errorf("%d rounds", rounds)
			}
			if o.lists > 100+2*64 {
				t.Errorf("%d pages", o.lists)
			}
		})
	}
	inVirtualTime(t, "page mode is not supported", func(t *testing.T) {
		fleet := fleetOf(2000, shapes["uniform"])
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.NoPageMode = true })
		sameOnce(t, scanned(t, srv.client, ecs.DescribeInstancesRequest{}, 8), fleet)
	})
	for name, tt := range map[string]struct {
		shape string
		skip  int // number of requests with page numbers that succeed; 8 workers read 7 samples
	}{
		"some samples fail":         {"uniform", 3},
		"all samples but one fail":  {"uniform", 1},
		"further samples fail":      {"uniform", 7},
		"counts fail":               {"some unknown", 7},
		"counts fail after a while": {"some unknown", 12},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			fleet := fleetOf(3_000, shapes[tt.shape])
			srv := newCloud(t, nil, fleet...)
			srv.Inject(ecstest.Fault{Match: is(count1), Skip: tt.skip, Code: "InvalidParameter", Times: -1})
			sameOnce(t, scanned(t, srv.client, ecs.DescribeInstancesRequest{}, 8), fleet)
			if n := srv.requestCounts()[count1]; n <= tt.skip {
				t.Errorf("only %d requests with page numbers were sent", n)
			}
		})
	}
}

func TestScanOfAMovingFleet(t *testing.T) {
	t.Parallel()
	for name, created := range shapes {
		if testing.Short() && name != "uniform" && name != "bursts" {
			continue
		}
		inVirtualTime(t, name, func(t *testing.T) {
			fleet := fleetOf(volume(3000, 1500), created)
			srv := newCloud(t, nil, fleet...)
			rng := rand.New(rand.NewPCG(3, 4))
			var mu sync.Mutex
			gone := map[string]bool{}
			born := 0
			srv.Configure(func(s *ecstest.Settings) {
				s.Latency, s.Overlap = 10*time.Millisecond, 5
				// Each request releases one instance, creates a new one and changes a third one.
				s.OnRequest = func(ecstest.Request) {
					mu.Lock()
					defer mu.Unlock()
					id := fleet[rng.IntN(len(fleet))].InstanceID
					gone[id] = true
					srv.Delete(id)
					born++
					srv.Put(ecs.Instance{InstanceID: fmt.Sprintf("i-born%d", born), CreationTime: time.Now().UTC().Truncate(time.Minute)})
					srv.Update(fleet[rng.IntN(len(fleet))].InstanceID, func(i *ecs.Instance) { i.Status = ecs.InstanceStatusStopping })
				}
			})
			got := scanned(t, srv.client, ecs.DescribeInstancesRequest{}, 8)
			if len(gone) < 30 {
				t.Fatalf("only %d instances were released", len(gone))
			}
			for _, inst := range fleet {
				if n := got[inst.InstanceID]; n > 1 || n == 0 && !gone[inst.InstanceID] {
					t.Errorf("%s was yielded %d times", inst.InstanceID, n)
				}
			}
			for id, n := range got {
				if n > 1 {
					t.Errorf("%s was yielded %d times", id, n)
				}
			}
		})
	}
}

func TestScanUnderTrouble(t *testing.T) {
	t.Parallel()
	fleet := func() []ecs.Instance { return fleetOf(volume(3000, 800), shapes["uniform"]) }
	for name, prepare := range map[string]func(*cloud){
		"throttled by a bucket": func(c *cloud) {
			c.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Rate: 10, Burst: 5} })
		},
		"throttled by a window": func(c *cloud) {
			c.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Limit: 20, Window: time.Minute} })
		},
		"throttled by a window with rate limit headers": func(c *cloud) {
			c.Configure(func(s *ecstest.Settings) {
				s.Quota = ecstest.Quota{Limit: 20, Window: time.Minute, Headers: true}
			})
		},
		"every eighth request fails": func(c *cloud) {
			n := 0
			for i, f := range []ecstest.Fault{{Code: "InternalError"}, {Reset: true}, {Truncate: true}, {CutJSON: true}, {Status: 502}} {
				f.Times = -1
				f.Match = func(ecstest.Request) bool {
					if i == 0 {
						n++
					}
					return n%8 == 0 && n/8%5 == i
				}
				c.Inject(f)
			}
		},
		"instances are repeated": func(c *cloud) {
			c.Configure(func(s *ecstest.Settings) { s.Overlap = 9 })
			c.Inject(ecstest.Fault{Duplicate: 30, Times: -1})
		},
		"an empty page ends each listing": func(c *cloud) { c.Configure(func(s *ecstest.Settings) { s.EmptyLastPage = true }) },
		"empty pages in the middle": func(c *cloud) {
			c.Inject(ecstest.Fault{Match: is(listed), EmptyPage: true, Times: 30})
		},
	} {
		for _, workers := range volume([]int{1, 5, 64}, []int{5}) {
			inVirtualTime(t, fmt.Sprintf("%s/%d", name, workers), func(t *testing.T) {
				all := fleet()
				srv := newCloud(t, nil, all...)
				srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
				prepare(srv)
				// Without a deadline, a call would wait for quota for at most 2 minutes.
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				got, err := collect(srv.client.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: workers}))
				if err != nil {
					t.Fatal(err)
				}
				sameOnce(t, got, all)
			})
		}
	}
}

// TestScanWithFilters checks that every request of a scan contains the caller's filters.
func TestScanWithFilters(t *testing.T) {
	t.Parallel()
	base := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	at := func(minutes int, seconds ...int) time.Time {
		t := base.Add(time.Duration(minutes) * time.Minute)
		for _, s := range seconds {
			t = t.Add(time.Duration(s) * time.Second)
		}
		return t
	}
	size := volume(2000, 1100)
	fleet := numbered(size, "cn-hangzhou", func(i int, inst *ecs.Instance) {
		inst.CreationTime = at(1000 * i / size)
		inst.ZoneID = []string{"cn-hangzhou-h", "cn-hangzhou-i"}[i%2]
	})
	for name, req := range map[string]ecs.DescribeInstancesRequest{
		"after":                    {CreatedAfter: at(100)},
		"after, with seconds":      {CreatedAfter: at(100, 30)},
		"before":                   {CreatedBefore: at(900)},
		"before, with seconds":     {CreatedBefore: at(900, 1)},
		"after and before":         {CreatedAfter: at(50, 59), CreatedBefore: at(950, 59)},
		"a few minutes":            {CreatedAfter: at(100), CreatedBefore: at(103)},
		"one minute":               {CreatedAfter: at(100), CreatedBefore: at(100)},
		"less than a minute":       {CreatedAfter: at(100, 10), CreatedBefore: at(100, 20)},
		"before all instances":     {CreatedBefore: at(-100000)},
		"in the future":            {CreatedAfter: time.Now().AddDate(50, 0, 0)},
		"long ago":                 {CreatedAfter: time.Date(1, 1, 1, 0, 1, 0, 0, time.UTC)},
		"in another time zone":     {CreatedAfter: at(100).In(time.FixedZone("CST", 8*3600))},
		"zone":                     {ZoneID: "cn-hangzhou-i"},
		"zone and time":            {ZoneID: "cn-hangzhou-i", CreatedAfter: at(300)},
		"pages of 10":              {MaxResults: 10, CreatedAfter: at(500)},
		"additional attributes":    {AdditionalAttributes: []ecs.AdditionalAttribute{ecs.AdditionalAttributeMetaOptions}, CreatedAfter: at(400)},
		"expiry and creation time": {ExpiresAfter: at(0), ExpiresBefore: at(1), CreatedAfter: at(400)},
		"no such zone":             {ZoneID: "nowhere"},
		"ids":                      {InstanceIDs: ids(fleet[:1050])},
		"ids, some repeated":       {InstanceIDs: append(ids(fleet[:250]), ids(fleet[:250])...)},
		"ids and zone":             {InstanceIDs: ids(fleet[:1050]), ZoneID: "cn-hangzhou-h"},
		"ids and times":            {InstanceIDs: ids(fleet[:1050]), CreatedBefore: at(100)},
		"empty id list":            {InstanceIDs: []string{}},
		"empty address list":       {PublicIPAddresses: []string{}},
		"unknown address":          {PublicIPAddresses: []string{"192.0.2.1"}},
	} {
		for _, exclusive := range volume([]bool{false, true}, []bool{true}) {
			inVirtualTime(t, fmt.Sprintf("%s/exclusive=%v", name, exclusive), func(t *testing.T) {
				srv := newCloud(t, nil, fleet...)
				srv.Configure(func(s *ecstest.Settings) { s.ExclusiveTimes = exclusive })
				want, err := collect(srv.client.Instances(t.Context(), req))
				if err != nil {
					t.Fatal(err)
				}
				before := len(srv.Requests())
				got := scanned(t, srv.client, req, 8)
				for id, n := range got {
					if n != 1 || want[id] != 1 {
						t.Fatalf("%s was yielded %d times, but %d times by a plain listing", id, n, want[id])
					}
				}
				if len(got) != len(want) {
					t.Errorf("got %d instances, want %d", len(got), len(want))
				}
				for _, r := range srv.Requests()[before:] {
					after, upTo := r.Params.Get("Filter.1.Value"), r.Params.Get("Filter.2.Value")
					if !req.CreatedAfter.IsZero() && after < req.CreatedAfter.UTC().Format("2006-01-02T15:04Z") || !req.CreatedBefore.IsZero() && (upTo == "" || upTo > req.CreatedBefore.Add(time.Minute-1).UTC().Format("2006-01-02T15:04Z")) {
						t.Errorf("a request has the time filters %q to %q", after, upTo)
					}
					if r.Params.Get("ZoneId") != req.ZoneID || r.Params.Has("AdditionalAttributes.1") != (req.AdditionalAttributes != nil) {
						t.Errorf("filters were lost: %v", r.Params)
					}
				}
			})
		}
	}
}

func TestScanDelivers(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "the first page is yielded immediately", func(t *testing.T) {
		fleet := fleetOf(1_000, shapes["uniform"])
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
		start := time.Now()
		for _, err := range srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, nil) {
			if took := time.Since(start); err != nil || took != 20*time.Millisecond {
				t.Errorf("after %v: %v", took, err)
			}
			break
		}
	})
	inVirtualTime(t, "pages are not requested far ahead of a slow consumer", func(t *testing.T) {
		fleet := fleetOf(volume(10_000, 3_000), shapes["uniform"])
		srv := newCloud(t, nil, fleet...)
		n := 0
		for _, err := range srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: 8}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n%500 == 0 {
				<-time.After(time.Hour)
				// n instances fill at least n/100 pages. The scan may have requested up to 8 + 1 + 8 more pages: one in
				// advance by each of the 8 workers, the first page, whose instances the workers list a second time, and
				// 8 because the workers' time ranges overlap and end with pages that are not full.
				if ahead := srv.requestCounts()[listed] - (n+99)/100; ahead > 8+1+8 {
					t.Fatalf("after %d instances, %d pages were requested ahead", n, ahead)
				}
			}
		}
	})
	inVirtualTime(t, "all instances are yielded, each unreadable member is reported once", func(t *testing.T) {
		fleet := fleetOf(volume(3000, 1500), shapes["uniform"])
		bad := map[string]bool{}
		for i := range fleet {
			if i%100 == 0 {
				fleet[i] = spoiled(fleet[i])
				bad[fleet[i].InstanceID] = true
			}
		}
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Overlap = 9 })
		srv.Inject(ecstest.Fault{Duplicate: 100, Times: -1})
		got, err := collect(srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: 16}))
		incomplete, ok := errorAs[*ecs.IncompleteError](err)
		if !ok || len(incomplete.Undecoded) != len(bad) {
			t.Fatal(err)
		}
		for _, d := range incomplete.Undecoded {
			if !bad[d.InstanceID] {
				t.Errorf("%s is reported twice, or is readable", d.InstanceID)
			}
			delete(bad, d.InstanceID)
		}
		sameOnce(t, got, fleet)
	})
	inVirtualTime(t, "no requests after break", func(t *testing.T) {
		srv := newCloud(t, nil, fleetOf(volume(5000, 2500), shapes["uniform"])...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
		for _, most := range []int{1, 99, 100, 101, 1500} {
			n := 0
			for range srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, nil) {
				if n++; n == most {
					break
				}
			}
			srv.noMoreRequests()
		}
	})
	inVirtualTime(t, "each loop scans from the beginning", func(t *testing.T) {
		fleet := fleetOf(500, shapes["uniform"])
		srv := newCloud(t, nil, fleet...)
		scan := srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, nil)
		srv.wantRequests(map[string]int{})
		for range 2 {
			got, err := collect(scan)
			if err != nil {
				t.Fatal(err)
			}
			sameOnce(t, got, fleet)
		}
	})
	inVirtualTime(t, "a capped listing is not divided", func(t *testing.T) {
		fleet := taggedFleet(1200)
		srv := newCloud(t, nil, fleet...)
		sameOnce(t, scanned(t, srv.client, byTag, 16), matching(fleet, byTag))
		srv.wantRequests(map[string]int{listed: 12, tagged: 48})
	})
	inVirtualTime(t, "one worker lists page by page", func(t *testing.T) {
		fleet := fleetOf(500, shapes["uniform"])
		srv := newCloud(t, nil, fleet...)
		sameOnce(t, scanned(t, srv.client, ecs.DescribeInstancesRequest{}, 1), fleet)
		srv.wantRequests(map[string]int{listed: 5})
	})
}

func TestScanEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ecstest.Fault{
		"the first page fails":    {Match: is(listed)},
		"a later page fails once": {Match: is(listed), Skip: 12},
		"all later pages fail":    {Match: is(listed), Skip: 12, Times: -1},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			srv := newCloud(t, nil, fleetOf(10_000, shapes["uniform"])...)
			srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
			fault.Code = "InvalidParameter"
			srv.Inject(fault)
			got, err := collect(srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: 8}))
			if !errors.Is(err, ecs.ErrInvalidParameter) || len(got) >= 3000 {
				t.Errorf("got %d instances and error %v", len(got), err)
			}
			srv.noMoreRequests()
		})
	}
	inVirtualTime(t, "invalid arguments are rejected before a request is sent", func(t *testing.T) {
		srv := newCloud(t, nil)
		var none context.Context
		for field, scan := range map[string]func() error{
			"Workers": func() error {
				return last(srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: -1}))
			},
			"NextToken": func() error {
				return last(srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{NextToken: "t"}, nil))
			},
			"PageNumber": func() error {
				return last(srv.client.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{PageNumber: 1}, nil))
			},
			"ctx": func() error {
				return last(srv.client.ScanInstances(none, ecs.DescribeInstancesRequest{}, nil))
			},
		} {
			if err := scan(); !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v", field, err)
			}
		}
		srv.wantRequests(map[string]int{})
	})
}

// last reads a listing to its end and returns the last error.
func last(seq func(func(ecs.Instance, error) bool)) (last error) {
	for _, err := range seq {
		last = err
	}
	return last
}

// TestScanKeepsToItsWorkers checks that a scan limits its concurrent requests, and that the number of workers is capped
// at 64.
func TestScanKeepsToItsWorkers(t *testing.T) {
	t.Parallel()
	for _, workers := range volume([]int{2, 3, 8, 64, 1000}, []int{3, 1000}) {
		inVirtualTime(t, fmt.Sprint(workers), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			now := time.Now()
			o := &oddECS{rows: rowsOf(volume(8000, 2000), rng, func(i int) time.Time { return now.Add(-time.Duration(i) * time.Hour) }), latency: 20 * time.Millisecond}
			o.exact(t, ecs.DescribeInstancesRequest{}, workers)
			if most := min(workers, 64) + 1; o.mostAtOnce > most {
				t.Errorf("%d concurrent requests, want at most %d", o.mostAtOnce, most)
			}
		})
	}
}
