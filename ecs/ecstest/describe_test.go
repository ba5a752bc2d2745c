package ecstest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02T15:04Z07:00", text)
	if err != nil {
		panic(err)
	}
	return t
}

// every has all that a filter can ask for; bare has nothing.
func every() ecs.Instance {
	return ecs.Instance{
		InstanceID: "i-every", RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h", InstanceName: "web-prod-001", ImageID: "m-1", KeyPairName: "kp", ResourceGroupID: "rg-1",
		HPCClusterID: "hpc-1", InstanceType: "ecs.g7.large", InstanceTypeFamily: "ecs.g7", Status: ecs.InstanceStatusRunning, InstanceNetworkType: ecs.InstanceNetworkTypeVPC,
		InstanceChargeType: ecs.InstanceChargeTypePrePaid, InternetChargeType: ecs.InternetChargeTypePayByTraffic, IOOptimized: true, DeviceAvailable: true,
		SecurityGroupIDs: []string{"sg-1", "sg-2"}, VPCAttributes: ecs.VPCAttributes{VPCID: "vpc-1", VSwitchID: "vsw-1", PrivateIPAddress: []string{"10.0.0.1"}},
		PublicIPAddress: []string{"192.0.2.1"}, EIPAddress: ecs.EIPAddress{AllocationID: "eip-1", IPAddress: "192.0.2.2"}, RDMAIPAddress: []string{"192.168.0.1"},
		NetworkInterfaces: []ecs.NetworkInterface{{NetworkInterfaceID: "eni-1", Type: ecs.NetworkInterfaceTypePrimary, IPv6Sets: []ecs.IPv6Set{{IPv6Address: "2001:db8::1"}}}},
		OperationLocks:    []ecs.OperationLock{{LockReason: "Recycling"}},
		Tags:              []ecs.Tag{{Key: "env", Value: "prod"}, {Key: "环境", Value: ""}},
		MetadataOptions:   ecs.MetadataOptions{HTTPEndpoint: ecs.MetadataEndpointEnabled, HTTPTokens: ecs.MetadataTokensRequired, HTTPPutResponseHopLimit: ptr(2)},
		CreationTime:      at("2024-01-01T00:05Z"), ExpiredTime: at("2025-01-01T16:00Z"),
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	bare := ecs.Instance{InstanceID: "i-bare", RegionID: "cn-hangzhou", CreationTime: at("2020-01-01T00:00Z"), ExpiredTime: at("2099-12-31T15:59Z")}
	classic := ecs.Instance{
		InstanceID: "i-classic", RegionID: "cn-hangzhou", InstanceNetworkType: ecs.InstanceNetworkTypeClassic, InnerIPAddress: []string{"10.9.9.9"},
		CreationTime: at("2020-01-01T00:00Z"), ExpiredTime: at("2099-12-31T15:59Z"),
	}
	srv := start(t, every(), bare, classic, ecs.Instance{InstanceID: "i-elsewhere", RegionID: "cn-beijing"})
	const all = "i-every i-bare i-classic"
	for _, test := range []struct{ params, want string }{
		{"", all},
		{"VpcId=vpc-1", "i-every"},
		{"VpcId=vpc-2", ""},
		{"VpcId=", all},
		{"vpcid=vpc-1", all}, // an unknown name
		{"VSwitchId=vsw-1", "i-every"},
		{"ZoneId=cn-hangzhou-h", "i-every"},
		{"ImageId=m-1", "i-every"},
		{"KeyPairName=kp", "i-every"},
		{"ResourceGroupId=rg-1", "i-every"},
		{"HpcClusterId=hpc-1", "i-every"},
		{"InstanceType=ecs.g7.large", "i-every"},
		{"InstanceTypeFamily=ecs.g7", "i-every"},
		{"Status=Running", "i-every"},
		{"Status=Stopped", ""},
		{"InstanceNetworkType=vpc", "i-every"},
		{"InstanceNetworkType=classic", "i-classic"},
		{"InstanceChargeType=PrePaid", "i-every"},
		{"InternetChargeType=PayByTraffic", "i-every"},
		{"SecurityGroupId=sg-2", "i-every"},
		{"RdmaIpAddresses=192.168.0.1", "i-every"},
		{"HttpEndpoint=enabled", "i-every"},
		{"HttpTokens=required", "i-every"},
		{"HttpPutResponseHopLimit=2", "i-every"},
		{"HttpPutResponseHopLimit=3", ""},
		{"IoOptimized=true", "i-every"},
		{"IoOptimized=FALSE", "i-bare i-classic"},
		{"DeviceAvailable=true", "i-every"},
		{"NeedSaleCycle=true", all},
		{"LockReason=recycling", "i-every"},
		{"LockReason=RECYCLING", "i-every"},
		{"LockReason=security", ""},
		{"InstanceName=web-prod-001", "i-every"},
		{"InstanceName=web-*", "i-every"},
		{"InstanceName=*-001", "i-every"},
		{"InstanceName=*prod*", "i-every"},
		{"InstanceName=w*p*1", "i-every"},
		{"InstanceName=web", ""},
		{"InstanceName=*002", ""},
		{"InstanceName=*", all},
		{`InstanceIds=["i-every","i-none","i-every","i-elsewhere"]`, "i-every"},
		{`InstanceIds=["i-classic","i-every"]`, "i-every i-classic"},
		{`InstanceIds=['i-every', 'i-bare']`, "i-every i-bare"},
		{`InstanceIds=[]`, ""},
		{`PublicIpAddresses=["192.0.2.1","192.0.2.9"]`, "i-every"},
		{`PublicIpAddresses=["192.0.2.2"]`, ""}, // the elastic one is no public address
		{`PublicIpAddresses=[]`, ""},
		{`PrivateIpAddresses=["10.0.0.1"]&InstanceNetworkType=vpc`, "i-every"},
		{`PrivateIpAddresses=["10.0.0.2"]&InstanceNetworkType=vpc`, ""},
		{`PrivateIpAddresses=["10.0.0.1"]`, all}, // without its network type
		{`EipAddresses=["192.0.2.2"]&InstanceNetworkType=vpc`, "i-every"},
		{`EipAddresses=["192.0.2.2"]&InstanceNetworkType=classic`, "i-classic"},
		{`InnerIpAddresses=["10.9.9.9"]&InstanceNetworkType=classic`, "i-classic"},
		{`InnerIpAddresses=["10.9.9.8"]&InstanceNetworkType=classic`, ""},
		{"Ipv6Address.1=2001:db8::9&Ipv6Address.3=2001:db8::1", "i-every"},
		{"Ipv6Address.1=2001:db8::9", ""},
		{"Tag.1.Key=env&Tag.1.Value=prod", "i-every"},
		{"Tag.1.Key=env", "i-every"},
		{"Tag.1.Key=env&Tag.1.Value=", "i-every"},
		{"Tag.1.Key=env&Tag.1.Value=test", ""},
		{"Tag.20.Key=环境", "i-every"},
		{"Tag.1.Key=env&Tag.2.Key=环境", "i-every"},
		{"Tag.1.Key=env&Tag.2.Key=owner", ""},
		{"Tag.1.key=env&Tag.1.value=prod", "i-every"},
		{"Filter.1.Key=CreationStartTime&Filter.1.Value=2024-01-01T00:05Z", "i-every"},
		{"Filter.1.Key=CreationStartTime&Filter.1.Value=2024-01-01T00:06Z", ""},
		{"Filter.2.Key=CreationEndTime&Filter.2.Value=2020-01-01T00:00Z", "i-bare i-classic"},
		{"Filter.2.Key=CreationEndTime&Filter.2.Value=2019-12-31T23:59Z", ""},
		{"Filter.3.Key=ExpiredStartTime&Filter.3.Value=2025-01-01T16:01Z", "i-bare i-classic"},
		{"Filter.4.Key=ExpiredEndTime&Filter.4.Value=2025-01-01T16:00Z", "i-every"},
		{"Filter.1.Key=ExpiredEndTime&Filter.1.Value=2025-01-01T16:00Z&Filter.4.Key=CreationStartTime&Filter.4.Value=2024-01-01T00:05Z", "i-every"},
		{"VpcId=vpc-1&Status=Stopped", ""},
		{"VpcId=vpc-1&Status=Running&Tag.1.Key=env&IoOptimized=true", "i-every"},
		{"OwnerId=123&OwnerAccount=a&ResourceOwnerId=1&ResourceOwnerAccount=b", all},
	} {
		t.Run(test.params, func(t *testing.T) {
			t.Parallel()
			for _, paging := range []string{"", "MaxResults=10"} {
				params := []string{}
				for pair := range strings.SplitSeq(test.params+"&"+paging, "&") {
					if name, value, ok := strings.Cut(pair, "="); ok {
						params = append(params, name, value)
					}
				}
				a := list(t, srv, params...)
				if got := strings.Join(a.ids(), " "); got != test.want || a.status != 200 {
					t.Errorf("%s: got %q, want %q: %s", paging, got, test.want, a.Message)
				}
				if want := len(strings.Fields(test.want)); paging == "" && a.TotalCount != want || paging != "" && a.TotalCount != 0 {
					t.Errorf("%s: TotalCount %d", paging, a.TotalCount)
				}
			}
		})
	}
}

func TestBadParameters(t *testing.T) {
	t.Parallel()
	srv := start(t, every())
	hundred := strings.TrimSuffix(strings.Repeat(`"i-1",`, 101), ",")
	for _, test := range []struct {
		params string
		status int
		code   string
	}{
		{"InstanceNetworkType=VPC", 404, "InvalidNetworkType.NotFound"},
		{"InstanceChargeType=Free", 404, "InvalidInstanceChargeType.NotFound"},
		{"InternetChargeType=Free", 404, "InvalidInternetChargeType.ValueNotSupported"},
		{"Status=running", 404, "InvalidStatus.NotFound"},
		{"LockReason=none", 404, "InvalidLockReason.NotFound"},
		{"HttpEndpoint=on", 400, "InvalidParameter"},
		{"HttpTokens=on", 400, "InvalidParameter"},
		{"HttpPutResponseHopLimit=x", 400, "InvalidParameter"},
		{"HpcClusterId=hpc-none", 400, "InvalidHpcClusterId.NotFound"},
		{"Filter.1.Key=CreationTime&Filter.1.Value=2024-01-01T00:05Z", 404, "InvalidFilterKey.NotFound"},
		{"Filter.1.Value=2024-01-01T00:05Z", 404, "InvalidFilterKey.NotFound"},
		{"Filter.1.Key=CreationStartTime", 404, "InvalidFilterValue"},
		{"Filter.1.Key=CreationStartTime&Filter.1.Value=2024-01-01T00:05:00Z", 404, "InvalidFilterValue"},
		{"Tag.1.Value=prod", 400, "InvalidTag.Mismatch"},
		{"Tag.21.Key=env", 400, "InvalidTagCount"},
		{"Ipv6Address.101=2001:db8::1", 400, "InvalidParameter"},
		{"AdditionalAttributes.21=META_OPTIONS", 400, "InvalidParameter"},
		{"IoOptimized=optimized", 400, "InvalidParameter"},
		{"DeviceAvailable=1", 400, "InvalidParameter"},
		{"NeedSaleCycle=x", 400, "InvalidParameter"},
		{"DryRun=yes", 400, "InvalidParameter"},
		{"InstanceIds=i-every", 400, "InvalidParameter"},
		{`InstanceIds="i-every"`, 400, "InvalidParameter"},
		{"InstanceIds=null", 400, "InvalidParameter"},
		{"InstanceIds=[1]", 400, "InvalidParameter"},
		{`InstanceIds=["i-1",`, 400, "InvalidParameter"},
		{"InstanceIds=[" + hundred + "]", 400, "InvalidParameter"},
		{"PrivateIpAddresses=10.0.0.1", 400, "InvalidParameter"},
		{"EipAddresses={}", 400, "InvalidParameter"},
		{"MaxResults=x", 400, "InvalidParameter"},
		{"MaxResults=99999999999", 400, "InvalidParameter"},
		{"PageNumber=0", 400, "InvalidParameter"},
		{"PageSize=0", 400, "InvalidParameter"},
		{"PageSize=101", 400, "InvalidParameter"},
		{"PageNumber=x", 400, "InvalidParameter"},
		{"NextToken=caeba0bbb2be03f84eb48b699f0a4883", 400, "InvalidParameter.NextToken"},
		{"NextToken=x", 400, "InvalidParameter.NextToken"},
		{"NextToken=caeba0bbb2be03f84eb48b699f0a4883&DryRun=true", 400, "InvalidParameter.NextToken"},
		{"Status=running&DryRun=true", 404, "InvalidStatus.NotFound"},
		{"DryRun=true", 400, "DryRunOperation"},
	} {
		t.Run(test.params[:min(50, len(test.params))], func(t *testing.T) {
			t.Parallel()
			var params []string
			for pair := range strings.SplitSeq(test.params, "&") {
				name, value, _ := strings.Cut(pair, "=")
				params = append(params, name, value)
			}
			a := list(t, srv, params...)
			if a.status != test.status || a.Code != test.code {
				t.Errorf("%d %s, want %d %s", a.status, a.raw, test.status, test.code)
			}
			if a.Code == "InvalidParameter" && !strings.Contains(a.Message, strings.TrimRight(params[0], ".0123456789")) {
				t.Errorf("%q does not name %s", a.Message, params[0])
			}
		})
	}
}

// TestPageMode: ten rows by default, and a TotalCount that counts.
func TestPageMode(t *testing.T) {
	t.Parallel()
	srv := start(t, small(25)...)
	for _, test := range []struct {
		params             []string
		number, size       int
		first, rows, total int
	}{
		{nil, 1, 10, 0, 10, 25},
		{[]string{"PageNumber", "3"}, 3, 10, 20, 5, 25},
		{[]string{"PageSize", "7", "PageNumber", "2"}, 2, 7, 7, 7, 25},
		{[]string{"PageSize", "100"}, 1, 100, 0, 25, 25},
		{[]string{"PageNumber", "9"}, 9, 10, 0, 0, 25},
		{[]string{"PageNumber", "2147483647", "PageSize", "100"}, 2147483647, 100, 0, 0, 25},
		{[]string{"InstanceName", "*", "PageNumber", "3"}, 3, 10, 20, 5, 25},
	} {
		a := list(t, srv, test.params...)
		if a.PageNumber != test.number || a.PageSize != test.size || a.TotalCount != test.total || len(a.ids()) != test.rows || a.NextToken != "" {
			t.Errorf("%v: %s", test.params, a.raw)
		}
		if test.rows > 0 && a.ids()[0] != "i-"+pad(test.first) {
			t.Errorf("%v: %v", test.params, a.ids())
		}
	}
	srv.Configure(func(s *ecstest.Settings) { s.NoPageMode = true })
	if a := list(t, srv, "PageSize", "10"); a.status != 400 || a.Code != "NotSupported.PageNumberAndPageSize" {
		t.Errorf("switched off: %s", a.raw)
	}
	if a := list(t, srv, "PageSize", "10", "MaxResults", "10"); a.status != 200 || a.NextToken == "" {
		t.Errorf("switched off, but with a token mode: %s", a.raw)
	}
	if a := list(t, srv); a.status != 200 || a.NextToken == "" || len(a.ids()) != 10 {
		t.Errorf("switched off, nothing said: %s", a.raw)
	}
}

// TestTokens: sizes are clamped, tokens are opaque, can be used again, and are bound to filters.
func TestTokens(t *testing.T) {
	t.Parallel()
	srv := start(t, small(250)...)
	for size, want := range map[string]int{"1": 10, "-5": 10, "10": 10, "37": 37, "100": 100, "1000": 100} {
		a := list(t, srv, "MaxResults", size, "PageNumber", "2", "PageSize", "50") // which are ignored
		if len(a.ids()) != want || a.ids()[0] != "i-0000" || a.TotalCount != 0 {
			t.Errorf("MaxResults %s: %d rows from %s, TotalCount %d", size, len(a.ids()), a.ids()[0], a.TotalCount)
		}
	}
	if a := list(t, srv, "MaxResults", "100", "InstanceName", "i*"); a.NextToken != "" {
		t.Error("nothing matches, and yet there is a token")
	}
	first := list(t, srv, "MaxResults", "100", "ZoneId", "", "Other", "x")
	if len(first.NextToken) != 32 {
		t.Fatalf("token %q", first.NextToken)
	}
	for range 2 {
		if a := list(t, srv, "NextToken", first.NextToken, "ZoneId", "", "Other", "x", "AdditionalAttributes.1", "META_OPTIONS"); len(a.ids()) != 10 || a.ids()[0] != "i-0100" {
			t.Errorf("second page: %v %s", a.ids(), a.Message)
		}
	}
	broken := []byte(first.NextToken)
	broken[0] ^= 1
	other := start(t, small(250)...)
	for name, a := range map[string]answer{
		"other filters":      list(t, srv, "NextToken", first.NextToken, "ZoneId", "", "Other", "x", "Status", "Running"),
		"another region":     list(t, srv, "NextToken", first.NextToken, "ZoneId", "", "Other", "x", "RegionId", "cn-beijing"),
		"another server":     list(t, other, "NextToken", first.NextToken, "ZoneId", "", "Other", "x"),
		"a changed token":    list(t, srv, "NextToken", string(broken), "ZoneId", "", "Other", "x"),
		"of other operation": ask(t, srv, "ListTagResources", "ResourceType", "instance", "ResourceId.1", "i-0000", "NextToken", first.NextToken),
	} {
		if a.status != 400 || a.Code != "InvalidParameter.NextToken" {
			t.Errorf("%s: %d %s", name, a.status, a.raw[:min(200, len(a.raw))])
		}
	}
}

// TestEnd: every number of instances is listed whole, with either kind of end.
func TestEnd(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 9, 10, 11, 20, 25} {
		for _, empty := range []bool{false, true} {
			srv := start(t, small(n)...)
			srv.Configure(func(s *ecstest.Settings) { s.EmptyLastPage = empty })
			got := pages(t, srv, nil, "MaxResults", "10")
			want := max(1, (n+9)/10)
			if empty && n > 0 {
				want++
			}
			all := slices.Concat(got...)
			if len(got) != want || len(all) != n || !slices.IsSorted(all) || len(slices.Compact(all)) != n {
				t.Errorf("%d instances, empty end %v: %d pages, %d rows", n, empty, len(got), len(all))
			}
		}
	}
}

