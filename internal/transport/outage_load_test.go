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

// troubles contains the ways in which the simulated service fails. Each way has a name and a function that handles the
// requests.
var troubles = map[string]roundTripper{
	"refused": func(int, *http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	},
	"503": func(int, *http.Request) (*http.Response, error) {
		return respond(503, codeBody("ServiceUnavailable")), nil
	},
}

// outageLoad simulates workers that make calls while the service fails for some time. The simulation uses virtual time.
// A worker stops at its first failed call.
type outageLoad struct {
	trouble  roundTripper
	down     time.Duration
	workers  int
	pages    int // number of calls per worker
	patient  bool
	requests int
}

const outageStart = 100 * time.Millisecond

// run runs the simulation and returns the number of workers that finished all their calls.
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
				time.Sleep(outageStart) // a worker's only call starts when the outage starts
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

// TestOutages checks what percentage of the workers finish all their calls, although the service fails for some time.
func TestOutages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		runs  int
		load  outageLoad
		down  []time.Duration
		share []int // minimum percentage of workers that finish all their calls
	}{
		{"single call", 30, outageLoad{workers: 1, pages: 1}, []time.Duration{200 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}, []int{100, 100, 100, 100, 0}},
		{"64 single calls", 1, outageLoad{workers: 64, pages: 1}, []time.Duration{200 * time.Millisecond, time.Second, 2 * time.Second, 3 * time.Second}, []int{100, 100, 100, 100}},
		{"listing", 10, outageLoad{workers: 1, pages: 20, patient: true}, []time.Duration{300 * time.Millisecond, 3 * time.Second, 15 * time.Second, 25 * time.Second}, []int{100, 100, 100, 90}},
		{"64 workers", 1, outageLoad{workers: 64, pages: 6, patient: true}, []time.Duration{200 * time.Millisecond, 3 * time.Second, 10 * time.Second, 15 * time.Second, 25 * time.Second}, []int{100, 100, 100, 100, 90}},
	} {
		for trouble, serve := range troubles {
			if testing.Short() && trouble != "refused" {
				continue
			}
			t.Run(tt.name+"/"+trouble, func(t *testing.T) {
				t.Parallel()
				for i, down := range tt.down {
					complete, requests := 0, 0
					for range tt.runs {
						synctest.Test(t, func(t *testing.T) {
							load := tt.load
							load.trouble, load.down = serve, down
							complete += load.run(t)
							requests += load.requests
						})
					}
					share := 100 * complete / (tt.runs * tt.load.workers)
					t.Logf("down for %v: %d %% complete, %.1f requests per run", down, share, float64(requests)/float64(tt.runs))
					if share < tt.share[i] {
						t.Errorf("down for %v: only %d %% of the workers finished, want %d %%", down, share, tt.share[i])
					}
				}
			})
		}
	}
}

// TestDeadServer checks how many requests a server receives if it never recovers. The maximum is one request per call,
// one retry per five calls, and retryBudget further retries.
func TestDeadServer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		callers, calls int // number of calls per caller
		patient        bool
	}{
		{"one caller", 1, 500, false},
		{"20 callers", 20, 10, false},
		{"64 callers", 64, 10, false},
		{"one listing at a time", 1, 300, true},
		{"64 workers", 64, 6, true},
	} {
		for trouble, serve := range troubles {
			if testing.Short() && trouble != "refused" {
				continue
			}
			t.Run(tt.name+"/"+trouble, func(t *testing.T) {
				t.Parallel()
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
					calls := tt.callers * tt.calls
					t.Logf("%d requests for %d calls in %v", len(g.requests), calls, time.Since(start).Round(time.Second))
					if most := calls + calls/5 + retryBudget; len(g.requests) > most {
						t.Errorf("%d requests for %d calls, want at most %d", len(g.requests), calls, most)
					}
				})
			})
		}
	}
}
