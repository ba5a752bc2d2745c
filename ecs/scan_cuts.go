package ecs

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"
)

const (
	// maxExpectedAge is the age beyond which no instance is expected. Older ones are in the first window.
	maxExpectedAge = 12 * 365 * 24 * time.Hour
	// ageCounts is how many ages are counted at first, at most. The counts confirm the order of the listing and, if there
	// is none, find the first cuts.
	ageCounts = 4
	// maxWindow is how many instances a window should have at most. Each window in progress remembers hashes of the ids
	// it has listed.
	maxWindow = 20_000
	// minSpan is the length of the shortest span that is divided. Neighboring windows overlap by a minute, so a cut beside
	// a minute in which many instances were created would list those twice.
	minSpan = 4 * time.Minute
)

// countAt is a result of counting: n instances were created before t.
type countAt struct {
	t     time.Time
	n     int
	first time.Time // when the instance was created with which a listing of them begins; zero if unknown
}

// scanPlan decides what the workers of a scan do next: count the instances created before some time, or list a window.
//
// It divides time into spans whose instances have been counted. Spans with few instances are joined to windows and listed
// at once, the largest first, while those with many are divided by probes. What is few depends on what is left: no
// window should take longer than all workers need for the rest. Probes only decide about speed: whatever they return, the
// windows cover all of the time.
//
// The methods must not be called concurrently.
type scanPlan struct {
	workers, pageSize int
	now               time.Time // the time at which the youngest instances are expected
	order             listOrder
	spans             []span     // all of them in order, without gaps
	queued, probing   []cutProbe // to be sent, and in progress
	ordered           []countAt  // cuts that probes by position have found, until all of them are back
	round             int        // the number of the last round of probes
	probeless         bool       // a probe has failed
	running           []*window
}

// span is the time between two moments before which the instances have been counted.
type span struct {
	from, to time.Time
	before   int // instances created before from
	n        int // instances created in the span
	round    int // the number of the last round of probes that divided it, 0 before the first
	resisted int // how many rounds of probes there were
	started  bool
}

// cutProbe is a request that finds cuts: times, each with the number of instances created before it. It counts those before
// the time t or, if the listing has an order, reads some around a position in it.
type cutProbe struct {
	t        time.Time
	position int
	order    listOrder // unordered for a count
	round    int       // the number of the round of probes that it belongs to
}

// window is a part of a scan that one worker lists. A zero time is the bound of the whole scan.
type window struct {
	from, to time.Time
	left     int // instances expected on the pages to come
}

// newScanPlan returns the plan for the instances created between lo and hi, of which there are total. The counts that are
// known may contradict each other: instances come and go.
func newScanPlan(lo, hi time.Time, known []countAt, total int) *scanPlan {
	p := &scanPlan{}
	from, before := lo, 0
	for _, c := range append(slices.Clone(known), countAt{t: hi, n: total}) {
		n := min(max(c.n-before, 0), max(total-before, 0))
		p.spans = append(p.spans, span{from: from, to: c.t, before: before, n: n})
		from, before = c.t, before+n
	}
	return p
}

// next returns the probe to send, or the window to list. If it returns neither, there is nothing to do until the probes in
// progress have ended, or, with done, nothing at all.
func (p *scanPlan) next() (probe *cutProbe, w *window, done bool) {
	limit := p.windowLimit()
	if len(p.queued) == 0 && !p.probeless {
		p.queueProbes(limit)
	}
	if len(p.queued) > 0 {
		first := p.queued[0]
		p.queued, p.probing = p.queued[1:], append(p.probing, first)
		return &first, nil, false
	}
	waiting := len(p.probing) > 0
	ready := p.readySpans(limit)
	if len(ready) == 0 {
		return nil, nil, !waiting
	}
	largest := slices.MaxFunc(ready, func(a, b spanRange) int { return cmp.Compare(a.n, b.n) })
	if waiting && largest.n < limit*3/10 { // a small one may become part of a larger one
		return nil, nil, false
	}
	return nil, p.start(largest), false
}

