package selection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

// A region that a policy hides is not taken for an empty one, if it is named.
func TestHiddenRegions(t *testing.T) {
	t.Parallel()
	hidden := ecstest.Fault{Region: "cn-beijing", Denied: true, Times: -1}
	var many ecs.JSONList
	for i := range 150 {
		many = append(many, fmt.Sprintf("i-%d", i))
	}
	isDryRun := func(r ecstest.Request) bool { return r.Params.Get("DryRun") == "true" }
	for _, tt := range []struct {
		name    string
		regions string // "" is all
		faults  []ecstest.Fault
		req     ecs.DescribeInstancesRequest
		want    string // the instances and the regions that fail
		dryRuns int
	}{
		{name: "hidden", regions: "cn-hangzhou,cn-beijing", faults: []ecstest.Fault{hidden}, want: "cn-beijing: forbidden i-1", dryRuns: 1},
		{name: "hidden twice", regions: "cn-beijing,cn-hangzhou,cn-beijing", faults: []ecstest.Fault{hidden}, want: "cn-beijing: forbidden i-1", dryRuns: 1},
		{name: "hidden from many ids", regions: "cn-hangzhou,cn-beijing", faults: []ecstest.Fault{hidden}, req: ecs.DescribeInstancesRequest{InstanceIDs: many}, want: "cn-beijing: forbidden i-1", dryRuns: 1},
		{name: "empty", regions: "cn-hangzhou,cn-shenzhen,cn-shanghai", want: "i-1", dryRuns: 2},
		{name: "one is empty and permitted, one hidden", regions: "ap-southeast-1,cn-beijing", faults: []ecstest.Fault{hidden}, want: "cn-beijing: forbidden", dryRuns: 3},
		{name: "none is empty", regions: "cn-hangzhou,cn-beijing", want: "i-1 i-2"},
		{name: "alone", regions: "cn-beijing", faults: []ecstest.Fault{hidden}, want: "cn-beijing: forbidden", dryRuns: 1},
		{name: "all denied", regions: "cn-hangzhou,cn-beijing", faults: []ecstest.Fault{{Denied: true, Times: -1}}, want: "cn-beijing: forbidden cn-hangzhou: forbidden", dryRuns: 2},
		{name: "fails", regions: "cn-hangzhou,cn-beijing", faults: []ecstest.Fault{{Region: "cn-beijing", Code: "SomethingNew", Times: -1}}, want: "cn-beijing: other i-1"},
		{name: "cannot be checked", regions: "cn-hangzhou,cn-shenzhen", faults: []ecstest.Fault{{Match: isDryRun, Code: "SomethingNew", Times: -1}}, want: "i-1", dryRuns: 1},
		{name: "all regions", faults: []ecstest.Fault{hidden}, want: "i-1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := ecstest.NewServer(ecs.Instance{InstanceID: "i-1", RegionID: "cn-hangzhou"}, ecs.Instance{InstanceID: "i-2", RegionID: "cn-beijing"})
			defer s.Close()
			s.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = true })
			s.Inject(tt.faults...)
			client, err := s.Client("cn-hangzhou", &ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}})
			if err != nil {
				t.Fatal(err)
			}
			var regions, got []string
			if tt.regions != "" {
				regions = strings.Split(tt.regions, ",")
			}
			for inst, err := range list(t.Context(), client, regions, tt.req, nil) {
				var regional *ecs.RegionError
				if errors.As(err, &regional) {
					got = append(got, regional.Region+": "+string(failure.KindOf(err)))
				} else {
					got = append(got, inst.InstanceID)
				}
			}
			slices.Sort(got)
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%v, want %s", got, tt.want)
			}
			dryRuns := 0
			for _, r := range s.Requests() {
				if isDryRun(r) {
					dryRuns++
				}
			}
			if dryRuns != tt.dryRuns {
				t.Errorf("%d dry runs, want %d", dryRuns, tt.dryRuns)
			}
		})
	}
}

// A region that could not be checked is not taken for an empty one.
func TestHiddenRegionsInterrupted(t *testing.T) {
	t.Parallel()
	s := ecstest.NewServer(ecs.Instance{InstanceID: "i-1", RegionID: "cn-hangzhou"})
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	s.Inject(ecstest.Fault{Match: func(r ecstest.Request) bool {
		if r.Params.Get("DryRun") == "true" {
			cancel()
		}
		return r.Params.Get("DryRun") == "true"
	}, BlackHole: true, Times: -1})
	client, err := s.Client("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	var last error
	for _, err := range list(ctx, client, []string{"cn-hangzhou", "cn-beijing"}, ecs.DescribeInstancesRequest{}, nil) {
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("ends with %v", last)
	}
}

func TestVerifyEmpty(t *testing.T) {
	t.Parallel()
	s := ecstest.NewServer()
	defer s.Close()
	client, err := s.Client("cn-hangzhou", &ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	isDryRun := func(r ecstest.Request) bool { return r.Params.Get("DryRun") == "true" }
	for body, want := range map[string]bool{
		`{"Code":"Forbidden.RAM","Message":"no"}`:                                                             true,
		`{"Code":"Forbidden.RAM","Message":"no","AccessDeniedDetail":{"AuthAction":"ecs:DescribeInstances"}}`: true,
		`{"Code":"Forbidden.RAM","Message":"no","AccessDeniedDetail":{"AuthAction":"ecs:Other"}}`:             false,
		`{"Code":"SomethingNew","Message":"no"}`:                                                              false,
	} {
		s.Inject(ecstest.Fault{Match: isDryRun, Status: 403, Body: []byte(body)})
		failed := verifyEmpty(t.Context(), client, []string{"cn-beijing"}, ecs.DescribeInstancesRequest{})
		if _, ok := failed["cn-beijing"]; ok != want {
			t.Errorf("%s: %v", body, failed)
		}
	}
}
