package ecs

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/credentials"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// maxClockDifference is how far this machine's clock may be off before the report advises to set it. The API refuses
// requests that are 15 minutes off.
const maxClockDifference = 4 * time.Minute

// checkCredentials adds the step of the credentials and reports whether there is a key.
func (k *checker) checkCredentials(ctx context.Context) bool {
	c := k.client
	start := time.Now()
	key, err := c.transport.Key(ctx)
	s := CheckStep{Name: stepCredentials, Status: CheckStatusPassed, Duration: time.Since(start)}
	report, searched := c.keys.Report()
	if err != nil {
		s.Err = callFailure("Check", c.region, c.host, err)
		s.Status, s.Detail = CheckStatusFailed, strings.TrimPrefix(reason(errors.Unwrap(s.Err)), "no credentials: ")
		s.Advice = credentialsAdvice(s.Err, report.Links)
		if n := len(report.Links); n > 1 && !errors.Is(s.Err, report.Links[n-1].Err) { // no link of the chain is configured
			s.Detail = "none found" + earlierLinks(report.Links)
		}
		if ctx.Err() != nil {
			s.Status, s.Advice = CheckStatusUnknown, adviceContext
		}
		k.add(s)
		return false
	}
	k.source = "Options.Credentials"
	kind, expires := "permanent key ", ""
	if key.SecurityToken != "" {
		kind = "temporary key "
	}
	earlier := ""
	if searched && len(report.Links) > 0 {
		last := len(report.Links) - 1
		k.source, earlier = report.Links[last].Name+" ("+report.Kind+")", earlierLinks(report.Links[:last])
		if !report.Expires.IsZero() {
			expires = ", expires " + report.Expires.UTC().Format(time.RFC3339)
		}
	}
	s.Detail = kind + credentials.MaskID(key.AccessKeyID) + " from " + k.source + expires + earlier
	k.add(s)
	return true
}

// credentialsAdvice returns what to do when there is no key. links are those that were searched, if any.
func credentialsAdvice(err error, links []credentials.LinkReport) string {
	switch n := len(links); {
	case errors.Is(err, ErrUnavailable):
		return "the service that issues the key cannot be reached: check the network, or use another kind of credentials"
	case n == 0:
		return "correct the key, or its provider, in Options.Credentials"
	case n == 1 && links[0].Name == "CLI profile":
		return "choose another profile (aliyun configure list names them), or run aliyun configure"
	case errors.Is(err, links[n-1].Err):
		return "correct the settings of this source, the " + links[n-1].Name + ", or remove them so that the next source is used"
	}
	return "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, run aliyun configure, or set Options.Credentials"
}

// earlierLinks says why the links of the default chain returned no key.
func earlierLinks(links []credentials.LinkReport) string {
	var b strings.Builder
	for _, l := range links {
		fmt.Fprintf(&b, "; %s: %v", l.Name, l.Err)
	}
	return b.String()
}

const (
	adviceContext = "the context ended first: allow more time"
	adviceNotAPI  = "this is no response of the ECS API: check the endpoint, and what a proxy on the way does"
)

// connectionTrace records how far the last attempt of a call came. Its hooks may be called by several goroutines.
type connectionTrace struct {
	mu sync.Mutex
	connectionEvents
	opened connectionEvents // of an earlier attempt that opened a connection
}

type connectionEvents struct {
	dnsStart, dnsDone, connectStart, connectDone, tlsStart, tlsDone, wrote, firstByte time.Time

	connected, reused bool // the request had a connection, one that was open before
	lookedUp, address string
}

