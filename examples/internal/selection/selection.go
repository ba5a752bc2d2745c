// Package selection contains what the programs share to select instances: the flags for accounts, regions and
// filters, the listing of the selected instances, and the address at which to reach one.
package selection

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

// WhereHelp and WhichHelp explain the flags that Define defines.
const (
	WhereHelp = `  -region R[,R...]     regions, or "all"; default the -profile's region, else $ALIBABA_CLOUD_REGION_ID, else the
                       region of the CLI's current profile; with -demo all
  -exclude-region R[,R...]
                       leave these regions out, such as those that are not enabled for the account
  -profile P[,P...]    profiles of the vendor's CLI (~/.aliyun/config.json), an account each; * is a wildcard, '*' all
                       of them; default: the default credentials
  -demo                a made-up fleet in an in-memory ECS, no account needed
  -network vpc         use the API's endpoints inside a VPC, for a machine without public access
  -endpoint HOST       another endpoint of the API, for all regions
`
	WhichHelp = `Which: instances must match all filters; an empty value is an error (a variable that is not set would select all)
  -id ID[,ID...]       instance ids, any number; repeatable
  -name NAME           the whole instance name, * is a wildcard: -name 'web-*'
  -status S[,S...]     Pending, Running, Starting, Stopping or Stopped; here and below several values mean any of them
  -type T  -family F   instance type (ecs.g7.large), instance type family (ecs.g7)
  -zone Z  -vpc ID  -vswitch ID  -security-group ID  -resource-group ID  -image ID  -key-pair NAME
  -charge-type C       PrePaid (subscription) or PostPaid (pay as you go)
  -tag KEY[=VALUE]     repeatable, all must match; KEY alone is any value
  -tag-any KEY=V,V...  one of several values of a tag; repeatable
  -tag-empty KEY       the tag without a value
  -private-ip IP[,IP]  private IPv4 address in a VPC; repeatable
  -public-ip IP  -eip IP  -ipv6 IP
                       fixed public, elastic and IPv6 addresses, the same way
  -created-after T  -created-before T  -expires-after T  -expires-before T
                       T is a date (2025-01-31, UTC), a time (2025-01-31T08:00Z) or a distance from now (30d, 12h,
                       now): back for created, ahead for expires; without -expires-after 0d, subscriptions that have
                       ended match, too
`
	CredentialsHelp = `Without -profile the first credentials found are used: environment (ALIBABA_CLOUD_ACCESS_KEY_ID,
ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN), OIDC role, CLI profile (~/.aliyun/config.json), profile
file, instance RAM role, credentials URI.
`
)

// Selection contains the values of the flags.
type Selection struct {
	Demo         bool
	Sources      []Source // the accounts; at least one
	Exclude      []string // regions
	Workers      int      // as in ecs.RegionsOptions
	Request      ecs.DescribeInstancesRequest
	Options      ecs.Options
	PreferPublic bool

	filters                   []string // the names of the flags that are filters
	matchers                  map[string]func(ecs.Instance) bool
	given                     []string // the regions of -region, or what stands for it, before those of -exclude-region are left out
	region, network, profiles string
}

// Define defines the flags. Times are relative to now; ids may be read from stdin, unless it is nil.
func (s *Selection) Define(fs *flag.FlagSet, stdin io.Reader, now time.Time) {
	s.matchers = map[string]func(ecs.Instance) bool{}
	// Without it the API does not return IPv6 addresses.
	s.Options.AdditionalAttributes = []ecs.AdditionalAttribute{ecs.AdditionalAttributeNetworkPrimaryENIIP}
	s.filter(fs, "region", func(text string) error { s.region = text; return nil })
	s.filter(fs, "exclude-region", func(text string) error {
		if len(Split(text)) == 0 {
			return errEmpty // as "$A,$B" is when neither is set
		}
		s.Exclude = append(s.Exclude, Split(text)...)
		return nil
	})
	s.filter(fs, "profile", func(text string) error {
		if s.profiles = text; len(Split(text)) == 0 {
			return errEmpty
		}
		return nil
	})
	fs.BoolVar(&s.Demo, "demo", false, "")
	fs.StringVar(&s.network, "network", "", "")
	fs.StringVar(&s.Options.Endpoint, "endpoint", "", "")
	s.defineFilters(fs, stdin, now)
}

