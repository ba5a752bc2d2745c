package ecs_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// twoAttempts limits each request to two attempts.
var twoAttempts = ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 2}}

// emptyCases lists how an empty listing ends for each possible result of its dry run.
var emptyCases = []struct {
	name        string
	opts        ecs.Options
	req         ecs.DescribeInstancesRequest
	deny        bool          // whether the user lacks the permission to list instances
	fault       ecstest.Fault // affects only dry runs
	timeout     time.Duration // timeout of the context; 0 means no timeout
	dry         int           // the expected number of dry runs, including retries
	want        error         // expected error; nil means no error unless unconfirmed is set
	unconfirmed bool          // whether an UnconfirmedError is expected
	fleet       []ecs.Instance
}{
	{name: "allowed", dry: 1},
	{name: "denied", deny: true, dry: 1, want: ecs.ErrForbidden},
	{name: "denied with TrustEmpty", deny: true, opts: ecs.Options{TrustEmpty: true}},
	{name: "denied without details", fault: ecstest.Fault{Code: "Forbidden"}, dry: 1, want: ecs.ErrForbidden},
	{
		name: "denied, action in other letter case", dry: 1, want: ecs.ErrForbidden,
		fault: ecstest.Fault{Status: 403, Body: []byte(`{"Code":"NoPermission","Message":"m","AccessDeniedDetail":{"AuthAction":"ECS:describeinstances"}}`)},
	},
	{
		name: "denied without the name of the service", dry: 1, want: ecs.ErrForbidden,
		fault: ecstest.Fault{Status: 403, Body: []byte(`{"Code":"NoPermission","Message":"m","AccessDeniedDetail":{"AuthAction":"DescribeInstances"}}`)},
	},
	{
		name: "denied with a longer name of the service", dry: 1, want: ecs.ErrForbidden,
		fault: ecstest.Fault{Status: 403, Body: []byte(`{"Code":"NoPermission","Message":"m","AccessDeniedDetail":{"AuthAction":"acs:ecs:DescribeInstances "}}`)},
	},
	{
		name: "denied with a wildcard", dry: 1, want: ecs.ErrForbidden,
		fault: ecstest.Fault{Status: 403, Body: []byte(`{"Code":"NoPermission","Message":"m","AccessDeniedDetail":{"AuthAction":"ecs:Describe*"}}`)},
	},
	{
		name: "may list but not dry-run", dry: 1,
		fault: ecstest.Fault{Status: 403, Body: []byte(`{"Code":"Forbidden.RAM","Message":"m","AccessDeniedDetail":{"AuthAction":"ecs:DryRun"}}`)},
	},
	{name: "parameter rejected", fault: ecstest.Fault{Code: "InvalidParameter"}, dry: 1, unconfirmed: true},
	{name: "unknown code", fault: ecstest.Fault{Code: "Whatever", Status: 400}, dry: 1, unconfirmed: true},
	{name: "unavailable", opts: twoAttempts, fault: ecstest.Fault{Code: "InternalError", Times: -1}, dry: 2, unconfirmed: true},
	{name: "reset", opts: twoAttempts, fault: ecstest.Fault{Reset: true, Times: -1}, dry: 2, unconfirmed: true},
	{name: "throttled", opts: ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}}, fault: ecstest.Fault{Code: "Throttling.User"}, dry: 1, unconfirmed: true},
	{name: "rejected by a proxy", fault: ecstest.Fault{Status: 403, Body: []byte("<html>Forbidden</html>")}, dry: 1, unconfirmed: true},
	{name: "denied after a retry", deny: true, fault: ecstest.Fault{Code: "ServiceUnavailable"}, dry: 2, want: ecs.ErrForbidden},
	{name: "DryRun ignored", fault: ecstest.Fault{Body: []byte(`{"RequestId":"R","NextToken":"","Instances":{"Instance":[]}}`)}, dry: 1, unconfirmed: true},
	{name: "credentials expired", fault: ecstest.Fault{Code: "InvalidAccessKeyId.NotFound"}, dry: 1, unconfirmed: true},
	{name: "deadline exceeded", fault: ecstest.Fault{BlackHole: true}, timeout: time.Second, dry: 1, want: context.DeadlineExceeded},
	{name: "retry after the deadline", unconfirmed: true, deny: true, fault: ecstest.Fault{Code: "ServiceUnavailable", Header: http.Header{"Retry-After": {"30"}}}, timeout: time.Second, dry: 1, want: context.DeadlineExceeded},
	{name: "throttled beyond the deadline", unconfirmed: true, deny: true, fault: ecstest.Fault{Code: "Throttling.User", Header: http.Header{"X-Acs-Retry-After": {"30000"}}, Times: -1}, timeout: time.Second, dry: 1, want: context.DeadlineExceeded},
	{name: "attempts time out", opts: ecs.Options{Retry: ecs.RetryPolicy{AttemptTimeout: time.Second, MaxAttempts: 2}}, fault: ecstest.Fault{BlackHole: true, Times: -1}, timeout: time.Hour, dry: 2, unconfirmed: true},
	{name: "empty id list needs no permission", deny: true, req: ecs.DescribeInstancesRequest{InstanceIDs: []string{}}},
	{name: "empty address list needs no permission", deny: true, req: ecs.DescribeInstancesRequest{PrivateIPAddresses: []string{}}},
	{name: "an empty list of IPv6 addresses does not filter", deny: true, req: ecs.DescribeInstancesRequest{IPv6Addresses: []string{}}, dry: 1, want: ecs.ErrForbidden},
	{name: "many ids", req: ecs.DescribeInstancesRequest{InstanceIDs: ids(numbered(250, "cn-beijing"))}, dry: 1},
	{name: "many ids denied", deny: true, req: ecs.DescribeInstancesRequest{InstanceIDs: ids(numbered(250, "cn-beijing"))}, dry: 1, want: ecs.ErrForbidden},
	{name: "tags denied", deny: true, req: ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "k"}}, Status: ecs.InstanceStatusStopped}, dry: 1, want: ecs.ErrForbidden},
	{name: "not empty", fleet: numbered(1, "cn-hangzhou")},
	{name: "not empty but unreadable", fleet: []ecs.Instance{spoiled(numbered(1, "cn-hangzhou")[0])}, want: &ecs.IncompleteError{}},
}

