package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/signer"
)

var update = flag.Bool("update", false, "write the golden files")

// TestMain runs the program itself when a test starts it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_RUN_INVENTORY") != "" {
		main()
	}
	os.Exit(m.Run())
}

var testNow = time.Date(2025, 6, 15, 12, 0, 0, 0, time.UTC)

// result is the result of a run.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) lines() []string { return strings.Split(strings.TrimSuffix(r.stdout, "\n"), "\n") }

// world is the environment in which a test runs the program; without a server it is the demo.
type world struct {
	server *ecstest.Server
	key    ecs.CredentialsProvider // nil is the server's own
	env    map[string]string
	stdin  string
	ctx    context.Context //nolint:containedctx // of one run
	stdout io.Writer       // nil: what is written is in the result
}

func (w world) run(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := program{
		stdin: strings.NewReader(w.stdin), stdout: &stdout, stderr: &stderr, now: testNow, connect: demo.Client,
		getenv: func(name string) string { return w.env[name] },
	}
	if w.stdout != nil {
		p.stdout = w.stdout
	}
	if w.server != nil {
		p.connect = func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			opts.Credentials = w.key
			opts.Retry.MaxAttempts = 1
			c, err := w.server.Client(region, opts)
			return c, func() {}, err
		}
	}
	ctx := w.ctx
	if ctx == nil {
		ctx = t.Context()
	}
	code := p.run(ctx, args)
	return result{code, stdout.String(), stderr.String()}
}

func newServer(t *testing.T, instances ...ecs.Instance) *ecstest.Server {
	t.Helper()
	s := ecstest.NewServer(instances...)
	t.Cleanup(s.Close)
	return s
}

// fleet returns n instances of one region.
func fleet(n int) []ecs.Instance {
	list := make([]ecs.Instance, n)
	for i := range list {
		list[i] = ecs.Instance{
			InstanceID: fmt.Sprintf("i-%04d", i), InstanceName: fmt.Sprintf("web-%d", i), RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h",
			Status: ecs.InstanceStatusRunning, CPU: i % 7, CreationTime: testNow.AddDate(0, 0, -i),
			VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}},
		}
	}
	return list
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
		t.Errorf("%s: go test -update shows the difference; got\n%s", path, got)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		args []string
	}{
		{"table.txt", []string{"-limit", "20"}},
		{"json.json", []string{"-limit", "3", "-o", "json"}},
		{"ndjson.ndjson", []string{"-limit", "5", "-o", "ndjson"}},
		{"csv.csv", []string{"-limit", "20", "-o", "csv", "-columns", "all"}},
		{"ids.txt", []string{"-limit", "20", "-o", "ids"}},
		{"summary.txt", []string{"-o", "summary", "-expiring", "60"}},
		{"columns.txt", []string{"-columns", "help"}},
		{"help.txt", []string{"-h"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			got := world{}.run(t, append([]string{"-demo"}, tt.args...)...)
			if got.code != failure.ExitOK {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			golden(t, tt.file, got.stdout)
		})
	}
}

