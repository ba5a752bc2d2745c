package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

var update = flag.Bool("update", false, "write the golden files")

// testFleet returns instances for testing labels and targets.
func testFleet() []ecs.Instance {
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

// world runs a discovery with an in-memory ECS server and virtual time.
type world struct {
	*discovery
	server *ecstest.Server
	log    output
}

func newWorld(t *testing.T, instances ...ecs.Instance) *world { return newWorldOf(t, "", instances...) }

// newWorldOf creates a world with the flags in args. By default, the discovery lists all regions.
func newWorldOf(t *testing.T, args string, instances ...ecs.Instance) *world {
	t.Helper()
	w := &world{server: ecstest.NewPipeServer(instances...)}
	w.server.Configure(func(s *ecstest.Settings) {
		s.EmptyIfDenied = true
		s.Regions = []string{"cn-hangzhou", "cn-beijing", "cn-shanghai"}
	})
	t.Cleanup(w.server.Close)
	c, err := parse(strings.Fields("-region all "+args), func(string) string { return "" }, minInterval)
	if err != nil {
		t.Fatal(err)
	}
	m := newMetrics()
	sources, _, err := c.Open(func(_ bool, region string, opts *ecs.Options) (*ecs.Client, func(), error) {
		opts.Retry.MaxAttempts = 1
		client, err := w.server.Client(region, opts)
		if err == nil {
			t.Cleanup(client.CloseIdleConnections)
		}
		return client, nil, err
	}, func(opts *ecs.Options) { opts.OnAttempt = m.attempt })
	if err != nil {
		t.Fatal(err)
	}
	w.discovery, err = newDiscovery(c, sources, slog.New(slog.NewTextHandler(&w.log, nil)), m)
	if err != nil {
		t.Fatal(err)
	}
	m.registry.MustRegister(w.discovery)
	return w
}

// start runs the discovery until the test ends, and returns after all regions have been listed.
func (w *world) start(t *testing.T) {
	t.Helper()
	go w.run(t.Context())
	synctest.Wait()
}

// refresh lists all regions immediately.
func (w *world) refresh(t *testing.T) {
	t.Helper()
	for _, a := range w.accounts {
		_ = a.cache.Refresh(t.Context()) // the discovery logs the error
	}
	time.Sleep(time.Second) // a rendered list is cached for a second
	synctest.Wait()
}

func (w *world) get(path string) *httptest.ResponseRecorder {
	r := httptest.NewRecorder()
	w.handler().ServeHTTP(r, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil))
	return r
}

// ids returns the instance ids in the list of targets, or "503" if the list cannot be served.
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

// failuresOf returns the number of failures of the given kind that were counted for a region.
func (w *world) failuresOf(region, kind string) int {
	return int(testutil.ToFloat64(w.metrics.failures.WithLabelValues("", region, kind)))
}

func instance(id, region string) ecs.Instance {
	return ecs.Instance{InstanceID: id, RegionID: region, VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{"10.0.0.1"}}}
}

// TestFollows verifies that the list of targets follows the changes of the instances.
func TestFollows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		w.start(t)
		if got := w.ids(t); got != "i-2 i-1" {
			t.Errorf("first: %s", got)
		}
		w.server.Put(instance("i-3", "cn-hangzhou"))
		w.server.Delete("i-2") // i-2 is the only instance in its region
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
		w := newWorldOf(t, "-interval 30s", instance("i-1", "cn-hangzhou"))
		w.start(t)
		time.Sleep(time.Hour)
		n := 0
		for _, r := range w.server.Requests() {
			if r.Action == "DescribeRegions" {
				n++
			}
		}
		if n < 110 || n > 130 {
			t.Errorf("%d refreshes in an hour", n)
		}
	})
}

