package transport

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Class says what kind of failure an answer is and whether trying again may help.
type Class uint16

// The classes callers tell apart, and (unexported) what the attempt loop does about them.
const (
	Throttled Class = 1 << iota
	Forbidden
	Credentials
	Invalid
	Unavailable

	retry   // transient: again, after a backoff
	skew    // the clock is off: again, once it is learned
	expired // the credentials are stale: again, with fresh ones
)

const transient = Unavailable | retry

const noRedirects = "redirects are not followed: check the endpoint"

// codes maps the API's error codes to classes. A key that ends in "*" matches every code that begins so; the longest
// match wins. The same code comes with different HTTP statuses, so the status does not count here.
var codes = map[string]struct {
	class Class
	hint  string
}{
	"Throttling*": {class: Throttled},

	"InternalError*":      {class: transient},
	"ServiceUnavailable*": {class: transient},
	"UnknownError":        {class: transient},
	"SignatureNonceUsed":  {class: transient}, // something below us sent the same bytes twice

	"InvalidTimeStamp.Expired": {Credentials | skew, "set this machine's clock right"},
	"IllegalTimestamp":         {Credentials | skew, "set this machine's clock right"},

	"InvalidSecurityToken*": {Credentials | expired, "get new temporary credentials"},
	"MissingSecurityToken":  {Credentials | expired, "this key needs its security token: set it too"},

	"InvalidAccessKeyId*":         {Credentials, "check the access key id: it is unknown or switched off"},
	"Forbidden.AccessKeyDisabled": {Credentials, "the access key is switched off: enable it or use another"},
	"SignatureDoesNotMatch":       {Credentials, "check the access key secret"},
	"IncompleteSignature":         {Credentials, "check the access key secret"},

	"Forbidden*":                  {class: Forbidden},
	"NoPermission*":               {class: Forbidden},
	"Unauthorized*":               {class: Forbidden},
	"ActionUnauthorized":          {Forbidden, "this operation is not open to the account"},
	"InvalidAction.Unauthorized":  {Forbidden, "this operation is not open to the account"},
	"InvalidUser.Unauthorized":    {class: Forbidden},
	"InvalidAccount.NotFound":     {Forbidden, "check the state of the account"},
	"RealNameAuthenticationError": {Forbidden, "the account must pass real-name authentication first"},
	"ChargeTypeViolation":         {Forbidden, "check the state of the account"},
	"InsufficientBalance":         {Forbidden, "the account's balance is too low"},
	"Forbidden.RiskControl":       {Forbidden, "the account is under risk control: ask the vendor"},

	"InvalidOperation.NotSupportedEndpoint": {Invalid, "this endpoint does not serve the region: leave the endpoint empty or use the region's own"},
	"InvalidRegionId*":                      {Invalid, "check the region id"},
	"InvalidRegion*":                        {Invalid, "check the region id and the endpoint"},
	"InvalidApi.NotFound":                   {Invalid, "this endpoint does not know the operation: check its name and the endpoint"},
	"InvalidProduct.NotFound":               {Invalid, "this endpoint does not serve ECS: check the endpoint"},
	"InvalidProtocol.NeedSsl":               {Invalid, "use https"},
	"Invalid*":                              {class: Invalid},
	"InValid*":                              {class: Invalid}, // the API's own spelling of InValidParameter.NextToken
	"Missing*":                              {class: Invalid},
	"Unsupported*":                          {class: Invalid},
	"NotSupported*":                         {class: Invalid},
	"RegionId.ApiNotSupported":              {Invalid, "the region does not offer this operation"},
	"NumberExceed*":                         {class: Invalid},
	"Duplicate*":                            {class: Invalid},
}

// Classify is the class of an error answer.
func Classify(code, message string, status int) Class {
	class, _ := classify(code, message, status)
	return class
}

// classify looks at the code first and at the status only when the code says nothing.
func classify(code, message string, status int) (Class, string) {
	if code == "InvalidParameter" && strings.Contains(message, "SecurityToken.Expired") {
		code = "InvalidSecurityToken.Expired" // one of the ways ECS words it
	}
	if c, ok := codes[code]; ok {
		return c.class, c.hint
	}
	for end := len(code); end > 0; end-- {
		if c, ok := codes[code[:end]+"*"]; ok {
			return c.class, c.hint
		}
	}
	switch status {
	case http.StatusTooManyRequests:
		return Throttled, ""
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return transient, ""
	case http.StatusProxyAuthRequired:
		return 0, "the proxy wants authentication"
	}
	switch {
	case status >= 500:
		return Unavailable, ""
	case status >= 300 && status < 400:
		return 0, noRedirects
	case status == http.StatusNotFound && code == "":
		return 0, "check the endpoint"
	}
	return 0, ""
}

// refusedTLS is a handshake that finds no common ground or is not believed. crypto/tls has no types for most of these.
var refusedTLS = regexp.MustCompile(`\btls: .*(certificate|protocol version|handshake failure|unrecognized name|insufficient security|access denied|no application protocol|cipher suite|supported versions)`)

