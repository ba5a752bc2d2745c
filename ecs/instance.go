package ecs

//go:generate go run ../internal/decodegen

import (
	"encoding/json"
	"time"
)

// Instance is one ECS instance as DescribeInstances reports it.
//
// It is a plain value: copy it, compare its fields, keep it as long as you like; it never pins the page it came from.
// A member the API left out, or sent as null or "", is the zero value. Pointers appear only where "not reported" and
// zero differ in meaning. Field names are the API's with Go initialisms, and the API's list wrappers
// ({"Tag": […]}) are gone; [json.Marshal] gives the API's own shape back.
//
// Some members are filled only on request, see [AdditionalAttribute].
type Instance struct {
	InstanceID   string `json:"InstanceId"` // "i-…", unique in the region
	InstanceName string `json:"InstanceName"`
	HostName     string `json:"HostName"`
	Description  string `json:"Description"`
	SerialNumber string `json:"SerialNumber"`

	RegionID  string `json:"RegionId"`
	ZoneID    string `json:"ZoneId"`
	ClusterID string `json:"ClusterId"` // deprecated by the API, usually ""

	Status      InstanceStatus `json:"Status"`
	StoppedMode StoppedMode    `json:"StoppedMode"` // StoppedModeNotApplicable unless the instance is stopped

	InstanceType       string `json:"InstanceType"`       // such as "ecs.g7.large"
	InstanceTypeFamily string `json:"InstanceTypeFamily"` // such as "ecs.g7"
	CPU                int    `json:"Cpu"`                // vCPUs
	Memory             int    `json:"Memory"`             // MiB
	GPUAmount          int    `json:"GPUAmount"`
	GPUSpec            string `json:"GPUSpec"` // "" without GPU
	IOOptimized        bool   `json:"IoOptimized"`
	LocalStorageAmount int    `json:"LocalStorageAmount,omitzero"` // local disks; 0 when the type has none
	// LocalStorageCapacity is the size of the local disks in GiB.
	LocalStorageCapacity int64               `json:"LocalStorageCapacity,omitzero"`
	CreditSpecification  CreditSpecification `json:"CreditSpecification"` // "" unless burstable
	CPUOptions           CPUOptions          `json:"CpuOptions"`
	AdditionalInfo       AdditionalInfo      `json:"AdditionalInfo,omitzero"`
	ClockOptions         ClockOptions        `json:"ClockOptions,omitzero"`

	ImageID string `json:"ImageId"`
	OSType  OSType `json:"OSType"`
	// OSName is localized (Chinese for most accounts) or ""; OSNameEn is English and may hold double blanks.
	OSName       string       `json:"OSName"`
	OSNameEn     string       `json:"OSNameEn"`
	ImageOptions ImageOptions `json:"ImageOptions"`

	InstanceNetworkType InstanceNetworkType `json:"InstanceNetworkType"`
	// VPCAttributes is empty in the classic network.
	VPCAttributes     VPCAttributes      `json:"VpcAttributes"`
	NetworkInterfaces []NetworkInterface `json:"NetworkInterfaces" wrap:"NetworkInterface"`
	SecurityGroupIDs  []string           `json:"SecurityGroupIds" wrap:"SecurityGroupId"`
	// PublicIPAddress holds the fixed public addresses, never the elastic one: see EIPAddress and PublicAddrs.
	PublicIPAddress []string   `json:"PublicIpAddress" wrap:"IpAddress"`
	EIPAddress      EIPAddress `json:"EipAddress"`
	InnerIPAddress  []string   `json:"InnerIpAddress" wrap:"IpAddress"` // classic network only
	RDMAIPAddress   []string   `json:"RdmaIpAddress,omitzero" wrap:"IpAddress"`
	// InternetChargeType is "" when the instance has an elastic address; see EIPAddress.InternetChargeType.
	InternetChargeType InternetChargeType `json:"InternetChargeType"`
	// InternetMaxBandwidthIn and InternetMaxBandwidthOut are Mbit/s of the fixed public address. In is -1 on most
	// instances (no figure); Out is 0 when there is no public bandwidth. An elastic address has its own.
	InternetMaxBandwidthIn  int    `json:"InternetMaxBandwidthIn"`
	InternetMaxBandwidthOut int    `json:"InternetMaxBandwidthOut"`
	VLANID                  string `json:"VlanId"`        // deprecated by the API
	ISP                     string `json:"ISP,omitempty"` // by invitation; the text "null" occurs

	InstanceChargeType InstanceChargeType `json:"InstanceChargeType"`
	// ExpiredTime is when a subscription ends. Pay-as-you-go instances carry a date in the year 2099 or later, which
	// means never: see [Instance.Expires].
	ExpiredTime     time.Time `json:"ExpiredTime"`
	AutoReleaseTime time.Time `json:"AutoReleaseTime"` // zero when none is set
	CreationTime    time.Time `json:"CreationTime"`    // to the minute; never changes
	StartTime       time.Time `json:"StartTime"`       // last start
	SaleCycle       string    `json:"SaleCycle"`       // discontinued by the API
	Recyclable      bool      `json:"Recyclable"`
	// DeletionProtection guards against release by console or API; pay-as-you-go only.
	DeletionProtection bool         `json:"DeletionProtection"`
	SpotStrategy       SpotStrategy `json:"SpotStrategy"`
	// SpotPriceLimit is the highest hourly price; 0 when unused.
	SpotPriceLimit           float64                  `json:"SpotPriceLimit"`
	SpotDuration             int                      `json:"SpotDuration,omitzero"` // protected hours of a spot instance
	SpotInterruptionBehavior SpotInterruptionBehavior `json:"SpotInterruptionBehavior,omitzero"`

	ResourceGroupID string          `json:"ResourceGroupId"`
	Tags            []Tag           `json:"Tags,omitzero" wrap:"Tag"` // nil when untagged
	OperationLocks  []OperationLock `json:"OperationLocks" wrap:"LockReason"`

	DeploymentSetID            string                     `json:"DeploymentSetId"`
	DeploymentSetGroupNo       int                        `json:"DeploymentSetGroupNo,omitzero"`
	HPCClusterID               string                     `json:"HpcClusterId,omitzero"`
	KeyPairName                string                     `json:"KeyPairName,omitzero"`
	DedicatedHostAttribute     DedicatedHostAttribute     `json:"DedicatedHostAttribute"`
	DedicatedInstanceAttribute DedicatedInstanceAttribute `json:"DedicatedInstanceAttribute"`
	ECSCapacityReservationAttr ECSCapacityReservationAttr `json:"EcsCapacityReservationAttr"`
	HibernationOptions         HibernationOptions         `json:"HibernationOptions"`
	MetadataOptions            MetadataOptions            `json:"MetadataOptions"`
	PrivateDNSNameOptions      PrivateDNSNameOptions      `json:"PrivateDnsNameOptions,omitzero"`
	DeviceAvailable            bool                       `json:"DeviceAvailable"` // data disks can be attached
	EnableNVS                  bool                       `json:"EnableNVS,omitzero"`

	// Extra holds the members of the answer that this version has no field for, as raw JSON, so that nothing the API
	// adds is lost. The key is the member's name, or its path below the instance in the API's shape for a nested one
	// ("CpuOptions.NewMember", "Tags.Tag.0.NewMember"). nil when there are none. [json.Marshal] writes them back.
	Extra map[string]json.RawMessage `json:"-"`
}

