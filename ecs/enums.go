package ecs

import "strings"

// The types in this file are open enums: values without a constant are valid, because the API may add values. In a
// response, "" means that the API did not report the value. In a request, "" means that the field is not sent.

// InstanceStatus is the status of an instance, such as "Running".
type InstanceStatus string

// The instance statuses that the API documents.
const (
	InstanceStatusPending  InstanceStatus = "Pending" // the instance is being created
	InstanceStatusRunning  InstanceStatus = "Running"
	InstanceStatusStarting InstanceStatus = "Starting"
	InstanceStatusStopping InstanceStatus = "Stopping"
	InstanceStatusStopped  InstanceStatus = "Stopped"
)

// StoppedMode is the billing mode of a stopped instance.
type StoppedMode string

// The stopped modes that the API documents. An instance that is not stopped has the mode StoppedModeNotApplicable.
const (
	StoppedModeKeepCharging  StoppedMode = "KeepCharging"
	StoppedModeStopCharging  StoppedMode = "StopCharging"
	StoppedModeNotApplicable StoppedMode = "Not-applicable"
)

// InstanceNetworkType is the type of network that an instance belongs to.
type InstanceNetworkType string

// The network types that the API documents.
const (
	InstanceNetworkTypeVPC     InstanceNetworkType = "vpc"
	InstanceNetworkTypeClassic InstanceNetworkType = "classic" // not available for new instances
)

// InstanceChargeType is the billing method of an instance.
type InstanceChargeType string

// The values of InstanceChargeType that the API documents.
const (
	InstanceChargeTypePrePaid  InstanceChargeType = "PrePaid"  // subscription
	InstanceChargeTypePostPaid InstanceChargeType = "PostPaid" // pay as you go, including spot instances
)

// InternetChargeType is the billing method for public network traffic.
type InternetChargeType string

// The values of InternetChargeType that the API documents.
const (
	InternetChargeTypePayByBandwidth InternetChargeType = "PayByBandwidth"
	InternetChargeTypePayByTraffic   InternetChargeType = "PayByTraffic"
)

// LockReason is the reason why an instance is locked. The API returns the same reason in different cases, such as
// "recycling" and "Recycling". Use [LockReason.Is] to compare values.
type LockReason string

// The lock reasons that the API documents.
const (
	LockReasonFinancial              LockReason = "financial" // overdue payment
	LockReasonSecurity               LockReason = "security"
	LockReasonRecycling              LockReason = "recycling" // the spot instance is about to be released
	LockReasonDedicatedHostFinancial LockReason = "dedicatedhostfinancial"
	LockReasonRefunded               LockReason = "refunded"
)

// Is reports whether r and other are equal, ignoring case.
func (r LockReason) Is(other LockReason) bool { return strings.EqualFold(string(r), string(other)) }

// SpotStrategy is the bidding strategy of a spot instance. It is SpotStrategyNoSpot for all other instances.
type SpotStrategy string

// The bidding strategies that the API documents.
const (
	SpotStrategyNoSpot             SpotStrategy = "NoSpot"
	SpotStrategySpotWithPriceLimit SpotStrategy = "SpotWithPriceLimit"
	SpotStrategySpotAsPriceGo      SpotStrategy = "SpotAsPriceGo"
)

// SpotInterruptionBehavior determines whether a spot instance is released or stopped when it is reclaimed.
type SpotInterruptionBehavior string

// The interruption behaviors that the API documents.
const (
	SpotInterruptionBehaviorTerminate SpotInterruptionBehavior = "Terminate"
	SpotInterruptionBehaviorStop      SpotInterruptionBehavior = "Stop"
)

// CreditSpecification is the performance mode of a burstable instance.
type CreditSpecification string

// The performance modes that the API documents.
const (
	CreditSpecificationStandard  CreditSpecification = "Standard"
	CreditSpecificationUnlimited CreditSpecification = "Unlimited"
)

// NetworkInterfaceType specifies whether a network interface is a primary or a secondary interface.
type NetworkInterfaceType string

// The values of NetworkInterfaceType that the API documents.
const (
	NetworkInterfaceTypePrimary   NetworkInterfaceType = "Primary"
	NetworkInterfaceTypeSecondary NetworkInterfaceType = "Secondary"
)

// MetadataEndpoint specifies whether an instance's metadata service is enabled.
type MetadataEndpoint string

// The values of MetadataEndpoint that the API documents.
const (
	MetadataEndpointEnabled  MetadataEndpoint = "enabled"
	MetadataEndpointDisabled MetadataEndpoint = "disabled"
)

