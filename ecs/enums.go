package ecs

import "strings"

// The enum types are open: a value that the API adds later is kept unchanged and can be sent. In a response, ""
// means that the value was not reported; in a request, "" is not sent.

// InstanceStatus is the life-cycle state of an instance.
type InstanceStatus string

// The documented states.
const (
	InstanceStatusPending  InstanceStatus = "Pending" // being created
	InstanceStatusRunning  InstanceStatus = "Running"
	InstanceStatusStarting InstanceStatus = "Starting"
	InstanceStatusStopping InstanceStatus = "Stopping"
	InstanceStatusStopped  InstanceStatus = "Stopped"
)

// StoppedMode is the billing mode of a stopped instance.
type StoppedMode string

// The documented modes. Running instances have StoppedModeNotApplicable.
const (
	StoppedModeKeepCharging  StoppedMode = "KeepCharging"
	StoppedModeStopCharging  StoppedMode = "StopCharging"
	StoppedModeNotApplicable StoppedMode = "Not-applicable"
)

// InstanceNetworkType is the type of network that an instance belongs to.
type InstanceNetworkType string

// The documented network types.
const (
	InstanceNetworkTypeVPC     InstanceNetworkType = "vpc"
	InstanceNetworkTypeClassic InstanceNetworkType = "classic" // out of service for new instances
)

// InstanceChargeType is the billing method of an instance.
type InstanceChargeType string

// The documented charge types.
const (
	InstanceChargeTypePrePaid  InstanceChargeType = "PrePaid"  // subscription
	InstanceChargeTypePostPaid InstanceChargeType = "PostPaid" // pay as you go, including spot instances
)

// InternetChargeType is the billing method of public traffic.
type InternetChargeType string

// The documented charge types.
const (
	InternetChargeTypePayByBandwidth InternetChargeType = "PayByBandwidth"
	InternetChargeTypePayByTraffic   InternetChargeType = "PayByTraffic"
)

// LockReason is the reason why operations on an instance are locked. The API writes the values in varying case,
// such as "Recycling": compare with [LockReason.Is].
type LockReason string

// The documented reasons.
const (
	LockReasonFinancial              LockReason = "financial" // overdue payment
	LockReasonSecurity               LockReason = "security"
	LockReasonRecycling              LockReason = "recycling" // a spot instance about to be released
	LockReasonDedicatedHostFinancial LockReason = "dedicatedhostfinancial"
	LockReasonRefunded               LockReason = "refunded"
)

// Is reports whether r and other are the same reason, ignoring case.
func (r LockReason) Is(other LockReason) bool { return strings.EqualFold(string(r), string(other)) }

// SpotStrategy is the pricing strategy of a spot instance, or SpotStrategyNoSpot.
type SpotStrategy string

// The documented strategies.
const (
	SpotStrategyNoSpot             SpotStrategy = "NoSpot"
	SpotStrategySpotWithPriceLimit SpotStrategy = "SpotWithPriceLimit"
	SpotStrategySpotAsPriceGo      SpotStrategy = "SpotAsPriceGo"
)

// SpotInterruptionBehavior determines what happens to a spot instance that is reclaimed.
type SpotInterruptionBehavior string

// The documented behaviors.
const (
	SpotInterruptionBehaviorTerminate SpotInterruptionBehavior = "Terminate"
	SpotInterruptionBehaviorStop      SpotInterruptionBehavior = "Stop"
)

// CreditSpecification is the performance mode of a burstable instance.
type CreditSpecification string

// The documented modes.
const (
	CreditSpecificationStandard  CreditSpecification = "Standard"
	CreditSpecificationUnlimited CreditSpecification = "Unlimited"
)

// NetworkInterfaceType distinguishes the primary network interface of an instance from the secondary ones.
type NetworkInterfaceType string

// The documented types.
const (
	NetworkInterfaceTypePrimary   NetworkInterfaceType = "Primary"
	NetworkInterfaceTypeSecondary NetworkInterfaceType = "Secondary"
)

// MetadataEndpoint is the state of an instance's metadata service, enabled or disabled (API: HttpEndpoint).
type MetadataEndpoint string

// The documented values.
const (
	MetadataEndpointEnabled  MetadataEndpoint = "enabled"
	MetadataEndpointDisabled MetadataEndpoint = "disabled"
)