// hooks returns the functions that net/http calls.
func (t *connectionTrace) hooks() *httptrace.ClientTrace {
	record := func(change func(e *connectionEvents, now time.Time)) {
		t.mu.Lock()
		defer t.mu.Unlock()
		change(&t.connectionEvents, time.Now())
	}
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			record(func(e *connectionEvents, _ time.Time) {
				if e.connected {
					t.opened = *e
				}
				*e = connectionEvents{}
			})
		},
		GotConn: func(info httptrace.GotConnInfo) {
			record(func(e *connectionEvents, _ time.Time) {
				if info.Reused && t.opened.connected {
					*e = t.opened
					return
				}
				e.connected, e.reused = true, info.Reused
				if info.Conn != nil && info.Conn.RemoteAddr() != nil {
					e.address = info.Conn.RemoteAddr().String()
				}
			})
		},
		DNSStart: func(info httptrace.DNSStartInfo) {
			record(func(e *connectionEvents, now time.Time) { e.dnsStart, e.lookedUp = now, info.Host })
		},
		DNSDone: func(info httptrace.DNSDoneInfo) {
			record(func(e *connectionEvents, now time.Time) {
				if info.Err == nil {
					e.dnsDone = now
				}
			})
		},
		ConnectStart: func(string, string) { record(func(e *connectionEvents, now time.Time) { e.connectStart = now }) },
		ConnectDone: func(_, _ string, err error) {
			record(func(e *connectionEvents, now time.Time) {
				if err == nil {
					e.connectDone = now
				}
			})
		},
		TLSHandshakeStart: func() { record(func(e *connectionEvents, now time.Time) { e.tlsStart = now }) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			record(func(e *connectionEvents, now time.Time) {
				if err == nil {
					e.tlsDone = now
				}
			})
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { record(func(e *connectionEvents, now time.Time) { e.wrote = now }) },
		GotFirstResponseByte: func() { record(func(e *connectionEvents, now time.Time) { e.firstByte = now }) },
	}
}

// events returns what was recorded so far.
func (t *connectionTrace) events() connectionEvents {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.connectionEvents
}

// failedStep returns the step at which a request without a usable response failed.
func (e connectionEvents) failedStep(failed *Error, proxied bool) string {
	switch failed.problem {
	case transport.ProxyFailed:
		return stepProxy
	case transport.NameNotFound, transport.NameLookup:
		return stepDNS
	case transport.ConnectionRefused:
		return stepConnect
	case transport.TLSNotTrusted, transport.TLSFailed:
		return stepTLS
	}
	switch {
	case failed.StatusCode != 0, failed.Attempts == 0, e.connected:
		return stepResponse
	case !e.tlsStart.IsZero():
		return stepTLS
	case proxied && !e.connectDone.IsZero():
		return stepProxy
	case !e.dnsStart.IsZero() && e.dnsDone.IsZero():
		return stepDNS
	}
	return stepConnect
}

// addEndpointSteps adds the steps of the way to the endpoint, and reports whether the API responded. failed is the error
// of the first dry run, or nil.
func (k *checker) addEndpointSteps(c *Client, trace *connectionTrace, failed *Error, ended bool) bool {
	events, proxy := trace.events(), c.proxy()
	name, notSeen := events.nameText(c, proxy)
	steps := []CheckStep{
		{Name: stepProxy, Detail: cmp.Or(proxy, "none")},
		{Name: stepDNS, Detail: name, Duration: between(events.dnsStart, events.dnsDone)},
		{Name: stepConnect, Detail: events.connectText(c), Duration: between(events.connectStart, events.connectDone)},
		{Name: stepTLS, Detail: events.tlsText(c), Duration: between(events.tlsStart, events.tlsDone)},
		{Name: stepResponse, Detail: "the API responds at " + c.host, Duration: between(events.wrote, events.firstByte)},
	}
	at, status := "", CheckStatusPassed
	if failed != nil && !isAPIResponse(failed) {
		at = events.failedStep(failed, proxy != "")
	}
	for _, s := range steps {
		s.Region = c.region
		switch {
		case status == CheckStatusFailed:
			k.skip(s)
			continue
		case s.Name == at:
			status = CheckStatusFailed
			s.Status, s.Err, s.Detail, s.Advice = status, failed, causeText(failed), endpointAdvice(c, failed, at)
			if at == stepProxy {
				s.Detail = proxy + ": " + s.Detail
			}
			if ended {
				s.Status, s.Advice = CheckStatusUnknown, adviceContext
			}
		default:
			s.Status = status
			if failed != nil && failed.Attempts == 0 {
				s.Status, s.Detail = CheckStatusUnknown, "no request was sent"
			} else if s.Name == stepDNS && notSeen {
				s.Status = CheckStatusUnknown
			}
		}
		k.add(s)
	}
	return at == ""
}

