package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

var update = flag.Bool("update", false, "write the golden files")

// TestMain runs the tests. If Ansible has started this process, TestMain runs the inventory script instead.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_ANSIBLE_INVENTORY") != "" {
		main()
	}
	// Isolate the tests from the developer's own profiles and region.
	os.Setenv("ALIBABA_CLOUD_CONFIG_FILE", "testdata/no-such-file.json")
	os.Unsetenv("ALIBABA_CLOUD_REGION_ID")
	os.Exit(m.Run())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n(-update writes the file)", name, got, want)
	}
}

// fleet returns instances for testing the names, groups and variables of hosts.
func fleet() []ecs.Instance {
	created := time.Date(2024, 3, 1, 8, 30, 0, 0, time.UTC)
	return []ecs.Instance{
		{
			InstanceID: "i-bp1web1", InstanceName: "web-1", HostName: "web-1", Description: "shop, {{ 1 + 1 }}", RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h",
			Status: ecs.InstanceStatusRunning, InstanceType: "ecs.g7.large", InstanceTypeFamily: "ecs.g7", CPU: 2, Memory: 8192,
			InstanceNetworkType: ecs.InstanceNetworkTypeVPC, InstanceChargeType: ecs.InstanceChargeTypePostPaid, ExpiredTime: time.Date(2099, 12, 31, 15, 59, 0, 0, time.UTC),
			CreationTime: created, ImageID: "debian_12", OSType: "linux", OSName: "Debian  12.2 64位", OSNameEn: "Debian  12.2 64 bit", KeyPairName: "ops", ResourceGroupID: "rg-1",
			VPCAttributes:    ecs.VPCAttributes{VPCID: "vpc-bp1a", VSwitchID: "vsw-1", PrivateIPAddress: []string{"10.0.0.1"}},
			EIPAddress:       ecs.EIPAddress{AllocationID: "eip-1", IPAddress: "192.0.2.1"},
			SecurityGroupIDs: []string{"sg-1", "sg-2"},
			Tags:             []ecs.Tag{{Key: "env", Value: "prod"}, {Key: "环境", Value: "生产"}, {Key: "临时"}, {Key: "a.b", Value: "c"}, {Key: "path", Value: "vpc-a/b"}},
		},
		{
			InstanceID: "i-2zeweb1", InstanceName: "web-1", RegionID: "cn-beijing", ZoneID: "cn-beijing-f", Status: ecs.InstanceStatusRunning,
			VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{"10.0.0.2"}}, Tags: []ecs.Tag{{Key: "a", Value: "b_c"}},
		},
		{
			InstanceID: "i-bp1old", InstanceName: "旧机器", RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-b", Status: ecs.InstanceStatusStopped,
			InstanceType: "ecs.n4.large", InstanceTypeFamily: "ecs.n4", InstanceNetworkType: ecs.InstanceNetworkTypeClassic, OSType: "windows",
			InstanceChargeType: ecs.InstanceChargeTypePrePaid, ExpiredTime: created, InnerIPAddress: []string{"10.1.0.1"}, PublicIPAddress: []string{"192.0.2.2"},
		},
		{InstanceID: "i-bp1new", RegionID: "cn-hangzhou", Status: ecs.InstanceStatusPending},
	}
}

// world describes how a test runs the program. If server is nil, the program runs in demo mode.
type world struct {
	server *ecstest.Server
	env    map[string]string
	ctx    context.Context //nolint:containedctx // the context of one run
}

func (w world) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := program{stdout: &out, stderr: &errs, connect: demo.Client}
	for name, value := range w.env {
		p.environ = append(p.environ, name+"="+value)
	}
	if w.server != nil {
		p.connect = func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			opts.Retry.MaxAttempts = 1
			c, err := w.server.Client(region, opts)
			return c, func() {}, err
		}
	}
	ctx := w.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	code = p.run(ctx, args)
	return code, out.String(), errs.String()
}

func newServer(t *testing.T, instances ...ecs.Instance) *ecstest.Server {
	t.Helper()
	s := ecstest.NewServer(instances...)
	t.Cleanup(s.Close)
	return s
}

