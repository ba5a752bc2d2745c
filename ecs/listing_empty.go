package ecs

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"
)

// permissionMemory is the time for which the client trusts a dry run that confirmed an empty result.
const permissionMemory = 5 * time.Minute

// maxVerifications is the maximum number of times that a listing verifies its empty pages. It limits a listing during
// which new instances keep appearing.
const maxVerifications = 3

// verifyEmptyLastPages verifies the permission if requests of a listing ended with an empty page.
//
// Some servers return an empty page to a caller without permission, even after pages with instances if the permission
// was withdrawn in between. Therefore, a dry run checks the permission; see [Client.verifyEmpty]. The requests are then
// sent again, because the permission may have been granted just before the dry run.
//
// The dry run is skipped if it confirmed the same request within the last five minutes. A request with ids is always
// verified, because the instances are expected to exist.
func (l *listing) verifyEmptyLastPages(ctx context.Context, req DescribeInstancesRequest, parallel int, deliver deliverFunc) error {
	if l.client.trustEmpty || req.matchesNothing() {
		return nil
	}
	for n := 0; len(l.endedEmpty) > 0 && n < maxVerifications; n++ {
		ends, before := l.endedEmpty, l.known()
		remembered := before == 0 && req.InstanceIDs == nil && len(ends) == 1
		if remembered && l.client.permissions.wasConfirmed(l.client.region, ends[0].withoutPaging()) {
			return nil
		}
		l.endedEmpty = nil
		if err := l.client.verifyEmpty(ctx, ends[0]); err != nil {
			return err
		}
		if err := l.followAll(ctx, parallel, ends, deliver); err != nil {
			return err
		}
		if l.known() == before {
			if remembered {
				l.client.permissions.recordConfirmed(l.client.region, ends[0].withoutPaging())
			}
			return nil
		}
	}
	return nil
}

// verifyEmpty checks with a dry run whether a listing is empty because the caller lacks the permission to list.
//
//   - If the dry run passes, it returns nil.
//   - If the permission ecs:DescribeInstances is missing, it returns the error of the dry run, which matches
//     ErrForbidden.
//   - If only another permission is missing, it returns nil, because listings do not need that permission.
//   - If the dry run fails for another reason, or if the server ignores that it is a dry run, it returns an
//     *UnconfirmedError or the error of ctx.
func (c *Client) verifyEmpty(ctx context.Context, req DescribeInstancesRequest) error {
	err := c.dryRun(ctx, retryPage, req.withoutPaging())
	var e *Error
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	// a response without an error code does not come from the API
	case !errors.As(err, &e) || e.Code == "" || !errors.Is(e, ErrForbidden):
		return &UnconfirmedError{Region: c.region, Err: err}
	case e.AccessDenied == nil || !isOtherAction(e.AccessDenied.AuthAction):
		c.permissions.recordDenied()
		return err
	}
	return nil
}

// isOtherAction reports whether action is a permission that a listing does not need, such as "ecs:DryRun". The prefix
// "ecs:" may be missing. The wildcard "*" includes listing.
func isOtherAction(action string) bool {
	name := strings.TrimSpace(action[strings.LastIndexByte(action, ':')+1:])
	return name != "" && !strings.EqualFold(name, describeInstances) && !strings.Contains(name, "*")
}

// withoutPaging returns a copy of the request without the page size, the token and the additional attributes, none of
// which filters instances.
func (r DescribeInstancesRequest) withoutPaging() DescribeInstancesRequest {
	r.MaxResults, r.NextToken, r.AdditionalAttributes = 0, "", nil
	return r
}

// permissionCache remembers for five minutes which empty results a dry run has confirmed. Clients with the same
// credentials share a permissionCache. The zero value is an empty cache.
type permissionCache struct {
	mu           sync.Mutex
	confirmTimes map[string]time.Time // maps a region and filters to the time of the confirmation
}

// recordConfirmed records that an empty result was confirmed.
func (p *permissionCache) recordConfirmed(region string, filters DescribeInstancesRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.confirmTimes, func(_ string, at time.Time) bool { return !isRecent(at) })
	if p.confirmTimes == nil {
		p.confirmTimes = map[string]time.Time{}
	}
	p.confirmTimes[permissionKey(region, filters)] = time.Now()
}

// wasConfirmed reports whether an empty result of the request was confirmed within the last five minutes. A later
// response with instances cancels the confirmation.
func (p *permissionCache) wasConfirmed(region string, filters DescribeInstancesRequest) bool {
	key := permissionKey(region, filters)
	p.mu.Lock()
	defer p.mu.Unlock()
	return isRecent(p.confirmTimes[key])
}

// recordInstances records that a request returned instances. It cancels the confirmations for the same request, for the
// same request without ids, and for the request without filters.
func (p *permissionCache) recordInstances(region string, req DescribeInstancesRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.confirmTimes) == 0 {
		return
	}
	req = req.withoutPaging()
	withoutIDs := req
	withoutIDs.InstanceIDs = nil
	for _, r := range []DescribeInstancesRequest{req, withoutIDs, {}} {
		delete(p.confirmTimes, permissionKey(region, r))
	}
}

// recordDenied records that a dry run was denied. It removes all confirmations, because a policy rarely applies to a
// single region.
func (p *permissionCache) recordDenied() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.confirmTimes)
}

func permissionKey(region string, filters DescribeInstancesRequest) string {
	params, err := filters.encode(region, true)
	if err != nil {
		return "" // an invalid request is never sent, so it is never confirmed
	}
	return params.Encode()
}

// isRecent reports whether at is at most five minutes ago. The zero time is not recent.
func isRecent(at time.Time) bool { return time.Since(at) < permissionMemory }
