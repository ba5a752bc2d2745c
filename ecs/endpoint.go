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

// publicHosts maps a region to the first label of its public endpoint's host name. It contains only the regions whose
// public endpoint is not ecs.{region}.aliyuncs.com.
var publicHosts = map[string]string{
	"cn-hangzhou":             "ecs-cn-hangzhou",
	"cn-shanghai-finance-1":   "ecs-cn-hangzhou",
	"cn-shenzhen-finance-1":   "ecs-cn-hangzhou",
	"cn-beijing-finance-pop":  "ecs",
	"cn-beijing-gov-1":        "ecs",
	"cn-hangzhou-finance":     "ecs",
	"cn-hongkong-finance-pop": "ecs",
	"cn-north-2-gov-1":        "ecs",
}

// checkRegions returns an error that names the field if one of the regions does not have the form of a region id.
func checkRegions(field string, regions ...string) error {
	for _, region := range regions {
		if region == "" {
			return invalid(field, "must not be empty: use a region id such as %q", "cn-hangzhou")
		}
		if len(region) > 63 || !regionName.MatchString(region) {
			return invalid(field, "%.80q is not a region id: use a region id such as %q", region, "cn-hangzhou")
		}
	}
	return nil
}

// endpoint returns the scheme and the host of a region's endpoint. If override is not empty, it replaces the default
// endpoint; see Options.Endpoint.
func endpoint(region string, network Network, override string) (scheme, host string, err error) {
	if err := checkRegions("region", region); err != nil { // the region becomes part of a host name
		return "", "", err
	}
	switch {
	case network != NetworkPublic && network != NetworkVPC:
		return "", "", invalid("Options.Network", "%.80q is neither NetworkPublic nor NetworkVPC", string(network))
	case override != "":
		return parseEndpoint(strings.ReplaceAll(override, "{region}", region))
	case network == NetworkVPC:
		return "https", "ecs-vpc." + region + ".aliyuncs.com", nil
	}
	return "https", cmp.Or(publicHosts[region], "ecs."+region) + ".aliyuncs.com", nil
}

// parseEndpoint parses a host, host:port or URL. It rejects user information, a path, a query, and an http URL unless
// the host is a loopback host.
func parseEndpoint(s string) (scheme, host string, err error) {
	bad := func(format string, args ...any) (string, string, error) {
		// Do not include s in the error, because s may contain a password.
		return "", "", invalid("Options.Endpoint", format, args...)
	}
	text := s
	if !strings.Contains(s, "://") {
		text = "https://" + s
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return bad("must be a host or a URL")
	case u.User != nil || strings.Contains(s, "@"):
		return bad("must not contain user information")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return bad("must be a host, host:port, or URL without a path or query")
	}
	u.Host = strings.ToLower(u.Host) // net/http bypasses the environment's proxy only for a lower-case "localhost"
	name := u.Hostname()
	addr, addrErr := netip.ParseAddr(name)
	if addrErr != nil && (len(name) > 253 || !hostName.MatchString(name)) || addr.Zone() != "" {
		return bad("must contain a valid host name")
	}
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad("must contain a valid port")
		}
	}
	loopback := name == "localhost" || addrErr == nil && addr.Unmap().IsLoopback()
	switch u.Scheme {
	case "https":
	case "http":
		if !loopback {
			return bad("must use https: http is allowed only for loopback hosts")
		}
	default:
		return bad("must use https, not the scheme %.20q", u.Scheme)
	}
	return u.Scheme, u.Host, nil
}
