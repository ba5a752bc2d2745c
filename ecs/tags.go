package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
)

const (
	listTagResources = "ListTagResources"
	maxResourceIDs   = 50 // maximum number of ids in one ListTagResources request
)

// ListTagResourcesRequest filters a listing of tags. At least one of ResourceIDs, Tags and TagFilters must be set. A
// resource must match all filters that are set.
type ListTagResourcesRequest struct {
	ResourceType ResourceType `url:"ResourceType"` // "" means ResourceTypeInstance
	// ResourceIDs (ResourceId.N) matches the resources with these ids. The number of ids is not limited. They are sent
	// without duplicates, in batches of 50.
	ResourceIDs RepeatList[string] `url:"ResourceId"`
	// Tags (Tag.N.Key, Tag.N.Value) matches resources that have all of the tags. At most 20 tags are allowed. To match
	// the members of a resource group, use a single tag with the key "acs:rm:rgId" and the group's id as its value. The
	// API does not support this tag for the default group.
	Tags TagList `url:"Tag"`
	// TagFilters (TagFilter.N) matches resources by a tag key and several possible values. It is available by
	// invitation only.
	TagFilters TagFilterList `url:"TagFilter"`
	NextToken  string        `url:"NextToken,omitempty"` // continues an earlier listing

	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// TagFilter matches resources that have a tag with the key TagKey and one of the values TagValues. Without TagValues,
// any value matches.
type TagFilter struct {
	TagKey    string   `url:"TagKey"`    // TagFilter.N.TagKey
	TagValues []string `url:"TagValues"` // TagFilter.N.TagValues.M
}

// TagFilterList is a list that is sent as the parameters Name.1.TagKey, Name.1.TagValues.1 and so on. An empty list is
// not sent. An empty TagKey is an error.
type TagFilterList []TagFilter

// EncodeValues implements [query.Encoder].
func (l TagFilterList) EncodeValues(key string, v *url.Values) error {
	if err := checkTagFilters(key, l); err != nil {
		return err
	}
	for i, f := range l {
		prefix := key + "." + strconv.Itoa(i+1)
		v.Set(prefix+".TagKey", f.TagKey)
		for j, value := range f.TagValues {
			v.Set(prefix+".TagValues."+strconv.Itoa(j+1), value)
		}
	}
	return nil
}

// TagResource is one tag of one resource. A listing yields all tags of a matching resource, including tags that are not
// part of the request.
type TagResource struct {
	ResourceID   string `json:"ResourceId"`
	ResourceType ResourceType
	TagKey       string
	TagValue     string
}

// ListTagResources yields the tags of all matching resources. It fetches pages as the loop proceeds, and each loop
// starts a new listing. If the listing fails, the last iteration receives the zero TagResource and the error.
func (c *Client) ListTagResources(ctx context.Context, req ListTagResourcesRequest) iter.Seq2[TagResource, error] {
	return func(yield func(TagResource, error) bool) {
		batches, err := req.splitIDs(ctx)
		if err != nil {
			yield(TagResource{}, invalidCall(listTagResources, c.Region(), err))
			return
		}
		for _, batch := range batches {
			for page, err := range c.tagPages(ctx, batch) {
				if err != nil {
					yield(TagResource{}, failure(listTagResources, c.Region(), err))
					return
				}
				for _, tag := range page {
					if !yield(tag, nil) {
						return
					}
				}
			}
		}
	}
}

// splitIDs returns the requests that a listing of tags must send for r. Each request contains up to 50 ids. splitIDs
// returns an error if ctx is nil or r is invalid.
func (r ListTagResourcesRequest) splitIDs(ctx context.Context) ([]ListTagResourcesRequest, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if len(r.ResourceIDs) == 0 && len(r.Tags) == 0 && len(r.TagFilters) == 0 {
		return nil, invalid("Tags, ResourceIDs and TagFilters", "must not all be empty: set at least one of them")
	}
	if err := cmp.Or(checkElements("ResourceIDs", r.ResourceIDs), checkLength("Tags", len(r.Tags), maxTags), checkTags("Tags", r.Tags), checkTagFilters("TagFilters", r.TagFilters)); err != nil {
		return nil, err
	}
	ids := unique(r.ResourceIDs)
	if len(ids) == 0 {
		return []ListTagResourcesRequest{r}, nil
	}
	if len(ids) > maxResourceIDs && r.NextToken != "" {
		return nil, invalid("NextToken", "must be empty if ResourceIDs has more than %d elements, because the listing then combines several requests", maxResourceIDs)
	}
	var batches []ListTagResourcesRequest
	for batch := range slices.Chunk(ids, maxResourceIDs) {
		r.ResourceIDs = batch
		batches = append(batches, r)
	}
	return batches, nil
}

func checkTagFilters(field string, filters []TagFilter) error {
	for i, f := range filters {
		if f.TagKey == "" {
			return invalid(fmt.Sprintf("%s[%d].TagKey", field, i), "must not be empty, because the API requires a key")
		}
	}
	return nil
}

func checkTags(field string, tags []Tag) error {
	for i, t := range tags {
		if t.Key == "" {
			return invalid(fmt.Sprintf("%s[%d].Key", field, i), "must not be empty, because the API requires a key for each value")
		}
	}
	return nil
}

// tagPage is a page of ListTagResources.
type tagPage []TagResource

// ids returns a string for each element of the page that identifies the resource and the tag.
func (p tagPage) ids() (ids []string) {
	for _, t := range p {
		ids = append(ids, t.ResourceID+"\n"+t.TagKey+"\n"+t.TagValue)
	}
	return ids
}

// tagPages yields the pages of one request by following NextToken.
func (c *Client) tagPages(ctx context.Context, req ListTagResourcesRequest) iter.Seq2[tagPage, error] {
	return func(yield func(tagPage, error) bool) {
		var listed idHashes
		next := req
		followPages(ctx, listed.add, func(ctx context.Context, token string) (tagPage, string, error) {
			next.NextToken = cmp.Or(token, req.NextToken) // the first page uses the caller's token
			return c.fetchTagPage(ctx, next)
		})(yield)
	}
}

func (c *Client) fetchTagPage(ctx context.Context, req ListTagResourcesRequest) (page tagPage, next string, err error) {
	req.ResourceType = cmp.Or(req.ResourceType, ResourceTypeInstance)
	params, err := query.Values(struct {
		ListTagResourcesRequest
		RegionID string `url:"RegionId"`
	}{req, c.Region()})
	if err != nil {
		return nil, "", err
	}
	_, err = c.do(ctx, retryPage, listTagResources, params, func(body []byte) error {
		var out struct {
			NextToken    string
			TagResources *struct{ TagResource []TagResource }
		}
		if wrong := jsonscan.CheckPage(body, maxListValues); wrong != nil {
			return wrong
		}
		if wrong := decodeInto(&out)(body); wrong != nil {
			return wrong
		}
		if out.TagResources == nil {
			return errors.New("the response has no member TagResources")
		}
		page, next = out.TagResources.TagResource, out.NextToken
		return nil
	})
	if next == req.NextToken { // the API may return the token of the request on the last page
		next = ""
	}
	return page, next, err
}
