package ecs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// The kinds of failure, for [errors.Is]. An error may be of more than one kind, or of none, such as a redirect: then its Code
// and StatusCode tell.
var (
	// ErrThrottled: the account's quota for the operation in the region was used up, and the retries with it
	// (codes Throttling, Throttling.*).
	ErrThrottled = errors.New("throttled")
	// ErrForbidden: the account or user may not do this (Forbidden, Forbidden.*, NoPermission, *.Unauthorized …).
	// Credentials that are wrong in themselves are ErrCredentials instead.
	ErrForbidden = errors.New("forbidden")
	// ErrCredentials: there are no usable credentials, or the API did not accept them (InvalidAccessKeyId.*,
	// SignatureDoesNotMatch, InvalidSecurityToken.*, a clock that is off, a provider that failed …).
	ErrCredentials = errors.New("credentials not accepted")
	// ErrInvalidParameter: the request cannot succeed as it is. Refused here before anything was sent (Attempts is 0),
	// or by the API (Invalid*, Missing*, UnsupportedParameter …).
	ErrInvalidParameter = errors.New("invalid parameter")
	// ErrUnavailable: the service or the way to it failed, and the retries with it (InternalError, ServiceUnavailable,
	// 5xx, connection errors, timeouts, unreadable answers). Trying later may succeed.
	ErrUnavailable = errors.New("unavailable")
	// ErrNotFound: what the request names does not exist, or the caller may not see it (InvalidInstanceId.NotFound …).
	// Every [*NotFoundError] matches it.
	ErrNotFound = errors.New("not found")
)

// Error is why a call failed. Every call that fails returns one; fields are zero where they do not apply, for
// instance Code when no answer came.
//
// It matches the kinds above with [errors.Is] and unwraps to what lies beneath: a context's error, a network error,
// a credential provider's error. A call cancelled between two attempts matches the context's error and the kind of
// the last answer. Its text is one line and never holds a secret.
type Error struct {
	Code      string // the API's error code, such as "InvalidParameter"
	Message   string // the API's text, without control characters and secrets, at most 8 KiB
	RequestID string // quote it to the vendor's support
	HostID    string // the endpoint that answered
	Recommend string // the API's link to a diagnosis
	Action    string // the operation, such as "DescribeInstances"
	Region    string // the client's region
	Host      string // the host the request was sent to, "" when none was sent

	StatusCode int // HTTP status of the last answer, 0 when there was none
	Attempts   int // HTTP requests sent

	// AccessDenied says which permission is missing, when the API told; else nil.
	AccessDenied *AccessDeniedDetail

	class transport.Class
	hint  string // what to do, where more is known than the class tells
	err   error
}

// AccessDeniedDetail is the API's explanation of a denied call. Members it left out are "".
type AccessDeniedDetail struct {
	AuthAction               string // the permission asked for, such as "ecs:DescribeInstances"
	AuthPrincipalType        string
	AuthPrincipalOwnerID     string // API: AuthPrincipalOwnerId
	AuthPrincipalDisplayName string
	PolicyType               string
	NoPermissionType         string
	EncodedDiagnosticMessage string
}

// Error is one line: the call, the answer, the request id, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("ecs: ")
	b.WriteString(e.Action)
	b.WriteString(in(e.Region) + ":")
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
		b.WriteString(" " + e.Message)
	}
	if e.err != nil {
		if e.Code != "" || e.Message != "" {
			b.WriteString(";")
		}
		b.WriteString(" " + e.err.Error())
	}
	if e.RequestID != "" || e.Attempts > 1 {
		b.WriteString(" (")
		if e.RequestID != "" {
			b.WriteString("request " + e.RequestID)
		}
		if e.Attempts > 1 {
			if e.RequestID != "" {
				b.WriteString(", ")
			}
			b.WriteString(strconv.Itoa(e.Attempts) + " attempts")
		}
		b.WriteString(")")
	}
	if h := e.advice(); h != "" {
		b.WriteString(": " + h)
	}
	return b.String()
}

// advice is what the reader can do about it.
func (e *Error) advice() string {
	switch {
	case e.hint != "":
		return e.hint
	case e.AccessDenied != nil && e.AccessDenied.AuthAction != "":
		return "grant " + strconv.Quote(e.AccessDenied.AuthAction) + " to the caller"
	case e.class&transport.Throttled != 0:
		return "the account's quota for this operation is used up: ask less often or for more quota"
	case e.class&transport.Forbidden != 0:
		return "grant the caller ecs:" + e.Action
	default:
		return ""
	}
}