// TestEndOfFilter: a full page is the last one when none of the instances behind it match.
func TestEndOfFilter(t *testing.T) {
	t.Parallel()
	fleet := small(30)
	for i := range 10 {
		fleet[i+5].Status = ecs.InstanceStatusRunning
	}
	srv := start(t, fleet...)
	if a := list(t, srv, "Status", "Running", "MaxResults", "10"); len(a.ids()) != 10 || a.NextToken != "" {
		t.Errorf("%d rows, token %q", len(a.ids()), a.NextToken)
	}
}

// TestMovingFleet: what stays through a listing is listed, once, whatever comes and goes.
func TestMovingFleet(t *testing.T) {
	t.Parallel()
	srv := start(t, small(200)...)
	rng := rand.New(rand.NewPCG(1, 2))
	gone := map[string]bool{}
	all := slices.Concat(pages(t, srv, func(page int) {
		for range 5 {
			id := "i-" + pad(rng.IntN(200))
			gone[id] = true
			srv.Delete(id)
		}
		srv.Put(ecs.Instance{InstanceID: fmt.Sprintf("i-new%d", page), RegionID: "cn-hangzhou"})
		srv.Update("i-"+pad(rng.IntN(200)), func(i *ecs.Instance) { i.Status = ecs.InstanceStatusStopped })
	}, "MaxResults", "10")...)
	seen := map[string]int{}
	for _, id := range all {
		seen[id]++
	}
	for i := range 200 {
		if id := "i-" + pad(i); !gone[id] && seen[id] != 1 {
			t.Errorf("%s came %d times", id, seen[id])
		}
	}
	if len(gone) < 50 || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
		t.Errorf("%d gone, seen %v", len(gone), seen)
	}
}

