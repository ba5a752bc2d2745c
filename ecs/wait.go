package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

const (
	// maxBatches bounds the batches of ids asked for at once.
	maxBatches = 8
	// maxFailedPolls is how many polls in a row may fail because the service or the way to it does.
	maxFailedPolls = 5

	defaultMinPoll = 2 * time.Second
	defaultMaxPoll = 15 * time.Second
)

// GetInstances gives the instances with the given ids, in that order, each once. It takes any number of ids and asks for
// them in batches of 100, several at once. No ids give no instances and no request.
//
// Ids that the region does not show are named in a [*NotFoundError], instances that could not be read in an
// [*IncompleteError]; with these two the instances that were found are returned too. When none is found, a dry run tells
// whether they are missing or may not be seen (ErrForbidden; see Options.TrustEmpty).
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
	var missing []string
	for _, id := range ids {
		if inst, ok := found[id]; ok {
			instances = append(instances, inst)
		} else if !slices.ContainsFunc(undecoded, func(d *DecodeError) bool { return d.InstanceID == id }) {
			missing = append(missing, id)
		}
	}
	if len(ids) > 0 && len(missing) == len(ids) && !c.trustEmpty {
		if err := c.checkEmpty(ctx, DescribeInstancesRequest{InstanceIDs: ids}); err != nil {
			return nil, err
		}
	}
	if len(missing) > 0 {
		err = &NotFoundError{InstanceIDs: missing}
	}
	if len(undecoded) > 0 {
		incomplete := &IncompleteError{Undecoded: undecoded}
		if err != nil {
			return instances, fmt.Errorf("%w; %w", err, incomplete)
		}
		return instances, incomplete
	}
	return instances, err
}

func checkIDs(ctx context.Context, ids []string) error {
	if ctx == nil {
		return invalid("ctx", "is nil, use context.Background()")
	}
	if i := slices.Index(ids, ""); i >= 0 {
		return invalid(fmt.Sprintf("ids[%d]", i), "is empty")
	}
	return nil
}

// lookUp asks for ids in parallel batches. An empty answer is not checked for permission.
func (c *Client) lookUp(ctx context.Context, ids []string) (found map[string]Instance, undecoded []*DecodeError, err error) {
	var runs []func(context.Context) iter.Seq2[*DescribeInstancesResponse, error]
	for batch := range slices.Chunk(ids, maxBatch) {
		runs = append(runs, func(ctx context.Context) iter.Seq2[*DescribeInstancesResponse, error] {
			return func(yield func(*DescribeInstancesResponse, error) bool) {
				l := listing{client: c, trustEmpty: true}
				err := l.chain(ctx, DescribeInstancesRequest{InstanceIDs: batch, MaxResults: maxBatch},
					func(page *DescribeInstancesResponse) bool { return yield(page, nil) })
				if err != nil && !errors.Is(err, errStopped) {
					yield(nil, err)
				}
			}
		})
	}
	found = make(map[string]Instance, len(ids))
	for page, err := range pagination.Merge(ctx, maxBatches, runs...) {
		if err != nil {
			return nil, nil, failure(describeInstances, c.region, err)
		}
		for _, inst := range page.Instances {
			found[inst.InstanceID] = inst
		}
		undecoded = append(undecoded, page.Undecoded...)
	}
	return found, undecoded, nil
}

// WaitForStatus polls until every instance has been seen in the status want, and returns them as they were then, in the
// order of the ids, each once. It takes any number of ids; Options.Poll sets the pace. Ids that the API does not show yet
// count as not there yet.
//
// It ends early with a [*WaitError] when an instance cannot get there any more: it was there and is gone, it is locked
// for a reason that ends in its release or keeps it from starting, or it is past Pending. It also ends when ctx does
// (give it a deadline), when the API refuses, and when five polls in a row fail although each is retried. The WaitError
// names what is pending; the instances that got there are returned with it.
func (c *Client) WaitForStatus(ctx context.Context, want InstanceStatus, ids ...string) ([]Instance, error) {
	if want == "" {
		return nil, refused(describeInstances, c.region, invalid("want", "is empty, give a status such as %q", StatusRunning))
	}
	reached := map[string]Instance{}
	gone := map[string]bool{} // seen, then missing once
	err := c.pollUntil(ctx, want, ids, func(pending map[string]InstanceStatus, found map[string]Instance) error {
		for id, last := range pending {
			inst, ok := found[id]
			switch {
			case !ok && last != "" && gone[id]:
				return fmt.Errorf("instance %s is gone", id)
			case !ok:
				gone[id] = last != "" // once may be a moment's inconsistency
				continue
			case inst.Status == want:
				reached[id] = inst
				delete(pending, id)
				continue
			}
			delete(gone, id)
			pending[id] = inst.Status
			if why := unreachable(inst, want); why != "" {
				return fmt.Errorf("instance %s cannot become %s: %s", id, want, why)
			}
		}
		return nil
	})
	var instances []Instance
	for _, id := range unique(ids) {
		if inst, ok := reached[id]; ok {
			instances = append(instances, inst)
		}
	}
	return instances, err
}

