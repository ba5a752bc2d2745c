package ecs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

var (
	byTag    = ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "env", Value: "prod"}}}
	byGroup  = ecs.DescribeInstancesRequest{ResourceGroupID: "rg-1"}
	byBoth   = ecs.DescribeInstancesRequest{Tags: byTag.Tags, ResourceGroupID: "rg-1"}
	byTags   = ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "env", Value: "prod"}, {Key: "owner"}}}
	byStatus = ecs.DescribeInstancesRequest{Tags: byTag.Tags, Status: ecs.InstanceStatusStopped}
)

// taggedFleet returns 2n instances. Every other instance has the tag env=prod and belongs to the group rg-1.
func taggedFleet(n int) []ecs.Instance {
	return numbered(2*n, "cn-hangzhou", func(i int, inst *ecs.Instance) {
		if i%2 == 0 {
			inst.Tags, inst.ResourceGroupID = []ecs.Tag{{Key: "env", Value: "dev"}, {Key: "owner", Value: "a"}}, "rg-2"
			return
		}
		inst.ResourceGroupID = "rg-1"
		inst.Tags = []ecs.Tag{{Key: "env", Value: "prod"}}
		if i%4 == 1 {
			inst.Tags = append(inst.Tags, ecs.Tag{Key: "owner", Value: "a"}, ecs.Tag{Key: "team", Value: "x"})
		}
		if i%10 == 9 {
			inst.Status = ecs.InstanceStatusStopped
		}
	})
}

// matching returns the instances of a fleet that match a request.
func matching(fleet []ecs.Instance, req ecs.DescribeInstancesRequest) []ecs.Instance {
	return slices.DeleteFunc(slices.Clone(fleet), func(i ecs.Instance) bool {
		if req.InstanceIDs != nil && !slices.Contains(req.InstanceIDs, i.InstanceID) {
			return true
		}
		for _, want := range req.Tags {
			if !slices.ContainsFunc(i.Tags, func(t ecs.Tag) bool { return t.Key == want.Key && (want.Value == "" || t.Value == want.Value) }) {
				return true
			}
		}
		return req.ResourceGroupID != "" && i.ResourceGroupID != req.ResourceGroupID || req.Status != "" && i.Status != req.Status
	})
}

// TestPastTheCap checks that a listing with a tag or group filter returns all instances, although the API returns at
// most 1,000.
func TestPastTheCap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		req   ecs.DescribeInstancesRequest
		sizes []int // fleet sizes to test: the number of instances with the tag env=prod, which are also in the group
	}{
		{"tag", byTag, volume([]int{0, 1, 999, 1000, 1001, 2100}, []int{1001})},
		{"group", byGroup, []int{1001}},
		{"tag and group", byBoth, []int{1001}},
		{"tags", byTags, volume([]int{1998, 2000, 2002}, []int{2002})}, // half of these instances have both tags
		{"tag and status", byStatus, []int{1001}},
	} {
		for _, n := range tt.sizes {
			for _, capFirst := range []bool{false, true} {
				if capFirst && tt.req.Status == "" {
					continue // without another filter, it makes no difference whether the API applies the limit first
				}
				inVirtualTime(t, fmt.Sprintf("%s/%d/capFirst=%v", tt.name, n, capFirst), func(t *testing.T) {
					fleet := taggedFleet(n)
					srv := newCloud(t, nil, fleet...)
					srv.Configure(func(s *ecstest.Settings) { s.CapFirst, s.RepeatEndToken, s.NoPageMode = capFirst, n%2 == 0, n == 1001 })
					got, err := collect(srv.client.Instances(t.Context(), tt.req))
					if err != nil {
						t.Fatal(err)
					}
					sameOnce(t, got, matching(fleet, tt.req))
				})
			}
		}
	}
	everyWay(t, "past the cap", func(t *testing.T, list way) {
		fleet := taggedFleet(1010)
		srv := newCloud(t, nil, fleet...)
		got, err := collect(list(srv.client, t.Context(), byTag))
		if err != nil {
			t.Fatal(err)
		}
		sameOnce(t, got, matching(fleet, byTag))
	})
}

