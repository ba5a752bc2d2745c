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

// Chan ranges over run in a goroutine of its own, from now on, and sends the items
// on a channel, which it closes at the end. The context it gives to run is done
// when ctx is, or on stop; run must then return.
//
//	items, stop := pagination.Chan(ctx, 99, run)
//	defer stop()
//	for item := range items {
//		use(item)
//	}
//	if err := stop(); err != nil {
//		return err
//	}
//
// Up to buffer items wait in the channel, and one more in the goroutine; a buffer
// below 0 is 0. With a buffer of one page less one item, the next page is fetched
// while the consumer is busy with this one, and never the one after.
//
// The first error of run ends the channel, after the items before it. A run that
// can go on after an error has to handle it itself.
//
// stop cancels run, waits for the goroutine to leave and returns
//   - nil if run came to its end, or was stopped before it did;
//   - else the error of run, or of ctx if that cut the listing short.
//
// An error of run that is merely its answer to the stop, one that is
// context.Canceled, does not count; any other does. stop may be called any number
// of times and from any goroutine but run's own, with the same answer each time.
// A consumer that never calls it must read to the end or cancel ctx, or the
// goroutine stays; it cannot tell a complete listing from a broken one.
//
// If run panics, stop panics, with an error that shows run's stack and wraps the
// value if that was an error, so that it can be recovered as in a plain loop.
func Chan[T any](ctx context.Context, buffer int, run func(context.Context) iter.Seq2[T, error]) (<-chan T, func() error) {
	parent := ctx
	ctx, cancel := context.WithCancelCause(parent)
	// A value of this call alone: parent may itself have been stopped by another.
	errStopped := fmt.Errorf("pagination: stopped by the consumer: %w", context.Canceled)
	stopped := func() bool { return errors.Is(context.Cause(ctx), errStopped) }

	list := func(items chan<- T) error {
		if ctx.Err() == nil {
			for item, err := range run(ctx) {
				if err != nil {
					if stopped() && errors.Is(err, context.Canceled) {
						return nil
					}
					return err
				}
				if !send(ctx, items, item) {
					break
				}
			}
		}
		if stopped() {
			return nil
		}
		return contextError(ctx) // also of a run that ends without a word when cancelled
	}

	items, left := make(chan T, max(buffer, 0)), make(chan struct{})
	var err, crash error
	go func() {
		defer close(left)
		defer cancel(nil)
		defer close(items)
		guard(func() { err = list(items) }, func(e error) { crash = e })
	}()

	return items, func() error {
		if parent.Err() == nil { // else the listing was cut short, not stopped
			cancel(errStopped)
		}
		<-left
		if crash != nil {
			panic(crash)
		}
		return err
	}
}

// Merge ranges over all runs at once, at most limit at a time (0 or less: no
// limit), and yields their items as they come. Runs are started in order, the
// first ones when the range begins, each further one when another has ended; the
// order within a run is kept. Nil runs are skipped.
//
// An error of a run is yielded with the zero item and ends nothing: neither that
// run, which knows best whether it can go on, nor the others. Leave the loop to
// end at the first error. When ctx is done, nothing more is yielded but the
// context's error, once and last, in place of what the runs say about it.
//
// The context given to the runs is done when ctx is, or when the loop is left; they
// must then return, for Merge waits for all of them before it does. Each run is at
// most one item ahead of the loop: memory does not grow, whatever the consumer's
// speed.
//
// If a run panics, all are cancelled and the loop panics, with an error that shows
// the run's stack and wraps the value if that was an error.
func Merge[T any](ctx context.Context, limit int, runs ...func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	parent := ctx
	runs = slices.DeleteFunc(slices.Clone(runs), func(run func(context.Context) iter.Seq2[T, error]) bool { return run == nil })
	if limit <= 0 || limit > len(runs) {
		limit = len(runs)
	}
	type result struct {
		item T
		err  error
	}
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(parent)
		results := make(chan result) // no buffer: it would hold pages if the items are pages
		var started atomic.Int64
		work := func() {
			for ctx.Err() == nil {
				n := started.Add(1)
				if n > int64(len(runs)) {
					return
				}
				for item, err := range runs[n-1](ctx) {
					if !send(ctx, results, result{item, err}) {
						break
					}
				}
			}
		}

		var crash error
		var crashed sync.Once
		var workers sync.WaitGroup
		for range limit {
			workers.Go(func() {
				guard(work, func(err error) {
					crashed.Do(func() { crash = err })
					cancel()
				})
			})
		}
		go func() {
			workers.Wait()
			close(results)
		}()
		defer func() { // also when the loop's body panics
			cancel()
			for range results { // until all have left
			}
			if crash != nil {
				panic(crash)
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

// send hands v over and reports whether to go on: not once ctx is done.
func send[V any](ctx context.Context, to chan<- V, v V) bool {
	select {
	case to <- v:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// guard calls f and, if f panics or ends its goroutine, tells crashed before the
// goroutine's other deferred calls run. A crash is carried to the goroutine that
// waits for f, with the stack, which is lost otherwise.
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
