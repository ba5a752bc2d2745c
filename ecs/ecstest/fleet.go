package ecstest

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// Fleet makes a fleet of n instances as an account of some size has it; the same n and seed give the same fleet.
//
// It is spread over six regions (cn-hangzhou, which has the most, cn-beijing, cn-shanghai, cn-shenzhen, ap-southeast-1,
// eu-central-1) and their zones: for a fleet in one region, set RegionID and ZoneID before they go to the server. It was
// created over five years, one by one and in bursts of hundreds a minute. Instances share VPCs, vSwitches, security
// groups, images and tags, in Chinese and English; some are stopped, locked, spot, subscribed, burstable, in the classic
// network, on dedicated hosts, with GPUs, local disks, several interfaces, IPv6, elastic or fixed public addresses.
// Members are present about as often as in real answers. Ids and addresses are unique; public addresses are from the
// documentation ranges and, when those are used up, from 172.16.0.0/12.
//
// The members that the API fills on request only ([ecs.AdditionalAttribute]) are filled here, and the server keeps to
// the API's rule.
func Fleet(n int, seed uint64) []ecs.Instance {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
	g.offset = g.rng.Uint64N(idSpace)
	for i := range regions {
		g.sites = append(g.sites, &site{fleetRegion: regions[i], networks: map[string]*network{}})
	}
	instances := make([]ecs.Instance, 0, max(n, 0))
	for len(instances) < n {
		d := g.deployment(n)
		for i := range min(d.size, n-len(instances)) {
			instances = append(instances, g.instance(d, i))
		}
	}
	return instances
}

// fleetRegion is a region: the zones it has and how ids made there begin.
type fleetRegion struct {
	id, prefix string
	zones      []string
	share      int // of the fleet, in percent
}