// TestCostOfTheCap checks how many requests of each kind a listing with a tag or group filter sends.
func TestCostOfTheCap(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		n    int
		req  ecs.DescribeInstancesRequest
		set  func(*ecstest.Settings)
		want map[string]int
	}{
		{"far below the cap", 250, byTag, nil, map[string]int{listed: 3}},
		{"below the safety margin", 949, byTag, nil, map[string]int{listed: 10}},
		{"within the safety margin: instances may have been released", 950, byTag, nil, map[string]int{listed: 10, tagged: 38}},
		{"exactly at the cap", 1000, byTag, nil, map[string]int{listed: 10, tagged: 40}},
		{"beyond the cap", 1250, byTag, nil, map[string]int{listed: 10 + 3, tagged: 50}},
		{"beyond the cap, filtered by group", 1250, byGroup, nil, map[string]int{listed: 10 + 3, tagged: 25}},
		{"with another filter: a count of the tag alone", 250, byStatus, nil, map[string]int{listed: 1, count1: 1}},
		{"with another filter, without page mode: listing of the tag alone", 250, byStatus, func(s *ecstest.Settings) { s.NoPageMode = true }, map[string]int{listed: 1 + 3, count1: 1}},
		{"additional attributes are not a filter", 250, ecs.DescribeInstancesRequest{Tags: byTag.Tags, AdditionalAttributes: []ecs.AdditionalAttribute{ecs.AdditionalAttributeMetaOptions}, MaxResults: 50}, nil, map[string]int{listed: 5}},
		{"as many instances as the cap, but no tag", 500, ecs.DescribeInstancesRequest{}, nil, map[string]int{listed: 10}},
		{"ids with a system tag, which only the API can compare", 100, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "acs:x"}}, InstanceIDs: ids(taggedFleet(100))}, nil, map[string]int{listed: 4, dryRan: 1}},
		{"more ids than the cap", 1100, ecs.DescribeInstancesRequest{Tags: byTag.Tags, InstanceIDs: ids(taggedFleet(1100))}, nil, map[string]int{listed: 22}},
		{"ids, all of them found", 1100, ecs.DescribeInstancesRequest{Tags: byTag.Tags, InstanceIDs: ids(matching(taggedFleet(300), byTag))}, nil, map[string]int{listed: 3}},
		{"ids, some of them not found: a count of the tag alone", 900, ecs.DescribeInstancesRequest{Tags: byTag.Tags, InstanceIDs: ids(taggedFleet(100))}, nil, map[string]int{listed: 2, count1: 1}},
		{"ids, some of them not found, beyond the cap: requests without the tag", 1100, ecs.DescribeInstancesRequest{Tags: byTag.Tags, InstanceIDs: ids(taggedFleet(100))}, nil, map[string]int{listed: 3, count1: 1}},
	}
	for _, tt := range tests {
		if testing.Short() && tt.n > 500 && tt.name != "beyond the cap" {
			continue
		}
		inVirtualTime(t, tt.name, func(t *testing.T) {
			fleet := taggedFleet(tt.n)
			srv := newCloud(t, nil, fleet...)
			if tt.set != nil {
				srv.Configure(tt.set)
			}
			got, err := collect(srv.client.Instances(t.Context(), tt.req))
			if err != nil {
				t.Fatal(err)
			}
			sameOnce(t, got, matching(fleet, tt.req))
			srv.wantRequests(tt.want)
		})
	}
}

