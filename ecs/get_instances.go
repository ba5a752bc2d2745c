package ecs

import (
	"context"
	"fmt"
	"slices"
)

// maxParallelBatches is how many batches of ids are looked up at once.
const maxParallelBatches = 16

// GetInstances returns the instances with the given ids, in the order of the ids, each once. It accepts any number of ids
// and looks them up in batches of 100, at most 16 at once. Without ids it returns nothing and sends nothing.
//
// [*NotFoundError] names the ids that do not exist in the region, and [*IncompleteError] what could not be decoded; with
// these two errors the instances that were found are returned as well. An id is called missing only if the caller is
// certain to have the permission: a batch that shows none of its ids is checked by a dry run, which ends with ErrForbidden
// or [*UnconfirmedError] otherwise; see Options.TrustEmpty. If an instance without a readable id was returned, any of the
// missing ids may be its id, and none is called missing.
func (c *Client) GetInstances(ctx context.Context, ids ...string) ([]Instance, error) {
	if err := checkIDs(ctx, ids); err != nil {
		return nil, refused(describeInstances, c.region, err)
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

// lookUpResult is what a lookup by id found.
type lookUpResult struct {
	instances map[string]Instance
	undecoded []*DecodeError
	confirmed bool // a dry run confirmed an empty batch
}

// isMissing reports whether an id that is not among the instances does not exist: it was not returned undecoded either.
func (r *lookUpResult) isMissing(id string) bool {
	return !slices.ContainsFunc(r.undecoded, func(d *DecodeError) bool { return d.InstanceID == id || d.InstanceID == "" })
}

// undecodedOf returns why an instance, or one without a readable id, could not be decoded completely.
func (r *lookUpResult) undecodedOf(id string) (list []*DecodeError) {
	for _, d := range r.undecoded {
		if d.InstanceID == id || d.InstanceID == "" {
			list = append(list, d)
		}
	}
	return list
}

// lookUp looks ids up in parallel batches. Batches that show nothing are checked for permission, except those for which
// trust returns true; a nil trust checks all of them.
func (c *Client) lookUp(ctx context.Context, mode retryMode, ids []string, trust func(batch []string) bool) (*lookUpResult, error) {
	found := &lookUpResult{instances: make(map[string]Instance, len(ids))}
	if len(ids) == 0 {
		return found, nil
	}
	req := DescribeInstancesRequest{InstanceIDs: ids}
	batches, err := req.split(ctx)
	if err != nil {
		return nil, refused(describeInstances, c.region, err)
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
