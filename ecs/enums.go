package ecs

import "strings"

// The enumerations are open: a value the API adds later arrives as it is, and can be sent as it is.

// InstanceStatus is the life-cycle state of an instance.
type InstanceStatus string

// The states the API documents.
const (
	StatusPending  InstanceStatus = "Pending" // being created
	StatusRunning  InstanceStatus = "Running"
	StatusStarting InstanceStatus = "Starting"
	StatusStopping InstanceStatus = "Stopping"
	StatusStopped  InstanceStatus = "Stopped"
)

// StoppedMode says whether a stopped instance is still paid for.
type StoppedMode string

// The modes the API documents. Running instances carry StoppedModeNotApplicable.
const (
	StoppedModeKeepCharging  StoppedMode = "KeepCharging"
	StoppedModeStopCharging  StoppedMode = "StopCharging"
	StoppedModeNotApplicable StoppedMode = "Not-applicable"
)

// NetworkType is the kind of network an instance is in.
type NetworkType string

// The network types the API documents.
const (
	NetworkTypeVPC     NetworkType = "vpc"
	NetworkTypeClassic NetworkType = "classic" // out of service for new instances
)

// InstanceChargeType is how an instance is paid for.
type InstanceChargeType string

// The charge types the API documents.
const (
	ChargePrePaid  InstanceChargeType = "PrePaid"  // subscription
	ChargePostPaid InstanceChargeType = "PostPaid" // pay as you go, spot included
)

// InternetChargeType is how public traffic is paid for.
type InternetChargeType string

// The charge types the API documents.
const (
	InternetPayByBandwidth InternetChargeType = "PayByBandwidth"
	InternetPayByTraffic   InternetChargeType = "PayByTraffic"
)

// LockReason is why operations on an instance are locked. The API varies the case of its values; compare with Is.
type LockReason string

// The reasons the API documents.
const (
	LockFinancial              LockReason = "financial" // overdue payment
	LockSecurity               LockReason = "security"
	LockRecycling              LockReason = "recycling" // a spot instance about to be released
	LockDedicatedHostFinancial LockReason = "dedicatedhostfinancial"
	LockRefunded               LockReason = "refunded"
)

// Is reports whether both are the same reason, whatever the case of their letters.
func (r LockReason) Is(other LockReason) bool { return strings.EqualFold(string(r), string(other)) }

// SpotStrategy is how a spot instance bids.
type SpotStrategy string

// The strategies the API documents.
const (
	SpotNone           SpotStrategy = "NoSpot"
	SpotWithPriceLimit SpotStrategy = "SpotWithPriceLimit"
	SpotAsPriceGo      SpotStrategy = "SpotAsPriceGo"
)

// SpotInterruptionBehavior is what happens to a reclaimed spot instance.
type SpotInterruptionBehavior string

// The behaviours the API documents.
const (
	SpotTerminate SpotInterruptionBehavior = "Terminate"
	SpotStop      SpotInterruptionBehavior = "Stop"
)

// CreditSpecification is the mode of a burstable instance.
type CreditSpecification string

// The modes the API documents.
const (
	CreditStandard  CreditSpecification = "Standard"
	CreditUnlimited CreditSpecification = "Unlimited"
)

// NetworkInterfaceType tells the primary interface from the others.
type NetworkInterfaceType string

// The types the API documents.
const (
	InterfacePrimary   NetworkInterfaceType = "Primary"
	InterfaceSecondary NetworkInterfaceType = "Secondary"
)

// MetadataEndpoint says whether an instance's metadata service is on (API: HttpEndpoint).
type MetadataEndpoint string

// The values the API documents.
const (
	MetadataEnabled  MetadataEndpoint = "enabled"
	MetadataDisabled MetadataEndpoint = "disabled"
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
	AttributeMetaOptions            AdditionalAttribute = "META_OPTIONS"              // MetadataOptions
	AttributeDDHCluster             AdditionalAttribute = "DDH_CLUSTER"               // DedicatedHostAttribute.DedicatedHostClusterID
	AttributeNetworkPrimaryENIIP    AdditionalAttribute = "NETWORK_PRIMARY_ENI_IP"    // IPv6 addresses and prefixes of the primary interface
	AttributeCPUOptionsTopologyType AdditionalAttribute = "CPU_OPTIONS_TOPOLOGY_TYPE" // CPUOptions.TopologyType
	AttributePrivateDNSOptions      AdditionalAttribute = "PRIVATE_DNS_OPTIONS"       // PrivateDNSNameOptions
	AttributeCurrentOSNVMeSupported AdditionalAttribute = "CURRENT_OS_NVME_SUPPORTED" // ImageOptions.CurrentOSNVMeSupported
)

// Network picks the kind of endpoint a client talks to.
type Network string

// The networks. NetworkPublic is the zero value.
const (
	NetworkPublic Network = ""
	NetworkVPC    Network = "vpc" // reachable without public access, from inside the region's VPCs
)
