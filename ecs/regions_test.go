package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// inRegions lists several regions. It returns the instances, the error of each failed region, and the error that ended
// the whole listing.
func inRegions(t *testing.T, c *ecs.Client, regions []string, req ecs.DescribeInstancesRequest) (got []ecs.Instance, failed map[string]error, last error) {
	t.Helper()
	failed = map[string]error{}
	for inst, err := range c.InstancesInRegions(t.Context(), regions, req, nil) {
		if last != nil {
			t.Errorf("after the final error %v, the listing yielded %v, %v", last, inst.InstanceID, err)
		}
		one, ok := errorAs[*ecs.RegionError](err)
		switch {
		case err == nil:
			got = append(got, inst)
		case !ok:
			last = err
		case failed[one.Region] != nil:
			t.Errorf("%s failed twice: %v", one.Region, err)
		default:
			failed[one.Region] = one.Err
		}
	}
	return got, failed, last
}

func TestAllRegions(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "nil means all regions", func(t *testing.T) {
		fleet := ecstest.Fleet(800, 7)
		srv := newCloud(t, nil, fleet...)
		byRegion := map[string][]string{}
		for _, inst := range srv.Instances() {
			byRegion[inst.RegionID] = append(byRegion[inst.RegionID], inst.InstanceID)
		}
		got, failed, err := inRegions(t, srv.client, nil, ecs.DescribeInstancesRequest{})
		if err != nil || len(failed) > 0 {
			t.Fatal(err, failed)
		}
		inOrder := map[string][]string{}
		for _, inst := range got {
			inOrder[inst.RegionID] = append(inOrder[inst.RegionID], inst.InstanceID)
		}
		if !maps.EqualFunc(inOrder, byRegion, slices.Equal) {
			t.Error("the instances of a region are not complete or not in order")
		}
		pages := 2 * (29 - len(byRegion)) // each empty region is listed before and after its dry run
		for _, list := range byRegion {
			pages += (len(list) + 99) / 100
		}
		srv.wantRequests(map[string]int{"DescribeRegions": 1, listed: pages, dryRan: 29 - len(byRegion)})
	})
	inVirtualTime(t, "an empty list means no regions, duplicates are removed", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(3, "cn-beijing")...)
		if got, failed, err := inRegions(t, srv.client, []string{}, ecs.DescribeInstancesRequest{}); len(got) != 0 || len(failed) != 0 || err != nil {
			t.Error(got, failed, err)
		}
		srv.wantRequests(map[string]int{})
		if got, failed, err := inRegions(t, srv.client, []string{"cn-beijing", "cn-beijing"}, ecs.DescribeInstancesRequest{}); len(got) != 3 || len(failed) != 0 || err != nil {
			t.Error(got, failed, err)
		}
		srv.wantRequests(map[string]int{listed: 1})
	})
	inVirtualTime(t, "thirty regions take as long as the largest", func(t *testing.T) {
		var fleet []ecs.Instance
		var regions []string
		for i := range 30 {
			regions = append(regions, fmt.Sprintf("cn-r%d", i))
			fleet = append(fleet, numbered(10*i+110, regions[i])...) // 2 to 4 pages for each region
		}
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 50 * time.Millisecond })
		start := time.Now()
		got, failed, err := inRegions(t, srv.client, regions, ecs.DescribeInstancesRequest{})
		if len(got) != len(fleet) || len(failed) > 0 || err != nil {
			t.Fatal(len(got), failed, err)
		}
		if took := time.Since(start); took != 4*50*time.Millisecond {
			t.Errorf("took %v of virtual time, but the largest region takes only 200 ms", took)
		}
	})
}

