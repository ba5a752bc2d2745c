// Package transport sends signed requests and handles failures. A call is a loop of attempts. Each attempt takes
// the same steps, one file per step: admit, sign, send, read, classify, wait. The package knows HTTP, the API's
// error codes and time, but nothing about instances.
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
	HTTPClient *http.Client // nil means NewHTTPClient. It is copied, and the copy does not follow redirects.
	Signer     signer.Signer
	// Credentials returns the key for one attempt. stale is the key that the API has just rejected as expired or
	// unknown, or zero. If the latest key could not be obtained but an older one is usable, that one is returned
	// with a warning.
	Credentials func(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error)
	Retry       Policy
	Limiter     interface{ Wait(context.Context) error } // nil: none
	UserAgent   string
	Logger      *slog.Logger // nil: silent
	OnAttempt   func(Attempt)
}

// Attempt describes one HTTP request after it has ended.
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

// Call describes one call of an operation.
type Call struct {
	Region, Action, Version string
	Scheme, Host            string
	Params                  url.Values
	// Decode reads a successful response. The body is valid only until Decode returns. An error means that the
	// response is unusable; the call is then retried, unless the error is an ErrMismatch.
	Decode func(body []byte) error

	ReadOnly   bool // the operation changes nothing, so it may be sent any number of times
	Repeatable bool // the request has a ClientToken, so that sending it more than once has the same effect as once
	Patient    bool // retry for as long as it takes a service to restart; used for the pages of a listing
}

// Meta describes a successful call, except for its response.
type Meta struct {
	RequestID string // from the header; the one in the body takes precedence
	Attempts  int

	redactor func() *redact.Redactor
}

// Mask returns text without the secrets of the request. Use it for values of a successful response that become part
// of an error.
func (m Meta) Mask(text string) string {
	if text == "" || isUUID(text) { // as request ids are; masking takes its time
		return text
	}
	return m.redactor().Mask(text)
}

// Transport makes calls. Clients for several regions share one. It is safe for concurrent use.
type Transport struct {
	cfg     Config
	http    *http.Client
	clock   clock
	bodies  bufferList
	lastKey atomic.Pointer[signer.Credentials] // the key that signed the latest request
	scopes  sync.Map                           // of *quotaScope, by scopeKey
}

// quotaScope is the state shared by all calls of one operation in one region: the API applies its quotas per
// region and operation, and a region that is down must not use up the retries of the others.
type quotaScope struct {
	throttle    throttle.Control
	outage      outage
	lastHeaders atomic.Pointer[headers] // of the most recent response
}

type scopeKey struct{ region, action string }

// New returns a Transport.
func New(cfg Config) *Transport {
	client := cfg.HTTPClient
	if client == nil {
		client = NewHTTPClient()
	}
	own := *client
	// Following a redirect would send a signed query to another host. The response with its status is returned
	// instead.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cfg.Retry = cfg.Retry.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Transport{cfg: cfg, http: &own}
}

// WithCredentials returns a Transport for another account. It shares t's connections, but not what t has learned
// about quotas, outages and the clock.
func (t *Transport) WithCredentials(
	credentials func(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error),
) *Transport {
	cfg := t.cfg
	cfg.HTTPClient, cfg.Credentials = t.http, credentials
	return New(cfg)
}

// RoundTripper returns the Transport of the http.Client that sends the requests. nil stands for http.DefaultTransport.
func (t *Transport) RoundTripper() http.RoundTripper { return t.http.Transport }

// CloseIdleConnections closes the connections that are not in use.
func (t *Transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

// latestKey returns the key that signed the latest request, or zero if there was none.
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
