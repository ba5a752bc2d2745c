package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
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
		if tooLarge := jsonscan.Check(body, maxListValues); tooLarge != nil {
			return tooLarge
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

// pastCap goes on where the API stopped without a sign: it lists what carries the tag or is in the resource group, and
// asks for what is not known yet by id, all other filters kept.
func (l *listing) pastCap(ctx context.Context, req DescribeInstancesRequest, yield func(*DescribeInstancesResponse) bool) error {
	if capped, err := l.capped(ctx, req); err != nil || !capped {
		return err
	}
	closed := func(err error) error { return &CappedError{Delivered: l.delivered, Err: err, region: l.client.region} }
	if req.NextToken != "" {
		return closed(errors.New("it began with a NextToken, so that nobody knows what came before: list from the beginning"))
	}
	// Whether the cap also counts before ids are looked at is not known. So the ids are asked for without tag and group.
	rest := req
	rest.Tags, rest.ResourceGroupID, rest.MaxResults = nil, "", cmp.Or(req.MaxResults, maxBatch)
	var batch []string
	flush := func() error {
		rest.InstanceIDs, batch = batch, nil
		for page, err := range l.client.pages(ctx, rest) {
			if err != nil {
				return err
			}
			page.Instances = slices.DeleteFunc(page.Instances, func(i Instance) bool { return !req.carriedBy(i) })
			if !yield(l.take(page)) {
				return errStopped
			}
		}
		return nil
	}
	if req.InstanceIDs != nil { // then what to look for is known
		for ids := range slices.Chunk(slices.DeleteFunc(unique(req.InstanceIDs), l.seen.has), maxBatch) {
			batch = ids
			if err := flush(); err != nil {
				return err
			}
		}
		return nil
	}
	var listed idSet
	had, again := l.seen.len(), 0 // how many were known before, and were listed now
	for row, err := range l.client.ListTagResources(ctx, req.tagged()) {
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			return closed(err)
		case row.ResourceID == "" || !listed.add(row.ResourceID):
			continue
		case l.seen.has(row.ResourceID):
			again++
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
	// What does not list what is known to be there need not list what is not known. A few may have gone meanwhile.
	if max(resourceCap-listed.len(), had-again) > maxBatch/2 {
		return closed(fmt.Errorf("ListTagResources names only %d instances, and %d of the %d that were known before", listed.len(), again, had))
	}
	return nil
}

// tagged asks for what the cap is counted in.
func (r DescribeInstancesRequest) tagged() ListTagResourcesRequest {
	tags := r.Tags
	if len(tags) == 0 {
		tags = TagList{{Key: resourceGroupTag, Value: r.ResourceGroupID}}
	}
	return ListTagResourcesRequest{
		Tags: tags, OwnerAccount: r.OwnerAccount, ResourceOwnerAccount: r.ResourceOwnerAccount, OwnerID: r.OwnerID, ResourceOwnerID: r.ResourceOwnerID,
	}
}

// carriedBy checks what ListTagResources leaves open: the group besides tags, and whether all of several tags are there
// or any; of ids that it was not asked for, everything. Tags of the system are not shown by instances.
func (r DescribeInstancesRequest) carriedBy(i Instance) bool {
	if len(r.Tags) == 0 && r.InstanceIDs == nil {
		return true
	}
	for _, t := range r.Tags {
		if (len(r.Tags) > 1 || r.InstanceIDs != nil) && !systemTag(t) &&
			!slices.ContainsFunc(i.Tags, func(has Tag) bool { return has.Key == t.Key && (t.Value == "" || has.Value == t.Value) }) {
			return false
		}
	}
	return r.ResourceGroupID == "" || r.ResourceGroupID == i.ResourceGroupID
}

// capped reports whether a listing may have been cut. One by tag or resource group alone is cut at exactly 1,000. Whether
// the API counts these before or after other filters, ids among them, is not known: with others, their number is asked
// for, unless all ids are there.
func (l *listing) capped(ctx context.Context, req DescribeInstancesRequest) (bool, error) {
	known := l.delivered + l.withheld
	if !req.mayBeCapped() || known > resourceCap { // then there is no cap
		return false, nil
	}
	if req.InstanceIDs != nil && known >= len(unique(req.InstanceIDs)) {
		return false, nil
	}
	if l.rows == resourceCap || known == resourceCap {
		return true, nil
	}
	alone := DescribeInstancesRequest{
		Tags: req.Tags, ResourceGroupID: req.ResourceGroupID,
		OwnerAccount: req.OwnerAccount, ResourceOwnerAccount: req.ResourceOwnerAccount, OwnerID: req.OwnerID, ResourceOwnerID: req.ResourceOwnerID,
	}
	others := req
	others.AdditionalAttributes, others.MaxResults = nil, 0
	if reflect.DeepEqual(alone, others) {
		return false, nil
	}
	count := alone
	count.PageNumber, count.PageSize = 1, 1
	page, err := l.client.DescribeInstances(ctx, count)
	if err == nil && page.TotalCount >= max(known, len(page.Instances)) {
		return page.TotalCount >= resourceCap, nil
	}
	// Page mode may be gone, with an error or without one.
	alone.MaxResults = maxBatch
	all := listing{client: l.client}
	err = all.chain(ctx, alone, func(*DescribeInstancesResponse) bool { return all.rows < resourceCap })
	if errors.Is(err, errStopped) {
		return true, nil
	}
	return false, err
}

func systemTag(t Tag) bool { return strings.HasPrefix(t.Key, "acs:") }

// mayBeCapped reports whether the API's cap of 1,000 can apply. Ids with a tag of the system are believed: nothing else
// shows whether they carry it.
func (r DescribeInstancesRequest) mayBeCapped() bool {
	return (len(r.Tags) > 0 || r.ResourceGroupID != "") && !r.matchesNothing() && (r.InstanceIDs == nil || !slices.ContainsFunc(r.Tags, systemTag))
}
