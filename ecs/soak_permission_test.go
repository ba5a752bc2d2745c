package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestSoakOfPermissions lists a fleet in all ways from many goroutines while requests fail and the permission is
// withdrawn and restored. Every listing without an error must be exact.
func TestSoakOfPermissions(t *testing.T) {
	t.Parallel()
	goroutines, duration := volume(32, 12), volume(time.Minute, 30*time.Second)
	if *soakTime > 0 {
		duration = 10 * time.Minute
	}
	inVirtualTime(t, fmt.Sprint(goroutines, " goroutines"), func(t *testing.T) {
		fleet := numbered(230, "cn-hangzhou")
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 700 * time.Millisecond })
		ctx, cancel := context.WithTimeout(t.Context(), duration)
		defer cancel()
		forms := maps.Clone(ways)
		forms["InstancesInRegions"] = func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
			return c.InstancesInRegions(ctx, []string{"cn-hangzhou"}, req, &ecs.RegionsOptions{Workers: 4})
		}
		forms["GetInstances"] = func(c *ecs.Client, ctx context.Context, _ ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
			return func(yield func(ecs.Instance, error) bool) {
				found, err := c.GetInstances(ctx, ids(fleet)...)
				for _, inst := range found {
					if !yield(inst, nil) {
						return
					}
				}
				if err != nil {
					yield(ecs.Instance{}, err)
				}
			}
		}
		names := slices.Sorted(maps.Keys(forms))
		var complete, denied, failed atomic.Int64
		var listings sync.WaitGroup
		for n := range goroutines {
			form := forms[names[n%len(names)]]
			listings.Go(func() {
				for ctx.Err() == nil {
					got, err := collect(form(srv.client, ctx, ecs.DescribeInstancesRequest{}))
					switch {
					case err == nil:
						complete.Add(1)
						sameOnce(t, got, fleet)
					case errors.Is(err, ecs.ErrForbidden):
						denied.Add(1)
					case errors.Is(err, ecs.ErrNotFound):
						t.Errorf("%s: %v", names[n%len(names)], err)
					default:
						failed.Add(1)
					}
				}
			})
		}
		trouble(ctx, srv, rand.New(rand.NewPCG(1, 2)))
		listings.Wait()
		t.Logf("%d listings complete, %d denied, %d failed in other ways", complete.Load(), denied.Load(), failed.Load())
		if complete.Load() < 3*int64(goroutines) || denied.Load() == 0 {
			t.Error("too few complete listings, or no denied listing: the test is not meaningful")
		}
	})
}

// trouble causes different failures one after another until ctx is done. The pauses between failures are long enough
// for a dry run and the next request.
func trouble(ctx context.Context, srv *cloud, rng *rand.Rand) {
	seconds := func(least, most float64) {
		select {
		case <-time.After(time.Duration((least + rng.Float64()*(most-least)) * float64(time.Second))):
		case <-ctx.Done():
		}
	}
	key := srv.Credentials().AccessKeyID
	for ctx.Err() == nil {
		seconds(3, 15)
		switch rng.IntN(3) {
		case 0:
			srv.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = rng.IntN(3) > 0 })
			srv.UpdateKey(key, func(k *ecstest.Key) { k.Deny = []string{"ecs:DescribeInstances"} })
			seconds(0.2, 5)
			srv.UpdateKey(key, func(k *ecstest.Key) { k.Deny = nil })
		case 1:
			down := []ecstest.Fault{{Reset: true}, {Status: 503, Body: []byte("down")}, {Code: "ServiceUnavailable"}, {Close: true}}[rng.IntN(4)]
			down.Times = -1
			srv.Inject(down)
			seconds(1, 10)
			srv.ClearFaults()
		default:
			srv.Inject(ecstest.Fault{Truncate: true, Times: 2}, ecstest.Fault{Code: "InternalError", Times: 3}, ecstest.Fault{CutJSON: true}, ecstest.Fault{Duplicate: 3, Times: 2})
		}
	}
}
