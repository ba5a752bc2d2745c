package ecs

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// GetInstance returns the instance with the given id.
//
// Concurrent calls share requests: while a request is in progress, the ids of further calls are collected and then sent
// in batches of up to 100 ids. When ctx is done, GetInstance returns, even if the request continues for other callers.
//
// If the region has no such instance, GetInstance returns a [*NotFoundError]. Before that, it verifies the caller's
// permission as described at [Client.GetInstances]. If a part of the instance could not be decoded, GetInstance returns
// the instance without that part and an [*IncompleteError].
//
// If a hook such as Options.OnAttempt panics during a request, GetInstance panics in the goroutine of one caller.
func (c *Client) GetInstance(ctx context.Context, id string) (Instance, error) {
	if err := cmp.Or(c.ready(), checkIDs(ctx, []string{id})); err != nil {
		return Instance{}, invalidCall(describeInstances, c.Region(), err)
	}
	w := &lookupWaiter{ctx: ctx, id: id, done: make(chan struct{})}
	queue, _ := c.lookups.LoadOrStore(c.region, &lookupQueue{})
	queue.(*lookupQueue).join(c, w)
	select {
	case <-w.done:
	case <-ctx.Done():
		return Instance{}, failure(describeInstances, c.region, transport.ContextError(ctx))
	}
	if w.crash != nil {
		panic(w.crash)
	}
	return w.instance, w.err
}

// lookupQueue collects the callers of GetInstance for one region while requests are in progress.
type lookupQueue struct {
	mu      sync.Mutex
	running bool // whether a goroutine is processing the queue
	waiting []*lookupWaiter
}

// lookupWaiter represents one call of GetInstance. Its results are valid after done has been closed.
type lookupWaiter struct {
	ctx      context.Context //nolint:containedctx // the caller's context
	id       string
	done     chan struct{}
	instance Instance
	err      error
	crash    error
}

func (q *lookupQueue) join(c *Client, waiters ...*lookupWaiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, waiters...)
	if !q.running {
		q.running = true
		go q.work(c)
	}
}

// work sends requests until no caller is waiting.
func (q *lookupQueue) work(c *Client) {
	for {
		q.mu.Lock()
		round := q.waiting
		q.waiting = nil
		q.running = len(round) > 0
		q.mu.Unlock()
		if len(round) == 0 {
			return
		}
		var requests sync.WaitGroup
		for _, batch := range batchByID(round) {
			requests.Go(func() { q.send(c, batch) })
		}
		requests.Wait()
	}
}

// batchByID divides the callers into batches with at most 100 different ids.
func batchByID(round []*lookupWaiter) [][]*lookupWaiter {
	batchOf := map[string]int{}
	var batches [][]*lookupWaiter
	for _, w := range round {
		n, ok := batchOf[w.id]
		if !ok {
			n = len(batchOf) / maxPerRequest
			batchOf[w.id] = n
		}
		if n == len(batches) {
			batches = append(batches, nil)
		}
		batches[n] = append(batches[n], w)
	}
	return batches
}

// send looks up the ids of a batch and delivers the results to the callers. The request is canceled when all callers
// have stopped waiting.
func (q *lookupQueue) send(c *Client, batch []*lookupWaiter) {
	batch = slices.DeleteFunc(batch, func(w *lookupWaiter) bool { return w.ctx.Err() != nil })
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	defer cancel()
	var waiting atomic.Int64
	waiting.Store(int64(len(batch)))
	ids := make([]string, len(batch))
	for i, w := range batch {
		ids[i] = w.id
		stop := context.AfterFunc(w.ctx, func() {
			if waiting.Add(-1) == 0 {
				cancel()
			}
		})
		defer stop()
	}
	finished := false
	var found *lookUpResult
	var err error
	defer func() {
		if !finished { // a hook panicked
			q.handlePanic(c, recover(), batch)
			return
		}
		for _, w := range batch {
			w.instance, w.err = found.instanceOf(c, w.id, err)
			close(w.done)
		}
	}()
	found, err = c.lookUp(ctx, retryRead, ids, nil)
	finished = true
}

// handlePanic handles a panic of a hook during a request. The first caller receives the panic, and the other callers
// are queued for the next request.
func (q *lookupQueue) handlePanic(c *Client, value any, batch []*lookupWaiter) {
	first := batch[0]
	if err, ok := value.(error); ok {
		first.crash = fmt.Errorf("ecs: GetInstance: panic: %w", err)
	} else {
		first.crash = fmt.Errorf("ecs: GetInstance: panic: %v\n%s", value, debug.Stack())
	}
	close(first.done)
	if len(batch) > 1 {
		q.join(c, batch[1:]...)
	}
}

// instanceOf returns the result of GetInstance for one id. The argument err is the error of the lookup.
func (r *lookUpResult) instanceOf(c *Client, id string, err error) (Instance, error) {
	if err != nil {
		return Instance{}, err
	}
	inst, ok := r.instances[id]
	if list := r.undecodedOf(id); len(list) > 0 && (!ok || slices.ContainsFunc(list, func(d *DecodeError) bool { return d.InstanceID == id })) {
		return inst, &IncompleteError{Undecoded: list, region: c.region}
	}
	if !ok {
		return Instance{}, &NotFoundError{InstanceIDs: []string{id}, region: c.region}
	}
	return inst, nil
}
