package ecs

import (
	"crypto/tls"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// connectionTrace records the connection events of a call's last attempt. It is safe for concurrent use.
type connectionTrace struct {
	mu sync.Mutex
	connectionEvents
	opened connectionEvents // the events of the last attempt that obtained a connection
}

// connectionEvents contains the times of one attempt's connection events. The time of an event that did not happen is
// zero.
type connectionEvents struct {
	dnsStart, dnsDone, connectStart, connectDone, tlsStart, tlsDone, wrote, firstByte time.Time

	connected, reused bool // whether the attempt obtained a connection, and whether the connection was already open
	lookedUp, address string
}

// hooks returns the callbacks to pass to httptrace.WithClientTrace.
func (t *connectionTrace) hooks() *httptrace.ClientTrace {
	record := func(change func()) {
		t.mu.Lock()
		defer t.mu.Unlock()
		change()
	}
	// reached sets the time of an event to now if err is nil.
	reached := func(event *time.Time, err error) {
		if err == nil {
			record(func() { *event = time.Now() })
		}
	}
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			record(func() {
				if t.connected {
					t.opened = t.connectionEvents
				}
				t.connectionEvents = connectionEvents{}
			})
		},
		GotConn: func(info httptrace.GotConnInfo) {
			record(func() {
				if info.Reused && t.opened.connected {
					t.connectionEvents = t.opened
					return
				}
				t.connected, t.reused = true, info.Reused
				if info.Conn != nil && info.Conn.RemoteAddr() != nil {
					t.address = info.Conn.RemoteAddr().String()
				}
			})
		},
		DNSStart: func(info httptrace.DNSStartInfo) {
			record(func() { t.dnsStart, t.lookedUp = time.Now(), info.Host })
		},
		DNSDone:              func(info httptrace.DNSDoneInfo) { reached(&t.dnsDone, info.Err) },
		ConnectStart:         func(string, string) { reached(&t.connectStart, nil) },
		ConnectDone:          func(_, _ string, err error) { reached(&t.connectDone, err) },
		TLSHandshakeStart:    func() { reached(&t.tlsStart, nil) },
		TLSHandshakeDone:     func(_ tls.ConnectionState, err error) { reached(&t.tlsDone, err) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { reached(&t.wrote, nil) },
		GotFirstResponseByte: func() { reached(&t.firstByte, nil) },
	}
}

// events returns the events that have been recorded so far.
func (t *connectionTrace) events() connectionEvents {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.connectionEvents
}

// failedStep returns the name of the step at which a request failed.
func (e connectionEvents) failedStep(failed *Error, proxy proxySetting) string {
	step := map[transport.Problem]string{
		transport.ProxyFailed: stepProxy, transport.NameNotFound: stepDNS, transport.NameLookup: stepDNS,
		transport.ConnectionRefused: stepConnect, transport.TLSNotTrusted: stepTLS, transport.TLSFailed: stepTLS,
	}[failed.problem]
	switch {
	case step != "":
		return step
	case proxy.invalid:
		return stepProxy
	case failed.StatusCode != 0, failed.Attempts == 0, e.connected:
		return stepResponse
	case !e.tlsStart.IsZero():
		return stepTLS
	case proxy.url != "" && !e.connectDone.IsZero():
		return stepProxy
	case !e.dnsStart.IsZero() && e.dnsDone.IsZero():
		return stepDNS
	}
	return stepConnect
}

// nameText describes how the endpoint's host name was resolved. If a custom dialer did not report the lookup, notSeen
// is true.
func (e connectionEvents) nameText(c *Client, proxy string) (text string, notSeen bool) {
	name, _, _ := strings.Cut(c.host, ":")
	_, err := netip.ParseAddr(name)
	switch {
	case e.reused:
		return "an open connection was reused", false
	case proxy != "":
		return "the proxy resolves " + c.host, false
	case e.lookedUp != "":
		return e.lookedUp + " resolved", false
	case err == nil || e.connected:
		return "no lookup was needed for " + c.host, false
	}
	return "the http.Client's dialer did not report a lookup of " + c.host, true
}

func (e connectionEvents) connectText(c *Client) string {
	switch {
	case e.reused:
		return "an open connection was reused"
	case e.address == "":
		return "connected to " + c.host
	}
	return "connected to " + e.address
}

func (e connectionEvents) tlsText(c *Client) string {
	switch {
	case c.scheme == "http":
		return "not used: the endpoint is a loopback address"
	case e.reused:
		return "an open connection was reused"
	}
	return "the certificate is trusted"
}
