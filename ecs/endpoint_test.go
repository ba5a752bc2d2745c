package ecs

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"testing"
)

func TestEndpointsOfRegions(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("testdata/endpoints.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		rows++
		region, public, vpc := cells[0], cells[1], cells[2]
		if scheme, host, err := endpoint(region, NetworkPublic, ""); err != nil || scheme != "https" || host != public {
			t.Errorf("%s: %s %s %v, want %s", region, scheme, host, err, public)
		}
		if vpc == "-" {
			vpc = "ecs-vpc." + region + ".aliyuncs.com"
		}
		if _, host, err := endpoint(region, NetworkVPC, ""); err != nil || host != vpc {
			t.Errorf("%s: %s %v, want %s", region, host, err, vpc)
		}
	}
	if rows != 46 {
		t.Errorf("%d rows", rows)
	}
	if _, host, err := endpoint("cn-new-1", NetworkPublic, ""); err != nil || host != "ecs.cn-new-1.aliyuncs.com" {
		t.Errorf("an unknown region: %s %v", host, err)
	}
}

func TestEndpointOverride(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ecs.cn-hangzhou.aliyuncs.com":   "https://ecs.cn-hangzhou.aliyuncs.com",
		"proxy.example:8443":             "https://proxy.example:8443",
		"https://proxy.example":          "https://proxy.example",
		"HTTPS://proxy.example/":         "https://proxy.example",
		"10.1.2.3":                       "https://10.1.2.3",
		"https://[2001:db8::1]:443":      "https://[2001:db8::1]:443",
		"http://127.0.0.1:8080":          "http://127.0.0.1:8080",
		"http://127.9.9.9":               "http://127.9.9.9",
		"http://[::1]:8080":              "http://[::1]:8080",
		"http://[::ffff:127.0.0.1]:8080": "http://[::ffff:127.0.0.1]:8080",
		"http://localhost:8080":          "http://localhost:8080",
		// The host must be in lower case. Otherwise, net/http would not recognize it as a loopback host and could send
		// the request to a proxy.
		"http://LocalHost:80":              "http://localhost:80",
		"ECS.Example":                      "https://ecs.example",
		"localhost:8080":                   "https://localhost:8080",
		strings.Repeat("a", 63) + ".test":  "https://" + strings.Repeat("a", 63) + ".test",
		"http://example.test":              "must use https",
		"http://10.0.0.1":                  "must use https",
		"http://localhost.example.test":    "must use https",
		"http://127.0.0.1.example.test":    "must use https",
		"http://127.1":                     "must use https",
		"http://2130706433":                "must use https",
		"http://[::]:80":                   "must use https",
		"http://0.0.0.0":                   "must use https",
		"ftp://127.0.0.1":                  "not the scheme",
		"://127.0.0.1":                     "must be a host or a URL",
		"user:secretpw@host.example":       "user information",
		"https://user:secretpw@127.0.0.1":  "user information",
		"https://secretpw@host.example":    "user information",
		"https://host.example/path":        "without a path or query",
		"https://host.example?a=secretpw":  "without a path or query",
		"https://host.example?":            "without a path or query",
		"https://host.example/#secretpw":   "without a path or query",
		"https://host.example:0":           "a valid port",
		"https://host.example:":            "a valid port",
		"https://host.example:65536":       "a valid port",
		"https://host.example:99999":       "a valid port",
		"https://host.example:a":           "must be a host or a URL",
		"https://":                         "a valid host name",
		"https:///":                        "a valid host name",
		"":                                 "a valid host name",
		" host.example":                    "must be a host or a URL",
		"host.example\r\nX-Injected: 1":    "must be a host or a URL",
		"host.example\x00":                 "must be a host or a URL",
		"host_name.example":                "a valid host name",
		"höst.example":                     "a valid host name",
		"-host.example":                    "a valid host name",
		"host-.example":                    "a valid host name",
		"host..example":                    "a valid host name",
		"host.example.":                    "a valid host name",
		"*.example":                        "a valid host name",
		"https://[fe80::1%25eth0]":         "a valid host name",
		"https://[::1":                     "must be a host or a URL",
		"https://%31.example":              "must be a host or a URL",
		"https:host.example":               "must be a host or a URL",
		`https:\\host.example`:             "must be a host or a URL",
		strings.Repeat("a.", 127) + "test": "a valid host name",
	} {
		scheme, host, err := parseEndpoint(text)
		if strings.Contains(want, "://") {
			if err != nil || scheme+"://"+host != want {
				t.Errorf("%q: %s://%s %v", text, scheme, host, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrInvalidParameter) {
			t.Errorf("%q: %s://%s %v, want %s", text, scheme, host, err, want)
		} else if strings.Contains(err.Error(), "secretpw") {
			t.Errorf("%q: the error contains the password: %v", text, err)
		}
	}
}

func TestBadRegions(t *testing.T) {
	t.Parallel()
	for _, region := range []string{
		"", " ", "cn-hangzhou ", "CN-HANGZHOU", "cn_hangzhou", "cn-hangzhou.evil.test", "cn-hangzhou/", "evil.test/?", "evil.test#", "a@evil.test", "cn-hangzhou:80",
		"cn--hangzhou", "-cn", "cn-", "cn-hangzhou\r\n", "cn-hangzhou\n", "ｃn-hangzhou", "%2e", "..", strings.Repeat("a", 64),
	} {
		for _, network := range []Network{NetworkPublic, NetworkVPC} {
			c, err := NewClient(region, &Options{Network: network})
			if c != nil || !errors.Is(err, ErrInvalidParameter) || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("NewClient(%q): %v", region, err)
			}
		}
	}
	c, err := NewClient("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	if other, err := c.InRegion("evil.test/"); other != nil || !errors.Is(err, ErrInvalidParameter) {
		t.Errorf("InRegion: %v", err)
	}
	for _, o := range []Options{{Network: "vpn"}, {Network: "vpn", Endpoint: "host.example"}} {
		if _, err := NewClient("cn-hangzhou", &o); !errors.Is(err, ErrInvalidParameter) {
			t.Errorf("%v: %v", o.Network, err)
		}
	}
}

