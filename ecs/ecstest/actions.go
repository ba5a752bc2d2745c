package ecstest

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const (
	tagRows   = 50 // rows of a page of ListTagResources
	statusMax = 50 // rows of a page of DescribeInstanceStatus
	groupKey  = "acs:rm:rgId"
)

// sealToken makes the opaque token of a place. It holds everything the server needs to go on, and works any number of times.
func (s *Server) sealToken(at place, bound uint64) string {
	s.mu.Lock()
	s.tokens++
	salt := s.tokens & 0xfff // else an empty page's token would be the one that asked for it
	s.mu.Unlock()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], at.seq<<24|uint64(at.count)<<12|salt) //nolint:gosec // counts are small
	binary.BigEndian.PutUint64(b[8:], bound)
	s.block.Encrypt(b[:], b[:])
	return hex.EncodeToString(b[:])
}

func (s *Server) openToken(token string, bound uint64) (place, *failure) {
	if token == "" {
		return place{}, nil
	}
	b, err := hex.DecodeString(token)
	if err == nil && len(b) == 16 {
		s.block.Decrypt(b, b)
		if binary.BigEndian.Uint64(b[8:]) == bound {
			v := binary.BigEndian.Uint64(b)
			return place{v >> 24, int(v >> 12 & 0xfff)}, nil //nolint:gosec // 12 bits
		}
	}
	return place{}, invalidf("InvalidParameter.NextToken", "The specified NextToken is not valid, or belongs to a request with other filters.")
}

