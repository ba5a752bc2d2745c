package ecs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// listOrder is the order in which the API lists instances. The API does not document an order. If the first responses
// of a scan show that instances are listed in creation order, the position of an instance in the listing is the number
// of older or younger instances, and page numbers can be used to read the instances at any position. A single round of
// probes is then sufficient to divide the scan into windows of the intended size.
type listOrder int

const (
	unordered listOrder = iota
	oldestFirst
	youngestFirst
)

var errUnordered = errors.New("the instances are not in the order of their creation")

// orderOf determines the order of a listing from its first page, and uses the counts, which are sorted by time, to
// confirm the order. Each count contains the creation time of the first instance among the counted instances.
func orderOf(page []Instance, counts []countAt) listOrder {
	times := creationTimes(page)
	if len(times) == 0 || slices.ContainsFunc(times, time.Time.IsZero) {
		return unordered
	}
	begin := times[0]
	oldest := slices.IsSortedFunc(times, time.Time.Compare)
	slices.Reverse(times)
	youngest := slices.IsSortedFunc(times, time.Time.Compare)
	var last time.Time
	for _, c := range counts {
		if c.n > 0 {
			oldest = oldest && c.first.Equal(begin)
			youngest = youngest && !c.first.IsZero() && !c.first.Before(last) && !c.first.After(c.t)
			last = c.first
		}
	}
	switch {
	case !oldest && !youngest:
		return unordered
	case oldest:
		return oldestFirst
	}
	return youngestFirst
}

func creationTimes(instances []Instance) []time.Time {
	times := make([]time.Time, len(instances))
	for i, inst := range instances {
		times[i] = inst.CreationTime
	}
	return times
}

// queuePositions queues probes by position that divide all instances into windows of equal size.
func (p *scanPlan) queuePositions(limit int) {
	for i := range p.spans {
		p.spans[i].round, p.spans[i].resisted = p.round, 1
	}
	total := p.total()
	// Plan windows that are smaller than the limit, because windows overlap and because instances that were created at
	// the same time cannot be divided.
	windows := min(ceilDiv(total, limit-p.pageSize*4/10), p.workers)
	windows *= min(max(ceilDiv(total/windows, maxWindow), 1), 8) // limited, because total may be wrong
	for i := 1; i < windows; i++ {
		p.queued = append(p.queued, cutProbe{position: total / windows * i, order: p.order, round: p.round})
	}
}

// divideByOrder divides the spans at the cuts that probes by position have found. If the cuts contradict each other or
// the counts, the listing is not in creation order, and divideByOrder ignores the cuts.
func (p *scanPlan) divideByOrder() {
	cuts := p.ordered
	p.ordered = nil
	for _, s := range p.spans[1:] {
		cuts = append(cuts, countAt{t: s.from, n: s.before})
	}
	slices.SortStableFunc(cuts, func(a, b countAt) int { return cmp.Or(a.t.Compare(b.t), cmp.Compare(a.n, b.n)) })
	most := 0
	for _, c := range cuts {
		if c.n < most-p.pageSize { // tolerate instances that were created or released between the requests
			p.order = unordered
		}
		most = max(most, c.n)
	}
	if p.order == unordered {
		return
	}
	for _, c := range cuts {
		p.divide(c)
	}
}

// probe sends a probe and returns the cuts that it finds.
func (c *Client) probe(ctx context.Context, req DescribeInstancesRequest, probe *cutProbe) ([]countAt, error) {
	if probe.order == unordered {
		n, err := c.count(ctx, req, probe.t)
		return []countAt{n}, err
	}
	size := pageSizeAround(probe.position)
	before := probe.position / size // number of pages before the page to read
	req.MaxResults, req.PageNumber, req.PageSize = 0, before+1, size
	page, err := c.describeInstances(ctx, retryRead, req)
	if err != nil {
		return nil, err
	}
	created, older := creationTimes(page.Instances), before*size
	if probe.order == youngestFirst {
		slices.Reverse(created)
		older = page.TotalCount - before*size - len(created)
	}
	if len(created) == 0 || created[0].IsZero() || !slices.IsSortedFunc(created, time.Time.Compare) {
		return nil, errUnordered
	}
	return cutsAmong(created, older), nil
}

// pageSizeAround returns the page size with which the instance at the position at is nearest to the middle of its page.
func pageSizeAround(at int) int {
	best, distance := maxPerRequest, maxPerRequest
	for size := maxPerRequest; size > maxPerRequest/2; size-- {
		if d := max(at%size-size/2, size/2-at%size); d < distance {
			best, distance = size, d
		}
	}
	return best
}

// cutsAmong returns times at which the instances with the given creation times can be divided, with the number of older
// instances for each time. The creation times are in ascending order, and older is the number of instances created
// before the first of them. Neighboring windows overlap by a minute, so cutsAmong looks for gaps of three minutes
// without creations. If there is no such gap, it returns a single cut, between two creation times near the middle of
// the list. If all instances were created within one minute, the single cut is before that minute.
func cutsAmong(created []time.Time, older int) []countAt {
	var cuts []countAt
	middle, nearest := len(created)/2, 0
	for i := 1; i < len(created); i++ {
		switch gap := created[i].Sub(created[i-1]); {
		case gap > 2*time.Minute:
			cuts = append(cuts, countAt{t: created[i-1].Add(2 * time.Minute).Truncate(time.Minute), n: older + i})
		case gap > 0 && max(i-middle, middle-i) < max(nearest-middle, middle-nearest):
			nearest = i
		}
	}
	switch {
	case len(cuts) > 0:
		return cuts
	case nearest > 0:
		return []countAt{{t: created[nearest].Truncate(time.Minute), n: older + nearest}}
	}
	return []countAt{{t: created[0].Add(-2 * time.Minute).Truncate(time.Minute), n: older}}
}
