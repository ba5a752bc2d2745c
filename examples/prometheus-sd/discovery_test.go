package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

var update = flag.Bool("update", false, "write the golden files")

// fleet returns instances that cover the rules for labels and targets.
func fleet() []ecs.Instance {
	return []ecs.Instance{
		{
			InstanceID: "i-bp1web", InstanceName: "web-1", HostName: "web-1", RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-h", Status: ecs.InstanceStatusRunning,
			InstanceType: "ecs.g7.large", InstanceNetworkType: ecs.InstanceNetworkTypeVPC, InstanceChargeType: ecs.InstanceChargeTypePostPaid, ImageID: "debian_12", OSType: "linux", ResourceGroupID: "rg-1",
			VPCAttributes:    ecs.VPCAttributes{VPCID: "vpc-1", VSwitchID: "vsw-1", PrivateIPAddress: []string{"10.0.0.1"}},
			EIPAddress:       ecs.EIPAddress{AllocationID: "eip-1", IPAddress: "192.0.2.1"},
			SecurityGroupIDs: []string{"sg-1", "sg-2"},
			Tags:             []ecs.Tag{{Key: "env", Value: "prod"}, {Key: "环境", Value: "生产"}, {Key: "业务", Value: "支付"}, {Key: "k8s.io/role", Value: `say "hi" <&>`}, {Key: "临时"}},
		},
		{
			InstanceID: "i-bp1old", InstanceName: "旧机器", RegionID: "cn-hangzhou", ZoneID: "cn-hangzhou-b", Status: ecs.InstanceStatusStopped,
			InstanceType: "ecs.n4.large", InstanceNetworkType: ecs.InstanceNetworkTypeClassic, InstanceChargeType: ecs.InstanceChargeTypePrePaid, OSType: "windows",
			InnerIPAddress: []string{"10.1.0.1"}, PublicIPAddress: []string{"192.0.2.2"},
		},
		{InstanceID: "i-2zeout", RegionID: "cn-beijing", Status: ecs.InstanceStatusRunning, PublicIPAddress: []string{"192.0.2.3"}},
		{InstanceID: "i-2zenew", RegionID: "cn-beijing", Status: ecs.InstanceStatusPending},
	}
}

// world is a discovery and its in-memory ECS, in a synctest bubble.
type world struct {
	*discovery
	server *ecstest.Server
	log    bytes.Buffer
}

