package ecs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// listOrder is the order in which the API lists instances. The API does not document an order. If instances are listed
// in the order of their creation, a scan can read the instances at any position by page number, which requires fewer
// requests than counting.
type listOrder int

const (
	unordered listOrder = iota
	oldestFirst
	youngestFirst
)

var errUnordered = errors.New("the instances are not in the order of their creation")

// orderOf determines the order of a listing from its first page and confirms it with the counts, which are sorted by
// time.
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

// queuePositions plans the requests that divide all instances into time ranges with equal numbers of instances.
func (p *scanPlan) queuePositions(limit int) {
	for i := range p.spans {
		p.spans[i].round, p.spans[i].resisted = p.round, 1
	}
	total := p.total()
	// Use time ranges with fewer instances than the limit, because they overlap, and because instances with the same
	// creation time cannot be divided.
	windows := min(ceilDiv(total, limit-p.pageSize*4/10), p.workers)
	windows *= min(max(ceilDiv(total/windows, maxWindow), 1), 8) // limited, because total may be wrong
	for i := 1; i < windows; i++ {
		p.queued = append(p.queued, cutProbe{position: total / windows * i, order: p.order, round: p.round})
	}
}

// divideByOrder divides the spans at the times that were found by page number. If these times contradict the numbers of
// instances, divideByOrder ignores them, because the listing is not in the order of creation.
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

// probe sends a request and returns the times at which a time range can be divided.
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

// pageSizeAround returns the page size that places the instance at position at nearest to the middle of a page.
func pageSizeAround(at int) int {
	best, distance := maxPerRequest, maxPerRequest
	for size := maxPerRequest; size > maxPerRequest/2; size-- {
		if d := max(at%size-size/2, size/2-at%size); d < distance {
			best, distance = size, d
		}
	}
	return best
}

// cutsAmong returns times that divide instances with the given creation times, which are in ascending order. It prefers
// gaps of three minutes, so that few instances are listed twice. The argument older is the number of instances created
// before the first creation time.
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
