package ecs

import (
	"cmp"
	"context"
	"iter"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// tokenPages walks the token pages of one request, as they come.
func (c *Client) tokenPages(ctx context.Context, req DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	return func(yield func(*DescribeInstancesResponse, error) bool) {
		next, page := req, (*DescribeInstancesResponse)(nil)
		// What counts is how many rows came: a page of unreadable ones is not empty.
		fetch := func(ctx context.Context, token string) (rows pagination.Page[struct{}], err error) {
			next.NextToken = cmp.Or(token, req.NextToken) // the caller's, on the first page
			if page, err = c.DescribeInstances(ctx, next); err != nil {
				return rows, err
			}
			return pagination.Page[struct{}]{Items: make([]struct{}, len(page.Instances)+len(page.Undecoded)), Next: page.NextToken}, nil
		}
		for _, err := range pagination.Pages(ctx, fetch) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) {
				return
			}
		}
	}
}

// parallelTokenPages walks several requests at once, at most limit.
func (c *Client) parallelTokenPages(ctx context.Context, limit int, reqs []DescribeInstancesRequest) iter.Seq2[*DescribeInstancesResponse, error] {
	runs := make([]func(context.Context) iter.Seq2[*DescribeInstancesResponse, error], len(reqs))
	for i, req := range reqs {
		runs[i] = func(ctx context.Context) iter.Seq2[*DescribeInstancesResponse, error] { return c.tokenPages(ctx, req) }
	}
	return pagination.Merge(ctx, limit, runs...)
}
