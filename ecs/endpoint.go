package ecs

import (
	"cmp"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$`)
)

// publicHosts are the regions whose public endpoint is not ecs.{region}.aliyuncs.com, as the vendor's own clients have
// it: one public region, and finance, government and internal ones. No VPC endpoint departs from its rule.
var publicHosts = map[string]string{
	"cn-hangzhou":                 "ecs-cn-hangzhou",
	"cn-beijing-nu16-b01":         "ecs-cn-hangzhou",
	"cn-fujian":                   "ecs-cn-hangzhou",
	"cn-haidian-cm12-c01":         "ecs-cn-hangzhou",
	"cn-hangzhou-bj-b01":          "ecs-cn-hangzhou",
	"cn-hangzhou-internal-prod-1": "ecs-cn-hangzhou",
	"cn-hangzhou-internal-test-1": "ecs-cn-hangzhou",
	"cn-hangzhou-internal-test-2": "ecs-cn-hangzhou",
	"cn-hangzhou-internal-test-3": "ecs-cn-hangzhou",
	"cn-hangzhou-test-306":        "ecs-cn-hangzhou",
	"cn-shanghai-et15-b01":        "ecs-cn-hangzhou",
	"cn-shanghai-et2-b01":         "ecs-cn-hangzhou",
	"cn-shanghai-finance-1":       "ecs-cn-hangzhou",
	"cn-shanghai-internal-test-1": "ecs-cn-hangzhou",
	"cn-shenzhen-finance-1":       "ecs-cn-hangzhou",
	"cn-shenzhen-st4-d01":         "ecs-cn-hangzhou",
	"cn-shenzhen-su18-b01":        "ecs-cn-hangzhou",
	"cn-zhangbei-na61-b01":        "ecs-cn-hangzhou",
	"ap-northeast-2-pop":          "ecs",
	"cn-beijing-finance-pop":      "ecs",
	"cn-beijing-gov-1":            "ecs",
	"cn-hangzhou-finance":         "ecs",
	"cn-hongkong-finance-pop":     "ecs",
	"cn-north-2-gov-1":            "ecs",
	"cn-shanghai-inner":           "ecs",
	"cn-shenzhen-inner":           "ecs",
	"cn-wuhan":                    "ecs",
	"cn-yushanfang":               "ecs",
	"cn-zhangbei":                 "ecs",
	"rus-west-1-pop":              "ecs",
	"cn-edge-1":                   "ecs.cn-qingdao-nebula",
	"cn-huhehaote-nebula-1":       "ecs.cn-qingdao-nebula",
	"cn-zhengzhou-nebula-1":       "ecs.cn-qingdao-nebula",
	"eu-west-1-oxs":               "ecs.cn-shenzhen-cloudstone",
	"cn-zhangjiakou-na62-a01":     "ecs.cn-zhangjiakou",
}

// endpoint is where a region is reached. The region's name becomes part of a host name, so it is checked first.
func endpoint(region string, network Network, override string) (scheme, host string, err error) {
	if region == "" {
		return "", "", invalid("region", "is empty, want one such as %q", "cn-hangzhou")
	}
	if len(region) > 63 || !regionName.MatchString(region) {
		return "", "", invalid("region", "%.80q is not a region id such as %q", region, "cn-hangzhou")
	}
	switch {
	case network != NetworkPublic && network != NetworkVPC:
		return "", "", invalid("Options.Network", "%.80q is neither NetworkPublic nor NetworkVPC", string(network))
	case override != "":
		return parseEndpoint(override)
	case network == NetworkVPC:
		return "https", "ecs-vpc." + region + ".aliyuncs.com", nil
	}
	return "https", cmp.Or(publicHosts[region], "ecs."+region) + ".aliyuncs.com", nil
}

// parseEndpoint reads a host, host:port or URL. Anything that could send a signed request somewhere unexpected is
// refused: plain http beyond this machine, user info, a path, a query.
func parseEndpoint(s string) (scheme, host string, err error) {
	bad := func(format string, args ...any) (string, string, error) {
		return "", "", invalid("Options.Endpoint", format, args...) // without the value: it may hold a password
	}
	text := s
	if !strings.Contains(s, "://") {
		text = "https://" + s
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return bad("is neither a host nor a URL")
	case u.User != nil || strings.Contains(s, "@"):
		return bad("must not hold user information")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return bad("must be a host, host:port, or URL without path and query")
	}
	u.Host = strings.ToLower(u.Host) // net/http spares only "localhost" as it stands here from the environment's proxy
	name := u.Hostname()
	addr, addrErr := netip.ParseAddr(name)
	if addrErr != nil && (len(name) > 253 || !hostName.MatchString(name)) || addr.Zone() != "" {
		return bad("has no valid host name")
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad("has no valid port")
		}
	}
	loopback := name == "localhost" || addrErr == nil && addr.Unmap().IsLoopback()
	switch u.Scheme {
	case "https":
	case "http":
		if !loopback {
			return bad("must use https: plain http is for loopback hosts only")
		}
	default:
		return bad("has scheme %.20q, want https", u.Scheme)
	}
	return u.Scheme, u.Host, nil
}
