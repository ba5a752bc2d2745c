// Package transport sends signed requests and deals with what goes wrong on the way: the attempt loop around sign →
// send → read → classify → wait. It knows HTTP, the API's error codes and time, and nothing about instances.
package transport

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// Config is what a Transport is made of. Credentials and Signer are required.
type Config struct {
	HTTPClient *http.Client // nil: NewHTTPClient. A copy is used, with redirects off.
	Signer     signer.Signer
	// Credentials gives the key for one attempt. fresh asks for another one than the last, which the API called stale.
	Credentials func(ctx context.Context, fresh bool) (signer.Credentials, error)
	Retry       Policy
	Limiter     interface{ Wait(context.Context) error } // nil: none
	UserAgent   string
	Logger      *slog.Logger // nil: silent
	OnAttempt   func(Attempt)
}

// Attempt is one HTTP request, after its end.
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

// Call is one operation to carry out.
type Call struct {
	Region, Action, Version string
	Scheme, Host            string
	Params                  url.Values
	// Decode reads a successful answer. The body is only valid until it returns. An error means that the answer is
	// unusable, so that the call is tried again.
	Decode func(body []byte) error
}

// Meta is what is known of a successful call besides its answer.
type Meta struct {
	RequestID string // from the header; the body's own comes first
	Attempts  int
}

// Failure is why a call has no answer.
type Failure struct {
	Answer   Answer // the last error answer, zero when there was none
	Attempts int
	Class    Class
	Hint     string // what to do about it, where more is known than the class
	Err      error  // what lies beneath: a context's error, a network error …; nil when the answer is all
}

func (f *Failure) Error() string {
	text := strings.TrimSpace(f.Answer.Code + " " + f.Answer.Message)
	if f.Err != nil {
		return strings.TrimPrefix(text+": "+f.Err.Error(), ": ")
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Err }

// Transport is safe for concurrent use. Clients for several regions share one.
type Transport struct {
	cfg   Config
	http  *http.Client
	clock clock

	mu    sync.Mutex
	lanes map[laneKey]*lane
}

// A lane is what all calls of one operation in one region share: the API counts its quotas by region and operation,
// and a region that is down must not use up the retries of the others.
type lane struct {
	quota    quota
	throttle throttle
}

type laneKey struct{ region, action string }

// New makes a Transport.
func New(cfg Config) *Transport {
	client := cfg.HTTPClient
	if client == nil {
		client = NewHTTPClient()
	}
	own := *client
	// A redirect would take a signed query to another host. It comes back as an answer with its status.
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cfg.Retry = cfg.Retry.withDefaults()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Transport{cfg: cfg, http: &own, lanes: map[laneKey]*lane{}}
}

// NewHTTPClient is an http.Client with finite limits of its own: it shares nothing with http.DefaultTransport.
func NewHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           128,
		MaxIdleConnsPerHost:    32, // parallel scans keep their connections
		IdleConnTimeout:        50 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		// A peer that is gone without a word is found by pings instead of by a call that hangs.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
	}}
}

// CloseIdleConnections closes the connections that are not in use.
func (t *Transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

func (t *Transport) lane(region, action string) *lane {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := laneKey{region, action}
	l := t.lanes[key]
	if l == nil {
		l = new(lane)
		t.lanes[key] = l
	}
	return l
}

// Do carries out the call: nil after Decode accepted an answer, else a *Failure.
func (t *Transport) Do(ctx context.Context, call Call) (Meta, error) {
	r := &run{t: t, call: call, lane: t.lane(call.Region, call.Action)}
	if _, ok := ctx.Deadline(); !ok { // else the deadline is the limit
		r.limit = time.Now().Add(throttleWait)
	}
	r.lane.quota.call()
	for {
		res := r.attempt(ctx)
		if res.ok {
			return Meta{RequestID: res.answer.RequestID, Attempts: r.sent}, nil
		}
		if res.answer.Status != 0 {
			r.last = res
		}
		wait, again := r.next(&res)
		if !again {
			return Meta{Attempts: r.sent}, r.failure(res)
		}
		t.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "ecs: retrying", slog.String("action", call.Action), slog.String("region", call.Region),
			slog.Int("attempt", r.sent), slog.Duration("wait", wait), slog.String("reason", r.failure(res).Error()))
		if wait == 0 {
			continue
		}
		if err := sleep(ctx, wait); err != nil {
			if res.err != nil {
				err = fmt.Errorf("%w; last attempt: %w", err, res.err)
			}
			return Meta{Attempts: r.sent}, r.failure(result{err: err, class: res.class})
		}
	}
}

// run is one call on its way through its attempts.
type run struct {
	t     *Transport
	call  Call
	lane  *lane
	limit time.Time // for waits on the throttle control; zero: the context's deadline alone
	last  result    // the last error answer

	sent, faults, throttles, skews int
	refreshed, fresh               bool
}

