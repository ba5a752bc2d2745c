package ecs

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"sync"
	"time"
)

// ScanOptions configure ScanInstances. nil, and every zero field, is the default.
type ScanOptions struct {
	Workers int // token chains at once, each on a connection of its own; 0 = 8, more than 64 are taken for 64
}

const (
	defaultWorkers = 8
	maxWorkers     = 64
	// maxRounds bounds the rounds of probes.
	maxRounds = 8
	// fill is how full the only page of a window is meant to be: one more row than a page costs a whole request.
	fill = 80
	// oldest is the age beyond which no instance is expected. Older ones are in the first window.
	oldest = 12 * 365 * 24 * time.Hour
)

// ScanInstances is [Client.Instances] through several token chains at once, for fleets of a thousand instances and more:
// pages come one after the other within a chain, so that n chains take about an nth of the time. Every instance is
// yielded once, in no order.
//
// The fleet is cut by creation time, which never changes, into windows of about equal size. Whether the API's bounds are
// inclusive is not documented, so neighbouring windows overlap by a minute. Where to cut is found by asking for counts, one
// row in page mode each: two or three rounds of at most one for each worker, more when the fleet came in bursts. The
// counts are only a hint: when they are refused or wrong, the scan is slower, not incomplete. What was created within one
// minute cannot be cut by time and stays in one chain.
//
// A scan costs about four requests for each worker more than Instances. It holds a page for each worker and, like
// Instances, the ids it has seen, about 20 bytes each.
//
// Errors are those of Instances: the first of any chain cancels the others, comes last and ends the scan. The request must
// not set NextToken or page mode. InstanceIDs are asked for in parallel batches; a listing by Tags or ResourceGroupID, which
// the API caps, goes through one chain.
func (c *Client) ScanInstances(ctx context.Context, req DescribeInstancesRequest, opts *ScanOptions) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := c.scan(ctx, req, opts, yield); err != nil {
			yield(Instance{}, err)
		}
	}
}

func (c *Client) scan(ctx context.Context, req DescribeInstancesRequest, opts *ScanOptions, yield func(Instance, error) bool) error {
	var o ScanOptions
	if opts != nil {
		o = *opts
	}
	chains, err := req.batches(ctx)
	switch {
	case err == nil && req.NextToken != "":
		err = invalid("NextToken", "cannot start a scan, which lists from the beginning")
	case err == nil && o.Workers < 0:
		err = invalid("ScanOptions.Workers", "is %d, must not be negative", o.Workers)
	}
	if err != nil {
		return refused(describeInstances, c.region, err)
	}
	workers := min(cmp.Or(o.Workers, defaultWorkers), maxWorkers)
	l, deliver := listing{client: c, trustEmpty: c.trustEmpty}, eachInstance(yield)
	if workers == 1 || req.InstanceIDs == nil && req.mayBeCapped() {
		return l.run(ctx, req, deliver)
	}
	if req.InstanceIDs == nil {
		chains, err = c.split(ctx, chains[0], workers, func(first *DescribeInstancesResponse) bool { return deliver(l.take(first)) })
		if err != nil {
			return l.outcome(err)
		}
	}
	for page, err := range c.parallelPages(ctx, workers, chains) {
		if err != nil {
			return l.outcome(err)
		}
		if !deliver(l.take(page)) {
			return nil
		}
	}
	if err = l.pastCap(ctx, req, deliver); err == nil {
		err = l.checked(ctx, req)
	}
	return l.outcome(err)
}

// split delivers the first page of a listing and gives the requests that list all of it between them: none when that
// page was all. Where to cut is found out meanwhile.
func (c *Client) split(ctx context.Context, req DescribeInstancesRequest, workers int, deliver func(*DescribeInstancesResponse) bool) ([]DescribeInstancesRequest, error) {
	hi := time.Now().Truncate(time.Minute)
	if b := req.CreatedBefore; !b.IsZero() && b.Before(hi) {
		hi = b
	}
	lo := hi.Add(-oldest)
	if !req.CreatedAfter.IsZero() {
		lo = req.CreatedAfter
	}
	counting, cancel := context.WithCancel(ctx)
	var cuts []time.Time
	var done sync.WaitGroup
	done.Go(func() {
		if !lo.Before(hi) {
			return // nothing to cut
		}
		cuts = balance(lo, hi, workers, func(before []time.Time) []int { return c.counts(counting, req, before) })
	})
	defer done.Wait()
	defer cancel()

	page, err := c.DescribeInstances(ctx, req)
	switch {
	case err != nil:
		return nil, err
	case !deliver(page):
		return nil, errStopped
	case page.NextToken == "":
		return nil, nil
	}
	done.Wait()
	parts := windows(req, cuts)
	if len(parts) == 1 {
		parts[0].NextToken = page.NextToken
	}
	return parts, nil
}