// TestOverlap: the setting repeats rows, and the listing still ends, complete.
func TestOverlap(t *testing.T) {
	t.Parallel()
	srv := start(t, small(35)...)
	srv.Configure(func(s *ecstest.Settings) { s.Overlap = 3 })
	got := pages(t, srv, nil, "MaxResults", "10")
	if !slices.Equal(got[1][:3], got[0][7:]) {
		t.Errorf("pages %v", got)
	}
	all := slices.Concat(got...)
	if slices.Sort(all); len(slices.Compact(all)) != 35 {
		t.Errorf("%d instances", len(all))
	}
}

// TestOnRequest moves the fleet between two pages.
func TestOnRequest(t *testing.T) {
	t.Parallel()
	srv := start(t, small(30)...)
	srv.Configure(func(s *ecstest.Settings) {
		s.OnRequest = func(r ecstest.Request) {
			if r.Params.Get("NextToken") != "" && r.AuthError == "" {
				srv.Delete("i-0015")
			}
		}
	})
	if got := slices.Concat(pages(t, srv, nil, "MaxResults", "10")...); len(got) != 29 || slices.Contains(got, "i-0015") {
		t.Errorf("got %v", got)
	}
}

// TestExclusiveTimes leaves the bounds out when told so.
func TestExclusiveTimes(t *testing.T) {
	t.Parallel()
	srv := start(t, every())
	srv.Configure(func(s *ecstest.Settings) { s.ExclusiveTimes = true })
	for filter, want := range map[string]int{
		"CreationStartTime 2024-01-01T00:05Z": 0, "CreationStartTime 2024-01-01T00:04Z": 1, "CreationEndTime 2024-01-01T00:05Z": 0, "CreationEndTime 2024-01-01T00:06Z": 1,
		"ExpiredStartTime 2025-01-01T16:00Z": 0, "ExpiredStartTime 2025-01-01T15:59Z": 1, "ExpiredEndTime 2025-01-01T16:00Z": 0, "ExpiredEndTime 2025-01-01T16:01Z": 1,
	} {
		key, value, _ := strings.Cut(filter, " ")
		if a := list(t, srv, "Filter.1.Key", key, "Filter.1.Value", value); len(a.ids()) != want || a.status != 200 {
			t.Errorf("%s: %d rows", filter, len(a.ids()))
		}
	}
}

