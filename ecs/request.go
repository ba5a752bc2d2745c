package ecs

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/google/go-querystring/query"
)

// Limits of one DescribeInstances request, from the API's parameter table.
const (
	maxPerRequest = 100 // ids or addresses in one list, rows in one page
	maxTags       = 20
	maxAttributes = 20
)

// DescribeInstancesRequest filters a listing. The zero value asks for every instance of the client's region.
//
// All given filters must match (AND). A zero field is not sent. It is passed by value and never modified, so one
// request may serve any number of goroutines. Each comment names the API parameter where it differs from the field.
type DescribeInstancesRequest struct {
	VPCID           string `url:"VpcId,omitempty"`
	VSwitchID       string `url:"VSwitchId,omitempty"`
	ZoneID          string `url:"ZoneId,omitempty"`
	SecurityGroupID string `url:"SecurityGroupId,omitempty"`
	ImageID         string `url:"ImageId,omitempty"`
	KeyPairName     string `url:"KeyPairName,omitempty"`
	// ResourceGroupID: the API stops at 1,000 instances without a sign; the iterators go on, see [CappedError].
	// Whether the default group can be asked for is documented both ways.
	ResourceGroupID string `url:"ResourceGroupId,omitempty"`
	HPCClusterID    string `url:"HpcClusterId,omitempty"`
	// InstanceName may hold "*" as a wildcard.
	InstanceName       string `url:"InstanceName,omitempty"`
	InstanceType       string `url:"InstanceType,omitempty"`
	InstanceTypeFamily string `url:"InstanceTypeFamily,omitempty"`
	// RDMAIPAddresses is a single address; whether the API takes several here is not documented.
	RDMAIPAddresses string `url:"RdmaIpAddresses,omitempty"`

	// InstanceNetworkType: "" is sent as the network that the address lists below need, if any is set, since the API
	// would not look at them otherwise. The other network than they are of is refused.
	InstanceNetworkType InstanceNetworkType `url:"InstanceNetworkType,omitempty"`
	InstanceChargeType  InstanceChargeType  `url:"InstanceChargeType,omitempty"`
	InternetChargeType  InternetChargeType  `url:"InternetChargeType,omitempty"`
	Status              InstanceStatus      `url:"Status,omitempty"`
	LockReason          LockReason          `url:"LockReason,omitempty"`
	HTTPEndpoint        MetadataEndpoint    `url:"HttpEndpoint,omitempty"`
	HTTPTokens          MetadataTokens      `url:"HttpTokens,omitempty"`

	// Lists of at most 100. nil is no filter; an empty list matches nothing. The iterators accept any number of
	// InstanceIDs and ask in batches; a single DescribeInstances refuses more than 100. An id that is there twice is sent once.
	InstanceIDs        JSONList `url:"InstanceIds"`
	InnerIPAddresses   JSONList `url:"InnerIpAddresses"`   // of the classic network
	PrivateIPAddresses JSONList `url:"PrivateIpAddresses"` // of a VPC
	PublicIPAddresses  JSONList `url:"PublicIpAddresses"`
	EIPAddresses       JSONList `url:"EipAddresses"` // of a VPC

	// IPv6Addresses (Ipv6Address.N), at most 100. The API has no form for a list that matches nothing: nil and empty are
	// no filter. An empty address is refused, since it may be none either.
	IPv6Addresses RepeatList[string] `url:"Ipv6Address"`
	// Tags (Tag.N.Key, Tag.N.Value), at most 20, all of which must match; nil and empty are no filter. The API
	// stops at 1,000 instances without a sign; the iterators go on, see [CappedError].
	Tags TagList `url:"Tag"`
	// AdditionalAttributes (AdditionalAttributes.N), at most 20, ask for members left empty otherwise.
	AdditionalAttributes RepeatList[AdditionalAttribute] `url:"AdditionalAttributes"`

	// Time windows (Filter.1 CreationStartTime … Filter.4 ExpiredEndTime). The API knows whole minutes in UTC: After is
	// rounded down and Before up, so that rounding can only widen a window. Whether the API's bounds are inclusive is
	// not documented.
	CreatedAfter  time.Time `url:"-"`
	CreatedBefore time.Time `url:"-"`
	ExpiresAfter  time.Time `url:"-"`
	ExpiresBefore time.Time `url:"-"`

	// nil is not sent.
	IOOptimized             *bool `url:"IoOptimized,omitempty"`
	NeedSaleCycle           *bool `url:"NeedSaleCycle,omitempty"`           // by invitation
	DeviceAvailable         *bool `url:"DeviceAvailable,omitempty"`         // by invitation
	HTTPPutResponseHopLimit *int  `url:"HttpPutResponseHopLimit,omitempty"` // by invitation

	// Page mode, only in a single DescribeInstances: PageNumber from 1, PageSize up to 100 (API default 10). The API
	// has announced its end. The iterators refuse it, and so does a request that also sets MaxResults or NextToken,
	// because the API would ignore the page silently.
	PageNumber int `url:"PageNumber,omitempty"`
	PageSize   int `url:"PageSize,omitempty"`
	// MaxResults is the page size of token mode. The API raises values below 10 to 10 and cuts those above 100.
	// 0 is 100 in the iterators and the API's 10 in a single DescribeInstances.
	MaxResults int `url:"MaxResults,omitempty"`
	// NextToken continues an earlier listing with the same filters.
	NextToken string `url:"NextToken,omitempty"`

	// For calls on behalf of another account.
	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// wireRequest is what travels: the request and what the caller cannot set.
type wireRequest struct {
	DescribeInstancesRequest
	RegionID      string     `url:"RegionId"`
	CreatedAfter  timeFilter `url:"Filter.1"`
	CreatedBefore timeFilter `url:"Filter.2"`
	ExpiresAfter  timeFilter `url:"Filter.3"`
	ExpiresBefore timeFilter `url:"Filter.4"`
	DryRun        bool       `url:"DryRun,omitempty"`
}

// encode checks the request and gives its parameters. It refuses only what is sure to be wrong.
func (r DescribeInstancesRequest) encode(region string, dryRun bool) (url.Values, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	r.InstanceNetworkType = cmp.Or(r.InstanceNetworkType, r.impliedNetwork())
	if len(r.InstanceIDs) > 1 {
		r.InstanceIDs = unique(r.InstanceIDs)
	}
	return query.Values(wireRequest{
		DescribeInstancesRequest: r,
		RegionID:                 region,
		CreatedAfter:             timeFilter{"CreationStartTime", floorMinute(r.CreatedAfter)},
		CreatedBefore:            timeFilter{"CreationEndTime", ceilMinute(r.CreatedBefore)},
		ExpiresAfter:             timeFilter{"ExpiredStartTime", floorMinute(r.ExpiresAfter)},
		ExpiresBefore:            timeFilter{"ExpiredEndTime", ceilMinute(r.ExpiresBefore)},
		DryRun:                   dryRun,
	})
}

// impliedNetwork is the network whose addresses the request names.
func (r DescribeInstancesRequest) impliedNetwork() InstanceNetworkType {
	switch {
	case r.PrivateIPAddresses != nil || r.EIPAddresses != nil:
		return InstanceNetworkTypeVPC
	case r.InnerIPAddresses != nil:
		return InstanceNetworkTypeClassic
	default:
		return ""
	}
}

func (r DescribeInstancesRequest) validate() error {
	for _, l := range []struct {
		field    string
		len, max int
	}{
		{"InstanceIDs", len(r.InstanceIDs), maxPerRequest},
		{"InnerIPAddresses", len(r.InnerIPAddresses), maxPerRequest},
		{"PrivateIPAddresses", len(r.PrivateIPAddresses), maxPerRequest},
		{"PublicIPAddresses", len(r.PublicIPAddresses), maxPerRequest},
		{"EIPAddresses", len(r.EIPAddresses), maxPerRequest},
		{"IPv6Addresses", len(r.IPv6Addresses), maxPerRequest},
		{"Tags", len(r.Tags), maxTags},
		{"AdditionalAttributes", len(r.AdditionalAttributes), maxAttributes},
	} {
		if l.len > l.max {
			return invalid(l.field, "has %d elements, the API takes at most %d", l.len, l.max)
		}
	}
	if err := r.checkNetwork(); err != nil {
		return err
	}
	if i := slices.Index(r.IPv6Addresses, ""); i >= 0 {
		return invalid(fmt.Sprintf("IPv6Addresses[%d]", i), "is empty, which may be no filter at all")
	}
	if err := checkTags(r.Tags); err != nil {
		return err
	}
	for _, n := range []struct {
		field string
		value int
	}{{"PageNumber", r.PageNumber}, {"PageSize", r.PageSize}, {"MaxResults", r.MaxResults}} {
		if n.value < 0 {
			return invalid(n.field, "is %d, must not be negative", n.value)
		}
	}
	if l := r.HTTPPutResponseHopLimit; l != nil && *l < 0 {
		return invalid("HTTPPutResponseHopLimit", "is %d, must not be negative", *l)
	}
	if (r.PageNumber != 0 || r.PageSize != 0) && (r.MaxResults != 0 || r.NextToken != "") {
		return invalid("PageNumber", "and PageSize are ignored by the API together with MaxResults or NextToken: use one kind of paging")
	}
	return nil
}

// checkNetwork finds addresses that the API would not look at: it would list the whole network instead.
func (r DescribeInstancesRequest) checkNetwork() error {
	vpc := r.PrivateIPAddresses != nil || r.EIPAddresses != nil
	switch inner := r.InnerIPAddresses != nil; {
	case r.InstanceNetworkType == "" && inner && vpc:
		return invalid("InnerIPAddresses", "are of another network than PrivateIPAddresses and EIPAddresses: no instance has both")
	case r.InstanceNetworkType == InstanceNetworkTypeVPC && inner && !vpc:
		return invalid("InnerIPAddresses", "are of the classic network, and the API ignores them in a VPC: leave InstanceNetworkType empty")
	case r.InstanceNetworkType == InstanceNetworkTypeClassic && vpc && !inner:
		field := "PrivateIPAddresses"
		if r.PrivateIPAddresses == nil {
			field = "EIPAddresses"
		}
		return invalid(field, "are of a VPC, and the API ignores them in the classic network: leave InstanceNetworkType empty")
	}
	return nil
}

// matchesNothing reports a filter that the API answers with an empty list by definition.
func (r DescribeInstancesRequest) matchesNothing() bool {
	for _, l := range []JSONList{r.InstanceIDs, r.InnerIPAddresses, r.PrivateIPAddresses, r.PublicIPAddresses, r.EIPAddresses} {
		if l != nil && len(l) == 0 {
			return true
		}
	}
	return false
}
