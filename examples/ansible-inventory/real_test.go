package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
	"github.com/aliyun-ecs/sdk-go/examples/internal/realtool"
)

// ansible runs one of Ansible's commands with the inventory script and returns the output. It fails the test if
// Ansible writes anything except the demo notice to stderr.
func ansible(t *testing.T, env []string, command string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), realtool.Find(t, "ansible-core", command), append([]string{"-i", os.Args[0]}, args...)...)
	home := t.TempDir()
	c.Dir = home
	c.Env = append(env, "TEST_RUN_ANSIBLE_INVENTORY=1", "PATH="+os.Getenv("PATH"), "HOME="+home, "LC_ALL=C.UTF-8",
		"ANSIBLE_NOCOLOR=1", "ANSIBLE_DEPRECATION_WARNINGS=false", "ANSIBLE_LOCAL_TEMP="+home, "GOCOVERDIR="+home)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	messages := strings.Join(strings.Fields(stderr.String()), " ") // Ansible wraps long lines
	messages = strings.TrimSpace(strings.ReplaceAll(messages, "[ERROR]: "+name+": "+demo.Notice(), ""))
	if err != nil || messages != "" {
		t.Fatalf("%s %v: %v\n%s%.2000s", command, args, err, &stderr, out)
	}
	return string(out)
}

// of returns environment variables for the inventory script. They make the script list the instances of a test server.
func of(server *ecstest.Server) []string {
	key := server.Credentials()
	return []string{
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + key.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + key.AccessKeySecret,
		"ECS_INVENTORY_ENDPOINT=" + server.URL(), "ECS_INVENTORY_REGION=all",
	}
}

// TestRealDemoFleet verifies that the real ansible-inventory lists each demo instance with its groups and variables.
func TestRealDemoFleet(t *testing.T) {
	t.Parallel()
	env := []string{"ECS_INVENTORY_DEMO=true"}
	var list map[string]struct {
		Hosts    []string
		Children []string
		HostVars map[string]struct {
			Host    string            `json:"ansible_host"`
			ID      string            `json:"ecs_instance_id"`
			Name    string            `json:"ecs_instance_name"`
			Private string            `json:"ecs_private_ip"`
			Tags    map[string]string `json:"ecs_tags"`
		}
	}
	if err := json.Unmarshal([]byte(ansible(t, env, "ansible-inventory", "--list")), &list); err != nil {
		t.Fatal(err)
	}
	hosts := list["_meta"].HostVars
	names := map[string]string{} // host names by instance id
	for name, vars := range hosts {
		names[vars.ID] = name
	}

	client, done, err := demo.Client(true, "cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	want := map[string][]string{} // the expected hosts of each group
	fleet := 0
	underscores := strings.NewReplacer("-", "_", ".", "_", ":", "_")
	for inst, err := range client.InstancesInRegions(t.Context(), nil, ecs.DescribeInstancesRequest{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		fleet++
		name := names[inst.InstanceID]
		vars := hosts[name]
		if name != inst.InstanceName && name != inst.InstanceName+"."+inst.InstanceID && name != strings.ReplaceAll(inst.InstanceName, ".", "-") {
			t.Errorf("%s is named %q", inst.InstanceName, name)
		}
		private := slices.Concat(inst.VPCAttributes.PrivateIPAddress, inst.InnerIPAddress)[0]
		if vars.Host != private || vars.Private != private || vars.Name != inst.InstanceName || len(vars.Tags) != len(inst.Tags) {
			t.Errorf("%s: %+v", inst.InstanceID, vars)
		}
		groups := []string{
			"region_" + inst.RegionID, "zone_" + inst.ZoneID, "type_" + inst.InstanceType, "family_" + inst.InstanceTypeFamily,
			"status_" + string(inst.Status), "charge_" + string(inst.InstanceChargeType), "os_" + string(inst.OSType),
		}
		if inst.VPCAttributes.VPCID != "" {
			groups = append(groups, strings.Replace(inst.VPCAttributes.VPCID, "-", "_", 1))
		}
		for _, tag := range inst.Tags {
			if vars.Tags[tag.Key] != tag.Value {
				t.Errorf("%s: tag %v is %q", inst.InstanceID, tag, vars.Tags[tag.Key])
			}
			groups = append(groups, strings.TrimSuffix("tag_"+tag.Key+"_"+tag.Value, "_"))
		}
		for _, g := range groups {
			g = underscores.Replace(g)
			want[g] = append(want[g], name)
		}
	}
	if fleet < 1000 || len(hosts) != fleet || len(names) != fleet {
		t.Errorf("%d hosts for %d instances", len(hosts), fleet)
	}
	got := map[string][]string{}
	for name, g := range list {
		if name != "_meta" && name != "all" {
			got[name] = g.Hosts
		}
	}
	compare := func(how string, got map[string][]string) {
		for name := range maps.Keys(merge(want, got)) {
			if slices.Sort(got[name]); !slices.Equal(got[name], want[name]) {
				t.Errorf("%s: %s has %d hosts, want %d", how, name, len(got[name]), len(want[name]))
			}
		}
	}
	for name := range want {
		slices.Sort(want[name])
	}
	delete(got, "ungrouped")
	compare("--list", got)

	compare("--graph", parseGraph(ansible(t, env, "ansible-inventory", "--graph")))
}

// parseGraph returns the hosts of each group in the output of ansible-inventory --graph.
func parseGraph(text string) map[string][]string {
	graph := map[string][]string{}
	var group string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "|--@"); ok {
			group = strings.TrimSuffix(name, ":")
		} else if name, ok := strings.CutPrefix(line, "|  |--"); ok {
			graph[group] = append(graph[group], name)
		}
	}
	return graph
}

