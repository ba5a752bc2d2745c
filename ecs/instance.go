package ecs

//go:generate go run ../internal/decodegen

import (
	"encoding/json"
	"time"
)

// Instance is an ECS instance as returned by DescribeInstances. The fields have the same names as the members of the
// API's JSON, except that initialisms are in upper case, such as InstanceID for InstanceId. The comments on the fields
// mention any other difference. All times are in UTC.
//
// A field has its zero value if the member is absent from the response, or is null, {} or "". A pointer field is nil if
// the API did not report the value. Some fields are filled only on request: see [AdditionalAttribute]. The API wraps
// lists in objects, such as {"Tag": […]}. The corresponding fields are plain slices, and [json.Marshal] writes the
// wrappers.
//
// An Instance is a plain value. A copy shares the slices, the pointers and the map Extra with the original. An Instance
// does not reference the response from which it was decoded, so keeping an Instance does not keep the response in
// memory.
//
// Do not embed an Instance in a struct that is marshaled to JSON. The outer struct would inherit the methods
// MarshalJSON and UnmarshalJSON of Instance, which ignore the other fields of the struct. Use a named field instead.
type Instance struct {
	InstanceID   string `json:"InstanceId"` // "i-…", unique in its region; never ""
	InstanceName string `json:"InstanceName"`
	HostName     string `json:"HostName"`
	Description  string `json:"Description"`
	SerialNumber string `json:"SerialNumber"` // in the format of a UUID

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
	GPUSpec            string `json:"GPUSpec"`            // model of the GPUs; "" if the instance has no GPU
	IOOptimized        bool   `json:"IoOptimized"`
	LocalStorageAmount int    `json:"LocalStorageAmount,omitzero"` // number of local disks
	// LocalStorageCapacity is the size of the local disks in GiB. It is 0 if the instance has no local disk.
	LocalStorageCapacity int64               `json:"LocalStorageCapacity,omitzero"`
	CreditSpecification  CreditSpecification `json:"CreditSpecification"` // "" unless the instance is burstable
	CPUOptions           CPUOptions          `json:"CpuOptions"`
	AdditionalInfo       AdditionalInfo      `json:"AdditionalInfo,omitzero"`
	ClockOptions         ClockOptions        `json:"ClockOptions,omitzero"`
	SecurityOptions      SecurityOptions     `json:"SecurityOptions,omitzero"`

	ImageID string `json:"ImageId"`
	OSType  OSType `json:"OSType"`
	// OSName is the localized name of the operating system, which is in Chinese for most accounts. It may be "".
	// OSNameEn is the English name, which may contain two consecutive spaces.
	OSName       string       `json:"OSName"`
	OSNameEn     string       `json:"OSNameEn"`
	ImageOptions ImageOptions `json:"ImageOptions"`

	InstanceNetworkType InstanceNetworkType `json:"InstanceNetworkType"`
	// VPCAttributes is zero in the classic network.
	VPCAttributes     VPCAttributes      `json:"VpcAttributes"`
	NetworkInterfaces []NetworkInterface `json:"NetworkInterfaces" wrap:"NetworkInterface"`
	SecurityGroupIDs  []string           `json:"SecurityGroupIds" wrap:"SecurityGroupId"`
	// PublicIPAddress lists the fixed public addresses. For all public addresses, including the elastic IP address, use
	// [Instance.PublicAddrs].
	PublicIPAddress []string   `json:"PublicIpAddress" wrap:"IpAddress"`
	EIPAddress      EIPAddress `json:"EipAddress"`
	InnerIPAddress  []string   `json:"InnerIpAddress" wrap:"IpAddress"` // classic network only
	RDMAIPAddress   []string   `json:"RdmaIpAddress,omitzero" wrap:"IpAddress"`
	// InternetChargeType is "" if the instance has an elastic IP address: use EIPAddress.InternetChargeType.
	InternetChargeType InternetChargeType `json:"InternetChargeType"`
	// InternetMaxBandwidthIn and InternetMaxBandwidthOut are the bandwidths of the fixed public address in Mbit/s. On
	// most instances, InternetMaxBandwidthIn is -1, which means unknown. InternetMaxBandwidthOut is 0 if the instance
	// has no public bandwidth. For an elastic IP address, see EIPAddress.Bandwidth.
	InternetMaxBandwidthIn  int    `json:"InternetMaxBandwidthIn"`
	InternetMaxBandwidthOut int    `json:"InternetMaxBandwidthOut"`
	VLANID                  string `json:"VlanId"`        // deprecated by the API
	ISP                     string `json:"ISP,omitempty"` // only for invited accounts; may be the string "null"

	InstanceChargeType InstanceChargeType `json:"InstanceChargeType"`
	// ExpiredTime is the time at which the subscription ends. A date in the year 2099 or later means that the instance
	// does not expire; see [Instance.Expires].
	ExpiredTime time.Time `json:"ExpiredTime"`
	// AutoReleaseTime is the time at which the instance will be released, or zero if no automatic release is set.
	AutoReleaseTime time.Time `json:"AutoReleaseTime"`
	CreationTime    time.Time `json:"CreationTime"` // with a precision of one minute; never changes
	StartTime       time.Time `json:"StartTime"`    // the time of the last start
	SaleCycle       string    `json:"SaleCycle"`    // no longer used by the API
	Recyclable      bool      `json:"Recyclable"`
	// DeletionProtection specifies whether a pay-as-you-go instance is protected from release through the console and
	// the API.
	DeletionProtection bool         `json:"DeletionProtection"`
	SpotStrategy       SpotStrategy `json:"SpotStrategy"`
	// SpotPriceLimit is the maximum hourly price in the account's currency, or 0 if there is no limit.
	SpotPriceLimit float64 `json:"SpotPriceLimit"`
	// SpotDuration is the number of hours for which a spot instance is protected from being reclaimed.
	SpotDuration             int                      `json:"SpotDuration,omitzero"`
	SpotInterruptionBehavior SpotInterruptionBehavior `json:"SpotInterruptionBehavior,omitzero"`

	ResourceGroupID string          `json:"ResourceGroupId"`
	Tags            []Tag           `json:"Tags,omitzero" wrap:"Tag"` // nil if the instance has no tags
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

	// Extra contains the members of the response for which this version has no field, and the members that could not be
	// decoded. The values are compact JSON. When an Instance is marshaled, the members of Extra are written to their
	// original places, unless the corresponding field is not zero.
	//
	// A key is the path of a member in the API's JSON object, such as "NewMember", "CpuOptions.NewMember" or
	// "Tags.Tag.0.NewMember". In the name of a member, ~ is escaped as ~0, and a dot is escaped as ~1.
	Extra map[string]json.RawMessage `json:"-"`
}

