package ecscache_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// nodeController deletes the node of each instance that no longer exists, as a cloud provider's controller does.
// Deleting a node whose instance still exists would cause an outage.
type nodeController struct {
	cache *ecscache.Cache
	mu    sync.Mutex
	nodes map[string]bool // keyed by instance id
}

func (n *nodeController) run(ctx context.Context) {
	for ev := range n.cache.Watch(ctx) {
		switch ev.Type {
		case ecscache.EventRemoved:
			n.delete(ev.Instance.InstanceID)
		case ecscache.EventSynced: // missing instances were released before the controller started
			for _, id := range n.list() {
				if _, ok := n.cache.Lookup(id); !ok {
					n.delete(id)
				}
			}
		case ecscache.EventAdded, ecscache.EventChanged: // the instance registers its own node
		}
	}
}

func (n *nodeController) delete(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.nodes, id)
}

func (n *nodeController) list() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.nodes))
}

func TestNodeController(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "never deletes a node whose instance exists", func(t *testing.T) {
		c := newCloud(t, nil, in(hangzhou, "i-h1"), in(hangzhou, "i-h2"), in(beijing, "i-b1"))
		c.Inject(ecstest.Fault{Region: beijing, Code: "ServiceUnavailable", Times: -1}) // the region fails from the beginning
		n := &nodeController{
			cache: c.cache(ecs.DescribeInstancesRequest{}, &ecscache.Options{Regions: []string{hangzhou, beijing}}),
			nodes: map[string]bool{"i-h1": true, "i-h2": true, "i-b1": true, "i-released-long-ago": true},
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go n.run(ctx)
		want := func(when string, nodes ...string) {
			t.Helper()
			minutes(20)
			if got := n.list(); !slices.Equal(got, nodes) {
				t.Errorf("%s, the nodes are %q, want %q", when, got, nodes)
			}
		}
		want("while a region fails", "i-b1", "i-h1", "i-h2", "i-released-long-ago")
		c.ClearFaults()
		want("when the region works", "i-b1", "i-h1", "i-h2")

		key := ecstest.Key{Credentials: c.Credentials(), Deny: []string{"DescribeInstances"}}
		c.AddKey(key)
		c.Delete("i-h2")
		want("without permission", "i-b1", "i-h1", "i-h2")
		key.Deny = nil
		c.AddKey(key)
		want("with permission", "i-b1", "i-h1")

		c.Inject(ecstest.Fault{Region: hangzhou, Reset: true, Times: -1}, ecstest.Fault{Region: beijing, Truncate: true, Times: -1})
		want("while every connection breaks", "i-b1", "i-h1")
		c.ClearFaults()
		want("in the end", "i-b1", "i-h1")
	})
}

// TestAutoscaler checks that 200 goroutines can look up new instances at the same time, as an autoscaler does after a
// scale-out. Some of the instances do not exist.
func TestAutoscaler(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, "200 at once", func(t *testing.T) {
		c := newCloud(t, nil, named("i-old", "old"))
		cache := c.synced(ecs.DescribeInstancesRequest{}, nil)
		// Virtual time advances only when all goroutines wait, so all calls begin before the first response arrives.
		c.Configure(func(s *ecstest.Settings) { s.Latency = 50 * time.Millisecond })
		for n := range 200 {
			if n%10 != 0 {
				c.Put(named(fmt.Sprintf("i-%03d", n), "new"))
			}
		}
		sent := len(c.Requests())
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() {
				id := fmt.Sprintf("i-%03d", n)
				inst, err := cache.Get(t.Context(), id)
				var notFound *ecs.NotFoundError
				if created := n%10 != 0; created && (err != nil || inst.InstanceID != id) {
					t.Errorf("Get(%s) of a new instance: %v", id, err)
				} else if !created && !(errors.As(err, &notFound) && slices.Equal(notFound.InstanceIDs, []string{id})) {
					t.Errorf("Get(%s) of an instance that was never created: error %v, want a NotFoundError", id, err)
				}
			})
		}
		wg.Wait()
		if n := len(c.Requests()) - sent; n > maxGetRequests {
			t.Errorf("200 calls of Get sent %d requests, want at most %d", n, maxGetRequests)
		}
		sent = len(c.Requests())
		for n := range 200 {
			if _, err := cache.Get(t.Context(), fmt.Sprintf("i-%03d", n)); err != nil && n%10 != 0 {
				t.Error(err)
			}
		}
		if n := len(c.Requests()) - sent; n > 3*20 { // two requests and a dry run for each id that does not exist
			t.Errorf("repeated calls of Get sent %d requests, want none for cached instances", n)
		}
		synctest.Wait()
		if s := names(cache); strings.Count(s, "=new") != 180 {
			t.Errorf("the cache contains %s, want 180 new instances", s)
		}
	})
}

// maxGetRequests is the maximum number of requests that 200 concurrent calls of Get may send. It is small because the
// calls share requests. The exact number depends on timing.
const maxGetRequests = 20
