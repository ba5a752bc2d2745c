package selection

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/profiles"
)

// Connect makes a client for a region, as demo.Client does. done is called when the client is no longer needed.
type Connect func(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error)

// Source is an account and what is listed of it.
type Source struct {
	Account string   // the name of its profile; "" with the default credentials
	Home    string   // the region that is asked for the others
	Regions []string // nil is all
	Client  *ecs.Client

	s *Selection
}

// Open makes the client of each account. prepare, which may be nil, can change the options for an account.
func (s *Selection) Open(connect Connect, prepare func(account string, opts *ecs.Options)) (sources []Source, done func(), err error) {
	var closers []func()
	done = func() {
		for _, c := range closers {
			c()
		}
	}
	for _, source := range s.Sources {
		opts := s.Options
		if source.Account != "" {
			if opts.Credentials, err = profiles.Credentials(source.Account); err != nil {
				done()
				return nil, nil, err
			}
		}
		if prepare != nil {
			prepare(source.Account, &opts)
		}
		client, closer, err := connect(s.Demo, source.Home, &opts)
		if err != nil {
			done()
			return nil, nil, err
		}
		closers = append(closers, closer)
		source.Client, source.s = client, s
		sources = append(sources, source)
	}
	return sources, done, nil
}

// Instances lists the selected instances of all accounts, one account after another and all regions of an account at once.
// What fails yields an error, a *ecs.RegionError when it is a region, and the other regions and accounts go on; with several
// accounts the error is within a [*failure.AccountError]. Only when ctx is done is an error the last.
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

// Instances lists the selected instances of one account, see the function [Instances].
func (src Source) Instances(ctx context.Context) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		for inst, err := range list(ctx, src.Client, src.Regions, src.s.Request, &ecs.RegionsOptions{Exclude: src.s.Exclude}) {
			if err == nil && !src.s.Matches(inst) {
				continue
			}
			if err != nil && src.Account != "" {
				err = &failure.AccountError{Account: src.Account, Err: err}
			}
			if !yield(src.Mark(inst), err) {
				return
			}
		}
	}
}

// AllRegions returns the regions that Instances lists, and asks for them if they are all.
func (src Source) AllRegions(ctx context.Context) ([]string, error) {
	if src.Regions != nil {
		return src.Regions, nil
	}
	all, err := src.Client.DescribeRegions(ctx, ecs.DescribeRegionsRequest{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range all.Regions {
		names = append(names, r.RegionID)
	}
	if names = without(names, src.s.Exclude); len(names) == 0 {
		return nil, errors.New("DescribeRegions returned no region, so nothing is known about the permission")
	}
	return names, nil
}

// accountMember is the name under which the account is kept in Instance.Extra: so it is in the JSON of the instance, too.
const accountMember = "Account"

// Mark notes the account in an instance of it.
func (src Source) Mark(inst ecs.Instance) ecs.Instance {
	if src.Account == "" || inst.InstanceID == "" {
		return inst
	}
	if inst.Extra == nil {
		inst.Extra = map[string]json.RawMessage{}
	}
	inst.Extra[accountMember], _ = json.Marshal(src.Account) // a string can always be marshaled
	return inst
}

// Account returns the account that an instance was listed from; "" with the default credentials.
func Account(inst ecs.Instance) (account string) {
	_ = json.Unmarshal(inst.Extra[accountMember], &account)
	return account
}
