package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// Instances yields every instance that matches the request, each once, and fetches page after page as the loop goes on.
// The listing is complete if and only if the loop ends without an error.
//
// An error is yielded once, last, with the zero Instance. [*IncompleteError] means that everything was delivered but what
// it names. ErrForbidden and [*UnconfirmedError] end a listing whose last page was empty because the permission is
// missing, or may be; see Options.TrustEmpty. [*CappedError] ends one that hit a limit of the API, and
// [pagination.ErrTokenLoop] and [pagination.ErrEmptyPages] one that the server never ends.
//
// Nothing happens before the loop starts. Breaking out of the loop ends all I/O, and each loop over the returned sequence
// lists anew. If ctx is done in the middle of a page, the rest of that page is still yielded.
func (c *Client) Instances(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := c.newListing().listAll(ctx, req, eachInstance(yield)); err != nil {
			yield(Instance{}, err)
		}
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

// InstancePages is like [Client.Instances], but yields pages, for callers that need request ids, or Undecoded page by
// page. Instances that an earlier page had are removed from later pages. A page may be empty and not be the last.
func (c *Client) InstancePages(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	return func(yield func(*DescribeInstancesResponse, error) bool) {
		if err := c.newListing().listAll(ctx, req, func(page *DescribeInstancesResponse) bool { return yield(page, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// listing is the state of one listing: of everything that one request of the caller matches, in however many requests
// of the API. Its method listAll is the place to start reading.
type listing struct {
	client    *Client
	mode      retryMode
	seen      map[string]struct{} // ids of the instances that were delivered or could not be decoded
	unnamed   int                 // instances without a readable id
	delivered int
	undecoded []*DecodeError
	showed    bool                       // an instance
	emptyEnds []DescribeInstancesRequest // the requests that ended with an empty page
}

func (c *Client) newListing() *listing {
	return &listing{client: c, mode: retryPage, seen: map[string]struct{}{}}
}

// deliverFunc passes a page on to the consumer and reports whether the consumer wants more.
type deliverFunc func(*DescribeInstancesResponse) bool

// eachInstance delivers the instances of pages one by one.
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

// errStopped means that the consumer wants no more.
var errStopped = errors.New("stopped")

// listAll delivers all pages of a listing, one request after the other. It returns nil also if the consumer stopped it.
func (l *listing) listAll(ctx context.Context, req DescribeInstancesRequest, deliver deliverFunc) error {
	requests, err := req.split(ctx)
	if err != nil {
		return refused(describeInstances, l.client.region, err)
	}
	err = l.followAll(ctx, 1, requests, deliver)
	return l.finish(ctx, req, err, 1, deliver)
}

// finish ends a listing whose requests have ended with err or nil: it fetches what the API's cap left out, finds out
// whether empty pages are true, with at most so many requests at once, and returns the listing's error.
func (l *listing) finish(ctx context.Context, req DescribeInstancesRequest, err error, parallel int, deliver deliverFunc) error {
	if err == nil {
		err = l.continuePastCap(ctx, req, deliver)
	}
	if err == nil {
		err = l.verifyEmptyEnds(ctx, req, parallel, deliver)
	}
	return l.finalError(err)
}

// followTokens delivers the pages of one request.
func (l *listing) followTokens(ctx context.Context, req DescribeInstancesRequest, deliver deliverFunc) error {
	return l.deliverAll(l.client.tokenPages(ctx, l.mode, req, l.countNew), deliver)
}

// followAll delivers the pages of several requests, one after the other or at most limit at once.
func (l *listing) followAll(ctx context.Context, limit int, reqs []DescribeInstancesRequest, deliver deliverFunc) error {
	if limit > 1 && len(reqs) > 1 {
		return l.deliverAll(l.client.parallelTokenPages(ctx, l.mode, limit, reqs), deliver)
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

// dedupe records a page, and removes from it the instances that came before.
func (l *listing) dedupe(p *instancePage) *DescribeInstancesResponse {
	if p.emptyEnd {
		l.emptyEnds = append(l.emptyEnds, p.request)
	}
	if !l.showed && p.rows > 0 {
		l.showed = true
		l.client.permissions.showed(l.client.region, p.request)
	}
	page := p.DescribeInstancesResponse
	reported := map[[2]string]bool{} // an instance that is on the page twice is reported once
	page.Undecoded = slices.DeleteFunc(page.Undecoded, func(d *DecodeError) bool {
		key := [2]string{d.InstanceID, d.Path}
		repeated := d.InstanceID != "" && (l.hasSeen(d.InstanceID) || reported[key])
		reported[key] = true
		return repeated
	})
	page.Instances = slices.DeleteFunc(page.Instances, func(i Instance) bool { return !l.markSeen(i.InstanceID) })
	l.delivered += len(page.Instances)
	for _, d := range page.Undecoded {
		if d.InstanceID == "" {
			l.unnamed++
		} else {
			l.markSeen(d.InstanceID)
		}
		if len(l.undecoded) >= maxRawTexts {
			d = &DecodeError{InstanceID: strings.Clone(d.InstanceID), Path: strings.Clone(d.Path), Err: d.Err}
		}
		l.undecoded = append(l.undecoded, d)
	}
	return page
}

func (l *listing) hasSeen(id string) bool {
	_, ok := l.seen[id]
	return ok
}

// countNew returns how many of the ids were not seen before.
func (l *listing) countNew(ids iter.Seq[string]) (n int) {
	for id := range ids {
		if !l.hasSeen(id) {
			n++
		}
	}
	return n
}

// markSeen reports whether the id is new. It keeps a copy: the id may be part of the text of its whole instance.
func (l *listing) markSeen(id string) bool {
	if l.hasSeen(id) {
		return false
	}
	l.seen[strings.Clone(id)] = struct{}{}
	return true
}

// known returns the number of different instances so far.
func (l *listing) known() int { return len(l.seen) + l.unnamed }

// finalError returns the error of a listing that ended with err or nil.
func (l *listing) finalError(err error) error {
	own := false        // err itself is meant, not what it wraps: ctx may have been canceled with the error of another listing
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
