package ecs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// Version is this module's version, as sent in the User-Agent.
const Version = "0.1.0"

const apiVersion = "2014-05-26"

// Client calls ECS in one region. It is immutable and safe for any number of goroutines; make one by [NewClient] and keep
// it. The zero value is of no use.
type Client struct {
	*core
	region       string
	scheme, host string
}

// core is what the clients of all regions share.
type core struct {
	transport  *transport.Transport
	network    Network
	endpoint   string
	poll       PollPolicy
	trustEmpty bool
	logger     *slog.Logger
}

// Options configure a client. The zero value, and every zero field, is a usable default. The client copies it.
type Options struct {
	// Credentials sign the requests. nil is the default chain of credentials-go: environment variables
	// (ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_SECURITY_TOKEN), OIDC role, CLI
	// profile, profile file, instance RAM role, credentials URI. It is looked up by the first call.
	Credentials CredentialsProvider
	// Network picks the endpoint: NetworkPublic (zero) or NetworkVPC. A VPC client never talks to a public host.
	Network Network
	// Endpoint overrides the region's endpoint, also in clients made by InRegion: host, host:port or URL. https unless it
	// is an http URL of a loopback host.
	Endpoint string
	// HTTPClient sends the requests. nil is a client of our own: finite timeouts, proxy from the environment, at most
	// 1 MiB of headers, HTTP/2 with pings. Yours is copied, never modified; redirects are never followed. A RoundTripper of
	// your own around an http.Transport should pass CloseIdleConnections on: a retry leaves dead connections by it.
	HTTPClient *http.Client
	// Signer signs the requests. nil is signer.V1{}; signer.V3{} keeps the signature out of the URL.
	Signer signer.Signer
	// Retry bounds attempts and their delays. Zero fields are the defaults, negative ones are refused.
	Retry RetryPolicy
	// Limiter is waited for before every HTTP request, for a limit of your own. nil is none but the built-in throttle
	// control, which learns the account's quota from the API's answers.
	Limiter Limiter
	// Poll is how often the waiters ask. Zero fields are the defaults, negative ones are refused.
	Poll PollPolicy
	// TrustEmpty believes an empty listing. The API answers a caller without permission with an empty list, so by
	// default an iterator that saw no instance makes one dry run and fails with ErrForbidden when that is denied.
	TrustEmpty bool
	// Logger gets one record per attempt at Debug, per retry at Info, and at Warn what is believed or used for want of
	// better: an empty listing that no dry run could confirm, an older key while the provider fails. No record holds a
	// secret. nil is silent.
	Logger *slog.Logger
	// OnAttempt is called after every HTTP request, from the goroutine of the call, which goes on when it returns: be quick,
	// and expect several calls at once. nil is none.
	OnAttempt func(Attempt)
	// UserAgent is appended to ours. Printable ASCII.
	UserAgent string
}

// RetryPolicy bounds the attempts of one call. Throttled attempts have a budget of their own: up to 14, within the
// context's deadline or, without one, 2 minutes of waiting.
type RetryPolicy struct {
	MaxAttempts    int           // attempts in all; 0 = 3, 1 = never retry, not even throttling
	MinDelay       time.Duration // backoff before the first retry, doubled for each further one; 0 = 100 ms
	MaxDelay       time.Duration // its cap; 0 = 10 s
	AttemptTimeout time.Duration // for one HTTP request and its whole answer; 0 = 10 s
}

// PollPolicy is how often WaitForStatus and WaitUntilGone ask: at once, and then after delays that grow from MinDelay to
// MaxDelay, with jitter between these bounds.
type PollPolicy struct {
	MinDelay time.Duration // 0 = 2 s, or MaxDelay if that is less
	MaxDelay time.Duration // 0 = 15 s; less than MinDelay is taken for MinDelay
}

// Limiter delays requests; *rate.Limiter of golang.org/x/time/rate is one. Wait must return when ctx ends, and must be
// safe for concurrent use.
type Limiter interface {
	Wait(ctx context.Context) error
}

// Attempt is one HTTP request of a call, told to Options.OnAttempt when it ended.
type Attempt struct {
	Context    context.Context // the caller's, for the parent of a trace
	Action     string          // the operation, such as "DescribeInstances"
	Region     string
	Host       string
	Number     int // from 1 for each call
	Start      time.Time
	Duration   time.Duration // until the whole answer was read and decoded
	StatusCode int           // HTTP status, 0 when no answer came
	Code       string        // the API's error code
	RequestID  string
	Err        error // nil when the attempt succeeded; its text holds no secret
}

