package ecs

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"
)

// TestScanPlan checks how many rounds and requests a scan needs for fleets that were created in bursts.
func TestScanPlan(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * 60
	now := time.Date(2026, 11, 29, 8, 40, 0, 0, time.UTC)
	// Each function returns the start and the spread of a burst in minutes, and its number of instances.
	shapes := map[string]func(rng *rand.Rand) (start, spread, n int){
		"minutes": func(rng *rand.Rand) (start, spread, n int) { return rng.IntN(3 * year), 1, 50 + rng.IntN(400) },
		"hours":   func(rng *rand.Rand) (start, spread, n int) { return rng.IntN(4 * year), 120, 20 + rng.IntN(580) },
		"small":   func(rng *rand.Rand) (start, spread, n int) { return rng.IntN(3 * year), 3, 5 + rng.IntN(75) },
		"many sizes": func(rng *rand.Rand) (start, spread, n int) {
			return year + rng.IntN(2*year), 1, 1 + rng.IntN(1+rng.IntN(450))
		},
		"one each": func(rng *rand.Rand) (start, spread, n int) { return rng.IntN(5 * year), 1, 1 },
	}
	for name, burst := range shapes {
		for _, limit := range []struct {
			order            listOrder
			n, workers       int
			rounds, requests float64 // maximum mean over several fleets, relative to the ideal
		}{
			{unordered, 10_000, 16, 2.15, 1.46},
			{unordered, 50_000, 16, 1.25, 1.13},
			{oldestFirst, 10_000, 4, 1.20, 1.12},
			{oldestFirst, 10_000, 16, 1.46, 1.36},
			{oldestFirst, 50_000, 16, 1.18, 1.08},
		} {
			if testing.Short() && limit.n > 10_000 {
				continue // 10,000 instances need all kinds of cuts
			}
			t.Run(fmt.Sprintf("%s/%d/%d/ordered=%v", name, limit.n, limit.workers, limit.order == oldestFirst), func(t *testing.T) {
				t.Parallel()
				if limit.order == oldestFirst && (name == "minutes" || name == "many sizes") {
					limit.rounds *= 1.3 // large bursts need more rounds
				}
				const fleets = 8
				var rounds, requests float64
				var timeline string
				for seed := range uint64(fleets) {
					rng := rand.New(rand.NewPCG(seed, 1))
					ages := make([]int, 0, limit.n) // in minutes; the race detector makes sorting times slow
					for len(ages) < limit.n {
						start, spread, n := burst(rng)
						for range min(n, limit.n-len(ages)) {
							ages = append(ages, start+rng.IntN(spread))
						}
					}
					slices.Sort(ages)
					created := make([]time.Time, 0, limit.n)
					for _, age := range slices.Backward(ages) {
						created = append(created, now.Add(-time.Duration(age)*time.Minute))
					}
					s := simulation{created: created, workers: limit.workers, order: limit.order}
					for i, times := range s.run(now) {
						if times == 0 {
							t.Fatalf("instance %d of %d was not listed", i, limit.n)
						}
					}
					rounds += float64(s.rounds*s.workers*100) / float64(limit.n*fleets)
					requests += float64(s.requests*100) / float64(limit.n*fleets)
					timeline = strings.Join(s.timeline, "\n")
				}
				t.Logf("%.2f times the ideal, %.2f requests a page", rounds, requests)
				if rounds > limit.rounds || requests > limit.requests {
					t.Errorf("%.2f times the ideal, %.2f requests a page, want at most %.2f and %.2f; the last fleet:\n%s", rounds, requests, limit.rounds, limit.requests, timeline)
				}
			})
		}
	}
}

// TestContradictingPositions checks that a scan discards points in time whose positions in the listing contradict each
// other.
func TestContradictingPositions(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		cuts []countAt
		want listOrder
	}{
		"in order":                              {[]countAt{{t: day(4), n: 300}, {t: day(12), n: 700}}, oldestFirst},
		"in order, found in reverse":            {[]countAt{{t: day(12), n: 700}, {t: day(4), n: 300}}, oldestFirst},
		"some instances were released":          {[]countAt{{t: day(4), n: 300}, {t: day(5), n: 201}}, oldestFirst},
		"younger instances at a lower position": {[]countAt{{t: day(4), n: 300}, {t: day(5), n: 199}}, unordered},
		"position above a later count":          {[]countAt{{t: day(4), n: 601}}, unordered},
		"position below an earlier count":       {[]countAt{{t: day(12), n: 399}}, unordered},
	} {
		p := newScanPlan(day(1), day(20), []countAt{{t: day(10), n: 500}}, 1000)
		p.order, p.workers, p.pageSize = oldestFirst, 4, 100
		p.ordered = tt.cuts
		p.divideByOrder()
		if divided := len(p.spans) == 2+len(tt.cuts); p.order != tt.want || divided != (tt.want == oldestFirst) {
			t.Errorf("%s: order %v, %d spans", name, p.order, len(p.spans))
		}
	}
}

