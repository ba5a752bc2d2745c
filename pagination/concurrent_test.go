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

// The tests with goroutines run in a synctest bubble: one left blocked at the end
// fails the test, and waiting costs no time.

// openStream returns the channel of a stream, and a function that stops it and returns its error.
func openStream[T any](ctx context.Context, buffer int, run func(context.Context) iter.Seq2[T, error]) (<-chan T, func() error) {
	s := pagination.NewStream(ctx, buffer, run)
	return s.C, func() error {
		s.Stop()
		return s.Err()
	}
}

func collectChan(ctx context.Context, buffer int, r run) (items []int, errs []error) {
	c, stop := openStream(ctx, buffer, r)
	for item := range c {
		items = append(items, item)
	}
	if err := stop(); err != nil {
		errs = append(errs, err)
	}
	return items, errs
}

// sequence yields from, from+1, … n items, whatever ctx says.
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

func failing(err error) run {
	return func(context.Context) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) { yield(7, err) }
	}
}

// N03: an early stop is no error, ends the goroutine, and fetches no more.
func TestChanEarlyStop(t *testing.T) {
	t.Parallel()
	for _, buffer := range []int{-3, 0, 1, 2, 5} {
		for take := range 9 {
			synctest.Test(t, func(t *testing.T) {
				s := &server{pages: numbered(4, 2), latency: func() time.Duration { return time.Second }}
				items, stop := openStream(t.Context(), buffer, s.run)
				for i := range take {
					if i == 8 {
						break
					}
					if got := <-items; got != i {
						t.Errorf("item %d is %d", i, got)
					}
				}
				if err := stop(); err != nil {
					t.Errorf("buffer %d, stop after %d: %v", buffer, take, err)
				}
				n := len(s.fetched)
				time.Sleep(time.Minute)
				if len(s.fetched) != n {
					t.Errorf("%d fetches after stop", len(s.fetched)-n)
				}
				for range items { // closed
				}
				if err := stop(); err != nil {
					t.Errorf("the second stop: %v", err)
				}
			})
		}
	}
}

// What stop says, for each way a channel can end.
func TestChanStopSays(t *testing.T) {
	t.Parallel()
	bothErr := fmt.Errorf("%w: %w", errServer, context.Canceled)
	// answers yields item 1, waits for the cancellation, and answers it so.
	answers := func(err error) run {
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
		{"end, cancelled later", sequence(0, 3), func(items <-chan int, cancel context.CancelCauseFunc) {
			all(items, nil)
			cancel(errCause)
		}, nil},
		{"error", failing(errServer), all, []error{errServer}},
		{"error before stop, never looked at", failing(errServer), func(<-chan int, context.CancelCauseFunc) { synctest.Wait() }, []error{errServer}},
		{"run's own context.Canceled before stop", failing(bothErr), all, []error{errServer, context.Canceled}},
		{"stop answered by nothing", answers(nil), first, nil},
		{"stop answered by context.Canceled", answers(context.Canceled), first, nil},
		{"stop answered by an attempt cut short", answers(bothErr), first, nil},
		{"stop answered by a real error", answers(errServer), first, []error{errServer}},
		{"cancelled while blocked in a send", sequence(0, 9), func(items <-chan int, cancel context.CancelCauseFunc) {
			<-items
			synctest.Wait()
			cancel(errCause)
		}, []error{context.Canceled, errCause}},
		{"cancelled while run waits, run says nothing", answers(nil), func(items <-chan int, cancel context.CancelCauseFunc) {
			<-items
			cancel(errCause)
			all(items, nil)
		}, []error{context.Canceled, errCause}},
		{"cancelled while run waits, run says why", answers(bothErr), func(items <-chan int, cancel context.CancelCauseFunc) {
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
				items, stop := openStream(ctx, 0, tt.run)
				tt.consume(items, cancel)
				answers := make([]error, 8) // the same from every goroutine, each time
				var wg sync.WaitGroup
				for i := range answers {
					wg.Go(func() { answers[i] = stop() })
				}
				wg.Wait()
				for _, err := range append(answers, stop()) {
					if err != answers[0] { //nolint:errorlint // the very same
						t.Errorf("stop says %v, then %v", answers[0], err)
					}
				}
				if answers[0] == nil {
					wantErr(t, nil, tt.want...)
				} else {
					wantErr(t, answers[:1], tt.want...)
				}
			})
		})
	}
}

// A channel inside the run of another: the inner one is cut short by the outer
// stop, which is not its own, so it must not look complete.
func TestChanNested(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inner error
		items, stop := openStream(t.Context(), 0, func(ctx context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				items, stop := openStream(ctx, 0, sequence(0, 9))
				for item := range items {
					if !yield(item, nil) {
						break
					}
				}
				inner = stop()
			}
		})
		<-items
		if err := stop(); err != nil {
			t.Errorf("outer: %v", err)
		}
		if !errors.Is(inner, context.Canceled) {
			t.Errorf("inner: %v, want context.Canceled", inner)
		}
	})
}

