package ecs

// idSet is a set of instance ids, exact and small: 16 bytes for an id of the usual form, so that remembering a million
// of them stays cheap. The zero value is empty.
type idSet struct {
	packed map[[16]byte]struct{}
	others map[string]struct{} // ids of any other form
}

func (s *idSet) len() int { return len(s.packed) + len(s.others) }

func (s *idSet) has(id string) bool {
	if key, ok := packID(id); ok {
		_, had := s.packed[key]
		return had
	}
	_, had := s.others[id]
	return had
}

// add reports whether the id was new.
func (s *idSet) add(id string) bool {
	if key, ok := packID(id); ok {
		if s.packed == nil {
			s.packed = make(map[[16]byte]struct{})
		}
		n := len(s.packed)
		s.packed[key] = struct{}{}
		return len(s.packed) > n
	}
	if s.others == nil {
		s.others = make(map[string]struct{})
	}
	n := len(s.others)
	s.others[id] = struct{}{}
	return len(s.others) > n
}

// packID packs "i-" and up to 24 lower-case letters and digits into 128 bits, one to one: a number in base 37, whose
// digit 0 stands for "no more".
func packID(id string) (key [16]byte, ok bool) {
	if len(id) < 3 || len(id) > 26 || id[:2] != "i-" {
		return key, false
	}
	var hi, lo uint64 // each half holds 12 characters: 37^12 < 2^63
	for i := range 24 {
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
		if i < 12 {
			hi = hi*37 + digit
		} else {
			lo = lo*37 + digit
		}
	}
	for i := range 8 {
		key[i], key[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	return key, true
}