// FuzzEndpoint checks that an endpoint's host is the override or a host of the vendor, and that only loopback hosts can
// be reached without https.
func FuzzEndpoint(f *testing.F) {
	for _, seed := range [][2]string{
		{"cn-hangzhou", ""},
		{"cn-hangzhou", "http://127.0.0.1:80"},
		{"cn-hangzhou", "host.example:443"},
		{"a.b/", "https://user:pw@h"},
		{"cn-x", "https://[::1%25lo]"},
		{"cn-x", "http://localhost.evil"},
		{"cn-x", "https:\\\\h"},
		{"cn-x\n", "h\r\n"},
		{"cn-x", "http://[::ffff:7f00:1]"},
		{"é", "xn--h-bga.example"},
	} {
		f.Add(seed[0], seed[1], false)
		f.Add(seed[0], seed[1], true)
	}
	f.Fuzz(func(t *testing.T, region, override string, vpc bool) {
		network := NetworkPublic
		if vpc {
			network = NetworkVPC
		}
		scheme, host, err := endpoint(region, network, override)
		if err != nil {
			if scheme != "" || host != "" || !errors.Is(err, ErrInvalidParameter) {
				t.Errorf("%s %s %v", scheme, host, err)
			}
			return
		}
		u, err := url.Parse(scheme + "://" + host + "/")
		if err != nil || u.Host != host || u.User != nil || u.Path != "/" {
			t.Fatalf("%q: %v", host, err)
		}
		if override == "" && (!strings.HasSuffix(host, ".aliyuncs.com") || scheme != "https") {
			t.Errorf("the endpoint of region %q is %s://%s", region, scheme, host)
		}
		if scheme != "https" {
			addr, err := netip.ParseAddr(u.Hostname())
			if !strings.EqualFold(u.Hostname(), "localhost") && (err != nil || !addr.Unmap().IsLoopback()) {
				t.Errorf("%s://%s", scheme, host)
			}
		}
		if _, _, err := net.SplitHostPort(host); err != nil && strings.Contains(u.Port(), ":") {
			t.Errorf("%q: %v", host, err)
		}
		// net/http must accept the endpoint without changing it.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, scheme+"://"+host+"/", http.NoBody)
		if err != nil || req.Host != host {
			t.Errorf("%q: %v", host, err)
		}
	})
}