// TestOneRegionFails verifies that the targets of a failed region are kept, and that the other regions are still
// listed.
func TestOneRegionFails(t *testing.T) {
	t.Parallel()
	page := `{"RequestId":"R","NextToken":"%s","Instances":{"Instance":[{"InstanceId":"i-4","RegionId":"cn-beijing","InnerIpAddress":{"IpAddress":["10.0.0.4"]}},%s]}}`
	for _, tt := range []struct {
		name  string
		fault ecstest.Fault
		kind  string
		want  string // ids of the instances in the list of targets
	}{
		{"error", ecstest.Fault{Code: "SomethingNew"}, "other", "i-2 i-4 i-3"},
		{"throttled", ecstest.Fault{Code: "Throttling.User"}, "throttled", "i-2 i-4 i-3"},
		{"unavailable", ecstest.Fault{Code: "ServiceUnavailable"}, "unavailable", "i-2 i-4 i-3"},
		{"reset", ecstest.Fault{Reset: true}, "unavailable", "i-2 i-4 i-3"},
		{"no response", ecstest.Fault{BlackHole: true}, "unavailable", "i-2 i-4 i-3"},
		{"key revoked", ecstest.Fault{Code: "InvalidAccessKeyId.NotFound"}, "credentials", "i-2 i-4 i-3"},
		{"permission lost, which looks empty", ecstest.Fault{Denied: true}, "forbidden", "i-2 i-4 i-3"},
		{"the second page fails", ecstest.Fault{Body: fmt.Appendf(nil, page, "more", "{}")}, "", "i-2 i-4 i-3"},
		{"one unreadable", ecstest.Fault{Body: fmt.Appendf(nil, page, "", `{"InstanceId":"i-2","RegionId":"cn-beijing","Cpu":"many","InnerIpAddress":{"IpAddress":["10.0.0.2"]}}`)}, "incomplete", "i-2 i-4 i-3"},
		{"one unreadable and new", ecstest.Fault{Body: fmt.Appendf(nil, page, "", `{"InstanceId":"i-9","RegionId":"cn-beijing","Cpu":"many","InnerIpAddress":{"IpAddress":["10.0.0.9"]}}`)}, "incomplete", "i-2 i-4 i-9 i-3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"), instance("i-4", "cn-beijing"))
				w.start(t)
				w.server.Delete("i-1")
				w.server.Put(instance("i-3", "cn-hangzhou"))
				tt.fault.Region, tt.fault.Times = "cn-beijing", -1
				if tt.kind == "" {
					tt.fault.Times = 1
				}
				w.server.Inject(tt.fault)
				w.refresh(t)
				if got := w.ids(t); got != tt.want {
					t.Errorf("list %s, want %s", got, tt.want)
				}
				code, text := w.health(time.Now())
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
				w.refresh(t)
				if got := w.ids(t); got != "i-2 i-4 i-3" {
					t.Errorf("afterwards: %s", got)
				}
				if _, text := w.health(time.Now()); strings.Contains(text, "cn-beijing") {
					t.Errorf("afterwards: %s", text)
				}
			})
		})
	}
}

// TestAllFails verifies that all targets are kept if every region fails, and that /healthz reports the age of the
// list.
func TestAllFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		w.start(t)
		w.server.Inject(ecstest.Fault{Code: "ServiceUnavailable", Times: -1})
		time.Sleep(4 * time.Minute)
		if code, text := w.health(time.Now()); code != http.StatusOK || !strings.Contains(text, "ServiceUnavailable") {
			t.Errorf("after 4 minutes: %d %s", code, text)
		}
		time.Sleep(2 * time.Minute)
		if code, text := w.health(time.Now()); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, "stale: no region could be listed for 6m0s") {
			t.Errorf("after 6 minutes: %d %s", code, text)
		}
		if got := w.ids(t); got != "i-2 i-1" {
			t.Errorf("after 6 minutes: %s", got)
		}
		w.server.ClearFaults()
		time.Sleep(6 * time.Minute)
		if code, text := w.health(time.Now()); code != http.StatusOK || strings.Contains(text, "failed") {
			t.Errorf("afterwards: %d %s", code, text)
		}
	})

	synctest.Test(t, func(t *testing.T) { // known regions are listed even if DescribeRegions fails
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		w.start(t)
		w.server.Inject(ecstest.Fault{Action: "DescribeRegions", Code: "ServiceUnavailable", Times: -1})
		w.server.Put(instance("i-2", "cn-beijing"))
		time.Sleep(time.Hour)
		if code, text := w.health(time.Now()); code != http.StatusOK || !strings.Contains(text, "failed: all: ") || w.ids(t) != "i-2 i-1" {
			t.Errorf("%d %s %s", code, text, w.ids(t))
		}
	})
}

