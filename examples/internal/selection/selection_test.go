package selection

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

var testNow = time.Date(2025, 6, 15, 12, 0, 0, 0, time.UTC)

func parseArgs(args []string, env map[string]string) (*Selection, error) {
	s := &Selection{}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	s.Define(fs, strings.NewReader("i-8 i-9\n"), testNow)
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	return s, s.Finish(func(name string) string { return env[name] })
}

func parse(args string, env map[string]string) (*Selection, error) {
	return parseArgs(strings.Fields(args), env)
}

// TestMain isolates the tests from the developer's own profiles and region.
func TestMain(m *testing.M) {
	os.Setenv("ALIBABA_CLOUD_CONFIG_FILE", "testdata/no-such-file.json")
	os.Unsetenv("ALIBABA_CLOUD_REGION_ID")
	os.Unsetenv("ALIBABA_CLOUD_PROFILE")
	os.Exit(m.Run())
}

// withProfiles makes config the content of the CLI's profile file until the test ends.
func withProfiles(t *testing.T, config string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", file)
}

func TestRegions(t *testing.T) { //nolint:paralleltest // the test sets environment variables
	none, profiles := `{}`, `{"current":"dev","profiles":[{"name":"dev","region_id":"cn-qingdao"},{"name":"prod","region_id":"cn-beijing"},{"name":"bare"},{"name":""}]}`
	for _, tt := range []struct {
		args, env, config string
		want              string // "account:home:regions" for each source
	}{
		{args: "-region all", want: ":cn-hangzhou:all"},
		{args: "-demo", want: ":cn-hangzhou:all"},
		{args: "-demo", env: "cn-beijing", want: ":cn-beijing:all"},
		{env: "cn-beijing", want: ":cn-beijing:cn-beijing"},
		{env: "all", want: ":cn-hangzhou:all"},
		{args: "-region all", env: "cn-beijing,cn-shanghai", want: ":cn-beijing:all"},
		{args: "-region cn-shanghai,cn-beijing", env: "cn-hangzhou", want: ":cn-shanghai:cn-shanghai,cn-beijing"},
		{args: "-region cn-shanghai,cn-beijing -exclude-region cn-shanghai", want: ":cn-beijing:cn-beijing"},
		{config: profiles, want: ":cn-qingdao:cn-qingdao"},
		{config: profiles, env: "cn-hangzhou", want: ":cn-hangzhou:cn-hangzhou"},
		{config: profiles, args: "-profile prod", want: "prod:cn-beijing:cn-beijing"},
		{config: profiles, args: "-profile prod", env: "cn-hangzhou", want: "prod:cn-beijing:cn-beijing"},
		{config: profiles, args: "-profile bare", env: "cn-hangzhou", want: "bare:cn-hangzhou:cn-hangzhou"},
		{config: "\ufeff" + profiles, args: "-profile prod,dev", want: "prod:cn-beijing:cn-beijing dev:cn-qingdao:cn-qingdao"},
		{config: profiles, args: "-profile * -region all", want: "dev:cn-qingdao:all prod:cn-beijing:all bare:cn-hangzhou:all"},
		{config: profiles, args: "-profile p*,prod -region cn-hangzhou", want: "prod:cn-hangzhou:cn-hangzhou"},
	} {
		withProfiles(t, cmp.Or(tt.config, none))
		s, err := parse(tt.args, map[string]string{"ALIBABA_CLOUD_REGION_ID": tt.env})
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		var got []string
		for _, src := range s.Sources {
			regions := "all"
			if src.Regions != nil {
				regions = strings.Join(src.Regions, ",")
			}
			got = append(got, src.Account+":"+src.Home+":"+regions)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %v, want %s", tt.args, got, tt.want)
		}
	}
	withProfiles(t, none)
	for args, want := range map[string]string{
		"":                                       "no region selected",
		"-region ,":                              "contains no region",
		"-region all,cn-hangzhou":                `"all" cannot be combined`,
		"-region all -network lan":               "public or vpc",
		"-demo -endpoint localhost":              "-demo",
		"-profile prod":                          "the vendor's CLI has no profiles",
		"-region cn-a -exclude-region cn-a,cn-b": "excludes every region",
		"-region cn-a -expires-after 30d -expires-before 10d":         "no instance can match",
		"-region cn-a -created-after 10d -created-before 2025-01-31":  "no instance can match",
		"-region all -status Runnin":                                  "did you mean Running?",
		"-region all -id - -id -":                                     "stdin is empty",
		"-region all -private-ip 10.0.0.1 -private-ip 2001:db8::1":    "use -ipv6",
		"-region all -tag a=b -tag team=":                             "-tag-empty team",
		"-region all -status Running,Stopped -charge-type PrePaidish": "did you mean PrePaid?",
	} {
		if _, err := parse(args, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	withProfiles(t, `{"access_key_secret":"verysecret`)
	for args, want := range map[string]string{"": "no region selected", "-profile prod": "-profile: "} {
		if _, err := parse(args, nil); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "verysecret") {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	withProfiles(t, profiles)
	for args, want := range map[string]string{"-profile nobody": `no profile matches "nobody": the profiles are dev, prod, bare`, "-profile bare": "the profile bare has no region", "-profile [": "is not a pattern"} {
		if _, err := parse(args, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

// TestEmptyFilters verifies that an empty value is an error for every filter.
func TestEmptyFilters(t *testing.T) {
	t.Parallel()
	s := &Selection{}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	s.Define(fs, nil, testNow)
	filters := 0
	fs.VisitAll(func(f *flag.Flag) {
		if slices.Contains([]string{"demo", "network", "endpoint"}, f.Name) {
			return
		}
		filters++
		if !s.IsFilter(f.Name) {
			t.Errorf("IsFilter(%q) is false", f.Name)
		}
		for _, value := range []string{"", " ", "\t\n"} {
			if _, err := parseArgs([]string{"-region", "all", "-" + f.Name, value}, nil); err == nil {
				t.Errorf("-%s %q is accepted", f.Name, value)
			}
		}
	})
	if filters < 24 {
		t.Errorf("%d filters", filters)
	}
	for _, tag := range []string{"env=", "env= ", "=", "=prod", " =x"} {
		if _, err := parseArgs([]string{"-region", "all", "-tag", tag}, nil); err == nil {
			t.Errorf("-tag %q is accepted", tag)
		}
	}
}

// TestMatches verifies the filters that the API does not support.
func TestMatches(t *testing.T) {
	t.Parallel()
	instances := []ecs.Instance{
		{InstanceID: "i-1", Status: ecs.InstanceStatusRunning, ZoneID: "z-a", SecurityGroupIDs: []string{"sg-1", "sg-2"}, Tags: []ecs.Tag{{Key: "env", Value: "prod"}, {Key: "team"}}},
		{InstanceID: "i-2", Status: ecs.InstanceStatusStopped, ZoneID: "z-b", SecurityGroupIDs: []string{"sg-3"}, Tags: []ecs.Tag{{Key: "env", Value: "test"}, {Key: "team", Value: "a"}}},
		{InstanceID: "i-3", Status: ecs.InstanceStatusPending, ZoneID: "z-c", Tags: []ecs.Tag{{Key: "env", Value: "dev"}}},
	}
	for i := range instances {
		instances[i].RegionID = "cn-hangzhou"
	}
	server := ecstest.NewServer(instances...)
	defer server.Close()
	for args, want := range map[string]string{
		"-status running,STOPPED":                    "i-1 i-2",
		"-status running":                            "i-1",
		"-status running,stopped -status pending":    "i-3", // the last -status overrides the first
		"-zone z-b,z-c":                              "i-2 i-3",
		"-zone z-b,z-c -status pending,running":      "i-3",
		"-security-group sg-2,sg-3":                  "i-1 i-2",
		"-tag-any env=prod,test":                     "i-1 i-2",
		"-tag-any env=prod -tag-any env=dev":         "i-1 i-3",
		"-tag-any env=prod,test -tag-any team=a":     "i-2",
		"-tag-empty team":                            "i-1",
		"-tag team":                                  "i-1 i-2",
		"-tag env=prod":                              "i-1",
		"-tag-any env=none,nothing":                  "",
		"-tag-any env=prod,test -status Stopped":     "i-2",
		"-id i-1,i-3 -zone z-a,z-b":                  "i-1",
		"-vpc vpc-1,vpc-2":                           "",
		"-charge-type prepaid,postpaid":              "",
		"-resource-group rg-1,rg-2 -key-pair k1,k2":  "",
		"-image m-1,m-2 -type ecs.a,ecs.b -family f": "",
	} {
		s, err := parse("-region cn-hangzhou "+args, nil)
		if err != nil {
			t.Fatal(err)
		}
		sources, done, err := s.Open(func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
			c, err := server.Client(region, opts)
			return c, func() {}, err
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for inst, err := range Instances(t.Context(), sources) {
			if err != nil {
				t.Error(err)
			}
			got = append(got, inst.InstanceID)
		}
		done()
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", args, got, want)
		}
	}
}

// TestAccounts verifies that each instance contains the name of its account, and that the other accounts are listed
// if one account fails.
func TestAccounts(t *testing.T) {
	t.Parallel()
	s, err := parse("-region cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for _, account := range []string{"prod", "broken", "dev"} {
		server := ecstest.NewServer(ecs.Instance{InstanceID: "i-" + account, RegionID: "cn-hangzhou"})
		defer server.Close()
		if account == "broken" {
			server.Inject(ecstest.Fault{Code: "Forbidden.RAM", Times: -1})
		}
		client, err := server.Client("cn-hangzhou", &ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, Source{Account: account, Home: "cn-hangzhou", Regions: []string{"cn-hangzhou"}, Client: client, s: s})
	}
	var got []string
	for inst, err := range Instances(t.Context(), sources) {
		var failed *failure.AccountError
		if errors.As(err, &failed) {
			got = append(got, failed.Account+" "+string(failure.KindOf(err)))
			if text := failure.Text(err); !strings.HasPrefix(text, "broken: cn-hangzhou: ") {
				t.Error(text)
			}
			continue
		}
		text, err := inst.MarshalJSON()
		if err != nil || !strings.Contains(string(text), `"Account":"`+Account(inst)+`"`) {
			t.Errorf("%s %v", text, err)
		}
		got = append(got, Account(inst)+" "+inst.InstanceID)
	}
	if want := []string{"prod i-prod", "broken forbidden", "dev i-dev"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	for _, err := range Instances(ctx, sources) {
		if n++; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d errors after the context was done, want one", n)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	t.Parallel()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	new(Selection).Define(fs, nil, testNow)
	fs.VisitAll(func(f *flag.Flag) {
		if !strings.Contains(WhereHelp+WhichHelp, "-"+f.Name+" ") {
			t.Errorf("the help does not explain -%s", f.Name)
		}
	})
	for line := range strings.Lines(WhereHelp + WhichHelp + CredentialsHelp) {
		if len(line) > 121 {
			t.Errorf("too long: %s", line)
		}
	}
}

func TestAddr(t *testing.T) {
	t.Parallel()
	private := ecs.VPCAttributes{PrivateIPAddress: []string{"10.0.0.1"}}
	ipv6 := []ecs.NetworkInterface{{IPv6Sets: []ecs.IPv6Set{{IPv6Address: "2001:db8::1"}}}}
	for _, tt := range []struct {
		inst                  ecs.Instance
		private, public, ipv6 string
	}{
		{ecs.Instance{VPCAttributes: private, EIPAddress: ecs.EIPAddress{IPAddress: "192.0.2.1"}}, "10.0.0.1", "192.0.2.1", ""},
		{ecs.Instance{VPCAttributes: private}, "10.0.0.1", "10.0.0.1", ""},
		{ecs.Instance{PublicIPAddress: []string{"192.0.2.1"}}, "192.0.2.1", "192.0.2.1", ""},
		{ecs.Instance{NetworkInterfaces: ipv6}, "2001:db8::1", "2001:db8::1", "2001:db8::1"},
		{ecs.Instance{NetworkInterfaces: ipv6, VPCAttributes: private}, "10.0.0.1", "10.0.0.1", "2001:db8::1"},
		{ecs.Instance{}, "invalid IP", "invalid IP", ""},
	} {
		if got := (&Selection{}).Addr(tt.inst).String(); got != tt.private {
			t.Errorf("%+v: %s, want %s", tt.inst, got, tt.private)
		}
		if got := (&Selection{PreferPublic: true}).Addr(tt.inst).String(); got != tt.public {
			t.Errorf("%+v, public preferred: %s, want %s", tt.inst, got, tt.public)
		}
		got := ""
		for _, addr := range tt.inst.IPv6Addrs() {
			got += addr.String()
		}
		if got != tt.ipv6 {
			t.Errorf("%+v: IPv6 %s, want %s", tt.inst, got, tt.ipv6)
		}
	}
}

func TestIDsOnly(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]bool{
		"-id i-1,i-2": true, "-id -": true, "-id i-1 -zone a": false, "-id i-1 -zone a,b": false, "-name x": false, "-id i-1 -tag-empty x": false,
	} {
		s, err := parse("-region all "+args, nil)
		if err != nil || s.IDsOnly() != want {
			t.Errorf("%s: %v, want %v", args, err, want)
		}
	}
	s, err := parse("-region all -id -", nil)
	if err != nil || !reflect.DeepEqual(s.Request.InstanceIDs, ecs.JSONList{"i-8", "i-9"}) {
		t.Errorf("%v %v", s, err)
	}
}

// TestListsOfNothing verifies that a list without elements, such as ",", is an error.
func TestListsOfNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"exclude-region", "profile", "id", "zone"} {
		s := &Selection{}
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		s.Define(fs, nil, time.Now())
		if err := fs.Parse([]string{"-" + name, " , "}); err == nil {
			t.Errorf("-%s accepts an empty list", name)
		}
	}
}
