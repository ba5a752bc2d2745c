package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/realtool"
)

// namesakes returns instances with duplicate names and with names that are not valid host names.
func namesakes() []ecs.Instance {
	names := []string{
		"web", "db", "db", "订单服务", "web server (1)", "*", "", "-oProxyCommand=id", `"quoted" 'twice' \`, "a\nHost *\n    ProxyCommand id",
		"i-0001", "db.i-0001", "web?", "!web", "no address", "100% café",
	}
	list := fleet(len(names))
	for n, name := range names {
		list[n].InstanceName = name
		list[n].VPCAttributes.PrivateIPAddress = []string{fmt.Sprintf("10.0.0.%d", n)}
	}
	list[14].VPCAttributes.PrivateIPAddress = nil
	list[3].PublicIPAddress = []string{"192.0.2.3"}
	list[4].EIPAddress.IPAddress = "192.0.2.4"
	return list
}

func TestSSHConfig(t *testing.T) {
	t.Parallel()
	s := newServer(t, namesakes()...)
	private := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "ssh-config", "-user", "ops")
	if private.code != failure.ExitOK || !strings.Contains(private.stderr, "left out 1 instance without a private address") {
		t.Errorf("exit code %d: %s", private.code, private.stderr)
	}
	golden(t, "ssh-config.txt", private.stdout)
	public := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "ssh-config", "-public")
	if public.code != failure.ExitOK || strings.Count(public.stdout, "\nHost ") != 2 || !strings.Contains(public.stdout, "HostName 192.0.2.4\n") ||
		strings.Contains(public.stdout, "User") || !strings.Contains(public.stderr, "left out 14 instances without a public address") {
		t.Errorf("%+v", public)
	}
}

// TestSSHReadsConfig verifies with the real ssh that each host name leads to the right instance, and that the
// configuration of other hosts does not change.
func TestSSHReadsConfig(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("arguments are not UTF-8 on this system")
	}
	ssh := realtool.Find(t, "openssh-client", "ssh")
	r := world{server: newServer(t, namesakes()...)}.run(t, "-region", "cn-hangzhou", "-o", "ssh-config", "-user", "ops")
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(host string) map[string]string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), ssh, "-G", "-F", file, "--", host).Output()
		if err != nil {
			t.Fatalf("ssh -G %s: %v", host, err)
		}
		config := map[string]string{}
		for line := range strings.Lines(string(out)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			config[key] = value
		}
		return config
	}

	owner := map[string]string{} // for each host name, the id of the instance
	for entry := range strings.SplitSeq(r.stdout, "\nHost ") {
		if strings.HasPrefix(entry, "#") {
			continue
		}
		line, rest, _ := strings.Cut(entry, "\n")
		address := strings.Fields(rest)[1]
		names := strings.Fields(line)
		id := names[len(names)-1]
		for _, name := range names {
			if owner[name] != "" {
				t.Errorf("the name %s belongs to both %s and %s", name, owner[name], id)
			}
			owner[name] = id
			if got := ask(name); got["hostname"] != address || got["user"] != "ops" || got["hostkeyalias"] != id {
				t.Errorf("ssh %s connects to %s as %s with the host key of %s; want %s, ops, %s", name, got["hostname"], got["user"], got["hostkeyalias"], address, id)
			}
		}
	}
	if len(owner) < 25 || owner["订单服务"] != "i-0003" || owner["db.i-0002"] != "i-0002" || owner["db"] != "" {
		t.Errorf("names: %v", owner)
	}
	for _, other := range []string{"example.com", "db", "webs", "Host"} {
		if got := ask(other); got["hostname"] != strings.ToLower(other) || got["user"] == "ops" || got["proxycommand"] != "" {
			t.Errorf("the configuration of %s is changed: address %s, user %s, proxy %q", other, got["hostname"], got["user"], got["proxycommand"])
		}
	}
}

// TestSSHForeignNames verifies that an instance cannot replace a known host or use another instance's id as its host
// name.
func TestSSHForeignNames(t *testing.T) {
	t.Parallel()
	list := fleet(3)
	list[0].InstanceName = "i-bp1victim"
	list[1].InstanceName, list[1].Tags = "lo", []ecs.Tag{{Key: "a", Value: "calhost"}}
	list[2].InstanceName, list[2].Tags = "i", []ecs.Tag{{Key: "a", Value: "-bp1victim"}}
	s := newServer(t, list...)
	for _, args := range [][]string{nil, {"-host-name", "{name}"}, {"-host-name", "{name}{tag:a}"}, {"-host-name", "{name}-{tag:a}"}} {
		r := world{server: s}.run(t, append([]string{"-region", "cn-hangzhou", "-o", "ssh-config"}, args...)...)
		if r.code != failure.ExitOK || strings.Contains(r.stdout, "Host i-bp1victim") || strings.Contains(r.stdout, "Host localhost ") {
			t.Errorf("%q: %+v", args, r)
		}
	}
	for template, ok := range map[string]bool{"{name}.{tag:a}": false, "{id}.{name}": false, "{name}.x{tag:b.c}": false, "{name}.{region}": true, "{tag:b.c}.ecs": true, "{tag:b.c}-{id}": true} {
		r := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "ssh-config", "-host-name", template)
		if (r.code == failure.ExitOK) != ok {
			t.Errorf("%s: %+v", template, r)
		}
	}
}
