package transport

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// TestAttemptTimeout checks that an attempt is reported as a timeout if it takes too long, and that idle connections
// are then closed.
func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closer := &idleCloser{RoundTripper: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})}
		g := newRig(nil, func(c *Config) { c.HTTPClient = &http.Client{Transport: closer} })
		_, err := g.Do(t.Context(), call())
		if e, ok := asTimeout(err); !ok || !e.Timeout() || !e.Temporary() || !strings.Contains(err.Error(), "no complete response was received within 10s") {
			t.Errorf("%v", err)
		}
		if closer.closed != 2 {
			t.Errorf("idle connections were closed %d times between 3 attempts", closer.closed)
		}
		g.CloseIdleConnections()
		if closer.closed != 3 {
			t.Error("CloseIdleConnections did not close idle connections")
		}
	})
}

// TestIdleConnectionsAfterAnErrorResponse checks that idle connections are closed only after an attempt without a
// response.
func TestIdleConnectionsAfterAnErrorResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closer, attempts := &idleCloser{}, 0
		closer.RoundTripper = roundTripFunc(func(*http.Request) (*http.Response, error) {
			if attempts++; attempts == 2 {
				return nil, io.EOF
			}
			return respond(503, ""), nil
		})
		g := newRig(nil, func(c *Config) { c.HTTPClient, c.Retry.MaxAttempts = &http.Client{Transport: closer}, 4 })
		if _, err := g.Do(t.Context(), call()); err == nil || attempts != 4 || closer.closed != 1 {
			t.Errorf("idle connections were closed %d times between %d attempts", closer.closed, attempts)
		}
	})
}

type idleCloser struct {
	http.RoundTripper
	closed int
}

func (i *idleCloser) CloseIdleConnections() { i.closed++ }