// unreachable says why an instance will not get to a status, as far as the API allows to know; "" when it may.
func unreachable(i Instance, want InstanceStatus) string {
	if want == StatusPending {
		return "it is " + string(i.Status) + ", and only a new instance is Pending"
	}
	for _, lock := range i.OperationLocks {
		if lock.LockReason.Is(LockRecycling) || lock.LockReason.Is(LockRefunded) {
			return "it is locked (" + string(lock.LockReason) + ") and about to be released"
		}
		if want == StatusRunning || want == StatusStarting {
			return "it is locked (" + string(lock.LockReason) + ") and cannot be started"
		}
	}
	return ""
}

// WaitUntilGone polls until the API shows none of the instances any more. An id that never existed is gone. Options.Poll
// sets the pace.
//
// A poll that shows no instance at all is checked by a dry run, so that a lost permission does not look like success
// (see Options.TrustEmpty). It ends with a [*WaitError] for the same reasons as WaitForStatus; Want is "" there.
func (c *Client) WaitUntilGone(ctx context.Context, ids ...string) error {
	return c.pollUntil(ctx, "", ids, func(pending map[string]InstanceStatus, found map[string]Instance) error {
		for id := range pending {
			if inst, ok := found[id]; ok {
				pending[id] = inst.Status
			} else {
				delete(pending, id)
			}
		}
		return nil
	})
}

// pollUntil polls the pending ids until step has removed them all. step gets what a poll found; it notes the status of
// what stays pending, and ends the wait with an error.
func (c *Client) pollUntil(ctx context.Context, want InstanceStatus, ids []string, step func(pending map[string]InstanceStatus, found map[string]Instance) error) error {
	if err := checkIDs(ctx, ids); err != nil {
		return refused(describeInstances, c.region, err)
	}
	pending := make(map[string]InstanceStatus, len(ids))
	for _, id := range ids {
		pending[id] = ""
	}
	delay, failed, checked := cmp.Or(c.poll.MinDelay, defaultMinPoll), 0, false
	longest := max(delay, cmp.Or(c.poll.MaxDelay, defaultMaxPoll))
	for len(pending) > 0 {
		found, err := c.pollOnce(ctx, slices.Sorted(maps.Keys(pending)), &checked)
		if err == nil {
			failed = 0
			err = step(pending, found)
		} else if ctx.Err() == nil && failed < maxFailedPolls-1 && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled)) {
			failed++
			err = nil
		}
		if err != nil {
			return &WaitError{Want: want, Pending: pending, Err: err}
		}
		if len(pending) == 0 {
			return nil
		}
		timer := time.NewTimer(delay/2 + rand.N(delay/2+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return &WaitError{Want: want, Pending: pending, Err: failure(describeInstances, c.region, ctx.Err())}
		}
		delay = min(delay*3/2, longest)
	}
	return nil
}

// pollOnce looks the ids up. An instance that cannot be read counts as found, without status. When nothing is found, a
// dry run makes sure that it could be seen; once is enough until something is found again.
func (c *Client) pollOnce(ctx context.Context, ids []string, checked *bool) (map[string]Instance, error) {
	found, undecoded, err := c.lookUp(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, d := range undecoded {
		if d.InstanceID == "" {
			return nil, d // nobody knows which one it is, so none of the missing can be called missing
		}
		found[d.InstanceID] = Instance{InstanceID: d.InstanceID}
	}
	switch {
	case len(found) > 0:
		*checked = false
	case !*checked && !c.trustEmpty:
		*checked = true
		err = c.checkEmpty(ctx, DescribeInstancesRequest{InstanceIDs: ids})
	}
	return found, err
}