// TestCap: filters by tag or resource group show 1,000 resources and no sign of the rest.
func TestCap(t *testing.T) {
	t.Parallel()
	fleet := small(2100)
	for i := range fleet {
		fleet[i].ResourceGroupID, fleet[i].Tags = "rg-1", []ecs.Tag{{Key: "env", Value: "prod"}}
		fleet[i].Status = ecs.InstanceStatusRunning
		if i%2 == 1 {
			fleet[i].Status = ecs.InstanceStatusStopped
		}
	}
	srv := start(t, fleet...)
	for _, test := range []struct {
		first  bool // Settings.CapFirst
		filter []string
		want   int
	}{
		{false, []string{"Tag.1.Key", "env"}, 1000},
		{false, []string{"ResourceGroupId", "rg-1"}, 1000},
		{false, []string{"ResourceGroupId", "rg-1", "Tag.1.Key", "env", "Status", "Running"}, 1000},
		{true, []string{"Tag.1.Key", "env"}, 1000},
		{true, []string{"Tag.1.Key", "env", "Status", "Stopped"}, 500},
		{false, []string{"Status", "Stopped"}, 1050},
	} {
		srv.Configure(func(s *ecstest.Settings) { s.CapFirst = test.first })
		got := slices.Concat(pages(t, srv, nil, append(test.filter, "MaxResults", "97")...)...)
		if len(got) != test.want || len(slices.Compact(got)) != test.want {
			t.Errorf("%v: %d rows", test, len(got))
		}
		if a := list(t, srv, test.filter...); a.TotalCount != test.want {
			t.Errorf("%v: TotalCount %d", test, a.TotalCount)
		}
	}
}