// result is how one attempt ended: ok, an error answer, or an error below HTTP.
type result struct {
	ok     bool
	answer Answer // of a success only the request id
	err    error
	class  Class
	hint   string
	final  bool // no other attempt can help
	wait   time.Duration
	header http.Header
	offset time.Duration // of the clock the request was signed by
}

// attempt sends one request and reads its answer.
func (r *run) attempt(ctx context.Context) (res result) {
	if ctx.Err() != nil {
		return r.ended(ctx, nil)
	}
	if l := r.t.cfg.Limiter; l != nil {
		if err := l.Wait(ctx); err != nil {
			return r.ended(ctx, err)
		}
	}
	place, err := r.lane.throttle.enter(ctx, r.limit)
	if err != nil {
		if ctx.Err() != nil {
			return r.ended(ctx, nil)
		}
		if !r.limit.IsZero() {
			err = fmt.Errorf("still throttled after %v of waiting", throttleWait)
		}
		return result{err: err, class: Throttled, final: true}
	}
	outcome := outcomeOther
	defer func() { r.lane.throttle.leave(place, outcome, res.wait) }()

	creds, err := r.t.cfg.Credentials(ctx, r.fresh)
	r.fresh = false
	if err != nil {
		if ctx.Err() != nil {
			return r.ended(ctx, err)
		}
		return result{err: fmt.Errorf("no credentials: %w", err), class: Credentials, final: true}
	}
	now, offset := r.t.clock.now()
	signed, err := r.t.cfg.Signer.Sign(signer.Request{
		Method: http.MethodPost, Host: r.call.Host, Action: r.call.Action, Version: r.call.Version,
		Params: r.call.Params, Time: now, Nonce: nonce(),
	}, creds)
	if err != nil {
		return result{err: newScrubber(creds, "").err(err), class: Invalid, final: true}
	}

	start := time.Now()
	res = r.exchange(ctx, creds, signed)
	res.offset = offset
	switch {
	case res.class&Throttled != 0:
		outcome = outcomeThrottled
	case res.ok, res.answer.Code != "" && res.answer.Status < 500:
		outcome = outcomeOK
	}
	r.report(ctx, res, start)
	return res
}

// exchange is the part of an attempt that happens on the wire, within the attempt's own timeout.
func (r *run) exchange(ctx context.Context, creds signer.Credentials, signed signer.Signed) result {
	scrub := func() scrubber { return newScrubber(creds, signed.Query) }
	within, cancel := context.WithTimeout(ctx, r.t.cfg.Retry.AttemptTimeout)
	defer cancel()
	req := (&http.Request{
		Method: http.MethodPost,
		URL:    &url.URL{Scheme: r.call.Scheme, Host: r.call.Host, Path: "/", RawQuery: signed.Query},
		Host:   r.call.Host,
		Header: signed.Header.Clone(),
		Body:   http.NoBody,
	}).WithContext(within)
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", r.t.cfg.UserAgent)

	r.sent++
	fail := func(err error) result {
		switch {
		case ctx.Err() != nil:
			return r.ended(ctx, nil)
		case within.Err() != nil:
			return result{err: attemptTimeout(r.t.cfg.Retry.AttemptTimeout), class: transient}
		}
		class, hint := classifyNetwork(err)
		return result{err: scrub().err(err), class: class, hint: hint, final: class&retry == 0}
	}
	resp, err := r.t.http.Do(req)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = resp.Body.Close() }()

	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keepBuffer {
			buffers.Put(buf)
		}
	}()
	success, limit := resp.StatusCode/100 == 2, maxErrorBody
	if success {
		limit = maxBody
	}
	if err := readBody(buf, resp, limit); err != nil && (success || ctx.Err() != nil) {
		res := fail(err)
		res.answer.RequestID = resp.Header.Get("X-Acs-Request-Id")
		return res
	} // a cut error answer still has its status
	var unreadable error
	if success {
		if unreadable = r.call.Decode(*buf); unreadable == nil {
			return result{ok: true, answer: Answer{RequestID: resp.Header.Get("X-Acs-Request-Id")}}
		}
	}
	return r.classify(resp, *buf, unreadable, signed.Query, scrub())
}

// classify reads an error answer, or a successful one whose body was unreadable.
func (r *run) classify(resp *http.Response, body []byte, unreadable error, query string, s scrubber) result {
	a := parseAnswer(resp.StatusCode, resp.Header, body)
	res := result{header: resp.Header, wait: hint(resp.Header, time.Now())}
	res.class, res.hint = classify(a.Code, a.Message, a.Status)
	if a.Code == "SignatureDoesNotMatch" || a.Code == "IncompleteSignature" {
		res.hint = signatureHint(a.Message, query, res.hint)
	}
	if unreadable != nil && a.Code == "" {
		res.class, res.err = transient, s.err(unreadable)
		if errors.Is(unreadable, ErrMismatch) {
			a.Message, res.class = "", 0
		}
	}
	for _, field := range []struct {
		text *string
		most int
	}{{&a.Code, 256}, {&a.Message, maxText}, {&a.RequestID, 256}, {&a.HostID, 256}, {&a.Recommend, 2048}} {
		*field.text = s.clean(*field.text, field.most)
	}
	if d := a.AccessDenied; d != nil {
		for _, text := range []*string{&d.AuthAction, &d.AuthPrincipalType, &d.AuthPrincipalOwnerID, &d.AuthPrincipalDisplayName, &d.PolicyType, &d.NoPermissionType, &d.EncodedDiagnosticMessage} {
			*text = s.clean(*text, maxText)
		}
	}
	res.answer = a
	return res
}

