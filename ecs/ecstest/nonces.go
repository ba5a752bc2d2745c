package ecstest

import (
	"hash/maphash"
	"time"
)

const maxNonces = 1 << 17

// nonces stores hashes of the nonces used in the last 15 minutes, up to 131,072 hashes.
type nonces struct {
	seed  maphash.Seed
	seen  map[uint64]time.Time
	order []uint64 // oldest first
}

// add stores a nonce and reports whether the nonce is new.
func (n *nonces) add(nonce string, now time.Time) bool {
	if n.seen == nil {
		n.seed, n.seen = maphash.MakeSeed(), map[uint64]time.Time{}
	}
	forgetOldest := func() {
		delete(n.seen, n.order[0])
		n.order = n.order[1:]
	}
	for len(n.order) > 0 && now.Sub(n.seen[n.order[0]]) > maxClockDifference {
		forgetOldest()
	}
	hash := maphash.String(n.seed, nonce)
	if _, used := n.seen[hash]; used {
		return false
	}
	if len(n.order) == maxNonces {
		forgetOldest()
	}
	n.seen[hash] = now
	n.order = append(n.order, hash)
	return true
}