func newWorld(t *testing.T, instances ...ecs.Instance) *world {
	t.Helper()
	server := ecstest.NewPipeServer(instances...)
	server.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = true })
	server.Configure(func(s *ecstest.Settings) { s.Regions = []string{"cn-hangzhou", "cn-beijing", "cn-shanghai"} })
	m := newMetrics()
	client, err := server.Client("cn-hangzhou", &ecs.Options{OnAttempt: func(a ecs.Attempt) { m.attempt("", a) }, Retry: ecs.RetryPolicy{MaxAttempts: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	w := &world{server: server}
	s, sources := selectionOf(t, client)
	w.discovery = &discovery{
		sources: sources, selection: s, ports: []string{"9100"}, interval: time.Minute, staleAfter: 5 * time.Minute,
		log: slog.New(slog.NewTextHandler(&w.log, nil)), metrics: m, started: time.Now(),
	}
	m.registry.MustRegister(w.discovery)
	return w
}

// selectionOf selects all regions, or those that are named, of the account that a client is for.
func selectionOf(t *testing.T, client *ecs.Client, regions ...string) (*selection.Selection, []selection.Source) {
	t.Helper()
	s := &selection.Selection{}
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	s.Define(fs, nil, time.Now())
	list := strings.Join(regions, ",")
	if list == "" {
		list = "all"
	}
	err := fs.Set("region", list)
	if err == nil {
		err = s.Finish(func(string) string { return "" })
	}
	var sources []selection.Source
	if err == nil {
		sources, _, err = s.Open(func(bool, string, *ecs.Options) (*ecs.Client, func(), error) { return client, func() {}, nil }, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, sources
}

func (w *world) get(path string) *httptest.ResponseRecorder {
	r := httptest.NewRecorder()
	w.handler().ServeHTTP(r, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
	return r
}

// ids returns the ids in the list, in its order; "503" when there is no list.
func (w *world) ids(t *testing.T) string {
	t.Helper()
	r := w.get("/sd")
	if r.Code != http.StatusOK {
		return fmt.Sprint(r.Code)
	}
	var groups []group
	if err := json.Unmarshal(r.Body.Bytes(), &groups); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, g := range groups {
		ids = append(ids, g.Labels["__meta_ecs_instance_id"])
	}
	return strings.Join(ids, " ")
}

func (w *world) health() (int, string) {
	r := w.get("/healthz")
	return r.Code, r.Body.String()
}

// failuresOf returns the counter of one kind of failure in a region.
func (w *world) failuresOf(region, kind string) int {
	return int(testutil.ToFloat64(w.metrics.failures.WithLabelValues("", region, kind)))
}

func instance(id, region string) ecs.Instance {
	return ecs.Instance{InstanceID: id, RegionID: region, VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{"10.0.0.1"}}}
}

// The list follows the fleet, refresh by refresh.
func TestFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		go w.run(t.Context())
		synctest.Wait()
		if got := w.ids(t); got != "i-2 i-1" {
			t.Errorf("first: %s", got)
		}
		w.server.Put(instance("i-3", "cn-hangzhou"))
		w.server.Delete("i-2") // the last of its region: believed, because listing is permitted
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if got := w.ids(t); got != "i-2 i-1" {
			t.Errorf("between refreshes: %s", got)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if got := w.ids(t); got != "i-1 i-3" {
			t.Errorf("after a refresh: %s", got)
		}
	})
}

func TestInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		go w.run(t.Context())
		time.Sleep(time.Hour)
		synctest.Wait()
		var last time.Time
		waits := map[time.Duration]bool{}
		for _, r := range w.server.Requests() {
			if r.Action != "DescribeRegions" {
				continue
			}
			if !last.IsZero() {
				wait := r.Time.Sub(last)
				if wait < 54*time.Second || wait > 66*time.Second {
					t.Errorf("%v between two refreshes", wait)
				}
				waits[wait] = true
			}
			last = r.Time
		}
		if len(waits) < 40 {
			t.Errorf("%d different intervals in an hour: no jitter", len(waits))
		}
	})
}

// What cannot be read stays as it was; the rest is refreshed.
func TestOneRegionFails(t *testing.T) {
	t.Parallel()
	page := `{"RequestId":"R","NextToken":"%s","Instances":{"Instance":[{"InstanceId":"i-4","RegionId":"cn-beijing","InnerIpAddress":{"IpAddress":["10.0.0.4"]}},%s]}}`
	for _, tt := range []struct {
		name  string
		fault ecstest.Fault
		kind  string
		want  string // of the two regions
	}{
		{"error", ecstest.Fault{Code: "SomethingNew"}, "other", "i-2 i-4 i-3"},
		{"throttled", ecstest.Fault{Code: "Throttling.User"}, "throttled", "i-2 i-4 i-3"},
		{"unavailable", ecstest.Fault{Code: "ServiceUnavailable"}, "unavailable", "i-2 i-4 i-3"},
		{"reset", ecstest.Fault{Reset: true}, "unavailable", "i-2 i-4 i-3"},
		{"no response", ecstest.Fault{BlackHole: true}, "unavailable", "i-2 i-4 i-3"},
		{"key revoked", ecstest.Fault{Code: "InvalidAccessKeyId.NotFound"}, "credentials", "i-2 i-4 i-3"},
		{"permission lost, which looks empty", ecstest.Fault{Denied: true}, "forbidden", "i-2 i-4 i-3"},
		{"breaks off", ecstest.Fault{Body: fmt.Appendf(nil, page, "more", "{}")}, "", "i-2 i-4 i-3"},
		{"one unreadable", ecstest.Fault{Body: fmt.Appendf(nil, page, "", `{"InstanceId":"i-2","Cpu":"many"}`)}, "incomplete", "i-2 i-4 i-3"},
		{"one unreadable, one gone", ecstest.Fault{Body: fmt.Appendf(nil, page, "", `{"InstanceId":"i-9","Cpu":"many"}`)}, "incomplete", "i-4 i-3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"), instance("i-4", "cn-beijing"))
				w.refresh(t.Context())
				w.server.Delete("i-1")
				w.server.Put(instance("i-3", "cn-hangzhou"))
				tt.fault.Region, tt.fault.Times = "cn-beijing", -1
				if tt.kind == "" {
					tt.fault.Times = 1
				}
				w.server.Inject(tt.fault)
				time.Sleep(time.Minute)
				w.refresh(t.Context())
				if got := w.ids(t); got != tt.want {
					t.Errorf("list %s, want %s", got, tt.want)
				}
				code, text := w.health()
				if code != http.StatusOK || !strings.Contains(text, "cn-beijing") {
					t.Errorf("health: %d %s", code, text)
				}
				if tt.kind != "" && w.failuresOf("cn-beijing", tt.kind) != 1 {
					t.Errorf("failure not counted as %s:\n%s", tt.kind, w.get("/metrics").Body)
				}
				if !strings.Contains(w.log.String(), "region=cn-beijing") {
					t.Errorf("not logged: %s", &w.log)
				}

				w.server.ClearFaults()
				w.refresh(t.Context())
				if got := w.ids(t); got != "i-2 i-4 i-3" {
					t.Errorf("afterwards: %s", got)
				}
				if _, text := w.health(); strings.Contains(text, "cn-beijing") {
					t.Errorf("afterwards: %s", text)
				}
			})
		})
	}
}

