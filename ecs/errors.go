package ecs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// These errors classify failed calls. Use [errors.Is] to compare an error with them. An error may match several of
// these errors, or none: an HTTP redirect, for example, matches none.
var (
	// ErrThrottled means that the account's quota for the operation in the region was exceeded, and that retries did
	// not help. The API's codes are Throttling and Throttling.*.
	ErrThrottled = errors.New("throttled")
	// ErrForbidden means that the caller lacks a permission. The API's codes are Forbidden, Forbidden.*, NoPermission,
	// *.Unauthorized and similar codes. Invalid credentials match ErrCredentials instead.
	ErrForbidden = errors.New("forbidden")
	// ErrCredentials means that the client has no valid credentials. Causes include a failed credentials provider, a
	// wrong local clock, and the API's codes InvalidAccessKeyId.*, SignatureDoesNotMatch and InvalidSecurityToken.*.
	ErrCredentials = errors.New("credentials not accepted")
	// ErrInvalidParameter means that the request cannot succeed unless it is changed. Either the client sent no request
	// (Error.Attempts is 0), or the API rejected the request with a code such as Invalid*, Missing* or
	// UnsupportedParameter.
	ErrInvalidParameter = errors.New("invalid parameter")
	// ErrUnavailable means that the service failed or could not be reached, and that retries did not help. Causes
	// include connection errors, timeouts, unreadable responses, HTTP status 5xx, and the API's codes InternalError and
	// ServiceUnavailable.
	//
	// An unknown host, often caused by a mistyped region, and an untrusted certificate also match ErrUnavailable. They
	// are not retried. To recognize them, use [errors.As] to find a [*net.DNSError] with IsNotFound or a
	// [*crypto/tls.CertificateVerificationError].
	ErrUnavailable = errors.New("unavailable")
	// ErrNotFound means that a resource named in the request does not exist in the region or is not visible to the
	// caller. The API's codes are InvalidInstanceId.NotFound, InvalidDiskId.NotFound and similar codes. A
	// [*NotFoundError] matches ErrNotFound, too. The error for an unknown operation, product, region or access key does
	// not match ErrNotFound.
	ErrNotFound = errors.New("not found")
)

// Error describes a failed call. Fields that do not apply are zero. For example, Code is "" if there was no response.
//
// Use [errors.Is] to compare an Error with ErrThrottled, ErrForbidden and the other Err… variables. An Error wraps its
// cause, such as an error from the context, the network or the credentials provider. If the context is done between two
// attempts, the Error matches both the context's error and the Err… variable for the last response.
//
// Every error that a failed call causes has an *Error in its chain. The error message is a single line without secrets.
type Error struct {
	Code      string // the API's error code, such as "InvalidParameter"
	Message   string // the API's error message without control characters and secrets; at most 8 KiB
	RequestID string // the request id, by which Alibaba Cloud support can find the request
	HostID    string // the name of the endpoint according to the response
	Recommend string // the URL of a page on which the API explains the error
	Action    string // the operation, such as "DescribeInstances"
	Region    string // the client's region
	Host      string // the host to which the request was sent; "" if no request was sent

	StatusCode int // the HTTP status of the last response; 0 if there was no response
	Attempts   int // the number of HTTP requests that were sent

	// AccessDenied describes the missing permission. It is nil if the API did not report the permission.
	AccessDenied *AccessDeniedDetail

	class   transport.Class
	problem transport.Problem
	advice  string // advice that is more specific than the general advice for the class of the error, or ""
	err     error
}

// AccessDeniedDetail describes a denied call as reported by the API. Fields that the API did not report are "".
type AccessDeniedDetail struct {
	AuthAction               string // the missing permission, such as "ecs:DescribeInstances"
	AuthPrincipalType        string
	AuthPrincipalOwnerID     string // AuthPrincipalOwnerId in the API
	AuthPrincipalDisplayName string
	PolicyType               string
	NoPermissionType         string
	EncodedDiagnosticMessage string
}

// Error returns a one-line message with the operation, the region, the cause, the request id or the host and, if
// possible, advice.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("ecs: " + e.Action + inRegion(e.Region) + ":")
	if e.StatusCode != 0 {
		b.WriteString(" " + strconv.Itoa(e.StatusCode))
	}
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Message != "" {
		if e.StatusCode != 0 || e.Code != "" {
			b.WriteString(":")
		}
		message := truncate(e.Message, maxMessageText)
		if e.err != nil {
			message = strings.TrimSuffix(message, ".") // the message of e.err follows
		}
		b.WriteString(" " + message)
	}
	if e.err != nil {
		if e.Code != "" || e.Message != "" {
			b.WriteString(";")
		}
		b.WriteString(" " + e.err.Error())
	}
	if details := e.details(); len(details) > 0 {
		b.WriteString(" (" + strings.Join(details, ", ") + ")")
	}
	if advice := e.whatToDo(); advice != "" {
		b.WriteString(": " + advice)
	}
	return b.String()
}

// maxMessageText is the maximum length in bytes of the API's message in an error message. The limit keeps the request
// id and the advice visible.
const maxMessageText = 1 << 10

