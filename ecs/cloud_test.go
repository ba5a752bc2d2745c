package ecs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// cloud is an in-memory ECS server with a client for cn-hangzhou.
type cloud struct {
	*ecstest.Server
	client *ecs.Client
	t      *testing.T
}

// inVirtualTime runs test as a parallel subtest in virtual time. The subtest fails if a goroutine leaks.
func inVirtualTime(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

func newCloud(t *testing.T, opts *ecs.Options, instances ...ecs.Instance) *cloud {
	t.Helper()
	c := &cloud{Server: ecstest.NewPipeServer(instances...), t: t}
	c.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = true })
	c.client = c.as(opts)
	t.Cleanup(c.Close)
	return c
}

// as returns another client for the same server.
func (c *cloud) as(opts *ecs.Options) *ecs.Client {
	c.t.Helper()
	client, err := c.Client("cn-hangzhou", opts)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.CloseIdleConnections)
	return client
}

// denying returns a client whose user is denied the given operations.
func (c *cloud) denying(opts ecs.Options, actions ...string) *ecs.Client {
	c.t.Helper()
	key := signer.Credentials{AccessKeyID: "LTAIdenied" + strconv.Itoa(len(actions)), AccessKeySecret: "s"}
	c.AddKey(ecstest.Key{Credentials: key, Deny: actions})
	opts.Credentials = ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, "")
	return c.as(&opts)
}

// Names for the kinds of DescribeInstances requests. All other requests are named after their operation.
const (
	listed = "list"  // DescribeInstances with page tokens
	dryRan = "dry"   // DescribeInstances with DryRun
	count1 = "count" // DescribeInstances with a page number
	tagged = "ListTagResources"
)

func kind(r ecstest.Request) string {
	switch {
	case r.Action != "DescribeInstances":
		return r.Action
	case r.Params.Get("DryRun") == "true":
		return dryRan
	case r.Params.Has("PageSize"):
		return count1
	}
	return listed
}

// requestCounts returns the number of received requests of each kind.
func (c *cloud) requestCounts() map[string]int {
	n := map[string]int{}
	for _, r := range c.Requests() {
		n[kind(r)]++
	}
	return n
}

// wantRequests fails the test unless the server has received exactly the requests in want, keyed by kind.
func (c *cloud) wantRequests(want map[string]int) {
	c.t.Helper()
	if got := c.requestCounts(); !maps.Equal(got, want) {
		c.t.Errorf("requests %v, want %v", got, want)
	}
}

// is returns a Fault.Match function for requests of the given kind.
func is(what string) func(ecstest.Request) bool {
	return func(r ecstest.Request) bool { return kind(r) == what }
}

// spoiled returns a copy of inst with a Cpu member that cannot be decoded.
func spoiled(inst ecs.Instance) ecs.Instance {
	inst.CPU = 0
	inst.Extra = map[string]json.RawMessage{"Cpu": json.RawMessage(`{"cores":4}`)}
	return inst
}

// numbered returns n instances in a region. Each function in changes is called for each instance.
func numbered(n int, region string, changes ...func(i int, inst *ecs.Instance)) []ecs.Instance {
	list := make([]ecs.Instance, n)
	for i := range list {
		list[i] = ecs.Instance{
			InstanceID: fmt.Sprintf("i-%s%014d", strings.ReplaceAll(region, "-", ""), i), RegionID: region, Status: ecs.InstanceStatusRunning,
			CreationTime: time.Date(2024, 1, 1, 0, i, 0, 0, time.UTC),
		}
		for _, change := range changes {
			change(i, &list[i])
		}
	}
	return list
}

func ids(instances []ecs.Instance) []string {
	list := make([]string, len(instances))
	for i, inst := range instances {
		list[i] = inst.InstanceID
	}
	return list
}

// collect reads a listing to its end and counts how often each instance was yielded. Only the last element may be an
// error.
func collect(seq iter.Seq2[ecs.Instance, error]) (map[string]int, error) {
	got := map[string]int{}
	var last error
	for inst, err := range seq {
		switch {
		case last != nil:
			return got, errors.New("the listing continued after an error")
		case err != nil && inst.InstanceID != "":
			return got, errors.New("an error was yielded together with an instance")
		}
		if last = err; err == nil {
			got[inst.InstanceID]++
		}
	}
	return got, last
}

// sameOnce fails the test unless got contains exactly the instances of the fleet, each counted once.
func sameOnce(t *testing.T, got map[string]int, fleet []ecs.Instance) {
	t.Helper()
	wrong := 0
	for _, inst := range fleet {
		if n := got[inst.InstanceID]; n != 1 {
			if wrong++; wrong <= 5 {
				t.Errorf("%s (created %v) was yielded %d times", inst.InstanceID, inst.CreationTime, n)
			}
		}
	}
	if len(got) != len(fleet) {
		t.Errorf("got %d instances, want %d", len(got), len(fleet))
	}
}

// way is a function that lists the instances of a region.
type way func(*ecs.Client, context.Context, ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error]

var ways = map[string]way{
	"Instances": (*ecs.Client).Instances,
	"InstancePages": func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return func(yield func(ecs.Instance, error) bool) {
			for page, err := range c.InstancePages(ctx, req) {
				if err != nil {
					yield(ecs.Instance{}, err)
					return
				}
				for _, inst := range page.Instances {
					if !yield(inst, nil) {
						return
					}
				}
			}
		}
	},
	"StreamInstances": func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return func(yield func(ecs.Instance, error) bool) {
			stream := c.StreamInstances(ctx, req)
			defer stream.Stop()
			for inst := range stream.C {
				if !yield(inst, nil) {
					return
				}
			}
			if err := stream.Err(); err != nil {
				yield(ecs.Instance{}, err)
			}
		}
	},
	"ScanInstances": func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
		return c.ScanInstances(ctx, req, &ecs.ScanOptions{Workers: 4})
	},
}

// everyWay runs a subtest for each way of listing.
func everyWay(t *testing.T, name string, test func(t *testing.T, list way)) {
	t.Helper()
	for _, called := range slices.Sorted(maps.Keys(ways)) {
		inVirtualTime(t, name+"/"+called, func(t *testing.T) { test(t, ways[called]) })
	}
}

// TestStreamFetchesInAdvance checks that a stream fetches the next page when the consumer has received the first
// instance of a page, and no further pages.
func TestStreamFetchesInAdvance(t *testing.T) {
	t.Parallel()
	for maxResults, size := range map[int]string{0: "100", 50: "50", 500: "500"} {
		inVirtualTime(t, fmt.Sprint("MaxResults ", maxResults), func(t *testing.T) {
			srv := newCloud(t, nil, numbered(1000, "cn-hangzhou")...)
			stream := srv.client.StreamInstances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: maxResults})
			defer stream.Stop()
			synctest.Wait()
			srv.wantRequests(map[string]int{listed: 1})
			<-stream.C
			synctest.Wait()
			srv.wantRequests(map[string]int{listed: 2})
			if got := srv.Requests()[0].Params.Get("MaxResults"); got != size {
				t.Errorf("got MaxResults %s, want %s", got, size)
			}
		})
	}
}
