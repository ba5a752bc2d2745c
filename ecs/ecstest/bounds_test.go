package ecstest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestRequestLog checks that the server keeps only the most recent requests.
func TestRequestLog(t *testing.T) {
	t.Parallel()
	s := newServer(nil)
	send := func(query, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/?"+query, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	for n := range maxRequests + 5 {
		send("Action=A"+strconv.Itoa(n), "")
	}
	if r := s.Requests(); len(r) != maxRequests || r[0].Action != "A5" || r[maxRequests-1].Action != "A"+strconv.Itoa(maxRequests+4) {
		t.Errorf("%d requests from %s to %s", len(r), r[0].Action, r[len(r)-1].Action)
	}
	for name, body := range map[string]string{
		"one long parameter":   "Name=" + strings.Repeat("x", maxBody-10),
		"a protocol parameter": "Name=n&Signature=" + strings.Repeat("x", maxBody-20),
		"many parameters":      manyParameters(9_000),
	} {
		for n := range 80 {
			send("Action=B"+strconv.Itoa(n), body)
		}
		kept := s.Requests()
		if last := kept[len(kept)-1].Action; s.requests.bytes > maxRequestBytes || len(kept) > 80 || last != "B79" {
			t.Errorf("%s: %d requests up to %s, %d bytes", name, len(kept), last, s.requests.bytes)
		}
	}
	send("Action=C", strings.Repeat("x", maxBody+1))
	if r := s.Requests(); r[len(r)-1].AuthError != "InvalidParameter" {
		t.Errorf("a body that is too large: %+v", r[len(r)-1])
	}
}

func manyParameters(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("P" + strconv.Itoa(i) + "=v&")
	}
	return b.String()
}

// TestNonces checks that nonces are remembered for 15 minutes, up to a maximum of maxNonces.
func TestNonces(t *testing.T) {
	t.Parallel()
	var n nonces
	now := time.Now()
	for i := range maxNonces + 5 {
		if !n.add(strconv.Itoa(i), now) {
			t.Fatalf("nonce %d is mistaken for another", i)
		}
	}
	if len(n.seen) != maxNonces || len(n.order) != maxNonces || n.add("5", now) || !n.add("4", now) {
		t.Errorf("%d nonces, %d in order", len(n.seen), len(n.order))
	}
	if n.add("7", now.Add(maxClockDifference)) || !n.add("8", now.Add(maxClockDifference+1)) || len(n.seen) != 1 {
		t.Errorf("%d nonces after %v", len(n.seen), maxClockDifference)
	}
}

// TestMeters checks that requests for nonexistent operations do not use more and more memory.
func TestMeters(t *testing.T) {
	t.Parallel()
	s := newServer(nil)
	for i := range 2 * maxMeters {
		x := &exchange{action: strconv.Itoa(i), header: http.Header{}}
		x.Quota.Limit = 1
		if err := s.throttle(x); err != nil {
			t.Fatal(err.Code)
		}
	}
	if len(s.meters) > maxMeters {
		t.Errorf("%d meters", len(s.meters))
	}
}