// All formats list the same instances, and each can be read back.
func TestFormatsAgree(t *testing.T) {
	t.Parallel()
	s := newServer(t, ecstest.Fleet(600, 2)...)
	list := func(format string, args ...string) result {
		r := world{server: s}.run(t, append(args, "-region", "cn-hangzhou", "-o", format)...)
		if r.code != failure.ExitOK {
			t.Fatalf("%s: exit code %d: %s", format, r.code, r.stderr)
		}
		return r
	}
	want := list("ids").lines()
	if len(want) < 100 || len(want) != len(slices.Compact(slices.Sorted(slices.Values(want)))) {
		t.Fatalf("%d ids, want more than a page, each once", len(want))
	}

	var instances []ecs.Instance
	if err := json.Unmarshal([]byte(list("json").stdout), &instances); err != nil {
		t.Fatal(err)
	}
	var ndjson []string
	for _, line := range list("ndjson").lines() {
		var inst ecs.Instance
		if err := json.Unmarshal([]byte(line), &inst); err != nil {
			t.Fatal(err)
		}
		ndjson = append(ndjson, inst.InstanceID)
	}
	records, err := csv.NewReader(strings.NewReader(list("csv", "-columns", "name,id").stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(records[0], []string{"name", "id"}) {
		t.Errorf("first record %q", records[0])
	}
	for format, got := range map[string][]string{
		"json":   ids(instances),
		"ndjson": ndjson,
		"csv":    second(records[1:]),
		"table":  lastFields(list("table", "-columns", "name,id").lines()[1:]),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s lists %d instances, or in another order: want %d", format, len(got), len(want))
		}
	}
}

func ids(instances []ecs.Instance) (list []string) {
	for _, i := range instances {
		list = append(list, i.InstanceID)
	}
	return list
}

func second(records [][]string) (list []string) {
	for _, r := range records {
		list = append(list, r[1])
	}
	return list
}

func lastFields(lines []string) (list []string) {
	for _, l := range lines {
		f := strings.Fields(l)
		list = append(list, f[len(f)-1])
	}
	return list
}

// JSON is the API's shape, so that it can be read by what reads the vendor's.
func TestJSONShape(t *testing.T) {
	t.Parallel()
	inst := ecs.Instance{
		InstanceID: "i-1", RegionID: "cn-hangzhou", InstanceName: "<a & b>", Tags: []ecs.Tag{{Key: "env", Value: "prod"}},
		VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{"192.0.2.1"}},
	}
	for _, format := range []string{"json", "ndjson"} {
		r := world{server: newServer(t, inst)}.run(t, "-region", "cn-hangzhou", "-o", format)
		text := strings.Join(strings.Fields(r.stdout), "")
		for _, want := range []string{`"Tags":{"Tag":[{"TagKey":"env","TagValue":"prod"}]}`, `"PrivateIpAddress":{"IpAddress":["192.0.2.1"]}`, `"InstanceName":"<a&b>"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s misses %s: %s", format, want, r.stdout)
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"table": "", "summary": "", "json": "[]\n", "ndjson": "", "csv": defaultColumns + "\n", "ids": "",
		"ssh-config": "# inventory -region cn-hangzhou -o ssh-config\n",
	} {
		r := world{server: newServer(t)}.run(t, "-region", "cn-hangzhou", "-o", format)
		if r.code != failure.ExitOK || r.stdout != want || !strings.Contains(r.stderr, "no instance matches") {
			t.Errorf("%s: %+v, want stdout %q", format, r, want)
		}
	}
}

// When nothing matches, a line says what may have been meant.
func TestHints(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-name web":                         "inventory: -name is the whole name: try '*web*'\n",
		"-name it's":                        `try '*it'\''s*'` + "\n",
		"-name x*":                          "",
		"-type ecs.g6":                      "inventory: -type is a type such as ecs.g6.large: for the family try -family ecs.g6\n",
		"-type ecs.g6.large":                "",
		"-zone cn-hangzhou":                 "inventory: -zone is a zone such as cn-hangzhou-h: for a region try -region cn-hangzhou\n",
		"-zone ap-southeast-1":              "try -region ap-southeast-1\n",
		"-zone cn-hangzhou-b":               "",
		"-zone ap-southeast-1a":             "",
		"-zone cn-beijing -type ecs.g6e -v": "-family ecs.g6e\ninventory: -zone is",
		"":                                  "",
		"-id i-nope -name web -status Stopped -o ids": "'*web*'\n",
	} {
		r := world{server: newServer(t)}.run(t, append(strings.Fields(args), "-region", "cn-hangzhou")...)
		_, hint, found := strings.Cut(r.stderr, "inventory: no instance matches\n")
		if r.code != failure.ExitOK || !found || !strings.Contains(hint, want) || want == "" && hint != "" {
			t.Errorf("%s: %q, want %q", args, r.stderr, want)
		}
	}
	if r := (world{server: newServer(t, fleet(3)...)}).run(t, "-region", "cn-hangzhou", "-name", "web-1", "-o", "ids"); r.stderr != "" {
		t.Errorf("a name that matches: %s", r.stderr)
	}
}

// Every filter is sent to the API.
func TestFilters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want map[string]string
	}{
		{[]string{"-status", "running"}, map[string]string{"Status": "Running"}},
		{[]string{"-name", "web-*"}, map[string]string{"InstanceName": "web-*"}},
		{[]string{"-vpc", "vpc-1"}, map[string]string{"VpcId": "vpc-1"}},
		{[]string{"-vswitch", "vsw-1"}, map[string]string{"VSwitchId": "vsw-1"}},
		{[]string{"-zone", "cn-hangzhou-h"}, map[string]string{"ZoneId": "cn-hangzhou-h"}},
		{[]string{"-type", "ecs.g7.large"}, map[string]string{"InstanceType": "ecs.g7.large"}},
		{[]string{"-family", "ecs.g7"}, map[string]string{"InstanceTypeFamily": "ecs.g7"}},
		{[]string{"-security-group", "sg-1"}, map[string]string{"SecurityGroupId": "sg-1"}},
		{[]string{"-resource-group", "rg-1"}, map[string]string{"ResourceGroupId": "rg-1"}},
		{[]string{"-image", "m-1"}, map[string]string{"ImageId": "m-1"}},
		{[]string{"-key-pair", "k"}, map[string]string{"KeyPairName": "k"}},
		{[]string{"-charge-type", "prepaid"}, map[string]string{"InstanceChargeType": "PrePaid"}},
		{[]string{"-id", "i-1,i-2", "-id", "i-3"}, map[string]string{"InstanceIds": `["i-1","i-2","i-3"]`}},
		{[]string{"-id", "-"}, map[string]string{"InstanceIds": `["i-8","i-9","i-10"]`}},
		{[]string{"-tag", "env=prod", "-tag", "team"}, map[string]string{"Tag.1.Key": "env", "Tag.1.Value": "prod", "Tag.2.Key": "team"}},
		{[]string{"-tag", "expr=a=b"}, map[string]string{"Tag.1.Key": "expr", "Tag.1.Value": "a=b"}},
		{[]string{"-private-ip", "192.0.2.1"}, map[string]string{"PrivateIpAddresses": `["192.0.2.1"]`, "InstanceNetworkType": "vpc"}},
		{[]string{"-public-ip", "192.0.2.1"}, map[string]string{"PublicIpAddresses": `["192.0.2.1"]`}},
		{[]string{"-private-ip", "::ffff:192.0.2.1"}, map[string]string{"PrivateIpAddresses": `["192.0.2.1"]`, "InstanceNetworkType": "vpc"}},
		{[]string{"-ipv6", "2001:DB8::0:1,2001:db8::2"}, map[string]string{"Ipv6Address.1": "2001:db8::1", "Ipv6Address.2": "2001:db8::2"}},
		{[]string{"-status", "running,Stopped"}, map[string]string{}},
		{[]string{"-zone", "cn-hangzhou-h,cn-hangzhou-i", "-type", "ecs.g7.large,ecs.g7.xlarge", "-security-group", "sg-1,sg-2"}, map[string]string{}},
		{[]string{"-tag-any", "env=prod,test", "-tag-any", "env=dev"}, map[string]string{"Tag.1.Key": "env"}},
		{[]string{"-tag-empty", "临时"}, map[string]string{"Tag.1.Key": "临时"}},
		{[]string{"-eip", "192.0.2.1"}, map[string]string{"EipAddresses": `["192.0.2.1"]`, "InstanceNetworkType": "vpc"}},
		{[]string{"-created-after", "2025-01-31"}, map[string]string{"Filter.1.Key": "CreationStartTime", "Filter.1.Value": "2025-01-31T00:00Z"}},
		{[]string{"-created-before", "30d"}, map[string]string{"Filter.2.Key": "CreationEndTime", "Filter.2.Value": "2025-05-16T12:00Z"}},
		{[]string{"-expires-after", "2025-01-31T08:00+08:00"}, map[string]string{"Filter.3.Key": "ExpiredStartTime", "Filter.3.Value": "2025-01-31T00:00Z"}},
		{[]string{"-expires-after", "0d"}, map[string]string{"Filter.3.Key": "ExpiredStartTime", "Filter.3.Value": "2025-06-15T12:00Z"}},
		{[]string{"-created-before", "now"}, map[string]string{"Filter.2.Key": "CreationEndTime", "Filter.2.Value": "2025-06-15T12:00Z"}},
		{[]string{"-expires-before", "12h"}, map[string]string{"Filter.4.Key": "ExpiredEndTime", "Filter.4.Value": "2025-06-16T00:00Z"}},
		{[]string{"-limit", "20", "-o", "ids"}, map[string]string{"MaxResults": "20"}},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			r := world{server: s, stdin: "i-8 i-9\ni-10\n"}.run(t, append([]string{"-region", "cn-hangzhou"}, tt.args...)...)
			if r.code != failure.ExitOK && r.code != failure.ExitNotFound { // there is nothing to be found
				t.Fatalf("exit code %d: %s", r.code, r.stderr)
			}
			got := map[string]string{}
			for name, values := range s.Requests()[0].Params {
				got[name] = values[0]
			}
			want := maps.Clone(tt.want)
			want["RegionId"] = "cn-hangzhou"
			want["AdditionalAttributes.1"] = "NETWORK_PRIMARY_ENI_IP"
			want["MaxResults"] = "100"
			maps.Copy(want, tt.want)
			maps.DeleteFunc(got, func(name, _ string) bool { return want[name] == "" && strings.HasPrefix(name, "Signature") })
			if !maps.Equal(got, want) {
				t.Errorf("sent %v, want %v", got, want)
			}
		})
	}
}

