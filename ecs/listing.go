package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// Instances yields every instance that matches the request, without duplicates. It fetches pages as the loop proceeds.
// The listing is complete if and only if the loop ends without an error.
//
// If the listing fails, the last iteration receives the zero Instance and the error:
//
//   - An error that matches ErrForbidden means that the caller lacks the permission.
//   - An [*UnconfirmedError] means that the server returned an empty page and that the permission could not be
//     verified; see Options.TrustEmpty.
//   - An [*IncompleteError] means that some values could not be decoded. The loop has received all other values.
//   - A [*CappedError] means that the listing reached a limit of the API.
//   - [pagination.ErrTokenLoop] and [pagination.ErrEmptyPages] mean that the server does not end the listing.
//
// No request is sent before the loop starts or after it ends. Each loop starts a new listing. If ctx is done in the
// middle of a page, the remaining instances of that page are still yielded.
func (c *Client) Instances(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := c.newListing().listAll(ctx, req, eachInstance(yield)); err != nil {
			yield(Instance{}, err)
		}
	}
}

// StreamInstances is like [Client.Instances], but a goroutine sends the instances to a channel and fetches the next
// page while the consumer processes the current page.
//
// The caller must receive from stream.C until the channel is closed, call Stop, or cancel ctx. After C is closed, Err
// returns the error of the listing, or nil if the listing is complete or was stopped. If ctx is nil or the request is
// invalid, Err returns an error even after Stop.
func (c *Client) StreamInstances(ctx context.Context, req DescribeInstancesRequest) *pagination.Stream[Instance] {
	// The buffer is one instance smaller than a page, so that the goroutine fetches one page in advance.
	buffer := min(cmp.Or(max(req.MaxResults, 0), maxPerRequest), maxPerRequest) - 1
	parent := ctx
	if ctx == nil {
		parent = context.Background() // Instances reports a nil context
	}
	return pagination.NewStream(parent, buffer, func(running context.Context) iter.Seq2[Instance, error] {
		if ctx == nil {
			running = nil
		}
		return c.Instances(running, req)
	})
}

