package ecs_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// fault is an entry in the fault catalog. It describes a fault of a server, the network or a caller, and contains a
// test of how the client handles the fault.
type fault struct {
	id, name, what string
	run            func(t *testing.T, v variant)
	once           bool   // run only the first variant, because the signer and the http.Client make no difference
	real           bool   // run in real time instead of virtual time
	alone          bool   // do not run in parallel, because the case measures the memory of the process
	not            string // if not empty, the reason why the case cannot be run
}

func (f fault) String() string { return f.id + "_" + f.name }

// faults is the fault catalog, ordered by id.
var faults = slices.Concat(transportFaults, once(httpFaults), once(apiFaults), once(throttleFaults), clockFaults, once(pageFaults), bodyFaults, cancelFaults, credentialFaults, securityFaults, moreFaults)

// once marks faults that are tested with a single variant, because the signer and the http.Client make no difference.
func once(faults []fault) []fault {
	for i := range faults {
		faults[i].once = true
	}
	return faults
}

// survived maps the id of a fault to the result of the fault's test: "yes" if the test passed, "NO" if it failed, or
// "not run: " followed by a reason.
var survived sync.Map

// TestFault runs the test of every fault in the catalog. Tests that measure memory run alone, and all other tests run
// in parallel.
func TestFault(t *testing.T) { //nolint:paralleltest // some cases measure the memory of the process; the others run in parallel
	seen := map[string]bool{}
	for _, f := range faults {
		if seen[f.id] {
			t.Errorf("two cases with the id %s", f.id)
		}
		seen[f.id] = true
		t.Run(f.String(), func(t *testing.T) {
			if f.not != "" {
				survived.Store(f.id, "not run: "+f.not)
				t.Skip(f.not)
			}
			if !f.alone {
				t.Parallel()
			}
			t.Cleanup(func() {
				survived.Store(f.id, map[bool]string{true: "NO", false: "yes"}[t.Failed()])
			})
			for i, v := range variants {
				if i > 0 && (f.once || testing.Short()) {
					break
				}
				t.Run(v.name, func(t *testing.T) {
					if !f.alone {
						t.Parallel()
					}
					if f.real {
						v.bubble = false
						f.run(t, v)
						return
					}
					synctest.Test(t, func(t *testing.T) { f.run(t, v) })
				})
			}
		})
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if testing.Verbose() {
		printSurvived(os.Stdout)
	}
	os.Exit(code)
}

// printSurvived prints a table of the faults with the result of each fault's test.
func printSurvived(w io.Writer) {
	run, yes := 0, 0
	for _, f := range faults {
		outcome, ok := survived.Load(f.id)
		if !ok {
			continue
		}
		if run++; run == 1 {
			fmt.Fprintf(w, "\n%-4s %-100s %s\n", "id", "fault", "survived")
		}
		if outcome == "yes" {
			yes++
		}
		fmt.Fprintf(w, "%-4s %-100s %s\n", f.id, f.what, outcome)
	}
	if run > 0 {
		fmt.Fprintf(w, "%d of %d survived\n", yes, run)
	}
}

// succeeds makes a call and fails the test unless the call succeeds after exactly the given number of attempts.
func (g *rig) succeeds(attempts int) *ecs.DescribeInstancesResponse {
	g.Helper()
	before := g.requestCount()
	resp, err := g.get(g.Context())
	if err != nil {
		g.Fatal(err)
	}
	if n := g.requestCount() - before; n != attempts {
		g.Errorf("%d attempts, want %d", n, attempts)
	}
	if len(resp.Instances) != 1 || resp.Instances[0].InstanceID != "i-000000" || resp.Instances[0].CPU != 4 {
		g.Errorf("the page is %+v", resp)
	}
	return resp
}

// fails makes a call and fails the test unless the call fails after exactly the given number of attempts; -1 means any
// number.
func (g *rig) fails(ctx context.Context, attempts int) *ecs.Error {
	g.Helper()
	before := g.requestCount()
	_, err := g.get(ctx)
	if n := g.requestCount() - before; attempts >= 0 && n != attempts {
		g.Errorf("%d attempts, want %d: %v", n, attempts, err)
	}
	e, ok := errorAs[*ecs.Error](err)
	if !ok {
		g.Fatalf("%T: %v", err, err)
	}
	if text := e.Error(); len(text) > 64<<10 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) || !strings.HasPrefix(text, "ecs: DescribeInstances in cn-test: ") {
		g.Errorf("%q", text)
	}
	return e
}

// isTimeout reports whether err is a net.Error that is a timeout.
func isTimeout(err error) bool {
	e, ok := errorAs[net.Error](err)
	return ok && e.Timeout()
}

func (g *rig) within(most string) {
	g.Helper()
	if took := g.elapsed(); took > duration(most) {
		g.Errorf("took %v, want at most %v", took, most)
	}
}
