package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// instancePage is a page of a listing together with the request that fetched it.
type instancePage struct {
	*DescribeInstancesResponse
	request  DescribeInstancesRequest
	received int // number of instances in the response, including undecoded instances
	// emptyLast is true if the page is the last page and contains no instance. The permission must then be verified.
	emptyLast bool
}

// claimsMore reports whether TotalCount of a first page without NextToken is greater than the number of instances on
// the page. The server may then support only page numbers.
func (p *instancePage) claimsMore() bool {
	return p.request.NextToken == "" && p.NextToken == "" && p.TotalCount > p.received
}

// ids returns the readable ids of the instances on the page.
func (p *instancePage) ids() []string {
	ids := make([]string, 0, p.received)
	for i := range p.Instances {
		ids = append(ids, p.Instances[i].InstanceID)
	}
	for _, d := range p.Undecoded {
		if d.InstanceID != "" {
			ids = append(ids, d.InstanceID)
		}
	}
	return ids
}

// fetchPage sends one request of a listing and returns the page.
func (c *Client) fetchPage(ctx context.Context, mode retryMode, req DescribeInstancesRequest) (*instancePage, error) {
	resp, err := c.describeInstances(ctx, mode, req)
	if err != nil {
		return nil, err
	}
	received := resp.instanceCount()
	return &instancePage{resp, req, received, received == 0 && resp.NextToken == ""}, nil
}

// tokenPages yields the pages of one request by following NextToken. If the server supports only page numbers,
// tokenPages fetches the remaining pages by number.
func (c *Client) tokenPages(ctx context.Context, mode retryMode, req DescribeInstancesRequest, countNew newIDsFunc) iter.Seq2[*instancePage, error] {
	return func(yield func(*instancePage, error) bool) {
		var listed idHashes // ids on the first page, if numbered pages follow
		var last *instancePage
		fetch := func(ctx context.Context, token string) (page *instancePage, next string, err error) {
			r := req
			r.NextToken = cmp.Or(token, req.NextToken) // the first page uses the caller's token
			if page, err = c.fetchPage(ctx, mode, r); err != nil {
				return nil, "", err
			}
			return page, page.NextToken, nil
		}
		for page, err := range followPages(ctx, countNew, fetch) {
			if last = page; err == nil && page.claimsMore() {
				listed.add(page.ids())
			}
			if !yield(page, err) || err != nil {
				return
			}
		}
		if last != nil && last.claimsMore() {
			c.numberedPages(ctx, mode, last, &listed, yield)
		}
	}
}

// parallelTokenPages yields the pages of several requests. At most limit requests are in progress at a time.
func (c *Client) parallelTokenPages(ctx context.Context, mode retryMode, limit int, reqs []DescribeInstancesRequest) iter.Seq2[*instancePage, error] {
	runs := make([]func(context.Context) iter.Seq2[*instancePage, error], len(reqs))
	for i, req := range reqs {
		runs[i] = func(ctx context.Context) iter.Seq2[*instancePage, error] {
			return c.tokenPages(ctx, mode, req, new(idHashes).add)
		}
	}
	return pagination.Merge(ctx, limit, runs...)
}

// pageWithIDs is a page whose items have ids.
type pageWithIDs interface{ ids() []string }

// newIDsFunc returns how many of the ids on a page are new.
type newIDsFunc func(ids []string) int

