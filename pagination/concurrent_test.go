package pagination_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/pagination"
)

// The tests in this file use package synctest. It detects goroutines that stay blocked, and its virtual clock makes
// waiting take no real time.

// collectStream receives all items of a stream and returns them with the stream's error.
func collectStream(ctx context.Context, buffer int, r run) (items []int, errs []error) {
	s := pagination.NewStream(ctx, buffer, r)
	for item := range s.C {
		items = append(items, item)
	}
	if err := s.Err(); err != nil {
		errs = append(errs, err)
	}
	return items, errs
}

// stopped stops a stream and returns the stream's error.
func stopped[T any](s *pagination.Stream[T]) error {
	s.Stop()
	return s.Err()
}

// sequence returns a function that yields n consecutive integers, beginning with from. The function ignores its
// context.
func sequence(from, n int) run {
	return func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := range n {
				if !yield(from+i, nil) {
					return
				}
			}
		}
	}
}

// failing returns a function that yields an item and err together. Consumers must ignore the item.
func failing(err error) run {
	return func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(7, err) }
	}
}

// TestStreamStop checks that stopping a stream early is not an error, and that no page is fetched after Stop.
func TestStreamStop(t *testing.T) {
	t.Parallel()
	for _, buffer := range []int{-3, 0, 1, 2, 5} {
		for take := range 9 {
			synctest.Test(t, func(t *testing.T) {
				s := &server{pages: numbered(4, 2), latency: func() time.Duration { return time.Second }}
				stream := pagination.NewStream(t.Context(), buffer, s.run)
				for i := range take {
					if i == 8 {
						break
					}
					if got := <-stream.C; got != i {
						t.Errorf("item %d is %d", i, got)
					}
				}
				if err := stopped(stream); err != nil {
					t.Errorf("buffer %d, Stop after %d items: %v", buffer, take, err)
				}
				n := len(s.fetched)
				time.Sleep(time.Minute)
				if len(s.fetched) != n {
					t.Errorf("%d fetches after Stop", len(s.fetched)-n)
				}
				for range stream.C { // C must be closed
				}
				if err := stopped(stream); err != nil {
					t.Errorf("second Stop: %v", err)
				}
			})
		}
	}
}

// TestStreamErr checks the result of Err for each way in which a stream can end.
func TestStreamErr(t *testing.T) {
	t.Parallel()
	bothErr := fmt.Errorf("%w: %w", errServer, context.Canceled)
	// untilCanceled returns a function that yields item 1, waits until its context is canceled, and then yields err.
	untilCanceled := func(err error) run {
		return func(ctx context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				if !yield(1, nil) {
					return
				}
				<-ctx.Done()
				if err != nil {
					yield(0, err)
				}
			}
		}
	}
	first := func(items <-chan int, _ context.CancelCauseFunc) { <-items }
	all := func(items <-chan int, _ context.CancelCauseFunc) {
		for range items {
		}
	}
	tests := []struct {
		name    string
		run     run
		consume func(items <-chan int, cancel context.CancelCauseFunc)
		want    []error
	}{
		{"end", sequence(0, 3), all, nil},
		{"end, canceled later", sequence(0, 3), func(items <-chan int, cancel context.CancelCauseFunc) {
			all(items, nil)
			cancel(errCause)
		}, nil},
		{"error", failing(errServer), all, []error{errServer}},
		{"error before Stop, nothing received", failing(errServer), func(<-chan int, context.CancelCauseFunc) { synctest.Wait() }, []error{errServer}},
		{"run's own context.Canceled", failing(bothErr), all, []error{errServer, context.Canceled}},
		{"Stop, run returns", untilCanceled(nil), first, nil},
		{"Stop, run yields context.Canceled", untilCanceled(context.Canceled), first, nil},
		{"Stop, run yields an error that wraps context.Canceled", untilCanceled(bothErr), first, nil},
		{"Stop, run yields another error", untilCanceled(errServer), first, []error{errServer}},
		{"canceled while sending", sequence(0, 9), func(items <-chan int, cancel context.CancelCauseFunc) {
			<-items
			synctest.Wait()
			cancel(errCause)
		}, []error{context.Canceled, errCause}},
		{"canceled, run returns", untilCanceled(nil), func(items <-chan int, cancel context.CancelCauseFunc) {
			<-items
			cancel(errCause)
			all(items, nil)
		}, []error{context.Canceled, errCause}},
		{"canceled, run yields an error", untilCanceled(bothErr), func(items <-chan int, cancel context.CancelCauseFunc) {
			<-items
			cancel(errCause)
			all(items, nil)
		}, []error{context.Canceled, errServer}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				stream := pagination.NewStream(ctx, 0, tt.run)
				tt.consume(stream.C, cancel)
				results := make([]error, 8) // results of concurrent calls of Err
				var wg sync.WaitGroup
				for i := range results {
					wg.Go(func() { results[i] = stopped(stream) })
				}
				wg.Wait()
				for _, err := range append(results, stopped(stream)) {
					if err != results[0] { //nolint:errorlint // the error must be the same value every time
						t.Errorf("Err returned %v, then %v", results[0], err)
					}
				}
				if results[0] == nil {
					wantErr(t, nil, tt.want...)
				} else {
					wantErr(t, results[:1], tt.want...)
				}
			})
		})
	}
}

