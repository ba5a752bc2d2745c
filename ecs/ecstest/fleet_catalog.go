package ecstest

import (
	"hash/fnv"
	"slices"
	"strings"
)

// fleetRegion describes a region in which a generated fleet has instances.
type fleetRegion struct {
	id, prefix string // the ids of resources in the region begin with prefix
	zones      []string
	share      int // percentage of the fleet's deployments
}

var fleetRegions = []fleetRegion{
	{"cn-hangzhou", "bp1", []string{"cn-hangzhou-g", "cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j", "cn-hangzhou-k"}, 30},
	{"cn-beijing", "2ze", []string{"cn-beijing-f", "cn-beijing-g", "cn-beijing-h", "cn-beijing-i", "cn-beijing-k", "cn-beijing-l"}, 20},
	{"cn-shanghai", "uf6", []string{"cn-shanghai-b", "cn-shanghai-e", "cn-shanghai-f", "cn-shanghai-g", "cn-shanghai-l"}, 18},
	{"cn-shenzhen", "wz9", []string{"cn-shenzhen-c", "cn-shenzhen-d", "cn-shenzhen-e", "cn-shenzhen-f"}, 14},
	{"ap-southeast-1", "t4n", []string{"ap-southeast-1a", "ap-southeast-1b", "ap-southeast-1c"}, 11},
	{"eu-central-1", "gw8", []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"}, 7},
}

// model is an instance type.
type model struct {
	name, family string
	cpu, memory  int // memory is in GiB
	gpus         int
	gpu          string
	disks        int
	capacity     int64 // total capacity of all local disks, in GiB
}

// models contains common instance types. Most instances of a fleet have one of these types.
var models = slices.Concat(
	sizes("ecs.g7", 4, "large", "xlarge", "2xlarge", "4xlarge", "8xlarge"),
	sizes("ecs.c7", 2, "large", "xlarge", "2xlarge", "4xlarge"),
	sizes("ecs.r7", 8, "large", "xlarge", "2xlarge", "4xlarge"),
	sizes("ecs.g6", 4, "large", "xlarge", "2xlarge", "4xlarge"),
	sizes("ecs.c6", 2, "large", "xlarge", "2xlarge"),
	sizes("ecs.r6", 8, "large", "xlarge", "2xlarge"),
	sizes("ecs.g8i", 4, "large", "xlarge", "2xlarge", "4xlarge"),
	sizes("ecs.g5", 4, "large", "xlarge", "2xlarge"),
	[]model{
		{name: "ecs.t6-c1m1.large", family: "ecs.t6", cpu: 2, memory: 2},
		{name: "ecs.t6-c1m2.large", family: "ecs.t6", cpu: 2, memory: 4},
		{name: "ecs.t6-c1m4.large", family: "ecs.t6", cpu: 2, memory: 8},
		{name: "ecs.t5-lc1m2.small", family: "ecs.t5", cpu: 1, memory: 2},
		{name: "ecs.t5-c1m2.large", family: "ecs.t5", cpu: 2, memory: 4},
		{name: "ecs.s6-c1m2.small", family: "ecs.s6", cpu: 1, memory: 2},
	},
)

var rareModels = []model{
	{name: "ecs.gn6i-c4g1.xlarge", family: "ecs.gn6i", cpu: 4, memory: 15, gpus: 1, gpu: "NVIDIA T4"},
	{name: "ecs.gn6i-c16g1.4xlarge", family: "ecs.gn6i", cpu: 16, memory: 62, gpus: 1, gpu: "NVIDIA T4"},
	{name: "ecs.gn6v-c8g1.2xlarge", family: "ecs.gn6v", cpu: 8, memory: 32, gpus: 1, gpu: "NVIDIA V100"},
	{name: "ecs.gn6v-c8g1.8xlarge", family: "ecs.gn6v", cpu: 32, memory: 128, gpus: 4, gpu: "NVIDIA V100"},
	{name: "ecs.gn7i-c16g1.4xlarge", family: "ecs.gn7i", cpu: 16, memory: 60, gpus: 1, gpu: "NVIDIA A10"},
	{name: "ecs.i2.xlarge", family: "ecs.i2", cpu: 4, memory: 32, disks: 1, capacity: 894},
	{name: "ecs.i2.2xlarge", family: "ecs.i2", cpu: 8, memory: 64, disks: 1, capacity: 1788},
	{name: "ecs.i2.4xlarge", family: "ecs.i2", cpu: 16, memory: 128, disks: 2, capacity: 3576},
}

var classicModel = model{name: "ecs.n4.large", family: "ecs.n4", cpu: 2, memory: 4}

// sizes returns the instance types with the given names in a family. The types have ratio GiB of memory per vCPU.
func sizes(family string, ratio int, names ...string) []model {
	cpus := map[string]int{"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32}
	list := make([]model, 0, len(names))
	for _, name := range names {
		list = append(list, model{name: family + "." + name, family: family, cpu: cpus[name], memory: cpus[name] * ratio})
	}
	return list
}

var images = [][4]string{ // id, name, English name, OSType
	{"aliyun_3_x64_20G_alibase_20230727.vhd", "Alibaba Cloud Linux  3.2104 LTS 64位", "Alibaba Cloud Linux  3.2104 LTS 64 bit", "linux"},
	{"centos_7_9_x64_20G_alibase_20230613.vhd", "CentOS  7.9 64位", "CentOS  7.9 64 bit", "linux"},
	{"ubuntu_22_04_x64_20G_alibase_20230613.vhd", "Ubuntu  22.04 64位", "Ubuntu  22.04 64 bit", "linux"},
	{"debian_12_2_x64_20G_alibase_20231012.vhd", "Debian  12.2 64位", "Debian  12.2 64 bit", "linux"},
	{"m-bp1a2b3c4d5e6f7g8h9i", "CentOS  7.9 64位", "CentOS  7.9 64 bit", "linux"},
	{"win2022_21H2_x64_dtc_zh-cn_40G_alibase_20230613.vhd", "Windows Server  2022 数据中心版 64位中文版", "Windows Server  2022 Data Center Edition 64 bit Chinese Edition", "windows"},
}

// regionOf returns a region from the catalog. For an unknown region, the zones and the id prefix are fictitious.
func regionOf(id string) fleetRegion {
	for _, r := range fleetRegions {
		if r.id == id {
			r.share = 100
			return r
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	n, prefix := h.Sum32(), make([]byte, 3)
	for i := range prefix {
		prefix[i] = letters[n%36]
		n /= 36
	}
	separator := ""
	if strings.HasPrefix(id, "cn-") { // zones are named like cn-chengdu-a in China, but like us-west-1a elsewhere
		separator = "-"
	}
	return fleetRegion{id: id, prefix: string(prefix), zones: []string{id + separator + "a", id + separator + "b"}, share: 100}
}
