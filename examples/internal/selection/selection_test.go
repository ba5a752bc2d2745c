package selection

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

func parse(args string, env map[string]string) (*Selection, error) {
	s := &Selection{}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	s.Define(fs)
	if err := fs.Parse(strings.Fields(args)); err != nil {
		return nil, err
	}
	return s, s.Finish(func(name string) string { return env[name] })
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args, env string
		regions   []string
		home      string
		request   ecs.DescribeInstancesRequest
		network   ecs.Network
	}{
		{args: "-region all", home: "cn-hangzhou"},
		{args: "-demo", home: "cn-hangzhou"},
		{args: "-demo", env: "cn-beijing", home: "cn-beijing"},
		{env: "cn-beijing", regions: []string{"cn-beijing"}, home: "cn-beijing"},
		{env: "all", home: "cn-hangzhou"},
		{args: "-region all", env: "cn-beijing", home: "cn-beijing"},
		{args: "-region all", env: "cn-beijing,cn-shanghai", home: "cn-beijing"},
		{args: "-region cn-shanghai,cn-beijing", env: "cn-hangzhou", regions: []string{"cn-shanghai", "cn-beijing"}, home: "cn-shanghai"},
		{
			args: "-demo -tag env=prod -tag team -tag a=b=c -status running", home: "cn-hangzhou",
			request: ecs.DescribeInstancesRequest{Status: ecs.InstanceStatusRunning, Tags: []ecs.Tag{{Key: "env", Value: "prod"}, {Key: "team"}, {Key: "a", Value: "b=c"}}},
		},
		{args: "-region all -network vpc", home: "cn-hangzhou", network: ecs.NetworkVPC},
		{args: "-region all -network public", home: "cn-hangzhou"},
	} {
		s, err := parse(tt.args, map[string]string{"ALIBABA_CLOUD_REGION_ID": tt.env})
		if err != nil {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		if !reflect.DeepEqual(s.Regions, tt.regions) || s.Home != tt.home || !reflect.DeepEqual(s.Request, tt.request) || s.Options.Network != tt.network {
			t.Errorf("%q: %+v", tt.args, s)
		}
	}

	for args, want := range map[string]string{
		"":                           "which region?",
		"-region ,":                  "names no region",
		"-region all -tag =v":        "KEY=VALUE",
		"-region all -status Runnin": "want Pending, Running, Starting, Stopping, Stopped: did you mean Running?",
		"-region all,cn-hangzhou":    `-region "all,cn-hangzhou": all stands alone`,
		"-region all -network lan":   "public or vpc",
		"-demo -endpoint localhost":  "-demo",
	} {
		if _, err := parse(args, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	t.Parallel()
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	new(Selection).Define(fs)
	fs.VisitAll(func(f *flag.Flag) {
		if !strings.Contains(Help, "  -"+f.Name+" ") {
			t.Errorf("Help does not explain -%s", f.Name)
		}
	})
}

func TestAddr(t *testing.T) {
	t.Parallel()
	private := ecs.VPCAttributes{PrivateIPAddress: []string{"10.0.0.1"}}
	for _, tt := range []struct {
		inst            ecs.Instance
		private, public string
	}{
		{ecs.Instance{VPCAttributes: private, EIPAddress: ecs.EIPAddress{IPAddress: "192.0.2.1"}}, "10.0.0.1", "192.0.2.1"},
		{ecs.Instance{VPCAttributes: private}, "10.0.0.1", "10.0.0.1"},
		{ecs.Instance{PublicIPAddress: []string{"192.0.2.1"}}, "192.0.2.1", "192.0.2.1"},
		{ecs.Instance{}, "invalid IP", "invalid IP"},
	} {
		if got := (&Selection{}).Addr(tt.inst).String(); got != tt.private {
			t.Errorf("%+v: %s, want %s", tt.inst, got, tt.private)
		}
		if got := (&Selection{PreferPublic: true}).Addr(tt.inst).String(); got != tt.public {
			t.Errorf("%+v, public preferred: %s, want %s", tt.inst, got, tt.public)
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	for want, errs := range map[string][]error{
		"incomplete":  {&ecs.IncompleteError{}, &ecs.CappedError{Err: ecs.ErrForbidden}},
		"credentials": {ecs.ErrCredentials, errors.Join(ecs.ErrCredentials, ecs.ErrForbidden)},
		"forbidden":   {ecs.ErrForbidden, &ecs.RegionError{Err: ecs.ErrForbidden}},
		"throttled":   {ecs.ErrThrottled},
		"unavailable": {ecs.ErrUnavailable, errors.Join(ecs.ErrUnavailable, context.DeadlineExceeded)},
		"invalid":     {ecs.ErrInvalidParameter},
		"timeout":     {context.DeadlineExceeded, fmt.Errorf("listing: %w", context.Canceled)},
		"other":       {io.EOF},
	} {
		for _, err := range errs {
			if got := Kind(err); got != want {
				t.Errorf("%v is %q, want %q", err, got, want)
			}
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var lines []string
	code := Report(
		func(line string) { lines = append(lines, line) },
		&ecs.RegionError{Region: "cn-b", Err: fmt.Errorf("ecs: no: %w", ecs.ErrForbidden)},
		&ecs.RegionError{Region: "cn-a", Err: fmt.Errorf("ecs: none: %w", ecs.ErrUnavailable)},
		&ecs.RegionError{Region: "cn-c", Err: fmt.Errorf("ecs: no: %w", ecs.ErrForbidden)},
	)
	want := []string{"cn-a: none: unavailable", "cn-b: no: forbidden", "cn-c: no: forbidden", adviceFor(ecs.ErrUnavailable), adviceFor(ecs.ErrForbidden)}
	if code != 5 || !slices.Equal(lines, want) {
		t.Errorf("%d %q, want %q", code, lines, want)
	}
	if code := Report(func(string) {}, io.EOF); code != ExitFailed {
		t.Errorf("%d", code)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		io.EOF: 1, ecs.ErrInvalidParameter: 2, ecs.ErrForbidden: 3, ecs.ErrCredentials: 4,
		ecs.ErrThrottled: 5, ecs.ErrUnavailable: 5, context.DeadlineExceeded: 5, &ecs.IncompleteError{}: 6,
	} {
		if got := ExitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
		if !strings.Contains(ExitCodes, fmt.Sprintf("\n  %d    ", want)) {
			t.Errorf("%d is not explained", want)
		}
	}
}