func TestListAndHost(t *testing.T) {
	t.Parallel()
	w := world{server: newServer(t, fleet()...)}
	code, list, stderr := w.run(t, "-region", "all", "--list")
	if code != failure.ExitOK || stderr != "" {
		t.Fatalf("%d %s", code, stderr)
	}
	golden(t, "list.json", list)

	code, host, _ := w.run(t, "-region", "all", "--host", "web-1.i-bp1web1", "-prefer-public")
	if want := `"ansible_host": "192.0.2.1"`; code != failure.ExitOK || !strings.Contains(host, want) {
		t.Errorf("%d %s, want %s", code, host, want)
	}
	code, host, stderr = w.run(t, "-region", "all", "--host", "web-1")
	if code != failure.ExitFailed || host != "" || !strings.HasSuffix(stderr, `no host "web-1" in the inventory of 4 hosts; similar hosts: web-1.i-2zeweb1, web-1.i-bp1web1`+"\n") {
		t.Errorf("%d %s %s", code, host, stderr)
	}
	if _, _, stderr = w.run(t, "-region", "all", "--host", "web"); !strings.HasSuffix(stderr, `no host "web" in the inventory of 4 hosts`+"\n") {
		t.Errorf("a similar name: %s", stderr)
	}
	many := &inventory{hosts: map[string]map[string]any{}}
	for i := range 12 {
		many.hosts[fmt.Sprintf("db.i-%02d", i)] = nil
	}
	if got := namesakes(many, "db"); !strings.HasSuffix(got, "db.i-09, and 2 more") {
		t.Error(got)
	}
	if code, empty, _ := (world{server: newServer(t)}).run(t, "-region", "all", "--list"); code != failure.ExitOK || empty != "{\n  \"_meta\": {\n    \"hostvars\": {}\n  }\n}\n" {
		t.Errorf("%d %s", code, empty)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	hosts := func(w world, args ...string) string {
		code, list, stderr := w.run(t, append(args, "--list")...)
		if code != failure.ExitOK {
			t.Fatalf("%v: %d %s", w.env, code, stderr)
		}
		var response struct {
			Meta struct {
				HostVars map[string]struct {
					Host string `json:"ansible_host"`
				} `json:"hostvars"`
			} `json:"_meta"`
		}
		if err := json.Unmarshal([]byte(list), &response); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for name, vars := range response.Meta.HostVars {
			lines = append(lines, name+"="+vars.Host)
		}
		slices.Sort(lines)
		return strings.Join(lines, " ")
	}
	s := newServer(t, fleet()...)
	for _, tt := range []struct {
		env  map[string]string
		args string
		want string
	}{
		{map[string]string{"ECS_INVENTORY_REGION": "cn-beijing"}, "", "web-1=10.0.0.2"},
		{map[string]string{"ALIBABA_CLOUD_REGION_ID": "cn-beijing"}, "", "web-1=10.0.0.2"},
		{map[string]string{"ECS_INVENTORY_REGION": "cn-hangzhou"}, "-region cn-beijing", "web-1=10.0.0.2"},
		{map[string]string{"ECS_INVENTORY_REGION": "all", "ECS_INVENTORY_STATUS": "Stopped", "ECS_INVENTORY_PREFER_PUBLIC": "true"}, "", "旧机器=192.0.2.2"},
		{map[string]string{"ECS_INVENTORY_REGION": "all", "ECS_INVENTORY_TAG": "env=prod 临时", "ECS_INVENTORY_HOST_NAME": "id"}, "", "i-bp1web1=10.0.0.1"},
		{map[string]string{"ECS_INVENTORY_REGION": "all", "ECS_INVENTORY_TAG": "env=prod"}, "-tag a=b_c", ""},
		{map[string]string{"ECS_INVENTORY_REGION": "all", "ECS_INVENTORY_STATUS": "Pending"}, "", "i-bp1new=i-bp1new.has-no-address.invalid"},
	} {
		if got := hosts(world{server: s, env: tt.env}, strings.Fields(tt.args)...); got != tt.want {
			t.Errorf("%v %s: %s, want %s", tt.env, tt.args, got, tt.want)
		}
	}
}

func TestHostNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ instances, want string }{
		{"a=web b=db", "db web"},
		{"a=web b=web c=web.a", "web-a web.a web.b"},
		{"a= b=-x c=_y d=.z e=-", "a e x y z"},
		{"a=all b=ungrouped c=localhost d=region_cn_hangzhou e=github.com f=127.0.0.1 g=LOCALHOST", "a b c f g github-com region_cn_hangzhou.d"},
		{"a=web:1 b=web/2 c=旧机器", "web-1 web-2 旧机器"},
		{"a=b b=web", "b web"},
		{"a=i-bp1victim b=web", "a web"}, // the inventory has no instance with the id i-bp1victim
	} {
		var list []ecs.Instance
		for pair := range strings.FieldsSeq(tt.instances) {
			id, name, _ := strings.Cut(pair, "=")
			list = append(list, ecs.Instance{InstanceID: id, InstanceName: name, RegionID: "cn-hangzhou"})
		}
		inv := build(list, &selection.Selection{}, byName)
		if got := slices.Sorted(maps.Keys(inv.hosts)); strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.instances, got, tt.want)
		}
		if n := len(inv.hosts); n != len(list) {
			t.Errorf("%s: %d hosts, want one for each instance", tt.instances, n)
		}
	}
}

func TestGroupNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		tags string
		want []string // regular expressions
	}{
		{"env=prod", []string{"tag_env_prod"}},
		{"k8s.io/role=web-1", []string{"tag_k8s_io_role_web_1"}},
		{"环境=生产 临时=", []string{"tag_临时", "tag_环境_生产"}},
		{"é=ü ключ=значение", []string{"tag_é_ü", "tag_ключ_значение"}},
		{"a.b=c a=b_c", []string{"tag_a_b_c_[0-9a-f]{8}", "tag_a_b_c_[0-9a-f]{8}"}},
		{"env=prod env_prod= x=y", []string{"tag_env_prod_[0-9a-f]{8}", "tag_env_prod_[0-9a-f]{8}", "tag_x_y"}},
	} {
		var inst ecs.Instance
		for pair := range strings.FieldsSeq(tt.tags) {
			key, value, _ := strings.Cut(pair, "=")
			inst.Tags = append(inst.Tags, ecs.Tag{Key: key, Value: value})
		}
		got := slices.Sorted(maps.Values(groupNames([]ecs.Instance{inst})))
		if len(got) != len(tt.want) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s: %v", tt.tags, got)
			continue
		}
		for i, want := range tt.want {
			if !regexp.MustCompile("^" + want + "$").MatchString(got[i]) {
				t.Errorf("%s: %v, want %v", tt.tags, got, tt.want)
			}
		}
	}
}

// FuzzNames verifies that every host and every group has a unique name that Ansible accepts.
func FuzzNames(f *testing.F) {
	f.Add("web", "web", "a.b", "c", "a", "b_c")
	f.Add("all", "tag_a", "a", "", "a_", "")
	f.Add("web.i-2", "web", "环", "境", "\xff", "{{")
	f.Add("हिन्दी", "000\u0336i", "हिन्दी", "वेब", "\u0301", "e\u0301")
	group := regexp.MustCompile(`^[\pL\p{Nd}_]+$`) // without combining marks (\pM), which do not match \w in Python
	host := regexp.MustCompile(`^[\pL\p{Nd}][\pL\pM\p{Nd}_.-]*$`)
	f.Fuzz(func(t *testing.T, name1, name2, key1, value1, key2, value2 string) {
		list := []ecs.Instance{
			{InstanceID: "i-1", InstanceName: name1, Tags: []ecs.Tag{{Key: key1, Value: value1}}},
			{InstanceID: "i-2", InstanceName: name2, Tags: []ecs.Tag{{Key: key2, Value: value2}}},
			{InstanceID: "i-3", InstanceName: "web", Tags: []ecs.Tag{{Key: "a", Value: "b"}}},
		}
		inv := build(list, &selection.Selection{}, byName)
		if len(inv.hosts) != len(list) {
			t.Errorf("%d hosts", len(inv.hosts))
		}
		different := map[ecs.Tag]bool{}
		for _, inst := range list {
			different[inst.Tags[0]] = true
		}
		if len(inv.groups) != len(different) {
			t.Errorf("%d groups of %v", len(inv.groups), different)
		}
		for name := range inv.groups {
			if _, both := inv.hosts[name]; both || !group.MatchString(name) {
				t.Errorf("group %q", name)
			}
		}
		for name := range inv.hosts {
			if !host.MatchString(name) {
				t.Errorf("host %q", name)
			}
		}
	})
}

