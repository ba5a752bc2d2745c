package ecstest

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const (
	maxListLength   = 100   // maximum number of ids or addresses in one list
	maxPageSize     = 100   // maximum page size
	defaultPageSize = 10    // default page size, and the minimum of MaxResults
	maxTags         = 20    // maximum number of tags or attributes in one request
	resourceCap     = 1_000 // maximum number of resources that a filter by tag or resource group matches
)

// query contains the parsed parameters of a DescribeInstances request.
type query struct {
	ids     []string // nil if the request has no InstanceIds
	filters []filter
	capped  []filter // filters by tag or resource group, which match at most resourceCap instances

	attributes attributes

	size      int      // page size
	tokenMode bool     // token mode: whether the request uses page tokens instead of page numbers (page mode)
	from      position // in token mode, the position at which the page begins
	number    int      // in page mode, the page number
	withToken bool     // whether the response has a NextToken
}

type filter func(*item) bool

func (q *query) where(f filter) { q.filters = append(q.filters, f) }

func matchesAll(filters []filter, it *item) bool {
	return !slices.ContainsFunc(filters, func(f filter) bool { return !f(it) })
}

// valueFilters contains the filters that compare a member with a single value, by parameter name.
var valueFilters = map[string]func(*item) string{
	"VpcId":               func(i *item) string { return i.VPCAttributes.VPCID },
	"VSwitchId":           func(i *item) string { return i.VPCAttributes.VSwitchID },
	"ZoneId":              func(i *item) string { return i.ZoneID },
	"InstanceNetworkType": func(i *item) string { return string(i.InstanceNetworkType) },
	"InstanceChargeType":  func(i *item) string { return string(i.InstanceChargeType) },
	"InternetChargeType":  func(i *item) string { return string(i.InternetChargeType) },
	"ImageId":             func(i *item) string { return i.ImageID },
	"Status":              func(i *item) string { return string(i.Status) },
	"InstanceType":        func(i *item) string { return i.InstanceType },
	"InstanceTypeFamily":  func(i *item) string { return i.InstanceTypeFamily },
	"KeyPairName":         func(i *item) string { return i.KeyPairName },
	"HpcClusterId":        func(i *item) string { return i.HPCClusterID },
	"HttpEndpoint":        func(i *item) string { return string(i.MetadataOptions.HTTPEndpoint) },
	"HttpTokens":          func(i *item) string { return string(i.MetadataOptions.HTTPTokens) },
}

// memberFilters contains the filters that compare a parameter with several values of an instance, by parameter name. An
// instance matches if one of its values equals the parameter.
var memberFilters = map[string]func(*item) []string{
	"SecurityGroupId": func(i *item) []string { return i.SecurityGroupIDs },
	"RdmaIpAddresses": func(i *item) []string { return i.RDMAIPAddress }, // a single address, despite the plural
}

// listFilters contains the filters that accept a list of values. An instance matches if it has one of these values. If
// network is set, the API ignores the filter unless InstanceNetworkType has the same value.
var listFilters = []struct {
	name, network string
	values        func(*item) []string
}{
	{"InnerIpAddresses", "classic", func(i *item) []string { return i.InnerIPAddress }},
	{"PrivateIpAddresses", "vpc", func(i *item) []string { return i.VPCAttributes.PrivateIPAddress }},
	{"PublicIpAddresses", "", func(i *item) []string { return i.PublicIPAddress }},
	{"EipAddresses", "vpc", func(i *item) []string { return []string{i.EIPAddress.IPAddress} }},
}

