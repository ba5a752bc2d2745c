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
	// Undecoded describes the values that could not be decoded. It is nil if every value could be decoded. If a member
	// of an instance could not be decoded, Instances contains the instance, and the field for that member is zero. If
	// the id of an instance could not be decoded, Instances does not contain the instance, and the InstanceID of its
	// DecodeError is empty.
	Undecoded []*DecodeError
}

// DescribeInstances fetches one page of instances. If MaxResults and PageSize are not set, the page has at most 10
// instances, which is the API's default. Use [Client.Instances] to list all instances. If a list in the request has
// more than 100 elements, DescribeInstances returns an error that matches ErrInvalidParameter.
//
// Values that could not be decoded are described in the field Undecoded of the response. An empty page may mean that
// the caller lacks the permission to list. The listing methods check the permission in this case; after a call of
// DescribeInstances, use [Client.DryRun] to check it.
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

// DryRun checks whether the caller is permitted to list and whether the API accepts the request, without listing any
// instances. It returns nil if the request would succeed. The error matches ErrForbidden if a permission is missing,
// and ErrInvalidParameter if a parameter is invalid. DryRun also returns an error if the server ignores the parameter
// DryRun and lists instances.
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