// Unwrap gives the error beneath, nil when the API's answer is all there is.
func (e *Error) Unwrap() error { return e.err }

// Is reports whether the failure is of the kind target, one of the Err… variables of this package. Code and StatusCode are
// enough for that: an Error that a test's fake makes of them is of the same kind as one of a call.
func (e *Error) Is(target error) bool {
	class := e.class
	if class == 0 {
		class = transport.Classify(e.Code, e.Message, e.StatusCode)
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
	default:
		return false
	}
}

// Format prints the same line for every verb, so that %#v and %+v show no more than Error does.
func (e *Error) Format(f fmt.State, verb rune) { formatText(f, verb, e.Error()) }

// LogValue groups the fields for log/slog.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("error", e.Error()), slog.String("action", e.Action), slog.String("region", e.Region)}
	for _, a := range []slog.Attr{slog.String("code", e.Code), slog.String("request_id", e.RequestID), slog.Int("status", e.StatusCode), slog.Int("attempts", e.Attempts)} {
		if !a.Value.Equal(slog.StringValue("")) && !a.Value.Equal(slog.IntValue(0)) {
			attrs = append(attrs, a)
		}
	}
	return slog.GroupValue(attrs...)
}

// shown is a text of the API's or the caller's as it may stand in a line of a log: short and printable.
func shown[T ~string](s T) string {
	if len(s) > 80 || strings.ContainsFunc(string(s), func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%.80q", s)
	}
	return string(s)
}

// in names the region in a text, when there is one.
func in(region string) string {
	if region == "" {
		return ""
	}
	return " in " + shown(region)
}

func instanceCount(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return strconv.Itoa(n) + " instances"
}

func formatText(f fmt.State, verb rune, text string) {
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	_, _ = io.WriteString(f, text)
}

// failure makes an *Error of what the transport or the paging reports.
func failure(action, region string, err error) error {
	if err == nil {
		return nil
	}
	// err itself is meant, not what it wraps: that may be the error of another call, which this one's context was cancelled
	// with (errgroup does so), or which a credentials provider met.
	if _, ok := err.(*Error); ok { //nolint:errorlint // see above
		return err
	}
	f, ok := err.(*transport.Failure) //nolint:errorlint // see above
	if !ok {
		return &Error{Action: action, Region: region, err: err}
	}
	e := &Error{
		Code: f.Answer.Code, Message: f.Answer.Message, RequestID: f.Answer.RequestID, HostID: f.Answer.HostID, Recommend: f.Answer.Recommend,
		Action: action, Region: region, StatusCode: f.Answer.Status, Attempts: f.Attempts, class: f.Class, hint: f.Hint, err: f.Err,
	}
	if d := f.Answer.AccessDenied; d != nil {
		detail := AccessDeniedDetail(*d)
		e.AccessDenied = &detail
	}
	return e
}

// invalidField says which field of a request is wrong; failed adds the call.
type invalidField struct{ field, text string }

func (e invalidField) Error() string { return e.field + " " + e.text }

func (invalidField) Is(target error) bool { return target == ErrInvalidParameter }

func invalid(field, format string, args ...any) error {
	return invalidField{field, fmt.Sprintf(format, args...)}
}

var errNilContext = invalid("ctx", "is nil, use context.Background()")

// refused is a call that was not sent because err is sure to make it fail.
func refused(action, region string, err error) error {
	return &Error{Action: action, Region: region, class: transport.Invalid, err: err}
}

// DecodeError describes a part of a response that could not be read. With an InstanceID it is a member of that instance: the
// instance is delivered without it, and keeps its value in Extra. Without one it is a whole instance, which is withheld
// because its id could not be read.
type DecodeError struct {
	InstanceID string // "" if the id could not be read
	Path       string // of the member, as in the keys of [Instance.Extra]; "" if the instance is not an object
	// Raw is the value of the member, or the instance if it was withheld, as the API sent it. It is cut after 16 KiB, and nil in all
	// but the first 100 errors of a page or listing. It may be private and is not part of the error's text.
	Raw []byte
	Err error // says what is wrong
}

// Error names the instance and the member, not its content.
func (e *DecodeError) Error() string {
	id := shown(e.InstanceID)
	if id == "" {
		id = "(id unreadable)"
	}
	return fmt.Sprintf("ecs: instance %s could not be read at %s: %v", id, shown(e.Path), e.Err)
}

// Unwrap gives the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

