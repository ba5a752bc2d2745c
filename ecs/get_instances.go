package ecs

import (
	"context"
	"fmt"
	"slices"
)

// maxParallelBatches is the maximum number of batches of ids that are looked up in parallel.
const maxParallelBatches = 16

// GetInstances returns the instances with the given ids, in the order of the ids and without duplicates. The number of
// ids is not limited: GetInstances requests batches of 100 ids, up to 16 of them in parallel. Without ids, it sends no
// request and returns an empty slice.
//
// If some ids do not exist in the region, GetInstances returns a [*NotFoundError]. If some values could not be decoded,
// it returns an [*IncompleteError]. In both cases it also returns the instances that were found.
//
// If no id of a batch is found, GetInstances sends a dry run to check the caller's permission; see Options.TrustEmpty.
// If the dry run fails, the error matches ErrForbidden or is an [*UnconfirmedError]. If a response contains an instance
// with an unreadable id, GetInstances reports no id as missing.
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
	confirmed bool // whether a dry run has verified the permission
}

// isMissing reports whether an instance that was not found certainly does not exist. It returns false if the API
// returned an instance whose id could not be decoded, because that could be the instance.
func (r *lookUpResult) isMissing(id string) bool {
	return len(r.undecodedOf(id)) == 0
}

// undecodedOf returns the decode errors of the instance with the given id, and of all instances without a readable id.
func (r *lookUpResult) undecodedOf(id string) (list []*DecodeError) {
	for _, d := range r.undecoded {
		if d.InstanceID == id || d.InstanceID == "" {
			list = append(list, d)
		}
	}
	return list
}

// lookUp looks up ids in parallel batches. If a batch returns no instance, lookUp verifies the permission to list,
// unless trust is not nil and returns true for the batch.
func (c *Client) lookUp(ctx context.Context, mode retryMode, ids []string, trust func(batch []string) bool) (*lookUpResult, error) {
	found := &lookUpResult{instances: make(map[string]Instance, len(ids))}
	if len(ids) == 0 {
		return found, nil
	}
	req := DescribeInstancesRequest{InstanceIDs: ids}
	batches, err := req.splitLists(ctx)
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
			l.endedEmpty = slices.DeleteFunc(l.endedEmpty, func(batch DescribeInstancesRequest) bool { return trust(batch.InstanceIDs) })
		}
		found.confirmed = len(l.endedEmpty) > 0
		err = l.verifyEmptyLastPages(ctx, req, maxParallelBatches, collect)
	}
	found.undecoded, l.undecoded = l.undecoded, nil
	return found, l.finalError(err)
}