// NewClient makes a client for a region, such as "cn-hangzhou". It does no I/O. nil opts are the defaults. An error
// matches ErrInvalidParameter and names what is wrong.
func NewClient(region string, opts *Options) (*Client, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	scheme, host, err := endpoint(region, o.Network, o.Endpoint)
	if err == nil {
		err = o.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("ecs: NewClient: %w", err)
	}
	provider := o.Credentials
	if provider == nil {
		provider = defaultCredentials()
	}
	cfg := transport.Config{
		HTTPClient:  o.HTTPClient,
		Signer:      o.Signer,
		Credentials: newGuard(provider).get,
		Retry:       transport.Policy(o.Retry),
		UserAgent:   strings.TrimSpace(fmt.Sprintf("aliyun-ecs-sdk-go/%s (%s; %s/%s) %s", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH, o.UserAgent)),
		Logger:      o.Logger,
	}
	if o.Limiter != nil {
		cfg.Limiter = o.Limiter
	}
	if cfg.Signer == nil {
		cfg.Signer = signer.V1{}
	}
	if o.OnAttempt != nil {
		cfg.OnAttempt = func(a transport.Attempt) {
			a.Err = failure(a.Action, a.Region, a.Err)
			o.OnAttempt(Attempt(a))
		}
	}
	shared := &core{transport: transport.New(cfg), network: o.Network, endpoint: o.Endpoint, poll: o.Poll, trustEmpty: o.TrustEmpty, logger: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	return &Client{core: shared, region: region, scheme: scheme, host: host}, nil
}

func (o Options) validate() error {
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"Options.Retry.MinDelay", o.Retry.MinDelay},
		{"Options.Retry.MaxDelay", o.Retry.MaxDelay},
		{"Options.Retry.AttemptTimeout", o.Retry.AttemptTimeout},
		{"Options.Poll.MinDelay", o.Poll.MinDelay},
		{"Options.Poll.MaxDelay", o.Poll.MaxDelay},
		{"Options.Retry.MaxAttempts", time.Duration(o.Retry.MaxAttempts)},
	} {
		if d.value < 0 {
			return invalid(d.field, "must not be negative")
		}
	}
	if strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return invalid("Options.UserAgent", "must be printable ASCII")
	}
	return nil
}

// InRegion makes a client for another region that shares this one's connections, credentials and throttle control. An
// error matches ErrInvalidParameter.
func (c *Client) InRegion(region string) (*Client, error) {
	scheme, host, err := endpoint(region, c.network, c.endpoint)
	if err != nil {
		return nil, fmt.Errorf("ecs: InRegion: %w", err)
	}
	return &Client{core: c.core, region: region, scheme: scheme, host: host}, nil
}

// Region is the region the client was made for.
func (c *Client) Region() string { return c.region }

// CloseIdleConnections closes the connections that no call is using, of all clients that share them. The client
// remains usable.
func (c *Client) CloseIdleConnections() { c.transport.CloseIdleConnections() }

// Format prints the region and the endpoint for every verb, and nothing the client holds.
func (c *Client) Format(f fmt.State, verb rune) {
	if c == nil {
		formatText(f, verb, "ecs.Client(nil)")
		return
	}
	formatText(f, verb, "ecs.Client("+c.region+" at "+c.host+")")
}

// Call carries out any other operation of the ECS API (version 2014-05-26), with the same signing, retries, throttle
// control and errors.
//
// params is nil, a [url.Values] or a struct with `url` tags for go-querystring (lists: [JSONList], [RepeatList],
// [TagList]). RegionId is the client's unless params has one. out is nil or a pointer that [json.Unmarshal] may fill; the
// API's list wrappers are as they come. An action that changes something is retried like a read: give it a ClientToken.
func (c *Client) Call(ctx context.Context, action string, params, out any) error {
	if action == "" || strings.Trim(action, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
		return refused("Call", c.region, invalid("action", "%.80q is not the name of an operation", action))
	}
	// encoding/json would say so too, but after the operation was carried out.
	if v := reflect.ValueOf(out); out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return refused(action, c.region, invalid("out", "is a %T that nothing can be read into, give a pointer that is not nil, or nil", out))
	}
	values := url.Values{}
	switch p := params.(type) {
	case nil:
	case url.Values:
		maps.Copy(values, p)
	default:
		v, err := query.Values(params)
		if err != nil {
			return refused(action, c.region, invalid("params", "is a %T, give a struct with url tags, url.Values or nil (%v)", params, err))
		}
		values = v
	}
	if len(values["RegionId"]) == 0 {
		values.Set("RegionId", c.region)
	}
	_, err := c.do(ctx, retryChange, action, values, decodeInto(out))
	return err
}

// decodeInto reads a JSON answer into out with encoding/json.
func decodeInto(out any) func([]byte) error {
	return func(body []byte) error {
		if err := jsonscan.Check(body, jsonscan.MaxValues); err != nil {
			return err
		}
		var probe struct{ Code, Message json.RawMessage }
		if err := json.Unmarshal(body, &probe); err != nil {
			return err
		}
		if isErrorDocument(probe.Code, probe.Message) { // with a status of success
			return errors.New("error document")
		}
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(body, out); err != nil {
			return fmt.Errorf("%w: %w", transport.ErrMismatch, err)
		}
		return nil
	}
}

// retryMode says how a call may be retried.
type retryMode int

const (
	retryRead   retryMode = iota // a call that only reads: whenever a retry may help, for a few seconds
	retryPage                    // a page of a listing: like retryRead, but long enough to survive a restart of the service
	retryChange                  // a call that may change something: only if it cannot have been carried out
)

// do sends one call and turns its failure into an *Error.
func (c *Client) do(ctx context.Context, mode retryMode, action string, params url.Values, decode func([]byte) error) (transport.Meta, error) {
	if ctx == nil {
		return transport.Meta{}, refused(action, c.region, errNilContext)
	}
	_ = mode // passed on once the transport knows it
	meta, err := c.transport.Do(ctx, transport.Call{
		Region: c.region, Action: action, Version: apiVersion, Scheme: c.scheme, Host: c.host, Params: params, Decode: decode,
	})
	return meta, failure(action, c.region, err)
}
