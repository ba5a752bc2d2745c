package ecs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

const (
	// maxRegions is the maximum number of regions that are listed concurrently. It exceeds the number of public
	// regions, which is about 30.
	maxRegions = 32
	// smallRegion is the maximum number of instances of a region that is always listed page after page.
	smallRegion = 3 * maxPerRequest
)

// DescribeRegionsRequest filters the list of regions. The zero value matches all regions available to the account.
type DescribeRegionsRequest struct {
	AcceptLanguage     string             `url:"AcceptLanguage,omitempty"` // the language of LocalName: "zh-CN" (the API's default), "en-US", "ja" …
	InstanceChargeType InstanceChargeType `url:"InstanceChargeType,omitempty"`
	ResourceType       ResourceType       `url:"ResourceType,omitempty"` // "" means ResourceTypeInstance

	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// DescribeRegionsResponse contains the list of regions. The API returns all regions in a single response.
type DescribeRegionsResponse struct {
	RequestID string
	Regions   []Region
}

// Region is a region available to the account.
type Region struct {
	RegionID       string       `json:"RegionId"`
	RegionEndpoint string       // not used by the client
	LocalName      string       // in the requested language
	Status         RegionStatus // "" if not reported
}

// DescribeRegions returns the regions available to the account. It sends one request, to the endpoint of the client's
// own region.
func (c *Client) DescribeRegions(ctx context.Context, req DescribeRegionsRequest) (*DescribeRegionsResponse, error) {
	resp, _, err := c.describeRegions(ctx, req)
	return resp, err
}

func (c *Client) describeRegions(ctx context.Context, req DescribeRegionsRequest) (*DescribeRegionsResponse, transport.Meta, error) {
	params, err := query.Values(req)
	if err != nil {
		return nil, transport.Meta{}, invalidCall(describeRegions, c.region, err)
	}
	var out struct {
		RequestID string `json:"RequestId"`
		Regions   *struct{ Region []Region }
	}
	meta, err := c.do(ctx, retryRead, describeRegions, params, func(body []byte) error {
		out.Regions = nil // discard the result of an earlier attempt
		if wrong := jsonscan.CheckPage(body, maxListValues); wrong != nil {
			return wrong
		}
		wrong := decodeInto(&out)(body)
		if wrong == nil && out.Regions == nil {
			wrong = errors.New("the response has no member Regions")
		}
		return wrong
	})
	if err != nil {
		return nil, meta, err
	}
	for i, r := range out.Regions.Region { // the ids become part of host names and error messages
		out.Regions.Region[i].RegionID = meta.Mask(r.RegionID)
	}
	return &DescribeRegionsResponse{RequestID: cmp.Or(meta.Mask(out.RequestID), meta.RequestID), Regions: out.Regions.Region}, meta, nil
}

// RegionsOptions configures InstancesInRegions. A nil pointer or a zero field means the default.
type RegionsOptions struct {
	// Exclude contains the ids of regions that are not listed. Unknown region ids are ignored.
	Exclude []string
	// Workers is the number of pages of a large region that are fetched concurrently. If Workers is 0 or 1, the pages
	// of each region are fetched one after the other. At most 64 pages of large regions are fetched concurrently in
	// total.
	Workers int
}

// InstancesInRegions lists several regions concurrently. It lists each region as [Client.Instances] does, through the
// region's endpoint. A nil regions slice means all regions that [Client.DescribeRegions] returns; an empty slice means
// no regions. Instances of different regions are interleaved.
//
// If the listing of a region fails, the loop receives one [*RegionError] for the region, after the instances that were
// listed. The listing of a region is complete if and only if the loop receives no RegionError for the region. The other
// regions are still listed, so do not end the loop after a RegionError.
//
// An empty region is verified with a dry run in that region; see Options.TrustEmpty. Any error other than a RegionError
// is yielded last and ends the loop, for example the error of ctx or of DescribeRegions.
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

// notOfRegion wraps an error so that [errors.As] does not find a RegionError in its chain. Such a RegionError belongs
// to another listing, for example one that canceled the context.
type notOfRegion struct{ error }

func (e notOfRegion) Is(target error) bool { return errors.Is(e.error, target) }

func (c *Client) inRegions(ctx context.Context, regions []string, req DescribeInstancesRequest, opts *RegionsOptions, yield func(Instance, error) bool) error {
	var o RegionsOptions
	if opts != nil {
		o = *opts
	}
	_, err := req.splitLists(ctx)
	switch {
	case err == nil && req.NextToken != "":
		err = invalid("NextToken", "must be empty to list several regions, because a token belongs to a single region")
	case err == nil && o.Workers < 0:
		err = invalid("RegionsOptions.Workers", "must not be negative, but is %d", o.Workers)
	case err == nil:
		err = checkRegions("RegionsOptions.Exclude", o.Exclude...)
	}
	if err != nil {
		return invalidCall(describeInstances, "", err)
	}
	if regions == nil {
		if regions, err = c.allRegions(ctx); err != nil {
			return err
		}
	}
	regions = slices.DeleteFunc(unique(regions), func(region string) bool { return slices.Contains(o.Exclude, region) })
	workers := min(max(o.Workers, 1), maxWorkers)
	large := make(chan struct{}, maxWorkers/workers) // limits how many large regions are listed concurrently
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
		// Check only the type of err itself. A RegionError that err wraps may belong to another listing.
		if _, ok := err.(*RegionError); err != nil && !ok { //nolint:errorlint // yielded as it is, never wrapped
			return err
		}
		if !yield(inst, err) {
			return errStopped
		}
	}
	return nil
}

