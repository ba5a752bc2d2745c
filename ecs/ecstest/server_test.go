package ecstest_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestWholeFleet checks that this module's client can list a whole fleet, with each signature version.
func TestWholeFleet(t *testing.T) {
	t.Parallel()
	fleet := ecstest.Fleet(5000, 1)
	srv := ecstest.NewServer(fleet...)
	t.Cleanup(srv.Close)
	want := map[string][]string{}
	for _, i := range fleet {
		want[i.RegionID] = append(want[i.RegionID], i.InstanceID)
	}
	for _, s := range []signer.Signer{signer.V1{}, signer.V3{}} {
		client, err := srv.Client("cn-hangzhou", &ecs.Options{Signer: s})
		if err != nil {
			t.Fatal(err)
		}
		regions, err := client.DescribeRegions(t.Context(), ecs.DescribeRegionsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		for _, r := range regions.Regions {
			here, err := client.InRegion(r.RegionID)
			if err != nil {
				t.Fatal(err)
			}
			for i, err := range here.Instances(t.Context(), ecs.DescribeInstancesRequest{}) {
				if err != nil {
					t.Fatal(err)
				}
				got[i.RegionID] = append(got[i.RegionID], i.InstanceID)
			}
		}
		for region, ids := range want {
			if !slices.Equal(got[region], ids) {
				t.Errorf("%T %s: %d instances, want %d", s, region, len(got[region]), len(ids))
			}
		}
	}
	for _, r := range srv.Requests() {
		if r.AuthError != "" || r.Status != 200 && r.Code != "DryRunOperation" {
			t.Errorf("%s in %s: %d %s %s", r.Action, r.Region, r.Status, r.Code, r.AuthError)
		}
	}
}

// TestVirtualTime checks that latencies, timeouts and the memory for nonces use virtual time in a synctest bubble.
func TestVirtualTime(t *testing.T) {
	t.Parallel()
	pipe(t, func(t *testing.T, srv *ecstest.Server, client *ecs.Client) {
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 5 * time.Second })
		begin := time.Now()
		n := 0
		for _, err := range client.Instances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: 10}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 1000 || time.Since(begin) != 500*time.Second {
			t.Errorf("%d instances in %v", n, time.Since(begin))
		}
		if r := srv.Requests(); len(r) != 100 || r[99].Time.Sub(r[0].Time) != 495*time.Second || r[0].RemoteAddr == "" {
			t.Errorf("%d requests", len(r))
		}
		srv.Inject(ecstest.Fault{BlackHole: true}, ecstest.Fault{Reset: true})
		for range 2 {
			if _, err := client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{}); !errors.Is(err, ecs.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		}
	}, small(1000)...)
	pipe(t, func(t *testing.T, srv *ecstest.Server, _ *ecs.Client) {
		httpClient := &http.Client{Transport: &http.Transport{DialContext: srv.DialContext, DisableKeepAlives: true}}
		for _, test := range []struct {
			wait time.Duration
			code string
		}{{0, ""}, {14 * time.Minute, "SignatureNonceUsed"}, {2 * time.Minute, ""}, {0, "SignatureNonceUsed"}} {
			time.Sleep(test.wait)
			resp, err := httpClient.Do(request(t, srv, "DescribeInstances", pairs("SignatureNonce", "n", "Format", "XML")))
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if !strings.Contains(string(body), test.code) || (resp.StatusCode == 200) != (test.code == "") {
				t.Errorf("want %q, got %s", test.code, body)
			}
		}
	})
}

// TestClose checks that Close aborts requests and closes the port. A second call of Close must do no harm.
func TestClose(t *testing.T) {
	t.Parallel()
	for name, srv := range map[string]*ecstest.Server{"loopback": ecstest.NewServer(), "pipe": ecstest.NewPipeServer(), "slow": ecstest.NewServer()} {
		srv.Inject(ecstest.Fault{BlackHole: true})
		if name == "slow" {
			srv.Configure(func(s *ecstest.Settings) { s.Latency = time.Hour })
		}
		result := make(chan error, 1)
		go func() {
			transport := &http.Transport{DialContext: srv.DialContext}
			r, err := http.NewRequest(http.MethodGet, srv.URL(), nil) //nolint:noctx // Close must abort the request
			if err == nil {
				_, err = transport.RoundTrip(r) //nolint:bodyclose // there is no body
			}
			result <- err
		}()
		for len(srv.Requests()) == 0 {
			select {
			case err := <-result:
				t.Fatalf("%s: ended before Close: %v", name, err)
			default:
			}
		}
		srv.Close()
		srv.Close()
		if err := <-result; err == nil {
			t.Errorf("%s: a request without a response succeeded", name)
		}
		if conn, err := srv.DialContext(t.Context(), "tcp", ""); err == nil {
			_ = conn.Close()
			t.Errorf("%s: still listening", name)
		}
	}
}

// TestConcurrent calls all methods at the same time to let the race detector find data races.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	srv := start(t, small(300)...)
	srv.Configure(func(s *ecstest.Settings) { s.Quota.Rate = 1e6; s.Quota.Burst = 1e6 })
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var listed atomic.Int64
	for range 4 {
		wg.Go(func() {
			for range 3 {
				seen := 0
				for i, err := range client.Instances(t.Context(), ecs.DescribeInstancesRequest{AdditionalAttributes: []ecs.AdditionalAttribute{ecs.AdditionalAttributeMetaOptions}}) {
					if err != nil {
						t.Error(err)
						return
					}
					if i.InstanceID < "i-0200" {
						seen++
					}
				}
				if seen != 200 {
					t.Errorf("%d of the 200 permanent instances", seen)
				}
				listed.Add(1)
			}
		})
	}
	wg.Go(func() {
		for n := range 100 {
			srv.Delete("i-" + pad(200+n))
			srv.Put(ecs.Instance{InstanceID: "i-9" + pad(n)})
			srv.Update("i-"+pad(n), func(i *ecs.Instance) { i.Tags = append(i.Tags, ecs.Tag{Key: "k"}) })
			srv.Configure(func(s *ecstest.Settings) { s.EmptyLastPage = n%2 == 0 })
			srv.Inject(ecstest.Fault{Action: "None"})
			srv.AddKey(ecstest.Key{Credentials: srv.Credentials()})
			_, _ = srv.Requests(), srv.Instances()
		}
	})
	wg.Wait()
	if listed.Load() != 12 {
		t.Errorf("%d listings", listed.Load())
	}
}