// TestAdditionalAttributes: some members are filled on request only.
func TestAdditionalAttributes(t *testing.T) {
	t.Parallel()
	full := every()
	full.DedicatedHostAttribute.DedicatedHostClusterID = "dc-1"
	full.CPUOptions.TopologyType = "DiscreteCoreToHTMapping"
	full.PrivateDNSNameOptions.HostnameType = "Custom"
	full.ImageOptions = ecs.ImageOptions{LoginAsNonRoot: ptr(true), CurrentOSNVMeSupported: ptr(true)}
	full.NetworkInterfaces = append(full.NetworkInterfaces, ecs.NetworkInterface{
		NetworkInterfaceID: "eni-2", Type: ecs.NetworkInterfaceTypeSecondary, IPv6Sets: []ecs.IPv6Set{{IPv6Address: "2001:db8::2"}},
	})
	srv := start(t, full)
	filled := func(i ecs.Instance) string {
		v6 := 0
		for n, nic := range i.NetworkInterfaces {
			v6 += len(nic.IPv6Sets) * (1 + 10*n) // 11: also the secondary one
		}
		nvme := i.ImageOptions.CurrentOSNVMeSupported != nil
		return fmt.Sprintf("%s|%s|%d|%s|%s|%v|%v", i.MetadataOptions.HTTPTokens, i.DedicatedHostAttribute.DedicatedHostClusterID, v6, i.CPUOptions.TopologyType,
			i.PrivateDNSNameOptions.HostnameType, nvme, *i.ImageOptions.LoginAsNonRoot)
	}
	for _, test := range []struct{ attribute, want string }{
		{"", "||0|||false|true"},
		{"META_OPTIONS", "required||0|||false|true"},
		{"DDH_CLUSTER", "|dc-1|0|||false|true"},
		{"NETWORK_PRIMARY_ENI_IP", "||1|||false|true"},
		{"CPU_OPTIONS_TOPOLOGY_TYPE", "||0|DiscreteCoreToHTMapping||false|true"},
		{"PRIVATE_DNS_OPTIONS", "||0||Custom|false|true"},
		{"CURRENT_OS_NVME_SUPPORTED", "||0|||true|true"},
		{"OTHER", "||0|||false|true"},
		{"", "||0|||false|true"},
	} {
		if got := filled(list(t, srv, "AdditionalAttributes.3", test.attribute).Instances.Instance[0]); got != test.want {
			t.Errorf("%s: %s, want %s", test.attribute, got, test.want)
		}
	}
	a := list(t, srv)
	if !strings.Contains(a.raw, `"MetadataOptions":{"HttpEndpoint":"","HttpTokens":""}`) {
		t.Errorf("MetadataOptions must be there, empty: %s", a.raw)
	}
	params := []string{}
	for n, name := range []string{"META_OPTIONS", "DDH_CLUSTER", "NETWORK_PRIMARY_ENI_IP", "CPU_OPTIONS_TOPOLOGY_TYPE", "PRIVATE_DNS_OPTIONS", "CURRENT_OS_NVME_SUPPORTED"} {
		params = append(params, "AdditionalAttributes."+strconv.Itoa(n+1), name)
	}
	full.NetworkInterfaces[1].IPv6Sets = nil
	if got := list(t, srv, params...).Instances.Instance[0]; !reflect.DeepEqual(got, full) {
		t.Errorf("with all attributes\ngot  %+v\nwant %+v", got, full)
	}
}