// Flags set the options of the client.
func TestConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args    string
		env     string
		home    string
		network ecs.Network
		signer  signer.Signer
	}{
		{"-region cn-beijing", "", "cn-beijing", ecs.NetworkPublic, nil},
		{"-region cn-beijing,cn-hangzhou -network vpc", "cn-shanghai", "cn-beijing", ecs.NetworkVPC, nil},
		{"-region all -network public -v3", "", "cn-hangzhou", ecs.NetworkPublic, signer.V3{}},
		{"-region all", "cn-shanghai", "cn-shanghai", ecs.NetworkPublic, nil},
		{"-region all", "cn-beijing,cn-shanghai", "cn-beijing", ecs.NetworkPublic, nil},
		{"-region all", "all", "cn-hangzhou", ecs.NetworkPublic, nil},
		{"", "all", "cn-hangzhou", ecs.NetworkPublic, nil},
		{"", "cn-beijing,cn-shanghai", "cn-beijing", ecs.NetworkPublic, nil},
	} {
		c, err := parse(strings.Fields(tt.args), nil, func(string) string { return tt.env }, testNow)
		if err != nil || c.Sources[0].Home != tt.home || c.Options.Network != tt.network || c.Options.Signer != tt.signer {
			t.Errorf("%s: %+v, options %+v, %v", tt.args, c.Sources, c.Options, err)
		}
	}
}

// The demo has a time of its own, however the flag is written.
func TestDemoTime(t *testing.T) {
	t.Parallel()
	for args, demoed := range map[string]bool{"-demo": true, "--demo": true, "-demo=true": true, "--demo=1": true, "-demo=false -region r": false, "-region r": false} {
		c, err := parse(strings.Fields(args), nil, func(string) string { return "" }, testNow)
		if err != nil || c.look.now.Equal(demo.Now()) != demoed || c.Demo != demoed {
			t.Errorf("%s: now is %v, %v", args, c.look.now, err)
		}
	}
}

func TestSortAndLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args string
		want string
	}{
		{"-sort -created -limit 3", "i-0000 i-0001 i-0002"},
		{"-sort created -limit 2", "i-0249 i-0248"},
		{"-sort cpu,-id -limit 2", "i-0245 i-0238"},
		{"-sort -cpu,id -limit 2", "i-0006 i-0013"},
		{"-limit 1", "i-0000"},
	} {
		r := world{server: newServer(t, fleet(250)...)}.run(t, append(strings.Fields(tt.args), "-region", "cn-hangzhou", "-o", "ids")...)
		if got := strings.Join(r.lines(), " "); r.code != failure.ExitOK || got != tt.want {
			t.Errorf("%s: %q, want %q: %s", tt.args, got, tt.want, r.stderr)
		}
	}

	s := newServer(t, fleet(250)...)
	if r := (world{server: s}).run(t, "-region", "cn-hangzhou", "-o", "ids", "-limit", "150"); len(r.lines()) != 150 || len(s.Requests()) != 2 {
		t.Errorf("%d lines by %d requests, want 150 by 2", len(r.lines()), len(s.Requests()))
	}
}

// Which region responds first does not decide the order of instances that are equal in the columns to sort by, nor which of them
// are within the limit.
func TestSortTies(t *testing.T) {
	t.Parallel()
	instances := fleet(4)
	instances[1].RegionID, instances[2].RegionID = "cn-beijing", "cn-beijing"
	for _, slow := range []string{"cn-beijing", "cn-hangzhou"} {
		s := newServer(t, instances...)
		s.Inject(ecstest.Fault{Region: slow, Latency: 100 * time.Millisecond})
		r := world{server: s}.run(t, "-region", "cn-hangzhou,cn-beijing", "-o", "ids", "-sort", "-status", "-limit", "3")
		if got := strings.Join(r.lines(), " "); got != "i-0000 i-0001 i-0002" {
			t.Errorf("%s is slow: %s", slow, got)
		}
	}
}

func TestRegions(t *testing.T) {
	t.Parallel()
	demoed := world{}.run(t, "-demo", "-o", "ids")
	if n := len(demoed.lines()); n != 3000 {
		t.Errorf("%d instances in all regions of the demo", n)
	}
	if second := (world{}).run(t, "-demo", "-o", "ids"); second != demoed {
		t.Error("the demo is not the same every time")
	}
	if !strings.Contains(demoed.stderr, "made up") {
		t.Errorf("stderr does not say that this is a demo: %q", demoed.stderr)
	}

	instances := fleet(3)
	instances[1].RegionID = "cn-beijing"
	instances[2].RegionID = "cn-shanghai"
	for _, tt := range []struct {
		args []string
		env  string
		want string
	}{
		{[]string{"-region", "all"}, "", "i-0000 i-0001 i-0002"},
		{[]string{"-region", "cn-beijing,cn-hangzhou"}, "", "i-0000 i-0001"},
		{nil, "cn-shanghai", "i-0002"},
		{[]string{"-region", "cn-beijing"}, "cn-shanghai", "i-0001"},
	} {
		r := world{server: newServer(t, instances...), env: map[string]string{"ALIBABA_CLOUD_REGION_ID": tt.env}}.run(t, append(tt.args, "-o", "ids")...)
		got := r.lines()
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want || r.code != failure.ExitOK {
			t.Errorf("%v with %q: %v, want %s: %s", tt.args, tt.env, got, tt.want, r.stderr)
		}
	}
}

