// Package selection defines the flags for accounts, regions and filters, and lists the selected instances.
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

// These constants describe the flags of this package in the help texts of the programs.
const (
	WhereHelp = `  -region R[,R...]     the regions to list, or "all". The default is the first of these regions that is set: the region
                       of the profile in -profile, $ALIBABA_CLOUD_REGION_ID, and the region of the CLI's current
                       profile. With -demo, the default is "all"
  -exclude-region R[,R...]
                       regions to leave out, such as regions that are not enabled for the account
  -profile P[,P...]    profiles of the vendor's CLI (~/.aliyun/config.json), one for each account. * is a wildcard, and
                       '*' selects all profiles. The default is the default credentials (see below)
  -demo                list generated instances from an in-memory ECS, without an account
  -network vpc         use the API endpoints for machines inside a VPC, if this machine has no public access
  -endpoint HOST       use this API endpoint for all regions
`
	WhichHelp = `Which: an instance must match all filters. An empty value is an error, so that an unset variable is noticed
  -id ID[,ID...]       any number of instance ids; repeatable
  -name NAME           the whole instance name, with * as a wildcard: -name 'web-*'
  -status S[,S...]     Pending, Running, Starting, Stopping or Stopped. The filters from -status to -key-pair accept
                       several values, and an instance must match one of the values
  -type T  -family F   instance type (ecs.g7.large), instance type family (ecs.g7)
  -zone Z  -vpc ID  -vswitch ID  -security-group ID  -resource-group ID  -image ID  -key-pair NAME
  -charge-type C       PrePaid (subscription) or PostPaid (pay as you go)
  -tag KEY[=VALUE]     a tag; KEY alone matches any value. An instance must have all tags if the flag is repeated
  -tag-any KEY=V,V...  a tag that has one of several values; repeatable
  -tag-empty KEY       a tag with an empty value
  -private-ip IP[,IP]  private IPv4 addresses in a VPC; repeatable
  -public-ip IP[,IP]  -eip IP[,IP]  -ipv6 IP[,IP]
                       fixed public addresses, elastic addresses and IPv6 addresses; repeatable
  -created-after T  -created-before T  -expires-after T  -expires-before T
                       T is a date (2025-01-31, UTC), a time (2025-01-31T08:00Z), "now", or a duration (30d, 12h). A
                       duration means a time before now for -created-..., and after now for -expires-.... Add
                       -expires-after 0d to leave out subscriptions that have already ended
`
	CredentialsHelp = `Without -profile, the credentials come from the first of these sources that is configured: the environment
(ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN), an OIDC role, a CLI
profile (~/.aliyun/config.json), the profile file, the RAM role of the instance, and the credentials URI.
`
)

// Selection contains the values of the flags that this package defines.
type Selection struct {
	Demo         bool
	Sources      []Source // one element for each account; set by Finish
	Exclude      []string // the regions to leave out
	Workers      int      // see ecs.RegionsOptions
	Request      ecs.DescribeInstancesRequest
	Options      ecs.Options
	PreferPublic bool

	filters                   []string // the names of the flags whose value must not be empty
	matchers                  map[string]func(ecs.Instance) bool
	given                     []string // the selected regions before -exclude-region is applied
	region, network, profiles string
}

