package ecs

import (
	"cmp"
	"context"
	"iter"
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
	// maxExpectedAge is the age beyond which no instance is expected. Older ones are in the first window.
	maxExpectedAge = 12 * 365 * 24 * time.Hour
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
		return l.listAll(ctx, req, deliver)
	}
	if req.InstanceIDs == nil {
		chains, err = c.split(ctx, chains[0], workers, func(first *DescribeInstancesResponse) bool { return deliver(l.dedupe(first)) })
		if err != nil {
			return l.finalError(err)
		}
	}
	for page, err := range c.parallelTokenPages(ctx, workers, chains) {
		if err != nil {
			return l.finalError(err)
		}
		if !deliver(l.dedupe(page)) {
			return nil
		}
	}
	if err = l.continuePastCap(ctx, req, deliver); err == nil {
		err = l.verifyEmpty(ctx, req)
	}
	return l.finalError(err)
}

// split delivers the first page of a listing and gives the requests that list all of it between them: none when that
// page was all. Where to cut is found out meanwhile.
func (c *Client) split(ctx context.Context, req DescribeInstancesRequest, workers int, deliver func(*DescribeInstancesResponse) bool) ([]DescribeInstancesRequest, error) {
	hi := time.Now().Truncate(time.Minute)
	if b := req.CreatedBefore; !b.IsZero() && b.Before(hi) {
		hi = b
	}
	lo := hi.Add(-maxExpectedAge)
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
		cuts = findCuts(lo, hi, workers, func(before []time.Time) []int { return c.counts(counting, req, before) })
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