// MetadataTokens specifies whether an instance's metadata service requires tokens.
type MetadataTokens string

// The values of MetadataTokens that the API documents.
const (
	MetadataTokensOptional MetadataTokens = "optional"
	MetadataTokensRequired MetadataTokens = "required"
)

// AdditionalAttribute selects fields of [Instance] that DescribeInstances fills only on request.
type AdditionalAttribute string

// The known attributes. The comment on each constant names the fields that the attribute selects.
const (
	AdditionalAttributeMetaOptions            AdditionalAttribute = "META_OPTIONS"              // MetadataOptions
	AdditionalAttributeDDHCluster             AdditionalAttribute = "DDH_CLUSTER"               // DedicatedHostAttribute.DedicatedHostClusterID
	AdditionalAttributeNetworkPrimaryENIIP    AdditionalAttribute = "NETWORK_PRIMARY_ENI_IP"    // IPv6 addresses and prefixes of the primary interface
	AdditionalAttributeCPUOptionsTopologyType AdditionalAttribute = "CPU_OPTIONS_TOPOLOGY_TYPE" // CPUOptions.TopologyType
	AdditionalAttributePrivateDNSOptions      AdditionalAttribute = "PRIVATE_DNS_OPTIONS"       // PrivateDNSNameOptions
	AdditionalAttributeCurrentOSNVMeSupported AdditionalAttribute = "CURRENT_OS_NVME_SUPPORTED" // ImageOptions.CurrentOSNVMeSupported
	// AdditionalAttributeSecureBoot fills SecurityOptions. The API does not document this attribute.
	AdditionalAttributeSecureBoot AdditionalAttribute = "SECURE_BOOT"
)

// OSType is the type of an instance's operating system.
type OSType string

// The values of OSType that the API documents.
const (
	OSTypeLinux   OSType = "linux"
	OSTypeWindows OSType = "windows"
)

// Affinity specifies whether a restarted instance remains on the same dedicated host.
type Affinity string

// The values of Affinity that the API documents.
const (
	AffinityDefault Affinity = "default" // the instance may be moved to another host
	AffinityHost    Affinity = "host"
)

// Tenancy specifies whether an instance runs on a dedicated host.
type Tenancy string

// The values of Tenancy that the API documents.
const (
	TenancyDefault Tenancy = "default" // the instance runs on a shared host
	TenancyHost    Tenancy = "host"
)

// HostnameType specifies how the private DNS name of an instance is formed.
type HostnameType string

// The values of HostnameType that the API documents.
const (
	HostnameTypeCustom          HostnameType = "Custom"
	HostnameTypeIPBased         HostnameType = "IpBased"
	HostnameTypeInstanceIDBased HostnameType = "InstanceIdBased"
)

// PTPStatus specifies whether the Precision Time Protocol is enabled.
type PTPStatus string

// The values of PTPStatus that the API documents.
const (
	PTPStatusEnabled  PTPStatus = "enabled"
	PTPStatusDisabled PTPStatus = "disabled"
)

// InstanceMetadataTags specifies whether an instance's tags can be read from its metadata service.
type InstanceMetadataTags string

// The values of InstanceMetadataTags that the API documents.
const (
	InstanceMetadataTagsEnabled  InstanceMetadataTags = "enabled"
	InstanceMetadataTagsDisabled InstanceMetadataTags = "disabled"
)

// RegionStatus specifies whether new instances are available in a region.
type RegionStatus string

// The values of RegionStatus that the API documents.
const (
	RegionStatusAvailable RegionStatus = "available"
	RegionStatusSoldOut   RegionStatus = "soldOut"
)

// ResourceType is a type of ECS resource, such as an instance or a disk.
type ResourceType string

// The most common resource types. To use another type, convert its name in the API documentation to ResourceType.
const (
	ResourceTypeInstance ResourceType = "instance"
	ResourceTypeDisk     ResourceType = "disk"
	ResourceTypeImage    ResourceType = "image"
	ResourceTypeSnapshot ResourceType = "snapshot"
	ResourceTypeENI      ResourceType = "eni"
)

// Network selects the public endpoint or the VPC endpoint of a region.
type Network string

// The networks from which a client can reach the API. NetworkPublic is the zero value.
const (
	NetworkPublic Network = ""
	NetworkVPC    Network = "vpc" // reachable only from VPCs in the region, without internet access
)
