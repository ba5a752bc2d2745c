package ecstest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// TestBounds: a server that runs for long keeps no more than it says.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := newServer(nil)
	for n := range keptRequests + 5 {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?Action=A"+strconv.Itoa(n), nil)
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	if r := s.Requests(); len(r) != keptRequests || r[0].Action != "A5" || r[keptRequests-1].Action != "A"+strconv.Itoa(keptRequests+4) {
		t.Errorf("%d requests from %s to %s", len(r), r[0].Action, r[len(r)-1].Action)
	}
	var n nonces
	now := time.Now()
	for i := range keptNonces + 5 {
		if !n.add(strconv.Itoa(i), now) {
			t.Fatalf("nonce %d is taken for another", i)
		}
	}
	if len(n.seen) != keptNonces || len(n.order) != keptNonces || n.add("5", now) || !n.add("4", now) {
		t.Errorf("%d nonces, %d in order", len(n.seen), len(n.order))
	}
	if n.add("7", now.Add(window)) || !n.add("8", now.Add(window+1)) || len(n.seen) != 1 {
		t.Errorf("%d nonces after %v", len(n.seen), window)
	}
	s.Configure(func(s *Settings) { s.Quota.Limit = 1 })
	for i := range 2 * keptRequests {
		if err := s.meter(&call{action: strconv.Itoa(i), Settings: s.settings}); err != nil {
			t.Fatal(err.Code)
		}
	}
	if len(s.meters) > keptRequests {
		t.Errorf("%d meters", len(s.meters))
	}
}