// TestStreamNested checks a stream whose function reads another stream. If the outer stream is stopped, the inner
// stream must report an error, because its listing is not complete.
func TestStreamNested(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inner error
		stream := pagination.NewStream(t.Context(), 0, func(ctx context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				stream := pagination.NewStream(ctx, 0, sequence(0, 9))
				for item := range stream.C {
					if !yield(item, nil) {
						break
					}
				}
				inner = stopped(stream) // the error of the inner stream
			}
		})
		<-stream.C
		if err := stopped(stream); err != nil {
			t.Errorf("outer: %v", err)
		}
		if !errors.Is(inner, context.Canceled) {
			t.Errorf("inner: %v, want context.Canceled", inner)
		}
	})
}

// TestStreamStoppedAtOnce stops streams immediately after the start. Err must still return errors that have nothing to
// do with stopping, such as an error of the server.
func TestStreamStoppedAtOnce(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			s := pagination.NewStream(t.Context(), 0, failing(errServer))
			s.Stop()
			wantErr(t, []error{s.Err()}, errServer)
		})
	}
	var none context.Context
	s := pagination.NewStream(none, 0, sequence(0, 3))
	s.Stop()
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "ctx must not be nil") {
		t.Errorf("got %v", err)
	}
}

// TestStreamStopDiscards checks that the channel C is closed and empty after Stop.
func TestStreamStopDiscards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := pagination.NewStream(t.Context(), 99, sequence(0, 1000))
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "before C was closed") {
			t.Errorf("Err of a running stream: %v", err)
		}
		<-s.C
		synctest.Wait() // now the buffer is full
		for range 2 {
			s.Stop()
			if item, ok := <-s.C; ok {
				t.Errorf("item %d after Stop", item)
			}
			if err := s.Err(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestStreamCanceled checks that a stream ends when its context is canceled, even if the consumer does not call Stop.
func TestStreamCanceled(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			produced := 0
			stream := pagination.NewStream(ctx, 0, func(context.Context) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for produced = 1; yield(produced, nil); produced++ {
					}
				}
			})
			<-stream.C
			synctest.Wait()
			cancel()
			for range stream.C {
			}
			if produced > 3 { // one item was received and two were discarded
				t.Errorf("%d items produced, want at most 3", produced)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // the context is already canceled
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		stream := pagination.NewStream(ctx, 9, sequence(0, 3))
		for item := range stream.C {
			t.Errorf("item %d", item)
		}
		wantErr(t, []error{stopped(stream)}, context.Canceled, errCause)
	})
}

// TestStreamCanceledBetweenPages checks that Err returns the function's own error if the function yields an error
// because it was canceled between two pages.
func TestStreamCanceledBetweenPages(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			own := errors.New("page 2 was not fetched")
			stream := pagination.NewStream(ctx, 9, func(ctx context.Context) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for item := range 10 {
						if !yield(item, nil) {
							return
						}
					}
					<-ctx.Done()
					yield(0, fmt.Errorf("%w: %w", own, ctx.Err()))
				}
			})
			<-stream.C
			cancel()
			for range stream.C {
			}
			if err := stream.Err(); !errors.Is(err, own) || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCanceledRunStops checks how many items a function can yield after its context is done, before yield returns