func merge(a, b map[string][]string) map[string][]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}

// TestRealGraph verifies the groups in the output of ansible-inventory --graph.
func TestRealGraph(t *testing.T) {
	t.Parallel()
	env := of(newServer(t, fleet()...))
	got := ansible(t, env, "ansible-inventory", "--graph")
	path := filepath.Join("testdata", "graph.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(parseGraph(got), parseGraph(string(text))) {
		t.Errorf("got\n%s\nwant\n%s\n(-update writes the file)", got, text)
	}
	want := "  hosts (1):\n    web-1.i-bp1web1\n"
	if got := ansible(t, env, "ansible", "tag_环境_生产:&status_Running", "--list-hosts"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRealTemplates verifies that Ansible does not evaluate templates in names and tags.
func TestRealTemplates(t *testing.T) {
	t.Parallel()
	trace := filepath.Join(t.TempDir(), "trace")
	evil := fmt.Sprintf("{{ lookup('pipe', 'touch %s') }}{{ 'evalu' ~ 'ated' }}", trace)
	inst := ecs.Instance{
		InstanceID: "i-1", InstanceName: "web", Description: evil, HostName: evil, ImageID: evil, KeyPairName: evil, SecurityGroupIDs: []string{"sg-1", evil},
		Tags: []ecs.Tag{{Key: "env", Value: evil}, {Key: "__ansible_vault", Value: evil}, {Key: evil, Value: evil}},
	}
	out := ansible(t, of(newServer(t, inst)), "ansible", "web", "-m", "debug", "-a",
		`msg="{{ ecs_tags.env }} {{ ecs_description }} {{ ecs_host_name }} {{ ecs_image_id }} {{ ecs_key_pair }} {{ ecs_security_groups }} {{ ecs_security_groups[1] }} {{ ecs_tags }}"`)
	if n := strings.Count(out, "{{ 'evalu' ~ 'ated' }}"); n != 10 || strings.Contains(out, "evaluated") {
		t.Errorf("%d of 10 templates are unchanged: %s", n, out)
	}
	if _, err := os.Stat(trace); err == nil {
		t.Error("a tag ran a command")
	}
}

// TestRealFailedRegion verifies that Ansible still lists the hosts of the other regions if one region fails. A play
// can read the failed region from the variable ecs_failed_regions.
func TestRealFailedRegion(t *testing.T) {
	t.Parallel()
	server := newServer(t, fleet()...)
	server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "UnauthorizedRegion", Status: 403, Times: -1})
	c := exec.CommandContext(t.Context(), realtool.Find(t, "ansible-core", "ansible"), "-i", os.Args[0], "web-1", "-m", "debug", "-a", "var=ecs_failed_regions")
	home := t.TempDir()
	c.Env = append(of(server), "TEST_RUN_ANSIBLE_INVENTORY=1", "PATH="+os.Getenv("PATH"), "HOME="+home, "LC_ALL=C.UTF-8", "ANSIBLE_NOCOLOR=1", "GOCOVERDIR="+home)
	out, err := c.CombinedOutput()
	text := strings.Join(strings.Fields(string(out)), " ")
	if err != nil || !strings.Contains(text, `"ecs_failed_regions": [ "cn-beijing" ]`) || !strings.Contains(text, "-exclude-region") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRealHostileNames verifies that an instance name or a tag cannot replace an existing host, such as localhost.
func TestRealHostileNames(t *testing.T) {
	t.Parallel()
	var list []ecs.Instance
	for i, name := range hostile.Names() {
		list = append(list, ecs.Instance{
			InstanceID: fmt.Sprintf("i-%04d", i), InstanceName: name, RegionID: "cn-hangzhou",
			VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}}, Tags: []ecs.Tag{{Key: name + "k", Value: name}},
		})
	}
	env := append(of(newServer(t, list...)), "ANSIBLE_INVENTORY_UNPARSED_FAILED=true")
	var got map[string]struct {
		HostVars map[string]struct {
			Host string `json:"ansible_host"`
			ID   string `json:"ecs_instance_id"`
		}
	}
	if err := json.Unmarshal([]byte(ansible(t, env, "ansible-inventory", "--list")), &got); err != nil {
		t.Fatal(err)
	}
	hosts := got["_meta"].HostVars
	if len(hosts) != len(list) {
		t.Errorf("%d hosts for %d instances", len(hosts), len(list))
	}
	for name, vars := range hosts {
		if own := name == vars.ID || strings.HasSuffix(name, "."+vars.ID); strings.ContainsAny(name, ".:/ ") && !own || slices.Contains(hostile.Hosts(), name) && name != "Host" && !own {
			t.Errorf("instance %s has the host name %q", vars.ID, name)
		}
	}
	out := ansible(t, env, "ansible", "localhost", "-m", "debug", "-a", "msg={{ansible_host|default(inventory_hostname)}}/{{ecs_instance_id|default('none')}}")
	if !strings.Contains(out, "/none") {
		t.Errorf("localhost leads to an instance: %s", out)
	}
}

// TestRealFailure verifies that Ansible displays the reason for a failed listing.
func TestRealFailure(t *testing.T) {
	t.Parallel()
	server := newServer(t, fleet()...)
	server.Inject(ecstest.Fault{Code: "Forbidden.RAM", Times: -1})
	c := exec.CommandContext(t.Context(), realtool.Find(t, "ansible-core", "ansible-inventory"), "-i", os.Args[0], "--list")
	c.Env = append(of(server), "TEST_RUN_ANSIBLE_INVENTORY=1", "PATH="+os.Getenv("PATH"), "HOME="+t.TempDir(), "LC_ALL=C.UTF-8",
		"ANSIBLE_INVENTORY_UNPARSED_FAILED=true", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=true")
	out, err := c.CombinedOutput()
	if text := strings.Join(strings.Fields(string(out)), " "); err == nil || !strings.Contains(text, "Forbidden.RAM") || !strings.Contains(text, "AliyunECSReadOnlyAccess") {
		t.Errorf("%v: %s", err, out)
	}
}
