package ecs_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// TestPoolOfDeadConnections checks that a call succeeds with its second attempt if all idle connections have been lost,
// for example because a NAT gateway was restarted.
func TestPoolOfDeadConnections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dead func(*exchange)
		edit func(*rig, *ecs.Options)
	}{
		"reset":                                 {(*exchange).reset, nil},
		"FIN":                                   {(*exchange).fin, nil},
		"no response":                           {(*exchange).hang, nil},
		"no response, with http.Client.Timeout": {(*exchange).hang, func(g *rig, _ *ecs.Options) { g.http.Timeout = 5 * time.Second }},
		"no response, with ResponseHeaderTimeout": {(*exchange).hang, func(g *rig, _ *ecs.Options) {
			g.http.Transport.(*http.Transport).ResponseHeaderTimeout = 5 * time.Second
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				old := time.Now().Add(time.Minute)
				g := newRig(t, variants[0], func(x *exchange) {
					if x.nth > 1 && x.time.After(old) {
						c.dead(x)
						return
					}
					x.pause(100 * time.Millisecond)
					x.ok()
				}, func(g *rig, o *ecs.Options) {
					g.http.Transport.(*http.Transport).IdleConnTimeout = 0
					if c.edit != nil {
						c.edit(g, o)
					}
				})
				defer g.finish()
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() { _, _ = g.get(t.Context()) })
				}
				wg.Wait()
				if n := g.open(); n != 8 {
					t.Fatalf("got %d idle connections, want 8", n)
				}
				time.Sleep(2 * time.Minute)
				g.succeeds(2)
			})
		})
	}
}