// An error of run that does not depend on the context, such as an invalid request, is reported however early the stream
// is stopped, and so is a nil context.
func TestStreamReportsInvalidRequest(t *testing.T) {
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
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "nil context") {
		t.Errorf("got %v", err)
	}
}

// Stop leaves C closed and empty, whatever was buffered.
func TestStreamStopDiscards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := pagination.NewStream(t.Context(), 99, sequence(0, 1000))
		if err := s.Err(); err == nil || !strings.Contains(err.Error(), "before C was closed") {
			t.Errorf("Err of a running stream: %v", err)
		}
		<-s.C
		synctest.Wait() // the buffer is full
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

// A consumer that gives up without stop, but cancels, leaves nothing behind, and
// once ctx is done nothing more is asked of run.
func TestChanAbandoned(t *testing.T) {
	t.Parallel()
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			asked := 0
			items, _ := openStream(ctx, 0, func(context.Context) iter.Seq2[int, error] {
				return func(yield func(int, error) bool) {
					for asked = 1; yield(asked, nil); asked++ {
					}
				}
			})
			<-items
			synctest.Wait()
			cancel()
			for range items {
			}
			if asked > 2 {
				t.Errorf("asked for %d items, want 2", asked)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // L01
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errCause)
		items, stop := openStream(ctx, 9, sequence(0, 3))
		for item := range items {
			t.Errorf("item %d", item)
		}
		wantErr(t, []error{stop()}, context.Canceled, errCause)
	})
}

// Once ctx is done run is told at its very next item, though there is room for it.
func TestCancelledRunIsToldAtOnce(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]func(*testing.T, context.Context, run){
		"Chan": func(_ *testing.T, ctx context.Context, r run) {
			items, _ := openStream(ctx, 100, r)
			for range items {
			}
		},
		"Merge": func(t *testing.T, ctx context.Context, r run) {
			_, errs := collect(t, pagination.Merge(ctx, 1, r, failing(errServer)), true)
			wantErr(t, errs, context.Canceled)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 50 {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					asked := 0
					list(t, ctx, func(context.Context) iter.Seq2[int, error] {
						return func(yield func(int, error) bool) {
							for asked = 1; yield(asked, nil); asked++ {
								if asked == 2 {
									cancel()
								}
							}
						}
					})
					if asked != 3 {
						t.Errorf("asked for %d items, want 3", asked)
					}
				})
			}
		})
	}
}

// foreignContext is none of package context's own: its children hear of its end a
// little later, from a goroutine.
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

// A listing that ctx has cut short does not become an early stop because stop is
// called in the same moment.
func TestStopRightAfterTheContextsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := foreignContext{t.Context(), make(chan struct{})}
		items, stop := openStream(ctx, 0, sequence(0, 9))
		<-items
		synctest.Wait()
		close(ctx.done)
		wantErr(t, []error{stop()}, context.DeadlineExceeded)
	})
}

// The run's context ends with the run, or the parent would remember it for ever.
func TestChanReleasesItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inner context.Context
		items, _ := openStream(t.Context(), 0, func(ctx context.Context) iter.Seq2[int, error] {
			inner = ctx
			return sequence(0, 1)(ctx)
		})
		for range items {
		}
		synctest.Wait()
		if inner.Err() == nil {
			t.Error("the context of a finished run is not done")
		}
	})
}

// N09: with a buffer of a page less one item, the next page is fetched while the
// consumer has the first item of this one, and no page beyond it before the next.
func TestChanPrefetchesOnePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size, pages = 10, 6
		s := &server{pages: numbered(pages, size)}
		items, stop := openStream(t.Context(), size-1, s.run)
		synctest.Wait()
		if len(s.fetched) != 1 {
			t.Errorf("%d pages fetched before the first item is taken, want 1", len(s.fetched))
		}
		taken := 0
		for range items {
			synctest.Wait() // a slow consumer
			if want := min(taken/size+2, pages); len(s.fetched) != want {
				t.Errorf("at item %d: %d pages fetched, want %d", taken, len(s.fetched), want)
			}
			taken++
		}
		if err := stop(); err != nil || taken != size*pages {
			t.Errorf("%d items, %v", taken, err)
		}
	})
}

