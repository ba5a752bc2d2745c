package main

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const index = `Service discovery for Prometheus: the ECS instances of an Alibaba Cloud account

  /sd       the targets, for http_sd_configs
  /metrics  metrics of the discovery itself
  /healthz  200 while the list is fresh
`

// handler serves Prometheus.
func (d *discovery) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, index) })
	mux.HandleFunc("GET /sd", d.serveList)
	mux.HandleFunc("GET /healthz", d.serveHealth)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

// knownHosts passes on only requests for a host name that this server is known by. A web page whose own name leads to this
// server (DNS rebinding) could read the list through the browser of whoever looks at it.
func knownHosts(next http.Handler, listen string, allowed []string) http.Handler {
	known := map[string]bool{"localhost": true}
	for _, name := range allowed {
		known[strings.ToLower(name)] = true
	}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		known[strings.ToLower(host)] = true
	}
	if name, err := os.Hostname(); err == nil {
		known[strings.ToLower(name)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := strings.ToLower(r.Host)
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.TrimSuffix(host, ".")
		if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil && !known[host] {
			http.Error(w, "this server is not known by the name in the request: start it with -allow-host NAME", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveList responds with the last list, however old: with an error Prometheus would keep the targets too, but forget them
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
	for _, where := range slices.SortedFunc(maps.Keys(s.failed), place.compare) {
		known := "none of its instances is known"
		if sum, ok := s.regions[where]; ok {
			known = fmt.Sprintf("%d targets, read %s ago, stay in the list", sum.targets, age(sum.read, now))
		}
		if where.region == "" {
			known = "the list stays as it was"
		}
		fmt.Fprintf(&text, "failed: %s: %s (%s)\n", terminal.Printable(where.String()), terminal.Printable(failure.Text(s.failed[where])), known)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	fmt.Fprint(w, text.String())
}

func age(then, now time.Time) time.Duration { return now.Sub(then).Round(time.Second) }