// false.
func TestCanceledRunStops(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		most int // maximum number of items that the function produces
		list func(*testing.T, context.Context, run)
	}{
		"Stream": {3 + 101, func(_ *testing.T, ctx context.Context, r run) { // including a page of 101 discarded items
			stream := pagination.NewStream(ctx, 100, r)
			for range stream.C {
			}
		}},
		"Merge": {3, func(t *testing.T, ctx context.Context, r run) {
			_, errs := collect(t, pagination.Merge(ctx, 1, r, failing(errServer)), true)
			wantErr(t, errs, context.Canceled)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 50 {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					produced := 0
					tt.list(t, ctx, func(context.Context) iter.Seq2[int, error] {
						return func(yield func(int, error) bool) {
							for produced = 1; yield(produced, nil); produced++ {
								if produced == 2 {
									cancel()
								}
							}
						}
					})
					if produced < 3 || produced > tt.most {
						t.Errorf("%d items produced, want 3 to %d", produced, tt.most)
					}
				})
			}
		})
	}
}

// foreignContext is a Context that is not implemented by package context.
type foreignContext struct {
	context.Context
	done chan struct{}
}

func (c foreignContext) Done() <-chan struct{} { return c.done }

func (c foreignContext) Err() error {
	select {
	case <-c.done:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestStopAfterDeadline checks that a stream whose context is done returns the context's error, even if Stop is called
// at the same time.
func TestStopAfterDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := foreignContext{t.Context(), make(chan struct{})}
		stream := pagination.NewStream(ctx, 0, sequence(0, 9))
		<-stream.C
		synctest.Wait()
		close(ctx.done)
		wantErr(t, []error{stopped(stream)}, context.DeadlineExceeded)
	})
}

// TestStreamReleasesContext checks that the context of a run is canceled when the run ends. Otherwise, the parent
// context would keep a reference to it.
func TestStreamReleasesContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inner context.Context
		stream := pagination.NewStream(t.Context(), 0, func(ctx context.Context) iter.Seq2[int, error] {
			inner = ctx
			return sequence(0, 1)(ctx)
		})
		for range stream.C {
		}
		synctest.Wait()
		if inner.Err() == nil {
			t.Error("the context of a finished run is not done")
		}
	})
}

// TestStreamPrefetchesOnePage checks that exactly one page is fetched in advance if the buffer is one item smaller than
// a page.
func TestStreamPrefetchesOnePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size, pages = 10, 6
		s := &server{pages: numbered(pages, size)}
		stream := pagination.NewStream(t.Context(), size-1, s.run)
		synctest.Wait()
		if len(s.fetched) != 1 {
			t.Errorf("%d pages fetched before the first item is received, want 1", len(s.fetched))
		}
		received := 0
		for range stream.C {
			synctest.Wait() // simulates a slow consumer
			if want := min(received/size+2, pages); len(s.fetched) != want {
				t.Errorf("at item %d: %d pages fetched, want %d", received, len(s.fetched), want)
			}
			received++
		}
		if err := stopped(stream); err != nil || received != size*pages {
			t.Errorf("%d items, %v", received, err)
		}
	})
}

