package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

const (
	scanWorkers = 16
	// farLatency is the latency of calls to a distant region. Compared with this latency, the CPU time of the client
	// and the server is negligible.
	farLatency = 300 * time.Millisecond
)

// scans measures how long scans of a distant region take (target 2), and how many connections they open (target 7).
func (b *bench) scans(ctx context.Context) error {
	for _, s := range []struct {
		fleet           int
		limit, requests float64
	}{{10_000, 1.45, 1.25}, {50_000, 1.2, 1.1}} {
		bursty := setup{Kind: typical, Fleet: s.fleet, Latency: farLatency, Bursts: true}
		wall, seen, err := b.listing(bursty, func(c *ecs.Client) iter.Seq2[ecs.Instance, error] {
			return c.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: scanWorkers})
		})
		if err != nil {
			return err
		}
		pages := float64(s.fleet / pageSize)
		what := fmt.Sprintf("%s instances in bursts at 300 ms, %s", number(float64(s.fleet)), scanName(scanWorkers))
		b.rows = append(b.rows,
			row{target: "2", what: what, unit: "ms", ours: series{float64(wall) / ms}, peer: series{pages / scanWorkers * float64(farLatency) / ms}, name: "pages ÷ workers × latency", limit: s.limit},
			row{target: "2", what: what + ", requests per page", ours: series{float64(seen.Requests) / pages}, limit: s.requests})
	}
	if err := b.largeRegion(ctx); err != nil {
		return err
	}
	const many = 64
	_, seen, err := b.listing(setup{Kind: typical, Fleet: fleet, Latency: 20 * time.Millisecond}, func(c *ecs.Client) iter.Seq2[ecs.Instance, error] {
		return c.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: many})
	})
	b.rows = append(b.rows, row{target: "7", what: "10,000 instances at 20 ms, " + scanName(many) + ", connections", ours: series{float64(seen.Connections)}, limit: many + 1})
	return err
}

// largeRegion compares a listing of 30 regions, one of which contains almost all instances, with a scan of only that
// region.
func (b *bench) largeRegion(ctx context.Context) error {
	bursty := setup{Kind: typical, Fleet: 20_000, Latency: farLatency, Bursts: true, Elsewhere: 50}
	alone, _, err := b.listing(bursty, func(c *ecs.Client) iter.Seq2[ecs.Instance, error] {
		return c.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: scanWorkers})
	})
	if err != nil {
		return err
	}
	regions := []string{region}
	for i := range 29 {
		regions = append(regions, fmt.Sprintf("cn-region-%d", i))
	}
	all, _, err := b.listing(bursty, func(c *ecs.Client) iter.Seq2[ecs.Instance, error] {
		return c.InstancesInRegions(ctx, regions, ecs.DescribeInstancesRequest{}, &ecs.RegionsOptions{Workers: scanWorkers})
	})
	b.rows = append(b.rows, row{
		target: "2", what: "30 regions at 300 ms, one with 20,000 instances, 16 workers", unit: "ms",
		ours: series{float64(all) / ms}, peer: series{float64(alone) / ms}, name: "a scan of that region alone", limit: 1.3,
	})
	return err
}

// listing lists all instances of a server with a new client. It returns the duration of the listing, and the numbers of
// requests and connections that the server counted.
func (b *bench) listing(s setup, list func(*ecs.Client) iter.Seq2[ecs.Instance, error]) (time.Duration, counts, error) {
	if _, err := b.set(s); err != nil {
		return 0, counts{}, err
	}
	client := newOurs(b.url, nil)
	defer client.CloseIdleConnections()
	n := 0
	start := time.Now()
	for _, err := range list(client) {
		if err != nil {
			return 0, counts{}, err
		}
		n++
	}
	wall := time.Since(start)
	if n < s.Fleet {
		return 0, counts{}, fmt.Errorf("%d instances of %d", n, s.Fleet)
	}
	seen, err := b.set(s)
	return wall, seen, err
}

// lookups measures target 8: the number of requests sent for many concurrent calls of GetInstance.
func (b *bench) lookups(ctx context.Context) error {
	const calls = 500
	var transport echo
	client := newOurs("http://127.0.0.1:1", &ecs.Options{HTTPClient: httpClient(&transport)})
	err := each(calls, calls, func(i int) error {
		_, err := client.GetInstance(ctx, fmt.Sprintf("i-%020d", i))
		return err
	})
	b.rows = append(b.rows, row{target: "8", what: "500 concurrent GetInstance calls, requests", ours: series{float64(transport.requests.Load())}, limit: 7})
	return err
}

// echo is an http.RoundTripper that responds to a DescribeInstances request with one instance for each requested id.
type echo struct{ requests atomic.Int64 }

func (e *echo) RoundTrip(r *http.Request) (*http.Response, error) {
	e.requests.Add(1)
	select {
	case <-time.After(20 * time.Millisecond):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	var ids []string
	if err := json.Unmarshal([]byte(r.URL.Query().Get("InstanceIds")), &ids); err != nil {
		return nil, err
	}
	body := []byte(`{"Instances":{"Instance":[`)
	for i, id := range ids {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"InstanceId":%q}`, id)
	}
	body = append(body, `]}}`...)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}