// TestIDsBeyondTheCap checks that instances beyond the API's limit for tag and group filters are requested by id
// without these filters.
func TestIDsBeyondTheCap(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "the other filters are kept", func(t *testing.T) {
		srv := newCloud(t, nil, taggedFleet(1100)...)
		req := byStatus
		req.ResourceGroupID, req.AdditionalAttributes, req.MaxResults = "rg-1", []ecs.AdditionalAttribute{ecs.AdditionalAttributeMetaOptions}, 50
		if _, err := collect(srv.client.Instances(t.Context(), req)); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range srv.Requests() {
			if p := r.Params; kind(r) == listed && p.Has("InstanceIds") {
				n++
				if p.Has("Tag.1.Key") || p.Has("ResourceGroupId") || p.Get("Status") != "Stopped" || p.Get("AdditionalAttributes.1") != "META_OPTIONS" || p.Get("MaxResults") != "50" {
					t.Errorf("sent %v", p)
				}
			}
		}
		if n < 10 { // all matching ids except the stopped instances that were listed before
			t.Errorf("%d batches", n)
		}
	})
	inVirtualTime(t, "a server without the cap", func(t *testing.T) {
		o := &oddECS{rows: rowsOf(1500, rand.New(rand.NewPCG(1, 2)), func(int) time.Time { return time.Time{} })}
		got, err := collect(o.client(t).Instances(t.Context(), byStatus))
		if err != nil || len(got) != 1500 || o.lists != 15 || o.counts != 0 {
			t.Errorf("%d instances in %d pages and %d counts, %v", len(got), o.lists, o.counts, err)
		}
	})
	for name, req := range map[string]ecs.DescribeInstancesRequest{"tag": byTag, "group": byGroup, "tag and group": byBoth, "tags": byTags, "tag and status": byStatus} {
		for _, called := range []string{"Instances", "ScanInstances"} {
			inVirtualTime(t, "the caller's ids/"+name+"/"+called, func(t *testing.T) {
				// If the request has two tags, only half as many instances match, so the fleet must be twice as large.
				fleet := taggedFleet(1100 * max(len(req.Tags), 1))
				srv := newCloud(t, nil, fleet...)
				// The API may apply the limit before it filters by id. A request with a tag filter then omits the
				// instances beyond the limit.
				last := fleet[len(fleet)-1].InstanceID
				srv.Inject(ecstest.Fault{Times: -1, Body: []byte(`{"Instances":{"Instance":[]},"NextToken":""}`), Match: func(r ecstest.Request) bool {
					return strings.Contains(r.Params.Get("InstanceIds"), last) && (r.Params.Has("Tag.1.Key") || r.Params.Has("ResourceGroupId"))
				}})
				some := fleet[len(fleet)-150:]
				req := req
				req.InstanceIDs = append(ids(some), ids(some[:7])...)
				got, err := collect(ways[called](srv.client, t.Context(), req))
				if err != nil {
					t.Fatal(err)
				}
				sameOnce(t, got, matching(some, req))
				if n := srv.requestCounts()[tagged]; n != 0 {
					t.Errorf("%d requests for tags", n)
				}
			})
		}
	}
}