var regions = []fleetRegion{
	{"cn-hangzhou", "bp1", []string{"cn-hangzhou-g", "cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-j", "cn-hangzhou-k"}, 30},
	{"cn-beijing", "2ze", []string{"cn-beijing-f", "cn-beijing-g", "cn-beijing-h", "cn-beijing-i", "cn-beijing-k", "cn-beijing-l"}, 20},
	{"cn-shanghai", "uf6", []string{"cn-shanghai-b", "cn-shanghai-e", "cn-shanghai-f", "cn-shanghai-g", "cn-shanghai-l"}, 18},
	{"cn-shenzhen", "wz9", []string{"cn-shenzhen-c", "cn-shenzhen-d", "cn-shenzhen-e", "cn-shenzhen-f"}, 14},
	{"ap-southeast-1", "t4n", []string{"ap-southeast-1a", "ap-southeast-1b", "ap-southeast-1c"}, 11},
	{"eu-central-1", "gw8", []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"}, 7},
}

// model is an instance type. Memory is in GiB.
type model struct {
	name, family string
	cpu, memory  int
	gpus         int
	gpu          string
	disks        int
	capacity     int64 // GiB, of all local disks
}

// models are listed by how common they are; the rare ones stand alone in rareModels.
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

// sizes are the usual sizes of a family, by its GiB for each vCPU.
func sizes(family string, ratio int, names ...string) []model {
	cpus := map[string]int{"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32}
	list := make([]model, 0, len(names))
	for _, name := range names {
		list = append(list, model{name: family + "." + name, family: family, cpu: cpus[name], memory: cpus[name] * ratio})
	}
	return list
}

var images = [][4]string{ // id, name, English name, kind
	{"aliyun_3_x64_20G_alibase_20230727.vhd", "Alibaba Cloud Linux  3.2104 LTS 64位", "Alibaba Cloud Linux  3.2104 LTS 64 bit", "linux"},
	{"centos_7_9_x64_20G_alibase_20230613.vhd", "CentOS  7.9 64位", "CentOS  7.9 64 bit", "linux"},
	{"ubuntu_22_04_x64_20G_alibase_20230613.vhd", "Ubuntu  22.04 64位", "Ubuntu  22.04 64 bit", "linux"},
	{"debian_12_2_x64_20G_alibase_20231012.vhd", "Debian  12.2 64位", "Debian  12.2 64 bit", "linux"},
	{"m-bp1a2b3c4d5e6f7g8h9i", "CentOS  7.9 64位", "CentOS  7.9 64 bit", "linux"},
	{"win2022_21H2_x64_dtc_zh-cn_40G_alibase_20230613.vhd", "Windows Server  2022 数据中心版 64位中文版", "Windows Server  2022 Data Center Edition 64 bit Chinese Edition", "windows"},
}

// deployment is a group of instances that someone made together.
type deployment struct {
	*site
	model
	size    int
	name    string
	tags    []ecs.Tag
	created time.Time
	spread  time.Duration // 0: a burst, all in one minute
	zones   []string

	vpc, image, group int
	classic, spot     bool
	prepaid           int // months
	keyPair           string
	securityGroups    []string
	deploymentSet     string
	hpcCluster        string
}

// site is a region under way: its networks fill up.
type site struct {
	fleetRegion
	networks map[string]*network // by VPC and zone
}

// network is a vSwitch with addresses left.
type network struct {
	vpc, vswitch string
	cidr         uint32 // IPv4 of its /20
	used         uint32
}

type generator struct {
	rng    *rand.Rand
	sites  []*site
	offset uint64
	ids    uint64 // made so far
	nets   uint32 // /20s of 10.0.0.0/8 given out
	public uint32
	inner  uint32
}

var fleetEnd = time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)

func (g *generator) percent(p int) bool { return g.rng.IntN(100) < p }

func pick[T any](g *generator, list []T) T { return list[g.rng.IntN(len(list))] }

func (g *generator) deployment(n int) deployment {
	r := g.rng
	share, at := r.IntN(100), 0
	for share >= g.sites[at].share {
		share -= g.sites[at].share
		at++
	}
	d := deployment{site: g.sites[at], model: pick(g, models), size: 1 + r.IntN(4), group: r.IntN(5), vpc: r.IntN(3)}
	switch size := r.IntN(100); {
	case size < 4: // a wave of scaling
		d.size = 50 + r.IntN(450)
	case size < 15:
		d.size = 8 + r.IntN(40)
	}
	d.size = min(d.size, max(1, n/8))
	d.created = fleetEnd.Add(-time.Duration(r.Int64N(int64(5*365*24*time.Hour/time.Minute))) * time.Minute)
	if d.size < 50 || g.percent(30) {
		d.spread = min(time.Duration(1+r.IntN(30*24))*time.Hour, fleetEnd.Sub(d.created))
	}
	d.zones = []string{pick(g, d.fleetRegion.zones), pick(g, d.fleetRegion.zones)}
	d.image = r.IntN(len(images))
	app := pick(g, []string{"web", "api", "worker", "db", "cache", "gateway", "job", "订单服务", "支付网关", "用户中心", "数据分析", "测试机"})
	env := pick(g, []string{"prod", "staging", "test"})
	d.name = app + "-" + env
	if g.percent(45) {
		tags := []ecs.Tag{
			{Key: "env", Value: env},
			{Key: "app", Value: app},
			{Key: "部门", Value: pick(g, []string{"研发部", "市场部", "财务部", "运维部"})},
			{Key: "负责人", Value: pick(g, []string{"张伟", "王芳", "李娜", "Alice", "Bob"})},
			{Key: "acs:autoscaling:scalingGroupId", Value: "asg-" + d.prefix + "0" + strconv.Itoa(r.IntN(90)+10)},
			{Key: "临时", Value: ""},
		}
		r.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
		d.tags = tags[:1+r.IntN(5)]
	}
	if g.percent(16) {
		d.keyPair = "kp-" + pick(g, []string{"ops", "dev", "ci"})
	}
	for range 1 + r.IntN(2) {
		d.securityGroups = append(d.securityGroups, "sg-"+d.prefix+pick(g, []string{"web", "app", "dat", "adm"})+fmt.Sprintf("%014d", d.vpc))
	}
	slices.Sort(d.securityGroups)
	d.securityGroups = slices.Compact(d.securityGroups)
	switch kind := r.IntN(100); {
	case kind < 4:
		d.model = pick(g, rareModels)
		if d.gpus > 1 && g.percent(50) {
			d.hpcCluster = "hpc-" + d.prefix + "cluster"
		}
	case kind < 6:
		d.classic, d.model = true, classicModel
		d.created = time.Date(2020, 11, 1+r.IntN(200), r.IntN(24), r.IntN(60), 0, 0, time.UTC) // as late as there were any
		d.spread = min(d.spread, 24*time.Hour)
	case kind < 12:
		d.spot = true
	case kind < 35:
		d.prepaid = pick(g, []int{1, 1, 3, 6, 12, 12, 36})
	case kind < 38:
		d.deploymentSet = "ds-" + d.prefix + fmt.Sprintf("%017d", r.IntN(1e9))
	}
	return d
}

const (
	letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	idSpace = 36 * 36 * 36 * 36 * 36 * 36 * 36
)

// id is 20 characters: the region's prefix, 10 random ones, and a number that no other id of the fleet has.
func (g *generator) id(kind string, s *site) string {
	g.ids++
	b := make([]byte, 0, 32)
	b = append(append(b, kind...), s.prefix...)
	for range 10 {
		b = append(b, letters[g.rng.IntN(36)])
	}
	v := (g.ids*48_271_999 + g.offset) % idSpace // the factor is prime to the space, so this is one to one
	for range 7 {
		b = append(b, letters[v%36])
		v /= 36
	}
	return string(b)
}

// address takes the next private address of a VPC in a zone.
func (g *generator) address(s *site, vpc int, zone string) (*network, string) {
	const hosts = 1<<12 - 4 // of a /20, without the ones the API keeps
	key := strconv.Itoa(vpc) + zone
	net := s.networks[key]
	if net == nil || net.used == hosts {
		id := "vpc-" + s.prefix + fmt.Sprintf("prod%013d", vpc)
		net = &network{vpc: id, vswitch: g.id("vsw-", s), cidr: 10<<24 | g.nets<<12}
		g.nets = (g.nets + 1) % (1 << 12)
		s.networks[key] = net
	}
	net.used++
	return net, ipv4(net.cidr | net.used)
}

func ipv4(a uint32) string {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}).String()
}

