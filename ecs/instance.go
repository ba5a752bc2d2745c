package ecs

//go:generate go run ../internal/decodegen

import (
	"encoding/json"
	"time"
)

// Instance is an ECS instance as returned by DescribeInstances. The comments below name the API's member where its
// spelling differs by more than initialisms. Times are in UTC.
//
// It is a plain value. A copy shares the slices, the pointers and Extra with the original. Keeping an instance
// does not keep its page in memory. A member that is absent from the response, or is null, {} or "", is the zero
// value; pointers are used only where "not reported" and zero differ in meaning. The API wraps lists in objects,
// such as {"Tag": […]}; the fields are plain slices, and [json.Marshal] restores the wrappers.
//
// Some members are filled only on request: see [AdditionalAttribute].
//
// Do not embed an Instance in a struct that is marshaled to JSON: the outer struct would inherit its MarshalJSON
// and UnmarshalJSON, and lose all its other fields. Use a named field instead.
type Instance struct {
	InstanceID   string `json:"InstanceId"` // "i-…", unique in its region; never ""
	InstanceName string `json:"InstanceName"`
	HostName     string `json:"HostName"`
	Description  string `json:"Description"`
	SerialNumber string `json:"SerialNumber"` // like a UUID

	RegionID  string `json:"RegionId"`
	ZoneID    string `json:"ZoneId"`
	ClusterID string `json:"ClusterId"` // deprecated by the API; usually ""

	Status      InstanceStatus `json:"Status"`
	StoppedMode StoppedMode    `json:"StoppedMode"` // StoppedModeNotApplicable unless the instance is stopped

	InstanceType       string `json:"InstanceType"`       // such as "ecs.g7.large"
	InstanceTypeFamily string `json:"InstanceTypeFamily"` // such as "ecs.g7"
	CPU                int    `json:"Cpu"`                // vCPUs
	Memory             int    `json:"Memory"`             // MiB
	GPUAmount          int    `json:"GPUAmount"`          // number of GPUs
	GPUSpec            string `json:"GPUSpec"`            // model of the GPUs; "" if there are none
	IOOptimized        bool   `json:"IoOptimized"`
	LocalStorageAmount int    `json:"LocalStorageAmount,omitzero"` // number of local disks
	// LocalStorageCapacity is the size of the local disks in GiB; 0 if there are none.
	LocalStorageCapacity int64               `json:"LocalStorageCapacity,omitzero"`
	CreditSpecification  CreditSpecification `json:"CreditSpecification"` // "" unless burstable
	CPUOptions           CPUOptions          `json:"CpuOptions"`
	AdditionalInfo       AdditionalInfo      `json:"AdditionalInfo,omitzero"`
	ClockOptions         ClockOptions        `json:"ClockOptions,omitzero"`
	SecurityOptions      SecurityOptions     `json:"SecurityOptions,omitzero"`

	ImageID string `json:"ImageId"`
	OSType  OSType `json:"OSType"`
	// OSName is localized (Chinese for most accounts) or ""; OSNameEn is in English and may have two spaces in a row.
	OSName       string       `json:"OSName"`
	OSNameEn     string       `json:"OSNameEn"`
	ImageOptions ImageOptions `json:"ImageOptions"`

	InstanceNetworkType InstanceNetworkType `json:"InstanceNetworkType"`
	// VPCAttributes is zero in the classic network.
	VPCAttributes     VPCAttributes      `json:"VpcAttributes"`
	NetworkInterfaces []NetworkInterface `json:"NetworkInterfaces" wrap:"NetworkInterface"`
	SecurityGroupIDs  []string           `json:"SecurityGroupIds" wrap:"SecurityGroupId"`
	// PublicIPAddress lists the fixed public addresses, never the elastic one: see EIPAddress and [Instance.PublicAddrs].
	PublicIPAddress []string   `json:"PublicIpAddress" wrap:"IpAddress"`
	EIPAddress      EIPAddress `json:"EipAddress"`
	InnerIPAddress  []string   `json:"InnerIpAddress" wrap:"IpAddress"` // classic network only
	RDMAIPAddress   []string   `json:"RdmaIpAddress,omitzero" wrap:"IpAddress"`
	// InternetChargeType is "" if the instance has an elastic address: see EIPAddress.InternetChargeType.
	InternetChargeType InternetChargeType `json:"InternetChargeType"`
	// InternetMaxBandwidthIn and InternetMaxBandwidthOut are the bandwidth of the fixed public address in Mbit/s.
	// In is -1 on most instances, which means unknown; Out is 0 without public bandwidth. For an elastic address,
	// see EIPAddress.Bandwidth.
	InternetMaxBandwidthIn  int    `json:"InternetMaxBandwidthIn"`
	InternetMaxBandwidthOut int    `json:"InternetMaxBandwidthOut"`
	VLANID                  string `json:"VlanId"`        // deprecated by the API
	ISP                     string `json:"ISP,omitempty"` // for invited accounts only; may be the text "null"

	InstanceChargeType InstanceChargeType `json:"InstanceChargeType"`
	// ExpiredTime is when a subscription ends. Pay-as-you-go instances have a date in the year 2099 or later, which means
	// never: use [Instance.Expires].
	ExpiredTime time.Time `json:"ExpiredTime"`
	// when the instance will be released automatically; zero if it will not be
	AutoReleaseTime time.Time `json:"AutoReleaseTime"`
	CreationTime    time.Time `json:"CreationTime"` // with a precision of a minute; never changes
	StartTime       time.Time `json:"StartTime"`    // time of the last start
	SaleCycle       string    `json:"SaleCycle"`    // discontinued by the API
	Recyclable      bool      `json:"Recyclable"`
	// DeletionProtection means that a pay-as-you-go instance cannot be released through the console or the API.
	DeletionProtection bool         `json:"DeletionProtection"`
	SpotStrategy       SpotStrategy `json:"SpotStrategy"`
	// SpotPriceLimit is the maximum hourly price, in the account's currency; 0 if there is no limit.
	SpotPriceLimit float64 `json:"SpotPriceLimit"`
	// number of hours for which a spot instance is protected
	SpotDuration             int                      `json:"SpotDuration,omitzero"`
	SpotInterruptionBehavior SpotInterruptionBehavior `json:"SpotInterruptionBehavior,omitzero"`

	ResourceGroupID string          `json:"ResourceGroupId"`
	Tags            []Tag           `json:"Tags,omitzero" wrap:"Tag"` // nil if there are none
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
	DeviceAvailable            bool                       `json:"DeviceAvailable"` // whether data disks can be attached
	EnableNVS                  bool                       `json:"EnableNVS,omitzero"`

	// Extra holds, as compact JSON, the members that have no field in this version, and those whose value could
	// not be read (see [DecodeError]; their field is zero). It is nil if there are none. [json.Marshal] writes
	// them back in their places; a value is left out if its field has been set.
	//
	// The key is the path below the instance in the API's shape, joined by dots: "NewMember",
	// "CpuOptions.NewMember", "Tags.Tag.0.NewMember". In the name of a member, ~ is escaped as ~0 and a dot as ~1.
	Extra map[string]json.RawMessage `json:"-"`
}

