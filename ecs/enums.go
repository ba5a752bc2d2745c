package ecs

import "strings"

// The enum types are open: a value that the API adds later is kept as it is, and can be sent. "" means that the response does
// not say, or in a request that the parameter is not sent.

// InstanceStatus is the life-cycle state of an instance.
type InstanceStatus string

// The states the API documents.
const (
	InstanceStatusPending  InstanceStatus = "Pending" // being created
	InstanceStatusRunning  InstanceStatus = "Running"
	InstanceStatusStarting InstanceStatus = "Starting"
	InstanceStatusStopping InstanceStatus = "Stopping"
	InstanceStatusStopped  InstanceStatus = "Stopped"
)

// StoppedMode says whether a stopped instance is still billed.
type StoppedMode string

// The modes the API documents. Running instances carry StoppedModeNotApplicable.
const (
	StoppedModeKeepCharging  StoppedMode = "KeepCharging"
	StoppedModeStopCharging  StoppedMode = "StopCharging"
	StoppedModeNotApplicable StoppedMode = "Not-applicable"
)

// InstanceNetworkType is the kind of network an instance is in.
type InstanceNetworkType string

// The network types the API documents.
const (
	InstanceNetworkTypeVPC     InstanceNetworkType = "vpc"
	InstanceNetworkTypeClassic InstanceNetworkType = "classic" // out of service for new instances
)

// InstanceChargeType is how an instance is billed.
type InstanceChargeType string

// The charge types the API documents.
const (
	InstanceChargeTypePrePaid  InstanceChargeType = "PrePaid"  // subscription
	InstanceChargeTypePostPaid InstanceChargeType = "PostPaid" // pay as you go, spot included
)

// InternetChargeType is how public traffic is billed.
type InternetChargeType string

// The charge types the API documents.
const (
	InternetChargeTypePayByBandwidth InternetChargeType = "PayByBandwidth"
	InternetChargeTypePayByTraffic   InternetChargeType = "PayByTraffic"
)

// LockReason is why an instance is locked against operations. The API writes the values in varying case, such as "Recycling":
// compare with [LockReason.Is].
type LockReason string

// The reasons the API documents.
const (
	LockReasonFinancial              LockReason = "financial" // overdue payment
	LockReasonSecurity               LockReason = "security"
	LockReasonRecycling              LockReason = "recycling" // a spot instance about to be released
	LockReasonDedicatedHostFinancial LockReason = "dedicatedhostfinancial"
	LockReasonRefunded               LockReason = "refunded"
)

// Is reports whether r and other are the same reason, without regard to case.
func (r LockReason) Is(other LockReason) bool { return strings.EqualFold(string(r), string(other)) }

// SpotStrategy says whether an instance is a spot instance, and how its price is set.
type SpotStrategy string

// The strategies the API documents.
const (
	SpotStrategyNoSpot             SpotStrategy = "NoSpot"
	SpotStrategySpotWithPriceLimit SpotStrategy = "SpotWithPriceLimit"
	SpotStrategySpotAsPriceGo      SpotStrategy = "SpotAsPriceGo"
)

// SpotInterruptionBehavior is what happens to a reclaimed spot instance.
type SpotInterruptionBehavior string

// The behaviours the API documents.
const (
	SpotInterruptionBehaviorTerminate SpotInterruptionBehavior = "Terminate"
	SpotInterruptionBehaviorStop      SpotInterruptionBehavior = "Stop"
)

// CreditSpecification is the mode of a burstable instance.
type CreditSpecification string

// The modes the API documents.
const (
	CreditSpecificationStandard  CreditSpecification = "Standard"
	CreditSpecificationUnlimited CreditSpecification = "Unlimited"
)

// NetworkInterfaceType says whether a network interface is the primary one of its instance.
type NetworkInterfaceType string

// The types the API documents.
const (
	NetworkInterfaceTypePrimary   NetworkInterfaceType = "Primary"
	NetworkInterfaceTypeSecondary NetworkInterfaceType = "Secondary"
)

// MetadataEndpoint says whether an instance's metadata service is on (API: HttpEndpoint).
type MetadataEndpoint string

// The values the API documents.
const (
	MetadataEndpointEnabled  MetadataEndpoint = "enabled"
	MetadataEndpointDisabled MetadataEndpoint = "disabled"
)

