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

// maxVerifications bounds how often the ends of one listing are verified, in case new instances come without end.
const maxVerifications = 3

// verifyEmptyEnds verifies the requests of a listing that ended with an empty page.
//
// Some servers return an empty page, instead of an error, to a caller without permission. So a request that ends with an
// empty page, whether it is the first or a token announced it, proves nothing: the permission may be missing, or may have
// been withdrawn in the middle of the listing. After all requests have ended, one dry run checks the permission: see
// [Client.verifyEmpty]. Instances that the listing showed do not count as evidence.
//
// The permission may also have come back just before the dry run, as that of a new user does when it takes effect. So the
// requests that ended with an empty page are sent once more after the dry run. If that shows more instances, the empty
// pages at its own end are verified in the same way.
//
// It is enough that the same request was confirmed within five minutes, if it has shown no instance since. That is for
// listings without ids only: a caller who names instances has a reason to expect them.
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

// verifyEmpty makes a dry run to verify that the caller is permitted to list what matches a request.
//
//	the dry run …                                    verifyEmpty returns …
//	passes                                           nil
//	is denied, ecs:DescribeInstances is missing      the error of the dry run, which is ErrForbidden
//	is denied, another permission is missing         nil: listing is permitted, dry runs are not
//	fails in any other way, or is ignored            *UnconfirmedError, or the error of ctx
func (c *Client) verifyEmpty(ctx context.Context, req DescribeInstancesRequest) error {
	err := c.dryRun(ctx, retryPage, req.withoutPaging())
	var e *Error
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	// without an error code, the refusal came from a proxy or gateway
	case !errors.As(err, &e) || e.Code == "" || !errors.Is(e, ErrForbidden):
		return &UnconfirmedError{Region: c.region, Err: err}
	case e.AccessDenied == nil || !isOtherAction(e.AccessDenied.AuthAction):
		c.permissions.recordDenied()
		return err
	}
	return nil
}

// isOtherAction reports whether action, such as "ecs:DryRun", names a permission that listing does not need. The name of the
// service may be missing, and "*" stands for any action.
func isOtherAction(action string) bool {
	name := strings.TrimSpace(action[strings.LastIndexByte(action, ':')+1:])
	return name != "" && !strings.EqualFold(name, describeInstances) && !strings.Contains(name, "*")
}

// withoutPaging returns the request without its paging parameters.
func (r DescribeInstancesRequest) withoutPaging() DescribeInstancesRequest {
	r.MaxResults, r.NextToken, r.AdditionalAttributes = 0, "", nil
	return r
}

// permissionCache remembers for five minutes which empty results were confirmed. Clients share it if they share their
// credentials. The zero value is empty.
type permissionCache struct {
	mu           sync.Mutex
	confirmTimes map[string]time.Time // by region and filters
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

// wasConfirmed reports whether an empty result was confirmed recently, and the request has returned no instance
// since.
func (p *permissionCache) wasConfirmed(region string, filters DescribeInstancesRequest) bool {
	key := permissionKey(region, filters)
	p.mu.Lock()
	defer p.mu.Unlock()
	return isRecent(p.confirmTimes[key])
}

// recordInstances records that a request showed instances: from now on, an empty result of that request, of the one without its ids,
// and of the one without any filter would be a change.
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

// recordDenied records that a dry run was denied. It discards all confirmations, in every region, because a policy rarely
// concerns one region only.
func (p *permissionCache) recordDenied() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.confirmTimes)
}

func permissionKey(region string, filters DescribeInstancesRequest) string {
	params, err := filters.encode(region, true)
	if err != nil {
		return "" // never confirmed, because such a request is not sent
	}
	return params.Encode()
}

func isRecent(at time.Time) bool { return !at.IsZero() && time.Since(at) < permissionMemory }
