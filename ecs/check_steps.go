package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/credentials"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// maxClockDifference is the clock difference above which the report advises the user to set the clock. The API rejects
// differences of more than 15 minutes.
const maxClockDifference = 4 * time.Minute

// clockTolerance is the difference up to which two clocks are considered equal. It allows for slow responses and for
// the Date header, which contains whole seconds.
const clockTolerance = 5 * time.Second

// checkCredentials adds the credentials step and reports whether a key was found.
func (k *checker) checkCredentials(ctx context.Context) bool {
	c := k.client
	start := time.Now()
	key, err := c.transport.Key(ctx)
	s := CheckStep{Name: stepCredentials, Status: CheckStatusPassed, Duration: time.Since(start)}
	report := c.keys.Report()
	if err != nil {
		s.Err = failure("Check", c.region, err)
		s.Status, s.Detail = CheckStatusFailed, strings.TrimPrefix(reason(errors.Unwrap(s.Err)), "no credentials: ")
		s.Advice = credentialsAdvice(s.Err, report.Sources)
		if n := len(report.Sources); n > 1 && !errors.Is(s.Err, report.Sources[n-1].Err) { // no source of the chain is configured
			s.Detail = "none found" + earlierSources(report.Sources)
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
	if last := len(report.Sources) - 1; last >= 0 {
		k.source, earlier = report.Sources[last].Name+" ("+report.Kind+")", earlierSources(report.Sources[:last])
		if !report.Expires.IsZero() {
			expires = ", expires " + report.Expires.UTC().Format(time.RFC3339)
		}
	}
	s.Detail = kind + credentials.MaskID(key.AccessKeyID) + " from " + k.source + expires + earlier
	k.add(s)
	return true
}

// credentialsAdvice returns the advice for a client that has no key. The argument sources contains the sources that the
// default chain searched; it is empty for any other provider.
func credentialsAdvice(err error, sources []credentials.SourceReport) string {
	switch n := len(sources); {
	case errors.Is(err, ErrUnavailable):
		return "the service that issues the key cannot be reached: check the network, or use other credentials"
	case n == 0:
		return "correct the key or the provider in Options.Credentials"
	case n == 1 && sources[0].Name == "CLI profile":
		return "choose another profile (list the profiles with aliyun configure list), or run aliyun configure"
	case errors.Is(err, sources[n-1].Err):
		return "correct the credentials in the " + sources[n-1].Name + ", or remove them to use the next source"
	}
	return credentials.NoKeyAdvice
}

// earlierSources formats the errors of the credentials sources, each preceded by "; ".
func earlierSources(sources []credentials.SourceReport) string {
	var b strings.Builder
	for _, s := range sources {
		fmt.Fprintf(&b, "; %s: %v", s.Name, s.Err)
	}
	return b.String()
}

const (
	adviceContext = "the context ended before the step was complete: allow more time"
	adviceNotAPI  = "the response did not come from the ECS API: check the endpoint and any proxy in front of it"
)

// addEndpointSteps adds the steps proxy, dns, connect, tls and response, and reports whether the API responded. The
// argument failed is the error of the first dry run, or nil, and ended reports whether the caller's context is done.
func (k *checker) addEndpointSteps(c *Client, trace *connectionTrace, failed *Error, ended bool) bool {
	events, proxy := trace.events(), c.proxy()
	name, notSeen := events.nameText(c, proxy.url)
	steps := []CheckStep{
		{Name: stepProxy, Detail: proxy.String()},
		{Name: stepDNS, Detail: name, Duration: between(events.dnsStart, events.dnsDone)},
		{Name: stepConnect, Detail: events.connectText(c), Duration: between(events.connectStart, events.connectDone)},
		{Name: stepTLS, Detail: events.tlsText(c), Duration: between(events.tlsStart, events.tlsDone)},
		{Name: stepResponse, Detail: "the API responds at " + c.host, Duration: between(events.wrote, events.firstByte)},
	}
	at, status := "", CheckStatusPassed
	if failed != nil && !isAPIResponse(failed) {
		at = events.failedStep(failed, proxy)
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
			if at == stepProxy && proxy.url != "" {
				s.Detail = proxy.url + ": " + s.Detail
			}
			if ended {
				s.Status, s.Advice = CheckStatusUnknown, adviceContext
			}
		default:
			s.Status = status
			if failed != nil && failed.Attempts == 0 {
				s.Status, s.Detail = CheckStatusUnknown, "no request was sent"
			} else if s.Name == stepDNS && notSeen || s.Name == stepProxy && proxy.unknown {
				s.Status = CheckStatusUnknown
			}
		}
		k.add(s)
	}
	return at == ""
}

// isAPIResponse reports whether an error proves that the ECS API of the client's region responded. It returns false for
// an error that matches ErrInvalidParameter and has advice, because such an error means that the endpoint or the region
// is wrong.
func isAPIResponse(e *Error) bool {
	if e.Code == "" {
		return e.StatusCode == http.StatusOK && e.Message != "" && e.err == nil // the server ignored DryRun
	}
	return !errors.Is(e, ErrUnavailable) && (!errors.Is(e, ErrInvalidParameter) || e.advice == "")
}

// proxySetting describes the proxy that a client uses.
type proxySetting struct {
	url     string // the proxy URL without user and password; "" if no proxy is used
	unknown bool   // whether a custom RoundTripper may use a proxy
	invalid bool   // whether the proxy URL is invalid, so that no request can be sent
}

func (c *Client) proxy() proxySetting {
	choose := http.ProxyFromEnvironment // the default if the http.Client has no Transport
	if custom := c.transport.RoundTripper(); custom != nil {
		t, ok := custom.(*http.Transport)
		if !ok {
			return proxySetting{unknown: true}
		}
		choose = t.Proxy
	}
	if choose == nil {
		return proxySetting{}
	}
	u, err := choose(&http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: c.scheme, Host: c.host, Path: "/"}, Host: c.host, Header: http.Header{}})
	switch {
	case err != nil:
		return proxySetting{invalid: true}
	case u == nil:
		return proxySetting{}
	}
	return proxySetting{url: printable(u.Scheme + "://" + u.Host)}
}

