package ecstest_test

import (
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestFleetIsDeterministic checks that Fleet returns equal fleets for equal sizes and seeds.
func TestFleetIsDeterministic(t *testing.T) {
	t.Parallel()
	a, b, c := ecstest.Fleet(300, 7), ecstest.Fleet(300, 7), ecstest.Fleet(300, 8)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same seed returned a different fleet")
	}
	if reflect.DeepEqual(a, c) || a[0].InstanceID == c[0].InstanceID {
		t.Error("a different seed returned the same fleet")
	}
	for _, n := range []int{-1, 0, 1, 99} {
		if got := len(ecstest.Fleet(n, 1)); got != max(n, 0) {
			t.Errorf("Fleet(%d): %d", n, got)
		}
	}
}

// TestFleetIsConsistent checks that the fields of each instance do not contradict each other, and that ids and
// addresses are unique.
func TestFleetIsConsistent(t *testing.T) {
	t.Parallel()
	const n = 20_000
	prefixes := map[string]string{"cn-hangzhou": "bp1", "cn-beijing": "2ze", "cn-shanghai": "uf6", "cn-shenzhen": "wz9", "ap-southeast-1": "t4n", "eu-central-1": "gw8"}
	form := regexp.MustCompile(`^i-(bp1|2ze|uf6|wz9|t4n|gw8)[0-9a-z]{17}$`)
	allowed := []netip.Prefix{
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("10.0.0.0/8"),
		netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("2001:db8::/32"),
	}
	seen := map[string]string{}
	vswitches := map[string]string{}
	for _, i := range ecstest.Fleet(n, 42) {
		unique := []string{i.InstanceID, i.SerialNumber, i.EIPAddress.AllocationID}
		addresses := slices.Concat(i.PublicIPAddress, i.InnerIPAddress, i.RDMAIPAddress, []string{i.EIPAddress.IPAddress})
		for n, nic := range i.NetworkInterfaces {
			unique = append(unique, nic.NetworkInterfaceID, nic.MACAddress)
			for _, p := range nic.PrivateIPSets {
				addresses = append(addresses, p.PrivateIPAddress)
			}
			for _, p := range nic.IPv6Sets {
				addresses = append(addresses, p.IPv6Address)
			}
			if primary := nic.Type == ecs.NetworkInterfaceTypePrimary; primary != (n == 0) || nic.PrimaryIPAddress != nic.PrivateIPSets[0].PrivateIPAddress {
				t.Errorf("%s: interfaces %+v", i.InstanceID, i.NetworkInterfaces)
			}
		}
		for _, text := range slices.Concat(unique, addresses) {
			if other, twice := seen[text]; twice && text != "" {
				t.Errorf("%s of %s also belongs to %s", text, i.InstanceID, other)
			}
			seen[text] = i.InstanceID
		}
		for _, text := range addresses {
			if text == "" {
				continue
			}
			if a, err := netip.ParseAddr(text); err != nil || !slices.ContainsFunc(allowed, func(p netip.Prefix) bool { return p.Contains(a) }) {
				t.Errorf("%s: address %s", i.InstanceID, text)
			}
		}
		vpc := i.InstanceNetworkType == ecs.InstanceNetworkTypeVPC
		for what, ok := range map[string]bool{
			"id":       form.MatchString(i.InstanceID) && strings.HasPrefix(i.InstanceID, "i-"+prefixes[i.RegionID]),
			"zone":     strings.HasPrefix(i.ZoneID, i.RegionID),
			"size":     i.CPU > 0 && i.Memory >= 1024 && strings.HasPrefix(i.InstanceType, i.InstanceTypeFamily),
			"gpu":      (i.GPUAmount > 0) == (i.GPUSpec != ""),
			"disks":    (i.LocalStorageAmount > 0) == (i.LocalStorageCapacity > 0),
			"burst":    (i.CreditSpecification != "") == strings.HasPrefix(i.InstanceTypeFamily, "ecs.t"),
			"network":  vpc == (i.VPCAttributes.VPCID != "") && vpc == (len(i.NetworkInterfaces) > 0) && vpc == (len(i.InnerIPAddress) == 0),
			"eip":      i.EIPAddress.AllocationID == "" || len(i.PublicIPAddress) == 0 && i.InternetChargeType == "" && i.InternetMaxBandwidthOut == 0 && i.EIPAddress.Bandwidth > 0,
			"bandw":    (len(i.PublicIPAddress) > 0) == (i.InternetMaxBandwidthOut > 0),
			"stopped":  (i.Status == ecs.InstanceStatusStopped) == (i.StoppedMode != ecs.StoppedModeNotApplicable),
			"expiry":   (i.InstanceChargeType == ecs.InstanceChargeTypePrePaid) != (i.ExpiredTime.Year() >= 2099),
			"renewed":  i.ExpiredTime.After(i.CreationTime),
			"spot":     (i.SpotStrategy == ecs.SpotStrategyNoSpot) == (i.SpotInterruptionBehavior == "") && (i.SpotPriceLimit > 0) == (i.SpotStrategy == ecs.SpotStrategySpotWithPriceLimit),
			"minute":   i.CreationTime.Second() == 0 && i.StartTime.After(i.CreationTime),
			"time":     i.CreationTime.Year() >= 2020 && i.CreationTime.Before(time.Date(2025, 11, 2, 0, 0, 0, 0, time.UTC)),
			"groups":   len(i.SecurityGroupIDs) > 0,
			"metadata": i.MetadataOptions.HTTPEndpoint != "",
		} {
			if !ok {
				t.Errorf("%s: %s is wrong: %+v", i.InstanceID, what, i)
			}
		}
		if vpc {
			if at, known := vswitches[i.VPCAttributes.VSwitchID]; known && at != i.VPCAttributes.VPCID+i.ZoneID {
				t.Errorf("%s is in two zones", i.VPCAttributes.VSwitchID)
			}
			vswitches[i.VPCAttributes.VSwitchID] = i.VPCAttributes.VPCID + i.ZoneID
		}
		if t.Failed() {
			return
		}
	}
	if len(vswitches) > 150 {
		t.Errorf("%d vSwitches for %d instances", len(vswitches), n)
	}
}

