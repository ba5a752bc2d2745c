package ecs

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"
)

const (
	// maxExpectedAge is the maximum age that a scan expects. Older instances are listed together with the oldest
	// expected instances.
	maxExpectedAge = 12 * 365 * 24 * time.Hour
	// ageCounts is the maximum number of times for which a scan counts the older instances. It counts while it fetches
	// the first page.
	ageCounts = 4
	// maxWindow is the maximum number of instances that one worker should list in one go. It limits memory use, because
	// a worker keeps hashes of the ids until then.
	maxWindow = 20_000
	// minSpan is the minimum length of a time range that may be divided. The instances next to a division may be listed
	// twice.
	minSpan = 4 * time.Minute
)

// countAt records that n instances were created before the time t.
type countAt struct {
	t     time.Time
	n     int
	first time.Time // creation time of the first counted instance in listing order; zero if unknown
}

// scanPlan decides what the workers of a scan do next. A worker lists a time range (window), or sends a request (probe)
// that helps to divide a time range with too many instances.
//
// The plan divides time into parts (spans) and knows how many instances were created in each part. Adjacent parts with
// few instances are listed together. The parts cover the whole time range, even if the probes return wrong results.
//
// The methods must not be called concurrently.
type scanPlan struct {
	workers, pageSize int
	now               time.Time // the expected creation time of the youngest instances
	order             listOrder
	spans             []span     // all spans in ascending order, without gaps
	queued, probing   []cutProbe // requests to be sent, and requests in progress
	ordered           []countAt  // times collected until all requests in progress have ended
	round             int        // number of the last round of requests
	probeless         bool       // a request has failed, so no more requests are sent
	running           []*window
}

// span is a part of the time range of a scan.
type span struct {
	from, to time.Time
	before   int  // number of instances created earlier than the span
	n        int  // number of instances created in the span
	round    int  // number of the last round of requests for the span; 0 if there was none
	resisted int  // number of rounds of requests for the span
	started  bool // whether a worker lists or has listed the span
}

// cutProbe is a request that finds a time at which a span can be divided, and the number of instances created before
// that time. It either counts the instances created before t, or reads the instances around a position in the listing.
type cutProbe struct {
	t        time.Time
	position int
	order    listOrder // unordered if the request counts instances
	round    int       // number of the round to which the request belongs
}

// window is a time range that one worker lists. A zero from or to means that the window has no lower or upper bound.
type window struct {
	from, to time.Time
	left     int // number of instances expected on the remaining pages
}

// newScanPlan returns a plan for total instances that were created between lo and hi. The counts in known are sorted by
// time and may contradict each other.
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

// next returns the next work for a worker: a request to send, or a time range to list. If both are nil and done is
// false, the worker must wait until a request of another worker has ended. If done is true, no work is left.
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
	if waiting && largest.n < limit*3/10 { // wait: a request in progress may find spans to list together with a small span
		return nil, nil, false
	}
	return nil, p.start(largest), false
}

// probed records the result of a request that the plan has returned. After a failed request, the plan returns no more
// requests.
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

// divide divides the span that contains the time c.t. It does nothing if the span has been started.
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

// listed records that a worker has listed a page with the given number of instances.
func (p *scanPlan) listed(w *window, rows int) { w.left = max(w.left-rows, 0) }

// ended records that a worker has listed a whole time range.
func (p *scanPlan) ended(w *window) {
	p.running = slices.DeleteFunc(p.running, func(r *window) bool { return r == w })
}

// total returns the number of instances in all spans.
func (p *scanPlan) total() int {
	last := p.spans[len(p.spans)-1]
	return last.before + last.n
}

// left returns the number of instances that remain to be listed: first in total, then in the longest time range that a
// worker is listing.
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

// windowLimit returns the maximum number of instances in the next time range that a worker lists. The limit is chosen
// so that all workers finish at about the same time.
func (p *scanPlan) windowLimit() int {
	left, longest := p.left()
	share := ceilDiv(left, p.workers*p.pageSize) * p.pageSize
	if p.order == unordered {
		share = left/p.workers + p.pageSize*3/2
	}
	return max(min(share, maxWindow), longest)
}

// isLarge reports whether a span has too many instances to be listed by one worker. The limit increases with each
// unsuccessful attempt to divide the span.
func (p *scanPlan) isLarge(s span, limit int) bool {
	if s.started || p.probeless || s.to.Sub(s.from) <= minSpan || p.order != unordered && s.resisted > 0 {
		return false
	}
	resisted := max(s.resisted-1, 0)
	return s.n > limit+(1+resisted)*p.pageSize/2
}

// isProbed reports whether requests that may divide the span have not ended. Such a span is not listed yet.
func (p *scanPlan) isProbed(s span) bool {
	same := func(probe cutProbe) bool { return probe.round == s.round }
	return s.round > 0 && (slices.ContainsFunc(p.probing, same) || slices.ContainsFunc(p.queued, same))
}

// queueProbes plans requests to divide the spans that have too many instances.
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

// cutTimes returns times that divide a span into the given number of parts. Next to the current time, the parts become
// shorter, because the youngest instances may be years or only minutes old.
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

// spanRange is a sequence of adjacent spans that one worker can list together. The spans contain n instances in total.
type spanRange struct{ first, end, n int }

// readySpans returns the sequences of spans that can be listed now. It joins adjacent spans with at most limit
// instances in total. A single span may have more instances.
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

// start marks the spans as started and returns the time range that a worker lists.
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

// ageSteps returns n-1 times that divide the range from lo to hi into n steps. The steps become shorter towards hi,
// because the youngest instances may be years or only hours old. A higher power makes the last steps shorter.
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