// TestClosedCap checks that a listing ends with a CappedError if the API's limit for tag and group filters prevents a
// complete listing.
func TestClosedCap(t *testing.T) {
	t.Parallel()
	rows := func(fleet []ecs.Instance) []byte {
		var b strings.Builder
		for i, inst := range fleet {
			fmt.Fprintf(&b, `%s{"ResourceId":%q}`, strings.Repeat(",", min(i, 1)), inst.InstanceID)
		}
		return []byte(`{"RequestId":"R","NextToken":"","TagResources":{"TagResource":[` + b.String() + `]}}`)
	}
	fleet := taggedFleet(1100)
	for _, tt := range []struct {
		name      string
		req       ecs.DescribeInstancesRequest
		deny      bool
		fault     ecstest.Fault
		capFirst  bool
		delivered int
		want      error
		text      string
	}{
		{name: "no permission", req: byTag, deny: true, delivered: 1000, want: ecs.ErrForbidden, text: "NoPermission.Tag"},
		{name: "no permission, with another filter", req: byStatus, deny: true, delivered: 220},
		{name: "no permission, cap applied before another filter", req: byStatus, deny: true, capFirst: true, delivered: 200, want: ecs.ErrForbidden},
		{name: "unavailable", req: byTag, fault: ecstest.Fault{Code: "InternalError", Times: -1}, delivered: 1000, want: ecs.ErrUnavailable},
		{name: "ListTagResources omits the default group", req: byGroup, fault: ecstest.Fault{Body: rows(nil)}, delivered: 1000, text: "returned only 0"},
		{name: "ListTagResources omits the default group, cap applied before another filter", req: ecs.DescribeInstancesRequest{ResourceGroupID: "rg-1", ZoneID: "z"}, capFirst: true, fault: ecstest.Fault{Body: rows(nil)}, text: "returned only 0"},
		{name: "ListTagResources omits all listed instances", req: byTag, fault: ecstest.Fault{Body: rows(matching(fleet, byTag)[1000:])}, delivered: 1100, text: "0 of the 1000"},
		{name: "ListTagResources omits some listed instances", req: byTag, fault: ecstest.Fault{Body: rows(matching(fleet, byTag)[500:])}, delivered: 1100, text: "500 of the 1000"},
		{name: "ListTagResources returns only other instances", req: byTag, fault: ecstest.Fault{Body: rows(numbered(1000, "cn-beijing"))}, delivered: 1000, text: "0 of the 1000"},
		{name: "ListTagResources returns resources without an id", req: byTag, fault: ecstest.Fault{Body: rows(make([]ecs.Instance, 3))}, delivered: 1000, text: "returned only 0"},
	} {
		inVirtualTime(t, tt.name, func(t *testing.T) {
			srv := newCloud(t, nil, fleet...)
			srv.Configure(func(s *ecstest.Settings) { s.CapFirst = tt.capFirst })
			client := srv.client
			if tt.deny {
				client = srv.denying(ecs.Options{}, "ListTagResources")
			}
			if tt.fault.Code != "" || tt.fault.Body != nil {
				tt.fault.Action = tagged
				srv.Inject(tt.fault)
			}
			got, err := collect(client.Instances(t.Context(), tt.req))
			capped, ok := errorAs[*ecs.CappedError](err)
			if !ok || capped.Delivered != tt.delivered || len(got) != tt.delivered {
				t.Fatalf("got %d instances and error %v", len(got), err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want %v %q", err, tt.want, tt.text)
			}
		})
	}
	inVirtualTime(t, "continued from a token", func(t *testing.T) {
		srv := newCloud(t, nil, fleet...)
		first, err := srv.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{Tags: byTag.Tags, MaxResults: 100})
		if err != nil {
			t.Fatal(err)
		}
		got, err := collect(srv.client.Instances(t.Context(), ecs.DescribeInstancesRequest{Tags: byTag.Tags, NextToken: first.NextToken}))
		if _, ok := errorAs[*ecs.CappedError](err); !ok || len(got) != 900 {
			t.Errorf("got %d instances and error %v", len(got), err)
		}
	})
	inVirtualTime(t, "continued from a token, far from the cap", func(t *testing.T) {
		srv := newCloud(t, nil, taggedFleet(500)...)
		first, err := srv.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{Tags: byTag.Tags, MaxResults: 100})
		if err != nil {
			t.Fatal(err)
		}
		got, err := collect(srv.client.Instances(t.Context(), ecs.DescribeInstancesRequest{Tags: byTag.Tags, NextToken: first.NextToken}))
		if err != nil || len(got) != 400 {
			t.Errorf("got %d instances and error %v", len(got), err)
		}
	})
}