// truncate shortens s to at most n bytes without splitting a character. If it removes bytes, it appends an ellipsis.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// details returns the details that the error message contains in parentheses. They include the host if the response did
// not come from the API, because the host or a proxy is then the likely cause.
func (e *Error) details() (details []string) {
	if e.Host != "" && e.Code == "" && (e.err == nil || !strings.Contains(e.err.Error(), e.Host)) {
		details = append(details, "host "+e.Host)
	}
	if e.RequestID != "" {
		details = append(details, "request "+e.RequestID)
	}
	if e.Attempts > 1 {
		details = append(details, strconv.Itoa(e.Attempts)+" attempts")
	}
	return details
}

// whatToDo returns the advice at the end of the error message, or "" if there is no advice.
func (e *Error) whatToDo() string {
	switch {
	case e.advice != "":
		return e.advice
	case e.class&transport.Throttled != 0:
		return "the account's quota for this operation is used up: send fewer requests or ask for a higher quota"
	case e.class&transport.Forbidden != 0, e.AccessDenied != nil && e.AccessDenied.AuthAction != "":
		return denialAdvice(e)
	}
	return ""
}

// Unwrap returns the cause of the failure, or nil if the cause is the API's response.
func (e *Error) Unwrap() error { return e.err }

// Is reports whether e matches target, which is one of the Err… variables of this package. It also works for an Error
// that was created outside this package, such as in a test.
func (e *Error) Is(target error) bool {
	class := e.class
	if class == 0 {
		class = transport.Classify(e.Code, e.Message, e.StatusCode, e.AccessDenied != nil, e.Action == "" || onlyReads(e.Action))
	}
	switch target {
	case ErrThrottled:
		return class&transport.Throttled != 0
	case ErrForbidden:
		return class&transport.Forbidden != 0
	case ErrCredentials:
		return class&transport.Credentials != 0
	case ErrInvalidParameter:
		return class&transport.Invalid != 0
	case ErrUnavailable:
		return class&transport.Unavailable != 0
	case ErrNotFound:
		return class&transport.NotFound != 0
	default:
		return false
	}
}

// Format implements [fmt.Formatter]. For every verb, it prints the result of [Error.Error], so that %+v and %#v do not
// reveal secrets.
func (e *Error) Format(f fmt.State, verb rune) { formatText(f, verb, e.Error()) }

// LogValue implements [slog.LogValuer]. It returns a group with the error message, the action and the region. The host,
// the code, the request id, the status and the number of attempts are added unless they are zero.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("error", e.Error()), slog.String("action", e.Action), slog.String("region", e.Region)}
	for _, a := range []slog.Attr{
		slog.String("host", e.Host), slog.String("code", e.Code), slog.String("request_id", e.RequestID), slog.Int("status", e.StatusCode), slog.Int("attempts", e.Attempts),
	} {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.IntValue(0)) {
			attrs = append(attrs, a)
		}
	}
	return slog.GroupValue(attrs...)
}

// printable returns s in a form that fits in a one-line message. Long strings and strings with characters that are not
// printable are quoted and shortened.
func printable[T ~string](s T) string {
	if len(s) > 80 || strings.ContainsFunc(string(s), func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.80q", s)
	}
	return string(s)
}

// inRegion returns " in " followed by the region, or "" if there is no region.
func inRegion(region string) string {
	if region == "" {
		return ""
	}
	return " in " + printable(region)
}

// reason returns the message of err without the prefix "ecs: ", for use in another error message.
func reason(err error) string { return strings.TrimPrefix(fmt.Sprint(err), "ecs: ") }

func instanceCount(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return strconv.Itoa(n) + " instances"
}

// maxNamed is the maximum number of items that an error message lists.
const maxNamed = 10

// enumerate joins the first maxNamed items and appends the number of items that it omits. The total number of items is
// n.
func enumerate(items []string, n int) string {
	text := strings.Join(items[:min(maxNamed, len(items))], ", ")
	if n > maxNamed {
		text += fmt.Sprintf(" and %d more", n-maxNamed)
	}
	return text
}

func formatText(f fmt.State, verb rune, text string) {
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text)
}

// failure converts err to an *Error. It returns nil if err is nil.
func failure(action, region string, err error) error {
	// Check only the type of err itself. An *Error that err wraps may belong to another call, such as a call of the
	// credentials provider.
	switch f := err.(type) { //nolint:errorlint // see above
	case nil:
		return nil
	case *Error:
		return f
	case *transport.Failure:
		e := &Error{
			Code: f.Response.Code, Message: f.Response.Message, RequestID: f.Response.RequestID, HostID: f.Response.HostID, Recommend: f.Response.Recommend,
			Action: action, Region: region, StatusCode: f.Response.Status, Attempts: f.Attempts, AccessDenied: (*AccessDeniedDetail)(f.Response.AccessDenied),
			class: f.Class, problem: f.Problem, advice: f.Advice, err: f.Err,
		}
		if f.Attempts > 0 {
			e.Host = f.Host
		}
		return e
	}
	return &Error{Action: action, Region: region, err: err}
}

// invalidField is the error for an invalid argument or field. It matches ErrInvalidParameter.
type invalidField struct{ field, text string }

func (e invalidField) Error() string { return e.field + " " + e.text }

func (invalidField) Is(target error) bool { return target == ErrInvalidParameter }

func invalid(field, format string, args ...any) error {
	return invalidField{field, fmt.Sprintf(format, args...)}
}

var errNilContext = invalid("ctx", "must not be nil: use context.Background()")

// invalidCall returns an *Error for a call with an invalid argument, for which no request was sent. The reason is err.
func invalidCall(action, region string, err error) error {
	return &Error{Action: action, Region: region, class: transport.Invalid, err: err}
}
