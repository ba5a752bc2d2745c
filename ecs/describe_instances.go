package ecs

import (
	"cmp"
	"context"
	"errors"
)

const describeInstances = "DescribeInstances"

// DescribeInstancesResponse is one page of a listing.
type DescribeInstancesResponse struct {
	RequestID string
	NextToken string // "" on the last page
	// PageNumber, PageSize and TotalCount are meaningful only if the request selected a page by number.
	PageNumber, PageSize, TotalCount int
	Instances                        []Instance
	// Undecoded describes the values that could not be read. Each is a member of an instance, which is in
	// Instances without it, or a whole instance (with an empty InstanceID). Undecoded is nil if everything could
	// be read.
	Undecoded []*DecodeError
}

// DescribeInstances fetches one page. A zero request returns at most 10 instances, the API's default; use
// [Client.Instances] to list all of them. A list of more than 100 elements in the request is an
// ErrInvalidParameter.
//
// Values that could not be decoded are described in the response's Undecoded. An empty page may mean that the
// caller lacks permission. The listing methods check for that; for a single page, use [Client.DryRun].
func (c *Client) DescribeInstances(ctx context.Context, req DescribeInstancesRequest) (*DescribeInstancesResponse, error) {
	return c.orZero().describeInstances(ctx, retryRead, req)
}

func (c *Client) describeInstances(ctx context.Context, mode retryMode, req DescribeInstancesRequest) (*DescribeInstancesResponse, error) {
	params, err := c.withAttributes(req).encode(c.region, false)
	if err != nil {
		return nil, invalidCall(describeInstances, c.region, err)
	}
	var resp *DescribeInstancesResponse
	meta, err := c.do(ctx, mode, describeInstances, params, func(body []byte) (err error) {
		resp, err = decodeDescribeInstances(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	resp.RequestID = cmp.Or(meta.Mask(resp.RequestID), meta.RequestID)
	for _, d := range resp.Undecoded {
		d.InstanceID, d.Path = meta.Mask(d.InstanceID), meta.Mask(d.Path)
	}
	return resp, nil
}

// DryRun checks, without listing anything, whether the caller is permitted to list and whether the API accepts the
// request. It returns nil if the request would succeed, an error matching ErrForbidden if the permission is
// missing, and one matching ErrInvalidParameter if a parameter is wrong. If the server ignores the dry run, DryRun
// returns an error as well.
func (c *Client) DryRun(ctx context.Context, req DescribeInstancesRequest) error {
	return c.orZero().dryRun(ctx, retryRead, req)
}

// dryRunPassed is the error code of a dry run of a request that would succeed.
const dryRunPassed = "DryRunOperation"

func (c *Client) dryRun(ctx context.Context, mode retryMode, req DescribeInstancesRequest) error {
	params, err := c.withAttributes(req).encode(c.region, true)
	if err != nil {
		return invalidCall(describeInstances, c.region, err)
	}
	meta, err := c.do(ctx, mode, describeInstances, params, decodeInto(nil))
	if err == nil {
		return &Error{
			Action: describeInstances, Region: c.region, RequestID: meta.RequestID, Attempts: meta.Attempts, StatusCode: 200,
			Message: "the server ignored DryRun, so the permission could not be checked",
		}
	}
	var e *Error
	if errors.As(err, &e) && e.Code == dryRunPassed {
		return nil
	}
	return err
}
