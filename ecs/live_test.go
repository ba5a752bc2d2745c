//go:build live

package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// TestLive lists the instances of a real account. The test sends only read requests. The key in the default
// credential chain needs the permissions DescribeInstances and DescribeRegions:
//
//	go test -tags live ./ecs -run TestLive -v
//
// The environment variable ECS_LIVE_REGION sets the region (cn-hangzhou by default). ECS_LIVE_ENDPOINT sets the
// endpoint, for example of a private cloud. The test compares all ways of listing with each other, and logs behavior
// that the API does not document. It fails if instances are created or released while it runs; in that case, run the
// test a second time.
func TestLive(t *testing.T) {
	l := newLive(t)
	if err := l.client.DryRun(t.Context(), ecs.DescribeInstancesRequest{}); err != nil {
		t.Fatalf("this test needs a key that may call DescribeInstances in %s, for instance in ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET: %v", l.client.Region(), err)
	}
	l.list(t)
	t.Logf("%d instances in %s", len(l.all), l.client.Region())
	t.Run("forms", l.compareForms)
	t.Run("lookup", l.lookUp)
	t.Run("facts", l.logFacts)
}

type live struct {
	client *ecs.Client
	wire   *wireLog
	all    map[string]ecs.Instance
	order  []ecs.Instance
}

// wireLog counts responses by protocol and by compression.
type wireLog struct {
	base http.RoundTripper
	mu   sync.Mutex
	seen map[string]int
}

func (w *wireLog) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(r)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen[fmt.Sprintf("%s, gzip %v", resp.Proto, resp.Uncompressed)]++
	}
	return resp, err
}

