package ecstest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestFleetChanges checks that listings show the effect of Put, Update and Delete. The server must not share memory
// with its caller.
func TestFleetChanges(t *testing.T) {
	t.Parallel()
	mine := every()
	srv := start(t, mine)
	mine.Tags[0].Value, mine.SecurityGroupIDs[0], *mine.MetadataOptions.HTTPPutResponseHopLimit = "changed", "changed", 9
	if got := list(t, srv).Instances.Instance[0]; got.Tags[0].Value != "prod" || got.SecurityGroupIDs[0] != "sg-1" {
		t.Errorf("the server shares memory with its caller: %+v", got)
	}
	srv.Put(ecs.Instance{InstanceID: "i-2"}, ecs.Instance{})
	var kept *ecs.Instance
	if !srv.Update("i-2", func(i *ecs.Instance) { i.Status, i.Tags, kept = ecs.InstanceStatusStopped, []ecs.Tag{{Key: "k"}}, i }) || srv.Update("i-none", func(*ecs.Instance) { t.Error("called") }) {
		t.Error("Update must report whether the instance exists")
	}
	kept.Tags[0].Key = "changed"
	a := list(t, srv)
	if ids := a.ids(); len(ids) != 3 || ids[0] != "i-every" || ids[1] != "i-2" || !strings.HasPrefix(ids[2], "i-") {
		t.Errorf("order %v", a.ids())
	}
	if got := a.Instances.Instance[1]; got.Status != ecs.InstanceStatusStopped || got.RegionID != "cn-hangzhou" || got.Tags[0].Key != "k" {
		t.Errorf("got %+v", got)
	}
	srv.Update("i-every", func(i *ecs.Instance) { i.RegionID = "cn-beijing" })
	srv.Update("i-2", func(i *ecs.Instance) { i.InstanceID = "i-3" })
	if got := list(t, srv).ids(); len(got) != 2 || got[1] != "i-3" {
		t.Errorf("after the move: %v", got)
	}
	if got := list(t, srv, "RegionId", "cn-beijing").ids(); !slices.Equal(got, []string{"i-every"}) {
		t.Errorf("moved to: %v", got)
	}
	srv.Delete("i-every", "i-none")
	if got := list(t, srv, "RegionId", "cn-beijing").ids(); len(got) != 0 {
		t.Errorf("deleted: %v", got)
	}
	if got := srv.Instances(); len(got) != 2 || got[1].InstanceID != "i-3" {
		t.Errorf("Instances: %+v", got)
	}
}

// TestDescribeRegions checks that DescribeRegions returns all regions, with names in several languages.
func TestDescribeRegions(t *testing.T) {
	t.Parallel()
	srv := start(t, ecs.Instance{InstanceID: "i-1", RegionID: "cn-test-1"})
	a := ask(t, srv, "DescribeRegions")
	if i := slices.IndexFunc(a.Regions.Region, func(r ecs.Region) bool { return r.RegionID == "us-east-1" }); i < 0 || a.Regions.Region[i].RegionEndpoint != "ecs.us-east-1.aliyuncs.com" {
		t.Errorf("us-east-1: %s", a.raw)
	}
	if n := len(a.Regions.Region); n != 30 || a.Regions.Region[n-1].RegionID != "cn-test-1" || a.Regions.Region[n-1].LocalName != "cn-test-1" {
		t.Errorf("got %s", a.raw)
	}
	name := func(language string) string {
		a := ask(t, srv, "DescribeRegions", "AcceptLanguage", language)
		for _, r := range a.Regions.Region {
			if r.RegionID == "cn-hangzhou" {
				return r.LocalName + " " + r.RegionEndpoint
			}
		}
		return a.Code
	}
	for language, want := range map[string]string{
		"": "华东1（杭州） ecs.aliyuncs.com", "zh-CN": "华东1（杭州） ecs.aliyuncs.com",
		"en-US": "China (Hangzhou) ecs.aliyuncs.com", "de": "China (Hangzhou) ecs.aliyuncs.com", "tlh": "InvalidAcceptLanguage.NotFound",
	} {
		if got := name(language); got != want {
			t.Errorf("%s: %s", language, got)
		}
	}
	if a := ask(t, srv, "DescribeRegions", "ResourceType", "cow"); a.status != 404 || a.Code != "InvalidResourceType.NotFound" {
		t.Errorf("got %s", a.raw)
	}
	srv.Configure(func(s *ecstest.Settings) { s.Regions = []string{"cn-beijing"} })
	if a := ask(t, srv, "DescribeRegions"); len(a.Regions.Region) != 2 {
		t.Errorf("got %s", a.raw)
	}
	if a := list(t, srv); a.Code != "InvalidRegionId.NotFound" {
		t.Errorf("got %s", a.raw)
	}
	if a := list(t, srv, "RegionId", "cn-test-1"); len(a.ids()) != 1 {
		t.Errorf("got %s", a.raw)
	}
}

func TestDescribeInstanceStatus(t *testing.T) {
	t.Parallel()
	fleet := small(120)
	for i := range fleet {
		fleet[i].Status, fleet[i].ZoneID = ecs.InstanceStatusRunning, "cn-hangzhou-"+string(rune('g'+i%2))
	}
	srv := start(t, fleet...)
	for _, test := range []struct {
		params      []string
		rows, total int
		code        string
	}{
		{nil, 10, 120, ""},
		{[]string{"PageSize", "50", "PageNumber", "3"}, 20, 120, ""},
		{[]string{"ZoneId", "cn-hangzhou-g", "PageSize", "50", "PageNumber", "2"}, 10, 60, ""},
		{[]string{"InstanceId.1", "i-0003", "InstanceId.100", "i-0001", "InstanceId.2", "i-none"}, 2, 2, ""},
		{[]string{"PageSize", "51"}, 0, 0, "InvalidParameter"},
		{[]string{"InstanceId.101", "i-0001"}, 0, 0, "InvalidParameter"},
		{[]string{"RegionId", "-"}, 0, 0, "MissingParameter"},
	} {
		a := ask(t, srv, "DescribeInstanceStatus", test.params...)
		if rows := a.InstanceStatuses.InstanceStatus; len(rows) != test.rows || a.TotalCount != test.total || a.Code != test.code ||
			len(rows) > 0 && (rows[0].Status != "Running" || rows[0].InstanceID == "") {
			t.Errorf("%v: %s", test.params, a.raw)
		}
	}
}