// readQuery parses the filters and the paging parameters of DescribeInstances.
func readQuery(p *params, settings Settings) *query {
	p.oneOf("InstanceNetworkType", 404, "InvalidNetworkType.NotFound", "classic", "vpc")
	p.oneOf("InstanceChargeType", 404, "InvalidInstanceChargeType.NotFound", "PostPaid", "PrePaid")
	p.oneOf("InternetChargeType", 404, "InvalidInternetChargeType.ValueNotSupported", "PayByBandwidth", "PayByTraffic")
	p.oneOf("Status", 404, "InvalidStatus.NotFound", "Pending", "Running", "Starting", "Stopping", "Stopped")
	p.oneOf("HttpEndpoint", 400, "InvalidParameter", "enabled", "disabled")
	p.oneOf("HttpTokens", 400, "InvalidParameter", "optional", "required")
	q := &query{}
	for name, value := range valueFilters {
		if want := p.Get(name); want != "" {
			q.where(func(i *item) bool { return value(i) == want })
		}
	}
	for name, values := range memberFilters {
		if want := p.Get(name); want != "" {
			q.where(func(i *item) bool { return slices.Contains(values(i), want) })
		}
	}
	if want := p.Get("InstanceName"); want != "" {
		q.where(func(i *item) bool { return matchWildcard(want, i.InstanceName) })
	}
	q.readLists(p)
	q.readFlags(p)
	q.readTimes(p, settings.ExclusiveTimes)
	q.readPaging(p, settings)
	return q
}

// readLists parses the filters that accept lists, and the filters by tag and resource group.
func (q *query) readLists(p *params) {
	q.ids = p.list("InstanceIds")
	for _, l := range listFilters {
		want := p.list(l.name)
		if want == nil || l.network != "" && l.network != p.Get("InstanceNetworkType") {
			continue
		}
		q.where(func(i *item) bool {
			return slices.ContainsFunc(l.values(i), func(a string) bool { return slices.Contains(want, a) })
		})
	}
	if want := p.repeated("Ipv6Address", maxListLength); want != nil {
		q.where(func(i *item) bool {
			return slices.ContainsFunc(i.NetworkInterfaces, func(n ecs.NetworkInterface) bool {
				return slices.ContainsFunc(n.IPv6Sets, func(a ecs.IPv6Set) bool { return slices.Contains(want, a.IPv6Address) })
			})
		})
	}
	for _, name := range p.repeated("AdditionalAttributes", maxTags) {
		q.attributes |= attributeNames[name]
	}
	for _, t := range p.tags() {
		q.capped = append(q.capped, func(i *item) bool { return hasTag(i, t) })
	}
	if want := p.Get("ResourceGroupId"); want != "" {
		q.capped = append(q.capped, func(i *item) bool { return i.ResourceGroupID == want })
	}
}

// hasTag reports whether an instance has the tag t. If t.Value is empty, a tag with the same key and any value matches.
func hasTag(i *item, t ecs.Tag) bool {
	return slices.ContainsFunc(i.Tags, func(has ecs.Tag) bool { return has.Key == t.Key && (t.Value == "" || has.Value == t.Value) })
}

// readFlags parses the filters whose value is a boolean, a number or a lock reason.
func (q *query) readFlags(p *params) {
	_, _ = p.flag("NeedSaleCycle") // NeedSaleCycle is not a filter, so only validate it
	if want, given := p.flag("IoOptimized"); given {
		q.where(func(i *item) bool { return i.IOOptimized == want })
	}
	if want, given := p.flag("DeviceAvailable"); given {
		q.where(func(i *item) bool { return i.DeviceAvailable == want })
	}
	if limit := p.number("HttpPutResponseHopLimit", -1, 0, 0); limit >= 0 {
		q.where(func(i *item) bool {
			has := i.MetadataOptions.HTTPPutResponseHopLimit
			return has != nil && *has == limit
		})
	}
	if want := ecs.LockReason(p.Get("LockReason")); want != "" { // case is ignored
		known := []ecs.LockReason{
			ecs.LockReasonFinancial, ecs.LockReasonSecurity, ecs.LockReasonRecycling, ecs.LockReasonDedicatedHostFinancial, ecs.LockReasonRefunded,
		}
		if !slices.ContainsFunc(known, want.Is) {
			p.fail(newError(404, "InvalidLockReason.NotFound", "The specified LockReason is not valid."))
		}
		q.where(func(i *item) bool {
			return slices.ContainsFunc(i.OperationLocks, func(l ecs.OperationLock) bool { return l.LockReason.Is(want) })
		})
	}
}