func TestFailingRegions(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "other regions continue", func(t *testing.T) {
		fleet := slices.Concat(numbered(250, "cn-beijing"), numbered(120, "cn-shanghai"), numbered(110, "cn-shenzhen"))
		fleet[0] = spoiled(fleet[0])
		srv := newCloud(t, nil, fleet...)
		// The region fails after its first page.
		srv.Inject(ecstest.Fault{Region: "cn-shanghai", Skip: 1, Code: "InternalError", Times: -1})
		got, failed, err := inRegions(t, srv.client, []string{"cn-beijing", "cn-shanghai", "cn-shenzhen", "cn-nowhere", "not a region"}, ecs.DescribeInstancesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 250+100+110 {
			t.Errorf("got %d instances", len(got))
		}
		if incomplete, ok := errorAs[*ecs.IncompleteError](failed["cn-beijing"]); !ok || incomplete.Undecoded[0].InstanceID != fleet[0].InstanceID {
			t.Errorf("cn-beijing: %v", failed["cn-beijing"])
		}
		for region, want := range map[string]error{"cn-shanghai": ecs.ErrUnavailable, "cn-nowhere": ecs.ErrInvalidParameter, "not a region": ecs.ErrInvalidParameter} {
			if !errors.Is(failed[region], want) {
				t.Errorf("%s: %v, want %v", region, failed[region], want)
			}
		}
		if len(failed) != 4 {
			t.Errorf("failed: %v", failed)
		}
	})
	inVirtualTime(t, "the error message contains the region once", func(t *testing.T) {
		srv := newCloud(t, nil)
		for _, err := range srv.client.InstancesInRegions(t.Context(), []string{"cn-nowhere"}, ecs.DescribeInstancesRequest{}, nil) {
			if strings.Count(err.Error(), "cn-nowhere") != 1 || strings.Contains(err.Error(), "\n") {
				t.Error(err)
			}
		}
	})
	inVirtualTime(t, "a capped region is reported as a RegionError", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1500, "cn-beijing", func(_ int, i *ecs.Instance) { i.Tags = []ecs.Tag{{Key: "k"}} })...)
		c := srv.denying(ecs.Options{}, "ListTagResources")
		got, failed, err := inRegions(t, c, []string{"cn-beijing", "cn-shanghai"}, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "k"}}})
		if _, ok := errorAs[*ecs.CappedError](failed["cn-beijing"]); !ok || len(got) != 1000 || err != nil || len(failed) != 1 {
			t.Errorf("%d instances, %v, %v", len(got), failed, err)
		}
	})
	inVirtualTime(t, "a failed list of regions ends the listing", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-beijing")...)
		c := srv.denying(ecs.Options{}, "DescribeRegions")
		got, failed, err := inRegions(t, c, nil, ecs.DescribeInstancesRequest{})
		e, _ := errorAs[*ecs.Error](err)
		if len(got)+len(failed) > 0 || !errors.Is(err, ecs.ErrForbidden) || e.Action != "DescribeRegions" {
			t.Error(got, failed, err)
		}
		srv.ClearFaults()
		srv.Inject(ecstest.Fault{Action: "DescribeRegions", Body: []byte(`{"RequestId":"R","Regions":{"Region":[]}}`)})
		if got, failed, err = inRegions(t, srv.client, nil, ecs.DescribeInstancesRequest{}); len(got)+len(failed) > 0 || err == nil || !strings.Contains(err.Error(), "contains no region") {
			t.Error(got, failed, err)
		}
	})
	inVirtualTime(t, "NextToken is rejected", func(t *testing.T) {
		srv := newCloud(t, nil)
		if _, _, err := inRegions(t, srv.client, nil, ecs.DescribeInstancesRequest{NextToken: "t"}); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Error(err)
		}
		srv.wantRequests(map[string]int{})
	})
}