// counts asks how many instances were created before each of the times; a zero time asks for all. It gives nil when one
// cannot be had: page mode may be withdrawn.
func (c *Client) counts(ctx context.Context, req DescribeInstancesRequest, before []time.Time) []int {
	req.MaxResults, req.PageNumber, req.PageSize = 0, 1, 1
	counts, errs := make([]int, len(before)), make([]error, len(before))
	var done sync.WaitGroup
	for i, t := range before {
		req := req
		if !t.IsZero() {
			req.CreatedBefore = t
		}
		done.Go(func() {
			var page *DescribeInstancesResponse
			if page, errs[i] = c.DescribeInstances(ctx, req); errs[i] == nil {
				counts[i] = page.TotalCount
			}
		})
	}
	done.Wait()
	if cmp.Or(errs...) != nil {
		return nil
	}
	return counts
}

// windows makes the requests between the cuts. The caller's own bounds stay the outermost. Each window begins a minute
// before the cut that ends the one before it: so they leave out nothing, whether the API's bounds are inclusive or not,
// and whether it compares minutes or seconds.
func windows(req DescribeInstancesRequest, cuts []time.Time) []DescribeInstancesRequest {
	list := []DescribeInstancesRequest{req}
	for _, cut := range cuts {
		if !req.CreatedAfter.IsZero() && !cut.After(req.CreatedAfter.Add(time.Minute)) || !req.CreatedBefore.IsZero() && !cut.Before(req.CreatedBefore) {
			continue
		}
		list[len(list)-1].CreatedBefore = cut
		next := req
		next.CreatedAfter = cut.Add(-time.Minute)
		list = append(list, next)
	}
	return list
}

// point is a count: n instances were created before t.
type point struct {
	t time.Time
	n int
}

// balance finds times between lo and hi, in order and in whole minutes, that cut the fleet into about equally large
// windows: no more than workers, and none much smaller than a page. count may give nil, or nonsense.
//
// It counts at a ladder of ages first, and then where the cuts would be by what is known so far, until they are where they
// should be or another round costs more time than it may gain. Without counts the ladder has to do, in narrow steps
// because nobody knows which of them matter.
func balance(lo, hi time.Time, workers int, count func(before []time.Time) []int) []time.Time {
	probes := append([]time.Time{{}, lo}, ladder(lo, hi, workers-1)...)
	counts := count(probes)
	if counts == nil || counts[0] <= 0 { // what has more than a page has a count
		return ladder(lo, hi, 4*workers)
	}
	total := counts[0]
	if total <= 3*maxBatch {
		return nil // the first page is here, so two or three more cost no more than another round
	}
	parts := min(workers, (total+fill-1)/fill)
	enough := total / parts / 8
	known := learn([]point{{hi, total}}, probes[1:], counts[1:])
	for round := 2; round <= maxRounds; round++ {
		probes = probes[:0]
		var wanted []int
		for q := range quantiles(known, total, parts) {
			if t, room := between(known, q, enough); room && (len(probes) == 0 || t.After(probes[len(probes)-1])) {
				probes, wanted = append(probes, t), append(wanted, q)
			}
		}
		if len(probes) == 0 {
			break
		}
		if counts = count(probes); counts == nil {
			break
		}
		known = learn(known, probes, counts)
		off := 0
		for i, q := range wanted {
			off = max(off, counts[i]-q, q-counts[i])
		}
		if off <= enough || off < 4*maxBatch*round { // a round takes as long as a page
			break
		}
	}
	var cuts []time.Time
	for q := range quantiles(known, total, parts) {
		if t, _ := between(known, q, enough); len(cuts) == 0 || t.After(cuts[len(cuts)-1]) {
			cuts = append(cuts, t)
		}
	}
	return cuts
}

// ladder steps down from hi to lo in n steps, the shorter the younger: fleets are years, months or hours old.
func ladder(lo, hi time.Time, n int) []time.Time {
	var steps []time.Time
	for i := n - 1; i > 0; i-- {
		age := math.Pow(float64(i)/float64(n), 5) * float64(hi.Sub(lo))
		if t := hi.Add(-time.Duration(age)).Truncate(time.Minute); t.After(lo) && t.Before(hi) {
			steps = append(steps, t)
		}
	}
	return slices.CompactFunc(steps, time.Time.Equal)
}

// learn adds counts to those known, by time. The fleet may move between counts: none is less than that of a time before.
func learn(known []point, times []time.Time, counts []int) []point {
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

// between estimates when the count was q, to the minute, from the nearest times known. room says that counting there may
// tell more: it is another minute than theirs, and neither of them is near enough to q.
func between(known []point, q, enough int) (t time.Time, room bool) {
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
