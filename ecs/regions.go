package ecs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

const (
	// maxRegions is how many regions are listed at once. There are about 30 public ones, which take little more time
	// together than the slowest of them alone.
	maxRegions = 32
	// smallRegion is how many instances a region may have to be listed page after page although there are workers.
	smallRegion = 3 * maxPerRequest
)

// DescribeRegionsRequest filters the list of regions. The zero value matches all regions that the account may use.
type DescribeRegionsRequest struct {
	AcceptLanguage     string             `url:"AcceptLanguage,omitempty"` // the language of LocalName: "zh-CN" (the API's default), "en-US", "ja" …
	InstanceChargeType InstanceChargeType `url:"InstanceChargeType,omitempty"`
	ResourceType       ResourceType       `url:"ResourceType,omitempty"` // "" = ResourceTypeInstance

	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// DescribeRegionsResponse is the list of regions. The API returns all of them at once.
type DescribeRegionsResponse struct {
	RequestID string
	Regions   []Region
}

// Region is a region that the account may use.
type Region struct {
	RegionID       string       `json:"RegionId"`
	RegionEndpoint string       // the endpoint that the API names; the client does not use it
	LocalName      string       // in the requested language
	Status         RegionStatus // "" if the API does not tell
}

// DescribeRegions returns the regions that the account may use, by one request to the client's own region.
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
	meta, err := c.do(ctx, retryRead, action, params, func(body []byte) error {
		out.Regions = nil // an earlier attempt may have set it
		if tooLarge := jsonscan.Check(body, maxListValues); tooLarge != nil {
			return tooLarge
		}
		wrong := decodeInto(&out)(body)
		if wrong == nil && out.Regions == nil {
			wrong = errors.New("the response has no Regions")
		}
		return wrong
	})
	if err != nil {
		return nil, err
	}
	return &DescribeRegionsResponse{RequestID: cmp.Or(out.RequestID, meta.RequestID), Regions: out.Regions.Region}, nil
}

// RegionsOptions configure InstancesInRegions. nil, and every zero field, is the default.
type RegionsOptions struct {
	// Exclude names regions that are not listed, also when they are among the regions passed.
	Exclude []string
	// Workers is how many pages of one large region are fetched at once, as in [ScanOptions]. 0 and 1 fetch one page after
	// the other. At most 64 pages of large regions are fetched at once.
	Workers int
}

// InstancesInRegions lists several regions at once, each like [Client.Instances] through its own endpoint; they share
// connections and credentials. If regions is nil, it lists all that [Client.DescribeRegions] returns; if empty, none. Without
// Workers, the instances of one region come in its order; those of different regions come in any order.
//
// A region that fails yields one [*RegionError], after the instances that it delivered, and the others go on: keep ranging
// to see them. A region is complete if and only if it yields no RegionError. In particular, each region without instances
// is checked by a dry run of its own, because a policy may be limited to some regions; the result is remembered for five
// minutes (see Options.TrustEmpty).
//
// Any other error is the last one: that of ctx, or of DescribeRegions.
func (c *Client) InstancesInRegions(ctx context.Context, regions []string, req DescribeInstancesRequest, opts *RegionsOptions) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		err := c.inRegions(ctx, regions, req, opts, yield)
		if err == nil || errors.Is(err, errStopped) {
			return
		}
		var target *RegionError
		if errors.As(err, &target) {
			err = notOfRegion{err}
		}
		yield(Instance{}, failure(describeInstances, "", err))
	}
}

// notOfRegion is the error of a context that was canceled with a RegionError, perhaps of another listing. [errors.As] must
// not find that one, or the end of all regions would look like the end of one.
type notOfRegion struct{ error }

func (e notOfRegion) Is(target error) bool { return errors.Is(e.error, target) }