func TestCapInAMovingFleet(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "repeated instances do not hide the cap", func(t *testing.T) {
		fleet := taggedFleet(1100)
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Overlap = 3 })
		got, err := collect(srv.client.Instances(t.Context(), byTag))
		if err != nil {
			t.Fatal(err)
		}
		sameOnce(t, got, matching(fleet, byTag))
	})
	inVirtualTime(t, "instances are released during the listing", func(t *testing.T) {
		fleet := taggedFleet(1100)
		srv := newCloud(t, nil, fleet...)
		all := matching(fleet, byTag)
		gone := all[500:530]
		n := 0
		for _, err := range srv.client.Instances(t.Context(), byTag) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 1000 {
				srv.Delete(ids(gone)...)
			}
		}
		if n != 1100 { // the released instances had already been yielded
			t.Errorf("got %d instances", n)
		}
	})
	inVirtualTime(t, "an instance that loses its tag during the listing is not yielded", func(t *testing.T) {
		fleet := taggedFleet(2200)
		srv := newCloud(t, nil, fleet...)
		stale := matching(fleet, byTags)[1050].InstanceID
		srv.Configure(func(s *ecstest.Settings) {
			s.OnRequest = func(r ecstest.Request) {
				if strings.Contains(r.Params.Get("InstanceIds"), stale) {
					srv.Update(stale, func(i *ecs.Instance) { i.Tags = i.Tags[:1] })
				}
			}
		})
		got, err := collect(srv.client.Instances(t.Context(), byTags))
		if err != nil || len(got) != 1099 || got[stale] != 0 {
			t.Errorf("%d instances, stale %d, %v", len(got), got[stale], err)
		}
	})
	inVirtualTime(t, "unreadable instances are yielded and reported once", func(t *testing.T) {
		fleet := taggedFleet(1100)
		all := matching(fleet, byTag)
		bad := []string{all[10].InstanceID, all[999].InstanceID, all[1050].InstanceID}
		for i := range fleet {
			if slices.Contains(bad, fleet[i].InstanceID) {
				fleet[i] = spoiled(fleet[i])
			}
		}
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Overlap = 4 })
		got, err := collect(srv.client.Instances(t.Context(), byTag))
		incomplete, ok := errorAs[*ecs.IncompleteError](err)
		if !ok || len(got) != 1100 {
			t.Fatalf("got %d instances and error %v", len(got), err)
		}
		var named []string
		for _, d := range incomplete.Undecoded {
			named = append(named, d.InstanceID)
		}
		if !slices.Equal(named, bad) {
			t.Errorf("unreadable: %v, want %v", named, bad)
		}
	})
	for _, within := range []bool{false, true} {
		inVirtualTime(t, fmt.Sprintf("the context is canceled while instances beyond the cap are yielded/within a page of ListTagResources=%v", within), func(t *testing.T) {
			fleet := taggedFleet(1250)
			if within { // an additional tag changes which tag is the last on a page
				fleet[1].Tags = append(fleet[1].Tags, ecs.Tag{Key: "new"})
			}
			srv := newCloud(t, nil, fleet...)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			n := 0
			var last error
			for _, err := range srv.client.Instances(ctx, byTag) {
				if last = err; err == nil {
					n++
				}
				if n == 1001 {
					cancel()
				}
			}
			if _, capped := errorAs[*ecs.CappedError](last); capped || !errors.Is(last, context.Canceled) || n >= 1250 {
				t.Errorf("got %d instances and error %v", n, last)
			}
		})
	}
	inVirtualTime(t, "instances with unreadable ids count towards the cap", func(t *testing.T) {
		rows := fleetOfRows(900)
		o := &oddECS{}
		o.intercept = func(_ url.Values, n int) (int, []byte) {
			if n > 10 {
				return 200, []byte(emptyList)
			}
			body := listBody(rows[90*(n-1):90*n], strings.Repeat("t", n%10), 0) // the tenth page is the last
			return 200, bytes.Replace(body, []byte("[{"), []byte("["+strings.Repeat("{},", 10)+"{"), 1)
		}
		got, err := collect(o.client(t).Instances(t.Context(), byTag))
		if _, ok := errorAs[*ecs.CappedError](err); !ok || len(got) != 900 {
			t.Errorf("got %d instances and error %v, want a CappedError", len(got), err)
		}
	})
	inVirtualTime(t, "a listing reports both a cap and unreadable instances", func(t *testing.T) {
		fleet := taggedFleet(1100)
		for i := range fleet {
			if i == 31 {
				fleet[i] = spoiled(fleet[i])
			}
		}
		srv := newCloud(t, nil, fleet...)
		_, err := collect(srv.denying(ecs.Options{}, "ListTagResources").Instances(t.Context(), byTag))
		capped, isCapped := errorAs[*ecs.CappedError](err)
		incomplete, isIncomplete := errorAs[*ecs.IncompleteError](err)
		if !isCapped || !isIncomplete || capped.Delivered != 1000 || len(incomplete.Undecoded) != 1 || !errors.Is(err, ecs.ErrForbidden) {
			t.Error(err)
		}
	})
}