// Several workers list the same instances as one. For several regions they are not used, and a line says so.
func TestWorkers(t *testing.T) {
	t.Parallel()
	instances := ecstest.Fleet(1200, 3)
	list := func(args ...string) (requests int, got []string, stderr string) {
		s := newServer(t, instances...)
		r := world{server: s}.run(t, append(args, "-o", "ids")...)
		if r.code != failure.ExitOK {
			t.Fatalf("%v: exit code %d: %s", args, r.code, r.stderr)
		}
		got = r.lines()
		slices.Sort(got)
		return len(s.Requests()), got, r.stderr
	}
	pages, want, _ := list("-region", "cn-hangzhou")
	requests, got, stderr := list("-region", "cn-hangzhou", "-workers", "4")
	if !slices.Equal(got, want) || requests <= pages || strings.Contains(stderr, "-workers") {
		t.Errorf("%d instances by %d requests, want %d by more than %d: %s", len(got), requests, len(want), pages, stderr)
	}
	_, want, _ = list("-region", "cn-hangzhou,cn-beijing")
	if _, got, stderr = list("-region", "cn-hangzhou,cn-beijing", "-workers", "4"); !slices.Equal(got, want) || !strings.Contains(stderr, "-workers is for a single region") {
		t.Errorf("%d instances, want %d: %s", len(got), len(want), stderr)
	}

	// A format that waits for all instances puts them in order.
	s := newServer(t, instances...)
	var tables []string
	for range 3 {
		tables = append(tables, world{server: s}.run(t, "-region", "cn-hangzhou", "-workers", "8").stdout)
	}
	if len(slices.Compact(tables)) != 1 {
		t.Error("the table is different each time")
	}
}

// Ids that do not exist are named when nothing but ids was asked for and no region failed.
func TestIDsNotFound(t *testing.T) {
	t.Parallel()
	instances := fleet(150)
	instances[1].RegionID = "cn-beijing"
	var gone []string
	for i := range 25 {
		gone = append(gone, fmt.Sprintf("i-gone%02d", i))
	}
	broken := ecstest.Fault{Region: "cn-beijing", Code: "SomethingNew", Times: -1}
	for _, tt := range []struct {
		name, args, stdin string
		faults            []ecstest.Fault
		code, found       int
		want, never       string // parts of stderr
	}{
		{name: "some", args: "-id i-0000,i-nope", code: failure.ExitNotFound, found: 1, want: "inventory: 1 of 2 ids not found: i-nope\n", never: "instances"},
		{name: "twice", args: "-id i-nope,i-0000 -id i-nope", code: failure.ExitNotFound, found: 1, want: "inventory: 1 of 2 ids not found: i-nope\n"},
		{name: "all", args: "-id i-nope", code: failure.ExitNotFound, want: "inventory: 1 of 1 ids not found: i-nope\n", never: "no instance matches"},
		{name: "as JSON", args: "-id i-nope -o json", code: failure.ExitNotFound, found: 1, want: "not found: i-nope"}, // the line is []
		{name: "from stdin", args: "-id -", stdin: "i-0000\ni-nope\n", code: failure.ExitNotFound, found: 1, want: "1 of 2 ids"},
		{name: "many", args: "-id i-0000," + strings.Join(gone, ","), code: failure.ExitNotFound, found: 1, want: "25 of 26 ids not found: " + strings.Join(gone[:20], ", ") + " and 5 more\n"},
		{name: "in any region", args: "-region cn-beijing,cn-hangzhou -id i-0000,i-0001", code: failure.ExitOK, found: 2, never: "not found"},
		{name: "in another region", args: "-region cn-beijing -id i-0000,i-0001", code: failure.ExitNotFound, found: 1, want: "1 of 2 ids not found: i-0000\n"},
		{name: "no ids", args: "-id ,", code: failure.ExitUsage, want: "the value is empty"},
		{name: "with a filter", args: "-id i-0000,i-nope -status running", code: failure.ExitOK, found: 1, never: "not found"},
		{name: "with an address", args: "-id i-0000,i-nope -private-ip 10.0.0.1", code: failure.ExitOK, want: "no instance matches", never: "not found"},
		{name: "with a limit", args: "-id i-0000,i-nope -limit 5", code: failure.ExitOK, found: 1, never: "not found"},
		{name: "a region fails", args: "-region cn-beijing,cn-hangzhou -id i-0000,i-0001", faults: []ecstest.Fault{broken}, code: failure.ExitIncomplete, found: 1, never: "not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, instances...)
			s.Inject(tt.faults...)
			r := world{server: s, stdin: tt.stdin}.run(t, append([]string{"-region", "cn-hangzhou", "-o", "ids"}, strings.Fields(tt.args)...)...)
			if r.code != tt.code || !strings.Contains(r.stderr, tt.want) || tt.never != "" && strings.Contains(r.stderr, tt.never) {
				t.Errorf("exit code %d, want %d, %q and no %q: %s", r.code, tt.code, tt.want, tt.never, r.stderr)
			}
			if n := strings.Count(r.stdout, "\n"); n != tt.found {
				t.Errorf("%d lines, want %d: %s", n, tt.found, r.stdout)
			}
		})
	}
	r := world{server: newServer(t, instances...)}.run(t, "-region", "cn-hangzhou", "-id", "i-nope", "-dry-run")
	if r.code != failure.ExitOK || strings.Contains(r.stderr, "not found") {
		t.Errorf("dry run: %+v", r)
	}
	r = world{server: newServer(t, instances...)}.run(t, "-region", "cn-hangzhou", "-id", "i-0000,i-nope", "-o", "html")
	if r.code != failure.ExitNotFound || !strings.Contains(r.stdout, "<li>1 of 2 ids not found: i-nope</li>") {
		t.Errorf("exit code %d, and the page does not say so: %s", r.code, r.stderr)
	}
}