// Expires returns the time at which the instance expires, which is when its subscription ends. ok is false when it never
// does: the API reports that as a date in the year 2099 or later, and private clouds also as 1970-01-01. ok is also false
// when ExpiredTime is not set.
func (i Instance) Expires() (at time.Time, ok bool) {
	at = i.ExpiredTime
	if at.Unix() <= 0 || at.Year() >= 2099 {
		return time.Time{}, false
	}
	return at, true
}

// Tag is a key and value attached to an instance, or asked for in a request, where an empty Value matches
// instances with the key whatever its value.
type Tag struct {
	Key   string `json:"TagKey" url:"Key"`     // API: TagKey; Tag.N.Key in requests
	Value string `json:"TagValue" url:"Value"` // API: TagValue, may be ""; Tag.N.Value in requests
}

// VPCAttributes places an instance in a VPC. All members are empty in the classic network.
type VPCAttributes struct {
	VPCID            string   `json:"VpcId"`
	VSwitchID        string   `json:"VSwitchId"`
	PrivateIPAddress []string `json:"PrivateIpAddress" wrap:"IpAddress"`
	NATIPAddress     string   `json:"NatIpAddress"` // usually ""
}

// EIPAddress is the elastic public address bound to an instance; all zero when there is none.
type EIPAddress struct {
	AllocationID         string             `json:"AllocationId"` // "eip-…"; "" means no elastic address
	IPAddress            string             `json:"IpAddress"`
	InternetChargeType   InternetChargeType `json:"InternetChargeType"`
	Bandwidth            int                `json:"Bandwidth,omitzero"` // Mbit/s
	IsSupportUnassociate bool               `json:"IsSupportUnassociate,omitzero"`
}

// NetworkInterface is an elastic network interface of an instance.
type NetworkInterface struct {
	NetworkInterfaceID string               `json:"NetworkInterfaceId"` // "eni-…"
	Type               NetworkInterfaceType `json:"Type,omitzero"`
	MACAddress         string               `json:"MacAddress"`
	PrimaryIPAddress   string               `json:"PrimaryIpAddress"`
	PrivateIPSets      []PrivateIPSet       `json:"PrivateIpSets" wrap:"PrivateIpSet"`
	// The three below are filled for the primary interface when [AdditionalAttributeNetworkPrimaryENIIP] is asked for.
	IPv6Sets       []IPv6Set       `json:"Ipv6Sets,omitzero" wrap:"Ipv6Set"`
	IPv4PrefixSets []IPv4PrefixSet `json:"Ipv4PrefixSets,omitzero" wrap:"Ipv4PrefixSet"`
	IPv6PrefixSets []IPv6PrefixSet `json:"Ipv6PrefixSets,omitzero" wrap:"Ipv6PrefixSet"`
}