// InstancePages is like [Client.Instances], but yields whole pages. Use it to read the request id or the Undecoded
// values of each page. An instance that the API returns on several pages is only in the first of them. An empty page is
// not necessarily the last page.
func (c *Client) InstancePages(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	return func(yield func(*DescribeInstancesResponse, error) bool) {
		if err := c.newListing().listAll(ctx, req, func(page *DescribeInstancesResponse) bool { return yield(page, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// listing is the state of one listing. Its main method is listAll.
type listing struct {
	client      *Client
	mode        retryMode
	seen        map[string]struct{} // ids of the instances that were delivered or could not be decoded
	unnamed     int                 // number of instances without a readable id
	delivered   int
	undecoded   []*DecodeError
	sawInstance bool                       // whether a response contained an instance
	endedEmpty  []DescribeInstancesRequest // the requests whose last page was empty
}

func (c *Client) newListing() *listing {
	return &listing{client: c.orZero(), mode: retryPage, seen: map[string]struct{}{}}
}

// deliverFunc passes a page to the consumer and reports whether the consumer wants more pages.
type deliverFunc func(*DescribeInstancesResponse) bool

// eachInstance returns a deliverFunc that yields the instances of pages one by one.
func eachInstance(yield func(Instance, error) bool) deliverFunc {
	return func(page *DescribeInstancesResponse) bool {
		for i := range page.Instances {
			if !yield(page.Instances[i], nil) {
				return false
			}
		}
		return true
	}
}

// errStopped means that the consumer has stopped the listing.
var errStopped = errors.New("stopped")

// listAll fetches all pages of a listing one after the other and delivers them. It returns nil if the consumer stops
// the listing.
func (l *listing) listAll(ctx context.Context, req DescribeInstancesRequest, deliver deliverFunc) error {
	requests, err := req.splitLists(ctx)
	if err != nil {
		return invalidCall(describeInstances, l.client.region, err)
	}
	err = l.followAll(ctx, 1, requests, deliver)
	return l.finish(ctx, req, err, 1, deliver)
}

// splitLists returns the requests that a listing must send for r. If a list of ids or addresses has more than 100
// elements, each request contains up to 100 of them. splitLists returns an error if ctx is nil or r is not valid for a
// listing.
func (r DescribeInstancesRequest) splitLists(ctx context.Context) ([]DescribeInstancesRequest, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if r.PageNumber != 0 || r.PageSize != 0 {
		return nil, invalid("PageNumber and PageSize", "apply only to a single DescribeInstances call: set MaxResults to choose the page size of a listing")
	}
	if r.MaxResults == 0 {
		r.MaxResults = maxPerRequest
	}
	var long *requestList
	for _, l := range r.lists() {
		if l.values = unique(l.values); len(l.values) <= maxPerRequest {
			l.set(&r, l.values)
			continue
		}
		if long != nil {
			return nil, invalid(l.field, "has more than %[2]d elements, as does %[1]s: a listing accepts only one list of this length, so divide one of the lists among several listings", long.field, maxPerRequest)
		}
		long = &l
	}
	if long == nil {
		return []DescribeInstancesRequest{r}, r.validate()
	}
	if r.NextToken != "" {
		return nil, invalid("NextToken", "must be empty if %[2]s has more than %[1]d elements, because the listing then combines several requests", maxPerRequest, long.field)
	}
	if err := checkElements(long.field, long.values); err != nil { // validate checks only the first batch
		return nil, err
	}
	var batches []DescribeInstancesRequest
	for values := range slices.Chunk(long.values, maxPerRequest) {
		batch := r
		long.set(&batch, values)
		batches = append(batches, batch)
	}
	return batches, batches[0].validate()
}

// finish completes a listing and returns its final error. It fetches the instances beyond the API's cap and verifies
// empty pages. The argument err is the error that ended the requests of the listing, or nil.
func (l *listing) finish(ctx context.Context, req DescribeInstancesRequest, err error, parallel int, deliver deliverFunc) error {
	if err == nil {
		err = l.continuePastCap(ctx, req, deliver)
	}
	if err == nil {
		err = l.verifyEmptyLastPages(ctx, req, parallel, deliver)
	}
	return l.finalError(err)
}

// followTokens delivers the pages of one request, from the first page to the page without a NextToken.
func (l *listing) followTokens(ctx context.Context, req DescribeInstancesRequest, deliver deliverFunc) error {
	return l.deliverAll(l.client.tokenPages(ctx, l.mode, req, l.countNew), deliver)
}

// followAll delivers the pages of several requests, and fetches at most parallel pages at a time.
func (l *listing) followAll(ctx context.Context, parallel int, reqs []DescribeInstancesRequest, deliver deliverFunc) error {
	if parallel > 1 && len(reqs) > 1 {
		return l.deliverAll(l.client.parallelTokenPages(ctx, l.mode, parallel, reqs), deliver)
	}
	for _, r := range reqs {
		if err := l.followTokens(ctx, r, deliver); err != nil {
			return err
		}
	}
	return nil
}

func (l *listing) deliverAll(pages iter.Seq2[*instancePage, error], deliver deliverFunc) error {
	for page, err := range pages {
		if err != nil {
			return err
		}
		if !deliver(l.dedupe(page)) {
			return errStopped
		}
	}
	return nil
}

// finalError returns the error that the consumer receives. err is the error that ended the listing, or nil.
func (l *listing) finalError(err error) error {
	// Check only the type of err itself. An error that err wraps may belong to another listing.
	own := false
	switch err.(type) { //nolint:errorlint // see above
	case nil, *CappedError, *UnconfirmedError:
		own = true
	}
	switch {
	case errors.Is(err, errStopped):
		return nil
	case !own:
		return failure(describeInstances, l.client.region, err)
	case len(l.undecoded) == 0:
		return err
	}
	incomplete := &IncompleteError{Undecoded: l.undecoded, region: l.client.region}
	if err != nil {
		return fmt.Errorf("%w; %w", err, incomplete)
	}
	return incomplete
}