// TestFirstList verifies that the first list of targets waits for a region that is temporarily unavailable.
func TestFirstList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		if code, text := w.health(time.Now()); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, "starting") || w.ids(t) != "503" {
			t.Errorf("at the start: %d %s", code, text)
		}
		w.server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "ServiceUnavailable", Times: -1})
		w.start(t)
		time.Sleep(4 * time.Minute)
		if code, text := w.health(time.Now()); code != http.StatusServiceUnavailable || !strings.HasPrefix(text, "not ready") || !strings.Contains(text, "failed: cn-beijing: ") {
			t.Errorf("after 4 minutes: %d %s", code, text)
		}
		if got := w.ids(t); got != "503" {
			t.Errorf("after 4 minutes: %s", got)
		}
		if got := w.get("/metrics").Body.String(); strings.Contains(got, "ecs_sd_targets") || strings.Contains(got, "ecs_sd_list_age") {
			t.Errorf("metrics of a list that does not exist:\n%s", got)
		}
		time.Sleep(2 * time.Minute)
		if got := w.ids(t); got != "i-1" {
			t.Errorf("after 6 minutes: %s", got)
		}
		if code, text := w.health(time.Now()); code != http.StatusOK || !strings.Contains(text, "not listed yet") {
			t.Errorf("after 6 minutes: %d %s", code, text)
		}
	})

	// The list must not wait for a region that is denied or not enabled, because waiting does not help.
	for kind, fault := range map[string]ecstest.Fault{"forbidden": {Denied: true}, "closed": {Code: "UnauthorizedRegion", Status: 403}, "invalid": {Code: "InvalidParameter"}} {
		for _, regions := range []string{"all", "cn-hangzhou,cn-beijing,cn-shanghai"} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, "-region "+regions, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
				fault.Region, fault.Times, fault.Action = "cn-beijing", -1, "DescribeInstances"
				w.server.Inject(fault)
				w.start(t)
				if code, text := w.health(time.Now()); code != http.StatusOK || !strings.Contains(text, "failed: cn-beijing: ") || w.failuresOf("cn-beijing", kind) != 1 || w.ids(t) != "i-1" {
					t.Errorf("%s: %d %s", kind, code, text)
				}
				w.server.ClearFaults()
				w.refresh(t)
				if got := w.ids(t); got != "i-2 i-1" {
					t.Errorf("%s, afterwards: %s", kind, got)
				}
			})
		}
	}

	synctest.Test(t, func(t *testing.T) { // no list is served if all regions fail
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		w.server.Inject(ecstest.Fault{Code: "Forbidden.RAM", Times: -1})
		w.start(t)
		time.Sleep(time.Hour)
		if got := w.ids(t); got != "503" {
			t.Errorf("a list was served although all regions failed: %s", got)
		}
	})

	synctest.Test(t, func(t *testing.T) { // an unreadable field of an instance does not delay the list
		w := newWorldOf(t, "-region cn-beijing")
		w.server.Inject(ecstest.Fault{Body: []byte(`{"RequestId":"R","Instances":{"Instance":[{"InstanceId":"i-9","RegionId":"cn-beijing","Cpu":"many","InnerIpAddress":{"IpAddress":["10.0.0.9"]}}]}}`), Times: -1})
		w.start(t)
		time.Sleep(time.Hour)
		if code, text := w.health(time.Now()); code != http.StatusOK || !strings.Contains(text, "i-9") || w.ids(t) != "i-9" {
			t.Errorf("%d %s", code, text)
		}
	})

	synctest.Test(t, func(t *testing.T) { // requests to /healthz and /metrics do not affect when the list is served
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		w.get("/healthz")
		w.get("/metrics")
		w.start(t)
		if got := w.ids(t); got != "i-2 i-1" {
			t.Errorf("after a request for /healthz: %s", got)
		}
	})

	synctest.Test(t, func(t *testing.T) { // the list is served as soon as the failed region has been listed
		w := newWorld(t, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
		w.server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "ServiceUnavailable", Times: 1})
		w.start(t)
		if got := w.ids(t); got != "503" {
			t.Errorf("at first: %s", got)
		}
		w.refresh(t)
		if got := w.ids(t); got != "i-2 i-1" {
			t.Errorf("after a refresh: %s", got)
		}
	})
}

