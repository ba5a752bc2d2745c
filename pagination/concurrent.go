package pagination

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
)

// Stream is an iterator that runs in its own goroutine and sends its items to the channel C.
//
//	stream := pagination.NewStream(ctx, 99, run)
//	defer stream.Stop()
//	for item := range stream.C {
//		use(item)
//	}
//	if err := stream.Err(); err != nil {
//		return err
//	}
type Stream[T any] struct {
	// C receives the items in order. It is closed when the iterator ends, after an error, when the context is
	// done, and by Stop.
	C <-chan T

	stop  func()
	done  chan struct{} // closed before C, after err and crash have been set
	err   error
	crash error
}

// errRunning is returned by Err while the stream is running.
var errRunning = errors.New("pagination: Err called before C was closed: read C to its end or call Stop first")

// NewStream starts a goroutine that ranges over run and sends the items to the stream's channel. The context passed to
// run is canceled when ctx is done or Stop is called; run must then return.
//
// The channel holds up to buffer items, and the goroutine one more; a negative buffer counts as 0. With a buffer of one
// less than a page, the next page is fetched while the consumer works on the current one, and no page after that.
//
// The first error of run ends the stream, after the items before it. A run that can continue after an error must
// handle that error itself.
//
// A consumer must read C to its end, call Stop, or cancel ctx; otherwise the goroutine is leaked.
func NewStream[T any](ctx context.Context, buffer int, run func(context.Context) iter.Seq2[T, error]) *Stream[T] {
	items := make(chan T, max(buffer, 0))
	s := &Stream[T]{C: items, done: make(chan struct{})}
	if ctx == nil {
		s.stop, s.err = func() {}, errNilContext
		close(items)
		close(s.done)
		return s
	}
	running, cancel := context.WithCancelCause(ctx)
	// Each stream has its own error: ctx may be the context of another stream, canceled by its Stop.
	errStopped := fmt.Errorf("pagination: stopped by the consumer: %w", context.Canceled)
	s.stop = func() {
		if ctx.Err() == nil { // otherwise ctx ended the listing, not Stop
			cancel(errStopped)
		}
	}
	go func() {
		defer close(items) // must be last: a consumer that sees C closed may call Err
		defer close(s.done)
		defer cancel(nil)
		guard(func() {
			s.err = sendAll(running, items, run)
			if stopped := errors.Is(context.Cause(running), errStopped); stopped && errors.Is(s.err, context.Canceled) {
				s.err = nil
			}
		}, func(err error) { s.crash = err })
	}()
	return s
}

// sendAll sends the items of run until it ends, fails, or ctx is done. It calls run even if ctx is already done:
// an error that does not depend on the context, such as an invalid request, is reported even if the stream is
// stopped at once. Once ctx is done it discards as many items as the channel holds, and one more: that is the rest
// of a page, after which run reports in its own words that it was canceled.
func sendAll[T any](ctx context.Context, items chan<- T, run func(context.Context) iter.Seq2[T, error]) error {
	discarded := 0
	for item, err := range run(ctx) {
		if err != nil {
			return err
		}
		if !send(ctx, items, item) {
			if discarded++; discarded > cap(items)+1 {
				break
			}
		}
	}
	return contextError(ctx) // even if run returned without an error because it was canceled
}

// Stop ends the stream early. It cancels the context passed to run, waits until the goroutine has returned, and
// discards the items that have not been received. When it returns, C is closed and empty. It may be called any
// number of times, by any goroutine except that of run, and also after the stream has ended.
//
// If run panicked, Stop panics with an error that contains the stack of run and wraps the value if that was an
// error.
func (s *Stream[T]) Stop() {
	s.stop()
	<-s.done
	for range s.C { //nolint:revive // discards the remaining items
	}
	if s.crash != nil {
		panic(s.crash)
	}
}

