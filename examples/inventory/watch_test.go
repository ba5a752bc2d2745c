package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// watched runs the program with -watch for the given number of minutes of virtual time. In the meantime, change
// modifies the instances.
func watched(t *testing.T, args string, minutes int, change func(s *ecstest.Server)) (r result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := ecstest.NewPipeServer(fleet(2)...)
		defer s.Close()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r = world{server: s, ctx: ctx}.run(t, strings.Fields("-region cn-hangzhou -watch 30s "+args)...)
		}()
		synctest.Wait()
		change(s)
		time.Sleep(time.Duration(minutes) * time.Minute)
		cancel()
		<-done
	})
	return r
}

func withoutTimes(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		_, text, _ := strings.Cut(line, " ")
		b.WriteString(text)
	}
	return b.String()
}

// changeFleet adds, changes and removes an instance.
func changeFleet(s *ecstest.Server) {
	s.Put(ecs.Instance{InstanceID: "i-new", RegionID: "cn-hangzhou", InstanceName: "new"})
	s.Update("i-0001", func(i *ecs.Instance) { i.Status, i.InstanceName = ecs.InstanceStatusStopped, "db" })
	s.Delete("i-0000")
}

func TestWatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, args string
		change     func(s *ecstest.Server)
		want       string // expected lines of output, without their times
		stderr     string
	}{
		{
			"for a person", "-columns id,name", changeFleet,
			"+ i-0000  web-0\n+ i-0001  web-1\n~ i-0001  db  name: web-1 -> db, status: Running -> Stopped\n- i-0000  web-0\n+ i-new  new\n", "2 instances; watching for changes every 30s\n",
		},
		{"a change without a column", "-columns id", func(s *ecstest.Server) {
			s.Update("i-0001", func(i *ecs.Instance) { i.SerialNumber = "x" })
		}, "+ i-0000\n+ i-0001\n~ i-0001  web-1  a property without a column (use -o ndjson to see it)\n", ""},
		{"a region that fails removes no instances", "-columns id", func(s *ecstest.Server) {
			s.Inject(ecstest.Fault{Code: "ServiceUnavailable", Times: 3})
			s.Delete("i-0000")
		}, "+ i-0000\n+ i-0001\n- i-0000\n", "ServiceUnavailable"},
		{"a lost permission removes no instances", "-columns id", func(s *ecstest.Server) {
			s.Configure(func(c *ecstest.Settings) { c.EmptyIfDenied = true })
			s.Inject(ecstest.Fault{Denied: true, Times: -1})
		}, "+ i-0000\n+ i-0001\n", "403"},
		{"starts and stops matching", "-columns id -status Running,Starting", func(s *ecstest.Server) {
			s.Update("i-0001", func(i *ecs.Instance) { i.Status = ecs.InstanceStatusStopped })
			time.AfterFunc(time.Minute, func() { s.Update("i-0001", func(i *ecs.Instance) { i.Status = ecs.InstanceStatusStarting }) })
		}, "+ i-0000\n+ i-0001\n- i-0001\n+ i-0001\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := watched(t, tt.args, 9, tt.change)
			if got := withoutTimes(r.stdout); sortedLines(got) != sortedLines(tt.want) || !strings.Contains(r.stderr, tt.stderr) || r.code != failure.ExitInterrupted {
				t.Errorf("%d\n%swant\n%s%s", r.code, got, tt.want, r.stderr)
			}
		})
	}
}

// sortedLines sorts lines of text, because instances are listed in random order.
func sortedLines(text string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(text, "\n")), "\n")
}

// TestWatchEvents verifies that the events describe the current instances at any time after the line "synced".
func TestWatchEvents(t *testing.T) {
	t.Parallel()
	r := watched(t, "-o ndjson", 2, changeFleet)
	have, synced := map[string]string{}, 0
	for line := range strings.Lines(r.stdout) {
		var ev struct {
			Type          string
			Time          time.Time
			Instance, Old ecs.Instance
		}
		if err := json.Unmarshal([]byte(line), &ev); err != nil || ev.Time.IsZero() {
			t.Fatalf("%v: %s", err, line)
		}
		id := ev.Instance.InstanceID
		switch ev.Type {
		case "added":
			have[id] = ev.Instance.InstanceName
		case "changed":
			if ev.Old.InstanceName != have[id] {
				t.Errorf("the old name is %s, want %s", ev.Old.InstanceName, have[id])
			}
			have[id] = ev.Instance.InstanceName
		case "removed":
			delete(have, id)
		case "synced":
			if synced++; len(have) != 2 {
				t.Errorf("synced with %v", have)
			}
		default:
			t.Errorf("event %q", ev.Type)
		}
	}
	if got := fmt.Sprint(have); got != "map[i-0001:db i-new:new]" || synced != 1 {
		t.Errorf("%s, synced %d times:\n%s", got, synced, r.stdout)
	}
}

