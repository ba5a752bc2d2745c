package ecs

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestIDSet(t *testing.T) {
	t.Parallel()
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	rng := rand.New(rand.NewPCG(1, 2))
	ids := map[string]bool{}
	for _, odd := range []string{"", "i-", "i", "x-0", "I-0", "i-A", "i-é", "i-0", "i-00", "i-000", "i-z", "i-" + strings.Repeat("z", 24), "i-" + strings.Repeat("z", 25), "i-" + strings.Repeat("0", 24), "i-0*", "i-bp67acfmxazb4p****"} {
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
	for id := range ids {
		if s.has(id) {
			t.Fatalf("%q is there before it was added", id)
		}
		if !s.add(id) {
			t.Fatalf("%q looks like another id", id)
		}
		if s.add(id) || !s.has(id) {
			t.Fatalf("%q is not remembered", id)
		}
	}
}

func BenchmarkIDSet(b *testing.B) {
	b.ReportAllocs()
	var s idSet
	ids := make([]string, 100_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("i-bp1%017d", i)
	}
	i := 0
	for b.Loop() {
		s.add(ids[i%len(ids)])
		i++
	}
}