func TestEmptyRegions(t *testing.T) {
	t.Parallel()
	regions := []string{"cn-beijing", "cn-hangzhou", "cn-shanghai", "cn-shenzhen"}
	denied := func(region string) ecstest.Fault {
		return ecstest.Fault{Region: region, Match: is(dryRan), Denied: true, Times: -1}
	}
	for _, tt := range []struct {
		name   string
		opts   ecs.Options
		deny   bool
		faults []ecstest.Fault
		req    ecs.DescribeInstancesRequest
		fleet  []ecs.Instance
		dry    int
		failed []string // regions for which ErrForbidden is expected
	}{
		{name: "permitted: each region is checked", dry: 4},
		{name: "denied: each region is reported", deny: true, dry: 4, failed: regions},
		{name: "denied with TrustEmpty", deny: true, opts: ecs.Options{TrustEmpty: true}},
		{name: "one region has an instance: the other regions are checked", fleet: numbered(1, "cn-shenzhen"), dry: 3},
		{name: "one region has an instance, another region is denied", fleet: numbered(1, "cn-shenzhen"), faults: []ecstest.Fault{denied("cn-hangzhou")}, dry: 3, failed: regions[1:2]},
		{name: "one region has an unreadable instance", fleet: []ecs.Instance{spoiled(numbered(1, "cn-shenzhen")[0])}, dry: 3},
		{name: "the first region is denied", faults: []ecstest.Fault{denied("cn-beijing")}, dry: 4, failed: regions[:1]},
		{name: "one dry run is inconclusive", faults: []ecstest.Fault{{Region: "cn-beijing", Match: is(dryRan), Code: "InvalidParameter"}, denied("cn-shenzhen")}, dry: 4, failed: regions[3:]},
		{name: "a failed region has no dry run", faults: []ecstest.Fault{{Region: "cn-beijing", Code: "InvalidParameter"}}, dry: 3},
		{name: "an empty id list needs no permission", deny: true, req: ecs.DescribeInstancesRequest{InstanceIDs: []string{}}},
	} {
		inVirtualTime(t, tt.name, func(t *testing.T) {
			srv := newCloud(t, nil, tt.fleet...)
			client := srv.as(&tt.opts)
			if tt.deny {
				client = srv.denying(tt.opts, "DescribeInstances")
			}
			srv.Inject(tt.faults...)
			_, failed, err := inRegions(t, client, regions, tt.req)
			if err != nil {
				t.Fatal(err)
			}
			var forbidden []string
			for region, e := range failed {
				if errors.Is(e, ecs.ErrForbidden) {
					forbidden = append(forbidden, region)
				}
			}
			slices.Sort(forbidden)
			if !slices.Equal(forbidden, tt.failed) {
				t.Errorf("denied in %v, want %v (%v)", forbidden, tt.failed, failed)
			}
			if n := srv.requestCounts()[dryRan]; n != tt.dry {
				t.Errorf("got %d dry runs, want %d", n, tt.dry)
			}
		})
	}
	inVirtualTime(t, "denied regions are checked in parallel", func(t *testing.T) {
		srv := newCloud(t, nil)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 50 * time.Millisecond })
		c := srv.denying(ecs.Options{}, "DescribeInstances")
		start := time.Now()
		_, failed, err := inRegions(t, c, nil, ecs.DescribeInstancesRequest{})
		if len(failed) != 29 || err != nil {
			t.Errorf("%d failed, %v", len(failed), err)
		}
		// The DescribeRegions request, the listings and the dry runs each take one round trip.
		if took := time.Since(start); took != 3*50*time.Millisecond {
			t.Errorf("took %v of virtual time", took)
		}
	})
}

// TestEndpointOfEachRegion checks that the requests for a region are sent to the region's own endpoint.
func TestEndpointOfEachRegion(t *testing.T) {
	t.Parallel()
	for network, want := range map[ecs.Network][]string{
		ecs.NetworkPublic: {"ecs-cn-hangzhou.aliyuncs.com", "ecs.cn-beijing.aliyuncs.com", "ecs.eu-central-1.aliyuncs.com"},
		ecs.NetworkVPC:    {"ecs-vpc.cn-beijing.aliyuncs.com", "ecs-vpc.cn-hangzhou.aliyuncs.com", "ecs-vpc.eu-central-1.aliyuncs.com"},
	} {
		t.Run(string(network), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var hosts []string
			mock := httpmock.NewMockTransport()
			mock.RegisterNoResponder(func(r *http.Request) (*http.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				hosts = append(hosts, r.URL.Host)
				body := `{"RequestId":"R","Instances":{"Instance":[{"InstanceId":"i-` + r.URL.Query().Get("RegionId") + `"}]}}`
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})
			c, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
				Network: network, Credentials: ecs.StaticCredentials("id", "secret", ""), HTTPClient: &http.Client{Transport: mock},
			})
			if err != nil {
				t.Fatal(err)
			}
			got, failed, err := inRegions(t, c, []string{"cn-hangzhou", "cn-beijing", "eu-central-1"}, ecs.DescribeInstancesRequest{})
			if len(got) != 3 || len(failed) > 0 || err != nil {
				t.Error(got, failed, err)
			}
			slices.Sort(hosts)
			if !slices.Equal(hosts, want) {
				t.Errorf("sent requests to %v, want %v", hosts, want)
			}
		})
	}
}

