package ecstest

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"net/url"
	"slices"
)

// position describes where the next page of a listing begins.
type position struct {
	seq uint64 // number of the last listed item; ListTagResources may have listed only some of this item's tags
	// In DescribeInstances, count is the number of listed resources that count toward the cap. In ListTagResources,
	// count is the number of the item's tags that have been listed.
	count int
}

// sealToken returns an opaque token for a position. The server does not store tokens, so a token can be used any number
// of times. Tokens for the same position differ: there are 4,096 of them.
func (s *Server) sealToken(pos position, binding uint64) string {
	salt := s.tokens.Add(1) & 0xfff
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], pos.seq<<24|uint64(pos.count)<<12|salt)
	binary.BigEndian.PutUint64(b[8:], binding)
	s.sealer.Encrypt(b[:], b[:])
	return hex.EncodeToString(b[:])
}

func (s *Server) openToken(token string, binding uint64) (position, *apiError) {
	if token == "" {
		return position{}, nil
	}
	if b, err := hex.DecodeString(token); err == nil && len(b) == 16 {
		s.sealer.Decrypt(b, b)
		if v := binary.BigEndian.Uint64(b); binary.BigEndian.Uint64(b[8:]) == binding {
			return position{v >> 24, int(v >> 12 & 0xfff)}, nil
		}
	}
	return position{}, newError(400, "InvalidParameter.NextToken", "The specified NextToken is not valid, or belongs to a request with other filters.")
}

// nextToken returns the NextToken of a response, or "" at the end of the listing.
func (s *Server) nextToken(x *exchange, p *params, pos position, binding uint64, more bool) string {
	switch token := p.Get("NextToken"); {
	case token != "" && x.fault != nil && x.fault.RepeatToken:
		return token
	case more:
		return s.sealToken(pos, binding)
	}
	return ""
}

// tokenBinding returns a hash of the parameters that must not change during a listing.
func tokenBinding(values url.Values) uint64 {
	h := fnv.New64a()
	own := operationParams(values, "NextToken", "MaxResults", "PageNumber", "PageSize", "DryRun", "AdditionalAttributes")
	_, _ = h.Write([]byte(canonicalQuery(own))) // never fails
	return h.Sum64()
}

// page is a page of instances.
type page struct {
	rows  []*item
	next  position // the position where the next page begins
	total int      // number of matching instances on all pages; incomplete if page tokens are used
	more  bool     // whether there are more matching instances after this page
}

// page returns the page of instances that q requests.
func (f *fleet) page(x *exchange, q *query) page {
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := f.candidates(x.region, q)
	skip := max(q.number-1, 0) * q.size
	if !q.tokenMode && len(q.capped)+len(q.filters) == 0 { // without filters, every candidate matches
		first, end := min(skip, len(list)), min(skip+q.size, len(list))
		found := page{rows: slices.Clone(list[first:end]), total: len(list), more: end < len(list)}
		if first < end {
			found.next.seq = list[end-1].seq
		}
		return found
	}
	found, pos := page{next: q.from}, q.from
	after := make([]position, 0, q.size) // for each item, the position after the item
	for _, it := range list[indexAfter(list, q.from.seq):] {
		if !matchesAll(q.capped, it) {
			continue
		}
		if len(q.capped) > 0 && pos.count == resourceCap {
			break
		}
		matches := matchesAll(q.filters, it)
		if matches && len(found.rows) == q.size {
			found.more = true
			if q.tokenMode {
				break
			}
		}
		if len(q.capped) > 0 && (matches || x.CapFirst) {
			pos.count++
		}
		if !matches {
			continue
		}
		if found.total++; found.total > skip && len(found.rows) < q.size {
			pos.seq = it.seq
			found.rows, after = append(found.rows, it), append(after, pos)
		}
	}
	if n := len(after); n > 0 {
		found.next = after[n-1]
		if found.more {
			found.next = after[n-1-min(x.Overlap, n-1)]
		}
	}
	return found
}

// candidates returns the instances of the region that q may match, ordered by number. f.mu must be held.
func (f *fleet) candidates(region string, q *query) []*item {
	if q.ids == nil {
		return f.regions[region]
	}
	var list []*item
	for _, id := range q.ids {
		if it := f.byID[id]; it != nil && it.RegionID == region {
			list = append(list, it)
		}
	}
	slices.SortFunc(list, func(a, b *item) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Compact(list)
}
