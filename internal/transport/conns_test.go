package transport

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestConnections checks that parallel workers keep their connections: each opens only one. The server does not
// respond until all workers are connected, which simulates a long round trip.
func TestConnections(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 16, 64} {
		var opened, requests atomic.Int32
		all := make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if requests.Add(1) == int32(workers) {
				close(all)
			}
			<-all
			_, _ = io.WriteString(w, good)
		}))
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				opened.Add(1)
			}
		}
		server.Start()
		tr := New(Config{Signer: signer.V1{}, Credentials: func(context.Context, signer.Credentials) (signer.Credentials, error, error) {
			return secretKey, nil, nil
		}})
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range 50 {
					c := call()
					c.Scheme, c.Host = "http", strings.TrimPrefix(server.URL, "http://")
					if _, err := tr.Do(t.Context(), c); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		t.Logf("%d workers opened %d connections", workers, opened.Load())
		if n := int(opened.Load()); n > workers+1 {
			t.Errorf("%d workers opened %d connections", workers, n)
		}
		tr.CloseIdleConnections()
		server.Close()
	}
}
