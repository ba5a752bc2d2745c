// Package transport sends signed requests to the API and handles failures. Transport.Do makes one or more attempts for
// a call. The package handles HTTP, error codes and time. It does not depend on the parameters or results of the API's
// operations.
package transport

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
	"github.com/aliyun-ecs/sdk-go/internal/throttle"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// Config configures a Transport. Credentials and Signer are required.
type Config struct {
	HTTPClient *http.Client // nil means NewHTTPClient(). New copies the client and disables redirects in the copy.
	Signer     signer.Signer
	// Credentials returns the key that signs one attempt. The argument stale is the key that the API has just rejected
	// as expired or unknown, or the zero value. If no new key is available but the last key can still be used,
	// Credentials returns the last key, with the reason as the warning.
	Credentials func(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error)
	Retry       Policy
	Limiter     interface{ Wait(context.Context) error } // nil means no limiter
	UserAgent   string
	Logger      *slog.Logger // nil means no logging
	OnAttempt   func(Attempt)
}

// Attempt describes one HTTP request that has ended, with or without a response.
type Attempt struct {
	Context    context.Context
	Action     string
	Region     string
	Host       string
	Number     int
	Start      time.Time
	Duration   time.Duration
	StatusCode int
	Code       string
	RequestID  string
	Err        error
}

// Call describes one call of an API operation.
type Call struct {
	Region, Action, Version string
	Scheme, Host            string
	Params                  url.Values
	// Decode decodes the body of a successful response. The body is valid only until Decode returns. If Decode returns
	// an error, the call is retried, unless the error matches ErrMismatch.
	Decode func(body []byte) error

	ReadOnly   bool // the operation changes nothing, so the request may be sent several times
	Repeatable bool // the request has a ClientToken, so sending it twice has the same effect as sending it once
	Patient    bool // retry for as long as a restart of the service may take; used for pages of a listing
}

// Meta contains information about a successful call, such as the request id. It does not contain the decoded response.
type Meta struct {
	RequestID string // the request id in the response header; a request id in the body takes precedence
	Attempts  int

	redactor func() *redact.Redactor
}

// Mask returns text with the secrets of the request masked. Use it for any string from a successful response that
// becomes part of an error message.
func (m Meta) Mask(text string) string {
	if text == "" || isUUID(text) { // most request ids are UUIDs, which need no masking, and masking is slow
		return text
	}
	return m.redactor().Mask(text)
}

// Transport calls API operations. Clients for several regions share one Transport. A Transport is safe for
// concurrent use.
type Transport struct {
	cfg     Config
	http    *http.Client
	clock   clock
	bodies  bufferList
	lastKey atomic.Pointer[signer.Credentials] // the key that signed the most recent request
	scopes  sync.Map                           // maps scopeKey to *quotaScope
}

// quotaScope is the state shared by all calls of one operation in one region. The API has a separate quota for each
// region and operation. The retry budget is separate, so a region that is down does not use up the retries of other
// regions.
type quotaScope struct {
	throttle    throttle.Control
	outage      outage
	lastHeaders atomic.Pointer[responseHeaders] // the headers of the most recent response
}

type scopeKey struct{ region, action string }

// New returns a Transport with the given configuration.
func New(cfg Config) *Transport {
	client := cfg.HTTPClient
	if client == nil {
		client = NewHTTPClient()
	}
	own := *client
	own.CheckRedirect = refuseRedirects
	cfg.Retry = cfg.Retry.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Transport{cfg: cfg, http: &own}
}

// WithCredentials returns a Transport for another account. Both Transports share connections. They do not share
// information about quotas, outages and the server's clock.
func (t *Transport) WithCredentials(
	credentials func(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error),
) *Transport {
	cfg := t.cfg
	cfg.HTTPClient, cfg.Credentials = t.http, credentials
	return New(cfg)
}

// RoundTripper returns the http.RoundTripper that sends the requests. A nil result means http.DefaultTransport.
func (t *Transport) RoundTripper() http.RoundTripper { return t.http.Transport }

// CloseIdleConnections closes all connections that are not in use.
func (t *Transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

// latestKey returns the key that signed the most recent request, or the zero value if no request has been signed.
func (t *Transport) latestKey() signer.Credentials {
	if key := t.lastKey.Load(); key != nil {
		return *key
	}
	return signer.Credentials{}
}

func (t *Transport) scope(region, action string) *quotaScope {
	s, ok := t.scopes.Load(scopeKey{region, action})
	if !ok {
		s, _ = t.scopes.LoadOrStore(scopeKey{region, action}, new(quotaScope))
	}
	return s.(*quotaScope)
}