// TestFleetIsVaried checks that properties occur about as often as in real accounts.
func TestFleetIsVaried(t *testing.T) {
	t.Parallel()
	const n = 10_000
	count, minutes := map[string]int{}, map[time.Time]int{}
	for _, i := range ecstest.Fleet(n, 1) {
		for what, is := range map[string]bool{
			"tags": i.Tags != nil, "key pair": i.KeyPairName != "", "disks": i.LocalStorageAmount > 0, "gpu": i.GPUAmount > 0, "eip": i.EIPAddress.AllocationID != "",
			"public": len(i.PublicIPAddress) > 0, "classic": i.InstanceNetworkType == ecs.InstanceNetworkTypeClassic, "locked": i.OperationLocks != nil, "spot": i.SpotStrategy != ecs.SpotStrategyNoSpot,
			"prepaid": i.InstanceChargeType == ecs.InstanceChargeTypePrePaid, "stopped": i.Status == ecs.InstanceStatusStopped, "not charged": i.StoppedMode == ecs.StoppedModeStopCharging,
			"pending": i.Status == ecs.InstanceStatusPending, "windows": i.OSType == "windows", "group": i.ResourceGroupID != "", "bandwidth": i.InternetMaxBandwidthIn == -1,
			"interfaces": len(i.NetworkInterfaces) > 1, "ipv6": len(i.NetworkInterfaces) > 0 && i.NetworkInterfaces[0].IPv6Sets != nil, "host": i.DedicatedHostAttribute.DedicatedHostID != "",
			"chinese": strings.ContainsAny(i.InstanceName, "订支用数测"), "tag without value": slices.ContainsFunc(i.Tags, func(t ecs.Tag) bool { return t.Value == "" }),
			"numa": i.CPUOptions.NUMA == "ON", "released": !i.AutoReleaseTime.IsZero(), "hpc": i.HPCClusterID != "", "dns": i.PrivateDNSNameOptions.HostnameType != "",
			i.RegionID: true,
		} {
			if is {
				count[what]++
			}
		}
		minutes[i.CreationTime]++
	}
	for what, between := range map[string][2]int{ // in percent; the property must occur even if the lower bound is 0
		"tags": {25, 65}, "key pair": {5, 30}, "disks": {0, 5}, "gpu": {0, 8}, "eip": {7, 11}, "public": {4, 12}, "classic": {0, 8}, "locked": {0, 6}, "spot": {1, 15},
		"prepaid": {10, 40}, "stopped": {15, 35}, "not charged": {1, 8}, "pending": {0, 2}, "windows": {5, 30}, "group": {14, 18}, "bandwidth": {85, 99}, "interfaces": {3, 7},
		"ipv6": {6, 10}, "host": {0, 1}, "chinese": {20, 60}, "tag without value": {2, 50}, "numa": {38, 48}, "released": {0, 3}, "hpc": {0, 3}, "dns": {0, 1},
		"cn-hangzhou": {15, 50}, "cn-beijing": {8, 40}, "cn-shanghai": {8, 35}, "cn-shenzhen": {5, 30}, "ap-southeast-1": {3, 25}, "eu-central-1": {1, 20},
	} {
		if c := count[what]; c == 0 || c < n*between[0]/100 || c > n*between[1]/100 {
			t.Errorf("%s: %d of %d", what, c, n)
		}
	}
	bursts := 0
	for _, c := range minutes {
		if c >= 50 {
			bursts++
		}
	}
	if bursts < 3 || len(minutes) < n/10 {
		t.Errorf("%d bursts, %d different minutes", bursts, len(minutes))
	}
}