// publicAddress is from a documentation range as long as there are any.
func (g *generator) publicAddress() string {
	n := g.public
	g.public++
	if n < 3*254 {
		return ipv4([]uint32{192<<24 | 2<<8, 198<<24 | 51<<16 | 100<<8, 203<<24 | 113<<8}[n/254] | (n%254 + 1))
	}
	return ipv4(172<<24 | 16<<16 | (n - 3*254 + 1))
}

func (g *generator) instance(d deployment, number int) ecs.Instance {
	r := g.rng
	id := g.id("i-", d.site)
	zone := d.zones[number%len(d.zones)]
	created := d.created.Add(time.Duration(float64(d.spread) * r.Float64())).Truncate(time.Minute)
	image := images[d.image]
	nvme := d.family == "ecs.g8i"
	i := ecs.Instance{
		InstanceID: id, InstanceName: fmt.Sprintf("%s-%03d", d.name, number+1), HostName: "iZ" + id[2:] + "Z",
		SerialNumber: g.uuid(), RegionID: d.fleetRegion.id, ZoneID: zone,
		Status: ecs.InstanceStatusRunning, StoppedMode: ecs.StoppedModeNotApplicable,
		InstanceType: d.model.name, InstanceTypeFamily: d.family, CPU: d.cpu, Memory: d.memory << 10,
		GPUAmount: d.gpus, GPUSpec: d.gpu, LocalStorageAmount: d.disks, LocalStorageCapacity: d.capacity,
		IOOptimized: true, DeviceAvailable: true,
		CPUOptions: ecs.CPUOptions{CoreCount: max(1, d.cpu/2), ThreadsPerCore: min(2, d.cpu), NUMA: pick(g, []string{"ON", "ON", "ON", "", "", "", "N/A"}), TopologyType: "DiscreteCoreToHTMapping"},
		ImageID:    image[0], OSName: image[1], OSNameEn: image[2], OSType: ecs.OSType(image[3]),
		ImageOptions:           ecs.ImageOptions{CurrentOSNVMeSupported: &nvme},
		SecurityGroupIDs:       slices.Clone(d.securityGroups),
		InternetMaxBandwidthIn: -1, InternetChargeType: ecs.InternetChargeTypePayByTraffic,
		InstanceChargeType: ecs.InstanceChargeTypePostPaid, ExpiredTime: time.Date(2099, 12, 31, 15, 59, 0, 0, time.UTC),
		CreationTime: created, StartTime: created.Add(time.Minute),
		SpotStrategy: ecs.SpotStrategyNoSpot, Tags: slices.Clone(d.tags), DeploymentSetID: d.deploymentSet, KeyPairName: d.keyPair, HPCClusterID: d.hpcCluster,
		MetadataOptions: ecs.MetadataOptions{HTTPEndpoint: ecs.MetadataEndpointEnabled, HTTPTokens: ecs.MetadataTokensOptional},
	}
	if strings.HasPrefix(d.family, "ecs.t") {
		i.CreditSpecification = pick(g, []ecs.CreditSpecification{ecs.CreditSpecificationStandard, ecs.CreditSpecificationStandard, ecs.CreditSpecificationUnlimited})
	}
	if g.percent(10) {
		i.Description = pick(g, []string{"由运维平台创建", "created by terraform", "勿删：生产环境 <do not delete> & \"ask first\""})
	}
	if g.percent(16) {
		i.ResourceGroupID = "rg-acfm" + fmt.Sprintf("%011d", d.group)
	}
	if g.percent(25) {
		i.MetadataOptions.HTTPTokens = ecs.MetadataTokensRequired
	}
	if d.hpcCluster != "" {
		i.RDMAIPAddress = []string{ipv4(192<<24 | 168<<16 | 1<<15 | g.next(&g.inner))}
	}
	g.network(&i, d, zone)
	g.charge(&i, d)
	g.state(&i, d)
	return i
}

