package ecs

import (
	"context"
	"fmt"
	"slices"
)

// maxParallelBatches is the maximum number of batches of ids that are looked up concurrently.
const maxParallelBatches = 16

// GetInstances returns the instances with the given ids, in the order of the ids, without duplicates. It accepts
// any number of ids and looks them up in batches of 100, at most 16 at once. Without ids it returns nothing and
// sends nothing.
//
// [*NotFoundError] names the ids that do not exist in the region, and [*IncompleteError] the values that could not
// be decoded; with these two errors, the instances that were found are returned as well. An id is reported as
// missing only if the caller is known to have the permission: a batch in which none of the ids is found is checked
// by a dry run, and if that fails, GetInstances returns an error matching ErrForbidden or an [*UnconfirmedError];
// see Options.TrustEmpty. If the response contains an instance whose id cannot be read, it may be any of the
// missing ones, so no id is reported as missing.
func (c *Client) GetInstances(ctx context.Context, ids ...string) ([]Instance, error) {
	if err := checkIDs(ctx, ids); err != nil {
		return nil, invalidCall(describeInstances, c.Region(), err)
	}
	found, err := c.lookUp(ctx, retryPage, ids, nil)
	if err != nil {
		return nil, err
	}
	instances := make([]Instance, 0, len(found.instances))
	var missing []string
	for _, id := range unique(ids) {
		if inst, ok := found.instances[id]; ok {
			instances = append(instances, inst)
		} else if found.isMissing(id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		err = &NotFoundError{InstanceIDs: missing, region: c.region}
	}
	if len(found.undecoded) > 0 {
		incomplete := &IncompleteError{Undecoded: found.undecoded, region: c.region}
		if err != nil {
			return instances, fmt.Errorf("%w; %w", err, incomplete)
		}
		return instances, incomplete
	}
	return instances, err
}

func checkIDs(ctx context.Context, ids []string) error {
	if ctx == nil {
		return errNilContext
	}
	return checkElements("ids", ids)
}

// lookUpResult is the result of a lookup by id.
type lookUpResult struct {
	instances map[string]Instance
	undecoded []*DecodeError
	confirmed bool // whether a dry run confirmed an empty batch
}

// isMissing reports whether an id that is not among the instances does not exist, as opposed to one that was
// returned but could not be decoded.
func (r *lookUpResult) isMissing(id string) bool {
	return len(r.undecodedOf(id)) == 0
}

// undecodedOf returns the decode errors of an instance and those without a readable id.
func (r *lookUpResult) undecodedOf(id string) (list []*DecodeError) {
	for _, d := range r.undecoded {
		if d.InstanceID == id || d.InstanceID == "" {
			list = append(list, d)
		}
	}
	return list
}

// lookUp looks up ids in parallel batches. A batch without any result is checked for permission, unless trust
// returns true for it; a nil trust checks all of them.
func (c *Client) lookUp(ctx context.Context, mode retryMode, ids []string, trust func(batch []string) bool) (*lookUpResult, error) {
	found := &lookUpResult{instances: make(map[string]Instance, len(ids))}
	if len(ids) == 0 {
		return found, nil
	}
	req := DescribeInstancesRequest{InstanceIDs: ids}
	batches, err := req.split(ctx)
	if err != nil {
		return nil, invalidCall(describeInstances, c.region, err)
	}
	l := c.newListing()
	l.mode = mode
	collect := func(page *DescribeInstancesResponse) bool {
		for _, inst := range page.Instances {
			found.instances[inst.InstanceID] = inst
		}
		return true
	}
	if err = l.followAll(ctx, maxParallelBatches, batches, collect); err == nil {
		if trust != nil {
			l.emptyEnds = slices.DeleteFunc(l.emptyEnds, func(batch DescribeInstancesRequest) bool { return trust(batch.InstanceIDs) })
		}
		found.confirmed = len(l.emptyEnds) > 0
		err = l.verifyEmptyEnds(ctx, req, maxParallelBatches, collect)
	}
	found.undecoded, l.undecoded = l.undecoded, nil
	return found, l.finalError(err)
}
