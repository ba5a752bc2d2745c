package ecscache

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// group runs functions in goroutines of their own. When one of them panics, wait panics in the goroutine of the caller,
// who can recover there.
type group struct {
	wg      sync.WaitGroup
	once    sync.Once
	crash   error
	crashed func() // called at the first panic
}

func (g *group) run(f func()) {
	g.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				g.once.Do(func() {
					g.crash = fmt.Errorf("ecscache: a hook panicked: %v\n\n%s", p, debug.Stack())
					g.crashed()
				})
			}
		}()
		f()
	})
}

func (g *group) wait() {
	g.wg.Wait()
	if g.crash != nil {
		panic(g.crash)
	}
}

// inParallel calls f for several regions at once, and returns the errors.
func inParallel(tasks []*task, f func(*task) error) []error {
	g := group{crashed: func() {}}
	errs := make([]error, len(tasks))
	for i, t := range tasks {
		g.run(func() { errs[i] = inRegion(t, f(t)) })
	}
	g.wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// inRegion adds the region of a task to its error.
func inRegion(t *task, err error) error {
	if err == nil || t.region == "" {
		return err
	}
	return &ecs.RegionError{Region: t.region, Err: err}
}

// joinLine joins errors in one line. It returns nil if there are none.
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