// When nothing can be read, the list stays, and /healthz says for how long.
func TestAllFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]ecstest.Fault{
		"every region": {Action: "DescribeInstances", Code: "ServiceUnavailable", Times: -1},
		"the regions":  {Action: "DescribeRegions", Code: "ServiceUnavailable", Times: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
				go w.run(t.Context())
				synctest.Wait()
				w.server.Inject(fault)
				time.Sleep(4 * time.Minute)
				synctest.Wait()
				if code, text := w.health(); code != http.StatusOK || !strings.Contains(text, "ServiceUnavailable") {
					t.Errorf("after 4 minutes: %d %s", code, text)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if code, text := w.health(); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, "stale: 2 targets, nothing could be read for 6m0s") {
					t.Errorf("after 6 minutes: %d %s", code, text)
				}
				if got := w.ids(t); got != "i-2 i-1" {
					t.Errorf("after 6 minutes: %s", got)
				}
				w.server.ClearFaults()
				time.Sleep(70 * time.Second)
				synctest.Wait()
				if code, text := w.health(); code != http.StatusOK || strings.Contains(text, "failed") {
					t.Errorf("afterwards: %d %s", code, text)
				}
			})
		})
	}
}

// Prometheus keeps its targets while there is no list: the first one waits for a region that is unavailable.
func TestFirstList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		if code, text := w.health(); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, "starting") || w.ids(t) != "503" {
			t.Errorf("at the start: %d %s", code, text)
		}
		w.server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "ServiceUnavailable", Times: -1})
		go w.run(t.Context())
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if code, text := w.health(); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, "not ready") || !strings.Contains(text, "failed: cn-beijing: ") {
			t.Errorf("after 4 minutes: %d %s", code, text)
		}
		if got := w.ids(t); got != "503" {
			t.Errorf("after 4 minutes: %s", got)
		}
		if got := w.get("/metrics").Body.String(); strings.Contains(got, "ecs_sd_targets") || strings.Contains(got, "ecs_sd_list_age") {
			t.Errorf("metrics of a list that is not there:\n%s", got)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got := w.ids(t); got != "i-1" {
			t.Errorf("after 7 minutes: %s", got)
		}
		if code, text := w.health(); code != http.StatusOK || !strings.Contains(text, "none of its instances is known") {
			t.Errorf("after 7 minutes: %d %s", code, text)
		}
	})

	// A region that a policy hides, or that is closed, fails until somebody changes that: the list does not wait for it.
	for kind, fault := range map[string]ecstest.Fault{"forbidden": {Denied: true}, "closed": {Code: "UnauthorizedRegion", Status: 403}, "invalid": {Code: "InvalidParameter"}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
			w.selection, w.sources = selectionOf(t, w.sources[0].Client, "cn-hangzhou", "cn-beijing", "cn-shanghai")
			fault.Region, fault.Times = "cn-beijing", -1
			w.server.Inject(fault)
			w.refresh(t.Context())
			if code, text := w.health(); code != http.StatusOK || !strings.Contains(text, "failed: cn-beijing: ") || w.failuresOf("cn-beijing", kind) != 1 || w.ids(t) != "i-1" {
				t.Errorf("%s: %d %s", kind, code, text)
			}
			w.server.ClearFaults()
			w.refresh(t.Context())
			if got := w.ids(t); got != "i-2 i-1" {
				t.Errorf("%s, afterwards: %s", kind, got)
			}
		})
	}

	synctest.Test(t, func(t *testing.T) { // no list says that there is no target while nothing could be read
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		w.server.Inject(ecstest.Fault{Code: "Forbidden.RAM", Times: -1})
		w.started = w.started.Add(-w.staleAfter)
		w.refresh(t.Context())
		if got := w.ids(t); got != "503" {
			t.Errorf("nothing was read: %s", got)
		}
	})

	synctest.Test(t, func(t *testing.T) { // part of a region does not replace it
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		for i := range 150 {
			w.server.Put(instance(fmt.Sprint("i-2-", i), "cn-beijing"))
		}
		w.server.Inject(ecstest.Fault{Match: func(r ecstest.Request) bool { return r.Params.Get("NextToken") != "" }, Code: "ServiceUnavailable", Times: -1})
		w.started = w.started.Add(-w.staleAfter)
		w.refresh(t.Context())
		if got := w.ids(t); got != "i-1" {
			t.Errorf("a part of a region: %.100s", got)
		}
	})

	synctest.Test(t, func(t *testing.T) { // the list is served as soon as the region is read
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		w.server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "ServiceUnavailable", Times: 1})
		go w.run(t.Context())
		time.Sleep(70 * time.Second)
		synctest.Wait()
		if got := w.ids(t); got != "i-2 i-1" {
			t.Errorf("after a refresh: %s", got)
		}
	})
}

