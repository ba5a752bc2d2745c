package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestHints verifies the advice that the program prints if no instance matches.
func TestHints(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-name web":                         "inventory: -name must match the whole name: try '*web*'\n",
		"-name it's":                        `try '*it'\''s*'` + "\n",
		"-name x*":                          "",
		"-type ecs.g6":                      "inventory: -type must be an instance type such as ecs.g6.large: to select the family, try -family ecs.g6\n",
		"-type ecs.g6.large":                "",
		"-zone cn-hangzhou":                 "inventory: -zone must be a zone such as cn-hangzhou-h: to select the region, try -region cn-hangzhou\n",
		"-zone ap-southeast-1":              "try -region ap-southeast-1\n",
		"-zone cn-hangzhou-b":               "",
		"-zone h":                           "inventory: -zone must be a zone such as cn-hangzhou-h\n",
		"-type g6":                          "inventory: -type must be a complete instance type, such as ecs.g7.large\n",
		"-type g6.large":                    "inventory: -type must be a complete instance type, such as ecs.g7.large\n",
		"-family g6":                        "inventory: -family must be an instance type family such as ecs.g7\n",
		"-family ecs.g6.large":              "inventory: -family must be an instance type family such as ecs.g7\n",
		"-family ecs.g6":                    "",
		"-zone ap-southeast-1a":             "",
		"-zone cn-beijing -type ecs.g6e -v": "-family ecs.g6e\ninventory: -zone must be",
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
		t.Errorf("advice although an instance matches: %s", r.stderr)
	}
}

// TestFilters verifies that every filter is sent to the API.
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
			if r.code != failure.ExitOK && r.code != failure.ExitNotFound { // the server has no instances
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

// TestConnection verifies that flags set the client's options.
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

// TestDemoTime verifies that the current time is fixed in demo mode, for every form of the flag -demo.
func TestDemoTime(t *testing.T) {
	t.Parallel()
	for args, demoed := range map[string]bool{"-demo": true, "--demo": true, "-demo=true": true, "--demo=1": true, "-demo=false -region r": false, "-region r": false} {
		c, err := parse(strings.Fields(args), nil, func(string) string { return "" }, testNow)
		if err != nil || c.look.now.Equal(demo.Now()) != demoed || c.Demo != demoed {
			t.Errorf("%s: the time is %v, %v", args, c.look.now, err)
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
		t.Errorf("%d lines after %d requests, want 150 after 2", len(r.lines()), len(s.Requests()))
	}
}

// TestSortTies verifies that the order of instances with equal sort values does not depend on the order of the
// responses.
func TestSortTies(t *testing.T) {
	t.Parallel()
	instances := fleet(4)
	instances[1].RegionID, instances[2].RegionID = "cn-beijing", "cn-beijing"
	for _, slow := range []string{"cn-beijing", "cn-hangzhou"} {
		s := newServer(t, instances...)
		s.Inject(ecstest.Fault{Region: slow, Latency: 100 * time.Millisecond})
		r := world{server: s}.run(t, "-region", "cn-hangzhou,cn-beijing", "-o", "ids", "-sort", "-status", "-limit", "3")
		if got := strings.Join(r.lines(), " "); got != "i-0000 i-0001 i-0002" {
			t.Errorf("when %s is slow: %s", slow, got)
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
		t.Error("two runs of the demo differ")
	}
	if !strings.Contains(demoed.stderr, "generated") {
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

// TestWorkers verifies that -workers does not change which instances are listed.
func TestWorkers(t *testing.T) {
	t.Parallel()
	instances := ecstest.Fleet(1200, 3)
	list := func(args ...string) (requests int, got []string) {
		s := newServer(t, instances...)
		r := world{server: s}.run(t, append(args, "-o", "ids")...)
		if r.code != failure.ExitOK {
			t.Fatalf("%v: exit code %d: %s", args, r.code, r.stderr)
		}
		got = r.lines()
		slices.Sort(got)
		return len(s.Requests()), got
	}
	for _, regions := range []string{"cn-hangzhou", "cn-hangzhou,cn-beijing", "all"} {
		pages, want := list("-region", regions)
		requests, got := list("-region", regions, "-workers", "4")
		if !slices.Equal(got, want) || requests <= pages {
			t.Errorf("%s: %d instances after %d requests, want %d after more than %d", regions, len(got), requests, len(want), pages)
		}
	}

	// Formats that need all instances sort them.
	s := newServer(t, instances...)
	var tables []string
	for range 3 {
		tables = append(tables, world{server: s}.run(t, "-region", "cn-hangzhou", "-workers", "8").stdout)
	}
	if len(slices.Compact(tables)) != 1 {
		t.Error("two tables differ")
	}
}

// TestIDsNotFound verifies that the program reports ids that do not exist if the listing is complete and has no other
// filter.
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
		want, never       string // text that stderr must contain, and text that it must not contain
	}{
		{name: "some", args: "-id i-0000,i-nope", code: failure.ExitNotFound, found: 1, want: "inventory: 1 of 2 ids not found: i-nope\n", never: "instances"},
		{name: "twice", args: "-id i-nope,i-0000 -id i-nope", code: failure.ExitNotFound, found: 1, want: "inventory: 1 of 2 ids not found: i-nope\n"},
		{name: "all", args: "-id i-nope", code: failure.ExitNotFound, want: "inventory: 1 of 1 ids not found: i-nope\n", never: "no instance matches"},
		{name: "as JSON", args: "-id i-nope -o json", code: failure.ExitNotFound, found: 1, want: "not found: i-nope"}, // stdout is []
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
				t.Errorf("exit code %d, want %d; stderr must contain %q and not %q: %s", r.code, tt.code, tt.want, tt.never, r.stderr)
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
		t.Errorf("exit code %d, or the page does not name the missing id: %s", r.code, r.stderr)
	}
}