func (c *Client) inRegions(ctx context.Context, regions []string, req DescribeInstancesRequest, opts *RegionsOptions, yield func(Instance, error) bool) error {
	var o RegionsOptions
	if opts != nil {
		o = *opts
	}
	_, err := req.split(ctx)
	switch {
	case err == nil && req.NextToken != "":
		err = invalid("NextToken", "belongs to one region")
	case err == nil && o.Workers < 0:
		err = invalid("RegionsOptions.Workers", "is %d, must not be negative", o.Workers)
	}
	if err != nil {
		return refused(describeInstances, "", err)
	}
	if regions == nil {
		if regions, err = c.allRegions(ctx); err != nil {
			return err
		}
	}
	regions = slices.DeleteFunc(unique(regions), func(region string) bool { return slices.Contains(o.Exclude, region) })
	workers := min(max(o.Workers, 1), maxWorkers)
	large := make(chan struct{}, maxWorkers/workers) // limits how many large regions are listed at once
	runs := make([]func(context.Context) iter.Seq2[Instance, error], len(regions))
	for i, region := range regions {
		runs[i] = func(ctx context.Context) iter.Seq2[Instance, error] {
			return func(yield func(Instance, error) bool) {
				rc, err := c.InRegion(region)
				if err == nil {
					err = rc.listRegion(ctx, req, workers, large, eachInstance(yield))
				}
				if err != nil {
					yield(Instance{}, &RegionError{Region: region, Err: err})
				}
			}
		}
	}
	for inst, err := range pagination.Merge(ctx, maxRegions, runs...) {
		if _, ok := err.(*RegionError); err != nil && !ok { //nolint:errorlint // a region's own, not one that the context was canceled with
			return err
		}
		if !yield(inst, err) {
			return errStopped
		}
	}
	return nil
}

// listRegion lists one of several regions. A region of more than a few pages is scanned, once it gets a place in large.
func (c *Client) listRegion(ctx context.Context, req DescribeInstancesRequest, workers int, large chan struct{}, deliver deliverFunc) error {
	l := c.newListing()
	requests, err := req.split(ctx)
	if err != nil || len(requests) > 1 || req.InstanceIDs != nil || !req.isDivisible(requests, workers) {
		return l.listAll(ctx, req, deliver)
	}
	rest := requests[0]
	first, err := c.fetchPage(ctx, l.mode, rest)
	switch {
	case err != nil:
	case first.claimsMore(): // a server without tokens
		err = l.followTokens(ctx, rest, deliver)
	case !deliver(l.dedupe(first)):
		err = errStopped
	case first.NextToken != "":
		err = l.listRest(ctx, rest, first.NextToken, workers, large, deliver)
	}
	return l.finish(ctx, req, err, workers, deliver)
}

// listRest lists what follows the first page of a region.
func (l *listing) listRest(ctx context.Context, req DescribeInstancesRequest, token string, workers int, large chan struct{}, deliver deliverFunc) error {
	if total := l.client.counts(ctx, req, []time.Time{{}}); total != nil && total[0] > 0 && total[0] <= smallRegion {
		req.NextToken = token
		return l.followTokens(ctx, req, deliver)
	}
	select {
	case large <- struct{}{}:
		defer func() { <-large }()
	case <-ctx.Done():
		return doneError(ctx)
	}
	return l.scanRest(ctx, req, token, l.client.planScan(ctx, req, workers), workers, deliver)
}

// allRegions returns the ids of the regions that the account may use.
func (c *Client) allRegions(ctx context.Context) ([]string, error) {
	all, err := c.DescribeRegions(ctx, DescribeRegionsRequest{})
	if err != nil {
		return nil, err
	}
	if len(all.Regions) == 0 {
		return nil, &Error{Action: "DescribeRegions", Region: c.region, RequestID: all.RequestID, StatusCode: 200, Attempts: 1, Message: "the response names no region"}
	}
	regions := make([]string, len(all.Regions))
	for i, r := range all.Regions {
		regions[i] = r.RegionID
	}
	return regions, nil
}