// Err returns the error that ended the stream: the error of run, or of the context passed to NewStream if that
// ended it. It returns nil if run completed, or if Stop was called before that. It may be called by any goroutine
// once C is closed; before that, it returns an error that says so. If run panicked, Err panics like Stop.
func (s *Stream[T]) Err() error {
	select {
	case <-s.done:
	default:
		return errRunning
	}
	if s.crash != nil {
		panic(s.crash)
	}
	return s.err
}

// Merge returns an iterator over the items of all runs, which it executes concurrently, at most limit at a time; a
// limit of 0 or less means no limit. Items are yielded as they arrive; the items of one run stay in order. Runs
// are started in order, when the range statement begins and whenever another run ends. Nil runs are skipped.
//
// An error of a run is yielded with the zero item. It ends neither that run, which may continue, nor the others;
// leave the loop to stop at the first error. When ctx is done, Merge yields the context's error last, instead of
// the errors of the runs.
//
// The context passed to the runs is canceled when ctx is done or the loop is left. Runs must then return: Merge
// waits for all of them. Each run is at most one item ahead of the loop, so memory use does not depend on the
// speed of the loop.
//
// If a run panics, Merge cancels the others and panics with an error that contains the stack of the run and wraps
// the value if that was an error.
func Merge[T any](ctx context.Context, limit int, runs ...func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	parent := ctx
	runs = slices.DeleteFunc(slices.Clone(runs), func(run func(context.Context) iter.Seq2[T, error]) bool { return run == nil })
	if limit <= 0 || limit > len(runs) {
		limit = len(runs)
	}
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(parent)
		results, crashed := startAll(ctx, cancel, limit, runs)
		defer func() { // even if the loop's body panics
			cancel()
			for range results { // until all workers have returned
			}
			if err := crashed(); err != nil {
				panic(err)
			}
		}()

		var zero T
		for r := range results {
			if parent.Err() != nil {
				break
			}
			if r.err != nil {
				r.item = zero
			}
			if !yield(r.item, r.err) {
				return
			}
		}
		if err := contextError(parent); err != nil {
			yield(zero, err)
		}
	}
}

// result is an item or error yielded by a run of Merge.
type result[T any] struct {
	item T
	err  error
}

// startAll executes runs with limit workers and sends what they yield to results, which is closed when all workers
// have returned. If a run panics, startAll calls cancel, and crashed returns an error once results is closed.
func startAll[T any](
	ctx context.Context, cancel func(), limit int, runs []func(context.Context) iter.Seq2[T, error],
) (results <-chan result[T], crashed func() error) {
	out := make(chan result[T]) // unbuffered, because an item may be a whole page
	var started atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			n := started.Add(1)
			if n > int64(len(runs)) {
				return
			}
			for item, err := range runs[n-1](ctx) {
				if !send(ctx, out, result[T]{item, err}) {
					break
				}
			}
		}
	}
	var crash error
	var once sync.Once
	var workers sync.WaitGroup
	for range limit {
		workers.Go(func() {
			guard(work, func(err error) {
				once.Do(func() { crash = err })
				cancel()
			})
		})
	}
	go func() {
		workers.Wait()
		close(out)
	}()
	return out, func() error { return crash }
}

// send sends v to ch and reports whether to continue. When ctx is done, it sends nothing.
func send[V any](ctx context.Context, ch chan<- V, v V) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case ch <- v:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// guard calls f. If f panics or exits its goroutine, guard calls crashed with an error that contains the stack, so
// that the panic can be raised again in the goroutine that waits for f.
func guard(f func(), crashed func(error)) {
	returned := false
	defer func() {
		switch p := recover().(type) {
		case nil:
			if !returned {
				crashed(errors.New("pagination: run called runtime.Goexit"))
			}
		case error:
			crashed(fmt.Errorf("pagination: run panicked: %w\n\n%s", p, debug.Stack()))
		default:
			crashed(fmt.Errorf("pagination: run panicked: %v\n\n%s", p, debug.Stack()))
		}
	}()
	f()
	returned = true
}
