package ecs

import (
	"slices"
	"strings"
	"time"
)

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
