package ecs

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// ScanOptions configures ScanInstances. A nil pointer or a zero field means the default.
type ScanOptions struct {
	// Workers is the number of concurrent requests. 0 means 8. Values above 64 are reduced to 64.
	Workers int
}

const (
	defaultWorkers = 8
	maxWorkers     = 64
)

// ScanInstances is like [Client.Instances], but fetches several pages concurrently. Use it for regions with several
// thousand instances. With n workers, a scan of a large region takes little more than 1/n of the time that Instances
// takes. It saves less if the region has fewer than a thousand instances per worker, or if hundreds of instances were
// created within the same minute. Every instance is yielded once, in no particular order.
//
// The scan divides the instances by their creation time, and lists several time ranges concurrently. To choose the time
// ranges, it sends additional requests with page numbers, and the last page of each time range is usually not full. A
// scan therefore sends about two to five requests per worker more than Instances. If the API rejects the requests with
// page numbers or returns wrong counts, the scan is slower but still complete. The pages of instances that were created
// within the same minute are fetched one after the other.
//
// If the request contains InstanceIDs or more than 100 addresses, the scan divides this list into batches instead. If
// the request contains Tags or a ResourceGroupID but no such list, the scan fetches one page after the other, because
// the API caps the result.
//
// ScanInstances yields the same errors as Instances. The first error ends the scan. The request must not set NextToken.
// Like Instances, a scan keeps the ids of all listed instances in memory, which take about 80 bytes each, and it keeps
// one page per worker.
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
	requests, err := req.splitLists(ctx)
	switch {
	case err == nil && req.NextToken != "":
		err = invalid("NextToken", "must be empty, because a scan always lists from the beginning")
	case err == nil && o.Workers < 0:
		err = invalid("ScanOptions.Workers", "must not be negative, but is %d", o.Workers)
	case err == nil:
		err = c.ready()
	}
	if err != nil {
		return invalidCall(describeInstances, c.Region(), err)
	}
	workers := min(cmp.Or(o.Workers, defaultWorkers), maxWorkers)
	l := c.newListing()
	if !req.isDivisible(requests, workers) {
		return l.listAll(ctx, req, deliver)
	}
	if len(requests) == 1 && req.InstanceIDs == nil {
		err = l.scanOne(ctx, requests[0], workers, deliver)
	} else {
		err = l.followAll(ctx, workers, requests, deliver)
	}
	return l.finish(ctx, req, err, workers, deliver)
}

// isDivisible reports whether parts of a listing may be fetched concurrently. A listing to which the API's cap applies
// is divided into batches of ids or addresses, but not by time, because the cap may apply to each time range
// separately.
func (r DescribeInstancesRequest) isDivisible(requests []DescribeInstancesRequest, workers int) bool {
	return workers > 1 && (len(requests) > 1 || r.InstanceIDs != nil || !r.isSubjectToCap())
}

// scanOne performs a scan that is not divided into batches. While it fetches the first page, it reads samples of the
// listing to decide how to divide the remaining pages.
func (l *listing) scanOne(ctx context.Context, req DescribeInstancesRequest, workers int, deliver deliverFunc) error {
	type result struct {
		first   *instancePage
		samples []sample
	}
	firstPage := func(ctx context.Context) iter.Seq2[result, error] {
		return func(yield func(result, error) bool) {
			page, err := l.client.fetchPage(ctx, l.mode, req)
			yield(result{first: page}, err)
		}
	}
	samples := func(ctx context.Context) iter.Seq2[result, error] {
		return func(yield func(result, error) bool) {
			positions := samplePositions(expectedTotal, workers, pageSizeOf(req))
			yield(result{samples: l.client.readSamples(ctx, req, positions, workers)}, nil)
		}
	}
	var all result
	for r, err := range pagination.Merge(ctx, 0, firstPage, samples) {
		switch {
		case err != nil:
			return err
		case r.first == nil:
			all.samples = r.samples
			continue
		case r.first.claimsMore(): // the server does not support tokens
			return l.followTokens(ctx, req, deliver)
		}
		all.first = r.first
		if !deliver(l.dedupe(r.first)) {
			return errStopped
		}
		if r.first.NextToken == "" {
			return nil
		}
	}
	total := 0
	for _, s := range all.samples {
		total = max(total, s.total)
	}
	return l.scanRest(ctx, req, all.first, total, all.samples, workers, deliver)
}

// scanRest delivers the pages of a scan that follow the first page. total is the number of instances, or 0 if it is
// unknown.
func (l *listing) scanRest(ctx context.Context, req DescribeInstancesRequest, first *instancePage, total int, samples []sample, workers int, deliver deliverFunc) error {
	switch {
	case total <= 0:
		return l.followAll(ctx, workers, l.client.blindWindows(req, first.NextToken, workers), deliver)
	case total <= smallRegion: // fetching the remaining pages is fast enough
		req.NextToken = first.NextToken
		return l.followTokens(ctx, req, deliver)
	}
	pageSize := pageSizeOf(req)
	samples = append(samples, sample{total: total, created: creationTimes(first.Instances)})
	positions := missingPositions(samples, total, workers, pageSize)
	samples = append(samples, l.client.readSamples(ctx, req, positions, workers)...)
	lo, _, hi := l.client.scanBounds(req)
	plan := newScanPlan(lo, hi, total, workers, pageSize)
	plan.addSamples(samples)
	w := &scanWorkers{client: l.client, mode: l.mode, req: req, plan: plan, changed: make(chan struct{})}
	err := l.deliverAll(pagination.Merge(ctx, 0, slices.Repeat([]func(context.Context) iter.Seq2[*instancePage, error]{w.work}, workers)...), deliver)
	if err == nil && l.known() < total && l.client.mayHaveUndated(ctx, req) { // list all instances again, page by page
		err = l.deliverAll(l.client.tokenPages(ctx, l.mode, req, new(idHashes).add), deliver)
	}
	return err
}

