package ecs

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"
)

// permissionMemory is how long a confirmed empty result is remembered.
const permissionMemory = 5 * time.Minute

// maxVerifications is the maximum number of times that the empty pages of one listing are verified. Without the limit,
// a listing would never end if new instances kept appearing.
const maxVerifications = 3

// verifyEmptyEnds verifies the permission for the requests of a listing that ended with an empty page.
//
// Some servers return an empty page, instead of an error, to a caller without permission. If the last page of a request
// is empty, the permission may therefore be missing. This also applies if earlier pages contained instances, because
// the permission may have been withdrawn during the listing. After all requests have ended, one dry run checks the
// permission; see [Client.verifyEmpty].
//
// The permission may also have been granted after the empty page and before the dry run. The requests that ended with
// an empty page are therefore sent once more after the dry run. If these requests now return more instances and end
// with an empty page, that page is verified in the same way.
//
// The dry run is skipped if an empty result of the same request was confirmed within the last five minutes and the
// request has returned no instance since. A request with ids is always verified, because a caller who specifies ids
// expects the instances to exist.
func (l *listing) verifyEmptyEnds(ctx context.Context, req DescribeInstancesRequest, parallel int, deliver deliverFunc) error {
	if l.client.trustEmpty || req.matchesNothing() {
		return nil
	}
	for n := 0; len(l.emptyEnds) > 0 && n < maxVerifications; n++ {
		ends, before := l.emptyEnds, l.known()
		remembered := before == 0 && req.InstanceIDs == nil && len(ends) == 1
		if remembered && l.client.permissions.wasConfirmed(l.client.region, ends[0].withoutPaging()) {
			return nil
		}
		l.emptyEnds = nil
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

// verifyEmpty makes a dry run to verify that the caller is permitted to list the instances that match a request.
//
//	the dry run …                                    verifyEmpty returns …
//	passes                                           nil
//	is denied, ecs:DescribeInstances is missing      the error of the dry run, which matches ErrForbidden
//	is denied, another permission is missing         nil: listing is permitted, dry runs are not
//	fails in any other way, or is ignored            *UnconfirmedError, or the error of ctx
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

// isOtherAction reports whether action is a permission that listing does not need, such as "ecs:DryRun". The prefix
// "ecs:" may be missing. For an action with the wildcard "*", isOtherAction returns false, because such an action
// includes listing.
func isOtherAction(action string) bool {
	name := strings.TrimSpace(action[strings.LastIndexByte(action, ':')+1:])
	return name != "" && !strings.EqualFold(name, describeInstances) && !strings.Contains(name, "*")
}

// withoutPaging returns the request without its paging parameters and its additional attributes.
func (r DescribeInstancesRequest) withoutPaging() DescribeInstancesRequest {
	r.MaxResults, r.NextToken, r.AdditionalAttributes = 0, "", nil
	return r
}

// permissionCache remembers for five minutes which empty results a dry run has confirmed. Clients that share
// credentials also share a permissionCache. The zero value is an empty cache.
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

// wasConfirmed reports whether an empty result was confirmed within the last five minutes and the request has returned
// no instance since.
func (p *permissionCache) wasConfirmed(region string, filters DescribeInstancesRequest) bool {
	key := permissionKey(region, filters)
	p.mu.Lock()
	defer p.mu.Unlock()
	return isRecent(p.confirmTimes[key])
}

// recordInstances records that a request returned instances. It discards the confirmations for the same request, for
// the request without its ids, and for the request without any filter, because an empty result of these requests is no
// longer expected.
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

// recordDenied records that a dry run was denied. It discards all confirmations for all regions, because a policy
// rarely applies to a single region.
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

func isRecent(at time.Time) bool { return !at.IsZero() && time.Since(at) < permissionMemory }