// TestPanics checks that a panic in a function passed to NewStream or Merge reaches the consumer, together with the
// stack trace.
func TestPanics(t *testing.T) {
	t.Parallel()
	explode := func(how func()) run {
		return func(context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				if yield(1, nil) {
					how()
				}
			}
		}
	}
	tests := []struct {
		name string
		run  run
		text string
		err  error
	}{
		{"error", explode(func() { panic(errServer) }), errServer.Error(), errServer},
		{"value", explode(func() { panic("boom") }), "boom", nil},
		{"nil", explode(func() { panic(nil) }), "nil", nil}, // panic(nil) causes a *runtime.PanicNilError
		{"Goexit", explode(runtime.Goexit), "Goexit", nil},
		{"yield after the end", func(context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				for yield(1, nil) {
				}
				yield(2, nil)
			}
		}, "continued iteration", nil},
	}
	check := func(t *testing.T, text string, is error, p any) {
		t.Helper()
		err, _ := p.(error)
		if err == nil {
			t.Fatalf("panic value %v, want an error", p)
		}
		if !strings.Contains(err.Error(), text) || is != nil && !errors.Is(err, is) {
			t.Errorf("panic with %v, want %q", err, text)
		}
		if text != "Goexit" && !strings.Contains(err.Error(), "concurrent_test.go") {
			t.Errorf("no stack of run in %v", err)
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				stream := pagination.NewStream(t.Context(), 0, tt.run)
				if tt.name == "yield after the end" {
					<-stream.C
				} else {
					for range stream.C { // C is closed even if run panics
					}
				}
				for range 2 {
					func() {
						defer func() { check(t, tt.text, tt.err, recover()) }()
						t.Errorf("Stop returned, Err is %v", stopped(stream))
					}()
				}
			})
			synctest.Test(t, func(t *testing.T) {
				defer func() { check(t, tt.text, tt.err, recover()) }()
				for item, err := range pagination.Merge(t.Context(), 0, sequence(10, 1e9), tt.run, sequence(10, 1e9)) {
					if err != nil {
						t.Errorf("error %v before the panic", err)
					}
					if item == 1 && tt.name == "yield after the end" {
						break
					}
				}
				t.Error("the loop ended")
			})
		})
	}
	t.Run("of the loop's body", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if p := recover(); p != "mine" {
					t.Errorf("recovered %v", p)
				}
			}()
			for range pagination.Merge(t.Context(), 0, sequence(0, 9), sequence(0, 9)) {
				panic("mine")
			}
		})
	})
}

// TestMerge checks that Merge yields the items of each function in their order, and that at most limit functions are
// active at the same time.
func TestMerge(t *testing.T) {
	t.Parallel()
	for runs := range 6 {
		for _, limit := range []int{-1, 0, 1, 2, 5, 100} {
			synctest.Test(t, func(t *testing.T) {
				var active, most, calls atomic.Int64
				list := make([]run, runs)
				for i := range list {
					list[i] = func(ctx context.Context) iter.Seq2[int, error] {
						if n := calls.Add(1) - 1; limit == 1 && n != int64(i) {
							t.Errorf("run %d started as number %d", i, n)
						}
						return func(yield func(int, error) bool) {
							now := active.Add(1)
							defer active.Add(-1)
							for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
							}
							time.Sleep(time.Second) // wait until the maximum number of functions has started
							for item, err := range sequence(i*100, 10*i)(ctx) {
								if !yield(item, err) {
									return
								}
							}
						}
					}
				}
				got := make([][]int, runs)
				for item, err := range pagination.Merge(t.Context(), limit, list...) {
					if err != nil {
						t.Errorf("error %v", err)
					}
					got[item/100] = append(got[item/100], item)
				}
				for i := range got {
					want := upTo(10 * i)
					for j := range want {
						want[j] += 100 * i
					}
					equal(t, fmt.Sprintf("run %d", i), got[i], want)
				}
				want := int64(runs)
				if limit > 0 {
					want = min(want, int64(limit))
				}
				if most.Load() != want {
					t.Errorf("limit %d, %d runs: %d at once, want %d", limit, runs, most.Load(), want)
				}
			})
		}
	}
}

// TestMergeCopiesRuns checks that Merge copies its list of functions, so that the caller may modify the list
// afterwards.
func TestMergeCopiesRuns(t *testing.T) {
	t.Parallel()
	runs := []run{nil, sequence(0, 3), nil}
	seq := pagination.Merge(t.Context(), 0, runs...)
	if runs[0] != nil || runs[1] == nil || runs[2] != nil {
		t.Error("the caller's slice was changed")
	}
	runs[1] = failing(errServer)
	items, errs := collect(t, seq, true)
	equal(t, "items", items, upTo(3))
	wantErr(t, errs)
}

// TestMergeContinuesAfterErrors checks that the other functions continue after a function has yielded an error.
func TestMergeContinuesAfterErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		continuing := func(context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				_ = yield(1, nil) && yield(99, errServer) && yield(2, nil) && yield(99, errServer) && yield(3, nil)
			}
		}
		items, errs := collect(t, pagination.Merge(t.Context(), 1, failing(errCause), continuing, failing(errCause), sequence(4, 2)), false)
		equal(t, "items", items, []int{1, 2, 3, 4, 5})
		want := []error{errCause, errServer, errServer, errCause}
		if !slices.Equal(errs, want) {
			t.Errorf("errors %v, want %v", errs, want)
		}
		items, errs = collect(t, pagination.Merge(t.Context(), 0, failing(errCause), continuing, sequence(4, 2)), false)
		slices.Sort(items)
		equal(t, "items", items, []int{1, 2, 3, 4, 5})
		if len(errs) != 3 {
			t.Errorf("errors %v, want 3", errs)
		}
	})
}

