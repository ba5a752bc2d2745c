package ecs_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// getAll calls GetInstance for all ids concurrently and returns the errors in the order of the ids.
func getAll(t *testing.T, c *ecs.Client, ids []string) []error {
	t.Helper()
	errs := make([]error, len(ids))
	var calls sync.WaitGroup
	for i, id := range ids {
		calls.Go(func() {
			inst, err := c.GetInstance(t.Context(), id)
			if errs[i] = err; err == nil && inst.InstanceID != id {
				t.Errorf("requested %s, got %s", id, inst.InstanceID)
			}
		})
	}
	calls.Wait()
	return errs
}

// countingContext counts the functions that [context.AfterFunc] has registered and not removed.
type countingContext struct {
	context.Context
	registered atomic.Int64
}

// Value hides the wrapped context. Otherwise, context.AfterFunc would register a function directly on the wrapped
// context.
func (c *countingContext) Value(any) any { return nil }

func (c *countingContext) AfterFunc(f func()) func() bool {
	c.registered.Add(1)
	stop := context.AfterFunc(c.Context, f)
	return func() bool { c.registered.Add(-1); return stop() }
}

func TestGetInstance(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "a single call takes one request and no delay", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(3), latency: 50 * time.Millisecond}
		start := time.Now()
		inst, err := o.client(t).GetInstance(t.Context(), o.rows[1].id)
		if err != nil || inst.InstanceID != o.rows[1].id || o.lists != 1 || time.Since(start) != 50*time.Millisecond {
			t.Errorf("%s, %v, %d requests in %v", inst.InstanceID, err, o.lists, time.Since(start))
		}
	})
	for n := range 2 {
		inVirtualTime(t, fmt.Sprintf("500 calls share 6 requests/%d", n), func(t *testing.T) {
			o := &oddECS{rows: fleetOfRows(500), latency: 50 * time.Millisecond}
			c := o.client(t, signedBy(n))
			start := time.Now()
			for i, err := range getAll(t, c, rowIDs(o.rows)) {
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
			if o.lists > 7 || time.Since(start) > 100*time.Millisecond {
				t.Errorf("%d requests in %v", o.lists, time.Since(start))
			}
		})
	}
	inVirtualTime(t, "the same id is sent once", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(1), latency: 50 * time.Millisecond}
		ids := make([]string, 300)
		for i := range ids {
			ids[i] = o.rows[0].id
		}
		for _, err := range getAll(t, o.client(t), ids) {
			if err != nil {
				t.Error(err)
			}
		}
		if o.lists > 2 {
			t.Errorf("got %d requests", o.lists)
		}
	})
	inVirtualTime(t, "a missing id does not affect other calls", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(50), latency: 50 * time.Millisecond}
		ids := append(rowIDs(o.rows), "i-missing")
		for i, err := range getAll(t, o.client(t), ids) {
			missing, ok := errorAs[*ecs.NotFoundError](err)
			if i < 50 && err != nil || i == 50 && (!ok || len(missing.InstanceIDs) != 1 || missing.InstanceIDs[0] != "i-missing" || !errors.Is(err, ecs.ErrNotFound)) {
				t.Errorf("%s: %v", ids[i], err)
			}
		}
	})
	inVirtualTime(t, "a missing instance is verified by a dry run", func(t *testing.T) {
		o := &oddECS{}
		if _, err := o.client(t).GetInstance(t.Context(), "i-1"); !errors.Is(err, ecs.ErrNotFound) || o.lists != 2 || o.dryRuns != 1 {
			t.Errorf("%v after %d requests and %d dry runs", err, o.lists, o.dryRuns)
		}
	})
	inVirtualTime(t, "a missing permission is not reported as a missing instance", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(120), intercept: func(q url.Values, _ int) (int, []byte) { return denied(q) }}
		for _, err := range getAll(t, o.client(t), rowIDs(o.rows)) {
			if !errors.Is(err, ecs.ErrForbidden) || errors.Is(err, ecs.ErrNotFound) {
				t.Error(err)
			}
		}
	})
	inVirtualTime(t, "canceling a call does not affect calls that share its request", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(3), latency: time.Second}
		c := o.client(t)
		cause := errors.New("enough")
		var calls sync.WaitGroup
		for i := range 3 {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if i != 1 {
				// The first call is canceled during its own request, and the last call while it shares a request with
				// the second call.
				time.AfterFunc(time.Duration(100+i*200)*time.Millisecond, func() { cancel(cause) })
			}
			calls.Go(func() {
				_, err := c.GetInstance(ctx, o.rows[i].id)
				if i == 1 && err != nil || i != 1 && (!errors.Is(err, context.Canceled) || !errors.Is(err, cause)) {
					t.Errorf("%d: %v", i, err)
				}
				if _, ok := errorAs[*ecs.Error](err); err != nil && !ok {
					t.Errorf("%v does not wrap an *Error", err)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
	})
	inVirtualTime(t, "a request is canceled when all its calls are canceled", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(2), latency: time.Hour}
		c := o.client(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := c.GetInstance(ctx, o.rows[0].id); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		synctest.Wait()
		if o.underWay != 0 {
			t.Errorf("%d requests are still in progress", o.underWay)
		}
		o.latency = 0
		if _, err := c.GetInstance(t.Context(), o.rows[1].id); err != nil {
			t.Error(err)
		}
	})
	for _, value := range []any{"boo", errors.New("boo")} {
		inVirtualTime(t, fmt.Sprintf("a panic in a hook reaches exactly one caller/%T", value), func(t *testing.T) {
			o := &oddECS{rows: fleetOfRows(30), latency: 50 * time.Millisecond}
			var attempts, panics, failed atomic.Int64
			c := o.client(t, func(opts *ecs.Options) {
				opts.OnAttempt = func(ecs.Attempt) {
					if attempts.Add(1) == 2 {
						panic(value)
					}
				}
			})
			var calls sync.WaitGroup
			for n, id := range rowIDs(o.rows) {
				if n == 1 {
					// After the first request has been sent, all other calls share the second request.
					synctest.Wait()
				}
				calls.Go(func() {
					defer func() {
						if p := recover(); p != nil {
							panics.Add(1)
							err, _ := p.(error)
							cause, isError := value.(error)
							if !strings.Contains(fmt.Sprint(p), "boo") || isError && !errors.Is(err, cause) {
								t.Error(p)
							}
						}
					}()
					if _, err := c.GetInstance(t.Context(), id); err != nil {
						failed.Add(1)
					}
				})
			}
			calls.Wait()
			if panics.Load() != 1 || failed.Load() != 0 || o.lists != 3 {
				t.Errorf("%d panics, %d failed, %d requests", panics.Load(), failed.Load(), o.lists)
			}
		})
	}
	inVirtualTime(t, "a failed batch does not affect the calls of another batch", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(151), latency: 50 * time.Millisecond}
		o.intercept = func(q url.Values, _ int) (int, []byte) {
			if strings.Contains(q.Get("InstanceIds"), o.rows[75].id) {
				return 400, []byte(`{"Code":"InvalidParameter","Message":"m"}`)
			}
			return 0, nil
		}
		failed := 0
		for _, err := range getAll(t, o.client(t), rowIDs(o.rows)) {
			if err != nil {
				failed++
			}
		}
		if failed == 0 || failed > 100 {
			t.Errorf("%d of 151 calls failed", failed)
		}
	})
	inVirtualTime(t, "the caller's context is not referenced afterwards", func(t *testing.T) {
		o := &oddECS{rows: fleetOfRows(1)}
		ctx := &countingContext{Context: t.Context()}
		if _, err := o.client(t).GetInstance(ctx, o.rows[0].id); err != nil || ctx.registered.Load() != 0 {
			t.Errorf("%d functions are still registered, %v", ctx.registered.Load(), err)
		}
	})
	inVirtualTime(t, "unreadable members are reported", func(t *testing.T) {
		srv := newCloud(t, nil, spoiled(numbered(1, "cn-hangzhou")[0]))
		_, err := srv.client.GetInstance(t.Context(), numbered(1, "cn-hangzhou")[0].InstanceID)
		if incomplete, ok := errorAs[*ecs.IncompleteError](err); !ok || len(incomplete.Undecoded) != 1 {
			t.Error(err)
		}
		srv.Inject(ecstest.Fault{Body: []byte(`{"Instances":{"Instance":[{"InstanceId":{}},{"InstanceId":"i-x"}]}}`)})
		if inst, err := srv.client.GetInstance(t.Context(), "i-x"); err != nil || inst.InstanceID != "i-x" { // the unreadable id belongs to another instance
			t.Error(inst.InstanceID, err)
		}
		srv.Inject(ecstest.Fault{Body: []byte(`{"Instances":{"Instance":[{"InstanceId":{}}]}}`)})
		// The id that cannot be read may be i-x, so i-x must not be reported as missing.
		if _, err = srv.client.GetInstance(t.Context(), "i-x"); errors.Is(err, ecs.ErrNotFound) || err == nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "invalid calls are rejected before a request is sent", func(t *testing.T) {
		o := &oddECS{}
		c := o.client(t)
		var none context.Context
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, noID := c.GetInstance(t.Context(), "")
		_, noContext := c.GetInstance(none, "i-1")
		_, canceled := c.GetInstance(ended, "i-1")
		if !errors.Is(noID, ecs.ErrInvalidParameter) || !errors.Is(noContext, ecs.ErrInvalidParameter) || !errors.Is(canceled, context.Canceled) || o.lists != 0 {
			t.Errorf("%v, %v, %v, %d requests", noID, noContext, canceled, o.lists)
		}
	})
}