func TestEmptyOrDenied(t *testing.T) {
	t.Parallel()
	for _, tt := range emptyCases {
		everyWay(t, strings.ReplaceAll(tt.name, " ", "_"), func(t *testing.T, list way) {
			opts := tt.opts
			srv := newCloud(t, nil, tt.fleet...)
			client := srv.as(&opts)
			if tt.deny {
				client = srv.denying(opts, "DescribeInstances")
			}
			if f := tt.fault; f.Code != "" || f.Body != nil || f.Reset || f.BlackHole {
				f.Match = is(dryRan)
				srv.Inject(f)
			}
			ctx := t.Context()
			if tt.timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, tt.timeout)
				defer cancel()
			}
			got, err := collect(list(client, ctx, tt.req))
			_, incomplete := errorAs[*ecs.IncompleteError](err)
			if _, want := errorAs[*ecs.IncompleteError](tt.want); want {
				if !incomplete {
					t.Errorf("got %v, want an IncompleteError", err)
				}
			} else if unconfirmed, ok := errorAs[*ecs.UnconfirmedError](err); ok != tt.unconfirmed || ok && unconfirmed.Region != "cn-hangzhou" {
				t.Errorf("got %v, want an UnconfirmedError: %v", err, tt.unconfirmed)
			} else if _, api := errorAs[*ecs.Error](err); err != nil && !api {
				t.Errorf("%v does not wrap an *Error", err)
			} else if (!tt.unconfirmed || tt.want != nil) && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			} else if len(got) > len(tt.fleet) {
				t.Errorf("got %d instances", len(got))
			}
			if n := srv.requestCounts()[dryRan]; n != tt.dry {
				t.Errorf("got %d dry runs, want %d", n, tt.dry)
			}
		})
	}
}