// classifyNetwork says whether a failure below HTTP may pass. What is refused now by a rule will be refused again.
func classifyNetwork(err error) (class Class, hint string) {
	defer func() {
		if recover() != nil { // a nil pointer as error, of a RoundTripper of the caller's
			class, hint = transient, ""
		}
	}()
	const proxyAuth = "the proxy wants authentication: put user and password into its URL"
	if d, ok := errors.AsType[*net.DNSError](err); ok && d.IsNotFound {
		return Unavailable, "check the region id, the endpoint and the name server"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return Unavailable, "the server's certificate is not trusted: check the endpoint, the proxy and the root certificates"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return Unavailable, "the server does not speak TLS: check the endpoint and the proxy"
	}
	if p, ok := errors.AsType[proxyError](err); ok {
		switch {
		case p == http.StatusProxyAuthRequired:
			return Unavailable, proxyAuth
		case p < 500:
			return Unavailable, "the proxy forbids the connection: check its rules and NO_PROXY"
		}
		return transient, ""
	}
	switch text := err.Error(); {
	case text == http.StatusText(http.StatusProxyAuthRequired): // by a Transport without proxyRefused
		return Unavailable, proxyAuth
	case strings.HasPrefix(text, "failed to parse Location header"): // by http.Client, although it may not follow it
		return 0, noRedirects
	case refusedTLS.MatchString(text):
		return Unavailable, "the TLS handshake failed: TLS 1.2 or later and a certificate for the endpoint are needed"
	case errors.Is(err, errTooLarge):
		return Unavailable, ""
	}
	return transient, ""
}

// proxyError is the status of a proxy that does not connect us.
type proxyError int

func (e proxyError) Error() string {
	return fmt.Sprintf("the proxy refused to connect: %d %s", int(e), http.StatusText(int(e)))
}

// proxyRefused gives a type to what net/http reports as a text.
func proxyRefused(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return proxyError(resp.StatusCode)
	}
	return nil
}

// Answer is an error answer of the API, or of something between it and us.
type Answer struct {
	Code, Message, RequestID, HostID, Recommend string
	Status                                      int
	AccessDenied                                *AccessDenied
}

// AccessDenied is the API's AccessDeniedDetail.
type AccessDenied struct {
	AuthAction               string
	AuthPrincipalType        string
	AuthPrincipalOwnerID     string `json:"AuthPrincipalOwnerId"`
	AuthPrincipalDisplayName string
	PolicyType               string
	NoPermissionType         string
	EncodedDiagnosticMessage string
}

// text reads a JSON string, and a number or boolean as its own text.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if b[0] != '{' && b[0] != '[' && !bytes.Equal(b, []byte("null")) {
		*t = text(b)
	}
	return nil
}

// errorBody is what error answers look like. encoding/json matches names in any case, which covers the lower-camel
// spellings some gateways use.
type errorBody struct {
	XMLName      xml.Name `json:"-" xml:"Error"`
	RequestID    text     `json:"RequestId" xml:"RequestId"`
	HostID       text     `json:"HostId" xml:"HostId"`
	Code         text
	Message      text
	Description  text
	Recommend    text
	AccessDenied json.RawMessage `json:"AccessDeniedDetail" xml:"-"`
}

// parseAnswer reads an error body in JSON or XML. ok is false when it is something else; then the answer holds no more
// than the status and the request id.
func parseAnswer(status int, h http.Header, body []byte) (a Answer, ok bool) {
	a = Answer{Status: status, RequestID: h.Get("X-Acs-Request-Id")}
	var doc errorBody
	body = bytes.TrimSpace(body)
	switch {
	case bytes.HasPrefix(body, []byte("{")):
		if json.Unmarshal(body, &doc) != nil {
			return a, false
		}
		var d AccessDenied
		if json.Unmarshal(doc.AccessDenied, &d) == nil && d != (AccessDenied{}) { // its absence must not cost the error
			a.AccessDenied = &d
		}
	case bytes.HasPrefix(body, []byte("<")):
		if xml.Unmarshal(body, &doc) != nil {
			return a, false
		}
	}
	if doc.Code == "" && doc.Message == "" && doc.Description == "" {
		return Answer{Status: status, RequestID: a.RequestID}, false
	}
	a.Code, a.HostID, a.Recommend = string(doc.Code), string(doc.HostID), string(doc.Recommend)
	a.Message = string(cmp.Or(doc.Message, doc.Description))
	a.RequestID = cmp.Or(string(doc.RequestID), a.RequestID)
	return a, true
}

// clean makes an answer fit to be shown.
func (a *Answer) clean(s scrubber) {
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
}

// excerpt stands for the message of an answer that is none of the API's.
func excerpt(status int, body []byte, s scrubber) string {
	const most = 160
	what := cmp.Or(http.StatusText(status), "unknown status")
	if status/100 == 2 {
		what = "not an answer of this API"
	}
	if len(body) == 0 {
		return what + ", empty body"
	}
	head := body[:min(len(body), 1<<10+4*s.longest)]
	text := strings.Join(strings.Fields(printable(s.hide(string(head)))), " ")
	if len(head) < len(body) && len(text) <= most+s.longest {
		text = withheld // as in clean
	}
	return what + ", body begins: " + shorten(text, most)
}
