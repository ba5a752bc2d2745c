// Package transport sends signed requests and deals with what goes wrong on the way: the attempt loop around sign →
// send → read → classify → wait. It knows HTTP, the API's error codes and time, and nothing about instances.
package transport

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
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
	// Credentials gives the key for one attempt. stale is the one that the API has just refused as expired; zero means
	// none. A warning comes with a key that is usable although the latest could not be had.
	Credentials func(ctx context.Context, stale signer.Credentials) (key signer.Credentials, warning, err error)
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

// Error is the answer and what lies beneath.
func (f *Failure) Error() string {
	text := strings.TrimSpace(f.Answer.Code + " " + f.Answer.Message)
	if f.Err != nil {
		return strings.TrimPrefix(text+": "+f.Err.Error(), ": ")
	}
	return text
}

// Unwrap gives Err.
func (f *Failure) Unwrap() error { return f.Err }

// Transport is safe for concurrent use. Clients for several regions share one.
type Transport struct {
	cfg   Config
	http  *http.Client
	clock clock

	bodies bufferList

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
	return &http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: proxyRefused,
		DialContext:            NewDialer().DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           128,
		MaxIdleConnsPerHost:    32, // parallel scans keep their connections
		IdleConnTimeout:        50 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		// A peer that is gone without a word is found by pings, within one attempt.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 6 * time.Second, PingTimeout: 3 * time.Second},
	}}
}

// NewDialer is how NewHTTPClient connects. All addresses of a host share the timeout, and IPv4 does not wait for IPv6.
func NewDialer() *net.Dialer {
	return &net.Dialer{
		Timeout:         5 * time.Second,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
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
		r.patience = time.Now().Add(throttleWait)
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
		pause := slog.Duration("wait", wait)
		if res.class&Throttled != 0 {
			pause = slog.Attr{} // nobody knows yet how long the throttle control will take
		}
		t.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "ecs: retrying", slog.String("action", call.Action), slog.String("region", call.Region),
			slog.Int("attempt", r.sent), pause, slog.String("reason", r.plain(res).Error()))
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
	t    *Transport
	call Call
	lane *lane
	last result // the last error answer

	patience time.Time // the end of waits on the throttle control; zero: the context's deadline alone

	sent, faults, throttles, skews int

	suspect    bool               // the last attempt broke on the wire
	key, stale signer.Credentials // of the last attempt; and the one the API called expired, until it is replaced
	refreshed  bool
}

// result is how one attempt ended: ok, an error answer, or an error below HTTP.
type result struct {
	ok     bool
	sent   bool
	status int
	answer Answer // of a success only the request id
	err    error
	class  Class
	hint   string
	final  bool // no other attempt can help
	wait   time.Duration
	header http.Header
	offset time.Duration // of the clock the request was signed by
}

// attempt sends one request, when limiter and throttle control allow, and reports it.
func (r *run) attempt(ctx context.Context) result {
	if ctx.Err() != nil {
		return r.ended(ctx, nil)
	}
	place, refused := r.enter(ctx)
	if refused != nil {
		return *refused
	}
	start := time.Now()
	res := r.admitted(ctx, place)
	if res.sent {
		r.report(ctx, res, start)
	}
	return res
}

// enter waits until limiter and throttle control both allow a request. Once the server has throttled, the limiter comes
// last: what it lets pass while the gate is closed would come in one burst when that opens.
func (r *run) enter(ctx context.Context) (ticket, *result) {
	gate, limiter := &r.lane.throttle, r.t.cfg.Limiter
	free := limiter != nil && gate.free()
	if free {
		if res := r.limit(ctx); res != nil {
			return ticket{}, res
		}
	}
	for {
		place, err := gate.enter(ctx, r.patience)
		switch {
		case err != nil && ctx.Err() != nil: // which of the two was first is chance
			res := r.ended(ctx, nil)
			res.err, res.class = fmt.Errorf("%w: %w", errThrottleWait, res.err), res.class|Throttled
			return ticket{}, &res
		case err != nil && !r.patience.IsZero():
			return ticket{}, &result{err: fmt.Errorf("no quota within %v", throttleWait), class: Throttled, final: true}
		case err != nil:
			return ticket{}, &result{err: err, class: Throttled, final: true}
		case limiter == nil || free && !place.waited:
			return place, nil
		}
		if ok, refused := r.pass(ctx, place); ok || refused != nil {
			return place, refused
		}
	}
}