// TestPermission: without it a listing is empty and a dry run tells, everything else is refused.
func TestPermission(t *testing.T) {
	t.Parallel()
	srv := start(t, every())
	own := srv.Credentials()
	for _, test := range []struct {
		deny, action string
		params       []string
		status       int
		code         string
	}{
		{"DescribeInstances", "DescribeInstances", nil, 200, ""},
		{"*", "DescribeInstances", []string{"MaxResults", "10"}, 200, ""},
		{"DescribeInstances", "DescribeInstances", []string{"DryRun", "true"}, 403, "Forbidden.RAM"},
		{"DescribeInstances", "DescribeInstances", []string{"DryRun", "true", "Status", "x"}, 404, "InvalidStatus.NotFound"},
		{"DescribeRegions", "DescribeInstances", []string{"DryRun", "true"}, 400, "DryRunOperation"},
		{"DescribeRegions", "DescribeRegions", nil, 403, "Forbidden.RAM"},
		{"DescribeInstanceStatus", "DescribeInstanceStatus", nil, 403, "Forbidden.RAM"},
		{"ListTagResources", "ListTagResources", []string{"ResourceType", "instance", "Tag.1.Key", "env"}, 403, "NoPermission.Tag"},
	} {
		srv.AddKey(ecstest.Key{Credentials: own, Deny: []string{test.deny}})
		a := ask(t, srv, test.action, test.params...)
		if a.status != test.status || a.Code != test.code || len(a.ids()) != 0 || a.TotalCount != 0 {
			t.Errorf("%+v: %s", test, a.raw)
		}
		if a.Code == "Forbidden.RAM" && a.AccessDeniedDetail.AuthAction != "ecs:"+test.action {
			t.Errorf("%+v: %s", test, a.raw)
		}
	}
}