// followPages yields the pages that fetch returns for successive tokens. If more than 100 consecutive pages contain no
// new id according to countNew, followPages yields [pagination.ErrEmptyPages]. If a token repeats, it yields
// [pagination.ErrTokenLoop].
func followPages[P pageWithIDs](ctx context.Context, countNew newIDsFunc, fetch func(ctx context.Context, token string) (page P, next string, err error)) iter.Seq2[P, error] {
	return func(yield func(P, error) bool) {
		var page P
		counted := func(ctx context.Context, token string) (pagination.Page[struct{}], error) {
			var next string
			var err error
			if page, next, err = fetch(ctx, token); err != nil {
				return pagination.Page[struct{}]{}, err
			}
			return pagination.Page[struct{}]{Items: make([]struct{}, countNew(page.ids())), Next: next}, nil
		}
		for _, err := range pagination.Pages(ctx, counted) {
			if err != nil {
				var none P
				yield(none, err)
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// maxSweeps is the maximum number of times that a changing list is read from its first page.
const maxSweeps = 5

// numberedPages yields the pages after first, by page number. Instances move between pages when instances are created
// or deleted. If TotalCount changes or instances are missing, numberedPages reads all pages again. If the server
// rejects page numbers, numberedPages ends without an error, because the server supports tokens.
//
// An instance can be missed if equal numbers of instances are created and deleted between two requests. Only tokens
// avoid this problem.
func (c *Client) numberedPages(ctx context.Context, mode retryMode, first *instancePage, listed *idHashes, yield func(*instancePage, error) bool) {
	s := sweep{client: c, mode: mode, request: first.request, listed: listed, unnamed: first.received - len(listed.hashes), total: -1, yield: yield}
	from := first.received/s.pageSize() + 1
	for range maxSweeps {
		repeat, err := s.read(ctx, from)
		if err != nil && !refusesPageNumbers(err) {
			yield(nil, err)
		}
		if err != nil || !repeat {
			return
		}
		from = 1
	}
	yield(nil, s.incomplete())
}

// sweep is the state of a listing by page numbers.
type sweep struct {
	client  *Client
	mode    retryMode
	request DescribeInstancesRequest // the request for the first page
	listed  *idHashes
	unnamed int // number of instances without a readable id
	total   int // TotalCount of the last numbered page; negative if no numbered page has been read
	yield   func(*instancePage, error) bool
}

func (s *sweep) pageSize() int {
	return min(cmp.Or(s.request.MaxResults, maxPerRequest), maxPerRequest)
}

func (s *sweep) known() int { return len(s.listed.hashes) + s.unnamed }

// isComplete reports whether the number of known instances has reached TotalCount. If the API caps the request, it is
// sufficient to be close to the cap.
func (s *sweep) isComplete() bool {
	return s.known() >= s.total || s.request.isSubjectToCap() && s.known() >= capSuspect
}

// incomplete returns the error for a listing whose pages contain fewer instances than TotalCount.
func (s *sweep) incomplete() error {
	return fmt.Errorf("the listing is not complete: the server sends no NextToken and reports a TotalCount of %d, but its pages contain %d instances", s.total, s.known())
}

// read reads the pages from the given page number to the last page. It returns true if all pages must be read again,
// because the list has changed or instances are missing.
func (s *sweep) read(ctx context.Context, from int) (repeat bool, err error) {
	req := s.request
	req.PageSize, req.MaxResults = s.pageSize(), 0
	before, idle, changed := s.known(), 0, false
	for req.PageNumber = from; idle <= maxPerRequest; req.PageNumber++ {
		page, err := s.client.fetchPage(ctx, s.mode, req)
		if err != nil {
			return false, err
		}
		page.request, page.NextToken = s.request, ""
		page.emptyLast = page.received == 0 && page.TotalCount < s.known()
		if idle++; s.listed.add(page.ids()) > 0 {
			idle = 0
		}
		changed = changed || s.total >= 0 && page.TotalCount != s.total
		s.total = page.TotalCount
		if !s.yield(page, nil) {
			return false, nil
		}
		if page.received == 0 || req.PageNumber*req.PageSize >= s.total {
			break
		}
	}
	if !changed && !s.isComplete() && s.known() == before && from == 1 {
		return false, s.incomplete() // all pages were read without finding a new instance
	}
	return changed || !s.isComplete(), nil
}

// refusesPageNumbers reports whether err means that the API does not support page numbers.
func refusesPageNumbers(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code != "" && e.StatusCode >= 400 && e.StatusCode < 500 &&
		!errors.Is(e, ErrForbidden) && !errors.Is(e, ErrCredentials) && !errors.Is(e, ErrThrottled) && !errors.Is(e, ErrUnavailable)
}