// TestVariables verifies that strings that may contain an Ansible template are marked as unsafe.
func TestVariables(t *testing.T) {
	t.Parallel()
	for _, evil := range slices.Concat(hostile.Templates(), hostile.Escapes(), hostile.Markup()) {
		inst := ecs.Instance{
			InstanceID: evil, InstanceName: evil, HostName: evil, Description: evil, RegionID: evil, ZoneID: evil, ImageID: evil, KeyPairName: evil, OSNameEn: evil,
			InstanceType: evil, Status: ecs.InstanceStatus(evil), SecurityGroupIDs: []string{"sg-1", evil}, VPCAttributes: ecs.VPCAttributes{VPCID: evil, PrivateIPAddress: []string{evil}},
			Tags: []ecs.Tag{{Key: evil, Value: evil}, {Key: "plain", Value: evil}}, NetworkInterfaces: []ecs.NetworkInterface{{NetworkInterfaceID: evil}},
		}
		var check func(path string, value any)
		check = func(path string, value any) {
			switch v := value.(type) {
			case string:
				if strings.ContainsAny(v, "{}%#\x1b\u202e") {
					t.Errorf("%s is not marked as unsafe: %q", path, v)
				}
			case []any:
				for _, e := range v {
					check(path, e)
				}
			case map[string]any:
				for key, e := range v {
					if strings.ContainsAny(key, "{}") || strings.HasPrefix(key, "__ansible") {
						t.Errorf("%s has the key %q", path, key)
					}
					check(path+"."+key, e)
				}
			case map[string]string:
				if len(v) != 1 || v["__ansible_unsafe"] == "" {
					t.Errorf("%s: %v", path, v)
				}
			default:
				t.Errorf("%s has the unexpected type %T", path, v)
			}
		}
		check("", variables(inst, &selection.Selection{}))
	}
	got, err := json.Marshal(safe(map[string]any{"a{": "1", "a(": "2", "__ansible_vault": "3", "number": 4, "Zürich": "Größe, 中文"}))
	if want := `{"Zürich":"Größe, 中文","___ansible_vault":"3","a(":"2","a(_":"1","number":4}`; err != nil || string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name   string
		fault  ecstest.Fault
		ctx    context.Context //nolint:containedctx // the context of one run
		code   int
		stderr string
		failed string // the value of ecs_failed_regions
		args   string
	}{
		{name: "denied", fault: ecstest.Fault{Denied: true}, code: 3, stderr: "AliyunECSReadOnlyAccess"},
		{name: "a region is denied", fault: ecstest.Fault{Region: "cn-beijing", Denied: true}, stderr: "cn-beijing: ", failed: "cn-beijing"},
		{name: "a region is not enabled", fault: ecstest.Fault{Region: "cn-beijing", Code: "UnauthorizedRegion", Status: 403}, stderr: "-exclude-region", failed: "cn-beijing"},
		{name: "a region that is not enabled is excluded", args: "-exclude-region cn-beijing", fault: ecstest.Fault{Region: "cn-beijing", Code: "UnauthorizedRegion", Status: 403}},
		{name: "a region fails with -strict", args: "-strict", fault: ecstest.Fault{Region: "cn-beijing", Code: "SomethingNew"}, code: 6, stderr: "cn-beijing: "},
		{name: "wrong key", fault: ecstest.Fault{Code: "InvalidAccessKeyId.NotFound"}, code: 4, stderr: "check the access key"},
		{name: "throttled", fault: ecstest.Fault{Code: "Throttling.User"}, code: 5, stderr: "Throttling.User"},
		{name: "one region fails", fault: ecstest.Fault{Region: "cn-beijing", Code: "SomethingNew"}, stderr: "cn-beijing: ", failed: "cn-beijing"},
		{name: "invalid parameter", fault: ecstest.Fault{Code: "InvalidParameter"}, code: 2, stderr: "InvalidParameter"},
		{name: "unreadable", fault: ecstest.Fault{Region: "cn-beijing", Body: []byte(`{"RequestId":"R","Instances":{"Instance":[{"InstanceId":"i-9","Cpu":"many"}]}}`)}, code: 6, stderr: "i-9"},
		{name: "interrupted", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, fleet()...)
			if tt.ctx == nil {
				tt.fault.Times = -1
				s.Inject(tt.fault)
			}
			code, stdout, stderr := world{server: s, ctx: tt.ctx}.run(t, append(strings.Fields(tt.args), "-region", "cn-hangzhou,cn-beijing", "--list")...)
			var list struct {
				All  struct{ Vars map[string][]string }
				Meta struct{ HostVars map[string]any } `json:"_meta"`
			}
			if tt.code == failure.ExitOK {
				if err := json.Unmarshal([]byte(stdout), &list); err != nil {
					t.Fatal(err, stdout)
				}
				if got := strings.Join(list.All.Vars["ecs_failed_regions"], " "); got != tt.failed || len(list.Meta.HostVars) != 3 {
					t.Errorf("%d hosts, failed regions %q", len(list.Meta.HostVars), got)
				}
			}
			if code != tt.code || tt.code != failure.ExitOK && stdout != "" || !strings.Contains(stderr, tt.stderr) {
				t.Errorf("%d, want %d and %q: %s%s", code, tt.code, tt.stderr, stderr, stdout)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args, env, value string
		want             string
	}{
		{args: "-demo", want: "--list or --host"},
		{args: "-demo --list --host web-1", want: "--list or --host"},
		{args: "-demo --graph", want: "-graph"},
		{args: "-dmeo --list", want: "did you mean -demo?"},
		{args: "-demo=maybe --list", want: "must be true or false"},
		{args: "-region cn-hangzhou -endpoint http://10.0.0.1 --list", want: "ecs-inventory: -endpoint must use https"},
		{args: "-demo --list web-1", want: `"web-1" is neither a flag nor`},
		{args: "--list", want: "no region selected"},
		{args: "-demo --list -host-name ip", want: "must be name, id or tag:KEY"},
		{args: "--list", env: "ECS_INVENTORY_STATUS", value: "Runnin", want: `ECS_INVENTORY_STATUS="Runnin": must be one of Pending, Running, Starting, Stopping, Stopped: did you mean Running?`},
		{args: "--list", env: "ECS_INVENTORY_DEMO", value: "maybe", want: `ECS_INVENTORY_DEMO="maybe": must be true or false`},
		{args: "-demo --list", env: "ECS_INVENTORY_REGOIN", value: "cn-beijing", want: "there is no setting ECS_INVENTORY_REGOIN: did you mean ECS_INVENTORY_REGION?"},
		{args: "-demo --list", env: "ECS_INVENTORY_STATSU", value: "Running", want: "did you mean ECS_INVENTORY_STATUS?"},
		{args: "-demo --list", env: "ECS_INVENTORY_PREFER-PUBLIC", value: "true", want: "did you mean ECS_INVENTORY_PREFER_PUBLIC?"},
		{args: "-demo --list", env: "ECS_INVENTORY_CACHE", value: "1", want: "there is no setting ECS_INVENTORY_CACHE"},
		{args: "--list", env: "ECS_INVENTORY_REGION", value: "Hang!", want: "region"},
		{args: "-name --list", want: "-name has no value, because the next argument is the flag --list"},
	} {
		w := world{env: map[string]string{tt.env: tt.value}}
		if code, stdout, stderr := w.run(t, strings.Fields(tt.args)...); code != failure.ExitUsage || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s %s: %d %s%s", tt.env, tt.args, code, stderr, stdout)
		}
	}
	for _, variable := range []string{"REGION", "STATUS", "TAG", "TAG_EMPTY", "TAG_ANY", "ID", "NAME", "PRIVATE_IP", "IPV6", "EXPIRES_BEFORE", "PROFILE", "EXCLUDE_REGION"} {
		for _, value := range []string{"", " ", ","} {
			if value == "," && variable != "REGION" && variable != "ID" && variable != "STATUS" {
				continue
			}
			code, stdout, stderr := world{env: map[string]string{"ECS_INVENTORY_" + variable: value}}.run(t, "-demo", "--list")
			if code != failure.ExitUsage || stdout != "" || stderr == "" {
				t.Errorf("ECS_INVENTORY_%s=%q: %d %s", variable, value, code, stderr)
			}
		}
	}
	for _, value := range []string{"env=", "env=prod team=", "=prod"} {
		if code, stdout, _ := (world{env: map[string]string{"ECS_INVENTORY_TAG": value}}).run(t, "-demo", "--list"); code != failure.ExitUsage || stdout != "" {
			t.Errorf("ECS_INVENTORY_TAG=%q: %d", value, code)
		}
	}
	if code, _, stderr := (world{env: map[string]string{"ECS_INVENTORY_REGION": "cn-hangzhou", "ECS_INVENTORY_ENDPOINT": "", "REGOIN": "x"}}).run(t, "-demo", "--list"); code != failure.ExitOK {
		t.Errorf("empty variables, or variables of other programs: %d %s", code, stderr)
	}
	code, help, _ := world{}.run(t, "-h")
	for line := range strings.Lines(help) {
		if len(line) > 124 { // the limit is higher than 120 because Chinese letters have three bytes
			t.Errorf("too long: %s", line)
		}
	}
	if code != failure.ExitOK || !strings.Contains(help, "  -host-name ") {
		t.Errorf("%d %s", code, help)
	}
}

