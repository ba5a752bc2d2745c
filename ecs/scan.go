package ecs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// ScanOptions configure ScanInstances.
type ScanOptions struct {
	Workers int // token chains, and so connections, at once; 0 = 8, at most 64
}

const (
	defaultWorkers = 8
	maxWorkers     = 64
	// maxRounds bounds the rounds of probes; two are enough unless the fleet came in bursts.
	maxRounds = 8
	// fill is how full the last page of a window is meant to be: one more row than a page costs a whole request.
	fill = 80
)

// ScanInstances is [Client.Instances] through several token chains at once, for fleets of a thousand instances and more:
// pages come one after the other within a chain, so that n chains take about an nth of the time. Every instance is
// yielded once, in no order.
//
// The fleet is cut by creation time, which never changes, into windows of about equal size that overlap by the minute
// whose side the API leaves open. To balance them it asks for counts first, in two rounds of one small request for each
// worker (more when the fleet came in bursts); the counts are only a hint, and without them the scan is slower, not
// wrong. Instances created within one minute cannot be cut further and stay in one chain. Beyond that a scan costs
// at most one request more for each worker than Instances.
//
// Errors are those of Instances: the first of any chain cancels the others, comes last and ends the scan. The request must
// not set NextToken or page mode. InstanceIDs are asked for in parallel batches; a listing by Tags or ResourceGroupID, which
// the API caps, goes through one chain.
func (c *Client) ScanInstances(ctx context.Context, req DescribeInstancesRequest, opts ScanOptions) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := c.scan(ctx, req, opts, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Instance{}, err)
		}
	}
}

func (c *Client) scan(ctx context.Context, req DescribeInstancesRequest, opts ScanOptions, yield func(Instance, error) bool) error {
	parts, err := req.batches()
	switch {
	case ctx == nil:
		err = invalid("ctx", "is nil, use context.Background()")
	case err == nil && req.NextToken != "":
		err = invalid("NextToken", "cannot start a scan, which lists from the beginning")
	case err == nil && opts.Workers < 0:
		err = invalid("ScanOptions.Workers", "is %d, must not be negative", opts.Workers)
	}
	if err != nil {
		return refused(describeInstances, c.region, err)
	}
	workers := min(cmp.Or(opts.Workers, defaultWorkers), maxWorkers)
	var windows []window
	if req.InstanceIDs != nil || req.mayBeCapped() {
		for _, part := range parts {
			windows = append(windows, window{req: part})
		}
	} else if windows, err = c.plan(ctx, parts[0], workers); err != nil {
		return failure(describeInstances, c.region, err)
	}

	type windowPage struct {
		*DescribeInstancesResponse
		from window
	}
	runs := make([]func(context.Context) iter.Seq2[windowPage, error], len(windows))
	for i, w := range windows {
		runs[i] = func(ctx context.Context) iter.Seq2[windowPage, error] {
			return func(yield func(windowPage, error) bool) {
				l := listing{client: c, trustEmpty: true} // an empty window is nothing special
				err := l.all(ctx, w.req, func(page *DescribeInstancesResponse) bool { return yield(windowPage{page, w}, nil) })
				if err != nil && !errors.Is(err, errStopped) {
					yield(windowPage{}, err)
				}
			}
		}
	}
	// Only what two windows may both show is remembered, so that memory stays flat.
	var shared, unreadable idSet
	whole := listing{client: c, trustEmpty: c.trustEmpty}
	for page, err := range pagination.Merge(ctx, workers, runs...) {
		if err != nil {
			return whole.outcome(err)
		}
		whole.rows += len(page.Instances) + len(page.Undecoded)
		for _, d := range page.Undecoded {
			if d.InstanceID == "" || unreadable.add(d.InstanceID) {
				whole.undecoded = append(whole.undecoded, d)
			}
		}
		for _, inst := range page.Instances {
			if !page.from.alone(inst.CreationTime.Time) && !shared.add(inst.InstanceID) {
				continue
			}
			if !yield(inst, nil) {
				return errStopped
			}
		}
	}
	return whole.outcome(whole.checked(ctx, req))
}

// window is the part of a scan between two cuts of the creation time. Whether the API's bounds are inclusive is not
// known: the request begins a minute before the cut, so that together with the one before it misses nothing either way.
type window struct {
	req      DescribeInstancesRequest
	from, to time.Time // cuts; zero at the ends
}

// alone reports whether no other window can show an instance created at t, with a minute to spare on either side.
func (w window) alone(t time.Time) bool {
	return (w.from.IsZero() || t.After(w.from.Add(time.Minute))) && (w.to.IsZero() || !t.IsZero() && t.Before(w.to.Add(-2*time.Minute)))
}

// oldest is the age beyond which no instance is expected; older ones are in the first window.
const oldest = 20 * 365 * 24 * time.Hour

// point is a known count: n instances were created before t.
type point struct {
	t time.Time
	n int
}

