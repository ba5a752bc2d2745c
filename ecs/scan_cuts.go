package ecs

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// maxExpectedAge is the age beyond which no instance is expected. Older ones are in the first window.
	maxExpectedAge = 12 * 365 * 24 * time.Hour
	// ageCounts is how many ages are counted at first, at most: fewer would miss bursts, more would cost more than they save.
	ageCounts = 12
	// minSpan is the length of the shortest span that is divided. Neighboring windows overlap by a minute, so a cut beside
	// a minute in which many instances were created would list those twice.
	minSpan = 4 * time.Minute
)

// countAt is a result of counting: n instances were created before t.
type countAt struct {
	t time.Time
	n int
}

// scanPlan decides what the workers of a scan do next: count the instances created before some time, or list a window.
//
// It divides time into spans whose instances have been counted. Spans with few instances are joined to windows and listed
// at once, the largest first, while those with many are divided by more counts. What is few depends on what is left: no
// window should take longer than all workers need for the rest. Counts only decide about speed: whatever they are, the
// windows cover all of the time.
//
// The methods must not be called concurrently.
type scanPlan struct {
	workers, pageSize int
	now               time.Time // the time at which the youngest instances are expected
	spans             []span    // all of them in order, without gaps
	queued, counting  []plannedCount
	round             int  // the number of the last round of counts
	countless         bool // a count has failed
	running           []*window
}

// span is the time between two moments before which the instances have been counted.
type span struct {
	from, to time.Time
	before   int // instances created before from
	n        int // instances created in the span
	round    int // the number of the last round of counts that divided it, 0 before the first
	resisted int // how many rounds of counts there were
	started  bool
}

// plannedCount is a count of the instances created before t, of the round of counts that divides one span.
type plannedCount struct {
	t     time.Time
	round int
}

// window is a part of a scan that one worker lists. A zero time is the bound of the whole scan.
type window struct {
	from, to time.Time
	left     int // instances expected on the pages to come
}

// newScanPlan returns the plan for the instances created between lo and hi, of which there are total. The counts that are
// known may contradict each other: instances come and go.
func newScanPlan(lo, hi, now time.Time, known []countAt, total, workers, pageSize int) *scanPlan {
	p := &scanPlan{workers: workers, pageSize: pageSize, now: now}
	slices.SortStableFunc(known, func(a, b countAt) int { return a.t.Compare(b.t) })
	from, before := lo, 0
	for _, c := range append(known, countAt{hi, total}) {
		n := min(max(c.n-before, 0), max(total-before, 0))
		p.spans = append(p.spans, span{from: from, to: c.t, before: before, n: n})
		from, before = c.t, before+n
	}
	return p
}

// next returns the time to count at, or the window to list. If it returns neither, there is nothing to do until the counts
// in progress have ended, or, with done, nothing at all.
func (p *scanPlan) next() (at time.Time, w *window, done bool) {
	limit := p.windowLimit()
	if len(p.queued) == 0 && !p.countless {
		p.queueCounts(limit)
	}
	if len(p.queued) > 0 {
		count := p.queued[0]
		p.queued, p.counting = p.queued[1:], append(p.counting, count)
		return count.t, nil, false
	}
	waiting := len(p.counting) > 0
	ready := p.readySpans(limit)
	if len(ready) == 0 {
		return time.Time{}, nil, !waiting
	}
	largest := slices.MaxFunc(ready, func(a, b spanRange) int { return cmp.Compare(a.n, b.n) })
	if waiting && largest.n < limit*3/10 { // a small one may become part of a larger one
		return time.Time{}, nil, false
	}
	return time.Time{}, p.start(largest), false
}

// counted records that n instances were created before t.
func (p *scanPlan) counted(t time.Time, n int) {
	p.counting = slices.DeleteFunc(p.counting, func(c plannedCount) bool { return c.t.Equal(t) })
	for i, s := range p.spans {
		if s.from.Before(t) && t.Before(s.to) && !s.started {
			older, younger := s, s
			older.to, older.n = t, min(max(n-s.before, 0), s.n)
			younger.from, younger.before, younger.n = t, s.before+older.n, s.n-older.n
			p.spans = slices.Replace(p.spans, i, i+1, older, younger)
			return
		}
	}
}

// countFailed records that the count at t failed. There will be no others.
func (p *scanPlan) countFailed(t time.Time) {
	p.counting = slices.DeleteFunc(p.counting, func(c plannedCount) bool { return c.t.Equal(t) })
	p.queued, p.countless = nil, true
}

// listed records that a page of the window brought rows instances.
func (p *scanPlan) listed(w *window, rows int) { w.left = max(w.left-rows, 0) }

// ended records that a window has been listed.
func (p *scanPlan) ended(w *window) {
	p.running = slices.DeleteFunc(p.running, func(r *window) bool { return r == w })
}

// total returns how many instances there are.
func (p *scanPlan) total() int {
	last := p.spans[len(p.spans)-1]
	return last.before + last.n
}