// Expires returns the time at which the instance's subscription ends. It returns false if the instance does not expire
// or the time is not set.
func (i Instance) Expires() (at time.Time, ok bool) {
	at = i.ExpiredTime
	if at.Unix() <= 0 || at.Year() >= 2099 {
		return time.Time{}, false
	}
	return at, true
}

// Tag is a tag of an instance. In a request, a Tag with an empty Value matches all instances that have the Key.
type Tag struct {
	Key   string `json:"TagKey" url:"Key"`     // TagKey in responses of the API, Tag.N.Key in requests
	Value string `json:"TagValue" url:"Value"` // TagValue in responses of the API, Tag.N.Value in requests; may be ""
}

// VPCAttributes describes the location of an instance in a VPC. It is zero in the classic network.
type VPCAttributes struct {
	VPCID            string   `json:"VpcId"`
	VSwitchID        string   `json:"VSwitchId"`
	PrivateIPAddress []string `json:"PrivateIpAddress" wrap:"IpAddress"`
	NATIPAddress     string   `json:"NatIpAddress"` // usually ""
}

// EIPAddress describes the elastic IP address of an instance. It is zero if the instance has no elastic IP address.
type EIPAddress struct {
	AllocationID         string             `json:"AllocationId"` // "eip-…"; "" if there is no elastic IP address
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
	// The next three fields are filled only for the primary interface, and only if the request includes
	// [AdditionalAttributeNetworkPrimaryENIIP].
	IPv6Sets       []IPv6Set       `json:"Ipv6Sets,omitzero" wrap:"Ipv6Set"`
	IPv4PrefixSets []IPv4PrefixSet `json:"Ipv4PrefixSets,omitzero" wrap:"Ipv4PrefixSet"`
	IPv6PrefixSets []IPv6PrefixSet `json:"Ipv6PrefixSets,omitzero" wrap:"Ipv6PrefixSet"`
}

