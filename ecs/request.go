package ecs

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/google/go-querystring/query"
)

// Limits of one DescribeInstances request, from the API's parameter table.
const (
	maxPerRequest = 100 // elements of one list of ids or addresses, and instances on one page
	maxTags       = 20
	maxAttributes = 20
)

// DescribeInstancesRequest filters a listing. The zero value matches every instance of the client's region.
//
// An instance must match all filters that are set; zero fields are not sent. Requests are passed by value and
// never modified, so several goroutines may use the same one. A comment names the API's parameter if its name
// differs from the field.
type DescribeInstancesRequest struct {
	VPCID           string `url:"VpcId,omitempty"`
	VSwitchID       string `url:"VSwitchId,omitempty"`
	ZoneID          string `url:"ZoneId,omitempty"`
	SecurityGroupID string `url:"SecurityGroupId,omitempty"`
	ImageID         string `url:"ImageId,omitempty"`
	KeyPairName     string `url:"KeyPairName,omitempty"`
	// ResourceGroupID matches the members of a resource group. The API silently returns at most 1,000 of them; the
	// listings fetch the others by id, or end with a [CappedError]. The API's documents disagree on whether the
	// default group is supported.
	ResourceGroupID string `url:"ResourceGroupId,omitempty"`
	HPCClusterID    string `url:"HpcClusterId,omitempty"`
	// InstanceName may contain the wildcard "*".
	InstanceName       string `url:"InstanceName,omitempty"`
	InstanceType       string `url:"InstanceType,omitempty"`
	InstanceTypeFamily string `url:"InstanceTypeFamily,omitempty"`
	// RDMAIPAddresses is a single address; the API does not document whether it accepts several.
	RDMAIPAddresses string `url:"RdmaIpAddresses,omitempty"`

	// InstanceNetworkType may be left empty if PrivateIPAddresses, EIPAddresses or InnerIPAddresses is set: the network
	// type of the addresses is then sent, because the API ignores these lists otherwise. A network type that
	// contradicts them is an ErrInvalidParameter.
	InstanceNetworkType InstanceNetworkType `url:"InstanceNetworkType,omitempty"`
	InstanceChargeType  InstanceChargeType  `url:"InstanceChargeType,omitempty"`
	InternetChargeType  InternetChargeType  `url:"InternetChargeType,omitempty"`
	Status              InstanceStatus      `url:"Status,omitempty"`
	LockReason          LockReason          `url:"LockReason,omitempty"`
	HTTPEndpoint        MetadataEndpoint    `url:"HttpEndpoint,omitempty"`
	HTTPTokens          MetadataTokens      `url:"HttpTokens,omitempty"`

	// Lists of ids and addresses. A nil list is no filter, an empty one matches nothing, and an element that occurs twice
	// is sent once. An empty id or address is an ErrInvalidParameter. A single DescribeInstances accepts at most 100 elements in each list. The listings accept any number in
	// one of the lists, IPv6Addresses included, and send it in batches of 100; a second list of more than 100 elements is an
	// ErrInvalidParameter.
	InstanceIDs        JSONList `url:"InstanceIds"`
	InnerIPAddresses   JSONList `url:"InnerIpAddresses"`   // in the classic network
	PrivateIPAddresses JSONList `url:"PrivateIpAddresses"` // of a VPC
	PublicIPAddresses  JSONList `url:"PublicIpAddresses"`
	EIPAddresses       JSONList `url:"EipAddresses"` // of a VPC

	// IPv6Addresses (Ipv6Address.N) is batched like the lists above. The API cannot express an IPv6 list that matches
	// nothing: nil and empty are no filter.
	IPv6Addresses RepeatList[string] `url:"Ipv6Address"`
	// Tags (Tag.N.Key, Tag.N.Value) must all match. At most 20 are allowed; nil and empty lists do not filter. The
	// API silently returns at most 1,000 instances; the listings fetch the others by id, or end with a
	// [CappedError].
	Tags TagList `url:"Tag"`
	// AdditionalAttributes (AdditionalAttributes.N) requests members that the API leaves empty by default. At most
	// 20 are allowed.
	AdditionalAttributes RepeatList[AdditionalAttribute] `url:"AdditionalAttributes"`

	// Time windows (Filter.1 CreationStartTime … Filter.4 ExpiredEndTime). The API compares whole minutes in UTC,
	// so After is rounded down and Before is rounded up: rounding never narrows a window. A window that ends
	// before it begins is an ErrInvalidParameter. The API does not document whether the bounds are inclusive.
	CreatedAfter  time.Time `url:"-"`
	CreatedBefore time.Time `url:"-"`
	ExpiresAfter  time.Time `url:"-"`
	ExpiresBefore time.Time `url:"-"`

	// Pointers that are nil are not sent.
	IOOptimized             *bool `url:"IoOptimized,omitempty"`
	NeedSaleCycle           *bool `url:"NeedSaleCycle,omitempty"`           // by invitation only
	DeviceAvailable         *bool `url:"DeviceAvailable,omitempty"`         // by invitation only
	HTTPPutResponseHopLimit *int  `url:"HttpPutResponseHopLimit,omitempty"` // by invitation only

	// PageNumber (from 1) and PageSize (up to 100, 10 by default) select a page by number, only in a single
	// DescribeInstances. The API has announced their removal. In a listing, or together with MaxResults or
	// NextToken, they are an ErrInvalidParameter: the API would silently ignore them.
	PageNumber int `url:"PageNumber,omitempty"`
	PageSize   int `url:"PageSize,omitempty"`
	// MaxResults is the page size. The API raises values below 10 to 10 and caps those above 100. Zero means 100
	// in a listing, and 10, the API's default, in a single DescribeInstances.
	MaxResults int `url:"MaxResults,omitempty"`
	// NextToken continues an earlier listing with the same filters.
	NextToken string `url:"NextToken,omitempty"`

	// OwnerAccount and the fields below are for calls on behalf of another account.
	OwnerAccount         string `url:"OwnerAccount,omitempty"`
	ResourceOwnerAccount string `url:"ResourceOwnerAccount,omitempty"`
	OwnerID              int64  `url:"OwnerId,omitempty"`
	ResourceOwnerID      int64  `url:"ResourceOwnerId,omitempty"`
}

