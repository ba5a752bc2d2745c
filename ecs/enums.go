package ecs

import "strings"

// The enumerations are open: a value the API adds later arrives as it is, and can be sent as it is.

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

// StoppedMode says whether a stopped instance is still paid for.
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

// InstanceChargeType is how an instance is paid for.
type InstanceChargeType string

// The charge types the API documents.
const (
	InstanceChargeTypePrePaid  InstanceChargeType = "PrePaid"  // subscription
	InstanceChargeTypePostPaid InstanceChargeType = "PostPaid" // pay as you go, spot included
)

// InternetChargeType is how public traffic is paid for.
type InternetChargeType string

// The charge types the API documents.
const (
	InternetChargeTypePayByBandwidth InternetChargeType = "PayByBandwidth"
	InternetChargeTypePayByTraffic   InternetChargeType = "PayByTraffic"
)

// LockReason is why operations on an instance are locked. The API varies the case of its values; compare with Is.
type LockReason string

// The reasons the API documents.
const (
	LockReasonFinancial              LockReason = "financial" // overdue payment
	LockReasonSecurity               LockReason = "security"
	LockReasonRecycling              LockReason = "recycling" // a spot instance about to be released
	LockReasonDedicatedHostFinancial LockReason = "dedicatedhostfinancial"
	LockReasonRefunded               LockReason = "refunded"
)

// Is reports whether both are the same reason, whatever the case of their letters.
func (r LockReason) Is(other LockReason) bool { return strings.EqualFold(string(r), string(other)) }

// SpotStrategy is how a spot instance bids.
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

// NetworkInterfaceType tells the primary interface from the others.
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

// MetadataTokens says whether an instance's metadata service insists on tokens (API: HttpTokens).
type MetadataTokens string

// The values the API documents.
const (
	MetadataTokensOptional MetadataTokens = "optional"
	MetadataTokensRequired MetadataTokens = "required"
)

// AdditionalAttribute asks for members of [Instance] that DescribeInstances leaves empty otherwise.
type AdditionalAttribute string

// The attributes known today (API: AdditionalAttributes.N).
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

// HostnameType is how the private DNS name of an instance is made.
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

// The types that DescribeRegions and ListTagResources have in common, and those of ListTagResources that are asked for
// most. The API documents more; any of them may be given as a ResourceType.
const (
	ResourceTypeInstance ResourceType = "instance"
	ResourceTypeDisk     ResourceType = "disk"
	ResourceTypeImage    ResourceType = "image"
	ResourceTypeSnapshot ResourceType = "snapshot"
	ResourceTypeENI      ResourceType = "eni"
)

// Network picks the kind of endpoint a client talks to.
type Network string

// The networks. NetworkPublic is the zero value.
const (
	NetworkPublic Network = ""
	NetworkVPC    Network = "vpc" // reachable without public access, from inside the region's VPCs
)
