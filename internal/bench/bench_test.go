package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverEnv) != "" {
		if err := serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

func newServer(tb testing.TB, to setup) *server {
	tb.Helper()
	s, err := startServer(context.WithoutCancel(tb.Context())) // the server ends when its input is closed
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.close(); err != nil {
			tb.Error(err)
		}
	})
	if _, err := s.set(to); err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestPages checks that both SDKs decode the benchmark's pages to the same instances, and that the pages match their
// description in README.md.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind                    string
		bytes, interfaces, tags int
	}{
		{kind: full, bytes: 393_000, interfaces: 2, tags: 5},
		{kind: typical, bytes: 253_000, interfaces: 1, tags: 4},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			text, err := body(tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			if second, _ := body(tt.kind); string(second) != string(text) {
				t.Error("newInstances returned a different page the second time")
			}
			if n := len(text); n < tt.bytes*99/100 || n > tt.bytes*101/100 {
				t.Errorf("%d bytes, want about %d", n, tt.bytes)
			}
			var ours struct {
				Instances struct{ Instance []ecs.Instance }
			}
			if err = json.Unmarshal(text, &ours); err != nil {
				t.Fatal(err)
			}
			oldClient := newOld("http://127.0.0.1:1", fixedResponse{text})
			answer, err := oldClient.DescribeInstances(oldClient.request(""))
			if err != nil {
				t.Fatal(err)
			}
			oldPage := answer.Instances.Instance
			if len(ours.Instances.Instance) != pageSize || len(oldPage) != pageSize {
				t.Fatalf("%d and %d instances, want %d", len(ours.Instances.Instance), len(oldPage), pageSize)
			}
			ids := map[string]bool{}
			for i, inst := range ours.Instances.Instance {
				ids[inst.InstanceID] = true
				if len(inst.NetworkInterfaces) != tt.interfaces || len(inst.Tags) != tt.tags || len(inst.Extra) != 0 {
					t.Errorf("instance %d: %d interfaces, %d tags, unknown %v", i, len(inst.NetworkInterfaces), len(inst.Tags), inst.Extra)
				}
				o := oldPage[i]
				if inst.InstanceID != o.InstanceId || inst.Memory != o.Memory || inst.NetworkInterfaces[0].MACAddress != o.NetworkInterfaces.NetworkInterface[0].MacAddress ||
					inst.Tags[1].Value != o.Tags.Tag[1].TagValue || inst.CreationTime.Format(createdLayout) != o.CreationTime {
					t.Errorf("instance %d: ours %+v, old %+v", i, inst, o)
				}
			}
			if len(ids) != pageSize {
				t.Errorf("%d ids on a page of %d", len(ids), pageSize)
			}
		})
	}
}

// TestFullPageIsFull checks that a full page has every field of the sample in the API's documentation.
func TestFullPageIsFull(t *testing.T) {
	t.Parallel()
	paths := func(text []byte) map[string]bool {
		var v struct{ Instances struct{ Instance []any } }
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		all := map[string]bool{}
		var walk func(at string, v any)
		walk = func(at string, v any) {
			all[at] = true
			switch v := v.(type) {
			case map[string]any:
				for name, member := range v {
					walk(at+"."+name, member)
				}
			case []any:
				for _, element := range v {
					walk(at+"[]", element)
				}
			}
		}
		walk("", v.Instances.Instance[0])
		return all
	}
	sample, err := os.ReadFile("../../ecs/testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := body(full)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := paths(text), paths(sample); !reflect.DeepEqual(got, want) {
		t.Errorf("fields differ from the sample's:\n%v\n%v", got, want)
	}
}

// TestServer checks that a listing yields every instance exactly once, whether the bounds of time filters are inclusive
// or exclusive.
func TestServer(t *testing.T) {
	t.Parallel()
	for _, exclusive := range []bool{false, true} {
		for _, n := range []int{1, 100, 1234} {
			t.Run(fmt.Sprintf("%d instances, exclusive %v", n, exclusive), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, setup{Kind: typical, Fleet: n, Exclusive: exclusive})
				client := newOurs(s.url, nil)
				defer client.CloseIdleConnections()
				var want []string
				for i := range n {
					want = append(want, "i-bp1"+string(appendID(nil, mix(uint64(i+1)))))
				}
				slices.Sort(want)
				for _, way := range streams(t.Context(), client) {
					all, err := collect(way.items)
					if err != nil {
						t.Fatalf("%s: %v", way.name, err)
					}
					var got []string
					for _, inst := range all {
						got = append(got, inst.InstanceID)
					}
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Errorf("%s: %d instances, not the fleet of %d, each once", way.name, len(got), len(want))
					}
				}
				all, err := newOld(s.url, nil).list()
				if err != nil || len(all) != n {
					t.Errorf("old SDK: %d instances, %v, want %d", len(all), err, n)
				}
				seen, err := s.set(setup{Kind: typical, Fleet: 1})
				if err != nil || seen.Requests < 4 || seen.Connections < 2 {
					t.Errorf("counted %+v, %v", seen, err)
				}
			})
		}
	}
}