// TestThrottledRegionHoldsUpNoOther checks that throttling in one region does not delay requests in another region.
func TestThrottledRegionHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "", func(t *testing.T) {
		srv := newCloud(t, nil, slices.Concat(numbered(300, "cn-beijing"), numbered(300, "cn-shanghai"))...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
		srv.Inject(ecstest.Fault{Region: "cn-beijing", Code: "Throttling.User", Header: http.Header{"X-Acs-Retry-After": {"5000"}}})
		start := time.Now()
		done := map[string]time.Duration{}
		for inst, err := range srv.client.InstancesInRegions(t.Context(), []string{"cn-beijing", "cn-shanghai"}, ecs.DescribeInstancesRequest{}, nil) {
			if err != nil {
				t.Fatal(err)
			}
			done[inst.RegionID] = time.Since(start)
		}
		if done["cn-shanghai"] != 60*time.Millisecond || done["cn-beijing"] < 5*time.Second {
			t.Errorf("done after %v", done)
		}
	})
}

func TestExcludedRegions(t *testing.T) {
	t.Parallel()
	c := (&oddECS{}).client(t)
	regions := []string{"cn-a"}
	if err := last(c.InstancesInRegions(t.Context(), regions, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Exclude: regions})); err != nil || regions[0] != "cn-a" {
		t.Errorf("%q, %v", regions, err) // the caller's slice must not be modified
	}
	if err := last(c.InstancesInRegions(t.Context(), regions, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Exclude: []string{"cn a"}})); !errors.Is(err, ecs.ErrInvalidParameter) {
		t.Error(err)
	}
	// A RegionError that canceled the context belongs to another listing.
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(&ecs.RegionError{Region: "cn-other", Err: errors.New("m")})
	err := last(c.InstancesInRegions(ctx, nil, ecs.DescribeInstancesRequest{}, nil))
	if _, ok := errorAs[*ecs.RegionError](err); ok || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDescribeRegions(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "", func(t *testing.T) {
		srv := newCloud(t, nil)
		resp, err := srv.client.DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{AcceptLanguage: "en-US"})
		if err != nil || resp.RequestID == "" || len(resp.Regions) != 29 {
			t.Fatal(resp, err)
		}
		if r := resp.Regions[5]; r != (ecs.Region{RegionID: "cn-hangzhou", RegionEndpoint: "ecs.aliyuncs.com", LocalName: "China (Hangzhou)"}) {
			t.Errorf("%+v", r)
		}
		if _, err = srv.client.DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{ResourceType: "house"}); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Error(err)
		}
		srv.Inject(ecstest.Fault{Body: []byte(`{"Regions":{"Region":[]}}`), Header: http.Header{"X-Acs-Request-Id": {"H"}}})
		if resp, err = srv.client.DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{}); err != nil || resp.RequestID != "H" {
			t.Error(resp, err) // without a request id in the body, the one in the header is used
		}
		// Each of these two invalid responses must cause a retry.
		srv.Inject(ecstest.Fault{Body: []byte(`{"RequestId":"R"}`)}, ecstest.Fault{CutJSON: true})
		if resp, err = srv.client.DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{}); err != nil || len(resp.Regions) != 29 {
			t.Error(resp, err)
		}
		var none context.Context
		if _, err = srv.client.DescribeRegions(none, ecs.DescribeRegionsRequest{}); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Error(err)
		}
	})
}
