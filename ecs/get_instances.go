package ecs

import (
	"context"
	"fmt"
	"slices"
)

// maxParallelBatches bounds the batches of ids asked for at once.
const maxParallelBatches = 16

// GetInstances gives the instances with the given ids, in that order, each once. It takes any number of ids and asks for
// them in batches of 100, up to 16 at once. No ids give no instances and no request.
//
// Ids that the region does not show are named in a [*NotFoundError], instances that could not be read in an
// [*IncompleteError]; with these two the instances that were found are returned too. When not even the id of one could be
// read, any of the others may be that one, and none is called missing. When none is found, a dry run tells whether they
// are missing or may not be seen (ErrForbidden; see Options.TrustEmpty).
func (c *Client) GetInstances(ctx context.Context, ids ...string) ([]Instance, error) {
	if err := checkIDs(ctx, ids); err != nil {
		return nil, refused(describeInstances, c.region, err)
	}
	ids = unique(ids)
	found, undecoded, err := c.lookUp(ctx, ids)
	if err != nil {
		return nil, err
	}
	instances := make([]Instance, 0, len(found))
	unreadable := map[string]bool{}
	for _, d := range undecoded {
		unreadable[d.InstanceID] = true
	}
	var missing []string
	for _, id := range ids {
		if inst, ok := found[id]; ok {
			instances = append(instances, inst)
		} else if !unreadable[id] && !unreadable[""] {
			missing = append(missing, id)
		}
	}
	if len(ids) > 0 && len(found)+len(undecoded) == 0 && !c.trustEmpty {
		if _, err = c.confirmEmpty(ctx, DescribeInstancesRequest{InstanceIDs: ids}); err != nil {
			return nil, err
		}
	}
	if len(missing) > 0 {
		err = &NotFoundError{InstanceIDs: missing, region: c.region}
	}
	if len(undecoded) > 0 {
		incomplete := &IncompleteError{Undecoded: undecoded, region: c.region}
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
	if i := slices.Index(ids, ""); i >= 0 {
		return invalid(fmt.Sprintf("ids[%d]", i), "is empty")
	}
	return nil
}

// lookUp asks for ids in parallel batches. An empty answer is not checked for permission.
func (c *Client) lookUp(ctx context.Context, ids []string) (found map[string]Instance, undecoded []*DecodeError, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	batches, err := DescribeInstancesRequest{InstanceIDs: ids}.batches(ctx)
	if err != nil {
		return nil, nil, refused(describeInstances, c.region, err)
	}
	l := listing{client: c}
	found = make(map[string]Instance, len(ids))
	for page, err := range c.parallelTokenPages(ctx, maxParallelBatches, batches) {
		if err != nil {
			return nil, nil, failure(describeInstances, c.region, err)
		}
		for _, inst := range l.dedupe(page).Instances {
			found[inst.InstanceID] = inst
		}
	}
	return found, l.undecoded, nil
}
