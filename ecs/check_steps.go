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

// maxClockDifference is how far this machine's clock may be off before the report advises to set it. The API refuses
// requests that are 15 minutes off.
const maxClockDifference = 4 * time.Minute

// clockTolerance is what a Date header of full seconds and a slow response may seem to be off.
const clockTolerance = 5 * time.Second

// checkCredentials adds the step of the credentials and reports whether there is a key.
func (k *checker) checkCredentials(ctx context.Context) bool {
	c := k.client
	start := time.Now()
	key, err := c.transport.Key(ctx)
	s := CheckStep{Name: stepCredentials, Status: CheckStatusPassed, Duration: time.Since(start)}
	report := c.keys.Report()
	if err != nil {
		s.Err = failure("Check", c.region, err)
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
	if last := len(report.Links) - 1; last >= 0 {
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
	return credentials.NoKeyAdvice
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

// addEndpointSteps adds the steps of the way to the endpoint, and reports whether the API responded. failed is the error
// of the first dry run, or nil.
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

// isAPIResponse reports whether an error is a response of the ECS API of the client's region. Codes of ErrInvalidParameter
// for which there is advice come from an endpoint or region that is wrong.
func isAPIResponse(e *Error) bool {
	if e.Code == "" {
		return e.StatusCode == http.StatusOK && e.Message != "" && e.err == nil // the server ignored DryRun
	}
	return !errors.Is(e, ErrUnavailable) && (!errors.Is(e, ErrInvalidParameter) || e.advice == "")
}

// proxySetting is the proxy of a client's requests.
type proxySetting struct {
	url     string // without user and password; "" if there is none
	unknown bool   // the caller's http.Client has a RoundTripper of another type
	invalid bool   // the setting is not the URL of a proxy, so no request can be sent
}

func (c *Client) proxy() proxySetting {
	choose := http.ProxyFromEnvironment // of an http.Client without a Transport
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
		return "not known: the http.Client has a RoundTripper of its own"
	}
	return cmp.Or(p.url, "none")
}

// endpointAdvice returns what to do about a failure to reach the endpoint.
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
		return "the setting of the proxy is not a URL: correct HTTPS_PROXY"
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
	unreachable := slices.Contains([]transport.Problem{transport.NameNotFound, transport.NameLookup, transport.ConnectionRefused, transport.TimedOut}, e.problem)
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
	seen := c.transport.Observe(c.region, describeInstances)
	difference := seen.LocalTime.Sub(seen.ServerTime).Round(time.Second)
	direction := " ahead of"
	if difference < 0 {
		direction = " behind"
	}
	amount := difference.Abs().String()
	if difference.Abs() >= time.Minute { // with a precision of a second, the seconds of a longer time mean nothing
		amount = strings.TrimSuffix(difference.Abs().Round(time.Minute).String(), "0s")
	}
	text := "this machine's clock is " + amount + direction + " the API's"
	switch {
	case failed != nil && (strings.HasPrefix(failed.Code, "InvalidTimeStamp") || failed.Code == "IllegalTimestamp"):
		s.Status, s.Err, s.Detail, s.Advice = CheckStatusFailed, failed, causeText(failed), cmp.Or(failed.advice, "set this machine's clock")
		if !seen.ServerTime.IsZero() {
			s.Detail = text + "; " + s.Detail
		}
	case seen.ServerTime.IsZero():
		s.Status, s.Detail = CheckStatusUnknown, "the response does not say what time it is"
	case difference.Abs() <= clockTolerance:
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
		if limit := p.client.transport.Observe(p.client.region, p.action).RateLimitUserAPI; limit != "" {
			limits = append(limits, p.action+inRegion(p.client.region)+": "+limitText(limit))
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
