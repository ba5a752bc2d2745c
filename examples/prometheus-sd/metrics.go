package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
)

// metrics contains the metrics of this program. The label account is empty for the default credentials.
type metrics struct {
	registry *prometheus.Registry
	failures *prometheus.CounterVec
	attempts *prometheus.CounterVec
	latency  *prometheus.HistogramVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ecs_sd_refresh_failures_total", Help: "Number of incomplete listings, by region and kind of failure. The region is empty if the list of regions could not be retrieved.",
		}, []string{"account", "region", "kind"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ecs_sd_api_attempts_total", Help: "Number of HTTP requests to the API, including retries. The result is ok or the kind of failure.",
		}, []string{"account", "action", "region", "result"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ecs_sd_api_attempt_duration_seconds", Help: "Duration of an HTTP request to the API, including reading the response.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"action"}),
	}
	m.registry.MustRegister(m.failures, m.attempts, m.latency, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// attempt counts an HTTP request to the API.
func (m *metrics) attempt(a ecs.Attempt) {
	result := "ok"
	if a.Err != nil {
		result = string(failure.KindOf(a.Err))
	}
	m.attempts.WithLabelValues(selection.AccountOf(a.Context), a.Action, a.Region, result).Inc()
	m.latency.WithLabelValues(a.Action).Observe(a.Duration.Seconds())
}

// Describe implements [prometheus.Collector].
func (d *discovery) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(d, ch) }

// Collect implements [prometheus.Collector]. It computes the current values of all metrics.
func (d *discovery) Collect(ch chan<- prometheus.Metric) {
	if !d.isReady() {
		return
	}
	now := time.Now()
	gauge := func(name, help string, value float64, labels prometheus.Labels) {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, value)
	}
	places, complete := d.status()
	if !complete.IsZero() {
		gauge("ecs_sd_list_age_seconds", "Time since the last complete listing of all regions.", now.Sub(complete).Seconds(), nil)
	}
	_, summaries := d.targets()
	for where, s := range places {
		if where.region == "" {
			continue
		}
		labels := prometheus.Labels{"account": where.account, "region": where.region}
		gauge("ecs_sd_targets", "Number of targets in the list.", float64(summaries[where].targets), labels)
		gauge("ecs_sd_unreachable_instances", "Number of instances that are not in the list because they have no address.", float64(summaries[where].unreachable), labels)
		if !s.read.IsZero() {
			gauge("ecs_sd_region_age_seconds", "Time since the region was last listed.", now.Sub(s.read).Seconds(), labels)
		}
	}
}