func (p proxySetting) String() string {
	if p.unknown {
		return "unknown, because the http.Client has a custom RoundTripper"
	}
	return cmp.Or(p.url, "none")
}

// endpointAdvice returns the advice for an endpoint step that failed with the error e.
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
	case step == stepProxy && c.proxy().invalid:
		return "the proxy setting is not a valid URL: correct HTTPS_PROXY"
	case step == stepProxy:
		return "the proxy cannot connect to " + c.host + ": check the proxy's rules and NO_PROXY"
	case step == stepTLS:
		return "the TLS handshake was not completed: check the endpoint and any firewall or proxy in front of it"
	case step == stepDNS:
		return "check the name server"
	case e.Attempts == 0:
		return "no request was sent: correct the problem that the error describes"
	case e.Code != "":
		return strings.TrimSuffix("the service failed: try again later, or report the failure to the vendor with the request id "+e.RequestID, " with the request id ")
	case e.StatusCode != 0:
		return adviceNotAPI
	}
	return "the connection was opened, but no response arrived: check any firewall or proxy in front of the endpoint, and try again later"
}

// connectAdvice returns the advice for an endpoint that cannot be reached because of the client's region or network.
// For any other failure, it returns "".
func connectAdvice(c *Client, e *Error) string {
	unreachable := slices.Contains([]transport.Problem{transport.NameNotFound, transport.NameLookup, transport.ConnectionRefused, transport.TimedOut}, e.problem)
	switch {
	case unreachable && (c.network == NetworkVPC || strings.HasPrefix(c.host, "ecs-vpc.")):
		return "the VPC endpoint can be reached only from a VPC in " + c.region + ": elsewhere, use NetworkPublic"
	case e.problem == transport.NameNotFound && c.endpoint == "" && publicHosts[c.region] == "":
		return strconv.Quote(c.region) + " may be a misspelled region id: check the region id, then the name server"
	}
	return ""
}

// addClock adds the clock step. It returns false if the API rejected the dry run because of its time.
func (k *checker) addClock(c *Client, failed *Error, reached bool) bool {
	s := CheckStep{Name: stepClock, Region: c.region, Status: CheckStatusPassed}
	if !reached {
		k.skip(s)
		return true
	}
	seen := c.transport.Observe(c.region, describeInstances)
	difference := seen.LocalTime.Sub(seen.ServerTime).Round(time.Second)
	direction := " ahead of"
	if difference < 0 {
		direction = " behind"
	}
	amount := difference.Abs().String()
	if difference.Abs() >= time.Minute { // omit the seconds of large differences
		amount = strings.TrimSuffix(difference.Abs().Round(time.Minute).String(), "0s")
	}
	text := "this machine's clock is " + amount + direction + " the API's clock"
	switch {
	case failed != nil && (strings.HasPrefix(failed.Code, "InvalidTimeStamp") || failed.Code == "IllegalTimestamp"):
		s.Status, s.Err, s.Detail, s.Advice = CheckStatusFailed, failed, causeText(failed), cmp.Or(failed.advice, "set this machine's clock")
		if !seen.ServerTime.IsZero() {
			s.Detail = text + "; " + s.Detail
		}
	case seen.ServerTime.IsZero():
		s.Status, s.Detail = CheckStatusUnknown, "the response contains no usable Date header"
	case difference.Abs() <= clockTolerance:
		s.Detail = "this machine's clock agrees with the API's clock"
	case difference.Abs() < maxClockDifference:
		s.Detail = text
	default:
		s.Detail, s.Advice = text+"; the API accepts a difference of up to 15 minutes", "set this machine's clock"
		if c.transport.ClockOffset() != 0 {
			s.Detail = text + "; the client corrects the time of its requests"
		}
	}
	k.add(s)
	return s.Status != CheckStatusFailed
}

// addSignature adds the signature step. It returns false if the API rejected the key or the signature.
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
		s.Status, s.Detail = CheckStatusUnknown, "the API rejected the request for another reason"
	}
	k.add(s)
	return s.Status != CheckStatusFailed
}

// addQuota adds the quota step, which shows the rate limits that the API reported.
func (k *checker) addQuota() {
	var limits []string
	for _, p := range k.sent {
		if limit := p.client.transport.Observe(p.client.region, p.action).RateLimitUserAPI; limit != "" {
			limits = append(limits, p.action+inRegion(p.client.region)+": "+limitText(limit))
		}
	}
	limits = unique(limits)
	s := CheckStep{Name: stepQuota, Optional: true, Status: CheckStatusPassed, Detail: enumerate(limits, len(limits))}
	switch {
	case len(k.sent) == 0:
		k.skip(s)
		return
	case len(limits) == 0:
		s.Status, s.Detail = CheckStatusUnknown, "the responses contain no rate limit"
	}
	k.add(s)
}

// limitText shortens the header value "Limit:60,Remain:59,…" to "59 of 60 left". It returns any other value unchanged.
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

// between returns the time from start to end, or 0 if start or end is not set.
func between(start, end time.Time) time.Duration {
	if start.IsZero() || end.Before(start) {
		return 0
	}
	return end.Sub(start)
}
