package ecstest

import (
	"encoding/json"
	"net/http"
	"net/url"
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

// query is a DescribeInstances request, checked.
type query struct {
	capped  []func(*item) bool // the filters that cap the listing
	filters []func(*item) bool // the others
	ids     []string           // nil: not asked for
	nothing bool               // matches nothing by definition
	bound   uint64             // hash of all that a token is bound to

	attributes        attributes
	dryRun, tokenMode bool
	size, number      int
	position          place
}

// place is where a listing by token goes on.
type place struct {
	seq   uint64 // behind this item (ListTagResources: at it)
	count int    // of the capped resources so far (ListTagResources: rows of the item)
}

// scalars are the filters that ask for one value.
var scalars = []struct {
	name  string
	value func(*item) string
}{
	{"VpcId", func(i *item) string { return i.VPCAttributes.VPCID }},
	{"VSwitchId", func(i *item) string { return i.VPCAttributes.VSwitchID }},
	{"ZoneId", func(i *item) string { return i.ZoneID }},
	{"InstanceNetworkType", func(i *item) string { return string(i.InstanceNetworkType) }},
	{"InstanceChargeType", func(i *item) string { return string(i.InstanceChargeType) }},
	{"InternetChargeType", func(i *item) string { return string(i.InternetChargeType) }},
	{"ImageId", func(i *item) string { return i.ImageID }},
	{"Status", func(i *item) string { return string(i.Status) }},
	{"InstanceType", func(i *item) string { return i.InstanceType }},
	{"InstanceTypeFamily", func(i *item) string { return i.InstanceTypeFamily }},
	{"KeyPairName", func(i *item) string { return i.KeyPairName }},
	{"HpcClusterId", func(i *item) string { return i.HPCClusterID }},
	{"HttpEndpoint", func(i *item) string { return string(i.MetadataOptions.HTTPEndpoint) }},
	{"HttpTokens", func(i *item) string { return string(i.MetadataOptions.HTTPTokens) }},
}

// enums are the values that a parameter may have, and the error code of all others.
var enums = []struct {
	name, code string
	values     []string
}{
	{"InstanceNetworkType", "InvalidNetworkType.NotFound", []string{"classic", "vpc"}},
	{"InstanceChargeType", "InvalidInstanceChargeType.NotFound", []string{"PostPaid", "PrePaid"}},
	{"InternetChargeType", "InvalidInternetChargeType.ValueNotSupported", []string{"PayByBandwidth", "PayByTraffic"}},
	{"Status", "InvalidStatus.NotFound", []string{"Pending", "Running", "Starting", "Stopping", "Stopped"}},
	{"LockReason", "InvalidLockReason.NotFound", []string{"financial", "security", "recycling", "dedicatedhostfinancial", "refunded"}},
	{"HttpEndpoint", "InvalidParameter", []string{"enabled", "disabled"}},
	{"HttpTokens", "InvalidParameter", []string{"optional", "required"}},
}

// lists are the filters that ask for one of several values, in a JSON array. Some work within one kind of network alone:
// without it in InstanceNetworkType the API ignores them.
var lists = []struct {
	name, network string
	values        func(*item) []string
}{
	{"InnerIpAddresses", "classic", func(i *item) []string { return i.InnerIPAddress }},
	{"PrivateIpAddresses", "vpc", func(i *item) []string { return i.VPCAttributes.PrivateIPAddress }},
	{"PublicIpAddresses", "", func(i *item) []string { return i.PublicIPAddress }},
	{"EipAddresses", "vpc", func(i *item) []string { return []string{i.EIPAddress.IPAddress} }},
}

// readQuery reads the parameters of DescribeInstances. Those it does not know are ignored, as by the API.
func readQuery(p url.Values, set Settings) (*query, *failure) {
	q := &query{size: pageDefault, number: 1, bound: boundTo(p)}
	for _, e := range enums {
		if v := p.Get(e.name); v != "" && !slices.ContainsFunc(e.values, func(s string) bool { return s == v || e.name == "LockReason" && strings.EqualFold(s, v) }) {
			status := http.StatusNotFound
			if e.code == "InvalidParameter" {
				status = http.StatusBadRequest
			}
			return nil, &failure{Status: status, Code: e.code, Message: "The specified " + e.name + " is not valid."}
		}
	}
	for _, f := range scalars {
		if want := p.Get(f.name); want != "" {
			q.where(func(i *item) bool { return f.value(i) == want })
		}
	}
	if want := p.Get("SecurityGroupId"); want != "" {
		q.where(func(i *item) bool { return slices.Contains(i.SecurityGroupIDs, want) })
	}
	if want := p.Get("RdmaIpAddresses"); want != "" {
		q.where(func(i *item) bool { return slices.Contains(i.RDMAIPAddress, want) })
	}
	if want := p.Get("InstanceName"); want != "" {
		q.where(func(i *item) bool { return matchName(want, i.InstanceName) })
	}
	if want := p.Get("LockReason"); want != "" {
		q.where(func(i *item) bool {
			return slices.ContainsFunc(i.OperationLocks, func(l ecs.OperationLock) bool { return l.LockReason.Is(ecs.LockReason(want)) })
		})
	}
	for _, read := range []func(url.Values, Settings) *failure{q.readLists, q.readTags, q.readTimes, q.readFlags, q.readPaging} {
		if err := read(p, set); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func (q *query) where(filter func(*item) bool) { q.filters = append(q.filters, filter) }

func (q *query) readLists(p url.Values, _ Settings) *failure {
	ids, err := jsonList(p, "InstanceIds")
	if err != nil {
		return err
	}
	q.ids, q.nothing = ids, ids != nil && len(ids) == 0
	for _, l := range lists {
		want, err := jsonList(p, l.name)
		if err != nil {
			return err
		}
		if want == nil || l.network != "" && l.network != p.Get("InstanceNetworkType") {
			continue
		}
		q.nothing = q.nothing || len(want) == 0
		q.where(func(i *item) bool {
			return slices.ContainsFunc(l.values(i), func(a string) bool { return slices.Contains(want, a) })
		})
	}
	v6, err := repeated(p, "Ipv6Address", listMax)
	if err != nil {
		return err
	}
	if len(v6) > 0 {
		q.where(func(i *item) bool {
			return slices.ContainsFunc(i.NetworkInterfaces, func(n ecs.NetworkInterface) bool {
				return slices.ContainsFunc(n.IPv6Sets, func(a ecs.IPv6Set) bool { return slices.Contains(v6, a.IPv6Address) })
			})
		})
	}
	names, err := repeated(p, "AdditionalAttributes", tagMax)
	for _, name := range names {
		q.attributes |= attributeNames[name]
	}
	return err
}

func (q *query) readTags(p url.Values, _ Settings) *failure {
	tags, err := readTags(p)
	if err != nil {
		return err
	}
	for _, t := range tags {
		q.capped = append(q.capped, func(i *item) bool { return tagged(i, t) })
	}
	if want := p.Get("ResourceGroupId"); want != "" {
		q.capped = append(q.capped, func(i *item) bool { return i.ResourceGroupID == want })
	}
	return nil
}

// tagged: a tag without a value asks for its key alone.
func tagged(i *item, t ecs.Tag) bool {
	return slices.ContainsFunc(i.Tags, func(has ecs.Tag) bool { return has.Key == t.Key && (t.Value == "" || has.Value == t.Value) })
}

// readTags reads Tag.N.Key and Tag.N.Value, and their older spellings.
func readTags(p url.Values) ([]ecs.Tag, *failure) {
	byNumber := map[int]ecs.Tag{}
	for name, values := range p {
		rest, ok := strings.CutPrefix(name, "Tag.")
		number, part, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || values[0] == "" {
			continue
		}
		t := byNumber[n]
		switch part {
		case "Key", "key":
			t.Key = values[0]
		case "Value", "value":
			t.Value = values[0]
		default:
			continue
		}
		if n < 1 || n > tagMax {
			return nil, invalidf("InvalidTagCount", "The specified tags are beyond the permitted range.")
		}
		byNumber[n] = t
	}
	tags := make([]ecs.Tag, 0, len(byNumber))
	for _, t := range byNumber {
		if t.Key == "" {
			return nil, invalidf("InvalidTag.Mismatch", "The specified Tag.n.Key and Tag.n.Value are not match.")
		}
		tags = append(tags, t)
	}
	return tags, nil
}

func (q *query) readTimes(p url.Values, set Settings) *failure {
	for n := range 4 {
		name := "Filter." + strconv.Itoa(n+1)
		key, value := p.Get(name+".Key"), p.Get(name+".Value")
		if key == "" && value == "" {
			continue
		}
		of, later := func(i *item) int64 { return i.created }, true
		switch key {
		case "CreationStartTime":
		case "CreationEndTime":
			later = false
		case "ExpiredStartTime":
			of = func(i *item) int64 { return i.expires }
		case "ExpiredEndTime":
			of, later = func(i *item) int64 { return i.expires }, false
		default:
			return notFound("InvalidFilterKey.NotFound", "The specified %s.Key is not valid.", name)
		}
		t, err := time.Parse("2006-01-02T15:04Z", value)
		if err != nil {
			return notFound("InvalidFilterValue", "The specified %s.Value is not valid.", name)
		}
		bound := t.Unix() / 60
		switch {
		case set.ExclusiveTimes && later:
			bound++
		case set.ExclusiveTimes:
			bound--
		}
		q.where(func(i *item) bool {
			if later {
				return of(i) >= bound
			}
			return of(i) <= bound
		})
	}
	return nil
}

func (q *query) readFlags(p url.Values, _ Settings) *failure {
	for _, f := range []struct {
		name string
		has  func(*item) bool // nil: not a filter
	}{
		{"IoOptimized", func(i *item) bool { return i.IOOptimized }},
		{"DeviceAvailable", func(i *item) bool { return i.DeviceAvailable }},
		{"NeedSaleCycle", nil},
		{"DryRun", nil},
	} {
		text := p.Get(f.name)
		want := strings.EqualFold(text, "true")
		switch {
		case text == "":
			continue
		case !want && !strings.EqualFold(text, "false"):
			return badParameter(f.name, "want true or false")
		case f.name == "DryRun":
			q.dryRun = want
		case f.has != nil:
			q.where(func(i *item) bool { return f.has(i) == want })
		}
	}
	limit, err := number(p, "HttpPutResponseHopLimit", -1)
	if err == nil && limit >= 0 {
		q.where(func(i *item) bool {
			has := i.MetadataOptions.HTTPPutResponseHopLimit
			return has != nil && *has == limit
		})
	}
	return err
}

func (q *query) readPaging(p url.Values, set Settings) *failure {
	if p.Get("MaxResults") != "" || p.Get("NextToken") != "" {
		q.tokenMode = true
		size, err := number(p, "MaxResults", pageDefault)
		q.size = min(max(size, pageDefault), listMax)
		return err
	}
	if set.NoPageMode {
		if p.Get("PageNumber") != "" || p.Get("PageSize") != "" {
			return invalidf("NotSupported.PageNumberAndPageSize", "The parameters PageNumber and PageSize are not supported. Use MaxResults and NextToken.")
		}
		q.tokenMode = true
		return nil
	}
	var err *failure
	if q.number, err = number(p, "PageNumber", 1); err != nil {
		return err
	}
	if q.size, err = number(p, "PageSize", pageDefault); err != nil {
		return err
	}
	switch {
	case q.number < 1:
		return badParameter("PageNumber", "want 1 or more")
	case q.size < 1 || q.size > listMax:
		return badParameter("PageSize", "want 1 to 100")
	}
	return nil
}

func number(p url.Values, name string, otherwise int) (int, *failure) {
	text := p.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, badParameter(name, "want a number")
	}
	return int(n), nil
}

// jsonList reads a JSON array of strings; like the API it also takes elements in single quotes. nil: not given.
func jsonList(p url.Values, name string) ([]string, *failure) {
	text := p.Get(name)
	if text == "" {
		return nil, nil
	}
	list := []string(nil)
	if json.Unmarshal([]byte(text), &list) != nil && !strings.Contains(text, `"`) {
		list = nil
		_ = json.Unmarshal([]byte(strings.ReplaceAll(text, "'", `"`)), &list) // then list stays nil
	}
	switch {
	case list == nil:
		return nil, badParameter(name, "want a JSON array of strings")
	case len(list) > listMax:
		return nil, badParameter(name, "more than 100 elements")
	}
	return list, nil
}

// repeated reads Name.1, Name.2 …, whatever numbers are left out.
func repeated(p url.Values, name string, most int) ([]string, *failure) {
	var list []string
	for key, values := range p {
		number, ok := strings.CutPrefix(key, name+".")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || values[0] == "" {
			continue
		}
		if n < 1 || n > most {
			return nil, badParameter(key, "beyond "+strconv.Itoa(most))
		}
		list = append(list, values[0])
	}
	return list, nil
}

// matchName knows one wildcard, the asterisk.
func matchName(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		_, behind, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = behind
	}
	return strings.HasSuffix(rest, parts[last])
}

// describeInstances answers DescribeInstances.
func (s *Server) describeInstances(c *call) ([]byte, *failure) {
	q, err := readQuery(c.params, c.Settings)
	if err == nil && q.tokenMode {
		q.position, err = s.openToken(c.params.Get("NextToken"), q.bound)
	}
	if err != nil {
		return nil, err
	}
	if want := c.params.Get("HpcClusterId"); want != "" && !s.fleet.any(c.region, func(i *item) bool { return i.HPCClusterID == want }) {
		return nil, invalidf("InvalidHpcClusterId.NotFound", "The specified HpcClusterId does not exist.")
	}
	denied := c.denied()
	switch {
	case q.dryRun && denied:
		return nil, c.forbidden("Forbidden.RAM")
	case q.dryRun:
		return nil, invalidf("DryRunOperation", "Request validation has been passed with DryRun flag set.")
	}
	q.nothing = q.nothing || denied
	var rows []*item
	var next string
	total, number, size := 0, 1, pageDefault // of no meaning in token mode
	if q.tokenMode {
		rows, next = s.tokenPage(c, q)
	} else {
		rows, total = s.fleet.numberedPage(c, q)
		number, size = q.number, q.size
	}
	if c.fault != nil && len(rows) > 0 {
		rows = append(slices.Clone(rows), rows[:min(c.fault.Duplicate, len(rows))]...)
	}
	b := make([]byte, 0, 256+3<<10*len(rows))
	b = append(b, `{"RequestId":"`+c.requestID+`","TotalCount":`+strconv.Itoa(total)+`,"PageNumber":`+strconv.Itoa(number)+
		`,"PageSize":`+strconv.Itoa(size)+`,"NextToken":"`+next+`","Instances":{"Instance":[`...)
	for i, it := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, it.json(q.attributes)...)
	}
	return append(b, "]}}"...), nil
}

