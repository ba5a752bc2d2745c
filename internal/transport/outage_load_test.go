package transport

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// troubles are the ways in which the simulated service can be down.
var troubles = map[string]roundTripper{
	"refused": func(int, *http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	},
	"reset": func(int, *http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	},
	"503": func(int, *http.Request) (*http.Response, error) {
		return respond(503, codeBody("ServiceUnavailable")), nil
	},
	"DNS failure": func(int, *http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "ecs.test", IsTemporary: true}}
	},
}

// outageLoad is a simulation in virtual time: each worker makes its calls one after the other, each of
// which takes 20 ms. The service is down for a while, starting 100 ms after the start. A worker stops at its first
// failed call.
type outageLoad struct {
	trouble  roundTripper
	down     time.Duration
	workers  int
	pages    int // number of calls of each worker
	patient  bool
	requests int
}

const outageStart = 100 * time.Millisecond

// run returns how many workers finished all their calls.
func (l *outageLoad) run(t *testing.T) (complete int) {
	t.Helper()
	start := time.Now()
	var requests, finished atomic.Int32
	g := newRig(func(n int, r *http.Request) (*http.Response, error) {
		requests.Add(1)
		since := time.Since(start)
		time.Sleep(20 * time.Millisecond)
		if since >= outageStart && since < outageStart+l.down {
			return l.trouble(n, r)
		}
		return respond(200, good), nil
	}, func(c *Config) { c.Retry, c.Logger, c.OnAttempt = Policy{}, nil, nil })
	var wg sync.WaitGroup
	for w := range l.workers {
		wg.Go(func() {
			time.Sleep(time.Duration(w) * time.Millisecond)
			if l.pages == 1 {
				time.Sleep(outageStart) // a single call that starts with the outage
			}
			for range l.pages {
				c := call()
				c.Patient = l.patient
				if _, err := g.Do(t.Context(), c); err != nil {
					return
				}
			}
			finished.Add(1)
		})
	}
	wg.Wait()
	l.requests = int(requests.Load())
	return int(finished.Load())
}

// TestOutages checks how long an outage may last for calls and listings to succeed.
func TestOutages(t *testing.T) {
	t.Parallel()
	factor := 3
	if testing.Short() {
		factor = 1
	}
	for _, tt := range []struct {
		name  string
		runs  int
		load  outageLoad
		down  []time.Duration
		share []int // minimum percentage of workers that complete
	}{
		{"single call", 10, outageLoad{workers: 1, pages: 1}, []time.Duration{200 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}, []int{100, 100, 100, 100, 0}},
		{"64 single calls", 1, outageLoad{workers: 64, pages: 1}, []time.Duration{200 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second}, []int{100, 100, 100, 100}},
		{"listing", 4, outageLoad{workers: 1, pages: 20, patient: true}, []time.Duration{300 * time.Millisecond, 3 * time.Second, 15 * time.Second, 25 * time.Second}, []int{100, 100, 100, 90}},
		{"64 workers", 1, outageLoad{workers: 64, pages: 12, patient: true}, []time.Duration{200 * time.Millisecond, 3 * time.Second, 10 * time.Second, 15 * time.Second, 25 * time.Second}, []int{100, 100, 100, 100, 90}},
	} {
		for trouble, serve := range troubles {
			t.Run(tt.name+"/"+trouble, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && trouble != "refused" {
					t.Skip("one trouble is enough")
				}
				runs := factor * tt.runs
				for i, down := range tt.down {
					complete, requests := 0, 0
					for range runs {
						synctest.Test(t, func(t *testing.T) {
							load := tt.load
							load.trouble, load.down = serve, down
							complete += load.run(t)
							requests += load.requests
						})
					}
					share := 100 * complete / (runs * tt.load.workers)
					t.Logf("down for %v: %d %% complete, %.1f requests per run", down, share, float64(requests)/float64(runs))
					if share < tt.share[i] {
						t.Errorf("down for %v: only %d %% complete, want %d", down, share, tt.share[i])
					}
				}
			})
		}
	}
}

// TestDeadServer checks how many requests are sent to a server that never responds properly.
func TestDeadServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		callers, calls int // number of calls of each caller
		patient        bool
		limit          float64 // requests per call
	}{
		{"one caller", 1, 1000, false, 1.26},
		{"20 callers, 200 calls", 20, 10, false, 1.6},
		{"64 callers", 64, 50, false, 1.26},
		{"one listing at a time", 1, 500, true, 1.31},
		{"64 workers", 64, 20, true, 1.31},
	} {
		for trouble, serve := range troubles {
			t.Run(tt.name+"/"+trouble, func(t *testing.T) {
				t.Parallel()
				if testing.Short() && trouble != "refused" {
					t.Skip("one trouble is enough")
				}
				synctest.Test(t, func(t *testing.T) {
					g := newRig(serve, func(c *Config) { c.Retry, c.Logger, c.OnAttempt = Policy{}, nil, nil })
					start := time.Now()
					var wg sync.WaitGroup
					for range tt.callers {
						wg.Go(func() {
							for range tt.calls {
								c := call()
								c.Patient = tt.patient
								_, err := g.Do(t.Context(), c)
								var f *Failure
								if !errors.As(err, &f) || f.Class&Unavailable == 0 {
									t.Error(err)
								}
							}
						})
					}
					wg.Wait()
					perCall := float64(len(g.requests)) / float64(tt.callers*tt.calls)
					t.Logf("%d requests for %d calls: %.2f per call, in %v", len(g.requests), tt.callers*tt.calls, perCall, time.Since(start).Round(time.Second))
					if perCall > tt.limit {
						t.Errorf("%.2f requests per call, want at most %.2f", perCall, tt.limit)
					}
				})
			})
		}
	}
}