// mayHaveUndated reports whether the region may have instances without a creation time. The time ranges of a scan do not
// contain such instances if the server's time filters exclude them.
func (c *Client) mayHaveUndated(ctx context.Context, req DescribeInstancesRequest) bool {
	if !req.CreatedAfter.IsZero() || !req.CreatedBefore.IsZero() {
		return false // the request excludes them
	}
	dated := req
	dated.CreatedAfter = time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC) // before the API existed
	// Count the instances with a creation time twice, because the number of instances may change between two requests.
	before, errBefore := c.count(ctx, dated)
	all, errAll := c.count(ctx, req)
	after, errAfter := c.count(ctx, dated)
	return cmp.Or(errBefore, errAll, errAfter) != nil || all > max(before, after)
}

// pageSizeOf returns the number of instances on a page of a listing.
func pageSizeOf(req DescribeInstancesRequest) int {
	return min(max(cmp.Or(req.MaxResults, maxPerRequest), 10), maxPerRequest)
}

// scanWorkers is the state that the workers of a scan share.
type scanWorkers struct {
	client  *Client
	mode    retryMode
	req     DescribeInstancesRequest
	mu      sync.Mutex
	plan    *scanPlan
	changed chan struct{} // closed and replaced whenever the plan changes
}

// work yields the pages that one worker fetches, until the plan has no more work.
func (s *scanWorkers) work(ctx context.Context) iter.Seq2[*instancePage, error] {
	return func(yield func(*instancePage, error) bool) {
		for {
			count, w := s.next(ctx)
			switch {
			case w != nil:
				if !s.list(ctx, w, yield) {
					return
				}
			case count == nil:
				return
			default:
				older := s.req
				older.CreatedBefore = count.t
				n, err := s.client.count(ctx, older)
				s.update(func(p *scanPlan) { p.counted(count, n, err) })
			}
		}
	}
}

// list yields the pages of a time range and reports whether the worker should continue.
func (s *scanWorkers) list(ctx context.Context, w *window, yield func(*instancePage, error) bool) bool {
	for page, err := range s.client.tokenPages(ctx, s.mode, w.request(s.req), new(idHashes).add) {
		if err == nil {
			s.update(func(p *scanPlan) { p.listed(w, page.received) })
		}
		if !yield(page, err) || err != nil {
			return false
		}
	}
	s.update(func(p *scanPlan) { p.finished(w) })
	return true
}

// next returns the next work for a worker: a request to send, or a time range to list. Both are nil if no work is left
// or ctx is done.
func (s *scanWorkers) next(ctx context.Context) (count *countRequest, w *window) {
	for {
		s.mu.Lock()
		count, w, done := s.plan.next()
		changed := s.changed
		s.mu.Unlock()
		if w != nil || count != nil || done {
			return count, w
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// update changes the plan and wakes the workers that are waiting for a change.
func (s *scanWorkers) update(change func(*scanPlan)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.plan)
	close(s.changed)
	s.changed = make(chan struct{})
}

// scanBounds returns the expected range of the instances' creation times, from lo to hi, and the current time. All
// three times are within the bounds that the request sets.
func (c *Client) scanBounds(req DescribeInstancesRequest) (lo, now, hi time.Time) {
	now = time.Now().Add(c.transport.ClockOffset()).Truncate(time.Minute)
	hi = now.Add(maxExpectedAge) // the local clock may be slow
	if b := req.CreatedBefore; !b.IsZero() {
		hi = b
		if b.Before(now) {
			now = b
		}
	}
	lo = now.Add(-maxExpectedAge)
	if !req.CreatedAfter.IsZero() {
		lo = req.CreatedAfter
	}
	return lo, now, hi
}

// blindWindows returns the requests of a scan for which no counts are available. It divides time into many short
// ranges, because it is not known when most instances were created.
func (c *Client) blindWindows(req DescribeInstancesRequest, token string, workers int) []DescribeInstancesRequest {
	lo, now, _ := c.scanBounds(req)
	var list []DescribeInstancesRequest
	var w window
	for _, w.to = range append(ageSteps(lo, now, 4*workers, 5), time.Time{}) {
		list = append(list, w.request(req))
		w.from = w.to
	}
	if len(list) == 1 {
		list[0].NextToken = token
	}
	return list
}

// request returns the request that lists a time range. The range is extended by one minute at its beginning, because
// the API does not document whether its time bounds are inclusive.
func (w *window) request(req DescribeInstancesRequest) DescribeInstancesRequest {
	if !w.from.IsZero() {
		req.CreatedAfter = w.from.Add(-time.Minute)
	}
	if !w.to.IsZero() {
		req.CreatedBefore = w.to
	}
	return req
}

// count returns how many instances match a request. The server's number may be wrong.
func (c *Client) count(ctx context.Context, req DescribeInstancesRequest) (int, error) {
	page, err := c.pageByNumber(ctx, req, 1, 1)
	if err != nil {
		return 0, err
	}
	return page.TotalCount, nil
}

// pageByNumber returns a page of a listing by its number, which is counted from 1. The server's TotalCount may be wrong,
// so pageByNumber limits it to a number that a scan can plan for.
func (c *Client) pageByNumber(ctx context.Context, req DescribeInstancesRequest, number, size int) (*DescribeInstancesResponse, error) {
	req.MaxResults, req.PageNumber, req.PageSize = 0, number, size
	page, err := c.describeInstances(ctx, retryRead, req)
	if err != nil {
		return nil, err
	}
	page.TotalCount = min(max(page.TotalCount, 0), 10_000_000)
	return page, nil
}
