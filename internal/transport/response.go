package transport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// ErrMismatch marks an error of Call.Decode that says: the response is sound, but it does not fit the caller's type.
var ErrMismatch = errors.New("the response does not fit the result")

// readResponse reads and decodes the body, or finds out what is wrong with it.
func (x *exchange) readResponse(resp *http.Response) attemptResult {
	body := x.t.bodies.get()[:0]
	defer func() { x.t.bodies.put(body) }()
	success, limit := resp.StatusCode/100 == 2, maxErrorBody
	if success {
		limit = maxBody
	} else if resp.ContentLength > maxErrorBody { // its beginning is worth reading all the same
		resp.ContentLength = -1
	}
	var err error
	if resp.StatusCode >= 200 { // 101 has no body: it would hand over the connection, which knows no deadline
		body, err = readBody(body, resp, limit)
	}
	var unreadable attemptResult // what is wrong with the body
	switch {
	case err == nil && success:
		err = x.call.Decode(body)
		if err == nil {
			return attemptResult{ok: true, status: resp.StatusCode, response: ErrorResponse{RequestID: x.requestID(resp.Header)}}
		}
		unreadable = attemptResult{err: x.redactor().Error(err), class: transient}
		if errors.Is(err, ErrMismatch) {
			unreadable.class = 0
		}
	case err != nil && (success || !errors.Is(err, errTooLarge)):
		unreadable = x.networkFailure(err)
		unreadable.status, unreadable.response.RequestID = resp.StatusCode, x.requestID(resp.Header)
		if !unreadable.final && success {
			unreadable.response.Status = resp.StatusCode
		}
		if unreadable.final || success {
			return unreadable
		}
	}
	return x.parseFailure(resp, body, unreadable)
}

// requestID returns the request id of a response whose body was not searched for one.
func (x *exchange) requestID(h http.Header) string {
	id := h.Get("X-Acs-Request-Id")
	if isUUID(id) { // as always; nothing secret has this form
		return id
	}
	return x.redactor().Line(id, 256)
}

func isUUID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(id) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// parseFailure classifies an error response, or a successful one whose body is unreadable. What is wrong with the body
// counts when no error code says more.
func (x *exchange) parseFailure(resp *http.Response, body []byte, unreadable attemptResult) attemptResult {
	e, ok := parseErrorResponse(resp.StatusCode, resp.Header, body)
	res := attemptResult{status: resp.StatusCode}
	res.class, res.advice = classify(e.Code, e.Message, e.Status, e.AccessDenied != nil, x.call.ReadOnly)
	if e.Code == "SignatureDoesNotMatch" || e.Code == "IncompleteSignature" {
		res.advice = signatureAdvice(e.Message, x.query, res.advice)
	}
	if e.Code == "" && unreadable.err != nil {
		res.err, res.class = unreadable.err, cmp.Or(res.class, unreadable.class)
	}
	res.retryAfter = retryAfter(resp.Header, res.class&Throttled != 0)
	e.redact(x.redactor())
	if !ok && (unreadable.err == nil || unreadable.class != 0) {
		e.Message = describeBody(resp.StatusCode, body, x.redactor())
	}
	res.response = e
	return res
}

// ErrorResponse is an error response of the API, or of something between it and the client.
type ErrorResponse struct {
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

// IsErrorDocument reports whether a response with a status of success is an error document, judged by the JSON values of
// its members Code and Message (nil: no such member). Some installations of the API put both into every response: then
// they are empty, null, or say "200" and "successful".
func IsErrorDocument(code, message []byte) bool {
	read := func(raw []byte) (string, bool) {
		var t text
		present := len(raw) > 0 && !bytes.Equal(raw, []byte("null")) && t.UnmarshalJSON(raw) == nil
		return string(t), present
	}
	c, hasCode := read(code)
	m, hasMessage := read(message)
	return hasCode && hasMessage && !saysSuccess(c, m)
}

func saysSuccess(code, message string) bool {
	success := func(s string) bool {
		switch strings.ToLower(s) {
		case "200", "ok", "success", "successful":
			return true
		}
		return false
	}
	return success(code) || code == "" && (message == "" || success(message))
}

// errorBody is the form of an error response. encoding/json matches names in any case, which covers the lower-camel
// spellings of some gateways.
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

// parseErrorResponse reads an error body in JSON or XML. ok is false when it is something else; then the result holds only
// the status and the request id.
func parseErrorResponse(status int, h http.Header, body []byte) (e ErrorResponse, ok bool) {
	e = ErrorResponse{Status: status, RequestID: h.Get("X-Acs-Request-Id")}
	var doc errorBody
	body = bytes.TrimSpace(body)
	switch {
	case bytes.HasPrefix(body, []byte("{")):
		if json.Unmarshal(body, &doc) != nil {
			return e, false
		}
	case bytes.HasPrefix(body, []byte("<")):
		if xml.Unmarshal(body, &doc) != nil {
			return e, false
		}
	}
	message := string(cmp.Or(doc.Message, doc.Description))
	if doc.Code == "" && message == "" || status/100 == 2 && saysSuccess(string(doc.Code), message) {
		return e, false
	}
	var d AccessDenied
	if json.Unmarshal(doc.AccessDenied, &d) == nil && d != (AccessDenied{}) { // without it, it is still an error response
		e.AccessDenied = &d
	}
	e.Code, e.HostID, e.Recommend, e.Message = string(doc.Code), string(doc.HostID), string(doc.Recommend), message
	e.RequestID = cmp.Or(string(doc.RequestID), e.RequestID)
	return e, true
}

// redact makes a response safe to show.
func (e *ErrorResponse) redact(r *redact.Redactor) {
	for _, field := range []struct {
		text  *string
		limit int
	}{{&e.Code, 256}, {&e.Message, maxText}, {&e.RequestID, 256}, {&e.HostID, 256}, {&e.Recommend, 2048}} {
		*field.text = r.Line(*field.text, field.limit)
	}
	if d := e.AccessDenied; d != nil {
		for _, text := range []*string{
			&d.AuthAction, &d.AuthPrincipalType, &d.AuthPrincipalOwnerID, &d.AuthPrincipalDisplayName, &d.PolicyType, &d.NoPermissionType,
			&d.EncodedDiagnosticMessage,
		} {
			*text = r.Line(*text, maxText)
		}
	}
}

// describeBody replaces the message of a response that is none of the API's.
func describeBody(status int, body []byte, r *redact.Redactor) string {
	what := cmp.Or(http.StatusText(status), "unknown status")
	if status/100 == 2 {
		what = "not a response of this API"
	}
	if len(body) == 0 {
		return what + ", empty body"
	}
	return what + ", body begins: " + r.Excerpt(string(body[:min(len(body), 16<<10)]), 160)
}

// signatureAdvice compares the string to sign that the server echoes with ours.
func signatureAdvice(message, query, otherwise string) string {
	const begin = http.MethodPost + "&%2F&"
	params, err := url.ParseQuery(query)
	if err != nil || !strings.Contains(message, begin) {
		return otherwise
	}
	params.Del("Signature")
	if strings.Contains(message, signer.StringToSign(http.MethodPost, params)) {
		return "the access key secret is wrong"
	}
	return "the request was changed on its way: check the proxies between this machine and the endpoint"
}