// ErrMismatch marks an error of Decode that says: the answer is sound, but it does not fit what the caller decodes into.
var ErrMismatch = errors.New("the answer does not fit the result")

// signatureHint compares the string to sign that the server echoes with ours.
func signatureHint(message, query, otherwise string) string {
	const begin = http.MethodPost + "&%2F&"
	params, err := url.ParseQuery(query)
	if err != nil || !strings.Contains(message, begin) {
		return otherwise
	}
	params.Del("Signature")
	if strings.Contains(message, signer.StringToSign(http.MethodPost, params)) {
		return "the access key secret is wrong"
	}
	return "the request was changed on its way: check proxies between here and the endpoint"
}

// next decides whether there is another attempt, and after which wait. Throttled calls wait in the throttle control.
func (r *run) next(res *result) (wait time.Duration, again bool) {
	switch p := r.t.cfg.Retry; {
	case res.final || p.MaxAttempts == 1:
		return 0, false
	case res.class&expired != 0 && !r.refreshed:
		r.refreshed, r.fresh = true, true
		return 0, true
	case res.class&skew != 0 && r.skews < 2 && r.t.clock.learn(res.header, res.offset):
		r.skews++
		return 0, true
	case res.class&Throttled != 0:
		r.throttles++
		return 0, r.throttles < throttleAttempts
	case res.class&retry != 0:
		r.faults++
		if r.faults >= p.MaxAttempts {
			return 0, false
		}
		if !r.lane.quota.retry() {
			res.hint = "not retried, because too many calls fail at the moment"
			return 0, false
		}
		return max(p.delay(r.faults), res.wait), true
	default:
		return 0, false
	}
}

// ended is an attempt that the caller's context or limiter ended.
func (r *run) ended(ctx context.Context, err error) result {
	switch {
	case ctx.Err() != nil:
		err = contextError(ctx)
	case errors.Is(err, context.DeadlineExceeded):
	default: // a limiter that refuses a wait beyond the deadline says so in words only
		if _, ok := ctx.Deadline(); ok {
			err = fmt.Errorf("limiter: %w (%w)", err, context.DeadlineExceeded)
		} else {
			err = fmt.Errorf("limiter: %w", err)
		}
	}
	return result{err: err, class: r.last.class &^ retry, hint: r.last.hint, final: true}
}

// failure is res with the last answer there was, so that a call that ends in a wait still says why it waited.
func (r *run) failure(res result) *Failure {
	f := &Failure{Answer: res.answer, Attempts: r.sent, Class: res.class, Hint: res.hint, Err: res.err}
	if f.Answer.Status == 0 {
		requestID := f.Answer.RequestID
		f.Answer = r.last.answer
		if requestID != "" {
			f.Answer.RequestID = requestID
		}
	}
	return f
}

// report tells the caller's hook and log about a finished attempt.
func (r *run) report(ctx context.Context, res result, start time.Time) {
	a := Attempt{
		Context: ctx, Action: r.call.Action, Region: r.call.Region, Host: r.call.Host, Number: r.sent, Start: start, Duration: time.Since(start),
		StatusCode: res.answer.Status, Code: res.answer.Code, RequestID: res.answer.RequestID,
	}
	if res.ok {
		a.StatusCode = http.StatusOK
	} else {
		a.Err = r.failure(res)
	}
	if log := r.t.cfg.Logger; log.Enabled(ctx, slog.LevelDebug) {
		log.LogAttrs(ctx, slog.LevelDebug, "ecs: attempt", slog.String("action", a.Action), slog.String("region", a.Region), slog.String("host", a.Host),
			slog.Int("attempt", a.Number), slog.Duration("duration", a.Duration), slog.Int("status", a.StatusCode),
			slog.String("code", a.Code), slog.String("request_id", a.RequestID))
	}
	if r.t.cfg.OnAttempt != nil {
		r.t.cfg.OnAttempt(a)
	}
}

// attemptTimeout is an attempt that took too long while the caller still had time. Like net/http's own timeout it
// counts as a deadline exceeded.
type attemptTimeout time.Duration

func (e attemptTimeout) Error() string {
	return fmt.Sprintf("no complete answer within %v", time.Duration(e))
}
func (attemptTimeout) Timeout() bool        { return true }
func (attemptTimeout) Temporary() bool      { return true }
func (attemptTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

func nonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
