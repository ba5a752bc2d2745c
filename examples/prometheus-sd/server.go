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

const index = `Prometheus service discovery for the ECS instances of an Alibaba Cloud account

  /sd       the targets, for http_sd_configs
  /metrics  the server's own metrics
  /healthz  status 200 while the list is up to date
`

// handler returns the HTTP handler of the server.
func (d *discovery) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, index) })
	mux.HandleFunc("GET /sd", d.serveList)
	mux.HandleFunc("GET /healthz", d.serveHealth)
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics.registry, promhttp.HandlerOpts{}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff") // an instance name in the list may contain HTML
		mux.ServeHTTP(w, r)
	})
}

// rejectUnknownHosts returns a handler that rejects requests for unknown host names. Without this check, a web page
// could read the list of targets through a visitor's browser (DNS rebinding).
func rejectUnknownHosts(next http.Handler, listen string, allowed []string) http.Handler {
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
			http.Error(w, "host name not allowed: to allow it, start the server with -allow-host NAME", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveList serves the list of targets, even if the list is old. If serveList returned an error instead, Prometheus
// would have no targets after a restart.
func (d *discovery) serveList(w http.ResponseWriter, _ *http.Request) {
	if !d.isReady() {
		http.Error(w, "there is no list of targets yet: see /healthz", http.StatusServiceUnavailable)
		return
	}
	list, _ := d.targets()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(list)
}

// serveHealth reports the age of the list of targets and the regions that could not be listed.
func (d *discovery) serveHealth(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	code, text := d.health(now)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	fmt.Fprint(w, text)
}

func (d *discovery) health(now time.Time) (code int, text string) {
	places, _ := d.status()
	newest, failed := d.started, 0
	for _, s := range places {
		if s.read.After(newest) {
			newest = s.read
		}
		if s.err != nil {
			failed++
		}
	}
	_, summaries := d.targets()
	targets := 0
	for _, sum := range summaries {
		targets += sum.targets
	}
	var lines strings.Builder
	code = http.StatusServiceUnavailable
	switch {
	case !d.isReady() && failed == 0:
		lines.WriteString("starting: the regions are being listed for the first time\n")
	case !d.isReady():
		lines.WriteString("not ready: there is no list of targets yet\n")
	case now.Sub(newest) > d.staleAfter:
		fmt.Fprintf(&lines, "stale: no region could be listed for %[2]s; the old list of %[1]d targets is still served\n", targets, age(newest, now))
	default:
		code = http.StatusOK
		fmt.Fprintf(&lines, "ok: %d targets in %d regions, listed %s ago\n", targets, len(summaries), age(newest, now))
	}
	for _, where := range slices.SortedFunc(maps.Keys(places), place.compare) {
		s := places[where]
		if s.err == nil {
			continue
		}
		known := "not listed yet"
		switch {
		case where.region == "":
			known = "the regions that are already known are still listed"
		case !s.read.IsZero():
			known = "listed " + age(s.read, now).String() + " ago"
		}
		if n := summaries[where].targets; n > 0 {
			known = fmt.Sprintf("%s; the list keeps the region's %d targets", known, n)
		}
		fmt.Fprintf(&lines, "failed: %s: %s (%s)\n", terminal.Printable(where.String()), terminal.Printable(failure.Text(s.err)), known)
	}
	return code, lines.String()
}

func age(then, now time.Time) time.Duration { return now.Sub(then).Round(time.Second) }
