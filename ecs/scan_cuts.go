package ecs

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

const (
	// maxRounds bounds the rounds of probes.
	maxRounds = 8
	// targetPageFill is how full the only page of a window is meant to be: one more row than a page costs a whole request.
	targetPageFill = 80
)

// point is a count: n instances were created before t.
type point struct {
	t time.Time
	n int
}

// findCuts finds times between lo and hi, in order and in whole minutes, that cut the fleet into about equally large
// windows: no more than workers, and none much smaller than a page. count may give nil, or nonsense.
//
// It counts at a ageSteps of ages first, and then where the cuts would be by what is known so far, until they are where they
// should be or another round costs more time than it may gain. Without counts the ageSteps has to do, in narrow steps
// because nobody knows which of them matter.
func findCuts(lo, hi time.Time, workers int, count func(before []time.Time) []int) []time.Time {
	probes := append([]time.Time{{}, lo}, ageSteps(lo, hi, workers-1)...)
	counts := count(probes)
	if counts == nil || counts[0] <= 0 { // what has more than a page has a count
		return ageSteps(lo, hi, 4*workers)
	}
	total := counts[0]
	if total <= 3*maxPerRequest {
		return nil // the first page is here, so two or three more cost no more than another round
	}
	parts := min(workers, (total+targetPageFill-1)/targetPageFill)
	enough := total / parts / 8
	known := mergeCounts([]point{{hi, total}}, probes[1:], counts[1:])
	for round := 2; round <= maxRounds; round++ {
		probes = probes[:0]
		var wanted []int
		for q := range quantiles(known, total, parts) {
			if t, room := interpolateCut(known, q, enough); room && (len(probes) == 0 || t.After(probes[len(probes)-1])) {
				probes, wanted = append(probes, t), append(wanted, q)
			}
		}
		if len(probes) == 0 {
			break
		}
		if counts = count(probes); counts == nil {
			break
		}
		known = mergeCounts(known, probes, counts)
		off := 0
		for i, q := range wanted {
			off = max(off, counts[i]-q, q-counts[i])
		}
		if off <= enough || off < 4*maxPerRequest*round { // a round takes as long as a page
			break
		}
	}
	var cuts []time.Time
	for q := range quantiles(known, total, parts) {
		if t, _ := interpolateCut(known, q, enough); len(cuts) == 0 || t.After(cuts[len(cuts)-1]) {
			cuts = append(cuts, t)
		}
	}
	return cuts
}

// ageSteps steps down from hi to lo in n steps, the shorter the younger: fleets are years, months or hours old.
func ageSteps(lo, hi time.Time, n int) []time.Time {
	var steps []time.Time
	for i := n - 1; i > 0; i-- {
		age := math.Pow(float64(i)/float64(n), 5) * float64(hi.Sub(lo))
		if t := hi.Add(-time.Duration(age)).Truncate(time.Minute); t.After(lo) && t.Before(hi) {
			steps = append(steps, t)
		}
	}
	return slices.CompactFunc(steps, time.Time.Equal)
}

// mergeCounts adds counts to those known, by time. The fleet may move between counts: none is less than that of a time before.
func mergeCounts(known []point, times []time.Time, counts []int) []point {
	for i, t := range times {
		known = append(known, point{t, counts[i]})
	}
	slices.SortStableFunc(known, func(a, b point) int { return a.t.Compare(b.t) })
	for i := 1; i < len(known); i++ {
		known[i].n = max(known[i].n, known[i-1].n)
	}
	return known
}

// quantiles are the counts at which total falls into n equal parts, as far as they are among those known.
func quantiles(known []point, total, n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 1; i < n; i++ {
			if q := total * i / n; q > known[0].n && !yield(q) {
				return
			}
		}
	}
}

// interpolateCut estimates when the count was q, to the minute, from the nearest times known. room says that counting there may
// tell more: it is another minute than theirs, and neither of them is near enough to q.
func interpolateCut(known []point, q, enough int) (t time.Time, room bool) {
	i, _ := slices.BinarySearchFunc(known, q, func(p point, q int) int { return cmp.Compare(p.n, q) })
	a, b := known[i-1], known[i]
	first, last := a.t.Truncate(time.Minute).Add(time.Minute), b.t.Add(-1).Truncate(time.Minute)
	if last.Before(first) { // a burst, created in one of the two minutes: keep it out of where windows overlap
		if q-a.n < b.n-q {
			return a.t.Add(-time.Minute), false
		}
		return b.t.Add(2 * time.Minute), false
	}
	t = a.t.Add(time.Duration(float64(b.t.Sub(a.t)) * float64(q-a.n) / float64(b.n-a.n))).Truncate(time.Minute)
	if t.Before(first) {
		t = first
	} else if t.After(last) {
		t = last
	}
	return t, min(q-a.n, b.n-q) > enough
}
