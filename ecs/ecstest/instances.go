package ecstest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// fleet contains the instances of all regions. Listings return the instances of a region in the order in which they
// were added. This order never changes, so a page token only has to contain the position of the last listed instance.
type fleet struct {
	mu      sync.RWMutex
	last    uint64 // seq of the newest item
	byID    map[string]*item
	regions map[string][]*item // sorted by seq
}

// item is an instance of the fleet. An item is immutable: a changed instance is a new item.
type item struct {
	ecs.Instance
	seq              uint64 // number of the item; listings are ordered by it
	created, expires int64  // in minutes since 1970, the precision of time filters
	rendered         [2]atomic.Pointer[rendering]
}

// rendering contains the JSON encoding of an instance with the given additional attributes.
type rendering struct {
	attributes attributes
	text       []byte
}

// Put adds copies of instances to the fleet. An instance with an existing InstanceID replaces the old instance, and
// keeps its position in listings unless the region changes. An empty RegionID means "cn-hangzhou". If InstanceID is
// empty, the instance receives a new id.
func (s *Server) Put(instances ...ecs.Instance) {
	f := &s.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range instances {
		f.put(clone(instances[i]))
	}
}

// Delete removes instances from the fleet. It ignores ids that do not exist.
func (s *Server) Delete(ids ...string) {
	f := &s.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		if it := f.byID[id]; it != nil {
			f.remove(it)
		}
	}
}

// Update calls change with a copy of an instance and stores the result. It returns false if the instance does not
// exist. The function change must not call the server.
func (s *Server) Update(id string, change func(*ecs.Instance)) bool {
	f := &s.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	it := f.byID[id]
	if it == nil {
		return false
	}
	inst := clone(it.Instance)
	change(&inst)
	if inst.InstanceID != id {
		f.remove(it)
	}
	f.put(clone(inst))
	return true
}

// Instances returns copies of all instances, sorted by region and, within a region, in the order of listings.
func (s *Server) Instances() []ecs.Instance {
	f := &s.fleet
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := make([]ecs.Instance, 0, len(f.byID))
	for _, region := range slices.Sorted(maps.Keys(f.regions)) {
		for _, it := range f.regions[region] {
			list = append(list, clone(it.Instance))
		}
	}
	return list
}

func (f *fleet) put(inst ecs.Instance) {
	if f.byID == nil {
		f.byID, f.regions = map[string]*item{}, map[string][]*item{}
	}
	inst.RegionID = cmp.Or(inst.RegionID, "cn-hangzhou")
	if inst.InstanceID == "" {
		inst.InstanceID = fmt.Sprintf("i-bp1ecstest%012d", f.last)
	}
	it := &item{Instance: inst, created: minutes(inst.CreationTime), expires: minutes(inst.ExpiredTime)}
	if old := f.byID[inst.InstanceID]; old != nil && old.RegionID == inst.RegionID {
		it.seq = old.seq
		list := f.regions[inst.RegionID]
		list[indexAfter(list, it.seq-1)] = it
	} else {
		if old != nil {
			f.remove(old)
		}
		f.last++
		it.seq = f.last
		f.regions[inst.RegionID] = append(f.regions[inst.RegionID], it)
	}
	f.byID[inst.InstanceID] = it
}

func (f *fleet) remove(it *item) {
	delete(f.byID, it.InstanceID)
	list := f.regions[it.RegionID]
	i := indexAfter(list, it.seq-1)
	f.regions[it.RegionID] = slices.Delete(list, i, i+1)
}

// indexAfter returns the index of the first item whose number is greater than seq.
func indexAfter(list []*item, seq uint64) int {
	return sort.Search(len(list), func(i int) bool { return list[i].seq > seq })
}

func minutes(t time.Time) int64 {
	if t.IsZero() {
		return -1 << 62
	}
	return t.Unix() / 60
}

// attributes is a bit set that represents the AdditionalAttributes of a request.
type attributes uint8

const (
	metaOptions attributes = 1 << iota
	ddhCluster
	primaryENIIP
	topologyType
	privateDNS
	nvmeSupported
)

