package ecs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// obj is a JSON object before encoding.
type obj = map[string]any

// fullPage returns a page of n instances in which every documented member is set. The JSON of an instance takes about
// 3.9 kB.
func fullPage(n int) []byte {
	instances := make([]obj, n)
	for i := range instances {
		id := func(prefix string) string { return fmt.Sprintf("%s-bp67acfmxazb4p%04d", prefix, i) }
		ip := func(net string) string { return fmt.Sprintf("%s.%d.%d", net, i/250, i%250+1) }
		ips := func(net string) obj { return obj{"IpAddress": []string{ip(net)}} }
		nic := func(kind, net string) obj {
			return obj{
				"Type": kind, "MacAddress": fmt.Sprintf("00:16:3e:32:%02x:%02x", i/256, i%256), "PrimaryIpAddress": ip(net),
				"NetworkInterfaceId": id("eni"),
				"PrivateIpSets":      obj{"PrivateIpSet": []obj{{"PrivateIpAddress": ip(net), "Primary": true}}},
				"Ipv6Sets":           obj{"Ipv6Set": []obj{{"Ipv6Address": fmt.Sprintf("2001:db8:180:1701:94c7:bc38:3bfa:%x", i)}}},
				"Ipv4PrefixSets":     obj{"Ipv4PrefixSet": []obj{{"Ipv4Prefix": ip("198.51") + "/28"}}},
				"Ipv6PrefixSets":     obj{"Ipv6PrefixSet": []obj{{"Ipv6Prefix": fmt.Sprintf("2001:db8:%x::/64", i)}}},
			}
		}
		tags := make([]obj, 5)
		for t := range tags {
			tags[t] = obj{"TagKey": fmt.Sprintf("TestKey%d", t), "TagValue": fmt.Sprintf("TestValue%d-%d", t, i)}
		}
		instances[i] = obj{
			"CreationTime": "2017-12-10T04:04Z", "SerialNumber": fmt.Sprintf("51d1353b-22bf-4567-a176-8b3e12e4%04d", i), "Status": "Running",
			"DeploymentSetId": id("ds"), "KeyPairName": "testKeyPairName", "SaleCycle": "month", "SpotStrategy": "NoSpot",
			"DeviceAvailable": true, "LocalStorageCapacity": 1000, "Description": fmt.Sprintf("testDescription %d", i), "SpotDuration": 1,
			"InstanceNetworkType": "vpc", "InstanceName": fmt.Sprintf("InstanceNameTest-%d", i), "OSNameEn": "CentOS  7.4 64 bit",
			"HpcClusterId": id("hpc"), "SpotPriceLimit": 0.98, "Memory": 16384, "OSName": "CentOS  7.4 64 位", "DeploymentSetGroupNo": 1,
			"ImageId": "m-bp67acfmxazb4p0001", "VlanId": "10", "ClusterId": "c-bp67acfmxazb4p0001", "GPUSpec": "NVIDIA V100",
			"AutoReleaseTime": "2017-12-10T04:04Z", "DeletionProtection": true, "StoppedMode": "KeepCharging", "GPUAmount": 4,
			"HostName": fmt.Sprintf("testHostName-%d", i), "InstanceId": id("i"), "InternetMaxBandwidthOut": 5, "InternetMaxBandwidthIn": 50,
			"InstanceType": "ecs.g5.large", "InstanceChargeType": "PostPaid", "RegionId": "cn-hangzhou", "IoOptimized": true,
			"StartTime": "2017-12-10T04:04Z", "Cpu": 8, "LocalStorageAmount": 2, "ExpiredTime": "2017-12-10T04:04Z",
			"ResourceGroupId": "rg-bp67acfmxazb4p0001", "InternetChargeType": "PayByTraffic", "ZoneId": "cn-hangzhou-g", "Recyclable": true,
			"ISP": "null", "CreditSpecification": "Standard", "InstanceTypeFamily": "ecs.g5", "OSType": "linux",
			"NetworkInterfaces": obj{"NetworkInterface": []obj{nic("Primary", "10.1"), nic("Secondary", "10.2")}},
			"OperationLocks": obj{"LockReason": []obj{{
				"LockMsg": "The specified instance is locked due to financial reason.", "LockReason": "Recycling",
			}}},
			"Tags": obj{"Tag": tags}, "RdmaIpAddress": ips("10.3"), "SecurityGroupIds": obj{"SecurityGroupId": []string{id("sg")}},
			"PublicIpAddress": ips("203.0"), "InnerIpAddress": ips("10.4"),
			"VpcAttributes": obj{
				"VpcId": "vpc-2zeuphj08tt7q3brd0001", "NatIpAddress": ip("10.5"), "VSwitchId": "vsw-2zeh0r1pabwtg6wcs0001",
				"PrivateIpAddress": ips("10.1"),
			},
			"EipAddress": obj{
				"IsSupportUnassociate": true, "InternetChargeType": "PayByTraffic", "IpAddress": ip("203.1"), "Bandwidth": 5,
				"AllocationId": id("eip"),
			},
			"HibernationOptions": obj{"Configured": true},
			"DedicatedHostAttribute": obj{
				"DedicatedHostId": id("dh"), "DedicatedHostName": "testDedicatedHostName", "DedicatedHostClusterId": id("dc"),
			},
			"EcsCapacityReservationAttr": obj{"CapacityReservationPreference": "cr", "CapacityReservationId": id("cr")},
			"DedicatedInstanceAttribute": obj{"Affinity": "default", "Tenancy": "default"},
			"CpuOptions":                 obj{"Numa": "2", "CoreCount": 2, "ThreadsPerCore": 4, "TopologyType": "ContinuousCoreToHTMapping"},
			"MetadataOptions":            obj{"HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1, "HttpTokens": "optional"},
			"ImageOptions":               obj{"LoginAsNonRoot": false}, "SpotInterruptionBehavior": "Terminate",
		}
	}
	return pageOf(instances)
}

// typicalPage returns a page of n instances that have only the most common members.
func typicalPage(n int) []byte {
	instances := make([]obj, n)
	for i := range instances {
		instances[i] = realInstance(i)
	}
	return pageOf(instances)
}

func pageOf(instances []obj) []byte {
	body, err := json.Marshal(obj{
		"RequestId": "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E", "NextToken": "caeba0bbb2be03f84eb48b699f0a4883", "PageSize": 100,
		"PageNumber": 1, "TotalCount": len(instances), "Instances": obj{"Instance": instances},
	})
	if err != nil {
		panic(err)
	}
	return body
}

// plain returns a type into which encoding/json can decode the API's JSON for t.
func plain(t reflect.Type) reflect.Type {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return reflect.TypeFor[string]()
	case t.Kind() == reflect.Slice:
		return reflect.SliceOf(plain(t.Elem()))
	case t.Kind() != reflect.Struct:
		return t
	}
	var fields []reflect.StructField
	for _, f := range reflect.VisibleFields(t) {
		if f.Tag.Get("json") == "-" {
			continue
		}
		f.Type = plain(f.Type)
		if wrap := f.Tag.Get("wrap"); wrap != "" {
			f.Type = reflect.StructOf([]reflect.StructField{{Name: "List", Type: f.Type, Tag: reflect.StructTag(fmt.Sprintf("json:%q", wrap))}})
		}
		fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
	}
	return reflect.StructOf(fields)
}

