package main

import (
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestFailedRegion verifies that count returns an error if one of the regions fails.
func TestFailedRegion(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ecstest.Fault{
		"none":              {Region: "cn-nowhere", Denied: true},
		"permission denied": {Region: "cn-beijing", Denied: true},
		"unavailable":       {Region: "cn-beijing", Code: "ServiceUnavailable"},
		"list of regions":   {Action: "DescribeRegions", Code: "ServiceUnavailable"},
	} {
		s := ecstest.NewServer(ecs.Instance{InstanceID: "i-1", RegionID: "cn-hangzhou"}, ecs.Instance{InstanceID: "i-2", RegionID: "cn-beijing"})
		defer s.Close()
		fault.Times = -1
		s.Inject(fault)
		client, err := s.Client("cn-hangzhou", &ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if err := count(t.Context(), client); (err == nil) != (name == "none") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
