package pagination_test

import (
	"context"
	"iter"
	"strconv"
	"testing"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// record is a large item. Its size matters in the benchmarks, because listing large items spends most of the time
// copying them.
type record struct {
	_ [64]string
}

// records returns an iterator over n records, in pages of 100.
func records(n int) func(context.Context) iter.Seq2[record, error] {
	items := make([]record, 100)
	return func(ctx context.Context) iter.Seq2[record, error] {
		left := n
		return pagination.Items(pagination.Pages(ctx, func(context.Context, string) (pagination.Page[record], error) {
			p := pagination.Page[record]{Items: items[:min(left, len(items))]}
			if left -= len(p.Items); left > 0 {
				p.Next = strconv.Itoa(left)
			}
			return p, nil
		}))
	}
}

// drain ranges over b.N items to measure the time per item.
func drain(b *testing.B, seq iter.Seq2[record, error]) {
	b.Helper()
	got := 0
	for _, err := range seq {
		if err != nil {
			b.Fatal(err)
		}
		got++
	}
	if got != b.N {
		b.Fatalf("%d items, want %d", got, b.N)
	}
}

func BenchmarkItems(b *testing.B) {
	b.ReportAllocs()
	drain(b, records(b.N)(b.Context()))
}

func BenchmarkStream(b *testing.B) {
	for _, bench := range []struct {
		name   string
		buffer int
	}{{"unbuffered", 0}, {"page", 99}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			stream := pagination.NewStream(b.Context(), bench.buffer, records(b.N))
			got := 0
			for range stream.C {
				got++
			}
			if err := stream.Err(); err != nil || got != b.N {
				b.Fatalf("%d items, want %d: %v", got, b.N, err)
			}
		})
	}
}

func BenchmarkMerge(b *testing.B) {
	for _, bench := range []struct {
		name string
		runs int
	}{{"1 run", 1}, {"16 runs", 16}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			runs := make([]func(context.Context) iter.Seq2[record, error], bench.runs)
			for i := range runs {
				n := b.N / len(runs)
				if i == 0 {
					n += b.N % len(runs)
				}
				runs[i] = records(n)
			}
			drain(b, pagination.Merge(b.Context(), 0, runs...))
		})
	}
}