// MetadataTokens says whether an instance's metadata service requires tokens (API: HttpTokens).
type MetadataTokens string

// The values the API documents.
const (
	MetadataTokensOptional MetadataTokens = "optional"
	MetadataTokensRequired MetadataTokens = "required"
)

// AdditionalAttribute is a request for members of [Instance] that DescribeInstances otherwise leaves empty.
type AdditionalAttribute string

// The known attributes (API: AdditionalAttributes.N), each with the members that it fills.
const (
	AdditionalAttributeMetaOptions            AdditionalAttribute = "META_OPTIONS"              // MetadataOptions
	AdditionalAttributeDDHCluster             AdditionalAttribute = "DDH_CLUSTER"               // DedicatedHostAttribute.DedicatedHostClusterID
	AdditionalAttributeNetworkPrimaryENIIP    AdditionalAttribute = "NETWORK_PRIMARY_ENI_IP"    // IPv6 addresses and prefixes of the primary interface
	AdditionalAttributeCPUOptionsTopologyType AdditionalAttribute = "CPU_OPTIONS_TOPOLOGY_TYPE" // CPUOptions.TopologyType
	AdditionalAttributePrivateDNSOptions      AdditionalAttribute = "PRIVATE_DNS_OPTIONS"       // PrivateDNSNameOptions
	AdditionalAttributeCurrentOSNVMeSupported AdditionalAttribute = "CURRENT_OS_NVME_SUPPORTED" // ImageOptions.CurrentOSNVMeSupported
	AdditionalAttributeSecureBoot             AdditionalAttribute = "SECURE_BOOT"               // SecurityOptions; not documented by the API
)

// OSType is the kind of operating system of an instance.
type OSType string

// The types the API documents.
const (
	OSTypeLinux   OSType = "linux"
	OSTypeWindows OSType = "windows"
)

// Affinity says whether an instance on a dedicated host stays on that host when it is restarted.
type Affinity string

// The values the API documents.
const (
	AffinityDefault Affinity = "default" // not tied to one host
	AffinityHost    Affinity = "host"
)

// Tenancy says whether an instance runs on a dedicated host.
type Tenancy string

// The values the API documents.
const (
	TenancyDefault Tenancy = "default" // on a shared host
	TenancyHost    Tenancy = "host"
)

// HostnameType says what the private DNS name of an instance is made from.
type HostnameType string

// The values the API documents.
const (
	HostnameTypeCustom          HostnameType = "Custom"
	HostnameTypeIPBased         HostnameType = "IpBased"
	HostnameTypeInstanceIDBased HostnameType = "InstanceIdBased"
)

// PTPStatus says whether the Precision Time Protocol is on.
type PTPStatus string

// The values the API documents.
const (
	PTPStatusEnabled  PTPStatus = "enabled"
	PTPStatusDisabled PTPStatus = "disabled"
)

// InstanceMetadataTags says whether an instance's tags can be read from its metadata service.
type InstanceMetadataTags string

// The values the API documents.
const (
	InstanceMetadataTagsEnabled  InstanceMetadataTags = "enabled"
	InstanceMetadataTagsDisabled InstanceMetadataTags = "disabled"
)

// RegionStatus says whether instances can be bought in a region.
type RegionStatus string

// The values the API documents.
const (
	RegionStatusAvailable RegionStatus = "available"
	RegionStatusSoldOut   RegionStatus = "soldOut"
)

// ResourceType is a kind of resource. DescribeRegions lists the regions in which one can be bought; ListTagResources
// lists the tags of one.
type ResourceType string

// The most common types. The API documents more, which can be converted to a ResourceType.
const (
	ResourceTypeInstance ResourceType = "instance"
	ResourceTypeDisk     ResourceType = "disk"
	ResourceTypeImage    ResourceType = "image"
	ResourceTypeSnapshot ResourceType = "snapshot"
	ResourceTypeENI      ResourceType = "eni"
)

// Network selects the kind of endpoint that a client uses.
type Network string

// The networks. NetworkPublic is the zero value.
const (
	NetworkPublic Network = ""
	NetworkVPC    Network = "vpc" // reachable only from VPCs of the region, which need no public access for it
)
