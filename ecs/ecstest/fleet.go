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

// Fleet returns n instances like those of a real account. The same n and seed always return the same fleet.
//
// The instances are in six regions: cn-hangzhou, which has the most, cn-beijing, cn-shanghai, cn-shenzhen,
// ap-southeast-1 and eu-central-1. Listings return the instances in the order of the slice. The instances were created
// over five years, some individually and some in bursts of hundreds within a minute. They share VPCs, vSwitches,
// security groups, images and tags. Names are in Chinese or English.
//
// Some instances are stopped, locked, spot, prepaid, burstable, in the classic network or on dedicated hosts. Some have
// GPUs, local disks, several network interfaces, IPv6 addresses, or public addresses. Members are set about as often as
// in real responses. Ids and addresses are unique. Public addresses are from the ranges reserved for documentation, or
// from 172.16.0.0/12 if these ranges are used up.
//
// The returned instances also contain the members that the API and a [Server] return only on request
// ([ecs.AdditionalAttribute]).
func Fleet(n int, seed uint64) []ecs.Instance {
	return newGenerator(seed, fleetRegions).fleet(n)
}

// FleetIn is like [Fleet], but all instances are in the given region. If Fleet does not use the region, the zone names
// and the prefix of the ids are fictitious.
func FleetIn(region string, n int, seed uint64) []ecs.Instance {
	return newGenerator(seed, []fleetRegion{regionOf(region)}).fleet(n)
}

// deployment describes a group of instances that were created together.
type deployment struct {
	*site
	model
	size    int
	name    string
	tags    []ecs.Tag
	created time.Time
	spread  time.Duration // time between the first and the last instance; 0 means a burst within a minute
	zones   []string

	vpc, image, group int
	classic, spot     bool
	prepaid           int // number of months; 0 means pay-as-you-go
	keyPair           string
	securityGroups    []string
	deploymentSet     string
	hpcCluster        string
}

// site contains a region and the networks created there so far.
type site struct {
	fleetRegion
	networks map[string]*network // networks with unused addresses, by VPC and zone
}

// network describes a vSwitch and counts its addresses in use.
type network struct {
	vpc, vswitch string
	cidr         uint32 // first address of the vSwitch's /20 range
	used         uint32 // number of addresses in use
}

// generator creates one fleet, in which all ids and addresses are unique.
type generator struct {
	rng    *rand.Rand
	sites  []*site
	offset uint64 // random start of the unique part of ids
	ids    uint64
	nets   uint32 // index of the next /20 network in 10.0.0.0/8
	public uint32 // number of public addresses in use
	inner  uint32 // number of classic-network and RDMA addresses in use
}

func newGenerator(seed uint64, regions []fleetRegion) *generator {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))}
	g.offset = g.rng.Uint64N(idSpace)
	for _, r := range regions {
		g.sites = append(g.sites, &site{fleetRegion: r, networks: map[string]*network{}})
	}
	return g
}

func (g *generator) fleet(n int) []ecs.Instance {
	instances := make([]ecs.Instance, 0, max(n, 0))
	for len(instances) < n {
		d := g.deployment(n)
		for i := range min(d.size, n-len(instances)) {
			instances = append(instances, g.instance(d, i))
		}
	}
	return instances
}

// fleetEnd is the end of a generated fleet's history. All instances were created before this date, and expired
// instances expired before this date.
var fleetEnd = time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC)

func (g *generator) percent(p int) bool { return g.rng.IntN(100) < p }

func pick[T any](g *generator, list []T) T { return list[g.rng.IntN(len(list))] }