// A panic of run reaches the consumer, with run's stack, and blocks nobody.
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
		{"nil", explode(func() { panic(nil) }), "nil", nil}, // on purpose
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
				items, stop := openStream(t.Context(), 0, tt.run)
				if tt.name == "yield after the end" {
					<-items
				} else {
					for range items { // closed all the same
					}
				}
				for range 2 {
					func() {
						defer func() { check(t, tt.text, tt.err, recover()) }()
						t.Errorf("stop returned %v", stop())
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
							time.Sleep(time.Second) // until all that may be have begun
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

// The caller's slice of runs may change after the call.
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

// An error ends nothing: not the others, and not a run that goes on itself.
func TestMergeGoesOnAfterErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stubborn := func(context.Context) iter.Seq2[int, error] {
			return func(yield func(int, error) bool) {
				_ = yield(1, nil) && yield(99, errServer) && yield(2, nil) && yield(99, errServer) && yield(3, nil)
			}
		}
		items, errs := collect(t, pagination.Merge(t.Context(), 1, failing(errCause), stubborn, failing(errCause), sequence(4, 2)), false)
		equal(t, "items", items, []int{1, 2, 3, 4, 5})
		want := []error{errCause, errServer, errServer, errCause}
		if !slices.Equal(errs, want) {
			t.Errorf("errors %v, want %v", errs, want)
		}
		items, errs = collect(t, pagination.Merge(t.Context(), 0, failing(errCause), stubborn, sequence(4, 2)), false)
		slices.Sort(items)
		equal(t, "items", items, []int{1, 2, 3, 4, 5})
		if len(errs) != 3 {
			t.Errorf("errors %v, want 3", errs)
		}
	})
}

// N03, N09: leaving the loop ends every run before the loop statement returns, and
// each had made at most one item more than was taken from it.
func TestMergeBreak(t *testing.T) {
	t.Parallel()
	for take := range 20 {
		synctest.Test(t, func(t *testing.T) {
			var active atomic.Int64
			var made, taken [4]int
			runs := make([]run, len(made))
			for i := range runs {
				runs[i] = func(context.Context) iter.Seq2[int, error] {
					return func(yield func(int, error) bool) {
						active.Add(1)
						defer active.Add(-1)
						for made[i]++; yield(i, nil); made[i]++ {
						}
					}
				}
			}
			total := 0
			for i := range pagination.Merge(t.Context(), 0, runs...) {
				taken[i]++
				if total++; total > take {
					synctest.Wait()
					break
				}
			}
			if active.Load() != 0 {
				t.Errorf("%d runs still active after the loop", active.Load())
			}
			for i := range made {
				if made[i] > taken[i]+1 {
					t.Errorf("run %d made %d items, %d were taken", i, made[i], taken[i])
				}
			}
		})
	}
}

// The context's error comes once and last, instead of the runs' own.
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
					t.Errorf("%d fetches after the cancel", -fetches)
				}
			})
		}
	}
	for _, want := range []int64{0, 1} { // no run is started any more
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
	synctest.Test(t, func(t *testing.T) { // while all runs wait for their servers
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

// Several random listings merged: each delivers just what it would alone.
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
				t.Errorf("seed %d: %d times too few %v", seed, left, err)
			}
		}
	}
}

// Cancel, stop or break at any moment, with any speeds: what came is the beginning
// of what was served, the end is told truly, and nothing happens afterwards.
func TestRandomInterruption(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		for _, how := range []string{"Items", "Chan", "Chan stop", "Merge", "Merge break"} {
			synctest.Test(t, func(t *testing.T) {
				defer func() {
					if t.Failed() {
						t.Logf("seed %d, %s", seed, how)
					}
				}()
				r := rand.New(rand.NewPCG(seed, 4))
				// Servers and consumer act at whole milliseconds, the interruption between two.
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
				if how != "Chan stop" && how != "Merge break" {
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
				case "Chan", "Chan stop":
					items, stop := openStream(ctx, buffer, runs[0])
					if how == "Chan stop" {
						time.AfterFunc(moment, func() {
							if err := stop(); err != nil {
								t.Errorf("stop: %v", err)
							}
						})
					}
					for item := range items {
						work(item)
					}
					if err := stop(); err != nil {
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
							t.Fatalf("item %d was not served so often: got %v of %v", item, got, served)
						}
						left = slices.Delete(left, i, i+1)
					}
				} else if len(got) > len(served) || !slices.Equal(got, served[:len(got)]) {
					t.Errorf("got %v, served %v", got, served)
				}
				switch {
				case len(errs) > 0:
					if !over() {
						t.Errorf("error %v before anything happened", errs)
					}
					wantErr(t, errs, context.Canceled)
				case len(got) < total && how != "Chan stop" && how != "Merge break":
					t.Errorf("%d of %d items and no error", len(got), total)
				case len(got) < total && !over():
					t.Errorf("%d of %d items before anything happened", len(got), total)
				}
				time.Sleep(time.Second)
				for _, s := range servers {
					for _, begun := range s.times {
						// A loop is left by its body, which may still be at work at the moment.
						if begun.After(at) && how != "Merge break" {
							t.Errorf("fetch at %v after the end", begun.Sub(at))
						}
					}
				}
			})
		}
	}
}