// TestMergeBreak ends a loop over Merge with break. Afterwards, no function may be active, and each function may have
// produced at most one item that the loop did not receive.
func TestMergeBreak(t *testing.T) {
	t.Parallel()
	for take := range 20 {
		synctest.Test(t, func(t *testing.T) {
			var active atomic.Int64
			var produced, received [4]int
			runs := make([]run, len(produced))
			for i := range runs {
				runs[i] = func(context.Context) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						active.Add(1)
						defer active.Add(-1)
						for produced[i]++; yield(i, nil); produced[i]++ {
						}
					}
				}
			}
			total := 0
			for i := range pagination.Merge(t.Context(), 0, runs...) {
				received[i]++
				if total++; total > take {
					synctest.Wait()
					break
				}
			}
			if active.Load() != 0 {
				t.Errorf("%d runs still active after the loop", active.Load())
			}
			for i := range produced {
				if produced[i] > received[i]+1 {
					t.Errorf("run %d produced %d items, %d were received", i, produced[i], received[i])
				}
			}
		})
	}
}

// TestMergeContext checks that Merge yields the context's error exactly once, as the last value, if the context is
// done.
func TestMergeContext(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 1, 3} {
		for after := range 12 {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				var servers []*server
				var runs []run
				for range 5 {
					s := &server{pages: numbered(3, 3), latency: func() time.Duration { return time.Second }}
					servers, runs = append(servers, s), append(runs, s.run)
				}
				if after == 0 {
					cancel(errCause)
				}
				var errs []error
				got, fetches := 0, 0
				for _, err := range pagination.Merge(ctx, limit, runs...) {
					if err != nil {
						errs = append(errs, err)
						continue
					}
					if got++; got == after {
						synctest.Wait()
						cancel(errCause)
						for _, s := range servers {
							fetches += len(s.fetched)
						}
					}
				}
				if got != after {
					t.Errorf("limit %d: %d items, want %d", limit, got, after)
				}
				wantErr(t, errs, context.Canceled, errCause)
				for _, s := range servers {
					fetches -= len(s.fetched)
				}
				if fetches != 0 {
					t.Errorf("%d fetches after cancellation", -fetches)
				}
			})
		}
	}
	for _, want := range []int64{0, 1} { // number of functions that Merge may start
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if want == 0 {
				cancel()
			}
			var calls atomic.Int64
			r := func(ctx context.Context) iter.Seq2[int, error] {
				calls.Add(1)
				return sequence(0, 2)(ctx)
			}
			for range pagination.Merge(ctx, 1, r, r, r) {
				cancel()
			}
			if calls.Load() != want {
				t.Errorf("%d runs started, want %d", calls.Load(), want)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // the context is canceled while all functions are waiting
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		start := time.Now()
		slow := func() run {
			return (&server{latency: func() time.Duration { return time.Hour }}).run
		}
		items, errs := collect(t, pagination.Merge(ctx, 0, slow(), slow(), slow()), true)
		equal(t, "items", items, nil)
		wantErr(t, errs, context.DeadlineExceeded)
		if d := time.Since(start); d != 500*time.Millisecond {
			t.Errorf("ended after %v", d)
		}
	})
}

func TestMergeOfNothing(t *testing.T) {
	t.Parallel()
	for _, runs := range [][]run{nil, {}, {nil, nil}, {sequence(0, 0)}} {
		items, errs := collect(t, pagination.Merge(t.Context(), 0, runs...), true)
		equal(t, "items", items, nil)
		wantErr(t, errs)
	}
}

// TestRandomMerges merges random listings and checks that every item of each listing is yielded exactly once.
func TestRandomMerges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		var want, got []int
		var runs []run
		failures := map[error]int{}
		for i := range r.IntN(6) {
			s := randomScript(r, 1+i*1_000_000)
			want = append(want, s.want...)
			if s.err != nil {
				failures[s.err]++
			}
			runs = append(runs, s.run)
		}
		var lists [6][]int
		for item, err := range pagination.Merge(t.Context(), r.IntN(4), runs...) {
			if err == nil {
				lists[item/1_000_000] = append(lists[item/1_000_000], item)
			}
			for kind := range failures {
				if errors.Is(err, kind) {
					failures[kind]--
				}
			}
		}
		got = slices.Concat(lists[:]...)
		equal(t, fmt.Sprintf("seed %d", seed), got, want)
		for err, left := range failures {
			if left != 0 {
				t.Errorf("seed %d: %d errors %v missing", seed, left, err)
			}
		}
	}
}