// writerFunc implements io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestOutputFails(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	p := program{
		stdout: writerFunc(func([]byte) (int, error) { return 0, errors.New("disk full") }), stderr: &stderr,
		connect: demo.Client,
	}
	if code := p.run(t.Context(), []string{"-demo", "--list"}); code != failure.ExitFailed || !strings.Contains(stderr.String(), "disk full") {
		t.Errorf("%d %s", code, &stderr)
	}
}

// TestMessagesHoldNoControlCharacters verifies that messages on stderr contain no control characters.
func TestMessagesHoldNoControlCharacters(t *testing.T) {
	t.Parallel()
	server := newServer(t, fleet()...)
	for _, text := range hostile.Escapes() {
		for _, args := range [][]string{{"--list", "-region", "x" + text}, {"--host", text, "-region", "cn-hangzhou"}, {"--list", "-region", "all", "-status", text}, {"--list", "-region", "all", text}} {
			_, stdout, stderr := world{server: server}.run(t, args...)
			line := strings.TrimSuffix(stderr, "\n")
			if line == "" || stdout != "" || terminal.Printable(line) != strings.ReplaceAll(line, "\n", " ") {
				t.Errorf("%q: %q", args, stderr)
			}
		}
	}
}

// TestAccounts verifies that each host has a variable and a group for its account if several accounts are listed.
func TestAccounts(t *testing.T) {
	t.Parallel()
	inst := selection.Source{Account: "prod {{ x }}"}.Mark(ecs.Instance{InstanceID: "i-1", InstanceName: "web"})
	inv := build([]ecs.Instance{inst}, &selection.Selection{}, byName)
	account, err := json.Marshal(inv.hosts["web"]["ecs_account"])
	if want := `{"__ansible_unsafe":"prod {{ x }}"}`; err != nil || string(account) != want || !slices.Equal(inv.groups["account_prod____x___"], []string{"web"}) {
		t.Errorf("%s, groups %v", account, inv.groups)
	}
}