// BenchmarkDecodePage compares the decoder with encoding/json.
func BenchmarkDecodePage(b *testing.B) {
	answer := reflect.StructOf([]reflect.StructField{
		{Name: "RequestId", Type: reflect.TypeFor[string]()},
		{Name: "NextToken", Type: reflect.TypeFor[string]()},
		{Name: "TotalCount", Type: reflect.TypeFor[int]()},
		{Name: "Instances", Type: reflect.StructOf([]reflect.StructField{
			{Name: "Instance", Type: reflect.SliceOf(plain(reflect.TypeFor[Instance]()))},
		})},
	})
	for _, page := range []struct {
		name string
		body []byte
	}{{"full", fullPage(100)}, {"typical", typicalPage(100)}} {
		b.Run(page.name, func(b *testing.B) {
			measure(b, page.body, func(body []byte) (int, error) {
				r, err := decodeDescribeInstances(body)
				return len(r.Instances), err
			})
		})
		b.Run(page.name+"/encoding-json", func(b *testing.B) {
			measure(b, page.body, func(body []byte) (int, error) {
				r := reflect.New(answer)
				err := json.Unmarshal(body, r.Interface())
				return r.Elem().FieldByName("Instances").Field(0).Len(), err
			})
		})
	}
}

func measure(b *testing.B, body []byte, decode func([]byte) (int, error)) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	for b.Loop() {
		var err error
		if n, err = decode(body); err != nil || n == 0 {
			b.Fatal(n, err)
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N*n), "allocs/instance")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N*len(body)), "allocated/body")
}

func BenchmarkMarshalInstance(b *testing.B) {
	page, err := decodeDescribeInstances(fullPage(1))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := page.Instances[0].MarshalJSON(); err != nil {
			b.Fatal(err)
		}
	}
}

