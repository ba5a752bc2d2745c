package ecstest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestWholeFleet lists everything through this module's own client, in both signature versions.
func TestWholeFleet(t *testing.T) {
	t.Parallel()
	fleet := ecstest.Fleet(5000, 1)
	srv := ecstest.NewServer(fleet...)
	t.Cleanup(srv.Close)
	want := map[string][]string{}
	for _, i := range fleet {
		want[i.RegionID] = append(want[i.RegionID], i.InstanceID)
	}
	for _, s := range []signer.Signer{signer.V1{}, signer.V3{}} {
		client, err := srv.Client("cn-hangzhou", &ecs.Options{Signer: s})
		if err != nil {
			t.Fatal(err)
		}
		regions, err := client.DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, r := range regions.Regions {
			here, err := client.InRegion(r.RegionID)
			if err != nil {
				t.Fatal(err)
			}
			for i, err := range here.Instances(t.Context(), ecs.DescribeInstancesRequest{}) {
				if err != nil {
					t.Fatal(err)
				}
				got[i.RegionID] = append(got[i.RegionID], i.InstanceID)
			}
		}
		for region, ids := range want {
			if !slices.Equal(got[region], ids) {
				t.Errorf("%T %s: %d instances, want %d", s, region, len(got[region]), len(ids))
			}
		}
	}
	for _, r := range srv.Requests() {
		if r.AuthError != "" || r.Status != 200 && r.Code != "DryRunOperation" {
			t.Errorf("%s in %s: %d %s %s", r.Action, r.Region, r.Status, r.Code, r.AuthError)
		}
	}
}

// TestDenied shows the silent denial, and how the dry run tells.
func TestDenied(t *testing.T) {
	t.Parallel()
	srv := ecstest.NewServer(ecs.Instance{InstanceID: "i-1"})
	t.Cleanup(srv.Close)
	srv.AddKey(ecstest.Key{Credentials: srv.Credentials(), Deny: []string{"DescribeInstances"}})
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	page, err := client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{})
	if err != nil || len(page.Instances) != 0 {
		t.Errorf("page %v, error %v", page, err)
	}
	if err := client.DryRun(t.Context(), ecs.DescribeInstancesRequest{}); !errors.Is(err, ecs.ErrForbidden) {
		t.Errorf("dry run: %v", err)
	}
}
