package ecs

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"time"
)

const (
	// maxRounds bounds the rounds of counts.
	maxRounds = 8
	// targetPageFill is how many instances a window of one page is meant to have: one more than a page costs a request.
	targetPageFill = 80
)

// countFunc returns how many instances were created before each of the times; a zero time counts all of them. It may
// return nil, or nonsense.
type countFunc func(before []time.Time) []int

// countAt is a result of counting: n instances were created before t.
type countAt struct {
	t time.Time
	n int
}

// findCuts returns times between lo and hi, in order and in whole minutes, that divide the instances into windows of
// about the same size: no more windows than workers, and none much smaller than a page.
//
// It counts at several ages first, and then where the cuts would be by what is known so far. Without counts the ages have
// to do, in narrow steps, because it is not known which of them matter.
func findCuts(lo, hi time.Time, workers int, count countFunc) []time.Time {
	known, total := firstCounts(lo, hi, workers, count)
	switch {
	case total <= 0: // a listing of more than one page has instances
		return ageSteps(lo, hi, 4*workers)
	case total <= 3*maxPerRequest:
		return nil // the first page is here, so two or three more cost no more than another round
	}
	parts := min(workers, (total+targetPageFill-1)/targetPageFill)
	tolerance := total / parts / 8
	known = refineCounts(known, total, parts, tolerance, count)
	return cutsAt(known, total, parts, tolerance)
}

// firstCounts counts all instances, and those before each of several ages. total is 0 if that failed.
func firstCounts(lo, hi time.Time, workers int, count countFunc) (known []countAt, total int) {
	times := append([]time.Time{{}, lo}, ageSteps(lo, hi, workers-1)...)
	counts := count(times)
	if counts == nil {
		return nil, 0
	}
	total = counts[0]
	return mergeCounts([]countAt{{hi, total}}, times[1:], counts[1:]), total
}

// refineCounts counts where the cuts would be, until they are within the tolerance or another round of requests would
// take longer than it can save.
func refineCounts(known []countAt, total, parts, tolerance int, count countFunc) []countAt {
	for round := 2; round <= maxRounds; round++ {
		var times []time.Time
		var wanted []int
		for q := range quantiles(known, total, parts) {
			if t, refinable := interpolateCut(known, q, tolerance); refinable && (len(times) == 0 || t.After(times[len(times)-1])) {
				times, wanted = append(times, t), append(wanted, q)
			}
		}
		if len(times) == 0 {
			break
		}
		counts := count(times)
		if counts == nil {
			break
		}
		known = mergeCounts(known, times, counts)
		worstMiss := 0
		for i, q := range wanted {
			worstMiss = max(worstMiss, counts[i]-q, q-counts[i])
		}
		if worstMiss <= tolerance || worstMiss < 4*maxPerRequest*round { // a round takes as long as a page
			break
		}
	}
	return known
}

// cutsAt returns the times at which the counts are closest to equal parts.
func cutsAt(known []countAt, total, parts, tolerance int) []time.Time {
	var cuts []time.Time
	for q := range quantiles(known, total, parts) {
		if t, _ := interpolateCut(known, q, tolerance); len(cuts) == 0 || t.After(cuts[len(cuts)-1]) {
			cuts = append(cuts, t)
		}
	}
	return cuts
}

// ageSteps returns times from lo to hi in n steps, shorter for younger instances: they may be years or hours old.
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

// mergeCounts adds counts to the known ones and sorts them by time. Instances may come and go between counts, so counts
// are raised where they would decrease.
func mergeCounts(known []countAt, times []time.Time, counts []int) []countAt {
	for i, t := range times {
		known = append(known, countAt{t, counts[i]})
	}
	slices.SortStableFunc(known, func(a, b countAt) int { return a.t.Compare(b.t) })
	for i := 1; i < len(known); i++ {
		known[i].n = max(known[i].n, known[i-1].n)
	}
	return known
}

// quantiles yields the counts that divide total into n equal parts, without those below the first known count.
func quantiles(known []countAt, total, n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 1; i < n; i++ {
			if q := total * i / n; q > known[0].n && !yield(q) {
				return
			}
		}
	}
}

// interpolateCut estimates, to the minute, the time at which the count was q, from the nearest known counts. refinable
// reports whether counting at that time may improve the estimate: it is not one of the known minutes, and neither of the
// known counts is within the tolerance of q.
func interpolateCut(known []countAt, q, tolerance int) (t time.Time, refinable bool) {
	i, _ := slices.BinarySearchFunc(known, q, func(p countAt, q int) int { return cmp.Compare(p.n, q) })
	a, b := known[i-1], known[i]
	first, last := a.t.Truncate(time.Minute).Add(time.Minute), b.t.Add(-1).Truncate(time.Minute)
	if last.Before(first) { // many were created in one of the two minutes: keep them out of the overlap of two windows
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
	return t, min(q-a.n, b.n-q) > tolerance
}