// pass waits for the limiter with a place in the throttle control, and gives that back unless it still counts then.
func (r *run) pass(ctx context.Context, place ticket) (ok bool, refused *result) {
	gate := &r.lane.throttle
	defer func() {
		if !ok {
			gate.leave(place, outcomeOther, 0)
		}
	}()
	gate.hold(place)
	refused = r.limit(ctx)
	return refused == nil && gate.holds(place), refused
}

// limit waits for the caller's limiter.
func (r *run) limit(ctx context.Context) *result {
	err := r.t.cfg.Limiter.Wait(ctx)
	if err == nil && ctx.Err() == nil {
		return nil
	}
	res := r.ended(ctx, err)
	return &res
}

// admitted is an attempt with its place in the throttle control, which it leaves whatever happens.
func (r *run) admitted(ctx context.Context, place ticket) (res result) {
	outcome := outcomeOther
	defer func() { r.lane.throttle.leave(place, outcome, res.wait) }()

	key, warning, err := r.t.cfg.Credentials(ctx, r.stale)
	switch {
	case err != nil && ctx.Err() != nil:
		res = r.ended(ctx, nil)
		res.err = fmt.Errorf("while waiting for credentials: %w", res.err)
		return res
	case err != nil:
		return result{err: fmt.Errorf("no credentials: %w", err), class: Credentials, final: true}
	case r.stale != (signer.Credentials{}) && key == r.stale: // there is no other: the answer stands
		res = r.last
		res.sent, res.final = false, true
		return res
	case warning != nil:
		r.t.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "ecs: using the last good credentials", slog.String("reason", warning.Error()))
	}
	r.key, r.stale = key, signer.Credentials{}
	now, offset := r.t.clock.now()
	signed, err := r.t.cfg.Signer.Sign(signer.Request{
		Method: http.MethodPost, Host: r.call.Host, Action: r.call.Action, Version: r.call.Version,
		Params: r.call.Params, Time: now, Nonce: nonce(),
	}, key)
	if err != nil {
		return result{err: newScrubber(signed, key).err(err), class: Invalid, final: true}
	}
	res = r.exchange(ctx, key, signed)
	res.sent, res.offset = true, offset
	switch {
	case res.class&Throttled != 0:
		outcome = outcomeThrottled
	case res.ok, res.answer.Code != "" && res.answer.Status < 500:
		outcome = outcomeOK
	}
	return res
}

