package ecs

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// maxExpectedAge limits the time that a scan divides into ranges. Instances that are older than maxExpectedAge are
	// all listed with the earliest range.
	maxExpectedAge = 12 * 365 * 24 * time.Hour
	// maxWindow is the maximum number of instances that a time range should contain. It limits memory use, because a
	// worker keeps a hash of each id until it has listed the whole range.
	maxWindow = 20_000
	// minSpan is the length up to which a time range is not divided. Dividing a short range is useless, because
	// instances created shortly before or after the dividing time may be listed twice.
	minSpan = 4 * time.Minute
)

// cut is a time at which a listing can be divided. n is the number of instances created before t, which may be wrong.
type cut struct {
	t time.Time
	n int
}

// scanPlan decides what the workers of a scan do next. A worker lists a time range, which is called a window. If the
// samples do not divide the listing, workers also count the instances that were created before certain times.
//
// The plan divides time into spans and stores how many instances were created in each span. A window consists of one or
// more adjacent spans. The spans cover all time, even if the stored numbers are wrong.
//
// The methods must not be called concurrently.
type scanPlan struct {
	workers, pageSize int
	spans             []span         // all spans in ascending order, without gaps
	created           []time.Time    // creation times of some instances of an unordered listing, in ascending order
	queued, pending   []countRequest // requests to be sent, and requests in progress
	round             int            // number of the last round of requests
	divided           bool           // whether the spans are final, so that no requests are queued
	limit             int            // maximum number of instances in a window; 0 means that it depends on what is left
	running           []*window
}

// span is a part of the time range of a scan.
type span struct {
	from, to time.Time
	before   int  // number of instances created earlier than the span
	n        int  // number of instances created in the span
	round    int  // number of the last round of requests that tried to divide the span; 0 if there was none
	attempts int  // number of rounds of requests that tried to divide the span
	started  bool // whether a worker lists or has listed the span
}

// countRequest is a request that counts the instances created before the time t.
type countRequest struct {
	t     time.Time
	round int
}

// window is a time range that one worker lists. A zero from or to means that the window has no lower or upper bound.
type window struct {
	from, to time.Time
	left     int // number of instances expected on the remaining pages
}

// newScanPlan returns a plan for total instances that were created between lo and hi.
func newScanPlan(lo, hi time.Time, total, workers, pageSize int) *scanPlan {
	return &scanPlan{workers: workers, pageSize: pageSize, spans: []span{{from: lo, to: hi, n: total}}}
}

// next returns the next work for a worker: a request to send, or a time range to list. If both are nil and done is
// false, the worker must wait until a request of another worker has ended. If done is true, no work is left.
func (p *scanPlan) next() (count *countRequest, w *window, done bool) {
	limit := p.windowLimit()
	if len(p.queued) == 0 {
		p.queueCounts(limit)
	}
	if len(p.queued) > 0 {
		first := p.queued[0]
		p.queued, p.pending = p.queued[1:], append(p.pending, first)
		return &first, nil, false
	}
	waiting := len(p.pending) > 0
	ready := p.readySpans(limit)
	if len(ready) == 0 {
		return nil, nil, !waiting
	}
	largest := slices.MaxFunc(ready, func(a, b spanRange) int { return cmp.Compare(a.n, b.n) })
	if waiting && largest.n < limit*3/10 { // wait: the requests in progress may make further spans ready
		return nil, nil, false
	}
	return nil, p.start(largest), false
}

// counted records the result of a count request. After a failed request, the plan returns no more count requests.
func (p *scanPlan) counted(count *countRequest, n int, err error) {
	p.pending = slices.DeleteFunc(p.pending, func(other countRequest) bool { return other == *count })
	if err != nil {
		p.queued, p.divided = nil, true
		return
	}
	p.divide(cut{t: count.t, n: n})
}

// divide divides the span that contains the time c.t. It does nothing if the span has been started.
func (p *scanPlan) divide(c cut) {
	for i, s := range p.spans {
		if s.contains(c.t) && !s.started {
			older, younger := s.split(c)
			p.spans = slices.Replace(p.spans, i, i+1, older, younger)
			return
		}
	}
}

// contains reports whether t is inside the span, so that t can divide it.
func (s span) contains(t time.Time) bool { return s.from.Before(t) && t.Before(s.to) }

