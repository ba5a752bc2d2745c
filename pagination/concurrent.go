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
	// C receives the items in the order of the iterator. It is closed when the iterator ends or yields an error, when
	// the context is done, and by Stop.
	C <-chan T

	stop  func()
	done  chan struct{} // closed after err and crash have been set, and before C is closed
	err   error
	crash error
}

// errRunning is the error that Err returns while the stream is running.
var errRunning = errors.New("pagination: Err was called before C was closed: read C until it is closed, or call Stop first")

// NewStream starts a goroutine that sends the items of the iterator returned by run to the stream's channel. The
// context passed to run is canceled when ctx is done or Stop is called; run must then return.
//
// The channel buffers up to buffer items. A negative buffer is treated as 0. If buffer is one less than the number of
// items on a page, the next page is fetched while the consumer processes the current page.
//
// If run yields an error, the stream ends after the consumer has received all earlier items.
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
	// Create a separate error for each stream, so that an error of another stream is not mistaken for it.
	errStopped := fmt.Errorf("pagination: stopped by the consumer: %w", context.Canceled)
	s.stop = func() {
		if ctx.Err() == nil { // if ctx is done, the stream must end with the error of ctx
			cancel(errStopped)
		}
	}
	go func() {
		defer close(items) // deferred first, so that it runs last: after C is closed, a consumer may call Err
		defer close(s.done)
		defer cancel(nil)
		catchPanic(func() {
			s.err = sendAll(running, items, run)
			if stopped := errors.Is(context.Cause(running), errStopped); stopped && errors.Is(s.err, context.Canceled) {
				s.err = nil
			}
		}, func(err error) { s.crash = err })
	}()
	return s
}

// sendAll sends the items of run to the channel, until run ends, run yields an error or ctx is done. It calls run even
// if ctx is already done, so that run can report an invalid request. After ctx is done, sendAll discards up to
// cap(items)+1 items while it waits for run to yield an error.
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
	return contextError(ctx) // run may end without an error if it is canceled
}

// Stop ends the stream early. It cancels the context passed to run, discards the remaining items, and waits until the
// stream's goroutine has returned. Afterwards, C is closed and empty. Stop may be called several times and from any
// goroutine except the goroutine that executes run.
//
// If run panicked, Stop panics with an error that contains the stack trace. If the panic value is an error, the new
// error wraps it.
func (s *Stream[T]) Stop() {
	s.stop()
	<-s.done
	for range s.C { //nolint:revive // discards the remaining items
	}
	if s.crash != nil {
		panic(s.crash)
	}
}

// Err returns the error that ended the stream, which is the error of run or of the context. It returns nil if run
// completed or Stop ended the stream. Before C is closed, Err returns an error. Any goroutine may call Err. If run
// panicked, Err panics like Stop.
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

// Merge returns an iterator that executes functions concurrently and yields their items as they arrive. The items of
// one function stay in order. At most limit functions are active at the same time; a limit of 0 or less means no limit.
// The functions are started in the order of the arguments. A nil function is skipped.
//
// If a function yields an error, Merge yields the error with the zero item and continues. To stop at the first error,
// leave the loop. When ctx is done, Merge yields the context's error as its last value.
//
// The context passed to the functions is canceled when ctx is done or the loop ends. Each function must then return,
// because Merge waits for all of them. Each function is at most one item ahead of the loop.
//
// If a function panics, Merge cancels the other functions and panics with an error that contains the stack trace. If
// the panic value is an error, the new error wraps it.
func Merge[T any](ctx context.Context, limit int, runs ...func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	parent := ctx
	runs = slices.DeleteFunc(slices.Clone(runs), func(run func(context.Context) iter.Seq2[T, error]) bool { return run == nil })
	if limit <= 0 || limit > len(runs) {
		limit = len(runs)
	}
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(parent)
		results, crashed := startAll(ctx, cancel, limit, runs)
		defer func() { // deferred, because the loop's body may panic
			cancel()
			for range results { // wait until all workers have returned
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

// result is an item, or an error, that one of the functions passed to Merge has yielded.
type result[T any] struct {
	item T
	err  error
}

// startAll calls the functions in runs from limit goroutines. It sends the items and errors to the channel results and
// closes the channel after all functions have ended. If a function panics, startAll calls cancel. Once results is
// closed, crashed returns an error that describes the first panic, or nil.
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
			catchPanic(work, func(err error) {
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

// send sends v to ch. It returns false if ctx is done.
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

// catchPanic calls f. If f panics or calls runtime.Goexit, catchPanic passes an error to crashed. The error for a panic
// contains the stack trace.
func catchPanic(f func(), crashed func(error)) {
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