// exchange is the part of an attempt that happens on the wire, within the attempt's own timeout.
func (r *run) exchange(ctx context.Context, key signer.Credentials, signed signer.Signed) result {
	scrub := sync.OnceValue(func() scrubber { return newScrubber(signed, key) })
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

	if r.suspect { // the connections that idle beside the one that broke may be as dead, and so may itself with HTTP/2
		r.t.CloseIdleConnections()
		r.suspect = false
	}
	r.sent++
	broken := func(err error) result {
		r.suspect = true
		switch {
		case ctx.Err() != nil:
			return r.ended(ctx, nil)
		case within.Err() != nil:
			return result{err: attemptTimeout(r.t.cfg.Retry.AttemptTimeout), class: transient}
		}
		if u, ok := err.(*url.Error); ok { //nolint:errorlint // net/http puts it around all others
			err = u.Err
		}
		class, hint := classifyNetwork(err)
		return result{err: scrub().err(err), class: class, hint: hint}
	}
	resp, err := r.t.http.Do(req)
	if err != nil {
		return broken(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 100 { // net/http takes any three digits
		return broken(fmt.Errorf("malformed HTTP status %03d", resp.StatusCode))
	}

	body := r.t.bodies.get()[:0]
	defer func() { r.t.bodies.put(body) }()
	success, limit := resp.StatusCode/100 == 2, maxErrorBody
	if success {
		limit = maxBody
	} else if resp.ContentLength > maxErrorBody { // its beginning is worth reading all the same
		resp.ContentLength = -1
	}
	if resp.StatusCode >= 200 { // 101 has no body: it would hand over the connection, which knows no deadline
		body, err = readBody(body, resp, limit)
	}
	var bad result // what is wrong with the body
	switch {
	case err == nil && success:
		if err = r.call.Decode(body); err == nil {
			return result{ok: true, status: resp.StatusCode, answer: Answer{RequestID: requestID(resp.Header, scrub)}}
		}
		if bad = (result{err: scrub().err(err), class: transient}); errors.Is(err, ErrMismatch) {
			bad.class = 0
		}
	case err != nil && (success || !errors.Is(err, errTooLarge)):
		bad = broken(err)
		bad.status, bad.answer.RequestID = resp.StatusCode, requestID(resp.Header, scrub)
		if !bad.final && success {
			bad.answer.Status = resp.StatusCode
		}
		if bad.final || success {
			return bad
		}
	}
	return r.answered(resp, body, bad, signed.Query, scrub())
}

// requestID is the id of an answer whose body was not read for one.
func requestID(h http.Header, scrub func() scrubber) string {
	id := h.Get("X-Acs-Request-Id")
	if len(id) <= 64 && strings.Trim(id, "0123456789ABCDEFabcdef-") == "" { // as always
		return id
	}
	return scrub().clean(id, 256)
}

// answered classifies an error answer, or one of success whose body was of no use. What is wrong with the body counts
// when no code says more.
func (r *run) answered(resp *http.Response, body []byte, bad result, query string, s scrubber) result {
	a, ok := parseAnswer(resp.StatusCode, resp.Header, body)
	res := result{status: resp.StatusCode, header: resp.Header}
	res.class, res.hint = classify(a.Code, a.Message, a.Status)
	if a.Code == "SignatureDoesNotMatch" || a.Code == "IncompleteSignature" {
		res.hint = signatureHint(a.Message, query, res.hint)
	}
	if a.Code == "" && bad.err != nil {
		res.err, res.class = bad.err, cmp.Or(res.class, bad.class)
	}
	res.wait = hint(resp.Header, res.class&Throttled != 0)
	a.clean(s)
	if !ok && (bad.err == nil || bad.class != 0) {
		a.Message = excerpt(resp.StatusCode, body, s)
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
	learned := res.class&skew != 0 && r.t.clock.learn(res.header, res.offset) // if not for this call, then for the next
	switch p := r.t.cfg.Retry; {
	case res.final || p.MaxAttempts == 1:
		return 0, false
	case res.class&expired != 0 && !r.refreshed:
		r.refreshed, r.stale = true, r.key
		return 0, true
	case learned && r.skews < 2:
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
		return res.wait + p.delay(r.faults), true // with the jitter on top, since a hint is told to everyone
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
	case strings.Contains(err.Error(), "deadline"): // golang.org/x/time/rate has no other way to say so
		err = fmt.Errorf("limiter: %w (%w)", err, context.DeadlineExceeded)
	default:
		err = fmt.Errorf("limiter: %w", err)
	}
	return result{err: err, class: r.last.class &^ retry, hint: r.last.hint, final: true}
}

// plain is why one attempt failed.
func (r *run) plain(res result) *Failure {
	return &Failure{Answer: res.answer, Attempts: r.sent, Class: res.class, Hint: res.hint, Err: res.err}
}

// failure is why the call failed: as its last attempt did, with the last answer there was. A call that ends in a wait
// still says why it waited.
func (r *run) failure(res result) *Failure {
	f := r.plain(res)
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
		StatusCode: res.status, Code: res.answer.Code, RequestID: res.answer.RequestID,
	}
	if !res.ok {
		a.Err = r.plain(res)
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
