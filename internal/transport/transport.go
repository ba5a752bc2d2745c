// Package transport sends signed requests and handles what goes wrong on the way. A call is a loop of attempts, each of
// which takes the same steps, one file a step: admit, sign, send, read, classify, wait. The package knows HTTP, the API's
// error codes and time, and nothing about instances.
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
	HTTPClient *http.Client // nil: NewHTTPClient. It is copied, and the copy follows no redirects.
	Signer     signer.Signer
	// Credentials returns the key for one attempt. stale is the key that the API has just refused as expired or unknown, or
	// zero. A warning comes with a usable key although the latest one could not be obtained.
	Credentials func(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error)
	Retry       Policy
	Limiter     interface{ Wait(context.Context) error } // nil: none
	UserAgent   string
	Logger      *slog.Logger // nil: silent
	OnAttempt   func(Attempt)
}

// Attempt describes one HTTP request after it ended.
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

// Call describes one operation to carry out.
type Call struct {
	Region, Action, Version string
	Scheme, Host            string
	Params                  url.Values
	// Decode reads a successful response. The body is valid only until it returns. An error says that the response is
	// unusable, and the call is retried, unless the error is an ErrMismatch.
	Decode func(body []byte) error

	ReadOnly   bool // the operation changes nothing, so it may be sent any number of times
	Repeatable bool // the request has a ClientToken, so sending it again does not carry the operation out twice
	Patient    bool // retry for as long as a service takes to restart: a page of a listing
}

// Meta describes a successful call, apart from its response.
type Meta struct {
	RequestID string // from the header; the one in the body takes precedence
	Attempts  int

	redactor func() *redact.Redactor
}

// Mask returns text without the secrets of the request. It is for what a successful response names and an error may repeat.
func (m Meta) Mask(text string) string {
	if text == "" || isUUID(text) { // as request ids are; masking takes its time
		return text
	}
	return m.redactor().Mask(text)
}

// Transport carries out calls. It is safe for concurrent use. Clients for several regions share one.
type Transport struct {
	cfg     Config
	http    *http.Client
	clock   clock
	bodies  bufferList
	lastKey atomic.Pointer[signer.Credentials] // that signed a request

	mu     sync.Mutex
	scopes map[scopeKey]*quotaScope
}

// quotaScope is what all calls of one operation in one region share: the API counts its quotas by region and operation,
// and a region that is down must not use up the retries of the others.
type quotaScope struct {
	throttle throttle.Control
	outage   outage
	headers  lastHeaders
}

type scopeKey struct{ region, action string }

// New returns a Transport.
func New(cfg Config) *Transport {
	client := cfg.HTTPClient
	if client == nil {
		client = NewHTTPClient()
	}
	own := *client
	// A redirect would take a signed query to another host. It is returned as a response with its status instead.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cfg.Retry = cfg.Retry.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Transport{cfg: cfg, http: &own, scopes: map[scopeKey]*quotaScope{}}
}

// WithCredentials returns a Transport for another account: it shares t's connections, but not what was learned about quotas,
// outages and the clock.
func (t *Transport) WithCredentials(
	credentials func(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error),
) *Transport {
	cfg := t.cfg
	cfg.HTTPClient, cfg.Credentials = t.http, credentials
	return New(cfg)
}

// CloseIdleConnections closes the connections that are not in use.
func (t *Transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

// latestKey returns the key that signed the latest request, zero before the first.
func (t *Transport) latestKey() signer.Credentials {
	if key := t.lastKey.Load(); key != nil {
		return *key
	}
	return signer.Credentials{}
}

// newRedactor masks the secrets of a signed request.
func newRedactor(signed signer.Signed, key signer.Credentials) *redact.Redactor {
	query, header := signatures(signed)
	return redact.New(key.AccessKeySecret, key.SecurityToken, key.AccessKeyID, query, header)
}

func (t *Transport) scope(region, action string) *quotaScope {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := scopeKey{region, action}
	s := t.scopes[key]
	if s == nil {
		s = new(quotaScope)
		t.scopes[key] = s
	}
	return s
}
