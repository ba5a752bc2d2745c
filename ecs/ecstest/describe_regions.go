package ecstest

import (
	"slices"
	"strings"
)

// publicRegions lists the public regions of 2024 by region id, Chinese name and English name.
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

// regionIDs returns the ids of the regions in the settings and of the regions that have instances.
func (s *Server) regionIDs(settings Settings) []string {
	ids := slices.Clone(settings.Regions)
	if settings.Regions == nil {
		for _, r := range publicRegions {
			ids = append(ids, r[0])
		}
	}
	s.fleet.mu.RLock()
	defer s.fleet.mu.RUnlock()
	configured := len(ids)
	for id := range s.fleet.regions {
		if !slices.Contains(ids[:configured], id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids[configured:])
	return ids
}

func (s *Server) describeRegions(x *exchange, p *params) any {
	p.oneOf("AcceptLanguage", 404, "InvalidAcceptLanguage.NotFound", "zh-CN", "zh_TW", "en-US", "ja", "fr", "de", "ko")
	p.oneOf("ResourceType", 404, "InvalidResourceType.NotFound", "instance", "disk", "reservedinstance", "scu")
	language := 2 // English, the default for languages that publicRegions does not contain
	if l := p.Get("AcceptLanguage"); l == "" || strings.HasPrefix(l, "zh") {
		language = 1
	}
	list := []object{}
	for _, id := range s.regionIDs(x.Settings) {
		name := id
		if i := slices.IndexFunc(publicRegions, func(r [3]string) bool { return r[0] == id }); i >= 0 {
			name = publicRegions[i][language]
		}
		list = append(list, object{"RegionId": id, "RegionEndpoint": regionEndpoint(id), "LocalName": name})
	}
	return object{"RequestId": x.requestID, "Regions": object{"Region": list}}
}

// regionEndpoint returns the endpoint of a region. The endpoint of cn-hangzhou is the central endpoint.
func regionEndpoint(id string) string {
	if id == "cn-hangzhou" {
		return "ecs.aliyuncs.com"
	}
	return "ecs." + id + ".aliyuncs.com"
}
