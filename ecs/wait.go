package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	// maxBatches bounds the batches of ids asked for at once.
	maxBatches = 16
	// maxFailedPolls is how many polls in a row may fail because the service or the way to it does.
	maxFailedPolls = 5

	defaultMinPoll = 2 * time.Second
	defaultMaxPoll = 15 * time.Second
)

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
	for page, err := range c.parallelPages(ctx, maxBatches, batches) {
		if err != nil {
			return nil, nil, failure(describeInstances, c.region, err)
		}
		for _, inst := range l.take(page).Instances {
			found[inst.InstanceID] = inst
		}
	}
	return found, l.undecoded, nil
}

// WaitForStatus polls until every instance has been seen in the status want, and returns them as they were then, in the
// order of the ids, each once. It takes any number of ids; Options.Poll sets the pace. Ids that the API does not show yet
// count as not there yet.
//
// It ends early with a [*WaitError] when an instance cannot get there any more: it was there and is gone, it is locked
// for a reason that ends in its release or keeps it from being started, it is past Pending; and when one cannot be read.
// It also ends when ctx does (give it a deadline), when the API refuses, and when five polls in a row fail although each
// is retried. The WaitError names what is pending; the instances that got there are returned with it.
func (c *Client) WaitForStatus(ctx context.Context, want InstanceStatus, ids ...string) ([]Instance, error) {
	if err := checkStatus(want); err != nil {
		return nil, refused(describeInstances, c.region, err)
	}
	reached := map[string]Instance{}
	there, gone := map[string]bool{}, map[string]bool{} // seen at all; seen, and then missing from the last poll
	err := c.pollUntil(ctx, want, ids, func(p *poll, id string) error {
		inst, found := p.found[id]
		switch {
		case p.unreadable[id] != nil:
			return p.unreadable[id]
		case !found && gone[id]: // twice, since once may be a moment's inconsistency
			return fmt.Errorf("instance %s is gone", id)
		case !found:
			gone[id] = there[id]
			return nil
		case inst.Status == want:
			reached[id] = inst
			delete(p.pending, id)
			return nil
		}
		there[id], gone[id] = true, false
		p.pending[id] = inst.Status
		if why := unreachable(inst, want); why != "" {
			return fmt.Errorf("instance %s cannot become %s: %s", id, want, why)
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

// checkStatus refuses what no instance will ever be in. A status that is not known yet may be one of tomorrow's.
func checkStatus(want InstanceStatus) error {
	if want == "" {
		return invalid("want", "is empty, give a status such as %q", InstanceStatusRunning)
	}
	for _, known := range []InstanceStatus{InstanceStatusPending, InstanceStatusRunning, InstanceStatusStarting, InstanceStatusStopping, InstanceStatusStopped} {
		if want != known && strings.EqualFold(string(want), string(known)) {
			return invalid("want", "is %q, and the API writes %q", string(want), known)
		}
	}
	return nil
}

// unreachable says why an instance will not get to a status, as far as the API allows to know; "" when it may.
func unreachable(i Instance, want InstanceStatus) string {
	if want == InstanceStatusPending && i.Status != "" {
		return "it is " + string(i.Status) + ", and only a new instance is Pending"
	}
	for _, lock := range i.OperationLocks {
		switch r := lock.LockReason; {
		case r.Is(LockReasonRecycling) && i.SpotInterruptionBehavior == SpotInterruptionBehaviorStop: // it will be stopped, not released
		case r.Is(LockReasonRecycling), r.Is(LockReasonRefunded):
			return "it is locked (" + string(r) + ") and about to be released"
		case want != InstanceStatusRunning && want != InstanceStatusStarting:
		case r.Is(LockReasonFinancial), r.Is(LockReasonSecurity), r.Is(LockReasonDedicatedHostFinancial):
			return "it is locked (" + string(r) + ") and cannot be started"
		}
	}
	return ""
}

// WaitUntilGone polls until the API has shown none of the instances: one poll without it is enough for each. An id that
// never existed is gone. Options.Poll sets the pace.
//
// A poll that shows no instance at all is checked by a dry run, so that a lost permission does not look like success
// (see Options.TrustEmpty). It ends with a [*WaitError] when ctx does (give it a deadline), when the API refuses, and
// when five polls in a row fail although each is retried; Want is "" there.
func (c *Client) WaitUntilGone(ctx context.Context, ids ...string) error {
	return c.pollUntil(ctx, "", ids, func(p *poll, id string) error {
		if inst, ok := p.found[id]; ok || p.unreadable[id] != nil {
			p.pending[id] = inst.Status
		} else {
			delete(p.pending, id)
		}
		return nil
	})
}

// poll is what a waiter knows.
type poll struct {
	pending    map[string]InstanceStatus
	found      map[string]Instance // by the last poll
	unreadable map[string]*DecodeError
	checked    bool // a dry run was made, and nothing was found since
}

// pollUntil polls the pending ids until step has removed them all. step is called for each of them after each poll: it
// notes the status of an id that stays pending, and ends the wait with an error, the first of which counts.
func (c *Client) pollUntil(ctx context.Context, want InstanceStatus, ids []string, step func(p *poll, id string) error) error {
	if err := checkIDs(ctx, ids); err != nil {
		return refused(describeInstances, c.region, err)
	}
	p := poll{pending: make(map[string]InstanceStatus, len(ids))}
	for _, id := range ids {
		p.pending[id] = ""
	}
	failed := 0
	for polls := 1; len(p.pending) > 0; polls++ {
		asked := slices.Sorted(maps.Keys(p.pending))
		err := c.pollOnce(ctx, &p, asked)
		switch {
		case err == nil:
			failed = 0
			for _, id := range asked {
				err = cmp.Or(err, step(&p, id))
			}
		case ctx.Err() == nil && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled)):
			if failed++; failed < maxFailedPolls {
				err = nil
			}
		}
		if err != nil {
			return &WaitError{Want: want, Pending: p.pending, Err: err}
		}
		if len(p.pending) == 0 {
			break
		}
		timer := time.NewTimer(c.poll.pause(polls))
		select {
		case <-timer.C:
		case <-ctx.Done(): // the next poll says so
			timer.Stop()
		}
	}
	return nil
}

// pollOnce looks the ids up. When nothing is found, a dry run makes sure that it could be seen; one is enough until
// something is found again. Where that remains open because the service fails, the poll does.
func (c *Client) pollOnce(ctx context.Context, p *poll, ids []string) error {
	found, undecoded, err := c.lookUp(ctx, ids)
	if err != nil {
		return err
	}
	p.found, p.unreadable = found, map[string]*DecodeError{}
	for _, d := range undecoded {
		if d.InstanceID == "" {
			return d // nobody knows which one it is, so none that is missing can be called missing
		}
		if d.Path == "Status" || strings.HasPrefix(d.Path, "OperationLocks") { // what the waiters look at
			p.unreadable[d.InstanceID] = d
		}
	}
	switch {
	case len(found)+len(undecoded) > 0:
		p.checked = false
	case !p.checked && !c.trustEmpty:
		sure, err := c.checkEmpty(ctx, DescribeInstancesRequest{InstanceIDs: ids})
		if err != nil && (sure || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled)) {
			return err
		}
		p.checked = true
	}
	return nil
}

// pause is the time to wait after a number of polls: random, half as long again each time, within the policy's bounds.
func (p PollPolicy) pause(polls int) time.Duration {
	longest := cmp.Or(p.MaxDelay, defaultMaxPoll)
	shortest := cmp.Or(p.MinDelay, min(defaultMinPoll, longest))
	longest = max(longest, shortest)
	last := max(shortest, longest-longest/3) // where growth ends, so that the last pauses differ too
	from := shortest
	for polls > 1 && from < last {
		from += min(from/2+1, last-from)
		polls--
	}
	return from + rand.N(min(from/2, longest-from)+1)
}