// TestWatchEnds verifies that a watch ends if the first listing fails permanently, if the output is closed, or if
// -timeout expires.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, args string
		fault      ecstest.Fault
		output     error
		code       int
		stderr     string
	}{
		{name: "timeout", args: "-timeout 1m", code: failure.ExitOK},
		{name: "timeout before the first listing", args: "-timeout 1m", fault: ecstest.Fault{Code: "ServiceUnavailable"}, code: failure.ExitIncomplete, stderr: "-timeout"},
		{name: "denied", fault: ecstest.Fault{Denied: true}, code: failure.ExitForbidden, stderr: "AliyunECSReadOnlyAccess"},
		{name: "wrong key", fault: ecstest.Fault{Code: "InvalidAccessKeyId.NotFound"}, code: failure.ExitCredentials, stderr: "access key id"},
		{name: "list of regions denied", args: "-region all", fault: ecstest.Fault{Action: "DescribeRegions", Code: "Forbidden.RAM"}, code: failure.ExitForbidden, stderr: "DescribeRegions"},
		{name: "one of several regions denied", args: "-region cn-hangzhou,cn-beijing -timeout 1m", fault: ecstest.Fault{Region: "cn-beijing", Denied: true}, code: failure.ExitIncomplete, stderr: "cn-beijing"},
		{name: "disk full", output: errors.New("disk full"), code: failure.ExitFailed, stderr: "disk full"},
		{name: "closed pipe", output: syscall.EPIPE, code: failure.ExitOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := ecstest.NewPipeServer(fleet(2)...)
				defer s.Close()
				if tt.stderr != "" && tt.output == nil {
					tt.fault.Times = -1
					s.Inject(tt.fault)
				}
				w := world{server: s}
				if tt.output != nil {
					w.stdout = failingWriter{tt.output}
				}
				r := w.run(t, strings.Fields("-region cn-hangzhou -watch 30s "+tt.args)...)
				if r.code != tt.code || !strings.Contains(r.stderr, tt.stderr) {
					t.Errorf("%d, want %d and %q: %s", r.code, tt.code, tt.stderr, r.stderr)
				}
			})
		})
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestWatchHostileNames verifies that instance names cannot control the terminal.
func TestWatchHostileNames(t *testing.T) {
	t.Parallel()
	r := watched(t, "-o ndjson", 2, func(s *ecstest.Server) {
		for i, name := range hostile.Names() {
			s.Put(ecs.Instance{InstanceID: fmt.Sprintf("i-hostile-%d", i), RegionID: "cn-hangzhou", InstanceName: name})
		}
	})
	for line := range strings.Lines(r.stdout) {
		if line = strings.TrimSuffix(line, "\n"); terminal.Printable(line) != line {
			t.Errorf("%q", line)
		}
	}
	if n := strings.Count(r.stdout, "i-hostile-"); n != len(hostile.Names()) {
		t.Errorf("%d events for %d names", n, len(hostile.Names()))
	}
	w := &watch{look: look{terminal: true}}
	for _, name := range hostile.Escapes() {
		if line := w.line(changedEvent(name)); terminal.Printable(line) != line {
			t.Errorf("%q", line)
		}
	}
}

// changedEvent returns the event for an instance that is renamed to name.
func changedEvent(name string) ecscache.Event {
	return ecscache.Event{
		Type: ecscache.EventChanged, Old: ecs.Instance{InstanceID: "i-1"},
		Instance: ecs.Instance{InstanceID: "i-1", InstanceName: name},
	}
}

// TestWatchForgedLine verifies that an instance name cannot start a new line, which would look like another event.
func TestWatchForgedLine(t *testing.T) {
	t.Parallel()
	r := watched(t, "-columns id,name", 2, func(s *ecstest.Server) {
		s.Update("i-0001", func(i *ecs.Instance) { i.InstanceName = "x\n09:14:02 - i-0000  web-0\x1b[2J" })
	})
	if strings.Count(r.stdout, "\n") != 3 || controls(r.stdout) {
		t.Errorf("%q", r.stdout)
	}
}