// boundTo hashes what must stay the same from page to page.
func boundTo(p url.Values) uint64 {
	own := ownParams(p)
	for name := range own {
		switch root, _, _ := strings.Cut(name, "."); root {
		case "NextToken", "MaxResults", "PageNumber", "PageSize", "DryRun", "AdditionalAttributes":
			delete(own, name)
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(canonicalQuery(own)))
	return h.Sum64()
}

// publicRegions are those that any account could use in 2024, with their names in Chinese and English.
var publicRegions = [][3]string{
	{"cn-qingdao", "华北1（青岛）", "China (Qingdao)"},
	{"cn-beijing", "华北2（北京）", "China (Beijing)"},
	{"cn-zhangjiakou", "华北3（张家口）", "China (Zhangjiakou)"},
	{"cn-huhehaote", "华北5（呼和浩特）", "China (Hohhot)"},
	{"cn-wulanchabu", "华北6（乌兰察布）", "China (Ulanqab)"},
	{"cn-hangzhou", "华东1（杭州）", "China (Hangzhou)"},
	{"cn-shanghai", "华东2（上海）", "China (Shanghai)"},
	{"cn-nanjing", "华东5（南京-本地地域）", "China (Nanjing - Local Region)"},
	{"cn-shenzhen", "华南1（深圳）", "China (Shenzhen)"},
	{"cn-heyuan", "华南2（河源）", "China (Heyuan)"},
	{"cn-guangzhou", "华南3（广州）", "China (Guangzhou)"},
	{"cn-fuzhou", "华东6（福州-本地地域）", "China (Fuzhou - Local Region)"},
	{"cn-wuhan-lr", "华中1（武汉-本地地域）", "China (Wuhan - Local Region)"},
	{"cn-chengdu", "西南1（成都）", "China (Chengdu)"},
	{"cn-hongkong", "中国香港", "China (Hong Kong)"},
	{"ap-northeast-1", "日本（东京）", "Japan (Tokyo)"},
	{"ap-northeast-2", "韩国（首尔）", "South Korea (Seoul)"},
	{"ap-southeast-1", "新加坡", "Singapore"},
	{"ap-southeast-2", "澳大利亚（悉尼）", "Australia (Sydney)"},
	{"ap-southeast-3", "马来西亚（吉隆坡）", "Malaysia (Kuala Lumpur)"},
	{"ap-southeast-5", "印度尼西亚（雅加达）", "Indonesia (Jakarta)"},
	{"ap-southeast-6", "菲律宾（马尼拉）", "Philippines (Manila)"},
	{"ap-southeast-7", "泰国（曼谷）", "Thailand (Bangkok)"},
	{"ap-south-1", "印度（孟买）", "India (Mumbai)"},
	{"us-east-1", "美国（弗吉尼亚）", "US (Virginia)"},
	{"us-west-1", "美国（硅谷）", "US (Silicon Valley)"},
	{"eu-west-1", "英国（伦敦）", "UK (London)"},
	{"eu-central-1", "德国（法兰克福）", "Germany (Frankfurt)"},
	{"me-east-1", "阿联酋（迪拜）", "UAE (Dubai)"},
}

// regionIDs are the regions the server knows.
func (s *Server) regionIDs(c *call) []string {
	ids := slices.Clone(c.Regions)
	if c.Regions == nil {
		for _, r := range publicRegions {
			ids = append(ids, r[0])
		}
	}
	s.fleet.mu.RLock()
	defer s.fleet.mu.RUnlock()
	var more []string
	for id := range s.fleet.regions {
		if !slices.Contains(ids, id) {
			more = append(more, id)
		}
	}
	slices.Sort(more)
	return append(ids, more...)
}

func (s *Server) knows(c *call, region string) bool { return slices.Contains(s.regionIDs(c), region) }

func (s *Server) describeRegions(c *call) ([]byte, *failure) {
	language := c.params.Get("AcceptLanguage")
	if !slices.Contains([]string{"", "zh-CN", "zh_TW", "zh-TW", "en-US", "ja", "fr", "de", "ko"}, language) {
		return nil, notFound("InvalidAcceptLanguage.NotFound", "The specified AcceptLanguage does not exist.")
	}
	if !slices.Contains([]string{"", "instance", "disk", "reservedinstance", "scu"}, c.params.Get("ResourceType")) {
		return nil, notFound("InvalidResourceType.NotFound", "The specified ResourceType does not exist.")
	}
	if c.denied() {
		return nil, c.forbidden("Forbidden.RAM")
	}
	type region struct{ RegionId, RegionEndpoint, LocalName string } //nolint:staticcheck // the API's names
	var out struct {
		RequestId string //nolint:staticcheck // the API's name
		Regions   struct{ Region []region }
	}
	out.RequestId, out.Regions.Region = c.requestID, []region{}
	for _, id := range s.regionIDs(c) {
		name := id
		for _, r := range publicRegions {
			switch {
			case r[0] != id:
			case strings.HasPrefix(language, "zh") || language == "":
				name = r[1]
			default: // the other languages are not known here
				name = r[2]
			}
		}
		out.Regions.Region = append(out.Regions.Region, region{id, "ecs." + id + ".aliyuncs.com", name})
	}
	return marshal(out), nil
}

func (s *Server) describeInstanceStatus(c *call) ([]byte, *failure) {
	p := c.params
	ids, err := repeated(p, "InstanceId", listMax)
	if err != nil {
		return nil, err
	}
	q := &query{ids: ids}
	if zone := p.Get("ZoneId"); zone != "" {
		q.where(func(i *item) bool { return i.ZoneID == zone })
	}
	if q.number, err = number(p, "PageNumber", 1); err != nil {
		return nil, err
	}
	if q.size, err = number(p, "PageSize", pageDefault); err != nil {
		return nil, err
	}
	switch {
	case q.number < 1:
		return nil, badParameter("PageNumber", "want 1 or more")
	case q.size < 1 || q.size > statusMax:
		return nil, badParameter("PageSize", "want 1 to 50")
	case c.denied():
		return nil, c.forbidden("Forbidden.RAM")
	}
	rows, total := s.fleet.numberedPage(c, q)
	type status struct{ InstanceId, Status string } //nolint:staticcheck // the API's names
	var out struct {
		RequestId                        string //nolint:staticcheck // the API's name
		TotalCount, PageNumber, PageSize int
		InstanceStatuses                 struct{ InstanceStatus []status }
	}
	out.RequestId, out.TotalCount, out.PageNumber, out.PageSize = c.requestID, total, q.number, q.size
	out.InstanceStatuses.InstanceStatus = []status{}
	for _, it := range rows {
		out.InstanceStatuses.InstanceStatus = append(out.InstanceStatuses.InstanceStatus, status{it.InstanceID, string(it.Status)})
	}
	return marshal(out), nil
}

// otherTypes can have tags in the API; this server has none of them.
var otherTypes = strings.Fields(`disk snapshot image securitygroup volume eni ddh ddhcluster keypair launchtemplate reservedinstance snapshotpolicy
	elasticityassurance capacityreservation command invocation activation managedinstance`)

// tagRow is a row of ListTagResources: one tag of one resource.
type tagRow struct{ ResourceId, ResourceType, TagKey, TagValue string } //nolint:staticcheck // the API's names

func (s *Server) listTagResources(c *call) ([]byte, *failure) {
	p := c.params
	kind := p.Get("ResourceType")
	ids, err := repeated(p, "ResourceId", 50)
	if err != nil {
		return nil, invalidf("NumberExceed.ResourceIds", "The maximum number of ResourceIds is exceeded.")
	}
	tags, err := readTags(p)
	if err != nil {
		return nil, map[string]*failure{
			"InvalidTagCount":     invalidf("NumberExceed.Tags", "The maximum number of Tags is exceeded."),
			"InvalidTag.Mismatch": invalidf("InvalidParameter.TagValue", "A Tag.N.Value needs its Tag.N.Key."),
		}[err.Code]
	}
	keys := make([]string, len(tags))
	for i, t := range tags {
		keys[i] = t.Key
	}
	slices.Sort(keys)
	switch {
	case kind == "":
		return nil, notFound("MissingParameter.ResourceType", "The parameter ResourceType is needed but not provided.")
	case kind != "instance" && !slices.Contains(otherTypes, kind):
		return nil, notFound("InvalidResourceType.NotFound", "The specified ResourceType does not exist.")
	case len(ids) == 0 && len(tags) == 0:
		return nil, notFound("MissingParameter.ResourceIds", "One of ResourceId.N and Tag.N is needed.")
	case len(slices.Compact(keys)) < len(tags):
		return nil, invalidf("Duplicate.TagKey", "The Tag.N.Key contain duplicate key.")
	case slices.Contains(keys, groupKey) && len(tags) > 1:
		return nil, invalidf("InvalidTagKey.Malformed", "The tag key %s must be the only one.", groupKey)
	}
	bound := boundTo(p)
	at, err := s.openToken(p.Get("NextToken"), bound)
	switch {
	case err != nil:
		return nil, err
	case c.denied():
		return nil, &failure{Status: http.StatusForbidden, Code: "NoPermission.Tag", Message: "The operator is not permission for the tag."}
	}
	var out struct {
		RequestId, NextToken string //nolint:staticcheck // the API's names
		TagResources         struct{ TagResource []tagRow }
	}
	rows, at, more := []tagRow{}, at, false
	if kind == "instance" {
		rows, at, more = s.fleet.tagPage(c.region, ids, tags, at)
	}
	switch {
	case c.fault != nil && c.fault.RepeatToken && p.Get("NextToken") != "":
		out.NextToken = p.Get("NextToken")
	case more:
		out.NextToken = s.sealToken(at, bound)
	case c.RepeatEndToken:
		out.NextToken = p.Get("NextToken")
	}
	out.RequestId, out.TagResources.TagResource = c.requestID, rows
	return marshal(out), nil
}

// tagPage gives up to 50 rows from a place on: the item, and the row among its own.
func (f *fleet) tagPage(region string, ids []string, tags []ecs.Tag, at place) (rows []tagRow, next place, more bool) {
	q := &query{}
	if len(ids) > 0 {
		q.ids = ids
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	rows = []tagRow{}
	list := f.candidates(region, q)
	for _, it := range list[after(list, max(at.seq, 1)-1):] {
		has := it.Tags
		if len(tags) == 1 && tags[0].Key == groupKey {
			has = nil
			if it.ResourceGroupID != "" && (tags[0].Value == "" || tags[0].Value == it.ResourceGroupID) {
				has = []ecs.Tag{{Key: groupKey, Value: it.ResourceGroupID}}
			}
		} else if slices.ContainsFunc(tags, func(t ecs.Tag) bool { return !tagged(it, t) }) {
			continue
		}
		first := 0
		if it.seq == at.seq {
			first = min(at.count, len(has))
		}
		for n, t := range has[first:] {
			if len(rows) == tagRows {
				return rows, place{it.seq, first + n}, true
			}
			rows = append(rows, tagRow{it.InstanceID, "instance", t.Key, t.Value})
		}
	}
	return rows, place{}, false
}
