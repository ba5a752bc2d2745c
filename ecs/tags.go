package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

const (
	listTagResources = "ListTagResources"
)

// ListTagResourcesRequest asks for tagged resources. At least one of ResourceIDs and Tags must be given.
type ListTagResourcesRequest struct {
	ResourceType ResourceType       `url:"ResourceType"` // "" = ResourceTypeInstance
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

// TagResource is one tag of one resource: a resource comes once for each of its tags, which may include those that were
// not asked for.
type TagResource struct {
	ResourceID   string `json:"ResourceId"`
	ResourceType ResourceType
	TagKey       string
	TagValue     string
}

// ListTagResources yields the tags of all resources that match, a row for each, page by page as the loop goes on (API:
// ListTagResources). An error comes once, last. Nothing happens before the loop starts, and each loop lists anew.
func (c *Client) ListTagResources(ctx context.Context, req ListTagResourcesRequest) iter.Seq2[TagResource, error] {
	return func(yield func(TagResource, error) bool) {
		if err := req.validate(ctx); err != nil {
			yield(TagResource{}, refused(listTagResources, c.region, err))
			return
		}
		next := req
		fetch := func(ctx context.Context, token string) (pagination.Page[TagResource], error) {
			next.NextToken = cmp.Or(token, req.NextToken) // the caller's, on the first page
			return c.tagPage(ctx, next)
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
		return errNilContext
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
	req.ResourceType = cmp.Or(req.ResourceType, ResourceTypeInstance)
	params, err := query.Values(struct {
		ListTagResourcesRequest
		RegionID string `url:"RegionId"`
	}{req, c.region})
	if err != nil {
		return page, err
	}
	_, err = c.do(ctx, retryPage, listTagResources, params, func(body []byte) error {
		var out struct {
			NextToken    string
			TagResources *struct{ TagResource []TagResource }
		}
		if wrong := decodeInto(&out)(body); wrong != nil {
			return wrong
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
