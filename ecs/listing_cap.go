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
	// resourceCap is where DescribeInstances stops without a sign when it filters by tag or resource group.
	resourceCap = 1000
	// resourceGroupTag is the system tag by which ListTagResources finds the members of a resource group.
	resourceGroupTag = "acs:rm:rgId"
)

// continuePastCap goes on where the API stopped without a sign: it lists what carries the tag or is in the resource group, and
// asks for what is not known yet by id, all other filters kept.
func (l *listing) continuePastCap(ctx context.Context, req DescribeInstancesRequest, yield func(*DescribeInstancesResponse) bool) error {
	if capped, err := l.mayBeTruncated(ctx, req); err != nil || !capped {
		return err
	}
	cappedErr := func(err error) error { return &CappedError{Delivered: l.delivered, Err: err, region: l.client.region} }
	if req.NextToken != "" {
		return cappedErr(errors.New("it began with a NextToken, so that nobody knows what came before: list from the beginning"))
	}
	// Whether the cap also counts before ids are looked at is not known. So the ids are asked for without tag and group.
	rest := req
	rest.Tags, rest.ResourceGroupID, rest.MaxResults = nil, "", cmp.Or(req.MaxResults, maxPerRequest)
	var batch []string
	flush := func() error {
		rest.InstanceIDs, batch = batch, nil
		for page, err := range l.client.tokenPages(ctx, rest) {
			if err != nil {
				return err
			}
			page.Instances = slices.DeleteFunc(page.Instances, func(i Instance) bool { return !req.matchesTagFilters(i) })
			if !yield(l.dedupe(page)) {
				return errStopped
			}
		}
		return nil
	}
	if req.InstanceIDs != nil { // then what to look for is known
		for ids := range slices.Chunk(slices.DeleteFunc(unique(req.InstanceIDs), l.seen.has), maxPerRequest) {
			batch = ids
			if err := flush(); err != nil {
				return err
			}
		}
		return nil
	}
	var listed idSet
	had, again := l.seen.len(), 0 // how many were known before, and were listed now
	for row, err := range l.client.ListTagResources(ctx, req.toTagRequest()) {
		switch {
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			return cappedErr(err)
		case row.ResourceID == "" || !listed.add(row.ResourceID):
			continue
		case l.seen.has(row.ResourceID):
			again++
			continue
		}
		if batch = append(batch, row.ResourceID); len(batch) == maxPerRequest {
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
	if max(resourceCap-listed.len(), had-again) > maxPerRequest/2 {
		return cappedErr(fmt.Errorf("ListTagResources names only %d instances, and %d of the %d that were known before", listed.len(), again, had))
	}
	return nil
}

// tagged asks for what the cap is counted in.
func (r DescribeInstancesRequest) toTagRequest() ListTagResourcesRequest {
	tags := r.Tags
	if len(tags) == 0 {
		tags = TagList{{Key: resourceGroupTag, Value: r.ResourceGroupID}}
	}
	return ListTagResourcesRequest{
		Tags: tags, OwnerAccount: r.OwnerAccount, ResourceOwnerAccount: r.ResourceOwnerAccount, OwnerID: r.OwnerID, ResourceOwnerID: r.ResourceOwnerID,
	}
}

// matchesTagFilters checks what ListTagResources leaves open: the group besides tags, and whether all of several tags are there
// or any; of ids that it was not asked for, everything. Tags of the system are not shown by instances.
func (r DescribeInstancesRequest) matchesTagFilters(i Instance) bool {
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
func (l *listing) mayBeTruncated(ctx context.Context, req DescribeInstancesRequest) (bool, error) {
	known := l.delivered + len(l.undecoded)
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
	alone.MaxResults = maxPerRequest
	all := listing{client: l.client}
	err = all.followTokens(ctx, alone, func(*DescribeInstancesResponse) bool { return all.rows < resourceCap })
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