// PrivateIPSet is a private IPv4 address of a network interface.
type PrivateIPSet struct {
	PrivateIPAddress string `json:"PrivateIpAddress"`
	Primary          bool   `json:"Primary"`
	PrivateDNSName   string `json:"PrivateDnsName,omitzero"`
}

// IPv6Set is an IPv6 address of a network interface.
type IPv6Set struct {
	IPv6Address string `json:"Ipv6Address"`
	Primary     bool   `json:"Primary,omitzero"`
}

// IPv4PrefixSet is an IPv4 prefix of a network interface, in CIDR notation.
type IPv4PrefixSet struct {
	IPv4Prefix string `json:"Ipv4Prefix"`
}

// IPv6PrefixSet is an IPv6 prefix of a network interface, in CIDR notation.
type IPv6PrefixSet struct {
	IPv6Prefix string `json:"Ipv6Prefix"`
}

// OperationLock describes why operations on an instance are locked.
type OperationLock struct {
	LockReason LockReason `json:"LockReason"` // compare values with [LockReason.Is], which ignores case
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

// AdditionalInfo contains information that is available only to invited accounts. It is zero for all other accounts.
type AdditionalInfo struct {
	EnableHighDensityMode bool   `json:"EnableHighDensityMode,omitzero"`
	NodeSerialNumber      string `json:"NodeSerialNumber,omitzero"`
	ManagedHostID         string `json:"ManagedHostId,omitzero"` // "" unless the instance runs on a managed host
}

// ClockOptions describes the clock of an instance.
type ClockOptions struct {
	PTPStatus PTPStatus `json:"PtpStatus,omitzero"`
}

// SecurityOptions describes the secure boot settings of an instance.
type SecurityOptions struct {
	// EnableSecureBoot specifies whether UEFI Secure Boot is enabled. It is nil if the API did not report the setting.
	EnableSecureBoot *bool `json:"EnableSecureBoot,omitzero"`
}

// DedicatedHostAttribute identifies the dedicated host on which an instance runs. It is zero if the instance does not
// run on a dedicated host.
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

// ECSCapacityReservationAttr identifies the capacity reservation that an instance uses. It is zero if the instance uses
// no capacity reservation.
type ECSCapacityReservationAttr struct {
	CapacityReservationID         string `json:"CapacityReservationId"` // "cr-…"
	CapacityReservationPreference string `json:"CapacityReservationPreference"`
}

// HibernationOptions specifies whether hibernation is configured for an instance. It is available only to invited
// accounts, and zero for all other accounts.
type HibernationOptions struct {
	Configured bool `json:"Configured"`
}

// ImageOptions contains properties of an instance's image. A field is nil if the API did not report the property.
type ImageOptions struct {
	LoginAsNonRoot         *bool `json:"LoginAsNonRoot,omitzero"`
	CurrentOSNVMeSupported *bool `json:"CurrentOSNVMeSupported,omitzero"` // only with [AdditionalAttributeCurrentOSNVMeSupported]
}

// MetadataOptions describes the configuration of an instance's metadata service. It is filled only if the request
// includes [AdditionalAttributeMetaOptions].
type MetadataOptions struct {
	HTTPEndpoint            MetadataEndpoint     `json:"HttpEndpoint"`
	HTTPTokens              MetadataTokens       `json:"HttpTokens"`
	HTTPPutResponseHopLimit *int                 `json:"HttpPutResponseHopLimit,omitzero"` // nil if not reported
	InstanceMetadataTags    InstanceMetadataTags `json:"InstanceMetadataTags,omitzero"`
}

// PrivateDNSNameOptions describes the private DNS names of an instance. It is filled only if the request includes
// [AdditionalAttributePrivateDNSOptions]. A pointer field is nil if the API did not report the setting.
type PrivateDNSNameOptions struct {
	HostnameType                  HostnameType `json:"HostnameType,omitzero"`
	EnableInstanceIDDNSAAAARecord *bool        `json:"EnableInstanceIdDnsAAAARecord,omitzero"`
	EnableInstanceIDDNSARecord    *bool        `json:"EnableInstanceIdDnsARecord,omitzero"`
	EnableIPDNSARecord            *bool        `json:"EnableIpDnsARecord,omitzero"`
	EnableIPDNSPTRRecord          *bool        `json:"EnableIpDnsPtrRecord,omitzero"`
}