// isAPIResponse reports whether an error is a response of the ECS API of the client's region. Codes of ErrInvalidParameter
// for which there is advice come from an endpoint or region that is wrong.
func isAPIResponse(e *Error) bool {
	if e.Code == "" {
		return e.StatusCode == http.StatusOK && e.Message != "" && e.err == nil // the server ignored DryRun
	}
	return !errors.Is(e, ErrUnavailable) && (!errors.Is(e, ErrInvalidParameter) || e.advice == "")
}

// nameText says how the name of the endpoint was resolved. notSeen is true if a dialer of the caller's did not say.
func (e connectionEvents) nameText(c *Client, proxy string) (text string, notSeen bool) {
	name, _, _ := strings.Cut(c.host, ":")
	_, err := netip.ParseAddr(name)
	switch {
	case e.reused:
		return "an open connection was reused", false
	case proxy != "":
		return "the proxy resolves " + c.host, false
	case e.lookedUp != "":
		return e.lookedUp + " resolved", false
	case err == nil || e.connected:
		return "no lookup was needed for " + c.host, false
	}
	return "the dialer of the http.Client did not report a lookup of " + c.host, true
}

func (e connectionEvents) connectText(c *Client) string {
	switch {
	case e.reused:
		return "an open connection was reused"
	case e.address == "":
		return "connected to " + c.host
	}
	return "connected to " + e.address
}

func (e connectionEvents) tlsText(c *Client) string {
	switch {
	case c.scheme == "http":
		return "none: the endpoint is a loopback address"
	case e.reused:
		return "an open connection was reused"
	}
	return "the certificate is trusted"
}

// proxy returns the proxy of the client's requests without its user and password, or "" if there is none or it is not
// known because the caller's http.Client has a RoundTripper of another type.
func (c *Client) proxy() string {
	t, ok := c.config.HTTPClient.Transport.(*http.Transport)
	if !ok || t == nil || t.Proxy == nil {
		return ""
	}
	u, err := t.Proxy(&http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: c.scheme, Host: c.host, Path: "/"}, Host: c.host, Header: http.Header{}})
	if err != nil || u == nil {
		return ""
	}
	return shown(u.Scheme + "://" + u.Host)
}

// endpointAdvice returns what to do about a failure on the way to the endpoint.
func endpointAdvice(c *Client, e *Error, step string) string {
	if advice := connectAdvice(c, e); advice != "" {
		return advice
	}
	switch {
	case e.StatusCode == http.StatusNotFound && e.Code == "":
		return adviceNotAPI
	case e.advice != "" || errors.Is(e, ErrThrottled):
		return e.whatToDo()
	case step == stepConnect:
		return "nothing accepts connections at " + c.host + ": check the endpoint, the network, the firewall, and whether a proxy (HTTPS_PROXY) is needed"
	case step == stepProxy:
		return "the proxy does not connect to " + c.host + ": check its rules and NO_PROXY"
	case step == stepTLS:
		return "the TLS handshake did not end: check the endpoint, and what a firewall or proxy on the way does"
	case step == stepDNS:
		return "check the name server"
	case e.Attempts == 0:
		return "no request was sent: correct what the error says"
	case e.Code != "":
		return strings.TrimSuffix("the service itself failed: try again later, or report it to the vendor with the request id "+e.RequestID, " with the request id ")
	case e.StatusCode != 0:
		return adviceNotAPI
	}
	return "the connection was made but no response came: check what a firewall or proxy on the way does, and try again later"
}

// connectAdvice returns advice for the failures that depend on how the endpoint was chosen, or "".
func connectAdvice(c *Client, e *Error) string {
	unreachable := false
	switch e.problem {
	case transport.NameNotFound, transport.ConnectionRefused, transport.TimedOut, transport.NameLookup:
		unreachable = true
	}
	switch {
	case unreachable && (c.network == NetworkVPC || strings.HasPrefix(c.host, "ecs-vpc.")):
		return "the VPC endpoint can be reached only from a VPC in " + c.region + ": anywhere else, use NetworkPublic"
	case e.problem == transport.NameNotFound && c.endpoint == "":
		return strconv.Quote(c.region) + " may not be a region: check the region id, then the name server"
	}
	return ""
}