// listRegion lists one of several regions. If workers is greater than 1, it fetches the pages of a large region
// concurrently. The semaphore large limits the number of large regions that are listed at the same time.
func (c *Client) listRegion(ctx context.Context, req DescribeInstancesRequest, workers int, large chan struct{}, deliver deliverFunc) error {
	l := c.newListing()
	requests, err := req.splitLists(ctx)
	if err != nil || len(requests) > 1 || req.InstanceIDs != nil || !req.isDivisible(requests, workers) {
		return l.listAll(ctx, req, deliver)
	}
	rest := requests[0]
	first, err := c.fetchPage(ctx, l.mode, rest)
	switch {
	case err != nil:
	case first.claimsMore(): // the server does not support tokens
		err = l.followTokens(ctx, rest, deliver)
	case !deliver(l.dedupe(first)):
		err = errStopped
	case first.NextToken != "":
		err = l.listRest(ctx, rest, first, workers, large, deliver)
	}
	return l.finish(ctx, req, err, workers, deliver)
}

// listRest delivers the pages of a region that follow the first page.
func (l *listing) listRest(ctx context.Context, req DescribeInstancesRequest, first *instancePage, workers int, large chan struct{}, deliver deliverFunc) error {
	total, err := l.client.count(ctx, req)
	if err == nil && total > 0 && total <= smallRegion {
		req.NextToken = first.NextToken
		return l.followTokens(ctx, req, deliver)
	}
	select {
	case large <- struct{}{}:
		defer func() { <-large }()
	case <-ctx.Done():
		return transport.ContextError(ctx)
	}
	return l.scanRest(ctx, req, first, total, nil, workers, deliver)
}

// allRegions returns the ids of the regions available to the account.
func (c *Client) allRegions(ctx context.Context) ([]string, error) {
	all, meta, err := c.describeRegions(ctx, DescribeRegionsRequest{})
	if err != nil {
		return nil, err
	}
	if len(all.Regions) == 0 {
		return nil, &Error{Action: describeRegions, Region: c.region, RequestID: all.RequestID, StatusCode: 200, Attempts: meta.Attempts, Message: "the response contains no regions"}
	}
	regions := make([]string, len(all.Regions))
	for i, r := range all.Regions {
		regions[i] = r.RegionID
	}
	return regions, nil
}
