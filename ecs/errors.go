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

// The kinds of failure. Test for them with [errors.Is], which works for an [*Error] and for every error that wraps
// one. An error may be of several kinds, or of none, such as an HTTP redirect; see its Code and StatusCode then.
var (
	// ErrThrottled means that the account's quota for the operation in the region was used up, and that retries
	// failed as well (codes Throttling and Throttling.*).
	ErrThrottled = errors.New("throttled")
	// ErrForbidden means that the account or user lacks a permission (Forbidden, Forbidden.*, NoPermission,
	// *.Unauthorized …). It does not cover credentials that are wrong in themselves; those are ErrCredentials.
	ErrForbidden = errors.New("forbidden")
	// ErrCredentials means that there are no usable credentials, or that the API did not accept them
	// (InvalidAccessKeyId.*, SignatureDoesNotMatch, InvalidSecurityToken.*, a wrong clock, a provider that failed …).
	ErrCredentials = errors.New("credentials not accepted")
	// ErrInvalidParameter means that the request cannot succeed unless it is changed. Either it was refused before
	// it was sent (Attempts is 0), or the API refused it (Invalid*, Missing*, UnsupportedParameter …).
	ErrInvalidParameter = errors.New("invalid parameter")
	// ErrUnavailable means that the service, or the network on the way to it, failed, and that retries failed as well
	// (InternalError, ServiceUnavailable, HTTP status 5xx, connection errors, timeouts, unreadable responses). An unknown
	// host, which is what a mistyped region leads to, and an untrusted certificate match as well, although they are not
	// retried and do not pass by themselves: a [*net.DNSError] with IsNotFound, or a [*crypto/tls.CertificateVerificationError],
	// is in their chain.
	ErrUnavailable = errors.New("unavailable")
	// ErrNotFound means that a resource named in the request does not exist in the region, or is not visible to the caller
	// (InvalidInstanceId.NotFound, InvalidDiskId.NotFound …). A [*NotFoundError] matches it too. It does not cover an
	// operation, product, region or access key that the API does not know.
	ErrNotFound = errors.New("not found")
)

// Error describes a failed call. Fields that do not apply are zero: Code, for example, if there was no response.
//
// An Error matches the kinds above with [errors.Is], and unwraps to its cause: the error of a context, of the
// network, or of a credentials provider. A call that is canceled between two attempts matches both the error of
// the context and the kind of the last response.
//
// Every error that a call, a listing or a waiter returns has an Error in its chain, unless no call failed: see
// [NotFoundError], [IncompleteError], [CappedError] and [WaitError]. Its text is a single line without secrets.
type Error struct {
	Code      string // the API's error code, such as "InvalidParameter"
	Message   string // the API's explanation, without control characters and secrets, at most 8 KiB
	RequestID string // identifies the request for the vendor's support
	HostID    string // the endpoint, as named in the response
	Recommend string // link to a diagnosis, provided by the API
	Action    string // the operation, such as "DescribeInstances"
	Region    string // the client's region
	Host      string // the host that the request was sent to; "" if none was sent

	StatusCode int // the HTTP status of the last response; 0 if there was none
	Attempts   int // the number of HTTP requests sent

	// AccessDenied says which permission is missing. It is nil if the API did not report it.
	AccessDenied *AccessDeniedDetail

	class   transport.Class
	problem transport.Problem
	advice  string // what to do, if that is more specific than the advice for the class
	err     error
}

// AccessDeniedDetail is the API's explanation of a denied call. Members that are absent from the response are "".
type AccessDeniedDetail struct {
	AuthAction               string // the permission that is needed, such as "ecs:DescribeInstances"
	AuthPrincipalType        string
	AuthPrincipalOwnerID     string // API: AuthPrincipalOwnerId
	AuthPrincipalDisplayName string
	PolicyType               string
	NoPermissionType         string
	EncodedDiagnosticMessage string
}

// Error returns one line: the operation and region, the response or the cause, the request id or host, and advice.
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
			message = strings.TrimSuffix(message, ".") // the sentence goes on
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

// maxMessageText limits how many bytes of Message appear in the text of an Error, so that the rest stays visible.
const maxMessageText = 1 << 10

// truncate shortens s to at most n bytes plus an ellipsis, without splitting a character.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// details returns the request id, or else the host. The host is included if the response did not come from the
// API: then the host, or something on the way to it, is the problem.
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

// whatToDo returns the advice at the end of the text, or "".
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

// Unwrap returns the cause, or nil if the API's response is the cause.
func (e *Error) Unwrap() error { return e.err }

// Is reports whether the failure is of the kind target, one of the Err… variables of this package. For an Error
// that this package did not return, such as one created by a fake in a test, its exported fields decide.
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

// Format implements [fmt.Formatter]. For every verb it prints the text of Error, so that %+v and %#v reveal nothing else.
func (e *Error) Format(f fmt.State, verb rune) { formatText(f, verb, e.Error()) }

// LogValue implements [slog.LogValuer]. It returns a group with the error text, and the fields that identify the kind of failure.
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

// printable returns s for use in a single line of text: quoted and shortened if it is long or not printable.
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

// reason returns the text of err for use inside the text of another error.
func reason(err error) string { return strings.TrimPrefix(fmt.Sprint(err), "ecs: ") }

func instanceCount(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return strconv.Itoa(n) + " instances"
}

// maxNamed is the maximum number of instances named in the text of an error.
const maxNamed = 10

// enumerate joins the first maxNamed items, and appends how many of the n items are not named.
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

// failure returns err as an *Error, or nil if err is nil. An error that did not come from a call, such as one of package
// pagination, is the cause of a new one.
func failure(action, region string, err error) error {
	// Only the type of err itself counts. An *Error that it wraps may belong to another call: the one whose error
	// canceled the context (as with errgroup), or one made by a credentials provider.
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

// invalidField reports an invalid field of a request or of Options. It matches ErrInvalidParameter.
type invalidField struct{ field, text string }

func (e invalidField) Error() string { return e.field + " " + e.text }

func (invalidField) Is(target error) bool { return target == ErrInvalidParameter }

func invalid(field, format string, args ...any) error {
	return invalidField{field, fmt.Sprintf(format, args...)}
}

var errNilContext = invalid("ctx", "is nil, use context.Background()")

// invalidCall returns an *Error for a call that is not sent, because err would make it fail.
func invalidCall(action, region string, err error) error {
	return &Error{Action: action, Region: region, class: transport.Invalid, err: err}
}