// Columns that are added to the default ones are not repeated.
func TestAddedColumns(t *testing.T) {
	t.Parallel()
	s := newServer(t, fleet(1)...)
	for added, want := range map[string]string{"+expires": defaultColumns, "+vpc,id,vpc,tag:a": defaultColumns + ",vpc,tag:a", "name,name": "name,name"} {
		r := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "csv", "-columns", added)
		if r.lines()[0] != want {
			t.Errorf("%s: %s, want %s", added, r.lines()[0], want)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string // in the message
	}{
		{[]string{"-demo", "-o", "jason"}, "did you mean json?"},
		{[]string{"-demo", "-o", "ndjsn"}, "did you mean ndjson?"},
		{[]string{"-demo", "-o", "spreadsheet"}, "want table, record, summary, html, json, ndjson, csv, ids, ssh-config"},
		{[]string{"-demo", "-columns", "id,naem"}, "did you mean name?"},
		{[]string{"-demo", "-columns", "id,xyzzy"}, "-columns help"},
		{[]string{"-demo", "-sort", "-creatd"}, "did you mean created?"},
		{[]string{"-demo", "-o", "yaml"}, "csv, ids, ssh-config (-h"},
		{[]string{"-demo", "-stauts", "Running"}, "did you mean -status?"},
		{[]string{"-demo", "-stat", "Running"}, "did you mean -status?"},
		{[]string{"-demo", "-column", "id"}, "did you mean -columns?"},
		{[]string{"-demo", "-summary"}, "use -o summary"},
		{[]string{"-demo", "-status", "Runnin"}, "did you mean Running?"},
		{[]string{"-demo", "-charge-type", "x"}, "want PrePaid, PostPaid"},
		{[]string{"-demo", "-tag", "=v"}, "want KEY or KEY=VALUE"},
		{[]string{"-demo", "-created-after", "yesterday"}, "2025-01-31"},
		{[]string{"-demo", "-created-after", "-3h"}, "2025-01-31"},
		{[]string{"-demo", "-limit", "-1"}, "want 1 or more"},
		{[]string{"-demo", "-limit", "0"}, "want 1 or more"},
		{[]string{"-demo", "-limit", "many"}, `-limit "many": want a number`},
		{[]string{"-demo", "-timeout", "-1s"}, "negative"},
		{[]string{"-demo", "-timeout", "5"}, `-timeout "5": want a duration such as 30s`},
		{[]string{"-demo", "-private-ip", "10.0.0.300"}, `-private-ip "10.0.0.300": "10.0.0.300" is no IP address`},
		{[]string{"-demo", "-public-ip", "192.0.2.1,192.0.2.0/24"}, `"192.0.2.0/24" is no IP address`},
		{[]string{"-demo", "-eip", "i-1"}, `"i-1" is no IP address`},
		{[]string{"-demo", "-private-ip", "fe80::1%eth0"}, "is no IP address"},
		{[]string{"-demo", "-private-ip", "2001:db8::1"}, "2001:db8::1 is an IPv6 address: use -ipv6"},
		{[]string{"-demo", "-eip", "2001:db8::1"}, "use -ipv6"},
		{[]string{"-demo", "-ipv6", "192.0.2.1"}, "is an IPv4 address: use -private-ip"},
		{[]string{"-demo", "-tag", "env="}, "-tag env selects any value, -tag-empty env the empty one"},
		{[]string{"-demo", "-tag", "env= "}, "the value is empty"},
		{[]string{"-demo", "-tag-any", "env=prod,"}, "none of them empty"},
		{[]string{"-demo", "-tag-any", "env"}, "want KEY=VALUE,VALUE"},
		{[]string{"-demo", "-status", "Running,Runnin"}, "did you mean Running?"},
		{[]string{"-region", "cn-hangzhou", "-exclude-region", "cn-hangzhou"}, "leaves no region"},
		{[]string{"-demo", "-completion", "bsh"}, "did you mean bash?"},
		{[]string{"-demo", "-o", "ssh-config", "-host-name", "{nome}"}, "there is no {nome}"},
		{[]string{"-demo", "-o", "ssh-config", "-host-name", "web *"}, "want a name such as"},
		{[]string{"-demo", "-o", "ssh-config", "-proxy-jump", "-oProxyCommand=id"}, "want [USER@]HOST"},
		{[]string{"-demo", "-o", "ssh-config", "-proxy-jump", "a\nProxyCommand id"}, "want [USER@]HOST"},
		{[]string{"-demo", "-o", "ssh-config", "-identity-file", "a\"b"}, "path of a file"},
		{[]string{"-demo", "-o", "json", "-spreadsheet"}, "for -o csv"},
		{[]string{"-demo", "-profile", "x"}, "-demo"},
		{[]string{"-demo", "-expires-after", "30d", "-expires-before", "10d"}, "-expires-after (2025-12-01T00:00Z) is later than -expires-before (2025-11-11T00:00Z)"},
		{[]string{"-demo", "-created-after", "10d", "-created-before", "2025-01-31"}, "-created-after (2025-10-22T00:00Z) is later than -created-before (2025-01-31T00:00Z)"},
		{[]string{"-demo", "-workers", "-1"}, "1 to 64"},
		{[]string{"-demo", "-workers", "65"}, "1 to 64"},
		{[]string{"-demo", "-workers", "0"}, "-workers 0: want 1 to 64"},
		{[]string{"-demo", "-dry-run", "-o", "json"}, "-o does nothing for -dry-run"},
		{[]string{"-demo", "-dry-run", "-limit", "3"}, "-limit does nothing for -dry-run"},
		{[]string{"-demo", "-dry-run", "-columns", "id"}, "-columns does nothing for -dry-run"},
		{[]string{"-region", "all,cn-hangzhou"}, `-region "all,cn-hangzhou": "all" must stand alone`},
		{[]string{"-demo", "-id", "-"}, `-id "-": nothing on stdin`},
		{[]string{"-demo", "-o", "html", "-expiring", "soon"}, "number of days"},
		{[]string{"-demo", "-o", "html", "-expiring", "-3"}, "number of days"},
		{[]string{"-demo", "-expiring", "3"}, "for -o summary and -o html"},
		{[]string{"-demo", "-o", "json", "-columns", "id"}, "-columns does nothing for -o json: it is for -o table, -o record, -o html and -o csv"},
		{[]string{"-demo", "-o", "ids", "-columns", "id"}, "does nothing for -o ids"},
		{[]string{"-demo", "-o", "html", "-public"}, "for -o ssh-config"},
		{[]string{"-demo", "-user", "ops"}, "for -o ssh-config"},
		{[]string{"-demo", "-o", "ssh-config", "-user", "a b"}, "login name"},
		{[]string{"-demo", "-o", "ssh-config", "-user", "-oProxyCommand=id"}, "login name"},
		{[]string{"-demo", "-network", "classic"}, "public or vpc"},
		{[]string{"-demo", "-endpoint", "localhost"}, "-demo"},
		{[]string{"-demo", "Running"}, `"Running"`},
		{[]string{"-demo", "-region", ","}, "no region"},
		{[]string{"-demo", "-region", "Hang Zhou!"}, "region"},
		{nil, "which region?"},
		{[]string{"-region", "cn-hangzhou", "-endpoint", "http://10.0.0.1"}, "inventory: -endpoint must use https"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			r := world{}.run(t, tt.args...)
			if r.code != failure.ExitUsage || !strings.Contains(r.stderr, tt.want) || r.stdout != "" {
				t.Errorf("%+v, want exit code 2 and %q", r, tt.want)
			}
		})
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	t.Parallel()
	text := world{}.run(t, "-h").stdout
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > 120 {
			t.Errorf("too long: %s", line)
		}
	}
	c, fs := &config{}, flag.NewFlagSet("", flag.ContinueOnError)
	c.define(fs, nil, testNow)
	fs.VisitAll(func(f *flag.Flag) {
		if !strings.Contains(text, "-"+f.Name+" ") {
			t.Errorf("-h does not explain -%s", f.Name)
		}
	})
	for _, code := range []int{failure.ExitOK, failure.ExitFailed, failure.ExitUsage, failure.ExitForbidden, failure.ExitCredentials, failure.ExitUnavailable, failure.ExitIncomplete, failure.ExitNotFound, failure.ExitInterrupted} {
		if !strings.Contains(text, fmt.Sprintf("\n  %-4d ", code)) {
			t.Errorf("-h does not explain exit code %d", code)
		}
	}
}

