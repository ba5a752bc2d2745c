package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

const index = `Service discovery for Prometheus: the ECS instances of an Alibaba Cloud account

  /sd       the targets, for http_sd_configs
  /metrics  how the discovery itself fares
  /healthz  200 while the list is fresh
`

// handler answers Prometheus.
func (d *discovery) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, index) })
	mux.HandleFunc("GET /sd", d.serveList)
	mux.HandleFunc("GET /healthz", d.serveHealth)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

// serveList answers with the last good list, however old: Prometheus would do the same with an error, but forget the list
// when it restarts.
func (d *discovery) serveList(w http.ResponseWriter, _ *http.Request) {
	s := d.state.Load()
	if s == nil || s.list == nil {
		http.Error(w, "there is no list yet, see /healthz", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.list)
}

// serveHealth says how fresh the list is, and what could not be read.
func (d *discovery) serveHealth(w http.ResponseWriter, _ *http.Request) {
	s, now := d.state.Load(), time.Now()
	var text strings.Builder
	status := http.StatusOK
	switch {
	case s == nil:
		status = http.StatusServiceUnavailable
		text.WriteString("starting: the first list is being made\n")
		s = &state{}
	case s.list == nil:
		status = http.StatusServiceUnavailable
		text.WriteString("not ready: there is no list yet\n")
	case now.Sub(s.read) > d.staleAfter:
		status = http.StatusServiceUnavailable
		fmt.Fprintf(&text, "stale: %d targets, nothing could be read for %s; the old list is still served\n", s.targets(), age(s.read, now))
	default:
		fmt.Fprintf(&text, "ok: %d targets in %d regions, read %s ago\n", s.targets(), len(s.regions), age(s.read, now))
	}
	for _, name := range slices.Sorted(maps.Keys(s.failed)) {
		err := s.failed[name]
		known := "none of its instances is known"
		if sum, ok := s.regions[name]; ok {
			known = fmt.Sprintf("%d targets, read %s ago, stay in the list", sum.targets, age(sum.read, now))
		}
		if name == "" {
			name, known = "all", "the list stays as it was"
		}
		fmt.Fprintf(&text, "failed: %s: %s (%s)\n", name, selection.Text(err), known)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, text.String())
}

func age(then, now time.Time) time.Duration { return now.Sub(then).Round(time.Second) }

// metrics are what the discovery says of itself.
type metrics struct {
	registry *prometheus.Registry
	duration prometheus.Histogram
	failures *prometheus.CounterVec
	attempts *prometheus.CounterVec
	latency  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ecs_sd_refresh_duration_seconds", Help: "How long it took to read all regions.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 25, 60, 120, 300},
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ecs_sd_refresh_failures_total", Help: "Regions that could not be read, by kind of failure; without region: the list of regions.",
		}, []string{"region", "kind"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ecs_sd_api_attempts_total", Help: "HTTP requests to the API, retries included, by result: ok or the kind of failure.",
		}, []string{"action", "region", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ecs_sd_api_attempt_duration_seconds", Help: "How long an HTTP request to the API took, its whole answer included.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"action"}),
	}
	m.registry.MustRegister(m.duration, m.failures, m.attempts, m.latency, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// attempt counts one request to the API, see ecs.Options.OnAttempt.
func (m *metrics) attempt(a ecs.Attempt) {
	result := "ok"
	if a.Err != nil {
		result = selection.Kind(a.Err)
	}
	m.attempts.WithLabelValues(a.Action, a.Region, result).Inc()
	m.latency.WithLabelValues(a.Action).Observe(a.Duration.Seconds())
}

// Describe and Collect make the list a metric of its own: read when it is asked for, no region is shown that is gone, and
// ages are never old.
func (d *discovery) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(d, ch) }

// Collect implements prometheus.Collector.
func (d *discovery) Collect(ch chan<- prometheus.Metric) {
	s, now := d.state.Load(), time.Now()
	gauge := func(name, help string, value float64, labels prometheus.Labels) {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, value)
	}
	if s == nil {
		return
	}
	if !s.complete.IsZero() {
		gauge("ecs_sd_list_age_seconds", "Time since all regions were read.", now.Sub(s.complete).Seconds(), nil)
	}
	for name, sum := range s.regions {
		region := prometheus.Labels{"region": name}
		gauge("ecs_sd_targets", "Targets in the list.", float64(sum.targets), region)
		gauge("ecs_sd_unreachable_instances", "Instances without an address, which are not in the list.", float64(sum.unreachable), region)
		gauge("ecs_sd_region_age_seconds", "Time since the region's part of the list was read.", now.Sub(sum.read).Seconds(), region)
	}
}
