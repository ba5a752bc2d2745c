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
	// maxFailedPolls is the number of consecutive failed polls that end a wait, if the service is unavailable or
	// throttles the polls. Any other error ends the wait immediately.
	maxFailedPolls = 5

	defaultMinPoll = 2 * time.Second
	defaultMaxPoll = 15 * time.Second
)

// WaitForStatus polls until every instance has reached the status want. It returns each instance as it was when it
// reached the status, in the order of the ids and without duplicates. An instance may change afterwards. Options.Poll
// sets the delays between polls.
//
// WaitForStatus also waits for instances that the API does not return yet. It accepts a status for which there is no
// constant, because the API may add statuses.
//
// WaitForStatus returns a [*WaitError] in the following cases:
//
//   - An instance can no longer reach the status: it no longer exists, it is locked for a reason that leads to its
//     release or prevents a start, or its status cannot be decoded. If want is Pending, an instance with another status
//     also ends the wait. If want is Running, a stopped instance does not end the wait, because another program may
//     start it.
//   - ctx is done. Set a deadline to limit the wait.
//   - The API rejects a request.
//   - Instances are missing from a response, and a dry run cannot verify the permission.
//   - Five consecutive polls fail despite retries.
//
// Together with the error, WaitForStatus returns the instances that have reached the status.
func (c *Client) WaitForStatus(ctx context.Context, want InstanceStatus, ids ...string) ([]Instance, error) {
	if err := checkStatus(want); err != nil {
		return nil, invalidCall(describeInstances, c.Region(), err)
	}
	reached := map[string]Instance{}
	err := c.pollUntil(ctx, want, ids, func(p *poll, id string) error {
		inst, found := p.found.instances[id]
		undecoded := p.found.undecodedOf(id)
		switch {
		case len(undecoded) > 0 && inst.Status == "":
			return undecoded[0]
		case !found && p.missedOnce[id]: // a single poll without the instance may be a temporary inconsistency
			return fmt.Errorf("instance %s no longer exists", id)
		case !found:
			p.missedOnce[id] = p.seen[id]
			return nil
		case inst.Status == want:
			reached[id] = inst
			delete(p.pending, id)
			return nil
		}
		p.seen[id], p.missedOnce[id] = true, false
		p.pending[id] = word(inst.Status)
		if reason := cannotReach(inst, want); reason != "" {
			return fmt.Errorf("instance %s cannot become %s: %s", id, want, reason)
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

// checkStatus returns an error if the status is empty or differs from a known status only in case. It accepts unknown
// statuses, because the API may add statuses.
func checkStatus(want InstanceStatus) error {
	if want == "" {
		return invalid("want", "must not be empty: use a status such as %q", InstanceStatusRunning)
	}
	for _, known := range []InstanceStatus{InstanceStatusPending, InstanceStatusRunning, InstanceStatusStarting, InstanceStatusStopping, InstanceStatusStopped} {
		if want != known && strings.EqualFold(string(want), string(known)) {
			return invalid("want", "has the wrong case in %q: use %q", string(want), known)
		}
	}
	return nil
}

// cannotReach returns the reason why an instance will never reach the status, or "" if the instance may still reach it.
func cannotReach(i Instance, want InstanceStatus) string {
	if want == InstanceStatusPending && i.Status != "" {
		return "the instance is " + string(word(i.Status)) + ", and only a new instance can be Pending"
	}
	for _, lock := range i.OperationLocks {
		switch r := lock.LockReason; {
		// the instance will be stopped, not released
		case r.Is(LockReasonRecycling) && i.SpotInterruptionBehavior == SpotInterruptionBehaviorStop:
		case r.Is(LockReasonRecycling), r.Is(LockReasonRefunded):
			return "the instance is locked (" + string(r) + ") and about to be released"
		case want != InstanceStatusRunning && want != InstanceStatusStarting:
		case r.Is(LockReasonFinancial), r.Is(LockReasonSecurity), r.Is(LockReasonDedicatedHostFinancial):
			return "the instance is locked (" + string(r) + ") and cannot be started"
		}
	}
	return ""
}

// word returns s if s consists of up to 32 letters, like every known status. Otherwise, it returns "***", because other
// values may contain a secret.
func word[T ~string](s T) T {
	notLetter := func(r rune) bool { return r < 'A' || r > 'z' || r > 'Z' && r < 'a' }
	if len(s) > 32 || strings.ContainsFunc(string(s), notLetter) {
		return "***"
	}
	return s
}

// WaitUntilGone polls until none of the instances exists. An instance counts as gone as soon as one poll does not
// return it. An id that never existed counts as gone, too. Options.Poll sets the delays between polls.
//
// If no instance of a batch of ids is returned, a dry run checks the permission, so that a missing permission is not
// mistaken for success; see Options.TrustEmpty. WaitUntilGone returns a [*WaitError] if ctx is done, if the API rejects
// a request, if the dry run fails, or if five consecutive polls fail despite retries. Set a deadline on ctx to limit
// the wait.
func (c *Client) WaitUntilGone(ctx context.Context, ids ...string) error {
	return c.pollUntil(ctx, "", ids, func(p *poll, id string) error {
		if inst, ok := p.found.instances[id]; ok {
			p.pending[id] = word(inst.Status)
		} else {
			delete(p.pending, id)
		}
		return nil
	})
}

// poll is the state of one call of WaitForStatus or WaitUntilGone.
type poll struct {
	want       InstanceStatus            // "" for WaitUntilGone
	pending    map[string]InstanceStatus // maps each id that is still waited for to the last known status
	seen       map[string]bool           // ids that a poll has returned
	missedOnce map[string]bool           // ids that were returned before, but not by the last poll
	found      *lookUpResult             // result of the last poll
	confirmed  time.Time                 // when a dry run last confirmed that the missing ids do not exist
}

// pollUntil polls until p.pending is empty, and calls step for each pending id after each poll. The function step
// removes the id from p.pending or records its status. An error returned by step ends the wait.
func (c *Client) pollUntil(ctx context.Context, want InstanceStatus, ids []string, step func(p *poll, id string) error) error {
	if err := checkIDs(ctx, ids); err != nil {
		return invalidCall(describeInstances, c.Region(), err)
	}
	p := poll{want: want, pending: make(map[string]InstanceStatus, len(ids)), seen: map[string]bool{}, missedOnce: map[string]bool{}}
	for _, id := range ids {
		p.pending[id] = ""
	}
	failed, lastFailure := 0, error(nil)
	for polls := 1; len(p.pending) > 0; polls++ {
		pending := slices.Sorted(maps.Keys(p.pending))
		err := c.pollOnce(ctx, &p, pending)
		switch {
		case err == nil:
			failed, lastFailure = 0, nil
			for _, id := range pending {
				err = cmp.Or(err, step(&p, id))
			}
		case ctx.Err() == nil && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrThrottled)):
			if failed++; failed < maxFailedPolls {
				err, lastFailure = nil, err
			}
		case ctx.Err() != nil && lastFailure != nil: // the error of ctx does not say why the wait took so long
			err = fmt.Errorf("%w; last poll: %w", err, lastFailure)
		}
		if err != nil {
			return &WaitError{Want: want, Pending: p.pending, Err: err}
		}
		if len(p.pending) == 0 {
			break
		}
		select {
		case <-time.After(c.poll.pause(polls)):
		case <-ctx.Done(): // the next poll returns the error of ctx
		}
	}
	return nil
}

// pollOnce looks up the pending ids. A dry run verifies the permission if an instance is missing that was returned
// before or is expected to be gone. Otherwise, one dry run every five minutes is sufficient.
func (c *Client) pollOnce(ctx context.Context, p *poll, ids []string) error {
	found, err := c.lookUp(ctx, retryPage, ids, func(batch []string) bool {
		return p.want != "" && isRecent(p.confirmed) && !slices.ContainsFunc(batch, func(id string) bool { return p.seen[id] })
	})
	if err != nil {
		return err
	}
	for _, d := range found.undecoded {
		if d.InstanceID == "" {
			return d // the undecoded instance may be one of the missing instances
		}
	}
	p.found = found
	if found.confirmed {
		p.confirmed = time.Now()
	}
	return nil
}

// pause returns the random delay after the given number of polls. The delay increases by half after each poll, within
// the bounds of the policy.
func (p PollPolicy) pause(polls int) time.Duration {
	longest := cmp.Or(p.MaxDelay, defaultMaxPoll)
	shortest := cmp.Or(p.MinDelay, min(defaultMinPoll, longest))
	longest = max(longest, shortest)
	last := longest - longest/3 // below the maximum, so that even the longest delays are random
	from := shortest
	for polls > 1 && from < last {
		from += min(from/2+1, last-from)
		polls--
	}
	return from + rand.N(min(from/2, longest-from)+1)
}