// TestFleetChanges: Put, Update and Delete show at once, and what the caller keeps is the caller's.
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
		t.Error("Update must tell whether there is one")
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

// TestRegions: those of the instances and those of the settings, in the caller's language.
func TestRegions(t *testing.T) {
	t.Parallel()
	srv := start(t, ecs.Instance{InstanceID: "i-1", RegionID: "cn-test-1"})
	a := ask(t, srv, "DescribeRegions")
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
		"": "华东1（杭州） ecs.cn-hangzhou.aliyuncs.com", "zh-CN": "华东1（杭州） ecs.cn-hangzhou.aliyuncs.com",
		"en-US": "China (Hangzhou) ecs.cn-hangzhou.aliyuncs.com", "de": "China (Hangzhou) ecs.cn-hangzhou.aliyuncs.com", "tlh": "InvalidAcceptLanguage.NotFound",
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

func TestInstanceStatus(t *testing.T) {
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

// tagPages follows ListTagResources to its end and returns "id key value" rows, the number of pages, and the last token.
func tagPages(t *testing.T, srv *ecstest.Server, params ...string) (rows []string, n int, end string) {
	t.Helper()
	token := ""
	for range 200 {
		a := ask(t, srv, "ListTagResources", append(slices.Clone(params), "ResourceType", "instance", "NextToken", token)...)
		if a.status != 200 || len(a.TagResources.TagResource) > 50 {
			t.Fatalf("%d rows: %s", len(a.TagResources.TagResource), a.raw)
		}
		for _, r := range a.TagResources.TagResource {
			rows = append(rows, r.ResourceID+" "+r.TagKey+" "+r.TagValue)
		}
		n++
		if a.NextToken == "" || a.NextToken == token {
			return rows, n, a.NextToken
		}
		token = a.NextToken
	}
	t.Fatal("no end")
	return nil, 0, ""
}

func TestTagResources(t *testing.T) {
	t.Parallel()
	fleet := small(130)
	var want, group []string
	for i := range fleet {
		for k := range i % 4 {
			tag := ecs.Tag{Key: "k" + strconv.Itoa(k), Value: strconv.Itoa(i % 3)}
			fleet[i].Tags = append(fleet[i].Tags, tag)
			want = append(want, fleet[i].InstanceID+" "+tag.Key+" "+tag.Value)
		}
		if i%2 == 0 {
			fleet[i].ResourceGroupID = "rg-1"
			group = append(group, fleet[i].InstanceID+" acs:rm:rgId rg-1")
		}
	}
	srv := start(t, fleet...)
	for _, repeat := range []bool{false, true} {
		srv.Configure(func(s *ecstest.Settings) { s.RepeatEndToken = repeat })
		if rows, n, end := tagPages(t, srv, "Tag.1.Key", "k0"); !slices.Equal(rows, want) || n != 4 || (end != "") != repeat {
			t.Errorf("%d rows on %d pages, want %d", len(rows), n, len(want))
		}
		if rows, n, end := tagPages(t, srv, "Tag.1.Key", "acs:rm:rgId", "Tag.1.Value", "rg-1"); !slices.Equal(rows, group) || n != 2 || (end != "") != repeat {
			t.Errorf("%d rows on %d pages, want %d", len(rows), n, len(group))
		}
	}
	if rows, _, _ := tagPages(t, srv, "Tag.1.Key", "k0", "Tag.1.Value", "1", "Tag.2.Key", "k2", "ResourceId.1", "i-0007", "ResourceId.2", "i-0003"); !slices.Equal(rows, []string{"i-0007 k0 1", "i-0007 k1 1", "i-0007 k2 1"}) {
		t.Errorf("got %v", rows)
	}
	if rows, _, _ := tagPages(t, srv, "Tag.1.Key", "acs:rm:rgId", "Tag.1.Value", "rg-none"); len(rows) != 0 {
		t.Errorf("got %v", rows)
	}
	for _, test := range []struct {
		params []string
		status int
		code   string
	}{
		{[]string{"Tag.1.Key", "k0"}, 404, "MissingParameter.ResourceType"},
		{[]string{"Tag.1.Key", "k0", "ResourceType", "cow"}, 404, "InvalidResourceType.NotFound"},
		{[]string{"Tag.1.Key", "k0", "ResourceType", "disk"}, 200, ""},
		{[]string{"ResourceType", "instance"}, 404, "MissingParameter.ResourceIds"},
		{[]string{"ResourceType", "instance", "Tag.1.Value", "x"}, 400, "InvalidParameter.TagValue"},
		{[]string{"ResourceType", "instance", "Tag.21.Key", "x"}, 400, "NumberExceed.Tags"},
		{[]string{"ResourceType", "instance", "ResourceId.51", "x"}, 400, "NumberExceed.ResourceIds"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "x", "Tag.2.Key", "x"}, 400, "Duplicate.TagKey"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "acs:rm:rgId", "Tag.2.Key", "x"}, 400, "InvalidTagKey.Malformed"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "x", "NextToken", "y"}, 400, "InvalidParameter.NextToken"},
		{[]string{"ResourceType", "instance", "Tag.1.Key", "x", "RegionId", "-"}, 400, "MissingParameter"},
	} {
		if a := ask(t, srv, "ListTagResources", test.params...); a.status != test.status || a.Code != test.code || len(a.TagResources.TagResource) != 0 {
			t.Errorf("%v: %d %s", test.params, a.status, a.raw)
		}
	}
}

