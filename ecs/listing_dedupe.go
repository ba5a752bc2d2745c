package ecs

import (
	"hash/maphash"
	"slices"
	"strings"
)

// dedupe returns a page without the instances that earlier pages contained.
func (l *listing) dedupe(p *instancePage) *DescribeInstancesResponse {
	if p.emptyLast {
		l.endedEmpty = append(l.endedEmpty, p.request)
	}
	if !l.sawInstance && p.received > 0 {
		l.sawInstance = true
		l.client.permissions.recordInstances(l.client.region, p.request)
	}
	page := p.DescribeInstancesResponse
	reported := map[[2]string]bool{} // to report a value only once
	page.Undecoded = slices.DeleteFunc(page.Undecoded, func(d *DecodeError) bool {
		key := [2]string{d.InstanceID, d.Path}
		repeated := d.InstanceID != "" && (l.hasSeen(d.InstanceID) || reported[key])
		reported[key] = true
		return repeated
	})
	page.Instances = slices.DeleteFunc(page.Instances, func(i Instance) bool { return !l.markSeen(i.InstanceID) })
	l.delivered += len(page.Instances)
	for _, d := range page.Undecoded {
		if d.InstanceID == "" {
			l.unnamed++
		} else {
			l.markSeen(d.InstanceID)
		}
		if len(l.undecoded) >= maxRawValues {
			d = &DecodeError{InstanceID: d.InstanceID, Path: strings.Clone(d.Path), Err: d.Err}
		}
		l.undecoded = append(l.undecoded, d)
	}
	return page
}

func (l *listing) hasSeen(id string) bool {
	_, ok := l.seen[id]
	return ok
}

// countNew returns how many of the ids have not been seen before.
func (l *listing) countNew(ids []string) (n int) {
	for _, id := range ids {
		if !l.hasSeen(id) {
			n++
		}
	}
	return n
}

// markSeen records an id and reports whether the id is new.
func (l *listing) markSeen(id string) bool {
	if l.hasSeen(id) {
		return false
	}
	l.seen[id] = struct{}{}
	return true
}

// known returns the number of different instances that the API has returned so far.
func (l *listing) known() int { return len(l.seen) + l.unnamed }

// idHashes is a compact set of ids that stores only hashes. Two ids with the same hash count as equal.
type idHashes struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

// add adds the ids to the set and returns how many of them are new.
func (s *idHashes) add(ids []string) int {
	if s.hashes == nil {
		s.seed, s.hashes = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	before := len(s.hashes)
	for _, id := range ids {
		s.hashes[maphash.String(s.seed, id)] = struct{}{}
	}
	return len(s.hashes) - before
}