// deployment creates a deployment for a fleet of n instances.
func (g *generator) deployment(n int) deployment {
	r := g.rng
	share, at := r.IntN(100), 0
	for share >= g.sites[at].share {
		share -= g.sites[at].share
		at++
	}
	d := deployment{site: g.sites[at], model: pick(g, models), size: 1 + r.IntN(4), group: r.IntN(5), vpc: r.IntN(3)}
	switch size := r.IntN(100); {
	case size < 4: // a deployment that was scaled out
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
	g.label(&d, app, env)
	g.specialize(&d)
	return d
}

// label chooses the deployment's tags, key pair and security groups.
func (g *generator) label(d *deployment, app, env string) {
	if g.percent(45) {
		tags := []ecs.Tag{
			{Key: "env", Value: env},
			{Key: "app", Value: app},
			{Key: "部门", Value: pick(g, []string{"研发部", "市场部", "财务部", "运维部"})},
			{Key: "负责人", Value: pick(g, []string{"张伟", "王芳", "李娜", "Alice", "Bob"})},
			{Key: "acs:autoscaling:scalingGroupId", Value: "asg-" + d.prefix + "0" + strconv.Itoa(g.rng.IntN(90)+10)},
			{Key: "临时", Value: ""},
		}
		g.rng.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
		d.tags = tags[:1+g.rng.IntN(5)]
	}
	if g.percent(16) {
		d.keyPair = "kp-" + pick(g, []string{"ops", "dev", "ci"})
	}
	for range 1 + g.rng.IntN(2) {
		d.securityGroups = append(d.securityGroups, "sg-"+d.prefix+pick(g, []string{"web", "app", "dat", "adm"})+fmt.Sprintf("%014d", d.vpc))
	}
	slices.Sort(d.securityGroups)
	d.securityGroups = slices.Compact(d.securityGroups)
}

// specialize chooses unusual instance types, networks and billing methods for some deployments.
func (g *generator) specialize(d *deployment) {
	r := g.rng
	switch kind := r.IntN(100); {
	case kind < 4:
		d.model = pick(g, rareModels)
		if d.gpus > 1 && g.percent(50) {
			d.hpcCluster = "hpc-" + d.prefix + "cluster"
		}
	case kind < 6:
		d.classic, d.model = true, classicModel
		// instances in the classic network are old, because the API discontinued that network
		d.created = time.Date(2020, 11, 1+r.IntN(200), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		d.spread = min(d.spread, 24*time.Hour)
	case kind < 12:
		d.spot = true
	case kind < 35:
		d.prepaid = pick(g, []int{1, 1, 3, 6, 12, 12, 36})
	case kind < 38:
		d.deploymentSet = "ds-" + d.prefix + fmt.Sprintf("%017d", r.IntN(1e9))
	}
}

const (
	letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	idSpace = 36 * 36 * 36 * 36 * 36 * 36 * 36
)

// id returns a new resource id. The id consists of the kind, such as "i-", the region's prefix, 10 random characters,
// and 7 characters that are unique in the fleet.
func (g *generator) id(kind string, s *site) string {
	g.ids++
	b := make([]byte, 0, 32)
	b = append(append(b, kind...), s.prefix...)
	for range 10 {
		b = append(b, letters[g.rng.IntN(36)])
	}
	v := (g.ids*48_271_999 + g.offset) % idSpace // one-to-one, because the factor and idSpace are coprime
	for range 7 {
		b = append(b, letters[v%36])
		v /= 36
	}
	return string(b)
}

// address allocates the next private address of a VPC in a zone.
func (g *generator) address(s *site, vpc int, zone string) (*network, string) {
	const hosts = 1<<12 - 4 // number of usable addresses in a /20 range
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

// publicAddress allocates a public address, first from the ranges reserved for documentation.
func (g *generator) publicAddress() string {
	n := g.public
	g.public++
	if n < 3*254 {
		return ipv4([]uint32{192<<24 | 2<<8, 198<<24 | 51<<16 | 100<<8, 203<<24 | 113<<8}[n/254] | (n%254 + 1))
	}
	return ipv4(172<<24 | 16<<16 | (n - 3*254 + 1))
}

// instance creates an instance of a deployment. The argument number is the index of the instance in the deployment.
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
		CPUOptions: ecs.CPUOptions{
			CoreCount: max(1, d.cpu/2), ThreadsPerCore: min(2, d.cpu), NUMA: pick(g, []string{"ON", "ON", "ON", "", "", "", "N/A"}),
			TopologyType: "DiscreteCoreToHTMapping",
		},
		ImageID: image[0], OSName: image[1], OSNameEn: image[2], OSType: ecs.OSType(image[3]),
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

// next increments a counter and returns its value, which wraps around at the number of addresses in a /17 network.
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

// network sets the instance's network interfaces and addresses.
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
	case how < 9: // an elastic address; InternetChargeType is then empty
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

// charge sets the instance's billing method and some rare properties.
func (g *generator) charge(i *ecs.Instance, d deployment) {
	switch {
	case d.prepaid > 0:
		i.InstanceChargeType = ecs.InstanceChargeTypePrePaid
		end := time.Date(i.CreationTime.Year(), i.CreationTime.Month()+time.Month(d.prepaid), i.CreationTime.Day(), 16, 0, 0, 0, time.UTC)
		for end.Before(fleetEnd.AddDate(0, 0, -7)) { // renew until the end is later than fleetEnd minus a week
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
		i.DedicatedHostAttribute = ecs.DedicatedHostAttribute{
			DedicatedHostID: host, DedicatedHostName: "专有宿主机-" + host[len(host)-3:], DedicatedHostClusterID: "dc-" + d.prefix + "cluster",
		}
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

// state sets the instance's status and locks.
func (g *generator) state(i *ecs.Instance, d deployment) {
	lock := func(reason ecs.LockReason, text string) {
		i.OperationLocks = []ecs.OperationLock{{LockReason: reason, LockMsg: text}}
	}
	switch at := g.rng.IntN(100); {
	case i.Recyclable:
		i.Status, i.StoppedMode = ecs.InstanceStatusStopped, ecs.StoppedModeKeepCharging
		lock(ecs.LockReasonFinancial, "The specified instance is locked due to financial reason.")
	case d.spot && at < 4:
		lock("Recycling", "") // in some responses, the API capitalizes this lock reason
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
