package ecstest

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"net/url"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const (
	tagRows   = 50            // rows of a page of ListTagResources
	statusMax = 50            // rows of a page of DescribeInstanceStatus
	groupKey  = "acs:rm:rgId" // the tag key that means a resource group
)

// sealToken makes the opaque token of a place. It holds all that the server needs to go on, and works any number of times.
func (s *Server) sealToken(at place, bound uint64) string {
	s.mu.Lock()
	s.tokens++
	salt := s.tokens & 0xfff // else the token of an empty page would be the one that asked for it
	s.mu.Unlock()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], at.seq<<24|uint64(at.count)<<12|salt)
	binary.BigEndian.PutUint64(b[8:], bound)
	s.block.Encrypt(b[:], b[:])
	return hex.EncodeToString(b[:])
}

func (s *Server) openToken(token string, bound uint64) (place, *failure) {
	if token == "" {
		return place{}, nil
	}
	if b, err := hex.DecodeString(token); err == nil && len(b) == 16 {
		s.block.Decrypt(b, b)
		if v := binary.BigEndian.Uint64(b); binary.BigEndian.Uint64(b[8:]) == bound {
			return place{v >> 24, int(v >> 12 & 0xfff)}, nil
		}
	}
	return place{}, failed(400, "InvalidParameter.NextToken", "The specified NextToken is not valid, or belongs to a request with other filters.")
}

// nextToken is the answer's token: "" at the end.
func (s *Server) nextToken(c *call, p *params, at place, bound uint64, more bool) string {
	switch token := p.Get("NextToken"); {
	case token != "" && c.fault != nil && c.fault.RepeatToken:
		return token
	case more:
		return s.sealToken(at, bound)
	}
	return ""
}

// boundTo hashes what must stay the same from page to page.
func boundTo(values url.Values) uint64 {
	h := fnv.New64a()
	own := without(values, "NextToken", "MaxResults", "PageNumber", "PageSize", "DryRun", "AdditionalAttributes")
	_, _ = h.Write([]byte(canonicalQuery(own))) // never fails
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
	named := len(ids)
	for id := range s.fleet.regions {
		if !slices.Contains(ids[:named], id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids[named:])
	return ids
}

func (s *Server) describeRegions(c *call, p *params) any {
	p.oneOf("AcceptLanguage", 404, "InvalidAcceptLanguage.NotFound", "zh-CN", "zh_TW", "en-US", "ja", "fr", "de", "ko")
	p.oneOf("ResourceType", 404, "InvalidResourceType.NotFound", "instance", "disk", "reservedinstance", "scu")
	if c.denied() {
		p.fail(c.forbidden())
	}
	language := 2 // English also for those that are not known here
	if l := p.Get("AcceptLanguage"); l == "" || strings.HasPrefix(l, "zh") {
		language = 1
	}
	list := []object{}
	for _, id := range s.regionIDs(c) {
		name := id
		if i := slices.IndexFunc(publicRegions, func(r [3]string) bool { return r[0] == id }); i >= 0 {
			name = publicRegions[i][language]
		}
		list = append(list, object{"RegionId": id, "RegionEndpoint": "ecs." + id + ".aliyuncs.com", "LocalName": name})
	}
	return object{"RequestId": c.requestID, "Regions": object{"Region": list}}
}

func (s *Server) describeInstanceStatus(c *call, p *params) any {
	q := &query{ids: p.repeated("InstanceId", listMax), number: p.number("PageNumber", 1, 1, 0), size: p.number("PageSize", pageDefault, 1, statusMax)}
	if zone := p.Get("ZoneId"); zone != "" {
		q.where(func(i *item) bool { return i.ZoneID == zone })
	}
	if c.denied() {
		p.fail(c.forbidden())
	}
	if p.err != nil {
		return nil
	}
	rows, _, total, _ := s.fleet.page(c, q)
	list := []object{}
	for _, it := range rows {
		list = append(list, object{"InstanceId": it.InstanceID, "Status": it.Status})
	}
	return object{"RequestId": c.requestID, "TotalCount": total, "PageNumber": q.number, "PageSize": q.size, "InstanceStatuses": object{"InstanceStatus": list}}
}

func (s *Server) listTagResources(c *call, p *params) any {
	if p.highest("ResourceId") > 50 {
		p.fail(failed(400, "NumberExceed.ResourceIds", "The maximum number of ResourceIds is exceeded."))
	}
	ids, tags := p.repeated("ResourceId", 50), p.tags()
	if p.err != nil { // the codes of DescribeInstances are others
		switch p.err.Code {
		case "InvalidTagCount":
			p.err.Code = "NumberExceed.Tags"
		case "InvalidTag.Mismatch":
			p.err.Code = "InvalidParameter.TagValue"
		}
	}
	if p.Get("ResourceType") == "" {
		p.fail(failed(404, "MissingParameter.ResourceType", "The parameter ResourceType is needed but not provided."))
	}
	p.oneOf("ResourceType", 404, "InvalidResourceType.NotFound", append([]string{"instance"}, strings.Fields(`disk snapshot image securitygroup volume eni ddh
		ddhcluster keypair launchtemplate reservedinstance snapshotpolicy elasticityassurance capacityreservation command invocation activation managedinstance`)...)...)
	if len(ids) == 0 && len(tags) == 0 {
		p.fail(failed(404, "MissingParameter.ResourceIds", "One of ResourceId.N and Tag.N is needed."))
	}
	for i, t := range tags {
		if slices.ContainsFunc(tags[:i], func(o ecs.Tag) bool { return o.Key == t.Key }) {
			p.fail(failed(400, "Duplicate.TagKey", "The Tag.N.Key contain duplicate key."))
		}
		if t.Key == groupKey && len(tags) > 1 {
			p.fail(failed(400, "InvalidTagKey.Malformed", "The tag key %s must be the only one.", groupKey))
		}
	}
	bound := boundTo(p.Values)
	at, err := s.openToken(p.Get("NextToken"), bound)
	if err != nil {
		p.fail(err)
	}
	if c.denied() {
		p.fail(failed(403, "NoPermission.Tag", "The operator is not permission for the tag."))
	}
	if p.err != nil {
		return nil
	}
	rows, more := []object{}, false
	if p.Get("ResourceType") == "instance" { // there are no others here
		rows, at, more = s.fleet.tagPage(c.region, ids, tags, at)
	}
	token := s.nextToken(c, p, at, bound, more)
	if !more && c.RepeatEndToken {
		token = p.Get("NextToken")
	}
	return object{"RequestId": c.requestID, "NextToken": token, "TagResources": object{"TagResource": rows}}
}

// tagPage gives up to 50 rows, each one tag of one instance, from a place on.
func (f *fleet) tagPage(region string, ids []string, tags []ecs.Tag, at place) (rows []object, next place, more bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	rows = []object{}
	list := f.candidates(region, &query{ids: ids})
	for _, it := range list[after(list, max(at.seq, 1)-1):] {
		has := it.Tags
		if len(tags) == 1 && tags[0].Key == groupKey {
			has = []ecs.Tag{{Key: groupKey, Value: it.ResourceGroupID}}
			if it.ResourceGroupID == "" || tags[0].Value != "" && tags[0].Value != it.ResourceGroupID {
				continue
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
			rows = append(rows, object{"ResourceId": it.InstanceID, "ResourceType": "instance", "TagKey": t.Key, "TagValue": t.Value})
		}
	}
	return rows, place{}, false
}
