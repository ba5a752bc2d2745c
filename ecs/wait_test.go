package ecs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

func TestGetInstances(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 100, 101, 1000, 1700} {
		inVirtualTime(t, fmt.Sprintf("%d ids", n), func(t *testing.T) {
			fleet := numbered(n, "cn-hangzhou")
			srv := newCloud(t, nil, fleet...)
			srv.Configure(func(s *ecstest.Settings) { s.Latency = 50 * time.Millisecond })
			slices.Reverse(fleet) // in the caller's order, which differs from the API's order
			start := time.Now()
			got, err := srv.client.GetInstances(t.Context(), ids(fleet)...)
			if err != nil || !slices.Equal(ids(got), ids(fleet)) {
				t.Fatalf("got %d instances and error %v", len(got), err)
			}
			if requests := (n + 99) / 100; len(srv.Requests()) != requests {
				t.Errorf("got %d requests, want %d", len(srv.Requests()), requests)
			}
			if took, rounds := time.Since(start), (n+1599)/1600; took != time.Duration(rounds)*50*time.Millisecond {
				t.Errorf("took %v of virtual time, want %d rounds of 50 ms", took, rounds)
			}
		})
	}
	inVirtualTime(t, "duplicate ids are sent once", func(t *testing.T) {
		fleet := numbered(3, "cn-hangzhou")
		srv := newCloud(t, nil, fleet...)
		got, err := srv.client.GetInstances(t.Context(), fleet[1].InstanceID, fleet[0].InstanceID, fleet[1].InstanceID)
		if err != nil || !slices.Equal(ids(got), []string{fleet[1].InstanceID, fleet[0].InstanceID}) {
			t.Error(ids(got), err)
		}
		if asked := srv.Requests()[0].Params.Get("InstanceIds"); asked != fmt.Sprintf(`[%q,%q]`, fleet[1].InstanceID, fleet[0].InstanceID) {
			t.Error(asked)
		}
	})
	inVirtualTime(t, "missing ids are reported in order", func(t *testing.T) {
		fleet := numbered(300, "cn-hangzhou")
		srv := newCloud(t, nil, fleet...)
		var missing []string
		for i, id := range ids(fleet) {
			if i%3 == 0 {
				missing = append(missing, id)
			}
		}
		srv.Delete(missing...)
		got, err := srv.client.GetInstances(t.Context(), ids(fleet)...)
		e, ok := errorAs[*ecs.NotFoundError](err)
		if !ok || !slices.Equal(e.InstanceIDs, missing) || len(got) != 200 {
			t.Errorf("got %d instances and error %v", len(got), err)
		}
		if !strings.Contains(err.Error(), "100 instances not found") || len(err.Error()) > 500 {
			t.Error(err)
		}
		srv.wantRequests(map[string]int{listed: 3}) // no dry run, because some instances were found
	})
	inVirtualTime(t, "none found: all are reported as missing", func(t *testing.T) {
		srv := newCloud(t, nil)
		got, err := srv.client.GetInstances(t.Context(), ids(numbered(250, "cn-hangzhou"))...)
		if e, ok := errorAs[*ecs.NotFoundError](err); !ok || len(e.InstanceIDs) != 250 || len(got) != 0 {
			t.Errorf("got %d instances and error %v", len(got), err)
		}
		srv.wantRequests(map[string]int{listed: 6, dryRan: 1}) // 3 batches of ids, before and after the dry run
	})
	inVirtualTime(t, "none found: the permission is missing", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		_, err := srv.denying(ecs.Options{}, "DescribeInstances").GetInstances(t.Context(), ids(numbered(1, "cn-hangzhou"))...)
		if _, missing := errorAs[*ecs.NotFoundError](err); missing || !errors.Is(err, ecs.ErrForbidden) {
			t.Error(err)
		}
	})
	inVirtualTime(t, "an unreadable instance is not reported as missing", func(t *testing.T) {
		fleet := numbered(3, "cn-hangzhou")
		srv := newCloud(t, nil, fleet[0], spoiled(fleet[1]))
		got, err := srv.client.GetInstances(t.Context(), ids(fleet)...)
		missing, isMissing := errorAs[*ecs.NotFoundError](err)
		incomplete, isIncomplete := errorAs[*ecs.IncompleteError](err)
		if !isMissing || !isIncomplete || !slices.Equal(missing.InstanceIDs, ids(fleet[2:])) || incomplete.Undecoded[0].InstanceID != fleet[1].InstanceID || len(got) != 2 {
			t.Error(got, err)
		}
		if got, err = srv.client.GetInstances(t.Context(), ids(fleet[1:2])...); len(got) != 1 || errors.As(err, &missing) && len(missing.InstanceIDs) != 1 || !errors.As(err, &incomplete) {
			t.Error(got, err)
		}
		srv.wantRequests(map[string]int{listed: 2}) // no dry run, because an unreadable instance counts as found
	})
	inVirtualTime(t, "with an unreadable id, no id is reported as missing", func(t *testing.T) {
		srv := newCloud(t, nil)
		srv.Inject(ecstest.Fault{Body: []byte(`{"Instances":{"Instance":[{"InstanceId":{}},{"InstanceId":"i-b"}]}}`)})
		got, err := srv.client.GetInstances(t.Context(), "i-a", "i-b")
		_, isMissing := errorAs[*ecs.NotFoundError](err)
		_, isIncomplete := errorAs[*ecs.IncompleteError](err)
		if isMissing || !isIncomplete || !slices.Equal(ids(got), []string{"i-b"}) {
			t.Error(ids(got), err)
		}
	})
	inVirtualTime(t, "a failed batch ends the call", func(t *testing.T) {
		fleet := numbered(5000, "cn-hangzhou")
		srv := newCloud(t, nil, fleet...)
		srv.Configure(func(s *ecstest.Settings) { s.Latency = 20 * time.Millisecond })
		srv.Inject(ecstest.Fault{Skip: 20, Code: "InvalidParameter"})
		got, err := srv.client.GetInstances(t.Context(), ids(fleet)...)
		if got != nil || !errors.Is(err, ecs.ErrInvalidParameter) || len(srv.Requests()) > 48 {
			t.Errorf("%d instances after %d requests, %v", len(got), len(srv.Requests()), err)
		}
	})
	inVirtualTime(t, "empty ids are rejected", func(t *testing.T) {
		srv := newCloud(t, nil)
		if _, err := srv.client.GetInstances(t.Context(), "i-1", ""); !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), "ids[1]") {
			t.Error(err)
		}
		srv.wantRequests(map[string]int{})
	})
}

