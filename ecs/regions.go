package ecs

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

// maxRegions bounds the regions listed at once. There are about 30 public ones, which take little more time together
// than the slowest alone.
const maxRegions = 32

// DescribeRegionsRequest filters the list of regions. The zero value asks for all the account may use.
type DescribeRegionsRequest struct {
	AcceptLanguage     string             `url:"AcceptLanguage,omitempty"` // of LocalName: "zh-CN" (the API's default), "en-US", "ja" …
	InstanceChargeType InstanceChargeType `url:"InstanceChargeType,omitempty"`
	ResourceType       ResourceType       `url:"ResourceType,omitempty"` // "" = ResourceTypeInstance

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
	RegionID       string       `json:"RegionId"`
	RegionEndpoint string       // the vendor's endpoint for it; the client resolves its own
	LocalName      string       // in the language asked for
	Status         RegionStatus // "" when the API does not say
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
	meta, err := c.do(ctx, retryRead, action, params, func(body []byte) error {
		if tooLarge := jsonscan.Check(body, maxListValues); tooLarge != nil {
			return tooLarge
		}
		out.Regions = nil // of an attempt before
		wrong := decodeInto(&out)(body)
		if wrong == nil && out.Regions == nil {
			wrong = errors.New("the answer holds no Regions")
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
	// Exclude names regions that are not listed, also when they are among the regions asked for.
	Exclude []string
	// Workers is how many pages are fetched at once in a large region, as in [ScanOptions]; 0 and 1 fetch one at a time.
	Workers int
}

// InstancesInRegions lists several regions at once, each like [Client.Instances] through its own endpoint; they share
// connections and credentials. nil regions are all that DescribeRegions tells of, an empty list is none. Instances of
// one region come in its order, those of different regions in any.
//
// A region that fails yields one [*RegionError], after what it delivered, and the others go on: keep ranging to see them.
// Any other error is the last: the context's, or that of DescribeRegions.
//
// When no region has an instance, dry runs tell whether that is true (see Options.TrustEmpty): one that passes answers
// for all regions; if it does not, every empty region gets its own, all at once. An instance in any region counts as
// permission for all: a policy that is limited to some regions makes the others look empty. [Client.DryRun] of a client
// made by [Client.InRegion] checks a single one.
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

// notOfRegion is a context's error whose cause is a RegionError, perhaps of another listing. [errors.As] must not find
// that one here, or the end of all regions would look like the end of one.
type notOfRegion struct{ error }

func (e notOfRegion) Is(target error) bool { return errors.Is(e.error, target) }

func (c *Client) inRegions(ctx context.Context, regions []string, req DescribeInstancesRequest, opts *RegionsOptions, yield func(Instance, error) bool) error {
	var o RegionsOptions
	if opts != nil {
		o = *opts
	}
	_, err := req.batches(ctx)
	if err == nil && req.NextToken != "" {
		err = invalid("NextToken", "belongs to one region")
	}
	if err != nil {
		return refused(describeInstances, "", err)
	}
	if regions == nil {
		if regions, err = c.allRegions(ctx); err != nil {
			return err
		}
	}
	var (
		mu    sync.Mutex
		empty []string // regions that listed nothing
		found bool     // that another listed something, be it unreadable
	)
	regions = slices.DeleteFunc(unique(regions), func(region string) bool { return slices.Contains(o.Exclude, region) })
	err = c.eachRegion(ctx, regions, yield, func(ctx context.Context, rc *Client, yield func(Instance, error) bool) error {
		l := listing{client: rc, trustEmpty: true} // checked below, when all regions are known
		failed := l.run(ctx, req, eachInstance(yield))
		mu.Lock()
		defer mu.Unlock()
		switch {
		case l.rows > 0:
			found = true
		case failed == nil:
			empty = append(empty, rc.region)
		}
		return failed
	})
	if err != nil || found || len(empty) == 0 || c.trustEmpty || req.matchesNothing() {
		return err
	}
	slices.Sort(empty)
	var passed atomic.Bool
	check := func(ctx context.Context, rc *Client, _ func(Instance, error) bool) error {
		sure, denied := rc.confirmEmpty(ctx, req)
		if sure && denied == nil {
			passed.Store(true)
		}
		return denied
	}
	if err = c.eachRegion(ctx, empty[:1], yield, check); err != nil || passed.Load() {
		return err
	}
	return c.eachRegion(ctx, empty[1:], yield, check)
}

// eachRegion calls list for several regions at once, and yields what they yield. An error that list returns becomes the
// region's last word.
func (c *Client) eachRegion(ctx context.Context, regions []string, yield func(Instance, error) bool, list func(context.Context, *Client, func(Instance, error) bool) error) error {
	runs := make([]func(context.Context) iter.Seq2[Instance, error], len(regions))
	for i, region := range regions {
		runs[i] = func(ctx context.Context) iter.Seq2[Instance, error] {
			return func(yield func(Instance, error) bool) {
				rc, err := c.InRegion(region)
				if err == nil {
					err = list(ctx, rc, yield)
				}
				if err != nil {
					yield(Instance{}, &RegionError{Region: region, Err: err})
				}
			}
		}
	}
	for inst, err := range pagination.Merge(ctx, maxRegions, runs...) {
		if _, ok := err.(*RegionError); err != nil && !ok { //nolint:errorlint // a region's own, not one that the context was cancelled with
			return err
		}
		if !yield(inst, err) {
			return errStopped
		}
	}
	return nil
}

// allRegions are those the account may use.
func (c *Client) allRegions(ctx context.Context) ([]string, error) {
	all, err := c.DescribeRegions(ctx, DescribeRegionsRequest{})
	if err != nil {
		return nil, err
	}
	if len(all.Regions) == 0 {
		return nil, &Error{Action: "DescribeRegions", Region: c.region, RequestID: all.RequestID, StatusCode: 200, Attempts: 1, Message: "the answer names no region"}
	}
	regions := make([]string, len(all.Regions))
	for i, r := range all.Regions {
		regions[i] = r.RegionID
	}
	return regions, nil
}
