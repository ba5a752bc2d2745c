package ecs

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
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
					var created []time.Time
					for len(created) < limit.n {
						start, spread, n := burst(rng)
						for range min(n, limit.n-len(created)) {
							created = append(created, now.Add(-time.Duration(start+rng.IntN(spread))*time.Minute))
						}
					}
					slices.SortFunc(created, time.Time.Compare)
					listing := slices.Clone(created)
					if limit.order == unordered {
						rng.Shuffle(len(listing), func(i, j int) { listing[i], listing[j] = listing[j], listing[i] })
					}
					s := simulation{created: created, listing: listing, workers: limit.workers}
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

// TestOrderOf checks which sort order is inferred from samples of a listing.
func TestOrderOf(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		samples [][]int // creation day of each instance; 0 means unknown
		want    listOrder
	}{
		"oldest first":              {[][]int{{1, 1, 2, 5}, {5, 6}, {9}}, oldestFirst},
		"youngest first":            {[][]int{{9, 8, 8, 5}, {5, 4}, {1}}, youngestFirst},
		"past the end":              {[][]int{{9, 8, 8, 5}, {}}, youngestFirst},
		"one burst":                 {[][]int{{3, 3, 3}, {3}}, oldestFirst},
		"a burst at the young end":  {[][]int{{9, 9, 9}, {9}, {8}}, youngestFirst},
		"a mixed page":              {[][]int{{1, 5, 2}, {6}}, unordered},
		"a later page begins early": {[][]int{{3, 4, 5}, {4, 6}}, unordered},
		"a later page is reversed":  {[][]int{{3, 4, 5}, {7, 6}}, unordered},
		"unknown times":             {[][]int{{0, 4, 5}, {6}}, unordered},
		"no instance could be read": {[][]int{{}, {}}, unordered},
	} {
		var samples []sample
		for _, days := range tt.samples {
			var s sample
			for _, n := range days {
				at := time.Time{}
				if n > 0 {
					at = day(n)
				}
				s.created = append(s.created, at)
			}
			samples = append(samples, s)
		}
		if got := orderOf(samples); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
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
	listing          []time.Time // the same times in the order in which the API lists the instances
	workers          int
	rounds, requests int
	timeline         []string // for each worker, one letter per round that shows the worker's activity
}

// sampleRound reads samples at the given positions, which takes one round.
func (s *simulation) sampleRound(positions []int) (samples []sample) {
	for _, position := range positions {
		size := pageSizeAround(position)
		first := min(position/size*size, len(s.listing))
		samples = append(samples, sample{position: first, total: len(s.listing), created: slices.Clone(s.listing[first:min(first+size, len(s.listing))])})
	}
	s.rounds++
	s.requests += len(positions)
	for i := range s.timeline {
		if i < len(positions) {
			s.timeline[i] += "s"
		} else {
			s.timeline[i] += "."
		}
	}
	return samples
}

// plan returns the plan that a scan of the fleet makes from its samples.
func (s *simulation) plan(now time.Time) *scanPlan {
	const pageSize = 100
	total := len(s.listing)
	samples := s.sampleRound(samplePositions(expectedTotal, s.workers, pageSize))
	s.timeline[s.workers-1] = "F"
	s.requests++
	samples = slices.Insert(samples, 0, sample{total: total, created: slices.Clone(s.listing[:pageSize])})
	if positions := missingPositions(samples, total, s.workers, pageSize); len(positions) > 0 {
		samples = append(samples, s.sampleRound(positions)...)
		sortByPosition(samples)
	}
	p := newScanPlan(now.Add(-maxExpectedAge), now.Add(maxExpectedAge), total, s.workers, pageSize)
	p.addSamples(samples)
	return p
}

// run scans the fleet and returns how often each instance was listed.
func (s *simulation) run(now time.Time) []int {
	before := func(t time.Time) int {
		n, _ := slices.BinarySearchFunc(s.created, t, time.Time.Compare)
		return n
	}
	s.timeline = make([]string, s.workers)
	p := s.plan(now)
	type job struct {
		probe *countRequest
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
				probe, w, _ := p.next()
				jobs[i] = job{probe: probe, w: w}
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
			busy = busy || jobs[i].w != nil || jobs[i].probe != nil
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
					p.finished(j.w)
					j.w = nil
				}
			case j.probe != nil:
				s.requests++
				s.timeline[i] += "c"
				p.counted(j.probe, before(j.probe.t), nil)
			default:
				s.timeline[i] += "."
			}
			if j.w == nil {
				*j = job{}
			}
		}
	}
}
