package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, testFleet()...)
		w.start(t)
		time.Sleep(30 * time.Second)
		w.server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "Throttling.User", Times: -1})
		w.refresh(t)
		time.Sleep(11 * time.Second)

		want := `
# HELP ecs_sd_list_age_seconds Time since the last complete listing of all regions.
# TYPE ecs_sd_list_age_seconds gauge
ecs_sd_list_age_seconds 42
# HELP ecs_sd_refresh_failures_total Number of incomplete listings, by region and kind of failure. The region is empty if the list of regions could not be retrieved.
# TYPE ecs_sd_refresh_failures_total counter
ecs_sd_refresh_failures_total{account="",kind="throttled",region="cn-beijing"} 1
# HELP ecs_sd_region_age_seconds Time since the region was last listed.
# TYPE ecs_sd_region_age_seconds gauge
ecs_sd_region_age_seconds{account="",region="cn-beijing"} 42
ecs_sd_region_age_seconds{account="",region="cn-hangzhou"} 12
ecs_sd_region_age_seconds{account="",region="cn-shanghai"} 12
# HELP ecs_sd_targets Number of targets in the list.
# TYPE ecs_sd_targets gauge
ecs_sd_targets{account="",region="cn-beijing"} 1
ecs_sd_targets{account="",region="cn-hangzhou"} 2
ecs_sd_targets{account="",region="cn-shanghai"} 0
# HELP ecs_sd_unreachable_instances Number of instances that are not in the list because they have no address.
# TYPE ecs_sd_unreachable_instances gauge
ecs_sd_unreachable_instances{account="",region="cn-beijing"} 1
ecs_sd_unreachable_instances{account="",region="cn-hangzhou"} 0
ecs_sd_unreachable_instances{account="",region="cn-shanghai"} 0
# HELP ecs_sd_api_attempts_total Number of HTTP requests to the API, including retries. The result is ok or the kind of failure.
# TYPE ecs_sd_api_attempts_total counter
ecs_sd_api_attempts_total{account="",action="DescribeInstances",region="cn-beijing",result="ok"} 1
ecs_sd_api_attempts_total{account="",action="DescribeInstances",region="cn-beijing",result="throttled"} 1
ecs_sd_api_attempts_total{account="",action="DescribeInstances",region="cn-hangzhou",result="ok"} 2
ecs_sd_api_attempts_total{account="",action="DescribeInstances",region="cn-shanghai",result="ok"} 4
ecs_sd_api_attempts_total{account="",action="DescribeRegions",region="cn-hangzhou",result="ok"} 2
`
		names := []string{"ecs_sd_list_age_seconds", "ecs_sd_refresh_failures_total", "ecs_sd_region_age_seconds", "ecs_sd_targets", "ecs_sd_unreachable_instances", "ecs_sd_api_attempts_total"}
		if err := testutil.GatherAndCompare(w.metrics.registry, strings.NewReader(want), names...); err != nil {
			t.Error(err)
		}
		if n, err := testutil.GatherAndCount(w.metrics.registry, "ecs_sd_api_attempt_duration_seconds"); n != 2 || err != nil {
			t.Errorf("%d histograms: %v", n, err)
		}
		if problems, err := testutil.GatherAndLint(w.metrics.registry); len(problems) > 0 || err != nil {
			t.Error(problems, err)
		}
	})
}

// TestKnownHosts verifies that requests for unknown host names are rejected, which prevents DNS rebinding.
func TestKnownHosts(t *testing.T) {
	t.Parallel()
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	handler := rejectUnknownHosts(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "sd.corp.example:9465", []string{"prometheus-sd.monitoring.svc"})
	for host, want := range map[string]int{
		"127.0.0.1:9465": 200, "127.0.0.1": 200, "[::1]:9465": 200, "10.0.0.1": 200, "localhost:9465": 200, "LOCALHOST": 200, "sd.corp.example:9465": 200,
		"prometheus-sd.monitoring.svc:9465": 200, "prometheus-sd.monitoring.svc.": 200, own + ":9465": 200,
		"evil.example": 421, "evil.example:9465": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421, "": 421, "127.0.0.1@evil.example": 421, "a\x1b[2J": 421,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/sd", nil)
		r.Host = host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != want || strings.Contains(w.Body.String(), "\x1b") {
			t.Errorf("%q: %d %s, want %d", host, w.Code, w.Body, want)
		}
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, tt := range []struct {
			method, path string
			code         int
		}{
			{http.MethodGet, "/", http.StatusOK},
			{http.MethodGet, "/metrics", http.StatusOK},
			{http.MethodPost, "/sd", http.StatusMethodNotAllowed},
			{http.MethodGet, "/sd/", http.StatusNotFound},
		} {
			r := httptest.NewRecorder()
			w.handler().ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, nil))
			if r.Code != tt.code {
				t.Errorf("%s %s: %d, want %d", tt.method, tt.path, r.Code, tt.code)
			}
		}
	})
}
