package ecs

import (
	"cmp"
	"context"
	"iter"
	"time"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// ScanOptions configure ScanInstances. nil, and every zero field, is the default.
type ScanOptions struct {
	Workers int // requests at once, each on a connection of its own; 0 = 8; values above 64 are capped at 64
}

const (
	defaultWorkers = 8
	maxWorkers     = 64
	// maxExpectedAge is the age beyond which no instance is expected. Older ones are in the first window.
	maxExpectedAge = 12 * 365 * 24 * time.Hour
)

// ScanInstances is like [Client.Instances], but fetches several pages at once, for regions of a thousand instances and
// more. Instances fetches one page after the other, so n workers take about an nth of the time. Every instance is yielded
// once, in no particular order.
//
// The instances are divided by their creation time, which never changes, into windows of about the same size, and each
// window is listed by tokens. Neighboring windows overlap by a minute, because the API does not document whether its
// bounds are inclusive. The scan finds the windows by counting instances, with requests for a single instance in page
// mode: two or three rounds of at most one request for each worker, more if many instances were created together. It does
// not rely on the counts: if they are refused or wrong, the scan is slower and as complete as before. Instances that were
// created within the same minute are listed one page after the other.
//
// A scan costs about four requests for each worker more than Instances. Besides one page for each worker it holds the ids
// it has seen, as Instances does, about 80 bytes each.
//
// Errors are those of Instances. The first one cancels all requests and ends the scan. The request must not set NextToken.
// Batches of ids or addresses are fetched at the same time instead of windows. A listing by Tags or ResourceGroupID, which
// the API caps, fetches one page after the other.
func (c *Client) ScanInstances(ctx context.Context, req DescribeInstancesRequest, opts *ScanOptions) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := c.scan(ctx, req, opts, eachInstance(yield)); err != nil {
			yield(Instance{}, err)
		}
	}
}

func (c *Client) scan(ctx context.Context, req DescribeInstancesRequest, opts *ScanOptions, deliver deliverFunc) error {
	var o ScanOptions
	if opts != nil {
		o = *opts
	}
	requests, err := req.split(ctx)
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
	l := c.newListing()
	if !req.isDivisible(requests, workers) {
		return l.listAll(ctx, req, deliver)
	}
	if len(requests) == 1 && req.InstanceIDs == nil {
		requests, err = l.startScan(ctx, requests[0], workers, deliver)
	}
	if err == nil {
		err = l.followAll(ctx, workers, requests, deliver)
	}
	return l.finish(ctx, req, err, workers, deliver)
}

// isDivisible reports whether several parts of a listing may be fetched at once. Each part of a capped listing would
// have a cap of its own, but the API does not document whether that holds.
func (r DescribeInstancesRequest) isDivisible(requests []DescribeInstancesRequest, workers int) bool {
	return workers > 1 && (len(requests) > 1 || r.InstanceIDs != nil || !r.isCapped())
}

// startScan delivers the first page of a scan, and finds out meanwhile how to divide the rest. It returns the requests
// that list all of it, none if the first page was all.
func (l *listing) startScan(ctx context.Context, req DescribeInstancesRequest, workers int, deliver deliverFunc) ([]DescribeInstancesRequest, error) {
	type result struct {
		first *instancePage
		cuts  []time.Time
	}
	firstPage := func(ctx context.Context) iter.Seq2[result, error] {
		return func(yield func(result, error) bool) {
			page, err := l.client.fetchPage(ctx, l.mode, req)
			yield(result{first: page}, err)
		}
	}
	cuts := func(ctx context.Context) iter.Seq2[result, error] {
		return func(yield func(result, error) bool) {
			yield(result{cuts: l.client.findCuts(ctx, req, workers)}, nil)
		}
	}
	var all result
	for r, err := range pagination.Merge(ctx, 0, firstPage, cuts) {
		switch {
		case err != nil:
			return nil, err
		case r.first == nil:
			all.cuts = r.cuts
			continue
		case r.first.claimsMore(): // a server without tokens
			return nil, l.followTokens(ctx, req, deliver)
		}
		all.first = r.first
		if !deliver(l.dedupe(r.first)) {
			return nil, errStopped
		}
		if r.first.NextToken == "" {
			return nil, nil
		}
	}
	return windows(req, all.first.NextToken, all.cuts), nil
}

// findCuts returns the creation times at which to divide a listing.
func (c *Client) findCuts(ctx context.Context, req DescribeInstancesRequest, workers int) []time.Time {
	hi := c.now().Truncate(time.Minute)
	if b := req.CreatedBefore; !b.IsZero() && b.Before(hi) {
		hi = b
	}
	lo := hi.Add(-maxExpectedAge)
	if !req.CreatedAfter.IsZero() {
		lo = req.CreatedAfter
	}
	if !lo.Before(hi) {
		return nil
	}
	return findCuts(lo, hi, workers, func(before []time.Time) []int { return c.counts(ctx, req, before) })
}

// now returns the time at which the youngest instances are expected.
func (c *Client) now() time.Time { return time.Now() }

// counts returns how many instances were created before each of the times; a zero time counts all of them. It returns
// nil if a count fails, for instance because the API has withdrawn page mode.
func (c *Client) counts(ctx context.Context, req DescribeInstancesRequest, before []time.Time) []int {
	type count struct{ index, n int }
	runs := make([]func(context.Context) iter.Seq2[count, error], len(before))
	for i, t := range before {
		r := req
		r.MaxResults, r.PageNumber, r.PageSize = 0, 1, 1
		if !t.IsZero() {
			r.CreatedBefore = t
		}
		runs[i] = func(ctx context.Context) iter.Seq2[count, error] {
			return func(yield func(count, error) bool) {
				page, err := c.describeInstances(ctx, retryRead, r)
				if err != nil {
					yield(count{}, err)
					return
				}
				yield(count{i, page.TotalCount}, nil)
			}
		}
	}
	counts := make([]int, len(before))
	for got, err := range pagination.Merge(ctx, 0, runs...) {
		if err != nil {
			return nil
		}
		counts[got.index] = got.n
	}
	return counts
}

// windows returns the requests between the cuts, or, if there are none, the one that continues at the token. The caller's
// own bounds stay the outermost. Each window begins a minute before the cut that ends the one before it: so they leave out
// nothing, whether or not the API's bounds are inclusive, and whether it compares minutes or seconds.
func windows(req DescribeInstancesRequest, token string, cuts []time.Time) []DescribeInstancesRequest {
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
	if len(list) == 1 {
		list[0].NextToken = token
	}
	return list
}
