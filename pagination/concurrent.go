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

// Stream runs an iterator in its own goroutine and sends the items to the channel C.
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
	// C receives the items in order. It is closed when the iterator ends or yields an error, when the context is
	// done, and by Stop.
	C <-chan T

	stop  func()
	done  chan struct{} // closed after err and crash have been set, and before C is closed
	err   error
	crash error
}

// errRunning is the error that Err returns while the stream is running.
var errRunning = errors.New("pagination: Err was called before C was closed: read C until it is closed, or call Stop first")

// NewStream starts a goroutine that ranges over the iterator returned by run and sends the items to the stream's
// channel. The context passed to run is canceled when ctx is done or Stop is called; run must then return.
//
// The channel buffers up to buffer items, and the goroutine keeps one more item. A negative buffer is treated as 0. If
// buffer is one less than the number of items on a page, the next page, but no further page, is fetched while the
// consumer processes the current page.
//
// If run yields an error, the stream ends after the consumer has received all earlier items. The function run must
// therefore handle an error itself if it can continue after the error.
//
// A consumer must read C until it is closed, call Stop, or cancel ctx. Otherwise the goroutine is leaked.
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
	// Create a separate error for each stream. If ctx is the context of another stream, it may have been canceled by
	// the Stop method of that stream.
	errStopped := fmt.Errorf("pagination: stopped by the consumer: %w", context.Canceled)
	s.stop = func() {
		if ctx.Err() == nil { // run has ended by itself, not because of ctx
			cancel(errStopped)
		}
	}
	go func() {
		defer close(items) // deferred first, so that it runs last: a consumer may call Err when C is closed
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

// sendAll sends the items that run yields until run ends or yields an error, or until ctx is done. It calls run even if
// ctx is already done, so that run can report an error that does not depend on the context, such as an invalid request.
// After ctx is done, run may yield the rest of a page before it yields an error. Therefore, sendAll discards up to
// cap(items)+1 items and waits for the error of run.
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
	return contextError(ctx) // run may end without an error when it is canceled
}

// Stop ends the stream early. It cancels the context passed to run, discards the items that have not been received, and
// waits until the stream's goroutine has returned. When Stop returns, C is closed and empty. Stop may be called several
// times, even after the stream has ended. Any goroutine may call Stop, except the goroutine in which run is executed.
//
// If run panicked, Stop panics with an error that contains the stack trace of run. If run panicked with an error, the
// new error wraps that error.
func (s *Stream[T]) Stop() {
	s.stop()
	<-s.done
	for range s.C { //nolint:revive // discards the remaining items
	}
	if s.crash != nil {
		panic(s.crash)
	}
}

// Err returns the error that ended the stream: the error that run yielded, or the error of the context passed to
// NewStream. It returns nil if run completed, or if Stop ended the stream. Call Err after C is closed; an earlier call
// returns an error that says that C is not closed yet. Any goroutine may call Err. If run panicked, Err panics like
// Stop.
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

// Merge returns an iterator that executes the functions runs concurrently and yields the items that they yield. Below,
// each of these functions is called a run. At most limit runs are active at the same time; a limit of 0 or less means
// no limit. Items are yielded as they arrive, but the order of the items of one run is preserved. Runs are started in
// the order of the arguments. Up to limit runs are started when the range statement begins, and the next run is started
// whenever a run ends. A nil run is skipped.
//
// If a run yields an error, Merge yields that error with the zero item. Neither that run nor any other run is ended by
// the error. To stop at the first error, leave the loop. When ctx is done, Merge yields the context's error as its last
// value, and does not yield the errors with which the runs end.
//
// The context passed to the runs is canceled when ctx is done or the loop is left. Each run must then return, because
// Merge waits for all runs. Each run is at most one item ahead of the loop, so a slow loop does not increase memory
// use.
//
// If a run panics, Merge cancels the other runs and panics with an error that contains the stack trace of the run. If
// the run panicked with an error, the new error wraps that error.
func Merge[T any](ctx context.Context, limit int, runs ...func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	parent := ctx
	runs = slices.DeleteFunc(slices.Clone(runs), func(run func(context.Context) iter.Seq2[T, error]) bool { return run == nil })
	if limit <= 0 || limit > len(runs) {
		limit = len(runs)
	}
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(parent)
		results, crashed := startAll(ctx, cancel, limit, runs)
		defer func() { // deferred, so that the runs end even if the loop's body panics
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

// result is an item or an error that a run of Merge has yielded.
type result[T any] struct {
	item T
	err  error
}

// startAll executes runs with limit workers and sends the items and errors that they yield to the channel results. It
// closes results when all workers have returned. If a run panics, startAll calls cancel. The function crashed, which
// may be called after results is closed, returns an error that describes the panic, or nil if no run panicked.
func startAll[T any](
	ctx context.Context, cancel func(), limit int, runs []func(context.Context) iter.Seq2[T, error],
) (results <-chan result[T], crashed func() error) {
	out := make(chan result[T]) // unbuffered, because items may be as large as a page
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

// send sends v to ch and reports whether the caller should continue. It returns false as soon as ctx is done, even if v
// could not be sent.
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

// guard calls f. If f panics or calls runtime.Goexit, guard calls crashed with an error that contains the stack trace.
// The goroutine that waits for f can then panic with this error.
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
