package ecs

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"
)

// permissionMemory is how long the result of a dry run is remembered.
const permissionMemory = 5 * time.Minute

// verifyEmptyEnds verifies the requests of a listing that ended with an empty page.
//
// If the permission is missing, some servers return an empty page instead of an error. An empty last page is
// therefore no evidence that a listing is complete, even if it follows other pages: the permission may have been
// withdrawn in the middle. After all requests have ended, one dry run decides: see [Client.verifyEmpty]. Instances
// found by the listing do not count as evidence.
//
// If the listing found instances elsewhere, or a dry run was denied recently, the permission may also have been
// missing only for a moment. Then the requests that ended with an empty page are repeated after the dry run.
func (l *listing) verifyEmptyEnds(ctx context.Context, req DescribeInstancesRequest, parallel int, deliver deliverFunc) error {
	ends := l.emptyEnds
	if len(ends) == 0 || l.client.trustEmpty || req.matchesNothing() {
		return nil
	}
	remember := !l.showed && req.InstanceIDs == nil && len(ends) == 1
	if err := l.client.verifyEmpty(ctx, ends[0], remember); err != nil {
		return err
	}
	if !l.showed && !l.client.permissions.wasDenied(l.client.region) {
		return nil
	}
	if len(ends) > 1 && parallel > 1 {
		return l.followParallel(ctx, parallel, ends, deliver)
	}
	for _, r := range ends {
		if err := l.followTokens(ctx, r, deliver); err != nil {
			return err
		}
	}
	return nil
}

// verifyEmpty finds out by a dry run whether the empty result of a request is true.
//
//	the dry run …                                    verifyEmpty returns …
//	passes                                           nil
//	is denied for want of ecs:DescribeInstances      the error of the dry run, which is ErrForbidden
//	is denied for want of another permission         nil: listing is permitted, dry runs are not
//	fails in any other way, or is ignored            *UnconfirmedError, or the error of ctx
//
// With remember, it is enough that a dry run confirmed the same request within five minutes, if the request has shown no
// instance since. That is for listings without ids only: whoever names instances has a reason to expect them.
func (c *Client) verifyEmpty(ctx context.Context, req DescribeInstancesRequest, remember bool) error {
	req = req.withoutPaging()
	if remember && c.permissions.wasConfirmed(c.region, req) {
		return nil
	}
	err := c.dryRun(ctx, retryPage, req)
	var e *Error
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	// without an error code, the refusal came from a proxy or gateway
	case !errors.As(err, &e) || e.Code == "" || !errors.Is(e, ErrForbidden):
		return &UnconfirmedError{Region: c.region, Err: err}
	case e.AccessDenied == nil || e.AccessDenied.AuthAction == "" || strings.EqualFold(e.AccessDenied.AuthAction, "ecs:"+describeInstances):
		c.permissions.denied(c.region)
		return err
	}
	c.permissions.confirmed(c.region, req)
	return nil
}

// withoutPaging returns the request without its paging parameters.
func (r DescribeInstancesRequest) withoutPaging() DescribeInstancesRequest {
	r.MaxResults, r.NextToken, r.AdditionalAttributes = 0, "", nil
	return r
}

// permissionCache remembers the results of dry runs for five minutes. Clients that share their credentials share
// it. The zero value is empty.
type permissionCache struct {
	mu           sync.Mutex
	confirmTimes map[string]time.Time // key: region and filters
	denialTimes  map[string]time.Time // by region
}

// confirmed records that a dry run confirmed an empty result.
func (p *permissionCache) confirmed(region string, filters DescribeInstancesRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmTimes = recordTime(p.confirmTimes, permissionKey(region, filters))
}

// wasConfirmed reports whether an empty result was confirmed recently, and the request has returned no instance
// since.
func (p *permissionCache) wasConfirmed(region string, filters DescribeInstancesRequest) bool {
	key := permissionKey(region, filters)
	p.mu.Lock()
	defer p.mu.Unlock()
	return isRecent(p.confirmTimes[key])
}

// showed records that a request returned instances: from now on, an empty result would be a change.
func (p *permissionCache) showed(region string, req DescribeInstancesRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.confirmTimes) > 0 {
		delete(p.confirmTimes, permissionKey(region, req.withoutPaging()))
	}
}

// denied records that a dry run was denied. Earlier confirmations in the region are discarded.
func (p *permissionCache) denied(region string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denialTimes = recordTime(p.denialTimes, region)
	clear(p.confirmTimes)
}

// wasDenied reports whether a dry run in the region was denied recently.
func (p *permissionCache) wasDenied(region string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return isRecent(p.denialTimes[region])
}

func permissionKey(region string, filters DescribeInstancesRequest) string {
	params, err := filters.encode(region, true)
	if err != nil {
		return "" // never confirmed, because such a request is not sent
	}
	return params.Encode()
}

// recordTime sets the time of key to now and removes entries that are no longer recent.
func recordTime(times map[string]time.Time, key string) map[string]time.Time {
	maps.DeleteFunc(times, func(_ string, at time.Time) bool { return !isRecent(at) })
	if times == nil {
		times = map[string]time.Time{}
	}
	times[key] = time.Now()
	return times
}

func isRecent(at time.Time) bool { return !at.IsZero() && time.Since(at) < permissionMemory }
