package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// listings returns every way of listing instances, keyed by name.
func listings() map[string]way {
	all := map[string]way{
		"InstancesInRegions": func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
			return c.InstancesInRegions(ctx, nil, req, nil)
		},
		"past the cap": func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
			req.Tags = []ecs.Tag{{Key: "k"}}
			return c.Instances(ctx, req)
		},
		"many ids": func(c *ecs.Client, ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
			req.InstanceIDs = ids(numbered(450, "cn-hangzhou"))
			return c.ScanInstances(ctx, req, nil)
		},
	}
	maps.Copy(all, ways)
	return all
}

// troubled returns a slow server that throttles some requests and resets some connections.
func troubled(t *testing.T, n int) *cloud {
	srv := newCloud(t, nil, numbered(n, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Tags = []ecs.Tag{{Key: "k"}} })...)
	srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
	turn := 0
	srv.Inject(
		ecstest.Fault{Times: -1, Code: "Throttling.User", Match: func(ecstest.Request) bool { turn++; return turn%11 == 7 }},
		ecstest.Fault{Times: -1, Reset: true, Match: func(ecstest.Request) bool { return turn%17 == 9 }},
	)
	return srv
}

// noMoreRequests waits one hour and fails the test if the server receives a request during that hour.
func (c *cloud) noMoreRequests() {
	c.t.Helper()
	synctest.Wait()
	before := len(c.Requests())
	<-time.After(time.Hour)
	if after := len(c.Requests()); after != before {
		c.t.Errorf("%d requests were sent after the return", after-before)
	}
}

// checkCanceled fails the test unless err is nil or is the context's error with the given cause.
func checkCanceled(t *testing.T, err, cause error) {
	t.Helper()
	_, region := errorAs[*ecs.RegionError](err)
	if err != nil && (!errors.Is(err, context.Canceled) || !errors.Is(err, cause) || region) {
		t.Errorf("got %v, want the context's error with its cause", err)
	}
	if _, ok := errorAs[*ecs.WaitError](err); err != nil && !ok {
		if _, ok = errorAs[*ecs.Error](err); !ok {
			t.Errorf("%v is not an *Error", err)
		}
	}
}

// TestListingsEndAtAnyMoment cancels the context of listings, or breaks out of their loops, at random moments. A
// listing must not yield duplicates, and must send no requests after its loop has ended.
func TestListingsEndAtAnyMoment(t *testing.T) {
	t.Parallel()
	all := listings()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n, requests := 450, int64(15)
		if name == "past the cap" {
			n, requests = 1100, 50
		}
		for seed := range uint64(volume(9, 3)) { // seed%3 selects one of three ways to end the listing
			inVirtualTime(t, fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				srv := troubled(t, n)
				rng := rand.New(rand.NewPCG(seed, 1))
				ctx, cancel := context.WithCancelCause(t.Context())
				cause := errors.New("enough")
				switch seed % 3 {
				case 0: // cancel the context during a request or a delay
					srv.after(time.Duration(rng.Int64N(requests*int64(20*time.Millisecond))), func() { cancel(cause) })
				case 1: // cancel the context when a request arrives, concurrently with the response
					var at atomic.Int64
					at.Store(rng.Int64N(requests))
					srv.Configure(func(s *ecstest.Settings) {
						s.OnRequest = func(ecstest.Request) {
							if at.Add(-1) == 0 {
								cancel(cause)
							}
						}
					})
				}
				leave := 1 + rng.IntN(n+100)
				got := map[string]int{}
				var last error
				for inst, err := range all[name](srv.client, ctx, ecs.DescribeInstancesRequest{}) {
					if last = err; err != nil {
						continue
					}
					if got[inst.InstanceID]++; got[inst.InstanceID] > 1 {
						t.Errorf("%s was yielded twice", inst.InstanceID)
					}
					if seed%3 == 2 && len(got) == leave {
						break
					}
				}
				checkCanceled(t, last, cause)
				if last == nil && len(got) != n && (seed%3 != 2 || len(got) != leave) {
					t.Errorf("got only %d instances, without an error", len(got))
				}
				srv.noMoreRequests()
				cancel(nil)
			})
		}
	}
}