// tokenPage gives the page behind the request's position, and the token of the next.
func (s *Server) tokenPage(c *call, q *query) (rows []*item, next string) {
	at, more := q.position, true
	if f := c.fault; f == nil || !f.EmptyPage {
		rows, at, more = s.fleet.page(c, q)
	}
	if c.fault != nil && c.fault.RepeatToken && c.params.Get("NextToken") != "" {
		return rows, c.params.Get("NextToken")
	}
	if !more && (!c.EmptyLastPage || len(rows) == 0) {
		return rows, ""
	}
	return rows, s.sealToken(at, q.bound)
}

// page walks the items behind the query's position. More tells that there are further ones, behind the returned place.
func (f *fleet) page(c *call, q *query) (rows []*item, at place, more bool) {
	at = q.position
	if q.nothing {
		return nil, at, false
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := f.candidates(c.region, q)
	places := []place{}
	for _, it := range list[after(list, at.seq):] {
		if !matches(q.capped, it) {
			continue
		}
		if len(q.capped) > 0 && at.count == resourceCap {
			return rows, at, false
		}
		hit := matches(q.filters, it)
		if hit && len(rows) == q.size {
			if back := min(c.Overlap, len(rows)-1); back > 0 {
				at = places[len(places)-1-back]
			}
			return rows, at, true
		}
		if len(q.capped) > 0 && (hit || c.CapFirst) {
			at = place{it.seq, at.count + 1}
		}
		if hit {
			at.seq = it.seq
			rows, places = append(rows, it), append(places, at)
		}
	}
	return rows, at, false
}

// numberedPage gives a page of page mode, and how many rows all pages have.
func (f *fleet) numberedPage(c *call, q *query) (rows []*item, total int) {
	if q.nothing {
		return nil, 0
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	list := f.candidates(c.region, q)
	from := (q.number - 1) * q.size
	if len(q.capped)+len(q.filters) == 0 {
		return slices.Clone(list[min(from, len(list)):min(from+q.size, len(list))]), len(list)
	}
	counted := 0
	for _, it := range list {
		if !matches(q.capped, it) {
			continue
		}
		if len(q.capped) > 0 && counted == resourceCap {
			break
		}
		hit := matches(q.filters, it)
		if hit || c.CapFirst {
			counted++
		}
		if hit {
			if total >= from && len(rows) < q.size {
				rows = append(rows, it)
			}
			total++
		}
	}
	return rows, total
}

// candidates is called with f.mu held. By ids there is no need to look at the whole region.
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
	slices.SortFunc(list, func(a, b *item) int { return int(a.seq) - int(b.seq) }) //nolint:gosec // there are not so many
	return slices.Compact(list)
}

func (f *fleet) any(region string, is func(*item) bool) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.ContainsFunc(f.regions[region], is)
}

func matches(filters []func(*item) bool, it *item) bool {
	for _, f := range filters {
		if !f(it) {
			return false
		}
	}
	return true
}