// Expires returns the time at which the subscription of the instance ends. ok is false if it never ends, which the
// API reports as a date in the year 2099 or later, and if no time is set: the zero time or, in private clouds,
// 1970-01-01.
func (i Instance) Expires() (at time.Time, ok bool) {
	at = i.ExpiredTime
	if at.Unix() <= 0 || at.Year() >= 2099 {
		return time.Time{}, false
	}
	return at, true
}

// Tag is a tag of an instance. In a request it is a filter, and an empty Value matches any value of the key.
type Tag struct {
	Key   string `json:"TagKey" url:"Key"`     // API: TagKey in responses, Tag.N.Key in requests
	Value string `json:"TagValue" url:"Value"` // API: TagValue in responses, Tag.N.Value in requests; may be ""
}

// VPCAttributes describes the location of an instance in a VPC. It is zero in the classic network.
type VPCAttributes struct {
	VPCID            string   `json:"VpcId"`
	VSwitchID        string   `json:"VSwitchId"`
	PrivateIPAddress []string `json:"PrivateIpAddress" wrap:"IpAddress"`
	NATIPAddress     string   `json:"NatIpAddress"` // usually ""
}

// EIPAddress is the elastic public address of an instance. It is zero if there is none.
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
	// The next three fields are filled for the primary interface only, with
	// [AdditionalAttributeNetworkPrimaryENIIP].
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
	Primary     bool   `json:"Primary,omitzero"`
}

// IPv4PrefixSet is one IPv4 prefix (CIDR) of a network interface.
type IPv4PrefixSet struct {
	IPv4Prefix string `json:"Ipv4Prefix"`
}

// IPv6PrefixSet is one IPv6 prefix (CIDR) of a network interface.
type IPv6PrefixSet struct {
	IPv6Prefix string `json:"Ipv6Prefix"`
}