// split returns the two parts into which c divides the span.
func (s span) split(c cut) (older, younger span) {
	older, younger = s, s
	older.to, older.n = c.t, min(max(c.n-s.before, 0), s.n)
	younger.from, younger.before, younger.n = c.t, s.before+older.n, s.n-older.n
	return older, younger
}

// listed records that a worker has listed a page with the given number of instances.
func (p *scanPlan) listed(w *window, rows int) { w.left = max(w.left-rows, 0) }

// finished records that a worker has listed a whole time range.
func (p *scanPlan) finished(w *window) {
	p.running = slices.DeleteFunc(p.running, func(r *window) bool { return r == w })
}

// left returns the total number of instances that remain to be listed, and the largest number that remains in one of
// the time ranges that workers are listing.
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
	if p.limit > 0 {
		return p.limit
	}
	left, longest := p.left()
	return max(min(left/p.workers+p.pageSize*3/2, maxWindow), longest)
}

// chooseLimit sets the limit to the smallest number of instances for which all workers list the same number of windows.
func (p *scanPlan) chooseLimit() {
	total, _ := p.left()
	share := fairShare(total, p.workers, p.pageSize)
	windows := ceilDiv(share, maxWindow) // for each worker
	smallest := fairShare(total, p.workers*windows, p.pageSize)
	step := ceilDiv(smallest, 32*p.pageSize) * p.pageSize
	for p.limit = smallest; p.limit < 2*smallest && len(p.readySpans(p.limit)) > p.workers*windows; p.limit += step {
	}
}

// fairShare returns the number of instances for each worker if all workers list the same number of full pages.
func fairShare(total, workers, pageSize int) int {
	return ceilDiv(total, workers*pageSize) * pageSize
}

// isLarge reports whether a span has too many instances to be listed by one worker. The limit increases with each
// unsuccessful attempt to divide the span.
func (p *scanPlan) isLarge(s span, limit int) bool {
	if p.divided || s.started || s.to.Sub(s.from) <= minSpan {
		return false
	}
	return s.n > limit+max(s.attempts, 1)*p.pageSize/2
}

// isPending reports whether requests that may divide the span are queued or in progress. Until they have ended, the
// span is not listed.
func (p *scanPlan) isPending(s span) bool {
	same := func(count countRequest) bool { return count.round == s.round }
	return s.round > 0 && (slices.ContainsFunc(p.pending, same) || slices.ContainsFunc(p.queued, same))
}

// queueCounts plans requests to divide the spans that have too many instances.
func (p *scanPlan) queueCounts(limit int) {
	var large []span
	for i := range p.spans {
		if s := &p.spans[i]; p.isLarge(*s, limit) && !p.isPending(*s) {
			p.round++
			s.round, s.attempts = p.round, s.attempts+1
			large = append(large, *s)
		}
	}
	slices.SortStableFunc(large, func(a, b span) int { return cmp.Compare(b.n, a.n) })
	for _, s := range large {
		parts := min(max(ceilDiv(s.n, limit), 2), p.workers+1)
		if s.attempts == 1 {
			parts = p.workers
		}
		for _, t := range p.cutTimes(s, parts) {
			p.queued = append(p.queued, countRequest{t: t, round: s.round})
		}
	}
}

// cutTimes returns times that divide a span into the given number of parts. In the first attempt, the parts contain
// equal numbers of the known creation times, and a first part contains the instances without a creation time. In later
// attempts, the parts are equally long.
func (p *scanPlan) cutTimes(s span, parts int) []time.Time {
	var times []time.Time
	for i := range parts {
		t := s.from.Add(time.Duration(float64(s.to.Sub(s.from)) * float64(i) / float64(parts)))
		switch {
		case i == 0 && s.attempts > 1:
			continue
		case i > 0 && s.attempts == 1 && len(p.created) > 0:
			t = p.created[len(p.created)*i/parts].Add(-2 * time.Minute)
		}
		t = t.Truncate(time.Minute)
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
			if s.started || p.isLarge(s, limit) || p.isPending(s) || r.n > 0 && s.n > 0 && r.n+s.n > limit {
				break
			}
			r.n += s.n
		}
		if r.end > i && (r.n > 0 || len(p.pending) == 0) {
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
