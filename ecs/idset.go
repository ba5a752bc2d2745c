package ecs

import (
	"encoding/binary"
	"hash/maphash"
)

// idSet is a set of instance ids, exact and small: 17 to 22 bytes for an id of the usual form, where a Go map takes up to
// 39, so that a million of them can be remembered. The zero value is empty.
type idSet struct {
	seed   maphash.Seed
	shards [32]shard // each grows by itself, so that little has to be copied at once
	others map[string]struct{}
	n      int
}

// shard is an open-addressing hash table with linear probing.
type shard struct {
	slots []packedID // zero: free
	n     int
}

type packedID [14]byte

func (s *idSet) len() int { return s.n }

func (s *idSet) has(id string) bool {
	key, ok := packID(id)
	if !ok {
		_, had := s.others[id]
		return had
	}
	if s.seed == (maphash.Seed{}) {
		return false
	}
	h := maphash.Comparable(s.seed, key)
	t := &s.shards[h>>59]
	return t.n > 0 && t.slots[t.slot(h, key)] == key
}

// add reports whether the id was new.
func (s *idSet) add(id string) bool {
	key, ok := packID(id)
	if !ok {
		if s.others == nil {
			s.others = map[string]struct{}{}
		}
		if _, had := s.others[id]; had {
			return false
		}
		s.others[id] = struct{}{}
		s.n++
		return true
	}
	if s.seed == (maphash.Seed{}) {
		s.seed = maphash.MakeSeed()
	}
	h := maphash.Comparable(s.seed, key)
	t := &s.shards[h>>59]
	if 5*t.n >= 4*len(t.slots) { // full to 80 %
		old := t.slots
		t.slots = make([]packedID, max(8, len(old)*5/4))
		for _, k := range old {
			if k != (packedID{}) {
				t.slots[t.slot(maphash.Comparable(s.seed, k), k)] = k
			}
		}
	}
	i := t.slot(h, key)
	if t.slots[i] == key {
		return false
	}
	t.slots[i] = key
	t.n++
	s.n++
	return true
}

// slot is where key is, or the free slot where it belongs. There is always a free one.
func (t *shard) slot(h uint64, key packedID) int {
	i := int(uint64(uint32(h)) * uint64(len(t.slots)) >> 32)
	for t.slots[i] != key && t.slots[i] != (packedID{}) {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	return i
}

// packID packs "i-" and up to 21 lower-case letters and digits, one to one: two numbers in base 37, whose digit 0 stands
// for "no more". It is never zero.
func packID(id string) (key packedID, ok bool) {
	const first, second = 12, 9 // 37^12 < 2^64, 37^9 < 2^48
	if len(id) < 3 || len(id) > 2+first+second || id[:2] != "i-" {
		return key, false
	}
	var n [2]uint64
	for i := range first + second {
		var digit uint64
		if i+2 < len(id) {
			switch c := id[i+2]; {
			case c >= '0' && c <= '9':
				digit = uint64(c-'0') + 1
			case c >= 'a' && c <= 'z':
				digit = uint64(c-'a') + 11
			default:
				return key, false
			}
		}
		n[i/first] = n[i/first]*37 + digit
	}
	binary.BigEndian.PutUint64(key[6:], n[1]) // its first two bytes are zero, and make way
	binary.BigEndian.PutUint64(key[:], n[0])
	return key, true
}
