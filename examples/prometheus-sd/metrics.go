package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

// metrics are those of the discovery itself. The label account is empty with the default credentials.
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
		}, []string{"account", "region", "kind"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ecs_sd_api_attempts_total", Help: "HTTP requests to the API, retries included, by result: ok or the kind of failure.",
		}, []string{"account", "action", "region", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ecs_sd_api_attempt_duration_seconds", Help: "How long an HTTP request to the API took, until its whole response was read.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"action"}),
	}
	m.registry.MustRegister(m.duration, m.failures, m.attempts, m.latency, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// attempt counts one request to the API, see ecs.Options.OnAttempt.
func (m *metrics) attempt(account string, a ecs.Attempt) {
	result := "ok"
	if a.Err != nil {
		result = string(failure.KindOf(a.Err))
	}
	m.attempts.WithLabelValues(account, a.Action, a.Region, result).Inc()
	m.latency.WithLabelValues(a.Action).Observe(a.Duration.Seconds())
}

// Describe implements [prometheus.Collector].
func (d *discovery) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(d, ch) }

// Collect implements [prometheus.Collector]. The list is read when its metrics are asked for, so that no region is shown that is
// gone, and the ages are current.
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
	for where, sum := range s.regions {
		labels := prometheus.Labels{"account": where.account, "region": where.region}
		gauge("ecs_sd_targets", "Targets in the list.", float64(sum.targets), labels)
		gauge("ecs_sd_unreachable_instances", "Instances without an address, which are not in the list.", float64(sum.unreachable), labels)
		gauge("ecs_sd_region_age_seconds", "Time since the region's part of the list was read.", now.Sub(sum.read).Seconds(), labels)
	}
}