var attributeNames = map[string]attributes{
	string(ecs.AdditionalAttributeMetaOptions):            metaOptions,
	string(ecs.AdditionalAttributeDDHCluster):             ddhCluster,
	string(ecs.AdditionalAttributeNetworkPrimaryENIIP):    primaryENIIP,
	string(ecs.AdditionalAttributeCPUOptionsTopologyType): topologyType,
	string(ecs.AdditionalAttributePrivateDNSOptions):      privateDNS,
	string(ecs.AdditionalAttributeCurrentOSNVMeSupported): nvmeSupported,
}

// json returns the instance in the API's JSON format. Encoding is the slowest part of creating a page, so the item
// caches two encodings: without additional attributes, and with the most recently requested attributes.
func (it *item) json(a attributes) []byte {
	slot := &it.rendered[min(a, 1)]
	if r := slot.Load(); r != nil && r.attributes == a {
		return r.text
	}
	inst := it.Instance
	if a&metaOptions == 0 {
		inst.MetadataOptions = ecs.MetadataOptions{}
	}
	if a&ddhCluster == 0 {
		inst.DedicatedHostAttribute.DedicatedHostClusterID = ""
	}
	inst.NetworkInterfaces = slices.Clone(inst.NetworkInterfaces)
	for i := range inst.NetworkInterfaces {
		if n := &inst.NetworkInterfaces[i]; a&primaryENIIP == 0 || n.Type == ecs.NetworkInterfaceTypeSecondary {
			n.IPv6Sets, n.IPv4PrefixSets, n.IPv6PrefixSets = nil, nil, nil
		}
	}
	if a&topologyType == 0 {
		inst.CPUOptions.TopologyType = ""
	}
	if a&privateDNS == 0 {
		inst.PrivateDNSNameOptions = ecs.PrivateDNSNameOptions{}
	}
	if a&nvmeSupported == 0 {
		inst.ImageOptions.CurrentOSNVMeSupported = nil
	}
	text, err := inst.MarshalJSON() // much faster than json.Marshal, which would validate and copy the result
	if err != nil {                 // possible only if Extra contains invalid JSON
		inst.Extra = nil
		text, _ = inst.MarshalJSON()
	}
	slot.Store(&rendering{a, text})
	return text
}

// clone returns a deep copy of an instance.
func clone(i ecs.Instance) ecs.Instance {
	i.NetworkInterfaces = slices.Clone(i.NetworkInterfaces)
	for k := range i.NetworkInterfaces {
		n := &i.NetworkInterfaces[k]
		n.PrivateIPSets, n.IPv6Sets = slices.Clone(n.PrivateIPSets), slices.Clone(n.IPv6Sets)
		n.IPv4PrefixSets, n.IPv6PrefixSets = slices.Clone(n.IPv4PrefixSets), slices.Clone(n.IPv6PrefixSets)
	}
	for _, list := range []*[]string{&i.SecurityGroupIDs, &i.PublicIPAddress, &i.InnerIPAddress, &i.RDMAIPAddress, &i.VPCAttributes.PrivateIPAddress} {
		*list = slices.Clone(*list)
	}
	i.Tags, i.OperationLocks, i.Extra = slices.Clone(i.Tags), slices.Clone(i.OperationLocks), maps.Clone(i.Extra)
	d := &i.PrivateDNSNameOptions
	for _, p := range []**bool{
		&i.ImageOptions.LoginAsNonRoot, &i.ImageOptions.CurrentOSNVMeSupported, &d.EnableInstanceIDDNSAAAARecord,
		&d.EnableInstanceIDDNSARecord, &d.EnableIPDNSARecord, &d.EnableIPDNSPTRRecord,
	} {
		if *p != nil {
			copied := **p
			*p = &copied
		}
	}
	if p := &i.MetadataOptions.HTTPPutResponseHopLimit; *p != nil {
		copied := **p
		*p = &copied
	}
	return i
}

// any reports whether any instance of the region matches.
func (f *fleet) any(region string, matches filter) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.ContainsFunc(f.regions[region], matches)
}