// TestFleetRoundTrip checks that a client receives every member of every instance.
func TestFleetRoundTrip(t *testing.T) {
	t.Parallel()
	fleet := ecstest.Fleet(400, 9)
	srv := start(t, fleet...)
	got := map[string]ecs.Instance{}
	for region := range map[string]bool{"cn-hangzhou": true, "cn-beijing": true, "cn-shanghai": true, "cn-shenzhen": true, "ap-southeast-1": true, "eu-central-1": true} {
		client, err := srv.Client(region, nil)
		if err != nil {
			t.Fatal(err)
		}
		req := ecs.DescribeInstancesRequest{AdditionalAttributes: []ecs.AdditionalAttribute{
			ecs.AdditionalAttributeMetaOptions, ecs.AdditionalAttributeDDHCluster, ecs.AdditionalAttributeNetworkPrimaryENIIP, ecs.AdditionalAttributeCPUOptionsTopologyType,
			ecs.AdditionalAttributePrivateDNSOptions, ecs.AdditionalAttributeCurrentOSNVMeSupported,
		}}
		for i, err := range client.Instances(t.Context(), req) {
			if err != nil {
				t.Fatal(err)
			}
			got[i.InstanceID] = i
		}
	}
	if len(got) != len(fleet) {
		t.Errorf("%d of %d", len(got), len(fleet))
	}
	for _, want := range fleet {
		if !reflect.DeepEqual(got[want.InstanceID], want) {
			t.Fatalf("got  %+v\nwant %+v", got[want.InstanceID], want)
		}
	}
}

// TestFleetIn checks that all instances of FleetIn are in the given region, even if Fleet does not use that region.
func TestFleetIn(t *testing.T) {
	t.Parallel()
	for region, form := range map[string]string{
		"cn-hangzhou": `^i-bp1[0-9a-z]{17} cn-hangzhou-[g-k]$`,
		"cn-chengdu":  `^i-[0-9a-z]{20} cn-chengdu-[ab]$`,
		"us-west-1":   `^i-[0-9a-z]{20} us-west-1[ab]$`,
	} {
		fleet, again := ecstest.FleetIn(region, 500, 3), ecstest.FleetIn(region, 500, 3)
		if !reflect.DeepEqual(fleet, again) || len(fleet) != 500 {
			t.Errorf("%s: %d instances, or two different fleets", region, len(fleet))
		}
		seen := map[string]bool{}
		for _, i := range fleet {
			if text := i.InstanceID + " " + i.ZoneID; i.RegionID != region || seen[i.InstanceID] || !regexp.MustCompile(form).MatchString(text) {
				t.Fatalf("%s: instance %s of %s", region, text, i.RegionID)
			}
			seen[i.InstanceID] = true
		}
	}
}
