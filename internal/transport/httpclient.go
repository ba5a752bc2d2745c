package transport

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// NewHTTPClient returns an http.Client with finite timeouts. It shares nothing with http.DefaultTransport.
func NewHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: checkProxyResponse,
		DialContext:            NewDialer().DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           256,
		// with a smaller number, the workers of a parallel scan would keep closing and opening connections
		MaxIdleConnsPerHost:    128,
		IdleConnTimeout:        50 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		// Pings detect a peer that disappeared without closing the connection, within the time of one attempt.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 6 * time.Second, PingTimeout: 3 * time.Second},
	}}
}

// NewDialer returns the dialer that NewHTTPClient uses. All addresses of a host share its timeout, and IPv4 does
// not wait for IPv6.
func NewDialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         5 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
}