// TestPositionsOfHugeCounts checks that a scan requests only valid positions if the server reports a huge count.
func TestPositionsOfHugeCounts(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	p := newScanPlan(day(1), day(20), nil, math.MaxInt/2)
	p.order, p.workers, p.pageSize = oldestFirst, 16, 100
	last, probes := 0, 0
	for probe, _, _ := p.next(); probe != nil; probe, _, _ = p.next() {
		if probe.position <= last || probe.position > p.total() {
			t.Fatalf("%+v after %d", probe, last)
		}
		last = probe.position
		probes++
	}
	if probes != 8*16-1 {
		t.Errorf("%d probes", probes)
	}
}

// TestOrderOf checks which sort order is inferred from the first page and the first counts.
func TestOrderOf(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	count := func(t, n, first int) countAt {
		c := countAt{t: day(t), n: n}
		if first > 0 {
			c.first = day(first)
		}
		return c
	}
	for name, tt := range map[string]struct {
		page   []int // creation day of each instance; 0 means unknown
		counts []countAt
		want   listOrder
	}{
		"oldest first":                  {[]int{1, 1, 2, 5}, []countAt{count(1, 0, 0), count(4, 3, 1), count(9, 8, 1)}, oldestFirst},
		"youngest first":                {[]int{9, 8, 8, 5}, []countAt{count(1, 0, 0), count(4, 3, 3), count(9, 8, 8)}, youngestFirst},
		"one burst":                     {[]int{3, 3, 3}, []countAt{count(1, 0, 0), count(4, 5, 3)}, oldestFirst},
		"a burst at the young end":      {[]int{9, 9, 9}, []countAt{count(4, 3, 2), count(10, 8, 9)}, youngestFirst},
		"no counts":                     {[]int{1, 2}, nil, oldestFirst},
		"a mixed page":                  {[]int{1, 5, 2}, []countAt{count(4, 3, 1)}, unordered},
		"a later page begins earlier":   {[]int{3, 4, 5}, []countAt{count(3, 2, 1), count(9, 8, 3)}, unordered},
		"the youngest are not first":    {[]int{5, 4, 3}, []countAt{count(3, 2, 2), count(9, 8, 1)}, unordered},
		"an instance that is too young": {[]int{5, 4, 3}, []countAt{count(3, 2, 4)}, unordered},
		"counts without instances":      {[]int{5, 4, 3}, []countAt{count(3, 2, 0)}, unordered},
		"unknown times":                 {[]int{0, 4, 5}, nil, unordered},
		"no instance could be read":     {nil, []countAt{count(9, 8, 1)}, unordered},
	} {
		var page []Instance
		for _, n := range tt.page {
			inst := Instance{}
			if n > 0 {
				inst.CreationTime = day(n)
			}
			page = append(page, inst)
		}
		if got := orderOf(page, tt.counts); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestProbe checks which page a scan requests to learn creation times, and how many older instances it infers for each
// time.
func TestProbe(t *testing.T) {
	t.Parallel()
	// created returns the creation time of the instance that has n older instances.
	created := func(n int) time.Time { return time.Date(2020, 1, 1, 0, 10*n, 0, 0, time.UTC) }
	const total = 1000
	for name, tt := range map[string]struct {
		order listOrder
		at    func(i int) int // number of older instances for the instance at position i of the listing
	}{
		"oldest first":   {oldestFirst, func(i int) int { return i }},
		"youngest first": {youngestFirst, func(i int) int { return total - 1 - i }},
	} {
		c := mocked(t, func(r *http.Request) (*http.Response, error) {
			q := r.URL.Query()
			size, _ := strconv.Atoi(q.Get("PageSize"))
			number, _ := strconv.Atoi(q.Get("PageNumber"))
			var rows []string
			for i := (number - 1) * size; i < min(number*size, total); i++ {
				rows = append(rows, fmt.Sprintf(`{"InstanceId":"i-%d","CreationTime":%q}`, i, created(tt.at(i)).Format("2006-01-02T15:04Z")))
			}
			return httpmock.NewStringResponse(200, fmt.Sprintf(`{"TotalCount":%d,"Instances":{"Instance":[%s]}}`, total, strings.Join(rows, ","))), nil
		})
		for _, position := range []int{1, 250, 421, 999} {
			cuts, err := c.probe(t.Context(), DescribeInstancesRequest{}, &cutProbe{position: position, order: tt.order})
			around := tt.at(position)
			near := slices.ContainsFunc(cuts, func(c countAt) bool { return c.n >= around-10 && c.n <= around+10 })
			if err != nil || !near || len(cuts) > 100 {
				t.Errorf("%s: %d cuts around %d, %v", name, len(cuts), around, err)
			}
			for _, cut := range cuts {
				if want := created(cut.n - 1).Add(2 * time.Minute); !cut.t.Equal(want) {
					t.Errorf("%s: the cut with %d older instances is at %v, want %v", name, cut.n, cut.t, want)
				}
			}
		}
		if _, err := c.probe(t.Context(), DescribeInstancesRequest{}, &cutProbe{position: 500, order: oldestFirst + youngestFirst - tt.order}); !errors.Is(err, errUnordered) {
			t.Errorf("%s, probed with the other order: %v", name, err)
		}
		if _, err := c.probe(t.Context(), DescribeInstancesRequest{}, &cutProbe{position: 2 * total, order: tt.order}); !errors.Is(err, errUnordered) {
			t.Errorf("%s, past the end: %v", name, err)
		}
	}
}

// TestCutsAmong checks which points in time between the instances of a page cutsAmong returns.
func TestCutsAmong(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		minutes []int
		want    map[int]int // number of older instances by minute; the first instance has 100 older instances
	}{
		"gaps":                {[]int{10, 10, 13, 30, 31}, map[int]int{12: 102, 15: 103}},
		"small gaps":          {[]int{10, 11, 11, 11, 12}, map[int]int{11: 101}},
		"two minutes":         {[]int{10, 10, 12, 12, 12}, map[int]int{12: 102}},
		"one minute":          {[]int{10, 10, 10}, map[int]int{8: 100}},
		"one instance":        {[]int{10}, map[int]int{8: 100}},
		"wide gap at the end": {[]int{10, 11, 12, 13, 14, 17}, map[int]int{16: 105}},
	} {
		var created []time.Time
		for _, m := range tt.minutes {
			created = append(created, at(m))
		}
		got := map[int]int{}
		for _, c := range cutsAmong(created, 100) {
			got[c.t.Minute()] = c.n
		}
		if !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// simulation runs a scan plan against an in-memory fleet. Every request takes one round.
type simulation struct {
	created          []time.Time // in ascending order
	workers          int
	order            listOrder
	rounds, requests int
	timeline         []string // for each worker, one letter per round that shows the worker's activity
}

// run scans the fleet and returns how often each instance was listed.
func (s *simulation) run(now time.Time) []int {
	lo, hi := now.Add(-maxExpectedAge), now.Add(maxExpectedAge)
	before := func(t time.Time) int {
		n, _ := slices.BinarySearchFunc(s.created, t, time.Time.Compare)
		return n
	}
	times := append(append([]time.Time{lo}, ageSteps(lo, now, min(s.workers-2, ageCounts+1), 2)...), now)
	var known []countAt
	for _, t := range times {
		known = append(known, countAt{t: t, n: before(t)})
	}
	s.rounds, s.requests = 1, len(times)+2
	s.timeline = make([]string, s.workers)
	for i := range s.timeline {
		s.timeline[i] = "c"
		if i > len(times) {
			s.timeline[i] = "."
		}
	}
	s.timeline[0] = "F"
	p := newScanPlan(lo, hi, known, len(s.created))
	p.now, p.order, p.workers, p.pageSize = now, s.order, s.workers, 100
	type job struct {
		at    *cutProbe
		w     *window
		pages int
		name  byte
	}
	jobs := make([]job, s.workers)
	listed := make([]int, len(s.created))
	name := byte('A')
	for {
		busy := false
		for i := range jobs {
			if jobs[i].w == nil {
				at, w, _ := p.next()
				jobs[i] = job{at: at, w: w}
				if w != nil {
					first, end := 0, len(s.created)
					if !w.from.IsZero() {
						first = before(w.from.Add(-time.Minute))
					}
					if !w.to.IsZero() {
						end = before(w.to.Add(time.Second)) // treats the upper bound as inclusive
					}
					for k := first; k < end; k++ {
						listed[k]++
					}
					jobs[i].pages, jobs[i].name = max(ceilDiv(end-first, 100), 1), name
					if name++; name == 'Z'+1 {
						name = 'A'
					}
				}
			}
			busy = busy || jobs[i].w != nil || jobs[i].at != nil
		}
		if !busy {
			return listed
		}
		s.rounds++
		for i := range jobs {
			j := &jobs[i]
			switch {
			case j.w != nil:
				s.requests++
				s.timeline[i] += string(j.name)
				p.listed(j.w, 100)
				if j.pages--; j.pages == 0 {
					p.ended(j.w)
					j.w = nil
				}
			case j.at != nil:
				s.requests++
				s.timeline[i] += "c"
				if j.at.order == unordered {
					p.probed(j.at, []countAt{{t: j.at.t, n: before(j.at.t)}}, nil)
					break
				}
				size := pageSizeAround(j.at.position)
				first := j.at.position / size * size
				p.probed(j.at, cutsAmong(s.created[first:min(first+size, len(s.created))], first), nil)
			default:
				s.timeline[i] += "."
			}
			if j.w == nil {
				*j = job{}
			}
		}
	}
}
