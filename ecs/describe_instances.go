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
	// Undecoded describes the values that could not be decoded. It is nil if every value could be decoded. An instance
	// whose id could not be decoded is not in Instances, and its DecodeError has an empty InstanceID.
	Undecoded []*DecodeError
}

// DescribeInstances fetches one page of instances. If MaxResults and PageSize are not set, the page has at most 10
// instances, which is the API's default. Use [Client.Instances] to list all instances. If a list in the request has
// more than 100 elements, DescribeInstances returns an error that matches ErrInvalidParameter.
//
// An empty page may mean that the caller lacks the permission to list. DescribeInstances does not check the permission:
// use [Client.DryRun], or a listing method. Values that could not be decoded are described in the field Undecoded of
// the response.
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

// DryRun checks whether the caller is permitted to list and whether the API accepts the request. It lists no instances.
// The error matches ErrForbidden if a permission is missing, and ErrInvalidParameter if a parameter is invalid. If the
// server ignores the parameter DryRun, DryRun returns an error.
func (c *Client) DryRun(ctx context.Context, req DescribeInstancesRequest) error {
	return c.orZero().dryRun(ctx, retryRead, req)
}

// dryRunPassed is the error code that the API returns for a successful dry run.
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