// TestMembersThatTheAPIOmits checks that instances beyond the cap are yielded if the API omits the members that
// ListTagResources has already compared: a system tag, the only tag, or the resource group.
func TestMembersThatTheAPIOmits(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		req  ecs.DescribeInstancesRequest
		tags string
	}{
		"the only tag":       {req: byTag},
		"the resource group": {req: byGroup},
		"a system tag":       {ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "acs:x", Value: "v"}, byTag.Tags[0]}}, `,"Tags":{"Tag":[{"TagKey":"env","TagValue":"prod"}]}`},
	} {
		inVirtualTime(t, name, func(t *testing.T) {
			fleet := taggedFleet(1050)
			for i := range fleet {
				fleet[i].Tags = append(fleet[i].Tags, ecs.Tag{Key: "acs:x", Value: "v"})
			}
			var rows []string
			for _, inst := range matching(fleet, tt.req)[1000:] {
				rows = append(rows, `{"InstanceId":"`+inst.InstanceID+`"`+tt.tags+`}`)
			}
			srv := newCloud(t, nil, fleet...)
			srv.Inject(ecstest.Fault{
				Match: func(r ecstest.Request) bool { return r.Params.Has("InstanceIds") },
				Body:  []byte(`{"Instances":{"Instance":[` + strings.Join(rows, ",") + `]}}`),
			})
			got, err := collect(srv.client.Instances(t.Context(), tt.req))
			if err != nil {
				t.Fatal(err)
			}
			sameOnce(t, got, matching(fleet, tt.req))
		})
	}
}

// TestPermissionWithdrawnDuringACount withdraws the permission while the client counts the instances with a tag by
// listing them. The caller's listing must end with ErrForbidden, unless TrustEmpty is set.
func TestPermissionWithdrawnDuringACount(t *testing.T) {
	t.Parallel()
	for _, trust := range []bool{false, true} {
		inVirtualTime(t, fmt.Sprintf("TrustEmpty=%v", trust), func(t *testing.T) {
			srv := newCloud(t, nil, taggedFleet(250)...)
			srv.Configure(func(s *ecstest.Settings) { s.NoPageMode = true })
			srv.Inject(ecstest.Fault{Denied: true, Times: -1, Match: func(r ecstest.Request) bool {
				return !r.Params.Has("Status") && (kind(r) == dryRan || r.Params.Has("NextToken"))
			}})
			got, err := collect(srv.as(&ecs.Options{TrustEmpty: trust}).Instances(t.Context(), byStatus))
			if errors.Is(err, ecs.ErrForbidden) == trust || trust && err != nil || len(got) != 50 {
				t.Errorf("got %d instances and error %v", len(got), err)
			}
		})
	}
}

// TestCountsAreAHint checks that a listing is complete even if the server returns wrong counts.
func TestCountsAreAHint(t *testing.T) {
	t.Parallel()
	for name, total := range map[string]int{"zero": 0, "too few": 7, "too many": 1 << 30} {
		for _, before := range []bool{true, false} {
			if !before && name == "too few" {
				continue // nothing contradicts this count, so the client relies on it
			}
			inVirtualTime(t, fmt.Sprintf("%s/matches before the cap=%v", name, before), func(t *testing.T) {
				fleet := taggedFleet(1150)
				for i := range fleet[:2*1050] {
					if !before {
						fleet[i].Status = ecs.InstanceStatusRunning
					}
				}
				srv := newCloud(t, nil, fleet...)
				srv.Configure(func(s *ecstest.Settings) { s.CapFirst = true })
				srv.Inject(ecstest.Fault{Match: is(count1), Body: fmt.Appendf(nil, `{"TotalCount":%d,"PageNumber":1,"PageSize":1,"Instances":{"Instance":[{"InstanceId":"i-1"}]}}`, total)})
				got, err := collect(srv.client.Instances(t.Context(), byStatus))
				if err != nil {
					t.Fatal(err)
				}
				sameOnce(t, got, matching(fleet, byStatus))
			})
		}
	}
}