// TestEmptyPageBeforeTheEnd checks that an empty page with a token is not verified.
func TestEmptyPageBeforeTheEnd(t *testing.T) {
	t.Parallel()
	everyWay(t, "250 instances", func(t *testing.T, list way) {
		srv := newCloud(t, nil, numbered(250, "cn-hangzhou")...)
		srv.Inject(ecstest.Fault{Match: is(listed), Skip: 1, EmptyPage: true})
		got, err := collect(list(srv.client, t.Context(), ecs.DescribeInstancesRequest{}))
		if err != nil || srv.requestCounts()[dryRan] != 0 {
			t.Errorf("%v after %v", err, srv.requestCounts())
		}
		sameOnce(t, got, numbered(250, "cn-hangzhou"))
	})
}

// TestDryRunAsksTheSame checks that a dry run has the same filters as its listing.
func TestDryRunAsksTheSame(t *testing.T) {
	t.Parallel()
	everyWay(t, "same filters", func(t *testing.T, list way) {
		srv := newCloud(t, nil)
		req := ecs.DescribeInstancesRequest{ZoneID: "cn-hangzhou-h", MaxResults: 20, CreatedAfter: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
		if _, err := collect(list(srv.client, t.Context(), req)); err != nil {
			t.Fatal(err)
		}
		requests := srv.Requests()
		i := slices.IndexFunc(requests, is(dryRan))
		if i < 0 {
			t.Fatal("no dry run")
		}
		dry := requests[i].Params
		if dry.Get("ZoneId") != "cn-hangzhou-h" || dry.Get("Filter.1.Value") != "2024-01-01T00:00Z" || dry.Has("MaxResults") || dry.Has("NextToken") {
			t.Errorf("the dry run is %v", dry)
		}
	})
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault ecstest.Fault
		deny  bool
		req   ecs.DescribeInstancesRequest
		want  error // expected error; if want is nil and text is empty, the dry run must pass
		text  string
	}{
		{name: "allowed"},
		{name: "denied", deny: true, want: ecs.ErrForbidden, text: "grant ecs:DescribeInstances to "},
		{name: "wrong parameter", req: ecs.DescribeInstancesRequest{Status: "Dreaming"}, want: ecs.ErrInvalidParameter, text: "InvalidStatus.NotFound"},
		{name: "DryRun ignored", fault: ecstest.Fault{Body: []byte(`{"Instances":{"Instance":[]}}`)}, text: "ignored DryRun"},
		{name: "unavailable", fault: ecstest.Fault{Status: http.StatusBadGateway, Times: -1}, want: ecs.ErrUnavailable},
	} {
		inVirtualTime(t, tt.name, func(t *testing.T) {
			srv := newCloud(t, nil)
			client := srv.client
			if tt.deny {
				client = srv.denying(ecs.Options{}, "DescribeInstances")
			}
			if tt.fault.Body != nil || tt.fault.Status != 0 {
				srv.Inject(tt.fault)
			}
			err := client.DryRun(t.Context(), tt.req)
			if (err == nil) != (tt.want == nil && tt.text == "") || tt.want != nil && !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %v %q", err, tt.want, tt.text)
			}
			if n := srv.requestCounts()[dryRan]; n != len(srv.Requests()) {
				t.Errorf("%d of %d requests were dry runs", n, len(srv.Requests()))
			}
		})
	}
}

// TestPagesOfUnreadableInstances checks that a page of unreadable instances is not treated as an empty page.
func TestPagesOfUnreadableInstances(t *testing.T) {
	t.Parallel()
	everyWay(t, "all unreadable", func(t *testing.T, list way) {
		fleet := numbered(1020, "cn-hangzhou")
		for i := range fleet {
			fleet[i] = spoiled(fleet[i])
		}
		srv := newCloud(t, nil, fleet...)
		got, err := collect(list(srv.client, t.Context(), ecs.DescribeInstancesRequest{MaxResults: 10}))
		incomplete, ok := errorAs[*ecs.IncompleteError](err)
		if !ok || len(got) != len(fleet) || len(incomplete.Undecoded) != len(fleet) {
			t.Errorf("got %d instances and error %v", len(got), err)
		}
	})
}
