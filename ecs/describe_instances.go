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
	// PageNumber, PageSize and TotalCount have a meaning only if the request selected a page by number.
	PageNumber, PageSize, TotalCount int
	Instances                        []Instance
	// Undecoded describes what could not be read: a member, whose instance is among Instances without it, or (with an empty
	// InstanceID) a whole instance. nil if all could be read.
	Undecoded []*DecodeError
}

// DescribeInstances fetches one page. A zero request returns at most 10 instances, the API's default: use
// [Client.Instances] for all of them. More than 100 elements in a list are an ErrInvalidParameter.
//
// What could not be decoded is described in the response's Undecoded. An empty page may mean that the caller lacks
// permission: the listings find out, and so does [Client.DryRun].
func (c *Client) DescribeInstances(ctx context.Context, req DescribeInstancesRequest) (*DescribeInstancesResponse, error) {
	return c.describeInstances(ctx, retryRead, req)
}

func (c *Client) describeInstances(ctx context.Context, mode retryMode, req DescribeInstancesRequest) (*DescribeInstancesResponse, error) {
	params, err := c.withAttributes(req).encode(c.region, false)
	if err != nil {
		return nil, refused(describeInstances, c.region, err)
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
// request. It returns nil if the request would succeed, an error that is ErrForbidden if the permission is missing, and
// one that is ErrInvalidParameter if a parameter is wrong. A server that ignores the dry run causes an error as well.
func (c *Client) DryRun(ctx context.Context, req DescribeInstancesRequest) error {
	return c.dryRun(ctx, retryRead, req)
}

func (c *Client) dryRun(ctx context.Context, mode retryMode, req DescribeInstancesRequest) error {
	params, err := c.withAttributes(req).encode(c.region, true)
	if err != nil {
		return refused(describeInstances, c.region, err)
	}
	meta, err := c.do(ctx, mode, describeInstances, params, decodeInto(nil))
	if err == nil {
		return &Error{
			Action: describeInstances, Region: c.region, RequestID: meta.RequestID, Attempts: meta.Attempts, StatusCode: 200,
			Message: "the server ignored DryRun, so the permission could not be checked",
		}
	}
	var e *Error
	if errors.As(err, &e) && e.Code == "DryRunOperation" {
		return nil
	}
	return err
}
