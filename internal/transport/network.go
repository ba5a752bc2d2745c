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

// Problem is the kind of a failure below HTTP.
type Problem int

// The problems. Those that persist until something is changed are not retried.
const (
	NoProblem         Problem = iota // a response was received, or nothing was sent
	NameNotFound                     // the host name does not exist
	NameLookup                       // the host name lookup failed
	ConnectionRefused                // the connection was refused, or the host is unreachable
	ConnectionLost                   // the connection broke before the response was complete
	TLSNotTrusted                    // the server's certificate is not trusted
	TLSFailed                        // the TLS handshake failed for another reason
	ProxyFailed                      // the proxy is unreachable, or refuses to connect
	TimedOut                         // no connection or no complete response in time
)

// notReceived returns the result of an attempt whose request cannot have reached the server.
func notReceived(class Class, problem Problem, advice string) attemptResult {
	return attemptResult{class: class, problem: problem, advice: advice, notReceived: true}
}

// refusedTLS is a TLS handshake that failed because the two sides have no version or cipher in common, or because
// one of them rejects the certificate. crypto/tls has no error types for most of these.
var refusedTLS = regexp.MustCompile(`\btls: .*(certificate|protocol version|handshake failure|unrecognized name|insufficient security|access denied|no application protocol|cipher suite|supported versions)`)

const adviceProxyAuth = "the proxy requires authentication: put user and password into its URL"

// classifyNetwork returns the result of an attempt that failed below HTTP, without its error: in particular, whether the
// failure may be temporary. A refusal by a rule is not.
func classifyNetwork(err error) (res attemptResult) {
	defer func() {
		if recover() != nil { // a nil pointer as error, returned by a RoundTripper of the caller
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
	// returned by http.Client, although redirects are not followed
	case strings.HasPrefix(err.Error(), "failed to parse Location header"):
		return attemptResult{advice: adviceNoRedirects}
	// net/http has no error type for it
	case errors.Is(err, errTooLarge), strings.Contains(err.Error(), "response headers exceeded"):
		return attemptResult{class: Unavailable}
	}
	return attemptResult{class: transient, problem: ConnectionLost}
}

// isTLSTimeout recognizes net/http's timeout of a TLS handshake, which has no error type.
func isTLSTimeout(err error) bool { return strings.Contains(err.Error(), "TLS handshake timeout") }

// classifyProxy is like classifyNetwork, for the failures of a proxy. For others, it returns the zero result.
func classifyProxy(err error) attemptResult {
	var refused proxyError
	if errors.As(err, &refused) {
		switch {
		case refused == http.StatusProxyAuthRequired:
			return notReceived(Unavailable, ProxyFailed, adviceProxyAuth)
		case refused < 500:
			return notReceived(Unavailable, ProxyFailed, "the proxy forbids the connection: check its rules and NO_PROXY")
		}
		return notReceived(transient, ProxyFailed, "the proxy cannot reach the endpoint: check its rules and NO_PROXY")
	}
	if err.Error() == http.StatusText(http.StatusProxyAuthRequired) { // from a Transport without checkProxyResponse
		return notReceived(Unavailable, ProxyFailed, adviceProxyAuth)
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "proxyconnect" && !strings.HasPrefix(op.Op, "socks") {
		return attemptResult{}
	}
	var dns *net.DNSError
	if errors.As(op.Err, &dns) && dns.IsNotFound {
		return notReceived(Unavailable, ProxyFailed, "the proxy's own host name does not exist: check HTTPS_PROXY")
	}
	if classifyTLS(op.Err).problem != NoProblem {
		return notReceived(Unavailable, ProxyFailed, "the TLS connection to the proxy failed: check HTTPS_PROXY and the root certificates")
	}
	return notReceived(transient, ProxyFailed, "the proxy cannot be reached: check HTTPS_PROXY")
}

// classifyTLS is like classifyNetwork, for TLS handshakes that will fail every time. For others, it returns the zero result.
func classifyTLS(err error) attemptResult {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return notReceived(Unavailable, TLSNotTrusted, "the server's certificate is not trusted: check the endpoint, the proxy and the root certificates")
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return notReceived(Unavailable, TLSFailed, "the server does not speak TLS: check the endpoint and the proxy")
	case refusedTLS.MatchString(err.Error()):
		return notReceived(Unavailable, TLSFailed, "the TLS handshake failed: TLS 1.2 or later and a certificate for the endpoint are needed")
	}
	return attemptResult{}
}

// proxyError is the status of a proxy that refused to connect.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy refused to connect: %d %s", int(e), http.StatusText(int(e)))
}

// checkProxyResponse returns a typed error for a failure that net/http reports as plain text.
func checkProxyResponse(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return proxyError(resp.StatusCode)
	}
	return nil
}
