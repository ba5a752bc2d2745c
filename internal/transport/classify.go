package transport

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net"
	"net/http"
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
	"InvalidApi.NotFound":                   {Invalid, "this endpoint does not know the operation: check the endpoint"},
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
		return 0, "redirects are not followed: check the endpoint"
	case status == http.StatusNotFound && code == "":
		return 0, "check the endpoint"
	}
	return 0, ""
}

// classifyNetwork says whether a failure below HTTP may pass.
func classifyNetwork(err error) (Class, string) {
	if d, ok := errors.AsType[*net.DNSError](err); ok && d.IsNotFound {
		return Unavailable, "check the region id, the endpoint and the name server"
	}
	// A certificate that is refused now will be refused again, and so will a handshake that finds no common ground.
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return Unavailable, "the server's certificate is not trusted: check the endpoint, the proxy and the root certificates"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return Unavailable, "the server does not speak TLS: check the endpoint and the proxy"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return Unavailable, "the TLS handshake failed"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return Unavailable, "the server's certificate is not trusted"
	}
	if errors.Is(err, errTooLarge) {
		return Unavailable, ""
	}
	return transient, ""
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
	XMLName          xml.Name        `json:"-" xml:"Error"`
	RequestID        text            `json:"RequestId" xml:"RequestId"`
	HostID           text            `json:"HostId" xml:"HostId"`
	Code             text            `json:"Code"`
	Message          text            `json:"Message"`
	Description      text            `json:"Description"`
	Recommend        text            `json:"Recommend"`
	AccessDenied     *AccessDenied   `json:"-" xml:"-"`
	AccessDeniedJSON json.RawMessage `json:"AccessDeniedDetail" xml:"-"`
}

// parseAnswer reads an error body in JSON or XML; of anything else it keeps a short excerpt as the message.
func parseAnswer(status int, h http.Header, body []byte) Answer {
	a := Answer{Status: status, RequestID: h.Get("X-Acs-Request-Id")}
	var doc errorBody
	trimmed := bytes.TrimSpace(body)
	err := errors.New("neither JSON nor XML")
	switch {
	case bytes.HasPrefix(trimmed, []byte("{")):
		if err = json.Unmarshal(trimmed, &doc); err == nil && len(doc.AccessDeniedJSON) > 0 {
			var d AccessDenied
			if json.Unmarshal(doc.AccessDeniedJSON, &d) == nil && d != (AccessDenied{}) { // its absence must not cost the error
				doc.AccessDenied = &d
			}
		}
	case bytes.HasPrefix(trimmed, []byte("<")):
		err = xml.Unmarshal(trimmed, &doc)
	}
	if err != nil || doc.Code == "" && doc.Message == "" && doc.Description == "" {
		a.Message = excerpt(status, trimmed)
		return a
	}
	a.Code, a.HostID, a.Recommend, a.AccessDenied = string(doc.Code), string(doc.HostID), string(doc.Recommend), doc.AccessDenied
	a.Message = string(cmp.Or(doc.Message, doc.Description))
	a.RequestID = cmp.Or(string(doc.RequestID), a.RequestID)
	return a
}

func excerpt(status int, body []byte) string {
	const most = 160
	what := cmp.Or(http.StatusText(status), "unknown status")
	if status/100 == 2 {
		what = "not an answer of this API"
	}
	if len(body) == 0 {
		return what + ", empty body"
	}
	cut := ""
	if len(body) > most {
		body, cut = body[:most], "…"
	}
	return what + ", body begins: " + strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ") + cut
}