// MetadataTokens determines whether an instance's metadata service requires tokens (API: HttpTokens).
type MetadataTokens string

// The documented values.
const (
	MetadataTokensOptional MetadataTokens = "optional"
	MetadataTokensRequired MetadataTokens = "required"
)

// AdditionalAttribute requests members of [Instance] that DescribeInstances leaves empty by default.
type AdditionalAttribute string

// The known attributes (API: AdditionalAttributes.N), each with the fields that it fills.
const (
	AdditionalAttributeMetaOptions            AdditionalAttribute = "META_OPTIONS"              // MetadataOptions
	AdditionalAttributeDDHCluster             AdditionalAttribute = "DDH_CLUSTER"               // DedicatedHostAttribute.DedicatedHostClusterID
	AdditionalAttributeNetworkPrimaryENIIP    AdditionalAttribute = "NETWORK_PRIMARY_ENI_IP"    // IPv6 addresses and prefixes of the primary interface
	AdditionalAttributeCPUOptionsTopologyType AdditionalAttribute = "CPU_OPTIONS_TOPOLOGY_TYPE" // CPUOptions.TopologyType
	AdditionalAttributePrivateDNSOptions      AdditionalAttribute = "PRIVATE_DNS_OPTIONS"       // PrivateDNSNameOptions
	AdditionalAttributeCurrentOSNVMeSupported AdditionalAttribute = "CURRENT_OS_NVME_SUPPORTED" // ImageOptions.CurrentOSNVMeSupported
	// AdditionalAttributeSecureBoot fills SecurityOptions. The API does not document it.
	AdditionalAttributeSecureBoot AdditionalAttribute = "SECURE_BOOT"
)

// OSType is the type of operating system of an instance.
type OSType string

// The documented types.
const (
	OSTypeLinux   OSType = "linux"
	OSTypeWindows OSType = "windows"
)

// Affinity determines whether an instance on a dedicated host stays on that host when it is restarted.
type Affinity string

// The documented values.
const (
	AffinityDefault Affinity = "default" // not tied to one host
	AffinityHost    Affinity = "host"
)

// Tenancy determines whether an instance runs on a dedicated host.
type Tenancy string

// The documented values.
const (
	TenancyDefault Tenancy = "default" // on a shared host
	TenancyHost    Tenancy = "host"
)

// HostnameType determines how the private DNS name of an instance is formed.
type HostnameType string

// The documented values.
const (
	HostnameTypeCustom          HostnameType = "Custom"
	HostnameTypeIPBased         HostnameType = "IpBased"
	HostnameTypeInstanceIDBased HostnameType = "InstanceIdBased"
)

// PTPStatus is the state of the Precision Time Protocol.
type PTPStatus string

// The documented values.
const (
	PTPStatusEnabled  PTPStatus = "enabled"
	PTPStatusDisabled PTPStatus = "disabled"
)

// InstanceMetadataTags determines whether an instance's tags can be read from its metadata service.
type InstanceMetadataTags string

// The documented values.
const (
	InstanceMetadataTagsEnabled  InstanceMetadataTags = "enabled"
	InstanceMetadataTagsDisabled InstanceMetadataTags = "disabled"
)

// RegionStatus is the availability of instances in a region.
type RegionStatus string

// The documented values.
const (
	RegionStatusAvailable RegionStatus = "available"
	RegionStatusSoldOut   RegionStatus = "soldOut"
)

// ResourceType is a type of resource. DescribeRegions lists the regions in which resources of that type can be
// bought; ListTagResources lists their tags.
type ResourceType string

// The most common types. The API documents more; convert their names to ResourceType.
const (
	ResourceTypeInstance ResourceType = "instance"
	ResourceTypeDisk     ResourceType = "disk"
	ResourceTypeImage    ResourceType = "image"
	ResourceTypeSnapshot ResourceType = "snapshot"
	ResourceTypeENI      ResourceType = "eni"
)

// Network selects which endpoint of a region a client uses.
type Network string

// The networks. NetworkPublic is the zero value.
const (
	NetworkPublic Network = ""
	NetworkVPC    Network = "vpc" // reachable only from VPCs of the region, without internet access
)