// TestServerWindows checks the instances and the TotalCount that a filter by creation time returns.
func TestServerWindows(t *testing.T) {
	t.Parallel()
	for _, exclusive := range []bool{false, true} {
		s := newServer(t, setup{Kind: typical, Fleet: 500, Exclusive: exclusive})
		client := newOurs(s.url, nil)
		a := api{setup: setup{Fleet: 500}}
		after, before := a.created(100), a.created(300)
		req := ecs.DescribeInstancesRequest{CreatedAfter: after, CreatedBefore: before}
		all, err := collect(client.Instances(t.Context(), req))
		if err != nil {
			t.Fatal(err)
		}
		want := 201
		if exclusive {
			want = 199
		}
		req.PageNumber, req.PageSize = 1, 1
		counted, err := client.DescribeInstances(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != want || counted.TotalCount != want || len(counted.Instances) != 1 {
			t.Errorf("exclusive %v: %d instances, TotalCount %d, want %d", exclusive, len(all), counted.TotalCount, want)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		number float64
		want   string
	}{{0, "0"}, {0.0404, "0.040"}, {0.5, "0.50"}, {2, "2"}, {12.34, "12.3"}, {999, "999"}, {1234.5, "1,234"}, {1234567, "1,234,567"}} {
		if got := number(tt.number); got != tt.want {
			t.Errorf("number(%v) = %q, want %q", tt.number, got, tt.want)
		}
	}
	if got, want := figure(series{3, 1, 2}, "ms"), "2 ms (1–3)"; got != want {
		t.Errorf("figure = %q, want %q", got, want)
	}
}

// cpu is the body of a benchmark that runs work b.N times. It also reports the CPU time per operation.
func cpu(b *testing.B, work func() error) {
	b.ReportAllocs()
	start := cpuTime()
	for b.Loop() {
		if err := work(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/op")
}

func BenchmarkPage(b *testing.B) {
	for _, kind := range []string{full, typical} {
		text, err := body(kind)
		if err != nil {
			b.Fatal(err)
		}
		s := newServer(b, setup{Kind: kind, Fleet: fleet})
		for _, from := range []struct {
			name string
			http bool
		}{{"http", true}, {"memory", false}} {
			ours, old, bytes := page(b.Context(), s.url, fixedResponse{text})
			if from.http {
				ours, old, bytes = page(b.Context(), s.url, nil)
			}
			for _, c := range []struct {
				name string
				call func(string) error
			}{{"ours", ours}, {"old", old}, {"bytes", bytes}} {
				b.Run(kind+"/"+from.name+"/"+c.name, func(b *testing.B) {
					b.SetBytes(int64(len(text)))
					i := 0
					cpu(b, func() error {
						i++
						return c.call(tokenOf(i * pageSize % fleet))
					})
				})
			}
		}
	}
}

func BenchmarkListing(b *testing.B) {
	s := newServer(b, setup{Kind: full, Fleet: fleet})
	client, oldClient := newOurs(s.url, nil), newOld(s.url, nil)
	for _, latency := range []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond} {
		if _, err := s.set(setup{Kind: full, Fleet: fleet, Latency: latency}); err != nil {
			b.Fatal(err)
		}
		at := latency.String() + "/"
		b.Run(at+"old", func(b *testing.B) {
			cpu(b, func() error {
				_, err := oldClient.list()
				return err
			})
		})
		for _, way := range streams(b.Context(), client) {
			b.Run(at+way.name, func(b *testing.B) {
				cpu(b, func() error {
					_, err := collect(way.items)
					return err
				})
			})
		}
	}
}

func BenchmarkLiveHeap(b *testing.B) {
	const n = 20_000
	s := newServer(b, setup{Kind: full, Fleet: n})
	for _, way := range streams(b.Context(), newOurs(s.url, nil)) {
		b.Run(way.name, func(b *testing.B) {
			most := 0.0
			for b.Loop() {
				all, err := heapWhile(way.items, n)
				if err != nil {
					b.Fatal(err)
				}
				most = max(most, all.most())
			}
			b.ReportMetric(most/mb, "live-MB")
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	const nowhere = "http://127.0.0.1:1"
	client, oldClient := newOurs(nowhere, &ecs.Options{Signer: stopper{}}), newOld(nowhere, nil)
	for _, w := range []struct {
		name string
		pair requestPair
	}{{"typical", typicalRequest()}, {"large", largeRequest()}} {
		b.Run(w.name+"/ours", func(b *testing.B) { cpu(b, func() error { return signOurs(b.Context(), client, w.pair) }) })
		b.Run(w.name+"/old", func(b *testing.B) { cpu(b, func() error { return oldClient.sign(w.pair) }) })
	}
}

// BenchmarkCall measures the cost of a call with an empty response.
func BenchmarkCall(b *testing.B) {
	const nowhere = "http://127.0.0.1:1"
	w, empty := typicalRequest(), fixedResponse{emptyPage}
	client, oldClient := newOurs(nowhere, &ecs.Options{HTTPClient: httpClient(empty)}), newOld(nowhere, empty)
	b.Run("ours", func(b *testing.B) {
		cpu(b, func() error {
			_, err := client.DescribeInstances(b.Context(), w.ours)
			return err
		})
	})
	b.Run("old", func(b *testing.B) { cpu(b, func() error { return oldClient.call(w) }) })
}

// BenchmarkInstance measures how long it takes to pass 10,000 instances through an iterator or a channel.
func BenchmarkInstance(b *testing.B) {
	text, err := body(full)
	if err != nil {
		b.Fatal(err)
	}
	page, err := newOurs("http://127.0.0.1:1", &ecs.Options{HTTPClient: httpClient(fixedResponse{text})}).DescribeInstances(b.Context(), ecs.DescribeInstancesRequest{MaxResults: pageSize})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		items iter.Seq2[ecs.Instance, error]
	}{
		{"iterator", repeatPage(page.Instances, fleet)},
		{"channel", throughChannel(b.Context(), repeatPage(page.Instances, fleet))},
	} {
		b.Run(c.name, func(b *testing.B) {
			cpu(b, func() error { return count(c.items) })
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/fleet, "ns/instance")
		})
	}
}
