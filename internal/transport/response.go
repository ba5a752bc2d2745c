package transport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// ErrMismatch means that a response is valid JSON but cannot be decoded into the caller's type. The call is not
// retried.
var ErrMismatch = errors.New("the response does not match the result type")

// readResponse reads and decodes the body of a response. For an error response or an unreadable body, readResponse
// determines the reason.
func (x *exchange) readResponse(resp *http.Response) attemptResult {
	body := x.t.bodies.get()[:0]
	defer func() { x.t.bodies.put(body) }()
	success, limit := resp.StatusCode/100 == 2, maxErrorBody
	if success {
		limit = maxBody
	} else if resp.ContentLength > maxErrorBody { // the first part may contain the error
		resp.ContentLength = -1
	}
	var err error
	if resp.StatusCode >= 200 { // after status 101, the body is the connection itself, which has no read deadline
		body, err = readBody(body, resp, limit)
	}
	var unreadable attemptResult // why the body could not be read or decoded
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
		if !unreadable.final {
			unreadable.response.Status = resp.StatusCode
		}
		if unreadable.final || success {
			return unreadable
		}
	}
	return x.parseFailure(resp, body, unreadable)
}

// requestID returns the request id of a response whose body was not parsed.
func (x *exchange) requestID(h http.Header) string {
	id := h.Get("X-Acs-Request-Id")
	if id == "" || isUUID(id) { // a UUID cannot contain a secret
		return id
	}
	return x.redactor().Line(id, 256)
}

var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func isUUID(id string) bool { return uuidForm.MatchString(id) }

// parseFailure classifies an error response, or a successful response whose body could not be decoded. The argument
// unreadable is the problem that occurred when the body was read or decoded. It is used only if the body contains no
// error code.
func (x *exchange) parseFailure(resp *http.Response, body []byte, unreadable attemptResult) attemptResult {
	e, ok := parseErrorResponse(resp.StatusCode, resp.Header, body)
	res := attemptResult{status: resp.StatusCode}
	res.class, res.advice = classify(e.Code, e.Message, e.Status, e.AccessDenied != nil, x.call.ReadOnly)
	if e.Code == "SignatureDoesNotMatch" || e.Code == "IncompleteSignature" {
		res.advice = signatureAdvice(e.Message, x.query, res.advice)
	}
	if e.Code == "" {
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

// ErrorResponse is an error response from the API, or from a proxy or gateway in front of the API.
type ErrorResponse struct {
	Code, Message, RequestID, HostID, Recommend string
	Status                                      int
	AccessDenied                                *AccessDenied
}

// AccessDenied is the AccessDeniedDetail object of an error response.
type AccessDenied struct {
	AuthAction               string
	AuthPrincipalType        string
	AuthPrincipalOwnerID     string `json:"AuthPrincipalOwnerId"`
	AuthPrincipalDisplayName string
	PolicyType               string
	NoPermissionType         string
	EncodedDiagnosticMessage string
}

// text is a string that can also be decoded from other JSON values. A number or boolean becomes its literal. Decoding
// null, an object or an array does not change the string.
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

// IsErrorDocument reports whether a response with a 2xx status is actually an error. The arguments are the raw JSON
// values of the members Code and Message, or nil if a member is absent. Some installations of the API add these members
// to every response. In a successful response, they are empty, null, or words such as "200" and "successful".
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
		return slices.Contains([]string{"200", "ok", "success", "successful"}, strings.ToLower(s))
	}
	return success(code) || code == "" && (message == "" || success(message))
}

// errorBody is the JSON or XML body of an error response. It also decodes the lower camel case names of some gateways,
// because encoding/json ignores case.
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

// parseErrorResponse parses a JSON or XML error body. If the body is not an error in these formats, it returns false
// and an ErrorResponse with only the status and the request id.
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
	if json.Unmarshal(doc.AccessDenied, &d) == nil && d != (AccessDenied{}) { // AccessDeniedDetail is optional
		e.AccessDenied = &d
	}
	e.Code, e.HostID, e.Recommend, e.Message = string(doc.Code), string(doc.HostID), string(doc.Recommend), message
	e.RequestID = cmp.Or(string(doc.RequestID), e.RequestID)
	return e, true
}

// redact masks the secrets in every string field of e and limits the length of the fields.
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

// describeBody returns an error message for a response that does not come from the API. The message includes the
// beginning of the body.
func describeBody(status int, body []byte, r *redact.Redactor) string {
	what := cmp.Or(http.StatusText(status), "unknown status")
	if status/100 == 2 {
		what = "the response did not come from this API"
	}
	if len(body) == 0 {
		return what + ", empty body"
	}
	return what + ", body begins: " + r.Excerpt(string(body), 160)
}

// signatureAdvice returns advice for a rejected signature. It compares the string to sign in the server's message with
// the string that the client signed. If the strings are equal, the secret is wrong. If they differ, the request was
// changed in transit. If message contains no string to sign, signatureAdvice returns otherwise.
func signatureAdvice(message, query, otherwise string) string {
	const begin = http.MethodPost + "&%2F&"
	params, err := url.ParseQuery(query)
	if err != nil || !strings.Contains(message, begin) {
		return otherwise
	}
	if strings.Contains(message, signer.StringToSign(http.MethodPost, params)) {
		return "the access key secret is wrong"
	}
	return "the request was changed in transit: check the proxies between this machine and the endpoint"
}
