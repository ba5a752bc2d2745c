package selection

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
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

// Open makes the client of each account. The clients share their connections. prepare, which may be nil, can change the
// options; [AccountOf] tells a hook such as Options.OnAttempt which account a request is for.
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

// Wrap names the account in an error of it.
func (src Source) Wrap(err error) error {
	if err == nil || src.Account == "" {
		return err
	}
	return &failure.AccountError{Account: src.Account, Err: err}
}

// accountKey is the key of the account in a context.
type accountKey struct{}

// Context returns a context for the requests of this account.
func (src Source) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, accountKey{}, src.Account)
}

// AccountOf returns the account whose request has this context; "" with the default credentials.
func AccountOf(ctx context.Context) string {
	account, _ := ctx.Value(accountKey{}).(string)
	return account
}

// accountMember is the name under which the account is kept in Instance.Extra: so it is in the JSON of the instance, too.
const accountMember = "Account"

// Mark returns a copy of an instance that says which account it belongs to.
func (src Source) Mark(inst ecs.Instance) ecs.Instance {
	if src.Account == "" || inst.InstanceID == "" {
		return inst
	}
	extra := map[string]json.RawMessage{}
	maps.Copy(extra, inst.Extra) // a cache shares the map with others
	extra[accountMember], _ = json.Marshal(src.Account)
	inst.Extra = extra
	return inst
}

// Account returns the account that an instance was listed from; "" with the default credentials.
func Account(inst ecs.Instance) (account string) {
	_ = json.Unmarshal(inst.Extra[accountMember], &account)
	return account
}