// The command line in the output can be pasted into a shell.
func TestCommandIsQuoted(t *testing.T) {
	t.Parallel()
	args := []string{"-demo", "-name", "web-*", "-tag", "a=it's $HOME `id` \\ \"x\" ~", "-tag", "环境=生产", "-user", "ops", "-o", "ssh-config", "-zone", "!1 & 2 > 3; #4", "-vpc", "~root", "-tag", "home=~", "-image", "a\tb"}
	c, err := parse(args, nil, func(string) string { return "" }, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if want := "inventory -demo -name 'web-*' -tag "; !strings.HasPrefix(c.look.command, want) || !strings.Contains(c.look.command, " 环境=生产 -user ops ") {
		t.Errorf("%s, want %s", c.look.command, want)
	}
	if runtime.GOOS == "windows" {
		return // no shell of this kind
	}
	for _, shell := range []string{"sh", "bash"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Log(err)
			continue
		}
		out, err := exec.CommandContext(t.Context(), path, "-c", "inventory() { printf '%s\\0' \"$@\"; }; "+c.look.command).Output()
		if got := strings.Split(string(out), "\x00"); err != nil || !slices.Equal(got[:len(got)-1], args) {
			t.Errorf("%s: %q, %v", shell, got, err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	denied := ecstest.Fault{Denied: true, Times: -1}
	for _, tt := range []struct {
		name   string
		args   string
		faults []ecstest.Fault
		key    ecs.CredentialsProvider
		ctx    context.Context //nolint:containedctx // of one run
		code   int
		stdout int    // lines
		stderr string // part of it
	}{
		{name: "permitted", args: "-region cn-hangzhou -dry-run", code: failure.ExitOK, stdout: 1},
		{name: "permitted everywhere", args: "-region cn-hangzhou,cn-beijing -dry-run", code: failure.ExitOK, stdout: 2},
		{name: "denied", args: "-region cn-hangzhou", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stderr: "ecs:DescribeInstances"},
		{name: "denied, as JSON", args: "-region cn-hangzhou -o json", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stderr: "AliyunECSReadOnlyAccess"},
		{name: "denied everywhere", args: "-region cn-hangzhou,cn-beijing", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stderr: "cn-beijing"},
		{name: "denied in one region", args: "-region cn-hangzhou,cn-beijing -o ids", faults: []ecstest.Fault{{Region: "cn-beijing", Denied: true, Times: -1}}, code: failure.ExitIncomplete, stdout: 150, stderr: "cn-beijing"},
		{name: "denied dry run", args: "-region cn-hangzhou -dry-run", faults: []ecstest.Fault{denied}, code: failure.ExitForbidden, stdout: 1, stderr: "ecs:DescribeInstances"},
		{name: "wrong secret", args: "-region cn-hangzhou", key: ecs.StaticCredentials("LTAInobody", "secret", ""), code: failure.ExitCredentials, stderr: "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
		{name: "wrong secret, V3", args: "-region cn-hangzhou -v3", key: ecs.StaticCredentials("LTAInobody", "secret", ""), code: failure.ExitCredentials, stderr: "InvalidAccessKeyId"},
		{name: "throttled", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "Throttling.User", Times: -1}}, code: failure.ExitUnavailable, stderr: "quota"},
		{name: "unavailable", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "ServiceUnavailable", Times: -1}}, code: failure.ExitUnavailable, stderr: "check the network"},
		{name: "unknown zone", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "InvalidParameter", Times: -1}}, code: failure.ExitUsage, stderr: "InvalidParameter"},
		{name: "unexpected", args: "-region cn-hangzhou", faults: []ecstest.Fault{{Code: "SomethingNew", Times: -1}}, code: failure.ExitFailed, stderr: "SomethingNew"},
		{name: "breaks off", args: "-region cn-hangzhou -o ids", faults: []ecstest.Fault{{Skip: 1, Code: "SomethingNew", Times: -1}}, code: failure.ExitFailed, stdout: 100, stderr: "100 instances printed"},
		{name: "one region fails", args: "-region cn-hangzhou,cn-beijing -o ids", faults: []ecstest.Fault{{Region: "cn-beijing", Code: "SomethingNew", Times: -1}}, code: failure.ExitIncomplete, stdout: 150, stderr: "cn-beijing"},
		{name: "one region fails, sorted", args: "-region cn-hangzhou,cn-beijing -o ids -sort name -limit 10", faults: []ecstest.Fault{{Region: "cn-beijing", Code: "SomethingNew", Times: -1}}, code: failure.ExitIncomplete, stdout: 10, stderr: "cn-beijing"},
		{name: "regions unknown", args: "-region all", faults: []ecstest.Fault{{Action: "DescribeRegions", Code: "ServiceUnavailable", Times: -1}}, code: failure.ExitUnavailable, stderr: "DescribeRegions"},
		{name: "unreadable", args: "-region cn-hangzhou -o ids", faults: []ecstest.Fault{{Body: []byte(`{"RequestId":"R","NextToken":"","Instances":{"Instance":[{"InstanceId":"i-1"},{"InstanceId":"i-2","Cpu":"many"}]}}`)}}, code: failure.ExitIncomplete, stdout: 1, stderr: "i-2"},
		{name: "interrupted", args: "-region cn-hangzhou", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
		{name: "interrupted regions", args: "-region all", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
		{name: "interrupted dry run", args: "-region all -dry-run", ctx: cancelled, code: failure.ExitInterrupted, stderr: "interrupted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, fleet(150)...)
			s.Inject(tt.faults...)
			r := world{server: s, key: tt.key, ctx: tt.ctx}.run(t, strings.Fields(tt.args)...)
			if r.code != tt.code || !strings.Contains(r.stderr, tt.stderr) {
				t.Errorf("exit code %d, want %d; stderr without %q:\n%s", r.code, tt.code, tt.stderr, r.stderr)
			}
			if n := strings.Count(r.stdout, "\n"); n != tt.stdout {
				t.Errorf("%d lines on stdout, want %d:\n%.500s", n, tt.stdout, r.stdout)
			}
		})
	}
}

