package ecstest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const (
	listMax     = 100   // ids or addresses in one list, rows of a page
	pageDefault = 10    // rows of a page
	tagMax      = 20    // tags or attributes in one request
	resourceCap = 1_000 // resources that a tag or resource-group filter shows
)

// query is what a listing is asked for.
type query struct {
	capped  []filter // the filters that cap the listing
	filters []filter // the others
	ids     []string // nil: not asked for
	denied  bool     // then it matches nothing

	tokenMode  bool
	size       int
	number     int   // of the page, in page mode
	from       place // in token mode
	attributes attributes
}

type filter func(*item) bool

func (q *query) where(f filter) { q.filters = append(q.filters, f) }

func (q *query) matches(filters []filter, it *item) bool {
	return !slices.ContainsFunc(filters, func(f filter) bool { return !f(it) })
}

// place is where a listing by token goes on.
type place struct {
	seq   uint64 // behind this item; for ListTagResources at it
	count int    // capped resources listed so far; for ListTagResources rows of the item
}

// scalars are the filters that ask for one value.
var scalars = map[string]func(*item) string{
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

// members are the filters that ask for one value of several that an instance has.
var members = map[string]func(*item) []string{
	"SecurityGroupId": func(i *item) []string { return i.SecurityGroupIDs },
	"RdmaIpAddresses": func(i *item) []string { return i.RDMAIPAddress }, // a single one, despite its name
}

// lists are the filters that ask for any of several values. Those with a network work together with that
// InstanceNetworkType alone; else the API ignores them.
var lists = []struct {
	name, network string
	values        func(*item) []string
}{
	{"InnerIpAddresses", "classic", func(i *item) []string { return i.InnerIPAddress }},
	{"PrivateIpAddresses", "vpc", func(i *item) []string { return i.VPCAttributes.PrivateIPAddress }},
	{"PublicIpAddresses", "", func(i *item) []string { return i.PublicIPAddress }},
	{"EipAddresses", "vpc", func(i *item) []string { return []string{i.EIPAddress.IPAddress} }},
}

// readQuery reads the filters and the paging of DescribeInstances.
func readQuery(p *params, set Settings) *query {
	p.oneOf("InstanceNetworkType", 404, "InvalidNetworkType.NotFound", "classic", "vpc")
	p.oneOf("InstanceChargeType", 404, "InvalidInstanceChargeType.NotFound", "PostPaid", "PrePaid")
	p.oneOf("InternetChargeType", 404, "InvalidInternetChargeType.ValueNotSupported", "PayByBandwidth", "PayByTraffic")
	p.oneOf("Status", 404, "InvalidStatus.NotFound", "Pending", "Running", "Starting", "Stopping", "Stopped")
	p.oneOf("HttpEndpoint", 400, "InvalidParameter", "enabled", "disabled")
	p.oneOf("HttpTokens", 400, "InvalidParameter", "optional", "required")
	q := &query{}
	for name, value := range scalars {
		if want := p.Get(name); want != "" {
			q.where(func(i *item) bool { return value(i) == want })
		}
	}
	for name, values := range members {
		if want := p.Get(name); want != "" {
			q.where(func(i *item) bool { return slices.Contains(values(i), want) })
		}
	}
	if want := p.Get("InstanceName"); want != "" {
		q.where(func(i *item) bool { return matchName(want, i.InstanceName) })
	}
	q.readLists(p)
	q.readFlags(p)
	q.readTimes(p, set.ExclusiveTimes)
	q.readPaging(p, set.NoPageMode)
	return q
}

func (q *query) readLists(p *params) {
	q.ids = p.list("InstanceIds")
	for _, l := range lists {
		want := p.list(l.name)
		if want == nil || l.network != "" && l.network != p.Get("InstanceNetworkType") {
			continue
		}
		q.where(func(i *item) bool {
			return slices.ContainsFunc(l.values(i), func(a string) bool { return slices.Contains(want, a) })
		})
	}
	if want := p.repeated("Ipv6Address", listMax); want != nil {
		q.where(func(i *item) bool {
			return slices.ContainsFunc(i.NetworkInterfaces, func(n ecs.NetworkInterface) bool {
				return slices.ContainsFunc(n.IPv6Sets, func(a ecs.IPv6Set) bool { return slices.Contains(want, a.IPv6Address) })
			})
		})
	}
	for _, name := range p.repeated("AdditionalAttributes", tagMax) {
		q.attributes |= attributeNames[name]
	}
	for _, t := range p.tags() {
		q.capped = append(q.capped, func(i *item) bool { return tagged(i, t) })
	}
	if want := p.Get("ResourceGroupId"); want != "" {
		q.capped = append(q.capped, func(i *item) bool { return i.ResourceGroupID == want })
	}
}

// tagged: a tag without a value asks for its key alone.
func tagged(i *item, t ecs.Tag) bool {
	return slices.ContainsFunc(i.Tags, func(has ecs.Tag) bool { return has.Key == t.Key && (t.Value == "" || has.Value == t.Value) })
}

func (q *query) readFlags(p *params) {
	_, _ = p.flag("NeedSaleCycle") // not a filter
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
	if want := ecs.LockReason(p.Get("LockReason")); want != "" { // in any case of letters
		if !slices.ContainsFunc([]ecs.LockReason{ecs.LockReasonFinancial, ecs.LockReasonSecurity, ecs.LockReasonRecycling, ecs.LockReasonDedicatedHostFinancial, ecs.LockReasonRefunded}, want.Is) {
			p.fail(failed(404, "InvalidLockReason.NotFound", "The specified LockReason is not valid."))
		}
		q.where(func(i *item) bool {
			return slices.ContainsFunc(i.OperationLocks, func(l ecs.OperationLock) bool { return l.LockReason.Is(want) })
		})
	}
}

// readTimes takes the four filters under any number: the key says what is meant.
func (q *query) readTimes(p *params, exclusive bool) {
	for n := range 4 {
		name := "Filter." + strconv.Itoa(n+1)
		key, value := p.Get(name+".Key"), p.Get(name+".Value")
		if key == "" && value == "" {
			continue
		}
		of := func(i *item) int64 { return i.created }
		if strings.HasPrefix(key, "Expired") {
			of = func(i *item) int64 { return i.expires }
		}
		at, err := time.Parse("2006-01-02T15:04Z", value)
		bound, edge := at.Unix()/60, int64(0)
		if exclusive {
			edge = 1
		}
		switch key {
		case "CreationStartTime", "ExpiredStartTime":
			q.where(func(i *item) bool { return of(i) >= bound+edge })
		case "CreationEndTime", "ExpiredEndTime":
			q.where(func(i *item) bool { return of(i) <= bound-edge })
		default:
			p.fail(failed(404, "InvalidFilterKey.NotFound", "The specified %s.Key is not valid.", name))
		}
		if err != nil {
			p.fail(failed(404, "InvalidFilterValue", "The specified %s.Value is not valid.", name))
		}
	}
}

func (q *query) readPaging(p *params, noPageMode bool) {
	paged := p.Get("PageNumber") != "" || p.Get("PageSize") != ""
	q.tokenMode = p.Get("MaxResults") != "" || p.Get("NextToken") != "" || noPageMode && !paged
	switch {
	case q.tokenMode:
		q.size = min(max(p.number("MaxResults", pageDefault, -1<<31, 0), pageDefault), listMax)
	case noPageMode:
		p.fail(failed(400, "NotSupported.PageNumberAndPageSize", "The parameters PageNumber and PageSize are not supported."))
	default:
		q.number, q.size = p.number("PageNumber", 1, 1, 0), p.number("PageSize", pageDefault, 1, listMax)
	}
}

// matchName knows one wildcard, the asterisk.
func matchName(pattern, name string) bool {
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

func (s *Server) describeInstances(c *call, p *params) any {
	q := readQuery(p, c.Settings)
	dryRun, _ := p.flag("DryRun")
	bound := boundTo(p.Values)
	if p.err == nil && q.tokenMode {
		q.from, p.err = s.openToken(p.Get("NextToken"), bound)
	}
	if want := p.Get("HpcClusterId"); want != "" && !s.fleet.any(c.region, func(i *item) bool { return i.HPCClusterID == want }) {
		p.fail(failed(400, "InvalidHpcClusterId.NotFound", "The specified HpcClusterId does not exist."))
	}
	if dryRun && c.denied() {
		p.fail(c.forbidden())
	} else if dryRun {
		p.fail(failed(400, "DryRunOperation", "Request validation has been passed with DryRun flag set."))
	}
	if p.err != nil {
		return nil
	}
	q.denied = c.denied() // no error: the API's most silent answer
	var rows []*item
	next, total, more := q.from, 0, true
	if !c.fault.emptyPage() {
		rows, next, total, more = s.fleet.page(c, q)
	}
	head := object{"RequestId": c.requestID, "NextToken": "", "TotalCount": total, "PageNumber": q.number, "PageSize": q.size}
	if q.tokenMode { // then these three mean nothing
		head["TotalCount"], head["PageNumber"], head["PageSize"] = 0, 1, pageDefault
		head["NextToken"] = s.nextToken(c, p, next, bound, more || c.EmptyLastPage && len(rows) > 0)
	}
	if c.fault != nil {
		rows = append(rows, rows[:min(c.fault.Duplicate, len(rows))]...)
	}
	b := make([]byte, 0, 256+3<<10*len(rows))
	b = append(b, marshal(head)...)
	b = append(b[:len(b)-1], `,"Instances":{"Instance":[`...)
	for i, it := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, it.json(q.attributes)...)
	}
	return append(b, "]}}"...)
}