// TestCallsEndAtAnyMoment cancels calls at random moments. A call must send no requests after it has returned.
func TestCallsEndAtAnyMoment(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		for seed := range uint64(volume(6, 2)) {
			inVirtualTime(t, fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				srv := troubled(t, 250)
				rng := rand.New(rand.NewPCG(seed, 2))
				ctx, cancel := context.WithCancelCause(t.Context())
				cause := errors.New("enough")
				defer cancel(nil)
				srv.after(time.Duration(rng.Int64N(int64(100*time.Millisecond))), func() { cancel(cause) })
				checkCanceled(t, calls[name](ctx, srv.client, srv.Instances()), cause)
				srv.noMoreRequests()
			})
		}
	}
}

// TestCancelledWithAnotherError cancels a context with the error of another call as the cause, as package errgroup
// does. The canceled call must return its own error, which wraps the cause.
func TestCancelledWithAnotherError(t *testing.T) {
	t.Parallel()
	boo, gone := errors.New("boo"), fmt.Errorf("gone: %w", context.Canceled)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	other, err := ecs.NewClient("cn-beijing", &ecs.Options{Credentials: ecs.StaticCredentials("AK", "secret", "")})
	if err != nil {
		t.Fatal(err)
	}
	for name, cause := range map[string]error{
		"error of a canceled call":           other.Call(cancelled, "StopInstance", nil, nil),
		"error of a canceled region":         &ecs.RegionError{Region: "cn-beijing", Err: gone},
		"error of a canceled capped listing": &ecs.CappedError{Delivered: 7, Err: gone},

		"error of a call":           &ecs.Error{Code: "Forbidden.RAM", Action: "StopInstance", Region: "cn-beijing"},
		"error of a region":         &ecs.RegionError{Region: "cn-beijing", Err: boo},
		"error of a capped listing": &ecs.CappedError{Delivered: 7, Err: boo},
	} {
		for _, after := range volume([]int{0, 1, 150}, []int{1}) {
			inVirtualTime(t, fmt.Sprintf("%s/canceled after %d instances", name, after), func(t *testing.T) {
				srv := newCloud(t, nil, numbered(1100, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Tags = []ecs.Tag{{Key: "k"}} })...)
				srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
				own := func(what string, err error) {
					e, _ := errorAs[*ecs.Error](err)
					if !errors.Is(err, context.Canceled) || !errors.Is(err, cause) || e == nil || !strings.HasPrefix(e.Action, "Describe") {
						t.Errorf("%s: got %T %v, want an error with the action of the canceled call", what, err, err)
					}
				}
				for what, list := range listings() {
					ctx, cancel := context.WithCancelCause(t.Context())
					if after == 0 {
						cancel(cause)
					}
					n, failed := 0, 0
					for _, err := range list(srv.client, ctx, ecs.DescribeInstancesRequest{}) {
						if err != nil {
							own(what, err)
							if _, ok := errorAs[*ecs.RegionError](err); ok && what == "InstancesInRegions" {
								t.Errorf("%s: %v is reported for a single region", what, err)
							}
							failed++
						}
						if n++; n == after {
							cancel(cause)
						}
					}
					if failed != 1 {
						t.Errorf("%s: %d errors, want one", what, failed)
					}
					cancel(nil)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				cancel(cause)
				_, err := srv.client.DescribeInstances(ctx, ecs.DescribeInstancesRequest{})
				own("DescribeInstances", err)
				_, err = srv.client.GetInstances(ctx, "i-1")
				own("GetInstances", err)
				_, err = srv.client.WaitForStatus(ctx, ecs.InstanceStatusRunning, "i-1")
				own("WaitForStatus", err)
			})
		}
	}
	inVirtualTime(t, "the provider returns an error of another client", func(t *testing.T) {
		srv := newCloud(t, nil)
		theirs := &ecs.Error{Code: "NoPermission", Action: "AssumeRole"}
		c := srv.as(&ecs.Options{Credentials: failingProvider{theirs}})
		_, err := c.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{})
		if e, _ := errorAs[*ecs.Error](err); e == nil || e.Action != "DescribeInstances" || !errors.Is(err, ecs.ErrCredentials) {
			t.Errorf("got %T %v", err, err)
		}
	})
}

type failingProvider struct{ err error }

func (p failingProvider) Credentials(context.Context) (signer.Credentials, error) {
	return signer.Credentials{}, p.err
}