// Finish must be called after the flags have been parsed. It reports mistakes that involve several flags.
func (s *Selection) Finish(getenv func(string) string) error {
	switch {
	case s.network != "" && s.network != "public" && s.network != string(ecs.NetworkVPC):
		return fmt.Errorf("-network %q: want public or vpc", s.network)
	case s.network == string(ecs.NetworkVPC):
		s.Options.Network = ecs.NetworkVPC
	}
	if s.Demo && (s.Options.Endpoint != "" || s.profiles != "") {
		return errors.New("-demo has an endpoint and an account of its own: leave out -demo, or -endpoint and -profile")
	}
	r := &s.Request
	if err := cmp.Or(inOrder("created", r.CreatedAfter, r.CreatedBefore), inOrder("expires", r.ExpiresAfter, r.ExpiresBefore)); err != nil {
		return err
	}
	if s.Demo {
		s.region = cmp.Or(s.region, "all")
	}
	accounts := []ecs.Profile{{}}
	if s.profiles != "" {
		var err error
		if accounts, err = findProfiles(Split(s.profiles)); err != nil {
			return fmt.Errorf("-profile: %w", err)
		}
	}
	for _, account := range accounts {
		source, err := s.source(account, getenv("ALIBABA_CLOUD_REGION_ID"))
		if err != nil {
			return err
		}
		s.Sources = append(s.Sources, source)
	}
	return nil
}

// source determines the selected regions of an account. fallback is the region for programs that are run without
// one.
func (s *Selection) source(account ecs.Profile, fallback string) (Source, error) {
	src := Source{Account: account.Name}
	region := cmp.Or(s.region, account.Region, fallback)
	if region == "" && account.Name == "" {
		var err error
		if region, err = ecs.ProfileRegion(""); err != nil {
			return src, fmt.Errorf("which region? Use -region; the CLI's profile does not tell: %w", err)
		}
	}
	switch region {
	case "":
		text := "which region? Use -region cn-hangzhou or -region all, set ALIBABA_CLOUD_REGION_ID, or try -demo"
		if account.Name != "" {
			text = fmt.Sprintf("which region? The profile %s has none: use -region", account.Name)
		}
		return src, errors.New(text)
	case "all":
		src.Home = "cn-hangzhou" // a region that every account has, for the request for all regions
		for _, regions := range []string{account.Region, fallback} {
			// the variable may contain whatever -region may
			if names := Split(regions); len(names) > 0 && names[0] != "all" {
				src.Home = names[0]
				break
			}
		}
		return src, nil
	}
	src.Regions = Split(region)
	switch {
	case len(src.Regions) == 0:
		return src, fmt.Errorf("-region %q names no region", region)
	case slices.Contains(src.Regions, "all"):
		return src, fmt.Errorf("-region %q: \"all\" must stand alone", region)
	}
	s.given = append(s.given, src.Regions...)
	if src.Regions = without(src.Regions, s.Exclude); len(src.Regions) == 0 {
		return src, errors.New("-exclude-region leaves no region of -region")
	}
	src.Home = src.Regions[0]
	return src, nil
}

// Setup returns what the advice for failures depends on.
func (s *Selection) Setup() failure.Setup {
	return failure.Setup{VPC: s.Options.Network == ecs.NetworkVPC, Endpoint: s.Options.Endpoint}
}

// Matches reports whether an instance returned by the API is selected: some filters are not sent to the API.
func (s *Selection) Matches(inst ecs.Instance) bool {
	for _, matches := range s.matchers {
		if !matches(inst) {
			return false
		}
	}
	return true
}

// IsFiltered reports whether some of the instances that the API returns may be left out.
func (s *Selection) IsFiltered() bool { return len(s.matchers) > 0 }

// IDsOnly reports whether instances are selected by their ids only. Then a complete listing shows which ids do not
// exist.
func (s *Selection) IDsOnly() bool {
	only := ecs.DescribeInstancesRequest{InstanceIDs: s.Request.InstanceIDs}
	return len(only.InstanceIDs) > 0 && !s.IsFiltered() && reflect.DeepEqual(s.Request, only)
}

// Split splits a list separated by commas or white space.
func Split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// without returns the names that are not among the excluded ones.
func without(names, excluded []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(excluded, name) })
}

// Addr returns the address of an instance; it is not valid if the instance has none. Private addresses are
// preferred to public ones, unless PreferPublic is set, and an IPv6 address is used if there is no other.
func (s *Selection) Addr(inst ecs.Instance) netip.Addr {
	public := inst.PublicAddrs()
	private := inst.PrivateAddr()
	addr := private
	if len(public) > 0 && (s.PreferPublic || !private.IsValid()) {
		addr = public[0]
	}
	return addr.WithZone("") // a zone may be any text, and means nothing on another machine
}