// readTimes parses the time filters Filter.N.Key and Filter.N.Value, where N is 1 to 4. A key such as CreationStartTime
// determines which bound its value sets. If exclusive is true, an instance whose time equals a bound does not match.
func (q *query) readTimes(p *params, exclusive bool) {
	for n := range 4 {
		name := "Filter." + strconv.Itoa(n+1)
		key, value := p.Get(name+".Key"), p.Get(name+".Value")
		if key == "" && value == "" {
			continue
		}
		minute := func(i *item) int64 { return i.created }
		if strings.HasPrefix(key, "Expired") {
			minute = func(i *item) int64 { return i.expires }
		}
		at, err := time.Parse("2006-01-02T15:04Z", value)
		bound, margin := at.Unix()/60, int64(0)
		if exclusive {
			margin = 1
		}
		switch key {
		case "CreationStartTime", "ExpiredStartTime":
			q.where(func(i *item) bool { return minute(i) >= bound+margin })
		case "CreationEndTime", "ExpiredEndTime":
			q.where(func(i *item) bool { return minute(i) <= bound-margin })
		default:
			p.fail(newError(404, "InvalidFilterKey.NotFound", "The specified %s.Key is not valid.", name))
		}
		if err != nil {
			p.fail(newError(404, "InvalidFilterValue", "The specified %s.Value is not valid.", name))
		}
	}
}

func (q *query) readPaging(p *params, settings Settings) {
	byNumber := p.Get("PageNumber") != "" || p.Get("PageSize") != ""
	byToken := p.Get("MaxResults") != "" || p.Get("NextToken") != "" || settings.NoPageMode && !byNumber
	q.tokenMode = byToken && !settings.NoTokenMode
	q.withToken = !settings.NoTokenMode && (byToken || !byNumber && !settings.TokensOnRequest)
	switch {
	case q.tokenMode:
		q.size = min(max(p.number("MaxResults", defaultPageSize, -1<<31, 0), defaultPageSize), maxPageSize)
	case settings.NoPageMode && !settings.NoTokenMode:
		p.fail(newError(400, "NotSupported.PageNumberAndPageSize", "The parameters PageNumber and PageSize are not supported."))
	default:
		q.number, q.size = p.number("PageNumber", 1, 1, 0), p.number("PageSize", defaultPageSize, 1, maxPageSize)
	}
}

// matchWildcard reports whether name matches pattern. An asterisk in the pattern matches any sequence of characters.
func matchWildcard(pattern, name string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, first)
	if !ok || !wild {
		return ok && name == ""
	}
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		if _, name, ok = strings.Cut(name, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(name, parts[last])
}

func (s *Server) describeInstances(x *exchange, p *params) any {
	q := readQuery(p, x.Settings)
	dryRun, _ := p.flag("DryRun")
	binding := tokenBinding(p.Values)
	if p.err == nil && q.tokenMode {
		q.from, p.err = s.openToken(p.Get("NextToken"), binding)
	}
	if want := p.Get("HpcClusterId"); want != "" && !s.fleet.any(x.region, func(i *item) bool { return i.HPCClusterID == want }) {
		p.fail(newError(400, "InvalidHpcClusterId.NotFound", "The specified HpcClusterId does not exist."))
	}
	if dryRun {
		p.fail(newError(400, "DryRunOperation", "Request validation has been passed with DryRun flag set."))
	}
	if p.err != nil {
		return nil
	}
	found := page{next: q.from, more: true}
	if !x.fault.emptyPage() {
		found = s.fleet.page(x, q)
	}
	head := object{"RequestId": x.requestID, "NextToken": "", "TotalCount": found.total, "PageNumber": q.number, "PageSize": q.size}
	if q.tokenMode { // in token mode, the API returns meaningless values in these three members
		head["TotalCount"], head["PageNumber"], head["PageSize"] = 0, 1, defaultPageSize
	}
	if q.withToken {
		head["NextToken"] = s.nextToken(x, p, found.next, binding, found.more || x.EmptyLastPage && len(found.rows) > 0)
	}
	rows := found.rows
	if x.fault != nil {
		rows = append(rows, rows[:min(x.fault.Duplicate, len(rows))]...)
	}
	texts := make([][]byte, len(rows))
	for i, it := range rows {
		texts[i] = it.json(q.attributes)
	}
	begin := append(bytes.TrimSuffix(marshal(head), []byte("}")), `,"Instances":{"Instance":[`...)
	return slices.Concat(begin, bytes.Join(texts, []byte(",")), []byte("]}}"))
}