// plan cuts the fleet into at most as many windows as there are workers. The counts are asked for in page mode, one row
// each. They decide about the balance alone: the windows cover all times whatever the counts say, and when there are
// none the cuts are made by age.
func (c *Client) plan(ctx context.Context, req DescribeInstancesRequest, workers int) ([]window, error) {
	hi := time.Now()
	if !req.CreatedBefore.IsZero() {
		hi = req.CreatedBefore
	}
	lo := hi.Add(-oldest)
	if !req.CreatedAfter.IsZero() {
		lo = req.CreatedAfter
	}
	byAge := cutsByAge(lo, hi, workers)
	counts, err := c.counts(ctx, req, append([]time.Time{{}}, byAge...))
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil { // page mode may be withdrawn, and the windows themselves will tell what else is wrong
		return windows(req, byAge), nil
	}
	total := counts[0]
	chains := min(workers, (total+fill-1)/fill)
	known := []point{{lo, 0}}
	for i, t := range byAge {
		known = append(known, point{t, counts[i+1]})
	}
	known = append(known, point{hi, total})
	for round := 1; round < maxRounds; round++ {
		if !slices.IsSortedFunc(known, func(a, b point) int { return cmp.Compare(a.n, b.n) }) {
			return windows(req, byAge), nil // these are not counts
		}
		var probes []time.Time
		longest := 0
		for _, q := range quantiles(total, chains) {
			if a, b := bracket(known, q); b.n-a.n > total/chains*3/2 && b.t.Sub(a.t) > time.Minute {
				probes = append(probes, between(a, b, q))
				longest = max(longest, b.n-a.n)
			}
		}
		if round > 1 && round > longest/maxBatch/4 {
			break // a round costs as much as a page: not worth it for so few
		}
		if probes = increasing(probes); len(probes) == 0 {
			break
		}
		if counts, err = c.counts(ctx, req, probes); ctx.Err() != nil {
			return nil, err
		} else if err != nil {
			break
		}
		for i, t := range probes {
			known = append(known, point{t, counts[i]})
		}
		slices.SortStableFunc(known, func(a, b point) int { return a.t.Compare(b.t) })
	}
	var cuts []time.Time
	for _, q := range quantiles(total, chains) {
		a, b := bracket(known, q)
		cuts = append(cuts, between(a, b, q))
	}
	return windows(req, increasing(cuts)), nil
}

// counts asks how many instances were created before each of the times; a zero time asks for all.
func (c *Client) counts(ctx context.Context, req DescribeInstancesRequest, before []time.Time) ([]int, error) {
	req.MaxResults, req.PageNumber, req.PageSize = 0, 1, 1
	counts, errs := make([]int, len(before)), make([]error, len(before))
	var wg sync.WaitGroup
	for i, t := range before {
		probe := req
		if !t.IsZero() {
			probe.CreatedBefore = t
		}
		wg.Go(func() {
			var resp *DescribeInstancesResponse
			if resp, errs[i] = c.DescribeInstances(ctx, probe); errs[i] == nil {
				counts[i] = resp.TotalCount
			}
		})
	}
	wg.Wait()
	return counts, cmp.Or(errs...)
}

// cutsByAge makes n-1 cuts, every other one by equal spans and by equal ratios of age: fleets are young or old.
func cutsByAge(lo, hi time.Time, n int) []time.Time {
	span := hi.Sub(lo)
	if span <= time.Minute {
		return nil
	}
	var cuts []time.Time
	for i := 1; i < n; i++ {
		share := float64(i) / float64(n)
		age := time.Duration(float64(span) * share)
		if i%2 == 0 {
			age = time.Duration(float64(span) * math.Pow(float64(time.Hour)/float64(span+time.Hour), share))
		}
		cuts = append(cuts, hi.Add(-age).Truncate(time.Minute))
	}
	return increasing(cuts)
}

// increasing sorts times and drops repeated ones.
func increasing(times []time.Time) []time.Time {
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal)
}

// quantiles are the counts at which total is cut into n equal parts.
func quantiles(total, n int) []int {
	var q []int
	for i := 1; i < n; i++ {
		q = append(q, total*i/n)
	}
	return q
}

// bracket gives the neighbouring points with the count q between them.
func bracket(known []point, q int) (a, b point) {
	i, _ := slices.BinarySearchFunc(known, q, func(p point, q int) int { return cmp.Compare(p.n, q) })
	i = min(max(i, 1), len(known)-1)
	return known[i-1], known[i]
}

// between interpolates the time of the count q, to the minute and strictly inside the bracket where that has room.
func between(a, b point, q int) time.Time {
	span := b.t.Sub(a.t)
	if b.n > a.n {
		span = time.Duration(float64(span) * float64(q-a.n) / float64(b.n-a.n))
	}
	t := a.t.Add(span).Truncate(time.Minute)
	if first := a.t.Truncate(time.Minute).Add(time.Minute); t.Before(first) {
		t = first
	}
	if last := b.t.Add(-time.Minute).Truncate(time.Minute); t.After(last) && last.After(a.t) {
		t = last
	}
	return t
}

// windows makes the requests between the cuts; the caller's own bounds stay the outermost.
func windows(req DescribeInstancesRequest, cuts []time.Time) []window {
	cuts = slices.DeleteFunc(cuts, func(t time.Time) bool {
		return !req.CreatedAfter.IsZero() && !t.After(req.CreatedAfter.Add(time.Minute)) || !req.CreatedBefore.IsZero() && !t.Before(req.CreatedBefore)
	})
	list := make([]window, len(cuts)+1)
	for i := range list {
		w := window{req: req}
		if i > 0 {
			w.from = cuts[i-1]
			w.req.CreatedAfter = w.from.Add(-time.Minute)
		}
		if i < len(cuts) {
			w.to = cuts[i]
			w.req.CreatedBefore = w.to
		}
		list[i] = w
	}
	return list
}