// after calls change after a delay of virtual time.
func (c *cloud) after(d time.Duration, change func()) {
	timer := time.AfterFunc(d, change)
	c.t.Cleanup(func() { timer.Stop() })
}

func setStatus(status ecs.InstanceStatus) func(*ecs.Instance) {
	return func(i *ecs.Instance) { i.Status = status }
}

func lock(reason ecs.LockReason) func(*ecs.Instance) {
	return func(i *ecs.Instance) {
		i.OperationLocks = append(i.OperationLocks, ecs.OperationLock{LockReason: reason})
	}
}

// waitError checks that err is a WaitError that matches want, has the given pending instances, and contains text in its
// message.
func waitError(t *testing.T, err error, want error, text string, pending map[string]ecs.InstanceStatus) {
	t.Helper()
	e, ok := errorAs[*ecs.WaitError](err)
	if !ok {
		t.Errorf("got %v, want a WaitError", err)
		return
	}
	if want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, want %v and %q", err, want, text)
	}
	if fmt.Sprint(e.Pending) != fmt.Sprint(pending) {
		t.Errorf("pending %v, want %v", e.Pending, pending)
	}
}

func TestWaitForStatus(t *testing.T) {
	t.Parallel()
	type pending = map[string]ecs.InstanceStatus
	two := numbered(2, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Status = ecs.InstanceStatusPending })
	a, b := two[0].InstanceID, two[1].InstanceID

	inVirtualTime(t, "the status is already reached", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		start := time.Now()
		got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, ids(numbered(1, "cn-hangzhou"))...)
		if err != nil || len(got) != 1 || time.Since(start) != 0 {
			t.Error(got, err, time.Since(start))
		}
		srv.wantRequests(map[string]int{listed: 1})
	})
	inVirtualTime(t, "without ids, the wait ends immediately", func(t *testing.T) {
		srv := newCloud(t, nil)
		if got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning); err != nil || len(got) != 0 {
			t.Error(got, err)
		}
		srv.wantRequests(map[string]int{})
	})
	inVirtualTime(t, "one instance after another, returned in the order of the ids", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.after(5*time.Second, func() { srv.Update(b, setStatus(ecs.InstanceStatusRunning)) })
		srv.after(30*time.Second, func() {
			srv.Update(b, setStatus(ecs.InstanceStatusStopping))
			srv.Update(a, setStatus(ecs.InstanceStatusRunning))
		})
		start := time.Now()
		got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a, b, a)
		// Instance b must be returned in the status that it reached first.
		if err != nil || !slices.Equal(ids(got), []string{a, b}) || got[1].Status != ecs.InstanceStatusRunning {
			t.Error(ids(got), err)
		}
		if took := time.Since(start); took < 30*time.Second || took > 45*time.Second {
			t.Errorf("took %v of virtual time", took)
		}
		requests := srv.Requests()
		if last := requests[len(requests)-1].Params.Get("InstanceIds"); last != fmt.Sprintf("[%q]", a) {
			t.Errorf("the last poll requested %s", last)
		}
	})
	inVirtualTime(t, "the instances are created during the wait", func(t *testing.T) {
		srv := newCloud(t, nil)
		srv.after(10*time.Second, func() { srv.Put(two...) })
		srv.after(20*time.Second, func() {
			srv.Update(a, setStatus(ecs.InstanceStatusRunning))
			srv.Update(b, setStatus(ecs.InstanceStatusRunning))
		})
		got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a, b)
		if err != nil || len(got) != 2 {
			t.Error(ids(got), err)
		}
		if n := srv.requestCounts()[dryRan]; n != 1 { // only one dry run, not one for each poll
			t.Errorf("got %d dry runs", n)
		}
	})
	inVirtualTime(t, "the context expires", func(t *testing.T) {
		srv := newCloud(t, nil, two[1])
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		got, err := srv.client.WaitForStatus(ctx, ecs.InstanceStatusRunning, a, b)
		waitError(t, err, context.DeadlineExceeded, "waiting for 2 instances to be Running: "+a+" (not seen), "+b+" (Pending)", pending{a: "", b: ecs.InstanceStatusPending})
		if len(got) != 0 || time.Since(start) != time.Minute {
			t.Error(got, time.Since(start))
		}
	})
	inVirtualTime(t, "instances that reached the status are returned with the error", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.Update(b, setStatus(ecs.InstanceStatusRunning))
		cause := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		srv.after(10*time.Second, func() { cancel(cause) })
		got, err := srv.client.WaitForStatus(ctx, ecs.InstanceStatusRunning, a, b)
		waitError(t, err, context.Canceled, "enough", pending{a: ecs.InstanceStatusPending})
		if !slices.Equal(ids(got), []string{b}) || !errors.Is(err, cause) {
			t.Error(ids(got), err)
		}
	})
	inVirtualTime(t, "the context is canceled before the wait", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := srv.client.WaitForStatus(ctx, ecs.InstanceStatusRunning, a)
		waitError(t, err, context.Canceled, "", pending{a: ""})
		srv.wantRequests(map[string]int{})
	})
	inVirtualTime(t, "an instance is released during the wait", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.after(10*time.Second, func() { srv.Delete(a) })
		_, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a, b)
		waitError(t, err, nil, "instance "+a+" no longer exists", pending{a: ecs.InstanceStatusPending, b: ecs.InstanceStatusPending})
	})
	inVirtualTime(t, "an instance missing from one poll is not gone", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.Inject(ecstest.Fault{Skip: 1, Body: []byte(`{"Instances":{"Instance":[{"InstanceId":"` + b + `","Status":"Pending"}]}}`)})
		srv.after(20*time.Second, func() {
			srv.Update(a, setStatus(ecs.InstanceStatusRunning))
			srv.Update(b, setStatus(ecs.InstanceStatusRunning))
		})
		if got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a, b); err != nil || len(got) != 2 {
			t.Error(ids(got), err)
		}
	})
	inVirtualTime(t, "an instance missing from two separate polls is not gone", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		polls := 0
		srv.Inject(ecstest.Fault{
			Match: func(r ecstest.Request) bool {
				if kind(r) == listed {
					polls++
				}
				return kind(r) == listed && (polls == 2 || polls == 4)
			},
			Body:  []byte(`{"Instances":{"Instance":[{"InstanceId":"` + b + `","Status":"Pending"}]}}`),
			Times: -1,
		})
		srv.after(60*time.Second, func() {
			srv.Update(a, setStatus(ecs.InstanceStatusRunning))
			srv.Update(b, setStatus(ecs.InstanceStatusRunning))
		})
		if got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a, b); err != nil || len(got) != 2 || polls < 5 {
			t.Error(ids(got), polls, err)
		}
	})
	inVirtualTime(t, "the permission is withdrawn before the instances are created", func(t *testing.T) {
		srv := newCloud(t, nil)
		srv.after(10*time.Second, func() { srv.Inject(ecstest.Fault{Denied: true, Times: -1}) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, err := srv.client.WaitForStatus(ctx, ecs.InstanceStatusRunning, a)
		waitError(t, err, ecs.ErrForbidden, "", pending{a: ""})
		if took := time.Since(start); took > 6*time.Minute { // a dry run is repeated every five minutes
			t.Errorf("took %v", took)
		}
	})
	inVirtualTime(t, "a permission withdrawn after a dry run confirmed other missing ids", func(t *testing.T) {
		fleet := numbered(200, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Status = ecs.InstanceStatusPending })
		srv := newCloud(t, nil, fleet[:100]...) // the second batch of ids does not exist yet
		srv.after(10*time.Second, func() { srv.Inject(ecstest.Fault{Denied: true, Times: -1}) })
		_, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, ids(fleet)...)
		if _, ok := errorAs[*ecs.WaitError](err); !ok || !errors.Is(err, ecs.ErrForbidden) {
			t.Error(err)
		}
	})
	inVirtualTime(t, "a missing permission does not mean that instances are gone", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.after(10*time.Second, func() { srv.Inject(ecstest.Fault{Denied: true, Times: -1}) })
		_, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a, b)
		waitError(t, err, ecs.ErrForbidden, "", pending{a: ecs.InstanceStatusPending, b: ecs.InstanceStatusPending})
	})
	for _, tt := range []struct {
		name   string
		change func(*ecs.Instance)
		want   ecs.InstanceStatus
		text   string // part of the error message; empty if the wait continues
	}{
		{"locked for payment", lock("Financial"), ecs.InstanceStatusRunning, "locked (Financial) and cannot be started"},
		{"locked for security", lock(ecs.LockReasonSecurity), ecs.InstanceStatusStarting, "cannot be started"},
		{"locked with its host", lock(ecs.LockReasonDedicatedHostFinancial), ecs.InstanceStatusRunning, "cannot be started"},
		{"reclaimed", lock("Recycling"), ecs.InstanceStatusStopped, "about to be released"},
		{"refunded", lock(ecs.LockReasonRefunded), ecs.InstanceStatusRunning, "about to be released"},
		{"reclaimed, but stopped instead of released", func(i *ecs.Instance) {
			lock(ecs.LockReasonRecycling)(i)
			i.SpotInterruptionBehavior = ecs.SpotInterruptionBehaviorStop
		}, ecs.InstanceStatusStopped, ""},
		{"locked for payment, although it would be stopped instead of released", func(i *ecs.Instance) {
			lock(ecs.LockReasonFinancial)(i)
			i.SpotInterruptionBehavior = ecs.SpotInterruptionBehaviorStop
		}, ecs.InstanceStatusRunning, "cannot be started"},
		{"past Pending", setStatus(ecs.InstanceStatusStarting), ecs.InstanceStatusPending, "only a new instance can be Pending"},
		{"locked instances can still be stopped", lock(ecs.LockReasonFinancial), ecs.InstanceStatusStopped, ""},
		{"locked for an unknown reason", lock("new-reason"), ecs.InstanceStatusRunning, ""},
		{"locked without a reason", lock(""), ecs.InstanceStatusRunning, ""},
	} {
		inVirtualTime(t, tt.name, func(t *testing.T) {
			starting := numbered(1, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Status = ecs.InstanceStatusStopping; tt.change(i) })
			running := numbered(1, "cn-beijing", func(_ int, i *ecs.Instance) { i.RegionID, i.Status = "cn-hangzhou", tt.want })
			srv := newCloud(t, nil, starting[0], running[0])
			srv.after(10*time.Second, func() { srv.Update(starting[0].InstanceID, setStatus(tt.want)) })
			start := time.Now()
			got, err := srv.client.WaitForStatus(t.Context(), tt.want, starting[0].InstanceID, running[0].InstanceID)
			if tt.text == "" {
				if err != nil || len(got) != 2 {
					t.Error(ids(got), err)
				}
				return
			}
			waitError(t, err, nil, tt.text, pending{starting[0].InstanceID: starting[0].Status})
			// The wait must end immediately and return the instance that has reached the status.
			if time.Since(start) != 0 || !slices.Equal(ids(got), ids(running)) {
				t.Errorf("%v after %v", ids(got), time.Since(start))
			}
		})
	}
	inVirtualTime(t, "an unreadable status", func(t *testing.T) {
		odd := two[0]
		odd.Status, odd.Extra = "", map[string]json.RawMessage{"Status": json.RawMessage(`{"Name":"Running"}`)}
		srv := newCloud(t, nil, odd, numbered(1, "cn-beijing", func(_ int, i *ecs.Instance) { i.RegionID = "cn-hangzhou" })[0])
		got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a, numbered(1, "cn-beijing")[0].InstanceID)
		waitError(t, err, nil, "member Status of instance", pending{a: ""})
		if _, ok := errorAs[*ecs.DecodeError](err); !ok || len(got) != 1 {
			t.Error(ids(got), err)
		}
	})
	inVirtualTime(t, "an instance without a status may become Pending", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Status = "" })...)
		srv.after(time.Minute, func() { srv.Update(a, setStatus(ecs.InstanceStatusPending)) })
		if _, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusPending, a); err != nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "an unreadable member other than the status", func(t *testing.T) {
		srv := newCloud(t, nil, spoiled(numbered(1, "cn-hangzhou")[0]))
		if got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a); err != nil || len(got) != 1 {
			t.Error(ids(got), err)
		}
	})
	inVirtualTime(t, "a status that is not a word is masked", func(t *testing.T) {
		statuses := []ecs.InstanceStatus{"AZaz", "@", "[", "`", "{", ecs.InstanceStatus(strings.Repeat("x", 32)), ecs.InstanceStatus(strings.Repeat("x", 33))}
		fleet := numbered(len(statuses), "cn-hangzhou", func(i int, inst *ecs.Instance) { inst.Status = statuses[i] })
		srv := newCloud(t, nil, fleet...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := srv.client.WaitForStatus(ctx, ecs.InstanceStatusRunning, ids(fleet)...)
		want := pending{}
		for i, status := range []ecs.InstanceStatus{"AZaz", "***", "***", "***", "***", statuses[5], "***"} {
			want[fleet[i].InstanceID] = status
		}
		waitError(t, err, context.DeadlineExceeded, "", want)
	})
	inVirtualTime(t, "an unreadable id", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.Inject(ecstest.Fault{Body: []byte(`{"Instances":{"Instance":[{"InstanceId":{}}]}}`)})
		_, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a)
		waitError(t, err, nil, "unreadable id", pending{a: ""})
	})
	inVirtualTime(t, "a thousand instances", func(t *testing.T) {
		fleet := numbered(1000, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Status = ecs.InstanceStatusStarting })
		srv := newCloud(t, nil, fleet...)
		srv.after(time.Second, func() {
			for _, id := range ids(fleet) {
				srv.Update(id, setStatus(ecs.InstanceStatusRunning))
			}
		})
		got, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, ids(fleet)...)
		if err != nil || len(got) != 1000 {
			t.Error(len(got), err)
		}
		srv.wantRequests(map[string]int{listed: 20})
	})
	inVirtualTime(t, "invalid arguments are rejected", func(t *testing.T) {
		srv := newCloud(t, nil)
		if _, err := srv.client.WaitForStatus(t.Context(), "", "i-1"); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Error(err)
		}
		if _, err := srv.client.WaitForStatus(t.Context(), "running", "i-1"); !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), `"Running"`) {
			t.Error(err) // "running" is not the name of a status
		}
		if _, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, "i-1", ""); !errors.Is(err, ecs.ErrInvalidParameter) {
			t.Error(err)
		}
		srv.wantRequests(map[string]int{})
	})
}