// Define defines the flags. Durations in time filters are relative to now. For some filters, the value "-" reads a
// list from stdin; this value is an error if stdin is nil.
func (s *Selection) Define(fs *flag.FlagSet, stdin io.Reader, now time.Time) {
	s.matchers = map[string]func(ecs.Instance) bool{}
	// Without this attribute, the API does not return IPv6 addresses.
	s.Options.AdditionalAttributes = []ecs.AdditionalAttribute{ecs.AdditionalAttributeNetworkPrimaryENIIP}
	s.filter(fs, "region", func(text string) error { s.region = text; return nil })
	s.filter(fs, "exclude-region", func(text string) error {
		if len(Split(text)) == 0 {
			return errEmpty // such as "$A,$B" if neither variable is set
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

// Finish completes the selection after the flags have been parsed. It returns an error if flags contradict each
// other.
func (s *Selection) Finish(getenv func(string) string) error {
	switch {
	case s.network != "" && s.network != "public" && s.network != string(ecs.NetworkVPC):
		return fmt.Errorf("-network %q: must be public or vpc", s.network)
	case s.network == string(ecs.NetworkVPC):
		s.Options.Network = ecs.NetworkVPC
	}
	if s.Demo && (s.Options.Endpoint != "" || s.profiles != "") {
		return errors.New("-demo cannot be used with -endpoint or -profile: leave out -demo, or leave out -endpoint and -profile")
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

// source returns the account and its selected regions. The argument fallback is the region to use if neither -region
// nor the profile sets a region.
func (s *Selection) source(account ecs.Profile, fallback string) (Source, error) {
	src := Source{Account: account.Name}
	region := cmp.Or(s.region, account.Region, fallback)
	if region == "" && account.Name == "" {
		var err error
		if region, err = ecs.ProfileRegion(""); err != nil {
			return src, fmt.Errorf("no region selected: use -region; the region of the CLI's profile could not be read: %w", err)
		}
	}
	switch region {
	case "":
		text := "no region selected: use -region cn-hangzhou or -region all, set ALIBABA_CLOUD_REGION_ID, or try -demo"
		if account.Name != "" {
			text = fmt.Sprintf("no region selected: use -region, because the profile %s has no region", account.Name)
		}
		return src, errors.New(text)
	case "all":
		src.Home = "cn-hangzhou" // the DescribeRegions request needs a region that every account can use
		for _, regions := range []string{account.Region, fallback} {
			// The environment variable accepts the same values as the flag -region.
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
		return src, fmt.Errorf("-region %q contains no region", region)
	case slices.Contains(src.Regions, "all"):
		return src, fmt.Errorf("-region %q: \"all\" cannot be combined with other regions", region)
	}
	s.given = append(s.given, src.Regions...)
	if src.Regions = without(src.Regions, s.Exclude); len(src.Regions) == 0 {
		return src, errors.New("-exclude-region excludes every region that -region selects")
	}
	src.Home = src.Regions[0]
	return src, nil
}

// Setup returns the settings that affect the advice about a failure.
func (s *Selection) Setup() failure.Setup {
	return failure.Setup{VPC: s.Options.Network == ecs.NetworkVPC, Endpoint: s.Options.Endpoint}
}

// Matches reports whether an instance matches the filters that the API does not support.
func (s *Selection) Matches(inst ecs.Instance) bool {
	for _, matches := range s.matchers {
		if !matches(inst) {
			return false
		}
	}
	return true
}

// IsFiltered reports whether there are filters that the API does not support, so Matches must be called.
func (s *Selection) IsFiltered() bool { return len(s.matchers) > 0 }

// IDsOnly reports whether instance ids are the only filter. An id that is missing from a complete listing then does
// not exist.
func (s *Selection) IDsOnly() bool {
	only := ecs.DescribeInstancesRequest{InstanceIDs: s.Request.InstanceIDs}
	return len(only.InstanceIDs) > 0 && !s.IsFiltered() && reflect.DeepEqual(s.Request, only)
}

// Split splits a list at commas and white space.
func Split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
}

// without returns names without the elements of excluded.
func without(names, excluded []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(excluded, name) })
}

// Addr returns the address of an instance, or an invalid address if the instance has no address. It prefers IPv4 to
// IPv6 and, unless PreferPublic is set, private to public addresses.
func (s *Selection) Addr(inst ecs.Instance) netip.Addr {
	public := inst.PublicAddrs()
	private := inst.PrivateAddr()
	addr := private
	if len(public) > 0 && (s.PreferPublic || !private.IsValid()) {
		addr = public[0]
	}
	return addr.WithZone("") // an IPv6 zone is meaningless on other machines
}
