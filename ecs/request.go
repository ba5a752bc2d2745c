package ecs

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/google/go-querystring/query"
)

// Limits of one DescribeInstances request, according to the API's parameter table.
const (
	maxPerRequest = 100 // maximum number of elements in a list of ids or addresses, and of instances on a page
	maxTags       = 20
	maxAttributes = 20
)

// DescribeInstancesRequest filters a listing. An instance must match all filters that are set. The zero value matches
// every instance in the client's region.
//
// Zero fields are not sent. Requests are passed by value and never modified, so several goroutines may use the same
// request.
type DescribeInstancesRequest struct {
	VPCID           string `url:"VpcId,omitempty"`
	VSwitchID       string `url:"VSwitchId,omitempty"`
	ZoneID          string `url:"ZoneId,omitempty"`
	SecurityGroupID string `url:"SecurityGroupId,omitempty"`
	ImageID         string `url:"ImageId,omitempty"`
	KeyPairName     string `url:"KeyPairName,omitempty"`
	// ResourceGroupID matches the members of a resource group. The API returns at most 1,000 members without reporting
	// that more exist. The listing methods fetch the remaining members by id, or end with a [CappedError]. The API's
	// documentation contradicts itself about whether this filter supports the default resource group.
	ResourceGroupID string `url:"ResourceGroupId,omitempty"`
	HPCClusterID    string `url:"HpcClusterId,omitempty"`
	// InstanceName may contain the wildcard "*".
	InstanceName       string `url:"InstanceName,omitempty"`
	InstanceType       string `url:"InstanceType,omitempty"`
	InstanceTypeFamily string `url:"InstanceTypeFamily,omitempty"`
	// RDMAIPAddresses is a single address.
	RDMAIPAddresses string `url:"RdmaIpAddresses,omitempty"`

	// InstanceNetworkType is the type of network. It may be "" if PrivateIPAddresses, EIPAddresses or InnerIPAddresses
	// is set: the client then sends the network type of these addresses, because the API ignores addresses without a
	// network type. A network type that contradicts the addresses is an error that matches ErrInvalidParameter.
	InstanceNetworkType InstanceNetworkType `url:"InstanceNetworkType,omitempty"`
	InstanceChargeType  InstanceChargeType  `url:"InstanceChargeType,omitempty"`
	InternetChargeType  InternetChargeType  `url:"InternetChargeType,omitempty"`
	Status              InstanceStatus      `url:"Status,omitempty"`
	LockReason          LockReason          `url:"LockReason,omitempty"`
	HTTPEndpoint        MetadataEndpoint    `url:"HttpEndpoint,omitempty"`
	HTTPTokens          MetadataTokens      `url:"HttpTokens,omitempty"`

	// The fields below are lists of ids and addresses. A nil list does not filter, and an empty list matches nothing.
	// An empty id or address is an error that matches ErrInvalidParameter. Duplicates are sent only once.
	//
	// DescribeInstances accepts at most 100 elements in each list. The listing methods accept one list with more than
	// 100 elements, and send it in batches of 100.
	InstanceIDs        JSONList `url:"InstanceIds"`
	InnerIPAddresses   JSONList `url:"InnerIpAddresses"`   // in the classic network
	PrivateIPAddresses JSONList `url:"PrivateIpAddresses"` // in a VPC
	PublicIPAddresses  JSONList `url:"PublicIpAddresses"`
	EIPAddresses       JSONList `url:"EipAddresses"` // in a VPC

	// IPv6Addresses (Ipv6Address.N) is sent in batches like the lists above. An empty list does not filter, because the
	// API has no form for an empty list of IPv6 addresses.
	IPv6Addresses RepeatList[string] `url:"Ipv6Address"`
	// Tags (Tag.N.Key, Tag.N.Value) matches instances that have all of the tags. A tag with an empty Value matches every
	// instance that has the key. At most 20 tags are allowed. An empty list does not filter.
	//
	// The API returns at most 1,000 instances without reporting that more exist. The listing methods fetch the remaining
	// instances by id, or end with a [CappedError].
	Tags TagList `url:"Tag"`
	// AdditionalAttributes (AdditionalAttributes.N) requests response members that the API omits by default. At most 20
	// attributes are allowed.
	AdditionalAttributes RepeatList[AdditionalAttribute] `url:"AdditionalAttributes"`

	// The four fields below are bounds of the creation time and of the expiration time (Filter.1 to Filter.4). The API
	// compares whole minutes, so lower bounds are rounded down and upper bounds are rounded up. An upper bound before
	// the lower bound is an error that matches ErrInvalidParameter. The API does not document whether the bounds are
	// inclusive.
	CreatedAfter  time.Time `url:"-"`
	CreatedBefore time.Time `url:"-"`
	ExpiresAfter  time.Time `url:"-"`
	ExpiresBefore time.Time `url:"-"`

	// The fields below are pointers. A nil pointer is not sent.
	IOOptimized             *bool `url:"IoOptimized,omitempty"`
	NeedSaleCycle           *bool `url:"NeedSaleCycle,omitempty"`           // by invitation only
	DeviceAvailable         *bool `url:"DeviceAvailable,omitempty"`         // by invitation only
	HTTPPutResponseHopLimit *int  `url:"HttpPutResponseHopLimit,omitempty"` // by invitation only

	// PageNumber (from 1) and PageSize (up to 100, 10 by default) select a page by number. According to the API's
	// documentation, they will be removed. Use them only with DescribeInstances, and not together with MaxResults or
	// NextToken; otherwise, the error matches ErrInvalidParameter.
	PageNumber int `url:"PageNumber,omitempty"`
	PageSize   int `url:"PageSize,omitempty"`
	// MaxResults is the page size. The API raises values below 10 to 10, and reduces values above 100 to 100. Zero
	// means 100 in the listing methods, and 10 in DescribeInstances.
	MaxResults int `url:"MaxResults,omitempty"`
	// NextToken continues an earlier listing that had the same filters.
	NextToken string `url:"NextToken,omitempty"`

	// OwnerAccount and the three fields below it are used for calls on behalf of another account.
	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// wireRequest contains all parameters of a request, including the parameters that the caller cannot set.
type wireRequest struct {
	DescribeInstancesRequest
	RegionID      string     `url:"RegionId"`
	CreatedAfter  timeFilter `url:"Filter.1"`
	CreatedBefore timeFilter `url:"Filter.2"`
	ExpiresAfter  timeFilter `url:"Filter.3"`
	ExpiresBefore timeFilter `url:"Filter.4"`
	DryRun        bool       `url:"DryRun,omitempty"`
}

// encode validates the request and returns its parameters.
func (r DescribeInstancesRequest) encode(region string, dryRun bool) (url.Values, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	r.InstanceNetworkType = cmp.Or(r.InstanceNetworkType, r.impliedNetwork())
	r.InstanceIDs, r.InnerIPAddresses, r.PrivateIPAddresses = unique(r.InstanceIDs), unique(r.InnerIPAddresses), unique(r.PrivateIPAddresses)
	r.PublicIPAddresses, r.EIPAddresses, r.IPv6Addresses = unique(r.PublicIPAddresses), unique(r.EIPAddresses), unique(r.IPv6Addresses)
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

// impliedNetwork returns the network type of the addresses in the request, or "" if no network type is needed.
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

// requestList is one of the lists of ids and addresses of a request.
type requestList struct {
	field  string
	values []string
	set    func(r *DescribeInstancesRequest, values []string)
}

func (r DescribeInstancesRequest) lists() [6]requestList {
	return [...]requestList{
		{"InstanceIDs", r.InstanceIDs, func(r *DescribeInstancesRequest, v []string) { r.InstanceIDs = v }},
		{"InnerIPAddresses", r.InnerIPAddresses, func(r *DescribeInstancesRequest, v []string) { r.InnerIPAddresses = v }},
		{"PrivateIPAddresses", r.PrivateIPAddresses, func(r *DescribeInstancesRequest, v []string) { r.PrivateIPAddresses = v }},
		{"PublicIPAddresses", r.PublicIPAddresses, func(r *DescribeInstancesRequest, v []string) { r.PublicIPAddresses = v }},
		{"EIPAddresses", r.EIPAddresses, func(r *DescribeInstancesRequest, v []string) { r.EIPAddresses = v }},
		{"IPv6Addresses", r.IPv6Addresses, func(r *DescribeInstancesRequest, v []string) { r.IPv6Addresses = v }},
	}
}

// validate returns an error if the request is not valid for a single call of DescribeInstances.
func (r DescribeInstancesRequest) validate() error {
	for _, l := range r.lists() {
		if n := len(l.values); n > maxPerRequest {
			return invalid(l.field, "has %d elements, but a request may have at most %d: use Instances or GetInstances, which send several requests", n, maxPerRequest)
		}
		if err := checkElements(l.field, l.values); err != nil {
			return err
		}
	}
	return cmp.Or(
		checkLength("Tags", len(r.Tags), maxTags),
		checkLength("AdditionalAttributes", len(r.AdditionalAttributes), maxAttributes),
		r.checkNetwork(),
		checkTags("Tags", r.Tags),
		checkWindow("Created", r.CreatedAfter, r.CreatedBefore),
		checkWindow("Expires", r.ExpiresAfter, r.ExpiresBefore),
		r.checkPaging(),
	)
}

func checkLength(field string, n, most int) error {
	if n > most {
		return invalid(field, "has %d elements, but the API accepts at most %d", n, most)
	}
	return nil
}

// checkElements returns an error if the list contains an empty string. The API may ignore empty strings and return all
// instances.
func checkElements[T ~string](field string, list []T) error {
	if i := slices.Index(list, ""); i >= 0 {
		return invalid(fmt.Sprintf("%s[%d]", field, i), "must not be empty, because the API may ignore empty elements")
	}
	return nil
}

func checkWindow(field string, after, before time.Time) error {
	if !after.IsZero() && !before.IsZero() && floorMinute(after).After(ceilMinute(before)) {
		return invalid(field+"Before", "is earlier than %sAfter, so no instance can match", field)
	}
	return nil
}

func (r DescribeInstancesRequest) checkPaging() error {
	for _, n := range []struct {
		field string
		value int
	}{{"PageNumber", r.PageNumber}, {"PageSize", r.PageSize}, {"MaxResults", r.MaxResults}} {
		if n.value < 0 {
			return invalid(n.field, "must not be negative, but is %d", n.value)
		}
	}
	if l := r.HTTPPutResponseHopLimit; l != nil && *l < 0 {
		return invalid("HTTPPutResponseHopLimit", "must not be negative, but is %d", *l)
	}
	if (r.PageNumber != 0 || r.PageSize != 0) && (r.MaxResults != 0 || r.NextToken != "") {
		return invalid("PageNumber and PageSize", "cannot be combined with MaxResults or NextToken: use either page numbers or page tokens")
	}
	return nil
}

// checkNetwork returns an error if the network type contradicts an address list. The API would ignore the list and
// might return all instances.
func (r DescribeInstancesRequest) checkNetwork() error {
	vpc := r.PrivateIPAddresses != nil || r.EIPAddresses != nil
	switch inner := r.InnerIPAddresses != nil; {
	case r.InstanceNetworkType == "" && inner && vpc:
		return invalid("InnerIPAddresses", "cannot be combined with PrivateIPAddresses or EIPAddresses, because no instance is in both the classic network and a VPC")
	case r.InstanceNetworkType == InstanceNetworkTypeVPC && inner && !vpc:
		return invalid("InnerIPAddresses", "are addresses in the classic network, which the API ignores for instances in a VPC: leave InstanceNetworkType empty")
	case r.InstanceNetworkType == InstanceNetworkTypeClassic && vpc && !inner:
		field := "PrivateIPAddresses"
		if r.PrivateIPAddresses == nil {
			field = "EIPAddresses"
		}
		return invalid(field, "are addresses in a VPC, which the API ignores for instances in the classic network: leave InstanceNetworkType empty")
	}
	return nil
}

// matchesNothing reports whether the request contains an empty list, which no instance matches.
func (r DescribeInstancesRequest) matchesNothing() bool {
	lists := r.lists()
	return slices.ContainsFunc(lists[:], func(l requestList) bool {
		return l.field != "IPv6Addresses" && l.values != nil && len(l.values) == 0
	})
}

// unique returns the list without duplicates, in its original order. A nil list remains nil.
func unique(list []string) []string {
	if len(list) < 2 {
		return slices.Clone(list)
	}
	seen := make(map[string]struct{}, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		n := len(seen)
		seen[s] = struct{}{}
		return len(seen) == n
	})
}

// floorMinute rounds a lower time bound down to a whole minute, and ceilMinute rounds an upper bound up, as the API
// requires. Rounding never excludes an instance.
func floorMinute(t time.Time) time.Time { return t.Truncate(time.Minute) }

func ceilMinute(t time.Time) time.Time {
	if f := floorMinute(t); f.Before(t) {
		return f.Add(time.Minute)
	}
	return t
}