// Which region responds first decides neither the exit code nor the order of the messages.
func TestFailuresInOrder(t *testing.T) {
	t.Parallel()
	var results []result
	for _, slow := range []string{"cn-beijing", "cn-hangzhou"} {
		s := newServer(t)
		for region, code := range map[string]string{"cn-beijing": "Forbidden.RAM", "cn-hangzhou": "SomethingNew"} {
			f := ecstest.Fault{Region: region, Code: code, Times: -1}
			if region == slow {
				f.Latency = 100 * time.Millisecond
			}
			s.Inject(f)
		}
		r := world{server: s}.run(t, "-region", "cn-hangzhou,cn-beijing", "-o", "ids")
		lines := strings.Split(r.stderr, "\n")
		r.stderr = ""
		for _, line := range lines {
			text, _, _ := strings.Cut(line, " (request ")
			r.stderr += text + "\n"
		}
		results = append(results, r)
	}
	if results[0] != results[1] || results[0].code != failure.ExitForbidden {
		t.Errorf("%+v", results)
	}
}

// Without any region the dry run does not report a permission.
func TestDryRunOfNoRegion(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.Configure(func(c *ecstest.Settings) { c.Regions = []string{} })
	if r := (world{server: s}).run(t, "-region", "all", "-dry-run"); r.code != failure.ExitFailed || !strings.Contains(r.stderr, "no region") {
		t.Errorf("%+v", r)
	}
}

// With -id - the program may wait for input that never comes.
func TestInterruptedReading(t *testing.T) {
	t.Parallel()
	stdin, typed := io.Pipe()
	defer typed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	p := program{stdin: stdin, stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }, now: testNow}
	code := make(chan int)
	go func() { code <- p.run(ctx, []string{"-demo", "-id", "-"}) }()
	_, _ = io.WriteString(typed, "i-1\n")
	cancel()
	if c := <-code; c != failure.ExitInterrupted || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d: %s", c, stderr.String())
	}
}

// writerFunc implements io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// What was listed before an interrupt is printed in a complete format.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "json", "csv", "ids", "ssh-config", "html"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := newServer(t, fleet(350)...)
			var pages atomic.Int32
			over := make(chan struct{})
			s.Configure(func(c *ecstest.Settings) {
				c.OnRequest = func(ecstest.Request) {
					if pages.Add(1) == 3 {
						cancel()
						<-over // the third page is never sent
					}
				}
			})
			defer close(over)
			r := world{server: s, ctx: ctx}.run(t, "-region", "cn-hangzhou", "-o", format)
			if r.code != failure.ExitInterrupted || !strings.Contains(r.stderr, "200 instances printed") || !strings.Contains(r.stdout, "i-0199") {
				t.Errorf("exit code %d, stderr %s", r.code, r.stderr)
			}
			if format == "json" && !json.Valid([]byte(r.stdout)) {
				t.Error("not JSON")
			}
		})
	}
}

// The timeout ends a listing that hangs, and what was listed before is printed. The clock is virtual.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := ecstest.NewPipeServer(fleet(150)...)
		defer s.Close()
		s.Inject(ecstest.Fault{Skip: 1, BlackHole: true, Times: -1})
		r := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "ids", "-timeout", "2s")
		if r.code != failure.ExitIncomplete || len(r.lines()) != 100 || !strings.Contains(r.stderr, "-timeout has passed") {
			t.Errorf("exit code %d, %d lines, stderr %s", r.code, len(r.lines()), r.stderr)
		}
	})
}

func TestOutputFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		code int
	}{{errors.New("disk full"), failure.ExitFailed}, {syscall.EPIPE, failure.ExitOK}} {
		for _, format := range []string{"table", "summary", "html", "json", "ndjson", "csv", "ids", "ssh-config"} {
			s := newServer(t, fleet(450)...)
			w := writerFunc(func([]byte) (int, error) { return 0, tt.err })
			r := world{server: s, stdout: w}.run(t, "-region", "cn-hangzhou", "-o", format)
			if r.code != tt.code || (tt.code == failure.ExitFailed) != strings.Contains(r.stderr, "disk full") {
				t.Errorf("%s, %v: %+v", format, tt.err, r)
			}
			if n := len(s.Requests()); (format == "json" || format == "ndjson" || format == "ids") && n > 2 {
				t.Errorf("%s: %d requests, although the output is closed", format, n)
			}
		}
	}
}

// The program as a process: environment, signals, pipes.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], args...) //nolint:noctx // the test sends it signals
	c.Env = []string{"TEST_RUN_INVENTORY=1", "HOME=" + t.TempDir(), "ALIBABA_CLOUD_ECS_METADATA_DISABLED=true"}
	return c
}

func TestProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no signals between processes")
	}
	s := newServer(t, fleet(1000)...)
	key := s.Credentials()
	env := []string{"ALIBABA_CLOUD_ACCESS_KEY_ID=" + key.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + key.AccessKeySecret, "ALIBABA_CLOUD_REGION_ID=cn-hangzhou"}

	t.Run("credentials from the environment", func(t *testing.T) {
		t.Parallel()
		c := command(t, "-endpoint", s.URL(), "-o", "ids")
		c.Env = append(c.Env, env...)
		out, err := c.Output()
		if n := bytes.Count(out, []byte("\n")); err != nil || n != 1000 {
			t.Errorf("%d lines: %v", n, err)
		}
	})
	t.Run("no credentials", func(t *testing.T) {
		t.Parallel()
		c := command(t, "-endpoint", s.URL(), "-region", "cn-hangzhou")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		_ = c.Run()
		if c.ProcessState.ExitCode() != failure.ExitCredentials || strings.Count(stderr.String(), "set ALIBABA_CLOUD_ACCESS_KEY_ID") != 1 || strings.Contains(stderr.String(), "Options.") {
			t.Errorf("%v: %s", c.ProcessState, &stderr)
		}
	})
	t.Run("profiles", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, fleet(3)...)
		key := s.Credentials()
		s.AddKey(ecstest.Key{Credentials: signer.Credentials{AccessKeyID: "LTAIother", AccessKeySecret: "other"}})
		c := command(t, "-endpoint", s.URL(), "-profile", "*", "-o", "csv", "-columns", "account,id", "-sort", "account")
		config := fmt.Sprintf(`{"current":"dev","profiles":[{"name":"prod","mode":"AK","access_key_id":"LTAIother","access_key_secret":"other","region_id":"cn-hangzhou"},
			{"name":"dev","mode":"AK","access_key_id":%q,"access_key_secret":%q,"region_id":"cn-hangzhou"},{"name":"old","mode":"AK","access_key_id":"LTAIold","access_key_secret":"old","region_id":"cn-hangzhou"}]}`, key.AccessKeyID, key.AccessKeySecret)
		folder := filepath.Join(strings.TrimPrefix(c.Env[1], "HOME="), ".aliyun")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, _ := c.Output()
		if want := "account,id\ndev,i-0000\ndev,i-0001\ndev,i-0002\nprod,i-0000\nprod,i-0001\nprod,i-0002\n"; string(out) != want || c.ProcessState.ExitCode() != failure.ExitIncomplete || !strings.Contains(stderr.String(), "old: cn-hangzhou: ") {
			t.Errorf("%v: %s%s", c.ProcessState, out, &stderr)
		}
	})
	t.Run("reader leaves", func(t *testing.T) {
		t.Parallel()
		c := command(t, "-endpoint", s.URL(), "-o", "ndjson")
		c.Env = append(c.Env, env...)
		var stderr bytes.Buffer
		c.Stderr = &stderr
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(out, make([]byte, 100))
		_ = out.Close()
		_ = c.Wait()
		if err != nil || c.ProcessState.ExitCode() != failure.ExitOK || stderr.Len() > 0 {
			t.Errorf("%v, %v: %s", err, c.ProcessState, &stderr)
		}
	})
	for name, signals := range map[string][]os.Signal{
		"interrupt": {os.Interrupt}, "terminate": {syscall.SIGTERM}, "terminate twice": {syscall.SIGTERM, syscall.SIGTERM, syscall.SIGTERM},
		"interrupt twice at once": {os.Interrupt, os.Interrupt}, "hang up": {syscall.SIGHUP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := newServer(t, fleet(1000)...)
			slow.Inject(ecstest.Fault{Skip: 3, BlackHole: true, Times: -1})
			key := slow.Credentials()
			c := command(t, "-endpoint", slow.URL(), "-o", "ids")
			c.Env = append(c.Env, "ALIBABA_CLOUD_ACCESS_KEY_ID="+key.AccessKeyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET="+key.AccessKeySecret, "ALIBABA_CLOUD_REGION_ID=cn-hangzhou")
			var stderr bytes.Buffer
			c.Stderr = &stderr
			out, err := c.StdoutPipe()
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			some := make([]byte, len("i-0000\n")*300) // three pages
			if _, err := io.ReadFull(out, some); err != nil {
				t.Fatal(err)
			}
			for _, s := range signals {
				_ = c.Process.Signal(s)
			}
			rest, _ := io.ReadAll(out)
			_ = c.Wait()
			if c.ProcessState.ExitCode() != failure.ExitInterrupted || len(rest) > 0 || !strings.Contains(stderr.String(), "300 instances printed") {
				t.Errorf("%v, %d bytes more: %s", c.ProcessState, len(rest), &stderr)
			}
		})
	}
}

// An endpoint that does not exist or is not trusted will not be better later: the exit code does not ask to retry.
func TestEndpointFailures(t *testing.T) {
	t.Parallel()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	for _, tt := range []struct {
		args   string
		dial   error // of the connection; nil dials
		code   int
		stderr string
	}{
		{"", &net.DNSError{Err: "no such host", Name: "ecs.cn-hangzou.aliyuncs.com", IsNotFound: true}, failure.ExitFailed, "check the region id"},
		{"-network vpc", &net.DNSError{Err: "no such host", IsNotFound: true}, failure.ExitFailed, "elsewhere leave out -network vpc"},
		{"", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, failure.ExitUnavailable, "check the network"},
		{"-network vpc", errors.New("connection refused"), failure.ExitUnavailable, "only inside a VPC"},
		{"-endpoint " + untrusted.URL, nil, failure.ExitFailed, "root certificates"},
	} {
		var stderr bytes.Buffer
		p := program{stdout: io.Discard, stderr: &stderr, getenv: func(string) string { return "" }, now: testNow}
		p.connect = func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			opts.Credentials = ecs.StaticCredentials("LTAItest", "secret", "")
			opts.Retry.MaxAttempts = 1
			opts.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if tt.dial != nil {
					return nil, &net.OpError{Op: "dial", Net: network, Err: tt.dial}
				}
				return new(net.Dialer).DialContext(ctx, network, addr)
			}}}
			c, err := ecs.NewClient(region, opts)
			return c, func() {}, err
		}
		code := p.run(t.Context(), append(strings.Fields(tt.args), "-region", "cn-hangzou"))
		if code != tt.code || !strings.Contains(stderr.String(), tt.stderr) {
			t.Errorf("%s, %v: exit code %d, want %d: %s", tt.args, tt.dial, code, tt.code, &stderr)
		}
	}
}

// The README shows what the program prints, and names every format and exit code.
func TestReadme(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(file)
	shown := 0
	for block := range strings.SplitSeq(readme, "```console\n$ inventory ") {
		line, rest, ok := strings.Cut(block, "\n")
		want, _, closed := strings.Cut(rest, "```\n")
		if !ok || !closed || strings.HasPrefix(block, "#") {
			continue
		}
		shown++
		if r := (world{}).run(t, strings.Fields(line)...); r.code != failure.ExitOK || r.stdout != want {
			t.Errorf("%s: exit code %d: %s%s", line, r.code, r.stdout, r.stderr)
		}
	}
	if shown < 2 {
		t.Errorf("%d runs are shown", shown)
	}
	for _, f := range formats() {
		if !strings.Contains(readme, "`"+f.name+"`") {
			t.Errorf("-o %s is not explained", f.name)
		}
	}
	for _, code := range []int{failure.ExitOK, failure.ExitFailed, failure.ExitUsage, failure.ExitForbidden, failure.ExitCredentials, failure.ExitUnavailable, failure.ExitIncomplete, failure.ExitNotFound, failure.ExitInterrupted} {
		if !strings.Contains(readme, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("exit code %d is not explained", code)
		}
	}
}