// IncompleteError ends a listing that is complete but for what could not be read: members of instances that were delivered
// without them, or whole instances (see [DecodeError]).
type IncompleteError struct {
	Undecoded []*DecodeError

	region string
}

// Error counts the instances and shows the first reason.
func (e *IncompleteError) Error() string {
	text := "ecs: listing" + in(e.region) + " incomplete"
	if len(e.Undecoded) == 0 {
		return text
	}
	instances := 0
	for i, d := range e.Undecoded { // those of one instance come together
		if i == 0 || d.InstanceID == "" || d.InstanceID != e.Undecoded[i-1].InstanceID {
			instances++
		}
	}
	return fmt.Sprintf("%s: %s could not be read in full, the first: %v", text, instanceCount(instances), e.Undecoded[0])
}

// Unwrap gives the single errors.
func (e *IncompleteError) Unwrap() []error {
	errs := make([]error, len(e.Undecoded))
	for i, d := range e.Undecoded {
		errs[i] = d
	}
	return errs
}

// RegionError is a region that could not be listed to its end by InstancesInRegions; the other regions go on.
type RegionError struct {
	Region string
	Err    error
}

// Error names the region, once.
func (e *RegionError) Error() string {
	text := strings.TrimPrefix(fmt.Sprint(e.Err), "ecs: ")
	if strings.Contains(text, in(e.Region)+": ") {
		return "ecs: " + text
	}
	return "ecs: region " + shown(e.Region) + ": " + text
}

// Unwrap gives the reason.
func (e *RegionError) Unwrap() error { return e.Err }

// NotFoundError names the ids that GetInstances did not find: no such instance in the region, or not visible.
type NotFoundError struct {
	InstanceIDs []string

	region string
}

// Is reports whether target is ErrNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrNotFound }

// Error shows up to ten ids.
func (e *NotFoundError) Error() string {
	const most = 10
	var ids []string
	for _, id := range e.InstanceIDs[:min(most, len(e.InstanceIDs))] {
		ids = append(ids, shown(id))
	}
	more := ""
	if n := len(e.InstanceIDs) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("ecs: %s not found%s: %s%s", instanceCount(len(e.InstanceIDs)), in(e.region), strings.Join(ids, ", "), more)
}

// UnconfirmedError ends a listing that showed no instance, or an id lookup that found none, when a dry run could not
// confirm that the caller is permitted to list: there may be instances. Err is the error of the dry run.
type UnconfirmedError struct {
	Region string
	Err    error
}

// Error names the region and says why the dry run failed.
func (e *UnconfirmedError) Error() string {
	return fmt.Sprintf("ecs: the empty listing%s could not be confirmed, there may be instances: the dry run failed: %v", in(e.Region), e.Err)
}

// Unwrap returns Err.
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// CappedError ends a listing by tag or resource group that hit the API's cap of 1,000 instances and could not be
// continued; there may be more than the Delivered ones. Err says what closed the way on.
type CappedError struct {
	Delivered int
	Err       error

	region string
}

// Error says how many were delivered and why no more.
func (e *CappedError) Error() string {
	return fmt.Sprintf("ecs: listing%s stopped at the API's cap after %s and could not be continued: %v", in(e.region), instanceCount(e.Delivered), e.Err)
}

// Unwrap gives the reason.
func (e *CappedError) Unwrap() error { return e.Err }

// WaitError is a wait that ended before every instance got there. Pending maps the ids that did not to their last
// known status, "" when the API did not return them. Want is "" when they were waited for to go.
type WaitError struct {
	Want    InstanceStatus
	Pending map[string]InstanceStatus
	Err     error // why the wait ended: the context's error, an API error, or a state with no way to Want
}

// Error shows up to ten of the pending instances.
func (e *WaitError) Error() string {
	const most = 10
	ids := make([]string, 0, len(e.Pending))
	for id, status := range e.Pending {
		if status == "" {
			status = "not seen"
		}
		ids = append(ids, shown(id)+" ("+shown(status)+")")
	}
	slices.Sort(ids)
	more := ""
	if n := len(ids) - most; n > 0 {
		ids, more = ids[:most], fmt.Sprintf(" and %d more", n)
	}
	want := "to be " + shown(e.Want)
	if e.Want == "" {
		want = "to be gone"
	}
	return fmt.Sprintf("ecs: waiting for %s %s: %s%s: %v", instanceCount(len(e.Pending)), want, strings.Join(ids, ", "), more, e.Err)
}

// Unwrap gives the reason.
func (e *WaitError) Unwrap() error { return e.Err }
