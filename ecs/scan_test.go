package ecs_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// shapes are ways a fleet of n instances may have come to be.
var shapes = map[string]func(i, n int, now time.Time) time.Time{
	"uniform": func(i, n int, now time.Time) time.Time {
		return now.Add(-5 * 365 * 24 * time.Hour / time.Duration(max(n, 1)) * time.Duration(i))
	},
	"bursts": func(i, _ int, now time.Time) time.Time {
		return now.AddDate(-3, 0, 0).Add(time.Duration(i/500) * 17 * 24 * time.Hour)
	},
	"one minute": func(_, _ int, now time.Time) time.Time { return now.AddDate(-1, 0, 0) },
	"young":      func(i, _ int, now time.Time) time.Time { return now.Add(-time.Duration(i) * time.Second) },
}

func fleetOf(n int, created func(i, n int, now time.Time) time.Time) []ecs.Instance {
	now := time.Now()
	list := make([]ecs.Instance, n)
	for i := range list {
		list[i] = ecs.Instance{
			InstanceID: fmt.Sprintf("i-bp1%017d", i), RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h", Status: ecs.StatusRunning,
			CreationTime: ecs.Time{Time: created(i, n, now).UTC().Truncate(time.Minute)},
		}
	}
	return list
}

// collect drains a listing and counts how often each instance came.
func collect(seq func(func(ecs.Instance, error) bool)) (map[string]int, error) {
	got := map[string]int{}
	var last error
	for inst, err := range seq {
		if last != nil {
			return got, errors.New("something came after the error")
		}
		if last = err; err == nil {
			got[inst.InstanceID]++
		}
	}
	return got, last
}

// sameOnce fails unless got holds exactly the fleet, each instance once.
func sameOnce(t *testing.T, got map[string]int, fleet []ecs.Instance) {
	t.Helper()
	for _, inst := range fleet {
		if got[inst.InstanceID] != 1 {
			t.Errorf("%s (created %v) came %d times", inst.InstanceID, inst.CreationTime, got[inst.InstanceID])
		}
	}
	if len(got) != len(fleet) {
		t.Errorf("%d instances, want %d", len(got), len(fleet))
	}
}

func TestScanIsExact(t *testing.T) {
	t.Parallel()
	for name, created := range shapes {
		for _, n := range []int{0, 1, 99, 100, 101, 1_000, 10_000} {
			for _, exclusive := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/exclusive=%v", name, n, exclusive), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						fleet := fleetOf(n, created)
						srv := ecstest.NewPipeServer(fleet...)
						defer srv.Close()
						srv.Configure(func(s *ecstest.Settings) { s.ExclusiveTimes, s.Latency = exclusive, 20*time.Millisecond })
						c, err := srv.Client("cn-hangzhou", nil)
						if err != nil {
							t.Fatal(err)
						}
						defer c.CloseIdleConnections()
						start := time.Now()
						got, err := collect(c.ScanInstances(t.Context(), ecs.DescribeInstancesRequest{}, ecs.ScanOptions{Workers: 16}))
						if err != nil {
							t.Fatal(err)
						}
						sameOnce(t, got, fleet)
						t.Logf("%v in %d requests, %d rounds", time.Since(start), len(srv.Requests()), time.Since(start)/(20*time.Millisecond))
					})
				})
			}
		}
	}
}
