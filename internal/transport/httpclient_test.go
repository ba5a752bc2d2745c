package transport

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// TestCallersClient checks that the transport does not modify the caller's http.Client and parameters.
func TestCallersClient(t *testing.T) {
	t.Parallel()
	redirected := 0
	theirs := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { redirected++; return nil }}
	theirs.Transport = roundTripFunc(func(*http.Request) (*http.Response, error) {
		return respond(302, "", "Location", "https://elsewhere.test/"), nil
	})
	g := newRig(nil, func(c *Config) { c.HTTPClient, c.Logger, c.OnAttempt = theirs, nil, nil })
	params := call()
	before := maps.Clone(params.Params)
	_, err := g.Do(t.Context(), params)
	if f := err.(*Failure); f.Response.Status != 302 || redirected != 0 || theirs.Timeout != time.Minute || theirs.CheckRedirect == nil { //nolint:errorlint // Do returns a *Failure, not wrapped
		t.Errorf("%+v, redirected %d times", f, redirected)
	}
	if !maps.EqualFunc(before, params.Params, slices.Equal) {
		t.Errorf("the parameters were changed to %v", params.Params)
	}
}

func TestOwnClient(t *testing.T) {
	t.Parallel()
	tr := New(Config{}).http.Transport.(*http.Transport)
	if tr == http.DefaultTransport || tr.TLSClientConfig.MinVersion != 0x303 || tr.TLSHandshakeTimeout == 0 || tr.MaxResponseHeaderBytes != 1<<20 || tr.HTTP2.SendPingTimeout == 0 || tr.HTTP2.PingTimeout == 0 || tr.HTTP2.SendPingTimeout+tr.HTTP2.PingTimeout > defaultAttemptTimeout {
		t.Errorf("%+v", tr)
	}
	if d := NewDialer(); d.Timeout > 5*time.Second || d.FallbackDelay < 0 {
		t.Errorf("%+v", d)
	}
}

// TestConnections checks that several parallel workers open about one connection each. The first requests wait until
// all workers are connected.
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
				for range 10 {
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
		if n := int(opened.Load()); n > workers*3/2+1 { // on a busy machine, net/http may fail to reuse a connection
			t.Errorf("%d workers opened %d connections", workers, n)
		}
		tr.CloseIdleConnections()
		server.Close()
	}
}