// OperationLock is a reason why an instance is locked against operations.
type OperationLock struct {
	LockReason LockReason `json:"LockReason"` // in varying case: compare with [LockReason.Is]
	LockMsg    string     `json:"LockMsg"`
}

// CPUOptions describes the processors of an instance.
type CPUOptions struct {
	CoreCount      int    `json:"CoreCount"` // physical cores
	ThreadsPerCore int    `json:"ThreadsPerCore"`
	NUMA           string `json:"Numa"`                  // such as "2", "ON", "N/A" or ""; deprecated by the API
	TopologyType   string `json:"TopologyType,omitzero"` // only with [AdditionalAttributeCPUOptionsTopologyType]

	NestedVirtualization string `json:"NestedVirtualization,omitzero"`
	TurboMode            string `json:"TurboMode,omitzero"`
	EnableVISST          bool   `json:"EnableVISST,omitzero"`
	EnableVRDT           bool   `json:"EnableVRDT,omitzero"`
}

// AdditionalInfo has information for invited accounts only; it is zero for others.
type AdditionalInfo struct {
	EnableHighDensityMode bool   `json:"EnableHighDensityMode,omitzero"`
	NodeSerialNumber      string `json:"NodeSerialNumber,omitzero"`
	ManagedHostID         string `json:"ManagedHostId,omitzero"` // "" if not on a managed host
}

// ClockOptions describes the clock of an instance.
type ClockOptions struct {
	PTPStatus PTPStatus `json:"PtpStatus,omitzero"`
}

// SecurityOptions describes the trusted boot settings of an instance.
type SecurityOptions struct {
	// EnableSecureBoot tells whether UEFI secure boot is enabled; nil means not reported.
	EnableSecureBoot *bool `json:"EnableSecureBoot,omitzero"`
}

// DedicatedHostAttribute names the dedicated host of an instance. It is zero if there is none.
type DedicatedHostAttribute struct {
	DedicatedHostID        string `json:"DedicatedHostId"`
	DedicatedHostName      string `json:"DedicatedHostName"`
	DedicatedHostClusterID string `json:"DedicatedHostClusterId"` // only with [AdditionalAttributeDDHCluster]
}

// DedicatedInstanceAttribute describes how an instance uses dedicated hosts.
type DedicatedInstanceAttribute struct {
	Affinity Affinity `json:"Affinity"` // "" if not reported
	Tenancy  Tenancy  `json:"Tenancy"`  // "" if not reported
}

// ECSCapacityReservationAttr names the capacity reservation that an instance uses. It is zero if there is none.
type ECSCapacityReservationAttr struct {
	CapacityReservationID         string `json:"CapacityReservationId"` // "cr-…"
	CapacityReservationPreference string `json:"CapacityReservationPreference"`
}

// HibernationOptions tells whether an instance can hibernate. It is zero except for invited accounts.
type HibernationOptions struct {
	Configured bool `json:"Configured"`
}

// ImageOptions has properties of the image of an instance. In an Instance, nil means not reported.
type ImageOptions struct {
	LoginAsNonRoot         *bool `json:"LoginAsNonRoot,omitzero"`
	CurrentOSNVMeSupported *bool `json:"CurrentOSNVMeSupported,omitzero"` // only with [AdditionalAttributeCurrentOSNVMeSupported]
}

// MetadataOptions configures the metadata service of an instance. It is filled only with [AdditionalAttributeMetaOptions].
type MetadataOptions struct {
	HTTPEndpoint            MetadataEndpoint     `json:"HttpEndpoint"`
	HTTPTokens              MetadataTokens       `json:"HttpTokens"`
	HTTPPutResponseHopLimit *int                 `json:"HttpPutResponseHopLimit,omitzero"` // nil means not reported
	InstanceMetadataTags    InstanceMetadataTags `json:"InstanceMetadataTags,omitzero"`
}

// PrivateDNSNameOptions configures the private DNS names of an instance. It is filled only with
// [AdditionalAttributePrivateDNSOptions]; in an Instance, nil means not reported.
type PrivateDNSNameOptions struct {
	HostnameType                  HostnameType `json:"HostnameType,omitzero"`
	EnableInstanceIDDNSAAAARecord *bool        `json:"EnableInstanceIdDnsAAAARecord,omitzero"`
	EnableInstanceIDDNSARecord    *bool        `json:"EnableInstanceIdDnsARecord,omitzero"`
	EnableIPDNSARecord            *bool        `json:"EnableIpDnsARecord,omitzero"`
	EnableIPDNSPTRRecord          *bool        `json:"EnableIpDnsPtrRecord,omitzero"`
}
