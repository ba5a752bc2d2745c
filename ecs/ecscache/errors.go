package ecscache

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// panicError carries the panic of a hook from a goroutine of this package to a goroutine of the caller, who can
// recover from it.
type panicError struct{ error }

// catchPanic calls f. If f panics, it returns the panic as a panicError.
func catchPanic(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError{fmt.Errorf("ecscache: a hook panicked: %v\n\n%s", p, debug.Stack())}
		}
	}()
	return f()
}

// rethrow panics if err is a panicError.
func rethrow(err error) {
	if p, ok := err.(panicError); ok { //nolint:errorlint // never wrapped
		panic(p.error)
	}
}

// inParallel calls f for several regions concurrently and returns the errors.
func inParallel(tasks []*task, f func(*task) error) []error {
	errs := make([]error, len(tasks))
	var wg sync.WaitGroup
	for i, t := range tasks {
		wg.Go(func() { errs[i] = catchPanic(func() error { return f(t) }) })
	}
	wg.Wait()
	for i, t := range tasks {
		rethrow(errs[i])
		errs[i] = inRegion(t, errs[i])
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// inRegion adds the region of a task to its error.
func inRegion(t *task, err error) error {
	if err == nil || t.region == "" {
		return err
	}
	return &ecs.RegionError{Region: t.region, Err: err}
}

// joinLine joins errors on one line. It returns nil if there are none.
func joinLine(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	err := errs[0]
	for _, next := range errs[1:] {
		err = fmt.Errorf("%w; %w", err, next)
	}
	return err
}