func (g *generator) next(counter *uint32) uint32 {
	*counter++
	return *counter % (1 << 15)
}

func (g *generator) uuid() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	t := hex.EncodeToString(b[:])
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}

// network gives the instance its interfaces and addresses.
func (g *generator) network(i *ecs.Instance, d deployment, zone string) {
	if d.classic {
		i.InstanceNetworkType, i.VLANID = ecs.InstanceNetworkTypeClassic, strconv.Itoa(100+g.rng.IntN(900))
		i.InnerIPAddress = []string{ipv4(192<<24 | 168<<16 | g.next(&g.inner))}
		i.PublicIPAddress = []string{g.publicAddress()}
		i.InternetMaxBandwidthIn, i.InternetMaxBandwidthOut = 200, pick(g, []int{1, 5, 10})
		return
	}
	i.InstanceNetworkType = ecs.InstanceNetworkTypeVPC
	count := 1
	if g.percent(5) {
		count += 1 + g.rng.IntN(2)
	}
	for n := range count {
		net, addr := g.address(d.site, d.vpc, zone)
		g.ids++
		nic := ecs.NetworkInterface{
			NetworkInterfaceID: g.id("eni-", d.site), Type: ecs.NetworkInterfaceTypeSecondary, PrimaryIPAddress: addr,
			MACAddress:    fmt.Sprintf("00:16:3e:%02x:%02x:%02x", byte(g.ids>>16), byte(g.ids>>8), byte(g.ids)),
			PrivateIPSets: []ecs.PrivateIPSet{{PrivateIPAddress: addr, Primary: true}},
		}
		if n == 0 {
			nic.Type = ecs.NetworkInterfaceTypePrimary
			i.VPCAttributes = ecs.VPCAttributes{VPCID: net.vpc, VSwitchID: net.vswitch, PrivateIPAddress: []string{addr}}
			if g.percent(3) {
				_, second := g.address(d.site, d.vpc, zone)
				nic.PrivateIPSets = append(nic.PrivateIPSets, ecs.PrivateIPSet{PrivateIPAddress: second})
			}
			if g.percent(8) {
				nic.IPv6Sets = []ecs.IPv6Set{{IPv6Address: fmt.Sprintf("2001:db8:%x:%x::%x", net.cidr>>12&0xfff, d.vpc, net.used)}}
			}
		}
		i.NetworkInterfaces = append(i.NetworkInterfaces, nic)
	}
	switch how := g.rng.IntN(100); {
	case how < 9: // an elastic address: then the instance's own charge type is empty
		i.EIPAddress = ecs.EIPAddress{
			AllocationID: g.id("eip-", d.site), IPAddress: g.publicAddress(), InternetChargeType: ecs.InternetChargeTypePayByTraffic,
			Bandwidth: pick(g, []int{5, 10, 100, 200}), IsSupportUnassociate: true,
		}
		i.InternetChargeType = ""
	case how < 15:
		i.PublicIPAddress = []string{g.publicAddress()}
		i.InternetMaxBandwidthIn, i.InternetMaxBandwidthOut = pick(g, []int{-1, 100, 2000}), pick(g, []int{1, 5, 10, 100})
		i.InternetChargeType = pick(g, []ecs.InternetChargeType{ecs.InternetChargeTypePayByTraffic, ecs.InternetChargeTypePayByBandwidth})
	}
}

