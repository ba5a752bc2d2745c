package selection

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// Instances is [ecs.Client.InstancesInRegions], where an instance in one region counts as permission for all: another that
// a policy hides looks empty. Here each region that is named and looks empty has a dry run of its own, and a denial is that
// region's failure. With nil regions, which are all, nothing is checked: most are empty, and each would cost a request.
func Instances(ctx context.Context, client *ecs.Client, regions []string, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		empty := map[string]bool{}
		for _, name := range regions {
			empty[name] = true
		}
		alone := len(empty) == 1 // then the client has checked it
		for inst, err := range client.InstancesInRegions(ctx, regions, req) {
			regional, ok := errors.AsType[*ecs.RegionError](err)
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

// Denied finds by dry runs, all at once, which of the regions may not be listed, or could not be asked before ctx ended. A
// dry run that fails in another way says nothing about the permission.
func Denied(ctx context.Context, client *ecs.Client, regions []string, req ecs.DescribeInstancesRequest) map[string]error {
	req.InstanceIDs = req.InstanceIDs[:min(len(req.InstanceIDs), 100)] // a single request takes no more
	errs := make([]error, len(regions))
	var running sync.WaitGroup
	for i, name := range regions {
		running.Go(func() {
			regional, err := client.InRegion(name)
			if err == nil {
				err = regional.DryRun(ctx, req)
			}
			errs[i] = err
		})
	}
	running.Wait()
	denied := map[string]error{}
	for i, err := range errs {
		if err != nil && (ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || isDenial(err)) {
			denied[regions[i]] = err
		}
	}
	return denied
}

// isDenial reports whether listing is denied. Who may list, but lacks another permission that a dry run takes, is believed.
func isDenial(err error) bool {
	e, ok := errors.AsType[*ecs.Error](err)
	if !ok || !errors.Is(e, ecs.ErrForbidden) {
		return false
	}
	return e.AccessDenied == nil || e.AccessDenied.AuthAction == "" || strings.EqualFold(e.AccessDenied.AuthAction, "ecs:DescribeInstances")
}
