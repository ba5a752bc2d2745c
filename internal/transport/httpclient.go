package transport

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// NewHTTPClient returns an http.Client with finite timeouts. The client shares no state with http.DefaultTransport.
func NewHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxyResponse,
		DialContext:            NewDialer().DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           256,
		// With a smaller limit, the workers of a parallel scan would repeatedly close and reopen connections.
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        50 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		// Pings detect, within the timeout of one attempt, that the peer has disappeared without closing the
		// connection.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 6 * time.Second, PingTimeout: 3 * time.Second},
	}}
}

// refuseRedirects makes an http.Client return a redirect as its response. Following a redirect would send the signed
// query to another host.
func refuseRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// NewDialer returns the dialer that NewHTTPClient uses. Its timeout covers all addresses of a host together. If an IPv6
// connection is slow, the dialer tries IPv4 in parallel.
func NewDialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         5 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
}