// TestState verifies that -state preserves all targets across a restart, even if the API fails.
func TestState(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	restart := func(name string, fault ecstest.Fault, want string, then func(t *testing.T, w *world)) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorldOf(t, "-state "+file, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
			if fault.Times != 0 {
				w.server.Inject(fault)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				w.run(ctx)
				close(done)
			}()
			synctest.Wait()
			if got := w.ids(t); got != want {
				t.Errorf("%s: %s, want %s: %s", name, got, want, &w.log)
			}
			if then != nil {
				then(t, w)
			}
			cancel()
			<-done
		})
	}
	restart("no file yet", ecstest.Fault{}, "i-2 i-1", nil)
	restart("a region fails", ecstest.Fault{Region: "cn-beijing", Code: "ServiceUnavailable", Times: -1}, "i-2 i-1", nil)
	restart("all requests fail", ecstest.Fault{BlackHole: true, Times: -1}, "i-2 i-1", nil)
	restart("permission lost, which looks empty", ecstest.Fault{Region: "cn-beijing", Denied: true, Times: -1}, "i-2 i-1", func(t *testing.T, w *world) {
		w.server.ClearFaults()
		w.server.Delete("i-2")
		w.refresh(t)
		if got := w.ids(t); got != "i-1" {
			t.Errorf("the list still contains a released instance: %s", got)
		}
	})
	restart("released in the last run", ecstest.Fault{Region: "cn-beijing", Code: "ServiceUnavailable", Times: -1}, "i-1", nil)

	if err := os.WriteFile(file, []byte("no list"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _, stderr := newProgram(newServer(t))
	if code := p.run(t.Context(), []string{"-region", "all", "-state", file}); code != failure.ExitFailed || !strings.Contains(stderr.String(), "-state: ") {
		t.Errorf("%d: %s", code, stderr)
	}
}

// TestStopped verifies that stopping the server is not reported as a failed listing.
func TestStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-1", "cn-hangzhou"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			w.run(ctx)
			close(done)
		}()
		synctest.Wait()
		first := len(w.server.Requests())
		w.server.Inject(ecstest.Fault{BlackHole: true, Times: -1})
		for len(w.server.Requests()) == first {
			time.Sleep(time.Second)
		}
		cancel()
		<-done
		if _, text := w.health(time.Now()); !strings.HasPrefix(text, "ok: 1 targets") || strings.Contains(text, "failed") || w.log.String() != "" {
			t.Errorf("%s%s", text, &w.log)
		}
	})
}

// TestAccounts verifies that a failed region of one account does not affect the same region of another account.
func TestAccounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, instance("i-prod", "cn-hangzhou"))
		other := newWorld(t, instance("i-dev", "cn-hangzhou"))
		c := &config{ports: w.ports, interval: w.interval, staleAfter: w.staleAfter}
		c.Selection = *w.selection
		var sources []selection.Source
		for name, from := range map[string]*world{"prod": w, "dev": other} {
			src := from.accounts[0].Source
			src.Account = name
			sources = append(sources, src)
		}
		var err error
		if w.discovery, err = newDiscovery(c, sources, w.discovery.log, w.metrics); err != nil {
			t.Fatal(err)
		}
		w.start(t)
		if got := w.ids(t); got != "i-dev i-prod" || !strings.Contains(w.get("/sd").Body.String(), `"__meta_ecs_account":"prod"`) {
			t.Errorf("two accounts: %s", w.get("/sd").Body)
		}
		w.server.Put(instance("i-prod2", "cn-hangzhou"))
		other.server.Put(instance("i-dev2", "cn-hangzhou"))
		other.server.Inject(ecstest.Fault{Code: "Forbidden.RAM", Times: -1})
		w.refresh(t)
		if got := w.ids(t); got != "i-dev i-prod i-prod2" {
			t.Errorf("one account fails: %s", got)
		}
		if code, text := w.health(time.Now()); code != http.StatusOK || !strings.Contains(text, "failed: dev/all: ") || !strings.Contains(text, "failed: dev/cn-hangzhou: ") {
			t.Errorf("health: %d %s", code, text)
		}
		if n := int(testutil.ToFloat64(w.metrics.failures.WithLabelValues("dev", "", "forbidden"))); n != 1 {
			t.Errorf("%d failures of the account", n)
		}
		if text := w.get("/metrics").Body.String(); !strings.Contains(text, `ecs_sd_api_attempts_total{account="prod",action="DescribeInstances",region="cn-hangzhou",result="ok"} 2`) {
			t.Errorf("requests are not counted by account:\n%s", text)
		}
	})
}

// TestStateOfAnotherFilter verifies that saved instances are discarded if the filters have changed.
func TestStateOfAnotherFilter(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state.json")
	for _, tt := range []struct{ args, want string }{{"", "i-2 i-1"}, {"-tag env=prod ", "503"}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorldOf(t, tt.args+"-state "+file, instance("i-1", "cn-hangzhou"), instance("i-2", "cn-beijing"))
			if tt.args != "" {
				w.server.Inject(ecstest.Fault{Code: "ServiceUnavailable", Times: -1})
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				w.run(ctx)
				close(done)
			}()
			synctest.Wait()
			if got := w.ids(t); got != tt.want {
				t.Errorf("%q: %s, want %s", tt.args, got, tt.want)
			}
			cancel()
			<-done
		})
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("other users may read the file: %v, %v", info, err)
	}
}