// addClock adds the step of the clock, and reports whether the API accepts the time of the requests.
func (k *checker) addClock(c *Client, failed *Error, reached bool) bool {
	s := CheckStep{Name: stepClock, Region: c.region, Status: CheckStatusPassed}
	if !reached {
		k.skip(s)
		return true
	}
	seen, _ := c.transport.Observe(c.region, describeInstances)
	difference := seen.LocalTime.Sub(seen.ServerTime).Round(time.Second)
	direction := " ahead of"
	if difference < 0 {
		direction = " behind"
	}
	text := "this machine's clock is " + difference.Abs().String() + direction + " the API's"
	switch {
	case failed != nil && (strings.HasPrefix(failed.Code, "InvalidTimeStamp") || failed.Code == "IllegalTimestamp"):
		s.Status, s.Err, s.Detail, s.Advice = CheckStatusFailed, failed, causeText(failed), cmp.Or(failed.advice, "set this machine's clock")
		if !seen.ServerTime.IsZero() {
			s.Detail = text + "; " + s.Detail
		}
	case seen.ServerTime.IsZero():
		s.Status, s.Detail = CheckStatusUnknown, "the response does not say what time it is"
	case difference.Abs() <= time.Second:
		s.Detail = "agrees with the API's"
	case difference.Abs() < maxClockDifference:
		s.Detail = text
	default:
		s.Detail, s.Advice = text+", within the 15 minutes that the API accepts", "set this machine's clock"
		if c.transport.ClockOffset() != 0 {
			s.Detail = text + "; requests are corrected by that"
		}
	}
	k.add(s)
	return s.Status != CheckStatusFailed
}

// addSignature adds the step of the signature, and reports whether the API accepts it as far as is known.
func (k *checker) addSignature(failed *Error, reached bool) bool {
	s := CheckStep{Name: stepSignature, Region: k.regions[0].region, Status: CheckStatusPassed, Detail: "accepted"}
	switch {
	case !reached:
		k.skip(s)
		return true
	case failed == nil, failed.Code == "", errors.Is(failed, ErrForbidden) && !errors.Is(failed, ErrCredentials):
	case errors.Is(failed, ErrCredentials):
		s.Status, s.Err, s.Detail = CheckStatusFailed, failed, causeText(failed)
		s.Advice = cmp.Or(failed.advice, "check the access key") + "; the key comes from " + k.source
	default:
		s.Status, s.Detail = CheckStatusUnknown, "the API refused the request for another reason"
	}
	k.add(s)
	return s.Status != CheckStatusFailed
}

// addQuota adds the step of the rate limits that the responses told.
func (k *checker) addQuota() {
	var limits []string
	for _, p := range k.probed {
		seen, ok := p.client.transport.Observe(p.client.region, p.action)
		if ok && seen.RateLimitUserAPI != "" {
			limits = append(limits, p.action+in(p.client.region)+": "+limitText(seen.RateLimitUserAPI))
		}
	}
	limits = unique(limits)
	s := CheckStep{Name: stepQuota, Optional: true, Status: CheckStatusPassed, Detail: enumerate(limits, len(limits))}
	switch {
	case len(k.probed) == 0:
		k.skip(s)
		return
	case len(limits) == 0:
		s.Status, s.Detail = CheckStatusUnknown, "the responses do not name a rate limit"
	}
	k.add(s)
}

// limitText returns "59 of 60 left" for "Limit:60,Remain:59,…", or the text as it is.
func limitText(header string) string {
	values := map[string]string{}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, ":")
		values[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	if values["Limit"] == "" || values["Remain"] == "" {
		return header
	}
	return values["Remain"] + " of " + values["Limit"] + " left"
}

// between returns the time from start to end, or 0 if one of them did not happen.
func between(start, end time.Time) time.Duration {
	if start.IsZero() || end.Before(start) {
		return 0
	}
	return end.Sub(start)
}