// PrivateIPSet is one private IPv4 address of a network interface.
type PrivateIPSet struct {
	PrivateIPAddress string `json:"PrivateIpAddress"`
	Primary          bool   `json:"Primary"`
	PrivateDNSName   string `json:"PrivateDnsName,omitzero"`
}

// IPv6Set is one IPv6 address of a network interface.
type IPv6Set struct {
	IPv6Address string `json:"Ipv6Address"`
}

// IPv4PrefixSet is one IPv4 prefix (CIDR) of a network interface.
type IPv4PrefixSet struct {
	IPv4Prefix string `json:"Ipv4Prefix"`
}

// IPv6PrefixSet is one IPv6 prefix (CIDR) of a network interface.
type IPv6PrefixSet struct {
	IPv6Prefix string `json:"Ipv6Prefix"`
}

// OperationLock is a reason why operations on an instance are locked.
type OperationLock struct {
	LockReason LockReason `json:"LockReason"` // the API varies its case: compare with [LockReason.Is]
	LockMsg    string     `json:"LockMsg"`
}

// CPUOptions describes the processor layout.
type CPUOptions struct {
	CoreCount      int    `json:"CoreCount"` // physical cores
	ThreadsPerCore int    `json:"ThreadsPerCore"`
	NUMA           string `json:"Numa"`                  // text such as "2", "ON", "N/A" or ""; deprecated by the API
	TopologyType   string `json:"TopologyType,omitzero"` // with [AdditionalAttributeCPUOptionsTopologyType]

	NestedVirtualization string `json:"NestedVirtualization,omitzero"`
	TurboMode            string `json:"TurboMode,omitzero"`
	EnableVISST          bool   `json:"EnableVISST,omitzero"`
	EnableVRDT           bool   `json:"EnableVRDT,omitzero"`
}

// AdditionalInfo is filled for invited accounts only.
type AdditionalInfo struct {
	EnableHighDensityMode bool   `json:"EnableHighDensityMode,omitzero"`
	NodeSerialNumber      string `json:"NodeSerialNumber,omitzero"`
}

// ClockOptions tells how the instance keeps time.
type ClockOptions struct {
	PTPStatus PTPStatus `json:"PtpStatus,omitzero"`
}

// DedicatedHostAttribute names the dedicated host an instance runs on; empty when none.
type DedicatedHostAttribute struct {
	DedicatedHostID        string `json:"DedicatedHostId"`
	DedicatedHostName      string `json:"DedicatedHostName"`
	DedicatedHostClusterID string `json:"DedicatedHostClusterId"` // "" unless [AdditionalAttributeDDHCluster] is asked for
}

// DedicatedInstanceAttribute is how an instance is tied to dedicated hosts.
type DedicatedInstanceAttribute struct {
	Affinity Affinity `json:"Affinity"` // "" when not reported
	Tenancy  Tenancy  `json:"Tenancy"`  // "" when not reported
}

// ECSCapacityReservationAttr names the capacity reservation an instance uses; empty when none.
type ECSCapacityReservationAttr struct {
	CapacityReservationID         string `json:"CapacityReservationId"` // "cr-…"
	CapacityReservationPreference string `json:"CapacityReservationPreference"`
}

// HibernationOptions is filled for invited accounts only.
type HibernationOptions struct {
	Configured bool `json:"Configured"`
}

// ImageOptions are properties the instance took from its image. nil means the answer did not say.
type ImageOptions struct {
	LoginAsNonRoot         *bool `json:"LoginAsNonRoot,omitzero"`
	CurrentOSNVMeSupported *bool `json:"CurrentOSNVMeSupported,omitzero"` // with [AdditionalAttributeCurrentOSNVMeSupported]
}

// MetadataOptions says how the instance's metadata service may be used. Empty unless [AdditionalAttributeMetaOptions] is asked for.
type MetadataOptions struct {
	HTTPEndpoint            MetadataEndpoint     `json:"HttpEndpoint"`
	HTTPTokens              MetadataTokens       `json:"HttpTokens"`
	HTTPPutResponseHopLimit *int                 `json:"HttpPutResponseHopLimit,omitzero"` // nil: not reported
	InstanceMetadataTags    InstanceMetadataTags `json:"InstanceMetadataTags,omitzero"`
}

// PrivateDNSNameOptions is filled only when [AdditionalAttributePrivateDNSOptions] is asked for; nil means the answer did not say.
type PrivateDNSNameOptions struct {
	HostnameType                  HostnameType `json:"HostnameType,omitzero"`
	EnableInstanceIDDNSAAAARecord *bool        `json:"EnableInstanceIdDnsAAAARecord,omitzero"`
	EnableInstanceIDDNSARecord    *bool        `json:"EnableInstanceIdDnsARecord,omitzero"`
	EnableIPDNSARecord            *bool        `json:"EnableIpDnsARecord,omitzero"`
	EnableIPDNSPTRRecord          *bool        `json:"EnableIpDnsPtrRecord,omitzero"`
}