func TestWaitUntilGone(t *testing.T) {
	t.Parallel()
	type pending = map[string]ecs.InstanceStatus
	two := numbered(2, "cn-hangzhou")
	a, b := two[0].InstanceID, two[1].InstanceID
	inVirtualTime(t, "instances are released one after another", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.after(5*time.Second, func() { srv.Delete(a) })
		srv.after(20*time.Second, func() { srv.Delete(b) })
		start := time.Now()
		if err := srv.client.WaitUntilGone(t.Context(), a, b, "i-neverexisted"); err != nil || time.Since(start) < 20*time.Second {
			t.Error(err, time.Since(start))
		}
		if n := srv.requestCounts()[dryRan]; n != 1 {
			t.Errorf("got %d dry runs", n)
		}
	})
	inVirtualTime(t, "TrustEmpty", func(t *testing.T) {
		srv := newCloud(t, nil)
		if err := srv.as(&ecs.Options{TrustEmpty: true}).WaitUntilGone(t.Context(), a); err != nil {
			t.Error(err)
		}
		srv.wantRequests(map[string]int{listed: 1})
	})
	inVirtualTime(t, "the permission is missing from the beginning", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		err := srv.denying(ecs.Options{}, "DescribeInstances").WaitUntilGone(t.Context(), a, b)
		waitError(t, err, ecs.ErrForbidden, "to be gone", pending{a: "", b: ""})
	})
	inVirtualTime(t, "the permission is withdrawn during the wait", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.after(10*time.Second, func() { srv.Inject(ecstest.Fault{Denied: true, Times: -1}) })
		waitError(t, srv.client.WaitUntilGone(t.Context(), a, b), ecs.ErrForbidden, "", pending{a: ecs.InstanceStatusRunning, b: ecs.InstanceStatusRunning})
	})
	inVirtualTime(t, "the permission is withdrawn after a dry run confirmed other missing ids", func(t *testing.T) {
		fleet := numbered(200, "cn-hangzhou")
		srv := newCloud(t, nil, fleet[:100]...) // the second batch of ids never existed
		srv.after(10*time.Second, func() { srv.Inject(ecstest.Fault{Denied: true, Times: -1}) })
		err := srv.client.WaitUntilGone(t.Context(), ids(fleet)...)
		if w, ok := errorAs[*ecs.WaitError](err); !ok || !errors.Is(err, ecs.ErrForbidden) || len(w.Pending) != 100 {
			t.Error(err)
		}
	})
	inVirtualTime(t, "the dry run fails temporarily", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.after(10*time.Second, func() {
			srv.Inject(ecstest.Fault{Match: is(dryRan), Code: "ServiceUnavailable", Times: 6}, ecstest.Fault{Denied: true, Times: -1})
		})
		waitError(t, srv.client.WaitUntilGone(t.Context(), a, b), ecs.ErrForbidden, "", pending{a: ecs.InstanceStatusRunning, b: ecs.InstanceStatusRunning})
	})
	inVirtualTime(t, "an inconclusive dry run", func(t *testing.T) {
		srv := newCloud(t, nil)
		srv.Inject(ecstest.Fault{Match: is(dryRan), Code: "InvalidParameter"})
		err := srv.client.WaitUntilGone(t.Context(), a)
		waitError(t, err, ecs.ErrInvalidParameter, "dry run", pending{a: ""})
		if _, ok := errorAs[*ecs.UnconfirmedError](err); !ok {
			t.Errorf("got %v, want an UnconfirmedError", err)
		}
	})
	inVirtualTime(t, "an unreadable instance is not gone", func(t *testing.T) {
		srv := newCloud(t, nil, spoiled(two[0]))
		srv.after(20*time.Second, func() { srv.Delete(a) })
		start := time.Now()
		if err := srv.client.WaitUntilGone(t.Context(), a); err != nil || time.Since(start) < 20*time.Second {
			t.Error(err, time.Since(start))
		}
	})
	inVirtualTime(t, "an unreadable id", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		srv.Inject(ecstest.Fault{Times: -1, Body: []byte(`{"Instances":{"Instance":[{"InstanceId":{}}]}}`)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		waitError(t, srv.client.WaitUntilGone(ctx, a), nil, "unreadable id", pending{a: ""})
	})
	inVirtualTime(t, "the context expires", func(t *testing.T) {
		srv := newCloud(t, nil, two...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		waitError(t, srv.client.WaitUntilGone(ctx, a), context.DeadlineExceeded, a+" (Running)", pending{a: ecs.InstanceStatusRunning})
	})
}

func TestPollsThatFail(t *testing.T) {
	t.Parallel()
	a := numbered(1, "cn-hangzhou")[0].InstanceID
	once := ecs.Options{Retry: ecs.RetryPolicy{MaxAttempts: 1}}
	inVirtualTime(t, "four consecutive failures do not end the wait", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		for range 3 {
			srv.Inject(ecstest.Fault{Code: "ServiceUnavailable", Times: 4}, ecstest.Fault{Latency: time.Millisecond})
		}
		srv.after(time.Hour, func() { srv.Update(a, setStatus(ecs.InstanceStatusStopped)) })
		if _, err := srv.as(&once).WaitForStatus(t.Context(), ecs.InstanceStatusStopped, a); err != nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "five consecutive failures end the wait", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		srv.Inject(ecstest.Fault{Skip: 2, Reset: true, Times: -1})
		_, err := srv.as(&once).WaitForStatus(t.Context(), ecs.InstanceStatusStopped, a)
		waitError(t, err, ecs.ErrUnavailable, "", map[string]ecs.InstanceStatus{a: ecs.InstanceStatusRunning})
		srv.wantRequests(map[string]int{listed: 2 + 5})
	})
	inVirtualTime(t, "a failed request is retried without waiting for the next poll", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		srv.Inject(ecstest.Fault{Reset: true})
		start := time.Now()
		if _, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a); err != nil || time.Since(start) >= 2*time.Second {
			t.Error(err, time.Since(start))
		}
		srv.Inject(ecstest.Fault{Reset: true})
		if _, err := srv.client.GetInstances(t.Context(), a); err != nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "the context is canceled during a failing poll", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		srv.Inject(ecstest.Fault{Code: "ServiceUnavailable", Times: -1})
		ctx, cancel := context.WithCancel(t.Context())
		srv.after(10*time.Millisecond, cancel)
		_, err := srv.client.WaitForStatus(ctx, ecs.InstanceStatusStopped, a)
		waitError(t, err, context.Canceled, "", map[string]ecs.InstanceStatus{a: ""})
		if !errors.Is(err, ecs.ErrUnavailable) { // the error must also match the last response
			t.Error(err)
		}
	})
	inVirtualTime(t, "the deadline passes after failed polls", func(t *testing.T) {
		for name, client := range map[string]*ecs.Options{"with retries": nil, "without retries": &once} {
			srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
			srv.Inject(ecstest.Fault{Skip: 1, Code: "ServiceUnavailable", Times: -1})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := srv.as(client).WaitForStatus(ctx, ecs.InstanceStatusStopped, a)
			waitError(t, err, context.DeadlineExceeded, "", map[string]ecs.InstanceStatus{a: ecs.InstanceStatusRunning})
			if !errors.Is(err, ecs.ErrUnavailable) { // the failure of the last poll is part of the error
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	inVirtualTime(t, "throttled polls wait for the quota", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1000, "cn-hangzhou")...)
		srv.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Limit: 15, Window: time.Minute} })
		srv.after(3*time.Minute, func() { srv.Delete(ids(srv.Instances())...) })
		if err := srv.client.WaitUntilGone(t.Context(), ids(numbered(1000, "cn-hangzhou"))...); err != nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "without retries, a throttled poll counts as a failure", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		srv.Inject(ecstest.Fault{Code: "Throttling.User", Times: 4})
		if _, err := srv.as(&once).WaitForStatus(t.Context(), ecs.InstanceStatusRunning, a); err != nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "a permanent error ends the wait immediately", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		srv.Inject(ecstest.Fault{Code: "InvalidAccessKeyId.NotFound"})
		_, err := srv.client.WaitForStatus(t.Context(), ecs.InstanceStatusStopped, a)
		waitError(t, err, ecs.ErrCredentials, "", map[string]ecs.InstanceStatus{a: ""})
		srv.wantRequests(map[string]int{listed: 1})
	})
}