// windowLimit returns how many instances a window that starts now should have at most: the share of a worker of all that
// is left, and one and a half pages more because windows are never equal; or as many as the longest window in progress has left.
func (p *scanPlan) windowLimit() int {
	left, longest := 0, 0
	for _, s := range p.spans {
		if !s.started {
			left += s.n
		}
	}
	for _, w := range p.running {
		left += w.left
		longest = max(longest, w.left)
	}
	return max(left/p.workers+p.pageSize*3/2, longest)
}

// isLarge reports whether a span should be divided. A round of counts takes as long as a page, so the more rounds a span
// has resisted, the larger it may remain.
func (p *scanPlan) isLarge(s span, limit int) bool {
	resisted := max(s.resisted-1, 0)
	return !s.started && !p.countless && s.to.Sub(s.from) >= minSpan && s.n > limit+(1+resisted)*p.pageSize/2
}

// isCounted reports whether counts that divide the span, or the one that it was part of, are queued or in progress. Parts of
// a span are not listed one by one: some may turn out to be empty, and those are best listed with a part beside them.
func (p *scanPlan) isCounted(s span) bool {
	same := func(c plannedCount) bool { return c.round == s.round }
	return s.round > 0 && (slices.ContainsFunc(p.counting, same) || slices.ContainsFunc(p.queued, same))
}

// queueCounts queues the counts that divide the spans that are too large, the largest first.
func (p *scanPlan) queueCounts(limit int) {
	var large []span
	for i := range p.spans {
		if s := &p.spans[i]; p.isLarge(*s, limit) && !p.isCounted(*s) {
			p.round++
			s.round, s.resisted = p.round, s.resisted+1
			large = append(large, *s)
		}
	}
	slices.SortStableFunc(large, func(a, b span) int { return cmp.Compare(b.n, a.n) })
	for _, s := range large {
		for _, t := range p.cutTimes(s, min(max(ceilDiv(s.n, limit), 2), p.workers+1)) {
			p.queued = append(p.queued, plannedCount{t, s.round})
		}
	}
}

// cutTimes returns the times that divide a span, into equal parts if it does not touch the present: nothing is known about
// the span. Beside the present the parts become shorter, since a young fleet may be years or minutes old.
func (p *scanPlan) cutTimes(s span, parts int) []time.Time {
	var times []time.Time
	width := float64(s.to.Sub(s.from))
	for i := 1; i < parts; i++ {
		fraction := float64(i) / float64(parts)
		switch {
		case s.to.Equal(p.now):
			fraction = 1 - math.Pow(1-fraction, 5)
		case s.from.Equal(p.now):
			fraction = math.Pow(fraction, 5)
		}
		t := s.from.Add(time.Duration(width * fraction)).Truncate(time.Minute)
		if first, last := s.from.Add(2*time.Minute).Truncate(time.Minute), s.to.Add(-minSpan/2).Truncate(time.Minute); t.Before(first) {
			t = first
		} else if t.After(last) {
			t = last
		}
		times = append(times, t)
	}
	return slices.CompactFunc(times, time.Time.Equal)
}

// spanRange is spans that can be listed as one window, with n instances.
type spanRange struct{ first, end, n int }

// readySpans joins the spans that need no more counts to windows of at most limit instances; a single span may have more.
// Spans without instances become part of the window beside them.
func (p *scanPlan) readySpans(limit int) []spanRange {
	var ready []spanRange
	for i := 0; i < len(p.spans); {
		r := spanRange{first: i}
		for r.end = i; r.end < len(p.spans); r.end++ {
			s := p.spans[r.end]
			if s.started || p.isLarge(s, limit) || p.isCounted(s) || r.n > 0 && s.n > 0 && r.n+s.n > limit {
				break
			}
			r.n += s.n
		}
		if r.end > i && (r.n > 0 || len(p.counting) == 0) {
			ready = append(ready, r)
		}
		i = max(r.end, i+1)
	}
	return ready
}

// start returns the window of some spans.
func (p *scanPlan) start(r spanRange) *window {
	w := &window{left: r.n}
	if r.first > 0 {
		w.from = p.spans[r.first].from
	}
	if r.end < len(p.spans) {
		w.to = p.spans[r.end-1].to
	}
	for i := r.first; i < r.end; i++ {
		p.spans[i].started = true
	}
	p.running = append(p.running, w)
	return w
}

// ageSteps returns times from lo to hi in n steps, shorter for younger instances, the more so the higher the power: they
// may be years or hours old.
func ageSteps(lo, hi time.Time, n int, power float64) []time.Time {
	var steps []time.Time
	for i := n - 1; i > 0; i-- {
		age := math.Pow(float64(i)/float64(n), power) * float64(hi.Sub(lo))
		if t := hi.Add(-time.Duration(age)).Truncate(time.Minute); t.After(lo.Add(time.Minute)) && t.Before(hi) {
			steps = append(steps, t)
		}
	}
	return slices.CompactFunc(steps, time.Time.Equal)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