func TestListTagResources(t *testing.T) {
	t.Parallel()
	rowsOf := func(seq iter.Seq2[ecs.TagResource, error]) (rows []ecs.TagResource, err error) {
		for row, e := range seq {
			if e != nil {
				return rows, e
			}
			rows = append(rows, row)
		}
		return rows, nil
	}
	for _, repeat := range []bool{false, true} {
		inVirtualTime(t, fmt.Sprintf("one element for each tag of a resource/repeated end token=%v", repeat), func(t *testing.T) {
			fleet := taggedFleet(200)
			srv := newCloud(t, nil, fleet...)
			srv.Configure(func(s *ecstest.Settings) { s.RepeatEndToken = repeat })
			list := srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: byTag.Tags})
			srv.wantRequests(map[string]int{}) // no request is sent before the loop starts
			for range 2 {                      // each loop lists from the beginning
				rows, err := rowsOf(list)
				if err != nil || len(rows) != 400 {
					t.Fatalf("got %d tag resources and error %v", len(rows), err)
				}
				if want := (ecs.TagResource{ResourceID: fleet[1].InstanceID, ResourceType: "instance", TagKey: "env", TagValue: "prod"}); rows[0] != want {
					t.Errorf("got %+v, want %+v", rows[0], want)
				}
			}
			srv.wantRequests(map[string]int{tagged: 16})
		})
	}
	inVirtualTime(t, "by id", func(t *testing.T) {
		fleet := taggedFleet(100)
		srv := newCloud(t, nil, fleet...)
		rows, err := rowsOf(srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{ResourceIDs: ids(fleet[:2])}))
		if err != nil || len(rows) != 5 {
			t.Errorf("%v, %v", rows, err)
		}
	})
	inVirtualTime(t, "ids are sent in batches, without duplicates", func(t *testing.T) {
		fleet := taggedFleet(120)
		srv := newCloud(t, nil, fleet...)
		rows, err := rowsOf(srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{ResourceIDs: append(ids(fleet), ids(fleet[:5])...), Tags: byTag.Tags}))
		if err != nil || len(rows) == 0 || len(rows) < len(matching(fleet, byTag)) {
			t.Errorf("got %d tag resources and error %v", len(rows), err)
		}
		sent := map[string]int{}
		for _, r := range srv.Requests() {
			for name, values := range r.Params {
				if strings.HasPrefix(name, "ResourceId.") && !r.Params.Has("NextToken") {
					sent[values[0]]++
				}
			}
			if len(r.Params["ResourceId.51"]) > 0 {
				t.Error("more than 50 ids in one request")
			}
		}
		for _, id := range ids(fleet) {
			if sent[id] != 1 {
				t.Errorf("%s was sent %d times", id, sent[id])
			}
		}
	})
	inVirtualTime(t, "a token with a single batch of ids", func(t *testing.T) {
		srv := newCloud(t, nil)
		srv.Inject(ecstest.Fault{Body: []byte(`{"NextToken":"","TagResources":{"TagResource":[]}}`)})
		req := ecs.ListTagResourcesRequest{ResourceIDs: ids(numbered(50, "cn-hangzhou")), NextToken: "t", ResourceType: "disk"}
		if _, err := rowsOf(srv.client.ListTagResources(t.Context(), req)); err != nil || srv.Requests()[0].Params.Get("NextToken") != "t" || srv.Requests()[0].Params.Get("ResourceType") != "disk" {
			t.Error(err)
		}
	})
	inVirtualTime(t, "tag filters", func(t *testing.T) {
		srv := newCloud(t, nil)
		srv.Inject(ecstest.Fault{Body: []byte(`{"NextToken":"","TagResources":{"TagResource":[]}}`)})
		req := ecs.ListTagResourcesRequest{TagFilters: []ecs.TagFilter{{TagKey: "env", TagValues: []string{"prod", "test"}}, {TagKey: "owner"}}}
		if _, err := rowsOf(srv.client.ListTagResources(t.Context(), req)); err != nil {
			t.Fatal(err)
		}
		p := srv.Requests()[0].Params
		if p.Get("TagFilter.1.TagKey") != "env" || p.Get("TagFilter.1.TagValues.2") != "test" || p.Get("TagFilter.2.TagKey") != "owner" || p.Has("TagFilter.2.TagValues.1") {
			t.Errorf("sent %v", p)
		}
	})
	inVirtualTime(t, "an error ends the listing", func(t *testing.T) {
		srv := newCloud(t, nil, taggedFleet(100)...)
		srv.Inject(ecstest.Fault{Skip: 1, Code: "InternalError", Times: -1})
		n := 0
		var last error
		for _, err := range srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: byTag.Tags}) {
			if last != nil {
				t.Error("the listing continued after an error")
			}
			if last = err; err == nil {
				n++
			}
		}
		if e, ok := errorAs[*ecs.Error](last); !ok || e.Action != "ListTagResources" || !errors.Is(last, ecs.ErrUnavailable) || n != 50 {
			t.Errorf("got %d tag resources and error %v", n, last)
		}
	})
	inVirtualTime(t, "the server repeats tokens in a cycle", func(t *testing.T) {
		srv := newCloud(t, nil, taggedFleet(1)...)
		turn := 0
		srv.Configure(func(s *ecstest.Settings) {
			s.OnRequest = func(ecstest.Request) {
				turn++
				srv.Inject(ecstest.Fault{Body: fmt.Appendf(nil, `{"NextToken":"t%d","TagResources":{"TagResource":[{"ResourceId":"i-1"}]}}`, turn%2)})
			}
		})
		srv.Inject(ecstest.Fault{Body: []byte(`{"NextToken":"t0","TagResources":{"TagResource":[{"ResourceId":"i-1"}]}}`)})
		_, err := rowsOf(srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: byTag.Tags}))
		if err == nil || !strings.Contains(err.Error(), "repeated a page token") || len(srv.Requests()) > 4 {
			t.Errorf("got %d requests and error %v", len(srv.Requests()), err)
		}
	})
	inVirtualTime(t, "invalid arguments are rejected before a request is sent", func(t *testing.T) {
		srv := newCloud(t, nil)
		var none context.Context
		for field, list := range map[string]iter.Seq2[ecs.TagResource, error]{
			"ctx":                  srv.client.ListTagResources(none, ecs.ListTagResourcesRequest{Tags: byTag.Tags}),
			"Tags":                 srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{}),
			"Tags[0].Key":          srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: []ecs.Tag{{Value: "v"}}}),
			"Tags has 21":          srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: slices.Repeat([]ecs.Tag{{Key: "k"}}, 21)}),
			"ResourceIDs[0]":       srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{ResourceIDs: []string{""}}),
			"TagFilters[0].TagKey": srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{TagFilters: []ecs.TagFilter{{TagValues: []string{"v"}}}}),
			"NextToken":            srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{ResourceIDs: ids(numbered(51, "cn-hangzhou")), NextToken: "t"}),
		} {
			if _, err := rowsOf(list); !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v", field, err)
			}
		}
		srv.wantRequests(map[string]int{})
	})
	inVirtualTime(t, "no requests after break", func(t *testing.T) {
		srv := newCloud(t, nil, taggedFleet(500)...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
		for range srv.client.ListTagResources(t.Context(), ecs.ListTagResourcesRequest{Tags: byTag.Tags}) {
			break
		}
		srv.wantRequests(map[string]int{tagged: 1})
	})
}
