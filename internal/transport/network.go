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

// Problem is the type of a network problem that prevented an HTTP response.
type Problem int

// The types of network problems.
const (
	NoProblem         Problem = iota // a response was received, or no request was sent
	NameNotFound                     // the host name does not exist
	NameLookup                       // the host name lookup failed for another reason
	ConnectionRefused                // the connection was refused, or the host is unreachable
	ConnectionLost                   // the connection broke before the response was complete
	TLSNotTrusted                    // the server's certificate is not trusted
	TLSFailed                        // the TLS handshake failed for another reason
	ProxyFailed                      // the proxy is unreachable, or rejects the connection
	TimedOut                         // the connection or the response took too long
)

// notReceived returns the result of an attempt whose request cannot have reached the server.
func notReceived(class Class, problem Problem, advice string) attemptResult {
	return attemptResult{class: class, problem: problem, advice: advice, notReceived: true}
}

// refusedTLS matches the messages of TLS handshakes that fail because the client and the server support no common
// version or cipher suite, or because one of them rejected a certificate. crypto/tls has no error types for most of
// these failures.
var refusedTLS = regexp.MustCompile(`\btls: .*(certificate|protocol version|handshake failure|unrecognized name|insufficient security|access denied|no application protocol|cipher suite|supported versions)`)

const adviceProxyAuth = "the proxy requires authentication: put the user name and password in the proxy URL"

// classifyNetwork classifies the error of an attempt that failed without a response. It does not set the err field of
// the result. The class contains transient if a retry may succeed, but not if the configuration must be changed first.
func classifyNetwork(err error) (res attemptResult) {
	defer func() {
		if recover() != nil { // the caller's RoundTripper returned a nil pointer as its error
			res = attemptResult{class: transient, problem: ConnectionLost}
		}
	}()
	if res = classifyProxy(err); res.problem != NoProblem {
		return res
	}
	if res = classifyTLS(err); res.problem != NoProblem {
		return res
	}
	var dns *net.DNSError
	var op *net.OpError
	var timeout interface{ Timeout() bool }
	dialing := errors.As(err, &op) && op.Op == "dial"
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return notReceived(Unavailable, NameNotFound, "the host name does not exist: check the region id, the endpoint and the name server")
	case dns != nil:
		return notReceived(transient, NameLookup, "the host name could not be looked up: check the name server")
	case errors.As(err, &timeout) && timeout.Timeout(), isTLSTimeout(err):
		return attemptResult{class: transient, problem: TimedOut, notReceived: dialing || isTLSTimeout(err)}
	case dialing, errors.Is(err, syscall.ECONNREFUSED):
		return notReceived(transient, ConnectionRefused, "")
	// http.Client parses the Location header even though redirects are disabled.
	case strings.HasPrefix(err.Error(), "failed to parse Location header"):
		return attemptResult{advice: adviceNoRedirects}
	// net/http has no error type for oversized response headers.
	case errors.Is(err, errTooLarge), strings.Contains(err.Error(), "response headers exceeded"):
		return attemptResult{class: Unavailable}
	}
	return attemptResult{class: transient, problem: ConnectionLost}
}

// isTLSTimeout reports whether err is net/http's TLS handshake timeout, which has no exported error type.
func isTLSTimeout(err error) bool { return strings.Contains(err.Error(), "TLS handshake timeout") }

// classifyProxy classifies a failure to connect through a proxy. It returns the zero result for any other error.
func classifyProxy(err error) attemptResult {
	var status proxyError
	if errors.As(err, &status) {
		switch {
		case status == http.StatusProxyAuthRequired:
			return notReceived(Unavailable, ProxyFailed, adviceProxyAuth)
		case status < 500:
			return notReceived(Unavailable, ProxyFailed, "the proxy forbids the connection: check the proxy's rules and NO_PROXY")
		}
		return notReceived(transient, ProxyFailed, "the proxy cannot reach the endpoint: check the proxy's rules and NO_PROXY")
	}
	// This error comes from an http.Transport that does not call checkProxyResponse.
	if err.Error() == http.StatusText(http.StatusProxyAuthRequired) {
		return notReceived(Unavailable, ProxyFailed, adviceProxyAuth)
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "proxyconnect" && !strings.HasPrefix(op.Op, "socks") {
		return attemptResult{}
	}
	var dns *net.DNSError
	if errors.As(op.Err, &dns) && dns.IsNotFound {
		return notReceived(Unavailable, ProxyFailed, "the host name of the proxy does not exist: check HTTPS_PROXY")
	}
	if classifyTLS(op.Err).problem != NoProblem {
		return notReceived(Unavailable, ProxyFailed, "the TLS connection to the proxy failed: check HTTPS_PROXY and the root certificates")
	}
	return notReceived(transient, ProxyFailed, "the proxy cannot be reached: check HTTPS_PROXY")
}

// classifyTLS classifies a TLS handshake error that a retry would not resolve. It returns the zero result for any other
// error.
func classifyTLS(err error) attemptResult {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return notReceived(Unavailable, TLSNotTrusted, "the server's certificate is not trusted: check the endpoint, the proxy and the root certificates")
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return notReceived(Unavailable, TLSFailed, "the server does not speak TLS: check the endpoint and the proxy")
	case refusedTLS.MatchString(err.Error()):
		return notReceived(Unavailable, TLSFailed, "the TLS handshake failed: the server must support TLS 1.2 or later and have a certificate for the endpoint")
	}
	return attemptResult{}
}

// proxyError is the HTTP status with which a proxy rejected the connection.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy refused to connect: %d %s", int(e), http.StatusText(int(e)))
}

// checkProxyResponse returns a proxyError if the proxy rejected the connection. Without this function, net/http would
// return an error that can be recognized only by its message.
func checkProxyResponse(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return proxyError(resp.StatusCode)
	}
	return nil
}
