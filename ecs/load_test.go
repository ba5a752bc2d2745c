package ecs_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// TestLoad checks clients that share a quota that they do not know. All calls must succeed in close to the minimum time
// that the quota permits.
func TestLoad(t *testing.T) {
	t.Parallel()
	bucket := func() func(time.Time) (bool, time.Duration) { return tokenBucket(40, 10) }
	window := func(hints bool) func() func(time.Time) (bool, time.Duration) {
		return func() func(time.Time) (bool, time.Duration) { return fixedWindow(200, time.Minute, hints) }
	}
	for _, c := range []struct {
		name                    string
		clients, workers, calls int // number of clients, workers per client, and calls in total
		quota                   func() func(time.Time) (bool, time.Duration)
		ideal                   time.Duration
		over, rejected          float64 // maximum excess over the ideal time, and maximum share of throttled requests, in percent
	}{
		{"bucket of 40/s, 1 client", 1, 16, 2400, bucket, time.Minute, 10, 10},
		{"bucket of 40/s, 4 clients", 4, 4, 2400, bucket, time.Minute, 10, 10},
		{"bucket of 40/s, 4 clients with 16 workers each", 4, 16, 2400, bucket, time.Minute, 10, 10},
		{"window of 200 a minute, with x-acs-retry-after", 1, 16, 600, window(true), 2 * time.Minute, 10, 10},
		{"window of 200 a minute, without x-acs-retry-after", 1, 16, 600, window(false), 2 * time.Minute, 10, 10},
		{"window of 200 a minute, without x-acs-retry-after, 1 worker", 1, 1, 600, window(false), 2 * time.Minute, 20, 10},
	} {
		if testing.Short() && c.clients*c.workers < 64 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var rejected, sent atomic.Int64
				serve := metered(&rejected, c.quota())
				counted := func(x *exchange) { sent.Add(1); serve(x) }
				first := newRig(t, variants[0], counted, lean)
				rigs := []*rig{first}
				for len(rigs) < c.clients {
					g := newRig(t, variants[len(rigs)%len(variants)], nil, lean)
					g.serve = first.serve
					rigs = append(rigs, g)
				}
				var failed atomic.Int64
				var wg sync.WaitGroup
				for _, g := range rigs {
					wg.Go(func() { failed.Add(int64(g.many(t.Context(), c.workers, c.calls/c.clients))) })
				}
				wg.Wait()
				over := 100 * (first.elapsed().Seconds()/c.ideal.Seconds() - 1)
				share := 100 * float64(rejected.Load()) / float64(sent.Load())
				t.Logf("%d of %d failed, %.1f %% rejected, %v, %.1f %% over the ideal", failed.Load(), c.calls, share, first.elapsed().Round(time.Millisecond), over)
				if failed.Load() > 0 || over > c.over || share > c.rejected {
					t.Errorf("want no failures, at most %v %% rejected and at most %v %% over the ideal", c.rejected, c.over)
				}
				for _, g := range rigs {
					g.finish()
				}
			})
		})
	}
}

func lean(g *rig, o *ecs.Options) {
	g.lean = true
	o.Logger, o.OnAttempt = nil, nil
}
