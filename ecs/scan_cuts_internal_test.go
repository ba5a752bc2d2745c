package ecs

import (
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

// TestScanPlan checks how many rounds and requests a scan needs for fleets that were created in bursts. In one round,
// each worker can send one request.
func TestScanPlan(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * 60
	now := time.Date(2026, 11, 29, 8, 40, 0, 0, time.UTC)
	// Each function returns the start and the length of a burst in minutes, and the number of instances in the burst.
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
			rounds, requests float64 // maximum means: rounds divided by the ideal number, and requests per page
		}{
			{unordered, 10_000, 16, 1.95, 1.5},
			{unordered, 50_000, 16, 1.26, 1.14},
			{oldestFirst, 1_000, 16, 8.3, 4.5}, // 8.3 times the ideal is 5 rounds; one worker takes 10 rounds
			{oldestFirst, 10_000, 4, 1.15, 1.09},
			{oldestFirst, 10_000, 8, 1.22, 1.13},
			{oldestFirst, 10_000, 16, 1.31, 1.27},
			{oldestFirst, 12_000, 16, 1.4, 1.32},
			{oldestFirst, 50_000, 16, 1.15, 1.09},
		} {
			if testing.Short() && limit.n > 10_000 {
				continue // fleets of 10,000 instances are sufficient to test every way of dividing a listing
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
					ages := make([]int, 0, limit.n) // in minutes, which are faster to sort than times
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

// TestSamplePositions checks that samples divide a listing into one part for each worker.
func TestSamplePositions(t *testing.T) {
	t.Parallel()
	for _, total := range []int{301, 1_000, 9_999, 10_000, 10_001, 50_000, 1_000_000, math.MaxInt / 2} {
		for _, workers := range []int{2, 3, 8, 16, 64} {
			for _, pageSize := range []int{10, 50, 100} {
				positions := append(samplePositions(total, workers, pageSize), total)
				share := fairShare(total, workers, pageSize)
				last := 0
				for _, position := range positions {
					if position <= last || position > total || position-last > share {
						t.Fatalf("%d instances, %d workers, pages of %d: position %d follows %d, the share of a worker is %d", total, workers, pageSize, position, last, share)
					}
					last = position
				}
				if most := workers * min(ceilDiv(share, maxWindow), 8); len(positions) > most {
					t.Errorf("%d instances, %d workers, pages of %d: %d parts, want at most %d", total, workers, pageSize, len(positions), most)
				}
			}
		}
	}
}

// TestMissingPositions checks that a scan reads further samples only if the listing is much smaller or larger than
// expected, and ordered.
func TestMissingPositions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		total     int
		unordered bool
		want      bool
	}{
		"a small region":       {total: 1_000, want: true},
		"about as expected":    {total: expectedTotal * 9 / 10},
		"as expected":          {total: expectedTotal},
		"a large region":       {total: 2 * expectedTotal, want: true},
		"an unordered listing": {total: 2 * expectedTotal, unordered: true},
	} {
		s := simulation{workers: 16, listing: make([]time.Time, tt.total)}
		for i := range s.listing {
			s.listing[i] = now.Add(time.Duration(i) * time.Hour)
			if tt.unordered {
				s.listing[i] = now.Add(time.Duration(i%7) * time.Hour)
			}
		}
		samples := append(s.readSamples(samplePositions(expectedTotal, 16, 100)), sample{created: s.listing[:100]})
		missing := missingPositions(samples, tt.total, 16, 100)
		if got := len(missing) > 0; got != tt.want {
			t.Errorf("%s: positions %v", name, missing)
		}
		for _, position := range missing {
			if slices.ContainsFunc(samples, func(s sample) bool { return s.position <= position && position < s.end() }) {
				t.Errorf("%s: a sample already contains position %d", name, position)
			}
		}
	}
}

// TestOrderOf checks that orderOf recognizes the sort order of a listing from its samples.
func TestOrderOf(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		samples [][]int // creation day of each instance; 0 means unknown
		overlap int     // number of instances that a sample shares with the next one
		want    listOrder
	}{
		"oldest first":              {[][]int{{1, 1, 2, 5}, {5, 6}, {9}}, 0, oldestFirst},
		"youngest first":            {[][]int{{9, 8, 8, 5}, {5, 4}, {1}}, 0, youngestFirst},
		"a page after the end":      {[][]int{{9, 8, 8, 5}, {}}, 0, youngestFirst},
		"one burst":                 {[][]int{{3, 3, 3}, {3}}, 0, oldestFirst},
		"a burst at the young end":  {[][]int{{9, 9, 9}, {9}, {8}}, 0, youngestFirst},
		"a mixed page":              {[][]int{{1, 5, 2}, {6}}, 0, unordered},
		"a later page begins early": {[][]int{{3, 4, 5}, {4, 6}}, 0, unordered},
		"a later page is reversed":  {[][]int{{3, 4, 5}, {7, 6}}, 0, unordered},
		"unknown times":             {[][]int{{0, 4, 5}, {6}}, 0, unordered},
		"no instance could be read": {[][]int{{}, {}}, 0, unordered},
		"overlapping samples":       {[][]int{{1, 3, 4}, {3, 4, 6}, {4, 6, 6}}, 2, oldestFirst},
		"samples in disorder":       {[][]int{{1, 3, 4}, {3, 4, 6}, {4, 6, 6}}, 0, unordered},
	} {
		var samples []sample
		position := 0
		for _, days := range tt.samples {
			s := sample{position: position}
			for _, n := range days {
				at := time.Time{}
				if n > 0 {
					at = day(n)
				}
				s.created = append(s.created, at)
			}
			samples = append(samples, s)
			position = s.end() - tt.overlap
		}
		if got := orderOf(samples); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestSamplesDivide checks that samples of a listing in order of creation divide the listing into time spans. Each span
// must begin at the right time for its number of older instances.
func TestSamplesDivide(t *testing.T) {
	t.Parallel()
	const total = 1000
	// created returns the creation time of the instance that has n older instances.
	created := func(n int) time.Time { return time.Date(2020, 1, 1, 0, 10*n, 0, 0, time.UTC) }
	for name, older := range map[string]func(i int) int{ // returns the number of older instances at a position
		"oldest first":   func(i int) int { return i },
		"youngest first": func(i int) int { return total - 1 - i },
	} {
		c := mocked(t, func(r *http.Request) (*http.Response, error) {
			q := r.URL.Query()
			size, _ := strconv.Atoi(q.Get("PageSize"))
			number, _ := strconv.Atoi(q.Get("PageNumber"))
			if number > 100 {
				return httpmock.NewStringResponse(400, `{"Code":"InvalidParameter"}`), nil
			}
			var rows []string
			for i := (number - 1) * size; i < min(number*size, total); i++ {
				rows = append(rows, fmt.Sprintf(`{"InstanceId":"i-%d","CreationTime":%q}`, i, created(older(i)).Format("2006-01-02T15:04Z")))
			}
			return httpmock.NewStringResponse(200, fmt.Sprintf(`{"TotalCount":%d,"Instances":{"Instance":[%s]}}`, total, strings.Join(rows, ","))), nil
		})
		samples := c.readSamples(t.Context(), DescribeInstancesRequest{}, []int{250, 421, 777, 50_000}, 2)
		if len(samples) != 3 {
			t.Fatalf("%s: %d samples", name, len(samples))
		}
		p := newScanPlan(created(-1000), created(2000), total, 4, 100)
		p.addSamples(samples)
		if len(p.spans) < 150 || !p.divided {
			t.Errorf("%s: %d spans", name, len(p.spans))
		}
		for _, s := range p.spans[1:] {
			if want := created(s.before - 1).Add(2 * time.Minute); !s.from.Equal(want) {
				t.Errorf("%s: the span with %d older instances begins at %v, want %v", name, s.before, s.from, want)
			}
		}
	}
}

// TestCutsAmong checks at which times cutsAmong divides the instances of a page.
func TestCutsAmong(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		minutes []int
		want    map[int]int // maps the minute of each time to the number of older instances
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

// simulation runs a scan of an in-memory fleet. Every request takes one round, and the workers send their requests
// concurrently.
type simulation struct {
	created          []time.Time // in ascending order
	listing          []time.Time // the same times in the order in which the API lists the instances
	workers          int
	rounds, requests int
	timeline         []string // for each worker, one letter per round that shows the worker's activity
}

// readSamples reads samples at the given positions, which takes one round.
func (s *simulation) readSamples(positions []int) (samples []sample) {
	for _, position := range positions {
		size := pageSizeAround(position)
		first := min(position/size*size, len(s.listing))
		end := min(first+size, len(s.listing))
		samples = append(samples, sample{position: first, total: len(s.listing), created: slices.Clone(s.listing[first:end])})
	}
	s.rounds++
	s.requests += len(positions)
	for i := range s.timeline {
		s.timeline[i] += string("s."[min(max(i+1-len(positions), 0), 1)])
	}
	return samples
}

// plan returns the plan that a scan of the fleet makes from its samples.
func (s *simulation) plan(now time.Time) *scanPlan {
	const pageSize = 100
	total := len(s.listing)
	samples := s.readSamples(samplePositions(expectedTotal, s.workers, pageSize))
	s.timeline[s.workers-1] = "F"
	s.requests++
	samples = append(samples, sample{total: total, created: slices.Clone(s.listing[:pageSize])})
	if positions := missingPositions(samples, total, s.workers, pageSize); len(positions) > 0 {
		samples = append(samples, s.readSamples(positions)...)
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
						end = before(w.to.Add(time.Second)) // the simulated API includes the upper bound
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