// TestPollPolicy checks that the delays between polls are random and grow from MinDelay to MaxDelay.
func TestPollPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy   ecs.PollPolicy
		min, max time.Duration
		random   bool
	}{
		{ecs.PollPolicy{}, 2 * time.Second, 15 * time.Second, true},
		{ecs.PollPolicy{MinDelay: time.Second}, time.Second, 15 * time.Second, true},
		{ecs.PollPolicy{MinDelay: time.Minute}, time.Minute, time.Minute, false},
		{ecs.PollPolicy{MaxDelay: time.Second}, time.Second, time.Second, false},
		{ecs.PollPolicy{MaxDelay: time.Hour}, 2 * time.Second, time.Hour, true},
		{ecs.PollPolicy{MinDelay: time.Millisecond}, time.Millisecond, 15 * time.Second, true},
		{ecs.PollPolicy{MinDelay: time.Millisecond, MaxDelay: math.MaxInt64}, time.Millisecond, math.MaxInt64, true},
	} {
		inVirtualTime(t, fmt.Sprint(tt.policy), func(t *testing.T) {
			srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
			ctx, cancel := context.WithCancel(t.Context())
			polls := 0
			srv.Configure(func(s *ecstest.Settings) {
				s.OnRequest = func(ecstest.Request) {
					if polls++; polls == 30 {
						cancel()
					}
				}
			})
			_, err := srv.as(&ecs.Options{Poll: tt.policy}).WaitForStatus(ctx, ecs.InstanceStatusStopped, numbered(1, "cn-hangzhou")[0].InstanceID)
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			requests := srv.Requests()
			var pauses []time.Duration
			for i, r := range requests[1:] {
				pauses = append(pauses, r.Time.Sub(requests[i].Time))
			}
			if least, most := slices.Min(pauses), slices.Max(pauses); least < tt.min || most > tt.max {
				t.Errorf("delays from %v to %v, want %v to %v", least, most, tt.min, tt.max)
			}
			if pauses[0] > tt.min*3/2 {
				t.Errorf("the first delay is %v", pauses[0])
			}
			if last := pauses[len(pauses)-1]; tt.max < time.Hour && last < tt.max*2/3-time.Second {
				t.Errorf("the last delay is %v", last)
			}
			slices.Sort(pauses)
			if different := len(slices.Compact(pauses)); (different > 10) != tt.random {
				t.Errorf("%d different delays", different)
			}
		})
	}
}
