package hostname

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
)

func TestSanitize(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"web-1": "web-1", "web_1": "web_1", "订单服务": "订单服务", "web server (1)": "web-server-1", "été": "été",
		"github.com": "github-com", "bastion.corp.example": "bastion-corp-example", "example.com.": "example-com",
		"localhost": "", "LocalHost": "", "localhost.localdomain": "", "my.localhost": "", "localhosts": "localhosts",
		"127.0.0.1": "", "127.1": "", "2130706433": "", "0x7f000001": "", "0X7F.1": "", "192.0.2.7": "", "::1": "", "[::1]": "", "2001:db8::7": "", "fe80::1%eth0": "", "192.0.2.7:22": "", "192.0.2.0/24": "",
		"10-0-0-1": "", "1": "", "007": "", "web1": "web1", "1web": "1web", "127.0.0.1.web": "127-0-0-1-web",
		"all": "", "ungrouped": "", "_meta": "", "Host": "", "match": "", "*": "", "!web": "web", "-oProxyCommand=id": "oProxyCommand-id",
		"a\nHost *": "a-Host", "": "", "...": "", "__": "", strings.Repeat("a", 128): strings.Repeat("a", 128), strings.Repeat("a", 129): "",
		"ｇithub．com": "ｇithub-com", "a\u202eb": "a-b", "\xff\xfe": "",
	} {
		if got := Sanitize(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestFromInstanceName verifies that FromInstanceName rejects names that look like instance ids.
func TestFromInstanceName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"i-bp1victim": "", "I-BP1": "", " i.bp1 ": "", "i-web-1": "i-web-1", "web-1": "web-1", "localhost": ""} {
		if got := FromInstanceName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// check verifies that the host name for an instance name is safe to use.
func check(t *testing.T, name string) {
	t.Helper()
	clean := Sanitize(name)
	if strings.ContainsAny(clean, " \t\r\n.*?!,:/\\\"'{}[]$`~%@=#;&|<>()\x00\x1b\u202e") || strings.HasPrefix(clean, "-") {
		t.Errorf("%q: %q", name, clean)
	}
	if _, err := netip.ParseAddr(clean); err == nil || strings.EqualFold(clean, "localhost") {
		t.Errorf("%q is the host %q", name, clean)
	}
	if Sanitize(clean) != clean {
		t.Errorf("%q: %q, which Sanitize changes to %q", name, clean, Sanitize(clean))
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, name := range hostile.Names() {
		check(t, name)
	}
}

func FuzzSanitize(f *testing.F) {
	for _, name := range hostile.Names() {
		f.Add(name)
	}
	f.Fuzz(check)
}
