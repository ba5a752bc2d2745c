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

// Instances yields every instance that matches the request, each once, page by page as the loop goes on. The listing is
// complete if and only if the loop ends without an error.
//
// An error comes once, last, with the zero Instance. [*IncompleteError] means that all was delivered but for the
// instances it names. An empty listing is checked by a dry run, so that it does not hide a missing permission
// (ErrForbidden; see Options.TrustEmpty). pagination.ErrTokenLoop means that the server repeats itself.
//
// Nothing happens before the loop starts, breaking out of it ends all I/O, and each loop over the returned sequence
// lists anew. When ctx ends in the middle of a page, its other instances still come: the error is due with the next page.
// The request must not use page mode; more than 100 InstanceIDs are asked for in batches.
func (c *Client) Instances(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		l := listing{client: c, trustEmpty: c.trustEmpty}
		l.instances(ctx, req)(yield)
	}
}

// StreamInstances is like [Client.Instances], but a goroutine lists the instances and sends them to the channel of the
// returned stream. It fetches the next page while the consumer works on the current one.
//
// The caller must read stream.C to its end, call Stop, or cancel ctx. After C is closed, Err returns nil if the listing is
// complete or was stopped, otherwise the error that Instances would have yielded. A request that cannot be sent, and a nil
// ctx, are reported by Err however early the stream is stopped.
func (c *Client) StreamInstances(ctx context.Context, req DescribeInstancesRequest) *pagination.Stream[Instance] {
	// One less than a page: the next page is fetched once the first instance of this one is received, and no page after that.
	buffer := min(cmp.Or(max(req.MaxResults, 0), maxPerRequest), maxPerRequest) - 1
	parent := ctx
	if ctx == nil {
		parent = context.Background() // Instances reports the nil context
	}
	return pagination.NewStream(parent, buffer, func(running context.Context) iter.Seq2[Instance, error] {
		if ctx == nil {
			running = nil
		}
		return c.Instances(running, req)
	})
}

// InstancePages is [Client.Instances] by pages, for those who need request ids or Undecoded as they come. Instances seen
// on an earlier page are left out of later ones. A page may be empty and still not be the last.
func (c *Client) InstancePages(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	return func(yield func(*DescribeInstancesResponse, error) bool) {
		l := listing{client: c, trustEmpty: c.trustEmpty}
		if err := l.listAll(ctx, req, func(page *DescribeInstancesResponse) bool { return yield(page, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// listing is one walk over everything a request matches.
type listing struct {
	client     *Client
	trustEmpty bool
	seen       idSet
	rows       int // that came, repeated ones included
	delivered  int
	undecoded  []*DecodeError
}

// run yields the pages of the whole listing. It returns nil also when yield stopped it.
func (l *listing) listAll(ctx context.Context, req DescribeInstancesRequest, yield func(*DescribeInstancesResponse) bool) error {
	batches, err := req.batches(ctx)
	if err != nil {
		return refused(describeInstances, l.client.region, err)
	}
	for _, batch := range batches {
		if err = l.followTokens(ctx, batch, yield); err != nil {
			break
		}
	}
	if err == nil {
		err = l.continuePastCap(ctx, req, yield)
	}
	if err == nil {
		err = l.verifyEmpty(ctx, req)
	}
	return l.finalError(err)
}

// chain walks the token pages of one request.
func (l *listing) followTokens(ctx context.Context, req DescribeInstancesRequest, yield func(*DescribeInstancesResponse) bool) error {
	for page, err := range l.client.tokenPages(ctx, req) {
		if err != nil {
			return err
		}
		if !yield(l.dedupe(page)) {
			return errStopped
		}
	}
	return nil
}

// take notes a page, and leaves out of it what came before.
func (l *listing) dedupe(page *DescribeInstancesResponse) *DescribeInstancesResponse {
	l.rows += len(page.Instances) + len(page.Undecoded)
	page.Instances = slices.DeleteFunc(page.Instances, func(i Instance) bool { return !l.seen.add(i.InstanceID) })
	page.Undecoded = slices.DeleteFunc(page.Undecoded, func(d *DecodeError) bool { return d.InstanceID != "" && !l.seen.add(d.InstanceID) })
	l.delivered += len(page.Instances)
	l.undecoded = append(l.undecoded, page.Undecoded...)
	return page
}

// instances is run, flat. It may be ranged once.
func (l *listing) instances(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := l.listAll(ctx, req, eachInstance(yield)); err != nil {
			yield(Instance{}, err)
		}
	}
}

// eachInstance yields the instances of a page, and reports whether to go on.
func eachInstance(yield func(Instance, error) bool) func(*DescribeInstancesResponse) bool {
	return func(page *DescribeInstancesResponse) bool {
		for i := range page.Instances {
			if !yield(page.Instances[i], nil) {
				return false
			}
		}
		return true
	}
}

// errStopped is a consumer that wants no more.
var errStopped = errors.New("stopped")

// outcome is the last word of a listing that ended with err or nil.
func (l *listing) finalError(err error) error {
	_, capped := err.(*CappedError) //nolint:errorlint // continuePastCap's own, not one that the context was cancelled with
	switch {
	case errors.Is(err, errStopped):
		return nil
	case err != nil && !capped:
		return failure(describeInstances, l.client.region, err)
	case len(l.undecoded) == 0:
		return err
	}
	incomplete := &IncompleteError{Undecoded: l.undecoded, region: l.client.region}
	if capped {
		return fmt.Errorf("%w; %w", err, incomplete)
	}
	return incomplete
}

// batches prepares a request for token paging and splits its ids into requests the API accepts.
func (r DescribeInstancesRequest) batches(ctx context.Context) ([]DescribeInstancesRequest, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if r.PageNumber != 0 || r.PageSize != 0 {
		return nil, invalid("PageNumber", "and PageSize are for a single DescribeInstances: a listing pages by itself, MaxResults sets its page size")
	}
	if r.MaxResults == 0 {
		r.MaxResults = maxPerRequest
	}
	if len(r.InstanceIDs) > 0 {
		r.InstanceIDs = unique(r.InstanceIDs)
	}
	if len(r.InstanceIDs) <= maxPerRequest {
		return []DescribeInstancesRequest{r}, r.validate()
	}
	if r.NextToken != "" {
		return nil, invalid("NextToken", "cannot continue a listing of more than %d InstanceIDs", maxPerRequest)
	}
	var batches []DescribeInstancesRequest
	for ids := range slices.Chunk(r.InstanceIDs, maxPerRequest) {
		batch := r
		batch.InstanceIDs = ids
		batches = append(batches, batch)
	}
	return batches, batches[0].validate()
}

// unique keeps the first of equal strings, in order.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		had := seen[s]
		seen[s] = true
		return had
	})
}
