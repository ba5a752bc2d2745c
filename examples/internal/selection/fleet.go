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

// Connect returns a client for a region. The programs use demo.Client, and tests use other functions. The caller must
// call done when it no longer needs the client.
type Connect func(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error)

// Source is an account with its selected regions.
type Source struct {
	Account string   // the name of the profile; "" means the default credentials
	Home    string   // the region that receives the DescribeRegions request
	Regions []string // nil selects all regions
	Client  *ecs.Client

	s *Selection
}

// Open creates a client for each account. If prepare is not nil, prepare can change the options of the clients. Hooks
// such as Options.OnAttempt can call [AccountOf] to find the account of a request.
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

// Instances lists the selected instances of all accounts. If a region or an account fails, Instances yields the error
// and continues with the next region or account. An error of a single region is an *ecs.RegionError. If the user has
// selected profiles, each error is wrapped in a [*failure.AccountError].
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

// Instances lists the selected instances of one account. It yields the same errors as the function [Instances].
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

// UselessExclusions returns a warning for each region in -exclude-region that does not exist. It may send a
// DescribeRegions request for each account. If such a request fails, UselessExclusions returns no warnings.
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

// Wrap wraps an error in a [*failure.AccountError]. It returns the error unchanged if src uses the default
// credentials.
func (src Source) Wrap(err error) error {
	if err == nil || src.Account == "" {
		return err
	}
	return &failure.AccountError{Account: src.Account, Err: err}
}

// accountKey is the context key for the account of a request.
type accountKey struct{}

// Context returns a context from which [AccountOf] reads the account.
func (src Source) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, accountKey{}, src.Account)
}

// AccountOf returns the account that Context has added to ctx, or "" for the default credentials.
func AccountOf(ctx context.Context) string {
	account, _ := ctx.Value(accountKey{}).(string)
	return account
}

// accountMember is the key in Instance.Extra that stores the account. The JSON of an instance includes its Extra.
const accountMember = "Account"

// Mark returns a copy of an instance to which the name of the account has been added.
func (src Source) Mark(inst ecs.Instance) ecs.Instance {
	if src.Account == "" || inst.InstanceID == "" {
		return inst
	}
	extra := map[string]json.RawMessage{}
	maps.Copy(extra, inst.Extra) // copy the map, because a cache may also use it
	extra[accountMember], _ = json.Marshal(src.Account)
	inst.Extra = extra
	return inst
}

// Account returns the account of an instance, or "" for the default credentials.
func Account(inst ecs.Instance) (account string) {
	_ = json.Unmarshal(inst.Extra[accountMember], &account)
	return account
}