// page gives the rows of a page, and for token mode the place of the next one and whether there is one; for page mode how
// many rows all pages have together.
func (f *fleet) page(c *call, q *query) (rows []*item, at place, total int, more bool) {
	at = q.from
	if q.denied {
		return nil, at, 0, false
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := f.candidates(c.region, q)
	skip := max(q.number-1, 0) * q.size
	if !q.tokenMode && len(q.capped)+len(q.filters) == 0 {
		return slices.Clone(list[min(skip, len(list)):min(skip+q.size, len(list))]), at, len(list), false
	}
	places := make([]place, 0, q.size)
	for _, it := range list[after(list, at.seq):] {
		if !q.matches(q.capped, it) {
			continue
		}
		if len(q.capped) > 0 && at.count == resourceCap {
			break
		}
		hit := q.matches(q.filters, it)
		full := len(rows) == q.size
		if hit && full && q.tokenMode {
			if back := min(c.Overlap, len(rows)-1); back > 0 {
				at = places[len(places)-1-back]
			}
			return rows, at, 0, true
		}
		if len(q.capped) > 0 && (hit || c.CapFirst) {
			at = place{it.seq, at.count + 1}
		}
		if !hit {
			continue
		}
		if total++; total > skip && !full {
			at.seq = it.seq
			rows, places = append(rows, it), append(places, at)
		}
	}
	return rows, at, total, false
}

// candidates is called with f.mu held. For ids there is no need to look at the whole region.
func (f *fleet) candidates(region string, q *query) []*item {
	if q.ids == nil {
		return f.regions[region]
	}
	var list []*item
	for _, id := range q.ids {
		if it := f.byID[id]; it != nil && it.RegionID == region {
			list = append(list, it)
		}
	}
	slices.SortFunc(list, func(a, b *item) int { return cmp.Compare(a.seq, b.seq) })
	return slices.Compact(list)
}

func (f *fleet) any(region string, is filter) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.ContainsFunc(f.regions[region], is)
}