// TestAgainstOracle compares random queries with a filter written here.
func TestAgainstOracle(t *testing.T) {
	t.Parallel()
	fleet := ecstest.Fleet(600, 3)
	srv := start(t, fleet...)
	rng := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		sample := fleet[rng.IntN(len(fleet))]
		params, oracle := []string{"RegionId", sample.RegionID, "MaxResults", "100"}, []func(ecs.Instance) bool{}
		add := func(name, value string, f func(ecs.Instance) bool) {
			if value != "" && rng.IntN(3) == 0 {
				params, oracle = append(params, name, value), append(oracle, f)
			}
		}
		created := sample.CreationTime.Format("2006-01-02T15:04Z")
		add("ZoneId", sample.ZoneID, func(i ecs.Instance) bool { return i.ZoneID == sample.ZoneID })
		add("Status", string(sample.Status), func(i ecs.Instance) bool { return i.Status == sample.Status })
		add("VpcId", sample.VPCAttributes.VPCID, func(i ecs.Instance) bool { return i.VPCAttributes.VPCID == sample.VPCAttributes.VPCID })
		add("InstanceTypeFamily", sample.InstanceTypeFamily, func(i ecs.Instance) bool { return i.InstanceTypeFamily == sample.InstanceTypeFamily })
		add("InstanceName", sample.InstanceName[:3]+"*", func(i ecs.Instance) bool { return strings.HasPrefix(i.InstanceName, sample.InstanceName[:3]) })
		add("SecurityGroupId", sample.SecurityGroupIDs[0], func(i ecs.Instance) bool { return slices.Contains(i.SecurityGroupIDs, sample.SecurityGroupIDs[0]) })
		if rng.IntN(3) == 0 {
			params = append(params, "Filter.1.Key", "CreationStartTime", "Filter.1.Value", created)
			oracle = append(oracle, func(i ecs.Instance) bool { return !i.CreationTime.Before(sample.CreationTime) })
		}
		if len(sample.Tags) > 0 {
			add("Tag.1.Key", sample.Tags[0].Key, func(i ecs.Instance) bool {
				return slices.ContainsFunc(i.Tags, func(t ecs.Tag) bool { return t.Key == sample.Tags[0].Key })
			})
		}
		var want []string
		for _, i := range fleet {
			if i.RegionID == sample.RegionID && !slices.ContainsFunc(oracle, func(f func(ecs.Instance) bool) bool { return !f(i) }) {
				want = append(want, i.InstanceID)
			}
		}
		if got := slices.Concat(pages(t, srv, nil, params...)...); !slices.Equal(got, want) {
			t.Errorf("%v: %d rows, want %d", params, len(got), len(want))
		}
	}
}

// TestShape: an answer has the API's members.
func TestShape(t *testing.T) {
	t.Parallel()
	srv := start(t, every())
	for _, raw := range []string{list(t, srv).raw, list(t, srv, "InstanceIds", "[]").raw} {
		var doc map[string]any
		if err := json.Unmarshal([]byte(raw), &doc); err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(doc)); !slices.Equal(got, []string{"Instances", "NextToken", "PageNumber", "PageSize", "RequestId", "TotalCount"}) {
			t.Errorf("members %v", got)
		}
		if _, ok := doc["Instances"].(map[string]any)["Instance"].([]any); !ok {
			t.Errorf("no list: %s", raw)
		}
	}
	if raw := list(t, srv).raw; !strings.Contains(raw, `"Tags":{"Tag":[{"TagKey":"env","TagValue":"prod"}`) || !strings.Contains(raw, `"CreationTime":"2024-01-01T00:05Z"`) {
		t.Errorf("got %s", raw)
	}
}
