package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"
)

// Problem says what went wrong below HTTP.
type Problem int

// The problems. Those that need a change rather than patience come with the class Permanent.
const (
	NoProblem         Problem = iota // a response came, or nothing was sent
	NameNotFound                     // the host name does not exist
	NameLookup                       // the host name could not be looked up
	ConnectionRefused                // nothing listens at the host's address, or it cannot be reached
	ConnectionLost                   // the connection broke before the response was complete
	TLSNotTrusted                    // the server's certificate is not trusted
	TLSFailed                        // the handshake failed otherwise
	ProxyFailed                      // the proxy could not be reached, or does not connect
	TimedOut                         // no connection, or no complete response, in time
)

// networkClass is what is known about a failure below HTTP.
type networkClass struct {
	class       Class
	problem     Problem
	advice      string
	notReceived bool // the request cannot have reached the server
}

const permanent = Unavailable | Permanent

// refusedTLS is a handshake that finds no common ground, or whose certificate is refused. crypto/tls has no types for most
// of these.
var refusedTLS = regexp.MustCompile(`\btls: .*(certificate|protocol version|handshake failure|unrecognized name|insufficient security|access denied|no application protocol|cipher suite|supported versions)`)

const adviceProxyAuth = "the proxy requires authentication: put user and password into its URL"

// classifyNetwork says whether a failure below HTTP may pass. What is refused by a rule will be refused again.
func classifyNetwork(err error) (c networkClass) {
	defer func() {
		if recover() != nil { // a nil pointer as error, from a RoundTripper of the caller's
			c = networkClass{class: transient, problem: ConnectionLost}
		}
	}()
	if c, ok := classifyProxy(err); ok {
		return c
	}
	if c, ok := classifyTLS(err); ok {
		return c
	}
	var dns *net.DNSError
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	dialing := errors.As(err, &op) && op.Op == "dial"
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return networkClass{permanent, NameNotFound, "the host name does not exist: check the region id, the endpoint and the name server", true}
	case dns != nil:
		return networkClass{transient, NameLookup, "the host name could not be looked up: check the name server", true}
	case errors.As(err, &timeout) && timeout.Timeout(), isTLSTimeout(err):
		return networkClass{transient, TimedOut, "", dialing || isTLSTimeout(err)}
	case dialing, errors.Is(err, syscall.ECONNREFUSED):
		return networkClass{transient, ConnectionRefused, "", true}
	case strings.HasPrefix(err.Error(), "failed to parse Location header"): // by http.Client, although it may not follow it
		return networkClass{advice: adviceNoRedirects}
	case errors.Is(err, errTooLarge), strings.Contains(err.Error(), "response headers exceeded"): // net/http has no type for it
		return networkClass{class: permanent}
	}
	return networkClass{class: transient, problem: ConnectionLost}
}

// isTLSTimeout knows net/http's own timeout of a handshake, which has no type.
func isTLSTimeout(err error) bool { return strings.Contains(err.Error(), "TLS handshake timeout") }

// classifyProxy recognizes the failures of a proxy.
func classifyProxy(err error) (networkClass, bool) {
	var refused proxyError
	if errors.As(err, &refused) {
		switch {
		case refused == http.StatusProxyAuthRequired:
			return networkClass{permanent, ProxyFailed, adviceProxyAuth, true}, true
		case refused < 500:
			return networkClass{permanent, ProxyFailed, "the proxy forbids the connection: check its rules and NO_PROXY", true}, true
		}
		return networkClass{transient, ProxyFailed, "the proxy cannot reach the endpoint: check its rules and NO_PROXY", true}, true
	}
	if err.Error() == http.StatusText(http.StatusProxyAuthRequired) { // by a Transport without checkProxyResponse
		return networkClass{permanent, ProxyFailed, adviceProxyAuth, true}, true
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "proxyconnect" && !strings.HasPrefix(op.Op, "socks") {
		return networkClass{}, false
	}
	var dns *net.DNSError
	if errors.As(op.Err, &dns) && dns.IsNotFound {
		return networkClass{permanent, ProxyFailed, "the proxy's own host name does not exist: check HTTPS_PROXY", true}, true
	}
	if _, ok := classifyTLS(op.Err); ok {
		return networkClass{permanent, ProxyFailed, "the TLS connection to the proxy failed: check HTTPS_PROXY and the root certificates", true}, true
	}
	return networkClass{transient, ProxyFailed, "the proxy cannot be reached: check HTTPS_PROXY", true}, true
}

// classifyTLS recognizes handshakes that fail for good.
func classifyTLS(err error) (networkClass, bool) {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return networkClass{permanent, TLSNotTrusted, "the server's certificate is not trusted: check the endpoint, the proxy and the root certificates", true}, true
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return networkClass{permanent, TLSFailed, "the server does not speak TLS: check the endpoint and the proxy", true}, true
	case refusedTLS.MatchString(err.Error()):
		return networkClass{permanent, TLSFailed, "the TLS handshake failed: TLS 1.2 or later and a certificate for the endpoint are needed", true}, true
	}
	return networkClass{}, false
}

// proxyError is the status of a proxy that does not connect.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy refused to connect: %d %s", int(e), http.StatusText(int(e)))
}

// checkProxyResponse returns a typed error for what net/http reports as a text.
func checkProxyResponse(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return proxyError(resp.StatusCode)
	}
	return nil
}