// A refresh that is interrupted by the end of the server is no failure.
func TestStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		ctx, cancel := context.WithCancel(t.Context())
		w.server.Inject(ecstest.Fault{Skip: 5, BlackHole: true, Times: -1})
		done := make(chan struct{})
		go func() {
			w.run(ctx)
			close(done)
		}()
		for len(w.server.Requests()) < 6 { // in the second refresh
			time.Sleep(time.Second)
		}
		cancel()
		<-done
		if _, text := w.health(); !strings.HasPrefix(text, "ok: 1 targets") || strings.Contains(text, "failed") || w.log.Len() > 0 {
			t.Errorf("%s%s", text, &w.log)
		}
	})
}

// A refresh that takes too long is cancelled.
func TestRefreshTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		w.refresh(t.Context())
		w.staleAfter = 3 * time.Second
		w.server.Inject(ecstest.Fault{BlackHole: true, Times: -1})
		started := time.Now()
		w.refresh(t.Context())
		if took := time.Since(started); took != w.staleAfter {
			t.Errorf("given up after %v", took)
		}
		if w.failuresOf("", "timeout")+w.failuresOf("", "unavailable") != 1 || w.ids(t) != "i-1" {
			t.Errorf("%s", w.get("/metrics").Body)
		}
	})
}

// Several accounts are listed side by side: the same region of two accounts is two places, and one that fails keeps its own
// targets without costing the other anything.
func TestAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-prod", "cn-hangzhou"))
		other := newWorld(t, instance("i-dev", "cn-hangzhou"))
		prod, dev := w.sources[0], other.sources[0]
		prod.Account, dev.Account = "prod", "dev"
		w.sources = []selection.Source{prod, dev}
		w.refresh(t.Context())
		if got := w.ids(t); got != "i-dev i-prod" || !strings.Contains(w.get("/sd").Body.String(), `"__meta_ecs_account":"prod"`) {
			t.Errorf("two accounts: %s", w.get("/sd").Body)
		}
		w.server.Put(instance("i-prod2", "cn-hangzhou"))
		other.server.Put(instance("i-dev2", "cn-hangzhou"))
		other.server.Inject(ecstest.Fault{Action: "DescribeRegions", Code: "Forbidden.RAM", Times: -1})
		w.refresh(t.Context())
		if got := w.ids(t); got != "i-dev i-prod i-prod2" {
			t.Errorf("one account fails: %s", got)
		}
		if code, text := w.health(); code != http.StatusOK || !strings.Contains(text, "failed: dev/all: ") {
			t.Errorf("health: %d %s", code, text)
		}
		if n := int(testutil.ToFloat64(w.metrics.failures.WithLabelValues("dev", "", "forbidden"))); n != 1 {
			t.Errorf("%d failures of the account", n)
		}
	})
}