// TestRandomInterruption interrupts listings at random moments. An incomplete listing must not appear to be complete,
// and no page may be fetched after the listing has ended.
func TestRandomInterruption(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		for _, how := range []string{"Items", "Stream", "Stream stop", "Merge", "Merge break"} {
			synctest.Test(t, func(t *testing.T) {
				defer func() {
					if t.Failed() {
						t.Logf("seed %d, %s", seed, how)
					}
				}()
				r := rand.New(rand.NewPCG(seed, 4))
				// Servers and consumers act only at whole milliseconds, and the interruption happens between two
				// milliseconds.
				speed := r.IntN(4)
				var servers []*server
				var runs []run
				for range 1 + r.IntN(3) {
					latency := time.Duration(1+r.IntN(9)) * time.Millisecond
					s := &server{pages: numbered(1+r.IntN(6), 1+r.IntN(5)), latency: func() time.Duration { return latency }}
					servers, runs = append(servers, s), append(runs, s.run)
				}
				moment := time.Duration(r.IntN(80))*time.Millisecond + 500*time.Microsecond
				buffer := r.IntN(8)
				total := 0
				if !strings.HasPrefix(how, "Merge") {
					servers, runs = servers[:1], runs[:1]
				}
				for _, s := range servers {
					for _, p := range s.pages {
						total += len(p.Items)
					}
				}

				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				at := time.Now().Add(moment)
				over := func() bool { return !time.Now().Before(at) }
				if how != "Stream stop" && how != "Merge break" {
					time.AfterFunc(moment, func() { cancel(errCause) })
				}
				var got []int
				var errs []error
				work := func(item int) {
					got = append(got, item)
					time.Sleep(time.Duration(speed) * time.Millisecond)
				}
				switch how {
				case "Items", "Merge", "Merge break":
					seq := pagination.Merge(ctx, 2, runs...)
					if how == "Items" {
						seq = runs[0](ctx)
					}
					for item, err := range seq {
						if err != nil {
							errs = append(errs, err)
							continue
						}
						work(item)
						if how == "Merge break" && over() {
							break
						}
					}
				case "Stream", "Stream stop":
					stream := pagination.NewStream(ctx, buffer, runs[0])
					if how == "Stream stop" {
						time.AfterFunc(moment, func() {
							if err := stopped(stream); err != nil {
								t.Errorf("Stop: %v", err)
							}
						})
					}
					for item := range stream.C {
						work(item)
					}
					if err := stopped(stream); err != nil {
						errs = append(errs, err)
					}
				}

				var served []int
				for _, s := range servers {
					served = append(served, s.served...)
				}
				if how == "Merge" || how == "Merge break" {
					left := slices.Clone(served)
					for _, item := range got {
						i := slices.Index(left, item)
						if i < 0 {
							t.Fatalf("item %d was yielded more often than served: got %v of %v", item, got, served)
						}
						left = slices.Delete(left, i, i+1)
					}
				} else if len(got) > len(served) || !slices.Equal(got, served[:len(got)]) {
					t.Errorf("got %v, served %v", got, served)
				}
				switch {
				case len(errs) > 0:
					if !over() {
						t.Errorf("error %v before the interruption", errs)
					}
					wantErr(t, errs, context.Canceled)
				case len(got) < total && how != "Stream stop" && how != "Merge break":
					t.Errorf("%d of %d items and no error", len(got), total)
				case len(got) < total && !over():
					t.Errorf("%d of %d items before the interruption", len(got), total)
				}
				time.Sleep(time.Second)
				for _, s := range servers {
					for _, begun := range s.times {
						// In a loop over Merge that ends with break, the current iteration continues after the
						// interruption. Therefore, another page may be fetched.
						if begun.After(at) && how != "Merge break" {
							t.Errorf("fetch %v after the end", begun.Sub(at))
						}
					}
				}
			})
		}
	}
}
