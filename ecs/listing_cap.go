package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

const (
	// resourceCap is the maximum number of instances that DescribeInstances returns for a tag or resource group. The
	// API does not report that it omits instances.
	resourceCap = 1000
	// capSuspect is the number of instances from which the cap may have truncated a listing. It is below the cap,
	// because instances may be released during the listing.
	capSuspect = resourceCap - 50
	// beyondCap is the number of instances above which a listing cannot have been truncated. A truncated listing may
	// slightly exceed the cap if instances are released during the listing.
	beyondCap = resourceCap + 50
	// resourceGroupTag is the key of the system tag with which ListTagResources finds the members of a resource group.
	resourceGroupTag = "acs:rm:rgId"
)

// isSubjectToCap reports whether a listing of the request must handle the API's cap. It returns false if the request has
// both ids and a system tag, because the client cannot check which instances have a system tag.
func (r DescribeInstancesRequest) isSubjectToCap() bool {
	return (len(r.Tags) > 0 || r.ResourceGroupID != "") && !r.matchesNothing() && (r.InstanceIDs == nil || !slices.ContainsFunc(r.Tags, isSystemTag))
}

// isSystemTag reports whether t is a system tag. The API does not include system tags in the instances that it
// returns.
func isSystemTag(t Tag) bool { return strings.HasPrefix(t.Key, "acs:") }

// continuePastCap completes a listing that the API may have truncated. It lists the ids of the instances with the tag,
// or of the members of the resource group, with ListTagResources. Then it fetches the missing instances by id.
func (l *listing) continuePastCap(ctx context.Context, req DescribeInstancesRequest, deliver deliverFunc) error {
	if truncated, err := l.mayBeTruncated(ctx, req); err != nil || !truncated {
		return err
	}
	if req.NextToken != "" {
		return l.cappedErr(errors.New("the listing started at a NextToken, so the instances before it are not known: list from the beginning"))
	}
	if req.InstanceIDs != nil { // the request contains the ids of all possible instances
		l.endedEmpty = nil // fetchMissing requests every missing id again
		return l.fetchMissing(ctx, req, slices.DeleteFunc(unique(req.InstanceIDs), l.hasSeen), deliver)
	}
	listed := map[string]bool{}
	seenBefore, relisted := len(l.seen), 0
	var batch []string
	for tag, err := range l.client.ListTagResources(ctx, req.toTagRequest()) {
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			return l.cappedErr(err)
		case tag.ResourceID == "" || listed[tag.ResourceID]:
			continue
		}
		listed[tag.ResourceID] = true
		if l.hasSeen(tag.ResourceID) {
			relisted++
			continue
		}
		if batch = append(batch, tag.ResourceID); len(batch) == maxPerRequest {
			if err := l.fetchMissing(ctx, req, batch, deliver); err != nil {
				return err
			}
			batch = nil
		}
	}
	if err := l.fetchMissing(ctx, req, batch, deliver); err != nil {
		return err
	}
	// Do not trust ListTagResources if it omits many instances that the listing has returned. A few may have been
	// released in the meantime.
	if max(resourceCap-len(listed), seenBefore-relisted) > maxPerRequest/2 {
		return l.cappedErr(fmt.Errorf("ListTagResources returned only %d instances, including only %d of the %d instances that were already listed", len(listed), relisted, seenBefore))
	}
	return nil
}

// cappedErr returns the CappedError of a listing. The argument err is the reason.
func (l *listing) cappedErr(err error) error {
	return &CappedError{Delivered: l.delivered, Err: err, region: l.client.region}
}

// fetchMissing fetches the instances with the given ids and delivers the instances that match the request. It compares
// the tags and the resource group itself, because the API may apply its cap before it filters by id.
func (l *listing) fetchMissing(ctx context.Context, req DescribeInstancesRequest, ids []string, deliver deliverFunc) error {
	byID := req
	byID.Tags, byID.ResourceGroupID, byID.MaxResults = nil, "", cmp.Or(req.MaxResults, maxPerRequest)
	for batch := range slices.Chunk(ids, maxPerRequest) {
		byID.InstanceIDs = batch
		for page, err := range l.client.tokenPages(ctx, l.mode, byID, l.countNew) {
			if err != nil {
				return err
			}
			others := map[string]bool{}
			page.Instances = slices.DeleteFunc(page.Instances, func(i Instance) bool {
				others[i.InstanceID] = !req.matchesTagFilters(i)
				return others[i.InstanceID]
			})
			page.Undecoded = slices.DeleteFunc(page.Undecoded, func(d *DecodeError) bool {
				// Keep the error if the tags or the resource group could not be decoded: the instance may match.
				return others[d.InstanceID] && !strings.HasPrefix(d.Path, "Tags") && d.Path != "ResourceGroupId"
			})
			if !deliver(l.dedupe(page)) {
				return errStopped
			}
		}
	}
	return nil
}

// toTagRequest returns the ListTagResources request for the instances with the tags of r or, if r has no tags, for the
// members of the resource group.
func (r DescribeInstancesRequest) toTagRequest() ListTagResourcesRequest {
	tags := r.Tags
	if len(tags) == 0 {
		tags = TagList{{Key: resourceGroupTag, Value: r.ResourceGroupID}}
	}
	return ListTagResourcesRequest{
		Tags: tags, OwnerAccount: r.OwnerAccount, ResourceOwnerAccount: r.ResourceOwnerAccount, OwnerID: r.OwnerID, ResourceOwnerID: r.ResourceOwnerID,
	}
}

// matchesTagFilters reports whether an instance that was fetched by id has the tags and the resource group of the
// request. It skips the filters that ListTagResources has applied.
func (r DescribeInstancesRequest) matchesTagFilters(i Instance) bool {
	if len(r.Tags) == 0 && r.InstanceIDs == nil {
		return true
	}
	for _, t := range r.Tags {
		if (len(r.Tags) > 1 || r.InstanceIDs != nil) && !isSystemTag(t) &&
			!slices.ContainsFunc(i.Tags, func(has Tag) bool { return has.Key == t.Key && (t.Value == "" || has.Value == t.Value) }) {
			return false
		}
	}
	return r.ResourceGroupID == "" || r.ResourceGroupID == i.ResourceGroupID
}

// mayBeTruncated reports whether the API's cap may have truncated a listing. If the request has other filters, the API
// may apply the cap before these filters. In that case, mayBeTruncated counts the instances that match only the tags or
// the resource group.
func (l *listing) mayBeTruncated(ctx context.Context, req DescribeInstancesRequest) (bool, error) {
	known := l.known()
	if !req.isSubjectToCap() || known > beyondCap {
		return false, nil
	}
	if req.InstanceIDs != nil && known >= len(unique(req.InstanceIDs)) {
		return false, nil
	}
	if known >= capSuspect {
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
	page, err := l.client.describeInstances(ctx, l.mode, count)
	if err == nil && page.TotalCount >= max(known, len(page.Instances)) {
		return page.TotalCount >= capSuspect, nil
	}
	// The count failed or is wrong, perhaps because the server does not support page numbers. Count the instances by
	// listing them instead.
	alone.MaxResults = maxPerRequest
	all := l.client.newListing()
	err = all.followTokens(ctx, alone, func(*DescribeInstancesResponse) bool { return all.known() < capSuspect })
	switch {
	case errors.Is(err, errStopped):
		return true, nil
	case err == nil && all.sawInstance && len(all.endedEmpty) > 0 && !l.client.trustEmpty:
		err = l.client.verifyEmpty(ctx, alone)
	}
	return all.known() < known-maxPerRequest/2, err // a listing that omits many known instances proves nothing
}
