package selection

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

// Connect returns a client for a region, as demo.Client does. The caller must call done when it no longer needs the
// client.
type Connect func(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error)

// Source is an account and its selected regions.
type Source struct {
	Account string   // the name of the profile; "" means the default credentials
	Home    string   // the region to which the DescribeRegions request is sent
	Regions []string // nil selects all regions
	Client  *ecs.Client

	s *Selection
}

// Open creates a client for each account. The clients share connections. prepare, which may be nil, can change the
// options. In a hook such as Options.OnAttempt, [AccountOf] returns the account of a request.
func (s *Selection) Open(connect Connect, prepare func(opts *ecs.Options)) (sources []Source, done func(), err error) {
	opts := s.Options
	if prepare != nil {
		prepare(&opts)
	}
	first, done, err := connect(s.Demo, s.Sources[0].Home, &opts)
	if err != nil {
		return nil, nil, err
	}
	for _, source := range s.Sources {
		client := first
		if source.Account != "" {
			client, err = first.WithCredentials(ecs.ProfileCredentials(source.Account)).InRegion(source.Home)
			if err != nil {
				done()
				return nil, nil, err
			}
		}
		source.Client, source.s = client, s
		sources = append(sources, source)
	}
	return sources, done, nil
}

// Instances lists the selected instances of all accounts. It lists the accounts one after another, and all regions of
// an account concurrently. If a region fails, Instances yields an *ecs.RegionError and continues with the other
// regions and accounts; any other failure affects one account. With several accounts, each error is wrapped in a
// [*failure.AccountError]. The listing ends early only if ctx is done.
func Instances(ctx context.Context, sources []Source) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		for _, source := range sources {
			for inst, err := range source.Instances(ctx) {
				if !yield(inst, err) {
					return
				}
			}
			if ctx.Err() != nil {
				return
			}
		}
	}
}

// Instances lists the selected instances of one account. The function [Instances] describes the errors that are
// yielded.
func (src Source) Instances(ctx context.Context) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		opts := &ecs.RegionsOptions{Exclude: src.s.Exclude, Workers: src.s.Workers}
		for inst, err := range src.Client.InstancesInRegions(src.Context(ctx), src.Regions, src.s.Request, opts) {
			if err == nil && !src.s.Matches(inst) {
				continue
			}
			if !yield(src.Mark(inst), src.Wrap(err)) {
				return
			}
		}
	}
}

// UselessExclusions returns a warning for each name in -exclude-region that is not a region id. Such a name is
// probably misspelt, so the intended region is not excluded. To find out whether a region that is not public exists,
// UselessExclusions sends a DescribeRegions request for each account whose regions are all selected. If one of these
// requests fails, it returns no warnings.
func (s *Selection) UselessExclusions(ctx context.Context, sources []Source) (warnings []string) {
	isKnown := func(name string) bool { return failure.KnownRegion(name, s.given...) }
	unknown := slices.DeleteFunc(slices.Clone(s.Exclude), isKnown)
	if len(unknown) == 0 {
		return nil
	}
	existing := slices.Clone(s.given)
	for _, src := range sources {
		if src.Regions != nil {
			continue
		}
		response, err := src.Client.DescribeRegions(src.Context(ctx), ecs.DescribeRegionsRequest{})
		if err != nil {
			return nil
		}
		for _, region := range response.Regions {
			existing = append(existing, region.RegionID)
		}
	}
	for _, name := range unknown {
		if !slices.Contains(existing, name) {
			warnings = append(warnings, fmt.Sprintf("-exclude-region %s has no effect: there is no such region%s", name, failure.SuggestRegion(name, existing...)))
		}
	}
	return warnings
}

// Wrap adds the account to an error, unless src uses the default credentials.
func (src Source) Wrap(err error) error {
	if err == nil || src.Account == "" {
		return err
	}
	return &failure.AccountError{Account: src.Account, Err: err}
}

// accountKey is the context key of the account.
type accountKey struct{}

// Context returns a context for requests of this account. The function AccountOf returns the account of such a
// context.
func (src Source) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, accountKey{}, src.Account)
}

// AccountOf returns the account of a context that Context returned, or "" for the default credentials.
func AccountOf(ctx context.Context) string {
	account, _ := ctx.Value(accountKey{}).(string)
	return account
}

// accountMember is the key in Instance.Extra under which the account is stored. Because it is in Extra, the account
// is also a member of the instance's JSON.
const accountMember = "Account"

// Mark returns a copy of an instance with the name of the account added.
func (src Source) Mark(inst ecs.Instance) ecs.Instance {
	if src.Account == "" || inst.InstanceID == "" {
		return inst
	}
	extra := map[string]json.RawMessage{}
	maps.Copy(extra, inst.Extra) // do not modify the map of the original, which a cache may share
	extra[accountMember], _ = json.Marshal(src.Account)
	inst.Extra = extra
	return inst
}

// Account returns the account with which an instance was listed, or "" for the default credentials.
func Account(inst ecs.Instance) (account string) {
	_ = json.Unmarshal(inst.Extra[accountMember], &account)
	return account
}