// probed records what a probe has found. If it failed, there will be no others.
func (p *scanPlan) probed(probe *cutProbe, cuts []countAt, err error) {
	p.probing = slices.DeleteFunc(p.probing, func(other cutProbe) bool { return other == *probe })
	switch {
	case errors.Is(err, errUnordered):
		p.order = unordered
	case err != nil:
		p.queued, p.probeless = nil, true
	case probe.order == unordered:
		p.divide(cuts[0])
	default:
		p.ordered = append(p.ordered, cuts...)
	}
	if len(p.probing)+len(p.queued) == 0 && len(p.ordered) > 0 {
		p.divideByOrder()
	}
}

// divide divides the span that contains the time of a cut.
func (p *scanPlan) divide(c countAt) {
	for i, s := range p.spans {
		if s.from.Before(c.t) && c.t.Before(s.to) && !s.started {
			older, younger := s, s
			older.to, older.n = c.t, min(max(c.n-s.before, 0), s.n)
			younger.from, younger.before, younger.n = c.t, s.before+older.n, s.n-older.n
			p.spans = slices.Replace(p.spans, i, i+1, older, younger)
			return
		}
	}
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

// left returns how many instances are still to be listed, and the most that a window in progress has.
func (p *scanPlan) left() (all, longest int) {
	for _, s := range p.spans {
		if !s.started {
			all += s.n
		}
	}
	for _, w := range p.running {
		all += w.left
		longest = max(longest, w.left)
	}
	return all, longest
}

// windowLimit returns how many instances a window that starts now should have at most: as many as the longest window in
// progress has left or, if that is more, the share of a worker of all that is left. Where cuts can be found at any position,
// that share is rounded up to whole pages; otherwise it is one and a half pages more, because windows are never equal.
func (p *scanPlan) windowLimit() int {
	left, longest := p.left()
	share := ceilDiv(left, p.workers*p.pageSize) * p.pageSize
	if p.order == unordered {
		share = left/p.workers + p.pageSize*3/2
	}
	return max(min(share, maxWindow), longest)
}

// isLarge reports whether a span should be divided. A round of probes takes as long as a page, so the more rounds a span
// has resisted, the larger it may remain. One round of probes by position finds all there is.
func (p *scanPlan) isLarge(s span, limit int) bool {
	if s.started || p.probeless || s.to.Sub(s.from) <= minSpan || p.order != unordered && s.resisted > 0 {
		return false
	}
	resisted := max(s.resisted-1, 0)
	return s.n > limit+(1+resisted)*p.pageSize/2
}

// isProbed reports whether probes that divide the span, or the one that it was part of, are queued or in progress. Parts of
// a span are not listed one by one: some may turn out to be empty, and those are best listed with a part beside them.
func (p *scanPlan) isProbed(s span) bool {
	same := func(probe cutProbe) bool { return probe.round == s.round }
	return s.round > 0 && (slices.ContainsFunc(p.probing, same) || slices.ContainsFunc(p.queued, same))
}

// queueProbes queues the probes that divide the spans that are too large: by position if the listing has an order,
// otherwise by time, the largest first.
func (p *scanPlan) queueProbes(limit int) {
	var large []span
	for i := range p.spans {
		if s := &p.spans[i]; p.isLarge(*s, limit) && !p.isProbed(*s) {
			p.round++
			s.round, s.resisted = p.round, s.resisted+1
			large = append(large, *s)
		}
	}
	if p.order != unordered && len(large) > 0 {
		p.queuePositions(limit)
		return
	}
	slices.SortStableFunc(large, func(a, b span) int { return cmp.Compare(b.n, a.n) })
	for _, s := range large {
		for _, t := range p.cutTimes(s, min(max(ceilDiv(s.n, limit), 2), p.workers+1)) {
			p.queued = append(p.queued, cutProbe{t: t, round: s.round})
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

// readySpans joins the spans that need no more probes to windows of at most limit instances; a single span may have more.
// Spans without instances become part of the window beside them.
func (p *scanPlan) readySpans(limit int) []spanRange {
	var ready []spanRange
	for i := 0; i < len(p.spans); {
		r := spanRange{first: i}
		for r.end = i; r.end < len(p.spans); r.end++ {
			s := p.spans[r.end]
			if s.started || p.isLarge(s, limit) || p.isProbed(s) || r.n > 0 && s.n > 0 && r.n+s.n > limit {
				break
			}
			r.n += s.n
		}
		if r.end > i && (r.n > 0 || len(p.probing) == 0) {
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
