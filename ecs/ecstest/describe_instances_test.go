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

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

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
		{"vpcid=vpc-1", all}, // unknown parameters are ignored
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
		{`PublicIpAddresses=["192.0.2.2"]`, ""}, // an elastic IP address is not a public IP address
		{`PublicIpAddresses=[]`, ""},
		{`PrivateIpAddresses=["10.0.0.1"]&InstanceNetworkType=vpc`, "i-every"},
		{`PrivateIpAddresses=["10.0.0.2"]&InstanceNetworkType=vpc`, ""},
		{`PrivateIpAddresses=["10.0.0.1"]`, all}, // ignored, because InstanceNetworkType is missing
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

// TestExclusiveTimes checks that, with the setting ExclusiveTimes, the bounds of a time filter are exclusive.
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

// TestCap checks that a filter by tag or resource group matches at most 1,000 resources.
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
		first  bool // value of Settings.CapFirst
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

// TestAdditionalAttributes checks that some members are returned only if they are requested with AdditionalAttributes.
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
			v6 += len(nic.IPv6Sets) * (1 + 10*n) // 11 means that the secondary interface also has an IPv6 address
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
		t.Errorf("MetadataOptions must be present and empty: %s", a.raw)
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

// TestRandomQueries checks that the server returns the same instances for random filters as a second implementation of
// the filters.
func TestRandomQueries(t *testing.T) {
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

// TestShape checks that a response has the members that the API documents.
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
			t.Errorf("no list of instances: %s", raw)
		}
	}
	if raw := list(t, srv).raw; !strings.Contains(raw, `"Tags":{"Tag":[{"TagKey":"env","TagValue":"prod"}`) || !strings.Contains(raw, `"CreationTime":"2024-01-01T00:05Z"`) {
		t.Errorf("got %s", raw)
	}
}