// charge decides how the instance is paid for, and what comes with it.
func (g *generator) charge(i *ecs.Instance, d deployment) {
	switch {
	case d.prepaid > 0:
		i.InstanceChargeType = ecs.InstanceChargeTypePrePaid
		end := time.Date(i.CreationTime.Year(), i.CreationTime.Month()+time.Month(d.prepaid), i.CreationTime.Day(), 16, 0, 0, 0, time.UTC)
		for end.Before(fleetEnd.AddDate(0, 0, -7)) { // renewed until now; some have just run out
			end = end.AddDate(0, d.prepaid, 0)
		}
		i.ExpiredTime, i.Recyclable = end, end.Before(fleetEnd)
	case d.spot:
		i.SpotStrategy = pick(g, []ecs.SpotStrategy{ecs.SpotStrategySpotAsPriceGo, ecs.SpotStrategySpotWithPriceLimit})
		if i.SpotStrategy == ecs.SpotStrategySpotWithPriceLimit {
			i.SpotPriceLimit = float64(d.cpu*(40+g.rng.IntN(200))) / 1000
		}
		i.SpotDuration, i.SpotInterruptionBehavior = g.rng.IntN(2), ecs.SpotInterruptionBehaviorTerminate
	default:
		i.DeletionProtection = g.percent(15)
		if g.percent(2) {
			i.AutoReleaseTime = fleetEnd.AddDate(0, 0, 1+g.rng.IntN(90))
		}
	}
	switch g.rng.IntN(200) {
	case 0:
		host := g.id("dh-", d.site)
		i.DedicatedHostAttribute = ecs.DedicatedHostAttribute{DedicatedHostID: host, DedicatedHostName: "专有宿主机-" + host[len(host)-3:], DedicatedHostClusterID: "dc-" + d.prefix + "cluster"}
		i.DedicatedInstanceAttribute = ecs.DedicatedInstanceAttribute{Affinity: "default", Tenancy: "host"}
	case 1:
		i.ECSCapacityReservationAttr.CapacityReservationID = "crp-" + d.prefix + "reserved"
	case 2:
		yes, no := true, false
		i.PrivateDNSNameOptions = ecs.PrivateDNSNameOptions{HostnameType: "IpBased", EnableIPDNSARecord: &yes, EnableIPDNSPTRRecord: &no}
	case 3:
		if d.deploymentSet != "" {
			i.DeploymentSetGroupNo = 1 + g.rng.IntN(3)
		}
	}
}

// state decides what the instance is doing.
func (g *generator) state(i *ecs.Instance, d deployment) {
	lock := func(reason ecs.LockReason, text string) {
		i.OperationLocks = []ecs.OperationLock{{LockReason: reason, LockMsg: text}}
	}
	switch at := g.rng.IntN(100); {
	case i.Recyclable:
		i.Status, i.StoppedMode = ecs.InstanceStatusStopped, ecs.StoppedModeKeepCharging
		lock(ecs.LockReasonFinancial, "The specified instance is locked due to financial reason.")
	case d.spot && at < 4:
		lock("Recycling", "") // the API's case varies
	case at < 1:
		lock(ecs.LockReasonSecurity, "The specified instance is locked due to security reason.")
	case at < 22:
		i.Status, i.StoppedMode = ecs.InstanceStatusStopped, ecs.StoppedModeKeepCharging
		if i.InstanceChargeType == ecs.InstanceChargeTypePostPaid && !d.classic && g.percent(20) {
			i.StoppedMode = ecs.StoppedModeStopCharging
		}
	case at < 24:
		i.Status = pick(g, []ecs.InstanceStatus{ecs.InstanceStatusStarting, ecs.InstanceStatusStopping, ecs.InstanceStatusPending})
	}
}
