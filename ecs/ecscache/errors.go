package ecscache

import (
	"fmt"
	"slices"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// inParallel calls f concurrently for each task and returns all errors that are not nil.
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

// inRegion wraps err in an *ecs.RegionError if the task lists a region.
func inRegion(t *task, err error) error {
	if err == nil || t.region == "" {
		return err
	}
	return &ecs.RegionError{Region: t.region, Err: err}
}

// joinLine joins errors into one error with a one-line message. It returns nil if errs is empty.
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
