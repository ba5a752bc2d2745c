package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

const (
	listTagResources = "ListTagResources"
	// resourceCap is where DescribeInstances stops without a sign when it filters by tag or resource group.
	resourceCap = 1000
	// resourceGroupTag is the system tag by which ListTagResources finds the members of a resource group.
	resourceGroupTag = "acs:rm:rgId"
)

// ListTagResourcesRequest asks for tagged resources. At least one of ResourceIDs and Tags must be given.
type ListTagResourcesRequest struct {
	ResourceType string             `url:"ResourceType"` // "" = "instance"; "disk", "image", "eni" …
	ResourceIDs  RepeatList[string] `url:"ResourceId"`   // ResourceId.N, at most 50
	// Tags (Tag.N.Key, Tag.N.Value), at most 20. The key "acs:rm:rgId" with the id of a resource group, alone, asks for
	// the group's members; the default group is not supported by the API.
	Tags      TagList `url:"Tag"`
	NextToken string  `url:"NextToken,omitempty"` // continues an earlier listing

	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// TagResource is one tag of one resource: a resource comes as often as it has matching tags.
type TagResource struct {
	ResourceID   string `json:"ResourceId"`
	ResourceType string
	TagKey       string
	TagValue     string
}

// TaggedResources yields the tags of all resources that match, page by page as the loop goes on (API:
// ListTagResources). An error comes once, last. Nothing happens before the loop starts, and each loop lists anew.
func (c *Client) TaggedResources(ctx context.Context, req ListTagResourcesRequest) iter.Seq2[TagResource, error] {
	return func(yield func(TagResource, error) bool) {
		if err := req.validate(ctx); err != nil {
			yield(TagResource{}, refused(listTagResources, c.region, err))
			return
		}
		req := req
		fetch := func(ctx context.Context, token string) (pagination.Page[TagResource], error) {
			req.NextToken = cmp.Or(token, req.NextToken)
			return c.tagPage(ctx, req)
		}
		for row, err := range pagination.Items(pagination.Pages(ctx, fetch)) {
			if !yield(row, failure(listTagResources, c.region, err)) {
				return
			}
		}
	}
}

func (r ListTagResourcesRequest) validate(ctx context.Context) error {
	switch {
	case ctx == nil:
		return invalid("ctx", "is nil, use context.Background()")
	case len(r.ResourceIDs) == 0 && len(r.Tags) == 0:
		return invalid("Tags", "and ResourceIDs are both empty, the API needs one of them")
	case len(r.ResourceIDs) > 50:
		return invalid("ResourceIDs", "has %d elements, the API takes at most 50", len(r.ResourceIDs))
	case len(r.Tags) > maxTags:
		return invalid("Tags", "has %d elements, the API takes at most %d", len(r.Tags), maxTags)
	}
	return checkTags(r.Tags)
}

func checkTags(tags []Tag) error {
	for i, t := range tags {
		if t.Key == "" {
			return invalid(fmt.Sprintf("Tags[%d].Key", i), "is empty: the API needs a key, a value alone matches nothing")
		}
	}
	return nil
}

func (c *Client) tagPage(ctx context.Context, req ListTagResourcesRequest) (page pagination.Page[TagResource], err error) {
	req.ResourceType = cmp.Or(req.ResourceType, "instance")
	params, err := query.Values(struct {
		ListTagResourcesRequest
		RegionID string `url:"RegionId"`
	}{req, c.region})
	if err != nil {
		return page, err
	}
	_, err = c.do(ctx, listTagResources, params, func(body []byte) error {
		var out struct {
			NextToken    string
			TagResources *struct{ TagResource []TagResource }
		}
		if err := decodeInto(&out)(body); err != nil {
			return err
		}
		if out.TagResources == nil {
			return errors.New("the answer holds no TagResources")
		}
		page = pagination.Page[TagResource]{Items: out.TagResources.TagResource, Next: out.NextToken}
		return nil
	})
	if page.Next == req.NextToken { // this operation's other way to say that there is no more
		page.Next = ""
	}
	return page, err
}

// pastCap goes on where the API stopped without a sign: it lists what carries the tag or is in the resource group, and
// asks for what was not delivered by id, all other filters kept.
func (l *listing) pastCap(ctx context.Context, req DescribeInstancesRequest, yield func(*DescribeInstancesResponse) bool) error {
	if capped, err := l.capped(ctx, req); err != nil || !capped {
		return err
	}
	delivered := l.delivered
	for _, d := range l.undecoded {
		l.seen.add(d.InstanceID) // known, though not delivered: not to be asked for again
	}
	tags := req.Tags
	if len(tags) == 0 {
		tags = TagList{{Key: resourceGroupTag, Value: req.ResourceGroupID}}
	}
	var (
		asked idSet
		batch []string
		known int // delivered before and listed now
	)
	flush := func() error {
		req.InstanceIDs, req.NextToken = slices.Clone(batch), ""
		batch = batch[:0]
		return l.chain(ctx, req, yield)
	}
	for row, err := range l.client.TaggedResources(ctx, ListTagResourcesRequest{
		Tags: tags, OwnerAccount: req.OwnerAccount, ResourceOwnerAccount: req.ResourceOwnerAccount, OwnerID: req.OwnerID, ResourceOwnerID: req.ResourceOwnerID,
	}) {
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			return &CappedError{Delivered: l.delivered, Err: err}
		case !asked.add(row.ResourceID):
			continue
		case l.seen.has(row.ResourceID):
			known++
			continue
		}
		if batch = append(batch, row.ResourceID); len(batch) == maxBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(batch) > 0 {
		if err := flush(); err != nil {
			return err
		}
	}
	if known == 0 && delivered > 0 { // it does not know what we have, so it cannot know what we lack: the default group, for instance
		return &CappedError{Delivered: l.delivered, Err: fmt.Errorf("ListTagResources knows none of the %d instances delivered before it", delivered)}
	}
	return nil
}

// capped reports whether a listing may have been cut. One by tag or resource group alone is cut at exactly 1,000. Whether
// the API counts these before or after other filters is not known: with others, their number is asked for.
func (l *listing) capped(ctx context.Context, req DescribeInstancesRequest) (bool, error) {
	if !req.mayBeCapped() {
		return false, nil
	}
	if l.rows == resourceCap || l.delivered == resourceCap {
		return true, nil
	}
	alone := DescribeInstancesRequest{
		Tags: req.Tags, ResourceGroupID: req.ResourceGroupID,
		OwnerAccount: req.OwnerAccount, ResourceOwnerAccount: req.ResourceOwnerAccount, OwnerID: req.OwnerID, ResourceOwnerID: req.ResourceOwnerID,
	}
	others := req
	others.AdditionalAttributes, others.MaxResults, others.NextToken = nil, 0, ""
	if reflect.DeepEqual(alone, others) {
		return false, nil
	}
	alone.PageNumber, alone.PageSize = 1, 1
	resp, err := l.client.DescribeInstances(ctx, alone)
	if ctx.Err() != nil {
		return false, err
	}
	return err != nil || resp.TotalCount >= resourceCap, nil // page mode may be withdrawn: then better once too often
}

// mayBeCapped reports whether the API's cap of 1,000 can apply.
func (r DescribeInstancesRequest) mayBeCapped() bool {
	return (len(r.Tags) > 0 || r.ResourceGroupID != "") && len(r.InstanceIDs) == 0
}
