// Package selection is what the programs that feed other tools share: the flags that say which instances they are about,
// the address to reach one at, and a word for each kind of failure.
package selection

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// Help explains the flags that Define defines.
const Help = `Which instances
  -region R[,R...]     regions, or "all"; default $ALIBABA_CLOUD_REGION_ID, with -demo all. With "all", a region that a
                       policy hides looks empty; when another region has instances, nothing notices: name the regions,
                       or see "inventory -dry-run"
  -tag KEY[=VALUE]     with this tag; repeatable, all must match; KEY alone is any value
  -status S            Pending, Running, Starting, Stopping or Stopped; default any
  -prefer-public       reach an instance at its public address where it has one, else at its private one
  -demo                a made-up fleet in an in-memory ECS, no account needed
  -network vpc         use the API's endpoints inside a VPC, for a machine without public access
  -endpoint HOST       another endpoint of the API, for all regions
`

// Selection is what the flags say.
type Selection struct {
	Demo         bool
	Regions      []string // nil is all
	Home         string   // the region to ask for the others
	Request      ecs.DescribeInstancesRequest
	Options      ecs.Options
	PreferPublic bool

	region, network string
}

// Define defines the flags of Help.
func (s *Selection) Define(fs *flag.FlagSet) {
	fs.StringVar(&s.region, "region", "", "")
	fs.Func("tag", "", func(text string) error {
		key, value, _ := strings.Cut(text, "=")
		if key == "" {
			return errors.New("want KEY or KEY=VALUE")
		}
		s.Request.Tags = append(s.Request.Tags, ecs.Tag{Key: key, Value: value})
		return nil
	})
	fs.Func("status", "", wording.OneOf(&s.Request.Status, ecs.InstanceStatusPending, ecs.InstanceStatusRunning, ecs.InstanceStatusStarting, ecs.InstanceStatusStopping, ecs.InstanceStatusStopped))
	fs.BoolVar(&s.PreferPublic, "prefer-public", false, "")
	fs.BoolVar(&s.Demo, "demo", false, "")
	fs.StringVar(&s.network, "network", "", "")
	fs.StringVar(&s.Options.Endpoint, "endpoint", "", "")
}

// Finish is called when the flags are parsed, and finds what only shows when all are known.
func (s *Selection) Finish(getenv func(string) string) error {
	switch {
	case s.network != "" && s.network != "public" && s.network != string(ecs.NetworkVPC):
		return fmt.Errorf("-network %q: want public or vpc", s.network)
	case s.network == string(ecs.NetworkVPC):
		s.Options.Network = ecs.NetworkVPC
	}
	if s.Demo && s.Options.Endpoint != "" {
		return errors.New("-demo has an endpoint of its own: leave out -demo or -endpoint")
	}
	region := s.region
	if s.Demo {
		region = cmp.Or(region, "all")
	}
	var err error
	s.Home, s.Regions, err = Regions(region, getenv)
	return err
}

// Regions understands -region, in whose place ALIBABA_CLOUD_REGION_ID may stand. nil regions are all, for which home is asked.
func Regions(region string, getenv func(string) string) (home string, regions []string, err error) {
	fallback := getenv("ALIBABA_CLOUD_REGION_ID")
	switch region = cmp.Or(region, fallback); region {
	case "":
		return "", nil, errors.New("which region? Say -region cn-hangzhou or -region all, set ALIBABA_CLOUD_REGION_ID, or try -demo")
	case "all":
		if names := Split(fallback); len(names) > 0 && names[0] != "all" { // it may name what -region may
			return names[0], nil, nil
		}
		return "cn-hangzhou", nil, nil
	}
	regions = Split(region)
	switch {
	case len(regions) == 0:
		return "", nil, fmt.Errorf("-region %q names no region", region)
	case slices.Contains(regions, "all"):
		return "", nil, fmt.Errorf("-region %q: all stands alone", region)
	}
	return regions[0], regions, nil
}

// Split reads a comma-separated list.
func Split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

// Addr is where to reach an instance; it is not valid when the instance has no address.
func (s *Selection) Addr(inst ecs.Instance) netip.Addr {
	public := inst.PublicAddrs()
	private := inst.PrivateAddr()
	if len(public) > 0 && (s.PreferPublic || !private.IsValid()) {
		return public[0]
	}
	return private
}

// Kind is a word for the kind of a failure, one of a few: fit for a label of a metric.
func Kind(err error) string {
	var incomplete *ecs.IncompleteError
	var cappedError *ecs.CappedError
	unreadable, capped := errors.As(err, &incomplete), errors.As(err, &cappedError)
	switch {
	case unreadable, capped:
		return "incomplete"
	case errors.Is(err, ecs.ErrCredentials):
		return "credentials"
	case errors.Is(err, ecs.ErrForbidden):
		return "forbidden"
	case errors.Is(err, ecs.ErrThrottled):
		return "throttled"
	case errors.Is(err, ecs.ErrUnavailable):
		return "unavailable"
	case errors.Is(err, ecs.ErrInvalidParameter):
		return "invalid"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "timeout"
	default:
		return "other"
	}
}

// ExitCode is the exit code for a failure, as ExitCodes explains them.
func ExitCode(err error) int {
	switch Kind(err) {
	case "invalid":
		return ExitUsage
	case "forbidden":
		return 3
	case "credentials":
		return 4
	case "throttled", "unavailable", "timeout":
		return 5
	case "incomplete":
		return 6
	default:
		return ExitFailed
	}
}

// The exit codes that do not come from an error of the client.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitInterrupted = 130
)

// ExitCodes explains the exit codes.
const ExitCodes = `Exit codes
  0    done
  1    failed
  2    usage: a flag is wrong, or the API refuses a value
  3    not permitted
  4    credentials missing or not accepted
  5    throttled or unavailable, even after retries: try later
  6    incomplete: not every instance could be read
  130  interrupted
`

// Report says in lines for a person what failed, and each advice once. It gives the exit code: that of the first failure
// in the order of their texts, so that it does not depend on which region answered first.
func Report(say func(line string), failures ...error) int {
	slices.SortStableFunc(failures, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	var advice []string
	for _, err := range failures {
		say(Text(err))
		if a := adviceFor(err); a != "" && !slices.Contains(advice, a) {
			advice = append(advice, a)
		}
	}
	for _, a := range advice {
		say(a)
	}
	return ExitCode(failures[0])
}

// Text is a failure in one line, in the words of [wording.Plain].
func Text(err error) string {
	var region *ecs.RegionError
	if errors.As(err, &region) {
		return region.Region + ": " + Text(region.Err)
	}
	return wording.Plain(err)
}

// adviceFor says what to do, where the error does not; else it is "".
func adviceFor(err error) string {
	switch Kind(err) {
	case "credentials":
		return "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET (for a temporary key also ALIBABA_CLOUD_SECURITY_TOKEN) or a profile in ~/.aliyun/config.json; -demo needs none"
	case "forbidden":
		return "the system policy AliyunECSReadOnlyAccess permits listing"
	case "unavailable":
		return "check the network and -endpoint; inside a VPC without public access use -network vpc"
	default:
		return ""
	}
}
