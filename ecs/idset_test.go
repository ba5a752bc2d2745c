package ecs

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

func TestIDSet(t *testing.T) {
	t.Parallel()
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	rng := rand.New(rand.NewPCG(1, 2))
	ids := map[string]bool{}
	for _, odd := range []string{"", "i-", "i", "x-0", "I-0", "i-A", "i-é", "i-0", "i-00", "i-000", "i-z", "i-" + strings.Repeat("z", 20), "i-" + strings.Repeat("z", 21), "i-" + strings.Repeat("z", 22), "i-" + strings.Repeat("0", 21), "i-0*", "i-bp67acfmxazb4p****"} {
		ids[odd] = true
	}
	for range 20_000 {
		b := []byte("i-")
		for range rng.IntN(25) {
			b = append(b, alphabet[rng.IntN(len(alphabet))])
		}
		ids[string(b)] = true
	}
	var s idSet
	n := 0
	for id := range ids {
		if s.has(id) {
			t.Fatalf("%q is there before it was added", id)
		}
		if !s.add(id) {
			t.Fatalf("%q looks like another id", id)
		}
		if n++; s.add(id) || !s.has(id) || s.len() != n {
			t.Fatalf("%q is not remembered once", id)
		}
	}
	for id := range ids {
		if !s.has(id) {
			t.Fatalf("%q was forgotten", id)
		}
	}
}

func TestIDSetIsSmall(t *testing.T) { //nolint:paralleltest // it measures the heap
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var s idSet
	const most = 400_000
	for n := 1; n <= most; n++ {
		s.add(fmt.Sprintf("i-bp1%017d", n))
		if n%50_000 == 0 {
			if per := float64(heap()-before) / float64(n); per > 24 {
				t.Errorf("%d ids take %.1f bytes each", n, per)
			}
		}
	}
	runtime.KeepAlive(&s)
}

func BenchmarkIDSet(b *testing.B) {
	b.ReportAllocs()
	ids := make([]string, 100_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("i-bp1%017d", i)
	}
	var s idSet
	i := 0
	for b.Loop() {
		if i == len(ids) {
			s, i = idSet{}, 0
		}
		s.add(ids[i])
		i++
	}
}
