package ecs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// maxRegions bounds the regions listed at once. There are about 30 public ones, which take little more time together
// than the slowest alone.
const maxRegions = 32

// DescribeRegionsRequest filters the list of regions. The zero value asks for all the account may use.
type DescribeRegionsRequest struct {
	AcceptLanguage     string             `url:"AcceptLanguage,omitempty"` // of LocalName: "zh-CN" (the API's default), "en-US", "ja" …
	InstanceChargeType InstanceChargeType `url:"InstanceChargeType,omitempty"`
	ResourceType       string             `url:"ResourceType,omitempty"` // "instance" (the API's default), "disk" …

	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// DescribeRegionsResponse lists the regions; the API does not page here.
type DescribeRegionsResponse struct {
	RequestID string
	Regions   []Region
}

// Region is a region the account may use.
type Region struct {
	RegionID       string `json:"RegionId"`
	RegionEndpoint string // the vendor's endpoint for it; the client resolves its own
	LocalName      string // in the language asked for
	Status         string // "available", "soldOut", or "" when the API does not say
}

// DescribeRegions lists the regions the account may use, in one call to the client's own region.
func (c *Client) DescribeRegions(ctx context.Context, req DescribeRegionsRequest) (*DescribeRegionsResponse, error) {
	const action = "DescribeRegions"
	params, err := query.Values(req)
	if err != nil {
		return nil, refused(action, c.region, err)
	}
	var out struct {
		RequestID string `json:"RequestId"`
		Regions   *struct{ Region []Region }
	}
	meta, err := c.do(ctx, action, params, func(body []byte) error {
		out.Regions = nil // of an attempt before
		if err := decodeInto(&out)(body); err != nil {
			return err
		}
		if out.Regions == nil {
			return errors.New("the answer holds no Regions")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &DescribeRegionsResponse{RequestID: cmp.Or(out.RequestID, meta.RequestID), Regions: out.Regions.Region}, nil
}

// InstancesInRegions lists several regions at once, each like [Client.Instances] through its own endpoint; they share
// connections and credentials. nil regions are all that DescribeRegions tells of. Instances of one region come in its
// order, those of different regions in any.
//
// A region that fails yields one [*RegionError], after what it delivered, and the others go on: keep ranging to see them.
// Any other error is the last: the context's, or that of DescribeRegions.
//
// When no region has an instance, dry runs tell whether that is true (see Options.TrustEmpty): at most one a region, and
// none once one was allowed. An instance in any region counts as permission for all: a policy that is limited to some
// regions makes the others look empty. [Client.DryRun] of a client made by [Client.InRegion] checks a single one.
func (c *Client) InstancesInRegions(ctx context.Context, regions []string, req DescribeInstancesRequest) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		if err := c.inRegions(ctx, regions, req, yield); err != nil && !errors.Is(err, errStopped) {
			yield(Instance{}, failure(describeInstances, "", err))
		}
	}
}

func (c *Client) inRegions(ctx context.Context, regions []string, req DescribeInstancesRequest, yield func(Instance, error) bool) error {
	_, err := req.batches()
	switch {
	case ctx == nil:
		err = invalid("ctx", "is nil, use context.Background()")
	case err == nil && req.NextToken != "":
		err = invalid("NextToken", "belongs to one region")
	}
	if err != nil {
		return refused(describeInstances, "", err)
	}
	if regions == nil {
		all, err := c.DescribeRegions(ctx, DescribeRegionsRequest{})
		if err != nil {
			return err
		}
		for _, r := range all.Regions {
			regions = append(regions, r.RegionID)
		}
		if len(regions) == 0 {
			return &Error{Action: "DescribeRegions", Region: c.region, RequestID: all.RequestID, StatusCode: 200, Attempts: 1, Message: "the answer names no region"}
		}
	}

	var (
		mu    sync.Mutex
		empty []*Client // regions without instances
		runs  []func(context.Context) iter.Seq2[Instance, error]
	)
	for _, region := range unique(regions) {
		runs = append(runs, func(ctx context.Context) iter.Seq2[Instance, error] {
			return func(yield func(Instance, error) bool) {
				rc, err := c.InRegion(region)
				if err != nil {
					yield(Instance{}, &RegionError{Region: region, Err: err})
					return
				}
				l := listing{client: rc, trustEmpty: true} // checked below, when all regions are known
				for inst, err := range l.instances(ctx, req) {
					if err != nil {
						yield(Instance{}, &RegionError{Region: region, Err: err})
						return
					}
					if !yield(inst, nil) {
						return
					}
				}
				if l.isEmpty() {
					mu.Lock()
					empty = append(empty, rc)
					mu.Unlock()
				}
			}
		})
	}
	found := false
	for inst, err := range pagination.Merge(ctx, maxRegions, runs...) {
		if _, ok := errors.AsType[*RegionError](err); err != nil && !ok {
			return err
		}
		found = found || err == nil
		if !yield(inst, err) {
			return errStopped
		}
	}
	if found || c.trustEmpty || req.matchesNothing() {
		return nil
	}
	return checkEmptyRegions(ctx, empty, req, yield)
}

// checkEmptyRegions asks in one region after the other until one allows the listing, which answers for the rest.
func checkEmptyRegions(ctx context.Context, clients []*Client, req DescribeInstancesRequest, yield func(Instance, error) bool) error {
	slices.SortFunc(clients, func(a, b *Client) int { return cmp.Compare(a.region, b.region) })
	var denied []*RegionError
	for _, c := range clients {
		err := c.checkEmpty(ctx, req)
		if ctx.Err() != nil {
			return err
		}
		if err == nil {
			return nil
		}
		denied = append(denied, &RegionError{Region: c.region, Err: err})
	}
	for _, err := range denied {
		if !yield(Instance{}, err) {
			return errStopped
		}
	}
	return nil
}
