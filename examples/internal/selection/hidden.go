package selection

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// list is [ecs.Client.InstancesInRegions] with one more check: each region that is named and looks empty is listed once more
// by itself, so that the client verifies the permission for that region, and a denial is the region's failure.
func list(ctx context.Context, client *ecs.Client, regions []string, req ecs.DescribeInstancesRequest, opts *ecs.RegionsOptions) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		empty := map[string]bool{}
		for _, name := range regions {
			empty[name] = true
		}
		alone := len(empty) == 1 // then the client has checked it
		for inst, err := range client.InstancesInRegions(ctx, regions, req, opts) {
			var regional *ecs.RegionError
			ok := errors.As(err, &regional)
			if ok {
				delete(empty, regional.Region)
			}
			delete(empty, inst.RegionID)
			if !yield(inst, err) || err != nil && !ok {
				return
			}
		}
		if alone {
			return
		}
		failed := verifyEmpty(ctx, client, slices.Collect(maps.Keys(empty)), req)
		for _, name := range slices.Sorted(maps.Keys(failed)) {
			if !yield(ecs.Instance{}, &ecs.RegionError{Region: name, Err: failed[name]}) {
				return
			}
		}
	}
}

// verifyEmpty lists each of the regions by itself and returns, for those that fail, the error.
func verifyEmpty(ctx context.Context, client *ecs.Client, regions []string, req ecs.DescribeInstancesRequest) map[string]error {
	errs := make([]error, len(regions))
	var running sync.WaitGroup
	for i, name := range regions {
		running.Go(func() {
			for _, err := range client.InstancesInRegions(ctx, []string{name}, req, nil) {
				if errs[i] = err; err == nil {
					break // it has instances by now
				}
			}
		})
	}
	running.Wait()
	failed := map[string]error{}
	for i, name := range regions {
		err := errs[i]
		var regional *ecs.RegionError
		if errors.As(err, &regional) {
			err = regional.Err
		}
		if err != nil {
			failed[name] = err
		}
	}
	return failed
}
