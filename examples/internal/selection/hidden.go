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

// Instances is [ecs.Client.InstancesInRegions], where an instance in one region counts as permission for all: another that
// a policy hides looks empty. Here each region that is named and looks empty is checked by itself, and a denial is that
// region's failure. With nil regions, which are all, nothing is checked: most are empty, and each would cost a request.
func Instances(ctx context.Context, client *ecs.Client, regions []string, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		empty := map[string]bool{}
		for _, name := range regions {
			empty[name] = true
		}
		alone := len(empty) == 1 // then the client has checked it
		for inst, err := range client.InstancesInRegions(ctx, regions, req, nil) {
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
		denied := Denied(ctx, client, slices.Collect(maps.Keys(empty)), req)
		for _, name := range slices.Sorted(maps.Keys(denied)) {
			if !yield(ecs.Instance{}, &ecs.RegionError{Region: name, Err: denied[name]}) {
				return
			}
		}
	}
}

// Denied lists regions that look empty once more, each alone, so that the client itself makes sure that they are. The
// result says of each region that cannot be believed to be empty why.
func Denied(ctx context.Context, client *ecs.Client, regions []string, req ecs.DescribeInstancesRequest) map[string]error {
	errs := make([]error, len(regions))
	var running sync.WaitGroup
	for i, name := range regions {
		running.Go(func() {
			for _, err := range client.InstancesInRegions(ctx, []string{name}, req, nil) {
				if errs[i] = err; err == nil {
					break // it is not empty any more
				}
			}
		})
	}
	running.Wait()
	denied := map[string]error{}
	for i, name := range regions {
		err := errs[i]
		var regional *ecs.RegionError
		if errors.As(err, &regional) {
			err = regional.Err
		}
		if err != nil {
			denied[name] = err
		}
	}
	return denied
}
