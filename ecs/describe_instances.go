package ecs

import (
	"cmp"
	"context"
	"errors"
)

const describeInstances = "DescribeInstances"

// DescribeInstancesResponse is one page.
type DescribeInstancesResponse struct {
	RequestID string
	NextToken string // "" on the last page
	// Page mode only: with MaxResults or NextToken the API sends no meaningful values here.
	PageNumber, PageSize, TotalCount int
	Instances                        []Instance
	// Undecoded holds the instances of the page that could not be read. nil when all could.
	Undecoded []*DecodeError
}

// DescribeInstances asks for one page. A zero request gives the API's default of 10 instances: to see them all use
// [Client.Instances]. More than 100 InstanceIDs are refused here.
//
// Instances that could not be read are in the response's Undecoded. An empty page may mean that the caller lacks
// permission: only the iterators and [Client.DryRun] tell.
func (c *Client) DescribeInstances(ctx context.Context, req DescribeInstancesRequest) (*DescribeInstancesResponse, error) {
	params, err := req.encode(c.region, false)
	if err != nil {
		return nil, refused(describeInstances, c.region, err)
	}
	var resp *DescribeInstancesResponse
	meta, err := c.do(ctx, retryRead, describeInstances, params, func(body []byte) (err error) {
		resp, err = decodeDescribeInstances(body)
		return err
	})
	if err != nil {
		return nil, err
	}
	resp.RequestID = cmp.Or(resp.RequestID, meta.RequestID)
	return resp, nil
}

// DryRun checks, without listing, that the caller may list and that the API accepts the request. nil: the call would be
// allowed. ErrForbidden: it would be denied. ErrInvalidParameter: a parameter is wrong, or there are more than 100
// InstanceIDs. An API that ignores the dry run is an error too.
func (c *Client) DryRun(ctx context.Context, req DescribeInstancesRequest) error {
	params, err := req.encode(c.region, true)
	if err != nil {
		return refused(describeInstances, c.region, err)
	}
	meta, err := c.do(ctx, retryRead, describeInstances, params, decodeInto(nil))
	if err == nil {
		return &Error{
			Action: describeInstances, Region: c.region, RequestID: meta.RequestID, Attempts: meta.Attempts, StatusCode: 200,
			Message: "the server ignored DryRun, so nothing is known about the permission",
		}
	}
	var e *Error
	if errors.As(err, &e) && e.Code == "DryRunOperation" {
		return nil
	}
	return err
}