// realInstance returns instance i of a fleet with realistic values.
func realInstance(i int) obj {
	id := func(prefix string, i int) string { return fmt.Sprintf("%s-2ze%012x", prefix, 0x5deece66d*uint64(i+1)) }
	none := obj{"IpAddress": []string{}}
	private := fmt.Sprintf("10.%d.%d.%d", i%3, i/200, i%200+10)
	family := []string{"ecs.g6", "ecs.c7", "ecs.t6-c1m2", "ecs.r8i"}[i%4]
	zone := "cn-beijing-" + []string{"h", "k", "l"}[i%3]
	stopped := i%43 >= 30
	eip := i%11 == 3
	inst := obj{
		"InstanceId": id("i", i), "InstanceName": fmt.Sprintf("web-%03d", i), "HostName": fmt.Sprintf("iZ2ze%08dZ", i*7919),
		"Description": "", "SerialNumber": fmt.Sprintf("%08x-22bf-4567-a176-%012x", i*104729, i*1299709), "RegionId": "cn-beijing",
		"ZoneId": zone, "ClusterId": "", "Status": "Running", "StoppedMode": "Not-applicable", "InstanceType": family + ".xlarge",
		"InstanceTypeFamily": family, "Cpu": 4, "Memory": 16384, "GPUAmount": 0, "GPUSpec": "", "IoOptimized": true, "CreditSpecification": "",
		"CpuOptions": obj{"CoreCount": 2, "ThreadsPerCore": 2, "Numa": "ON"}, "ImageId": "aliyun_3_x64_20G_alibase_20240218.vhd",
		"OSType": "linux", "OSName": "Alibaba Cloud Linux  3.2104 LTS 64位", "OSNameEn": "Alibaba Cloud Linux  3.2104 LTS 64 bit",
		"ImageOptions": obj{}, "InstanceNetworkType": "vpc",
		"VpcAttributes": obj{
			"VpcId": id("vpc", i%2), "VSwitchId": id("vsw", i%3), "NatIpAddress": "", "PrivateIpAddress": obj{"IpAddress": []string{private}},
		},
		"NetworkInterfaces": obj{"NetworkInterface": []obj{{
			"NetworkInterfaceId": id("eni", i), "Type": "Primary", "MacAddress": fmt.Sprintf("00:16:3e:0%d:%02x:%02x", i%10, i/256, i%256),
			"PrimaryIpAddress": private, "PrivateIpSets": obj{"PrivateIpSet": []obj{{"PrivateIpAddress": private, "Primary": true}}},
		}}},
		"SecurityGroupIds": obj{"SecurityGroupId": []string{id("sg", i%5)}}, "PublicIpAddress": none, "InnerIpAddress": none,
		"EipAddress":         obj{"AllocationId": "", "IpAddress": "", "InternetChargeType": ""},
		"InternetChargeType": "PayByTraffic", "InternetMaxBandwidthIn": -1, "InternetMaxBandwidthOut": 0, "VlanId": "",
		"InstanceChargeType": "PostPaid", "ExpiredTime": "2099-12-31T15:59Z", "AutoReleaseTime": "",
		"CreationTime": fmt.Sprintf("2023-%02d-%02dT%02d:%02dZ", i%12+1, i%28+1, i%24, i%60), "StartTime": fmt.Sprintf("2024-04-%02dT%02d:%02dZ", i%28+1, i%24, i%60),
		"SaleCycle": "", "Recyclable": false, "DeletionProtection": i%9 == 0, "SpotStrategy": "NoSpot", "SpotPriceLimit": json.Number("0.0"),
		"ResourceGroupId": "", "OperationLocks": obj{"LockReason": []obj{}}, "DeploymentSetId": "",
		"DedicatedHostAttribute":     obj{"DedicatedHostId": "", "DedicatedHostName": "", "DedicatedHostClusterId": ""},
		"DedicatedInstanceAttribute": obj{"Affinity": "", "Tenancy": ""},
		"EcsCapacityReservationAttr": obj{"CapacityReservationId": "", "CapacityReservationPreference": ""},
		"HibernationOptions":         obj{"Configured": false}, "MetadataOptions": obj{"HttpTokens": "", "HttpEndpoint": ""},
		"DeviceAvailable": true,
	}
	if stopped {
		inst["Status"], inst["StoppedMode"] = "Stopped", "KeepCharging"
		if i%43 >= 41 {
			inst["StoppedMode"] = "StopCharging"
		}
	}
	if i%43 >= 20 {
		inst["CpuOptions"] = obj{"CoreCount": 2, "ThreadsPerCore": 2, "Numa": ""}
	}
	if i%43 >= 37 {
		inst["CpuOptions"] = obj{"CoreCount": 2, "ThreadsPerCore": 1, "Numa": "N/A"}
		inst["Tags"] = obj{"Tag": []obj{{"TagKey": "部门", "TagValue": "研发"}, {"TagKey": "env", "TagValue": ""}}}
	}
	if i%43 < 7 {
		inst["KeyPairName"] = "ops"
		inst["ResourceGroupId"] = id("rg", i%2)
	}
	if i%43 < 24 {
		inst["PrivateDnsNameOptions"] = obj{}
	}
	if i%43 == 8 {
		inst["LocalStorageAmount"], inst["LocalStorageCapacity"] = 1, 894
	}
	if eip {
		inst["InternetChargeType"] = ""
		inst["EipAddress"] = obj{
			"AllocationId": id("eip", i), "IpAddress": "203.0.113." + strconv.Itoa(i%250), "InternetChargeType": "PayByBandwidth", "Bandwidth": 5,
			"IsSupportUnassociate": true,
		}
	} else if i%5 == 0 {
		inst["PublicIpAddress"] = obj{"IpAddress": []string{"198.51.100." + strconv.Itoa(i%250)}}
		inst["InternetMaxBandwidthOut"] = 5
	}
	if i%43 >= 25 && i%43 < 29 {
		inst["InternetMaxBandwidthIn"] = []int{0, 2000, 36000, 200}[i%43-25]
	}
	return inst
}