// wireRequest has all the parameters of a request, including those that the caller cannot set.
type wireRequest struct {
	DescribeInstancesRequest
	RegionID      string     `url:"RegionId"`
	CreatedAfter  timeFilter `url:"Filter.1"`
	CreatedBefore timeFilter `url:"Filter.2"`
	ExpiresAfter  timeFilter `url:"Filter.3"`
	ExpiresBefore timeFilter `url:"Filter.4"`
	DryRun        bool       `url:"DryRun,omitempty"`
}

// encode checks the request and returns its parameters. It refuses only requests that cannot succeed.
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

// impliedNetwork returns the network type of the address lists in the request, or "" if there are none.
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

// validate returns an error if the request cannot succeed as a single call.
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
		return invalid(field, "has %d elements, the API accepts at most %d", n, most)
	}
	return nil
}

// checkElements refuses empty elements of a list: the API may ignore them, so that a list of nothing else is no filter.
func checkElements[T ~string](field string, list []T) error {
	if i := slices.Index(list, ""); i >= 0 {
		return invalid(fmt.Sprintf("%s[%d]", field, i), "is empty, and the API may ignore an empty element")
	}
	return nil
}

func checkWindow(field string, after, before time.Time) error {
	if !after.IsZero() && !before.IsZero() && floorMinute(after).After(ceilMinute(before)) {
		return invalid(field+"Before", "is earlier than %sAfter: no time matches both", field)
	}
	return nil
}

func (r DescribeInstancesRequest) checkPaging() error {
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

// checkNetwork refuses address lists that the API would ignore: it would return the whole network instead.
func (r DescribeInstancesRequest) checkNetwork() error {
	vpc := r.PrivateIPAddresses != nil || r.EIPAddresses != nil
	switch inner := r.InnerIPAddresses != nil; {
	case r.InstanceNetworkType == "" && inner && vpc:
		return invalid("InnerIPAddresses", "are in a different network from PrivateIPAddresses and EIPAddresses: no instance has both")
	case r.InstanceNetworkType == InstanceNetworkTypeVPC && inner && !vpc:
		return invalid("InnerIPAddresses", "are in the classic network, and the API ignores them in a VPC: leave InstanceNetworkType empty")
	case r.InstanceNetworkType == InstanceNetworkTypeClassic && vpc && !inner:
		field := "PrivateIPAddresses"
		if r.PrivateIPAddresses == nil {
			field = "EIPAddresses"
		}
		return invalid(field, "are in a VPC, and the API ignores them in the classic network: leave InstanceNetworkType empty")
	}
	return nil
}

// matchesNothing reports whether the request has an empty list, which no instance matches.
func (r DescribeInstancesRequest) matchesNothing() bool {
	lists := r.lists()
	return slices.ContainsFunc(lists[:], func(l requestList) bool {
		return l.field != "IPv6Addresses" && l.values != nil && len(l.values) == 0
	})
}

// split returns the requests that a listing sends: a single one, or one for each 100 elements of its long list. It
// returns an error if the request cannot succeed in a listing.
func (r DescribeInstancesRequest) split(ctx context.Context) ([]DescribeInstancesRequest, error) {
	if ctx == nil {
		return nil, errNilContext
	}
	if r.PageNumber != 0 || r.PageSize != 0 {
		return nil, invalid("PageNumber", "and PageSize are for a single DescribeInstances: set MaxResults for the page size of a listing")
	}
	if r.MaxResults == 0 {
		r.MaxResults = maxPerRequest
	}
	var long *requestList
	for _, l := range r.lists() {
		if l.values = unique(l.values); len(l.values) <= maxPerRequest {
			l.set(&r, l.values)
			continue
		}
		if long != nil {
			return nil, invalid(l.field, "and %s both have more than %d elements: a listing accepts only one such list, so split the other one into several listings", long.field, maxPerRequest)
		}
		long = &l
	}
	if long == nil {
		return []DescribeInstancesRequest{r}, r.validate()
	}
	if r.NextToken != "" {
		return nil, invalid("NextToken", "cannot continue a listing with more than %d elements in %s", maxPerRequest, long.field)
	}
	if err := checkElements(long.field, long.values); err != nil { // of all batches
		return nil, err
	}
	var batches []DescribeInstancesRequest
	for values := range slices.Chunk(long.values, maxPerRequest) {
		batch := r
		long.set(&batch, values)
		batches = append(batches, batch)
	}
	return batches, batches[0].validate()
}

// unique returns the list without duplicates, in order. It preserves the difference between nil and empty.
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

// floorMinute and ceilMinute round the start and the end of a time window to the whole minutes that the API accepts. The
// rounded window contains the original one, so that no instance is missed.
func floorMinute(t time.Time) time.Time { return t.Truncate(time.Minute) }

func ceilMinute(t time.Time) time.Time {
	if f := floorMinute(t); f.Before(t) {
		return f.Add(time.Minute)
	}
	return t
}
