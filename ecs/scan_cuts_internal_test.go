package ecs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestScanPlan checks how many rounds and requests scans of fleets take that came in bursts. The windows of a plan must
// cover every instance, whatever the counts were.
func TestScanPlan(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * 60
	now := time.Date(2026, 11, 29, 8, 40, 0, 0, time.UTC)
	shapes := map[string]func(rng *rand.Rand) (start, spread, n int){ // of one burst, in minutes
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
			n                int
			rounds, requests float64 // the mean of several fleets, over the ideal
		}{{10_000, 2.0, 1.46}, {50_000, 1.22, 1.13}} {
			t.Run(fmt.Sprintf("%s/%d", name, limit.n), func(t *testing.T) {
				t.Parallel()
				const fleets = 8
				var rounds, requests float64
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
					s := simulation{created: created, workers: 16}
					for i, times := range s.run(now) {
						if times == 0 {
							t.Fatalf("instance %d of %d was not listed", i, limit.n)
						}
					}
					rounds += float64(s.rounds*s.workers*100) / float64(limit.n*fleets)
					requests += float64(s.requests*100) / float64(limit.n*fleets)
				}
				t.Logf("%.2f times the ideal, %.2f requests a page", rounds, requests)
				if rounds > limit.rounds || requests > limit.requests {
					t.Errorf("%.2f times the ideal, %.2f requests a page, want at most %.2f and %.2f", rounds, requests, limit.rounds, limit.requests)
				}
			})
		}
	}
}

// simulation runs a scan plan against a fleet in memory, in rounds: every count and every page takes one.
type simulation struct {
	created          []time.Time // in order
	workers          int
	rounds, requests int
	timeline         []string // what each worker did, a letter for each round
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
		known = append(known, countAt{t, before(t)})
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
	p := newScanPlan(lo, hi, now, known, len(s.created), s.workers, 100)
	type job struct {
		at    time.Time
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
						end = before(w.to.Add(time.Second)) // as if the bound were inclusive
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
			busy = busy || jobs[i].w != nil || !jobs[i].at.IsZero()
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
			case !j.at.IsZero():
				s.requests++
				s.timeline[i] += "c"
				p.counted(j.at, before(j.at))
			default:
				s.timeline[i] += "."
			}
			if j.w == nil {
				*j = job{}
			}
		}
	}
}

func (s *simulation) String() string { return strings.Join(s.timeline, "\n") }