func newLive(t *testing.T) *live {
	t.Helper()
	region := os.Getenv("ECS_LIVE_REGION")
	if region == "" {
		region = "cn-hangzhou"
	}
	base := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	t.Cleanup(base.CloseIdleConnections)
	wire := &wireLog{base: base, seen: map[string]int{}}
	client, err := ecs.NewClient(region, &ecs.Options{
		Endpoint:   os.Getenv("ECS_LIVE_ENDPOINT"),
		HTTPClient: &http.Client{Transport: wire, Timeout: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &live{client: client, wire: wire}
}

// list reads all instances into l. Each unreadable member fails the test.
func (l *live) list(t *testing.T) {
	t.Helper()
	l.all = map[string]ecs.Instance{}
	for inst, err := range l.client.Instances(t.Context(), ecs.DescribeInstancesRequest{}) {
		if incomplete, ok := errorAs[*ecs.IncompleteError](err); ok {
			for _, d := range incomplete.Undecoded {
				t.Errorf("please report: %v", d)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		l.all[inst.InstanceID] = inst
		l.order = append(l.order, inst)
	}
}

// compareForms checks that every way of listing returns the same instances.
func (l *live) compareForms(t *testing.T) {
	var req ecs.DescribeInstancesRequest
	forms := map[string]func(ctx context.Context) iter.Seq2[ecs.Instance, error]{
		"scan": func(ctx context.Context) iter.Seq2[ecs.Instance, error] { return l.client.ScanInstances(ctx, req, nil) },
		"regions": func(ctx context.Context) iter.Seq2[ecs.Instance, error] {
			return l.client.InstancesInRegions(ctx, []string{l.client.Region()}, req, nil)
		},
		"pages": func(ctx context.Context) iter.Seq2[ecs.Instance, error] {
			return func(yield func(ecs.Instance, error) bool) {
				for page, err := range l.client.InstancePages(ctx, req) {
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
		"stream": func(ctx context.Context) iter.Seq2[ecs.Instance, error] {
			return func(yield func(ecs.Instance, error) bool) {
				stream := l.client.StreamInstances(ctx, req)
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
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			got := map[string]bool{}
			for inst, err := range form(t.Context()) {
				if err != nil && !errors.As(err, new(*ecs.IncompleteError)) {
					t.Fatal(err)
				}
				if err == nil {
					got[inst.InstanceID] = true
				}
			}
			for id := range l.all {
				if !got[id] {
					t.Errorf("%s is missing", id)
				}
			}
			if len(got) > len(l.all) {
				t.Errorf("got %d instances, but the first listing had %d", len(got), len(l.all))
			}
		})
	}
}

func (l *live) lookUp(t *testing.T) {
	ids := slices.Sorted(maps.Keys(l.all))
	got, err := l.client.GetInstances(t.Context(), ids[:min(len(ids), 150)]...)
	if err != nil || len(got) != min(len(ids), 150) {
		t.Errorf("%d of %d instances, %v", len(got), min(len(ids), 150), err)
	}
	_, err = l.client.GetInstances(t.Context(), "i-00000000000000000000")
	if !errors.Is(err, ecs.ErrNotFound) {
		t.Errorf("an id that does not exist: %v", err)
	}
	regions, err := l.client.DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{})
	if err != nil || !slices.ContainsFunc(regions.Regions, func(r ecs.Region) bool { return r.RegionID == l.client.Region() }) {
		t.Errorf("DescribeRegions does not list %s: %v", l.client.Region(), err)
	}
}

// logFacts logs behavior that the API does not document.
func (l *live) logFacts(t *testing.T) {
	page := func(what string, req ecs.DescribeInstancesRequest) *ecs.DescribeInstancesResponse {
		resp, err := l.client.DescribeInstances(t.Context(), req)
		if err != nil {
			t.Logf("FACT %s: %v", what, err)
			return &ecs.DescribeInstancesResponse{}
		}
		t.Logf("FACT %s: %d instances, NextToken %v, TotalCount %d, PageSize %d", what, len(resp.Instances), resp.NextToken != "", resp.TotalCount, resp.PageSize)
		return resp
	}
	page("no paging parameters (a NextToken beyond 10 instances?)", ecs.DescribeInstancesRequest{})
	first := page("MaxResults 100 (TotalCount in token mode?)", ecs.DescribeInstancesRequest{MaxResults: 100})
	page("page mode (TotalCount true?)", ecs.DescribeInstancesRequest{PageNumber: 1, PageSize: 10})
	page("page past the end", ecs.DescribeInstancesRequest{PageNumber: 1000, PageSize: 100})
	page("Filter.3 alone (are gaps accepted?)", ecs.DescribeInstancesRequest{ExpiresAfter: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), MaxResults: 100})
	page("SECURE_BOOT (accepted?)", ecs.DescribeInstancesRequest{AdditionalAttributes: []ecs.AdditionalAttribute{ecs.AdditionalAttributeSecureBoot}})
	page("an empty id list", ecs.DescribeInstancesRequest{InstanceIDs: []string{}})
	if n := len(first.Instances); n > 0 {
		at := first.Instances[0].CreationTime
		page(fmt.Sprintf("created from %v (inclusive?)", at), ecs.DescribeInstancesRequest{InstanceIDs: []string{first.Instances[0].InstanceID}, CreatedAfter: at})
		page(fmt.Sprintf("created until %v (inclusive?)", at), ecs.DescribeInstancesRequest{InstanceIDs: []string{first.Instances[0].InstanceID}, CreatedBefore: at})
	}
	last, pages := 0, 0
	for p, err := range l.client.InstancePages(t.Context(), ecs.DescribeInstancesRequest{MaxResults: 10}) {
		if err == nil {
			last, pages = len(p.Instances), pages+1
		}
	}
	t.Logf("FACT %d instances by 10: %d pages, the last with %d (an empty last page?)", len(l.all), pages, last)
	byTime := func(a, b ecs.Instance) int { return a.CreationTime.Compare(b.CreationTime) }
	t.Logf("FACT order: sorted by creation time %v, newest first %v", slices.IsSortedFunc(l.order, byTime),
		slices.IsSortedFunc(l.order, func(a, b ecs.Instance) int { return byTime(b, a) }))
	l.logValues(t)
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	t.Logf("FACT responses: %v", l.wire.seen)
}

// logValues logs members without a Go field, and values that may differ between installations of the API.
func (l *live) logValues(t *testing.T) {
	values := map[string]int{}
	for _, inst := range l.order {
		for path := range inst.Extra {
			values["member without a field: "+path]++
		}
		if _, ok := inst.Expires(); !ok {
			values["never expires: "+inst.ExpiredTime.Format(time.RFC3339)]++
		}
		for _, lock := range inst.OperationLocks {
			values["lock reason: "+string(lock.LockReason)]++
		}
		if !strings.HasPrefix(inst.InstanceID, "i-") {
			values["id of another form"]++
		}
	}
	for _, value := range slices.Sorted(maps.Keys(values)) {
		t.Logf("FACT %s (%d instances)", value, values[value])
	}
}