// TestNameByTag verifies that -host-name can name hosts by the value of a tag.
func TestNameByTag(t *testing.T) {
	t.Parallel()
	var list []ecs.Instance
	for i, role := range []string{"db", "db", "web 1", "github.com", "127.0.0.1", ""} {
		list = append(list, ecs.Instance{InstanceID: fmt.Sprint("i-", i), InstanceName: "x", Tags: []ecs.Tag{{Key: "role", Value: role}}})
	}
	inv := build(list, &selection.Selection{}, "tag:role")
	if got, want := slices.Sorted(maps.Keys(inv.hosts)), []string{"db.i-0", "db.i-1", "github-com", "i-4", "i-5", "web-1"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestMisspeltAndEmpty verifies that a misspelled environment variable is an error even if its value is empty.
func TestMisspeltAndEmpty(t *testing.T) {
	t.Parallel()
	code, _, stderr := world{env: map[string]string{"ECS_INVENTORY_STATSU": ""}}.run(t, "-demo", "--list")
	if code != failure.ExitUsage || !strings.Contains(stderr, "ECS_INVENTORY_STATUS") {
		t.Errorf("%d: %s", code, stderr)
	}
}

// TestForgedGroupName verifies that a tag cannot add its instance to another tag's group by imitating the group's
// name.
func TestForgedGroupName(t *testing.T) {
	t.Parallel()
	inst := ecs.Instance{Tags: []ecs.Tag{{Key: "a.b", Value: "c"}, {Key: "a", Value: "b_c"}}}
	end := strings.TrimPrefix(groupNames([]ecs.Instance{inst})[group{"tag", "a", "b_c"}], "tag_")
	inst.Tags = append(inst.Tags, ecs.Tag{Key: end})
	got := slices.Sorted(maps.Values(groupNames([]ecs.Instance{inst})))
	if len(slices.Compact(slices.Clone(got))) != 3 || slices.Contains(got, "tag_"+end) {
		t.Errorf("%v", got)
	}
}
