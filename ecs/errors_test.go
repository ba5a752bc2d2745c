package ecs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*Error{
		"ecs: A":                            {Action: "A"},
		"ecs: A in r: 400 C: M (request R)": {Action: "A", Region: "r", StatusCode: 400, Code: "C", Message: "M", RequestID: "R", Attempts: 1},
		"ecs: A in r: 503 C; EOF (request R, 3 attempts)":         {Action: "A", Region: "r", StatusCode: 503, Code: "C", RequestID: "R", Attempts: 3, err: io.EOF},
		"ecs: A in r: 502: html (2 attempts)":                     {Action: "A", Region: "r", StatusCode: 502, Message: "html", Attempts: 2},
		"ecs: A in r: EOF (3 attempts)":                           {Action: "A", Region: "r", Attempts: 3, err: io.EOF},
		"ecs: A in r: 200 EOF":                                    {Action: "A", Region: "r", StatusCode: 200, Attempts: 1, err: io.EOF},
		"ecs: A in r: text":                                       {Action: "A", Region: "r", Message: "text"},
		"ecs: A in r: EOF (host h)":                               {Action: "A", Region: "r", Host: "h", Attempts: 1, err: io.EOF},
		"ecs: A in r: lookup h: no such host":                     {Action: "A", Region: "r", Host: "h", Attempts: 1, err: errors.New("lookup h: no such host")},
		"ecs: A in r: 404: Not Found (host h, 2 attempts): check": {Action: "A", Region: "r", Host: "h", StatusCode: 404, Message: "Not Found", Attempts: 2, advice: "check"},
		"ecs: A in r: 400 C (request R)":                          {Action: "A", Region: "r", Host: "h", StatusCode: 400, Code: "C", RequestID: "R"},
		"ecs: A in r: 400 C: do this":                             {Action: "A", Region: "r", StatusCode: 400, Code: "C", advice: "do this"},
		"ecs: A in r: 400 C: Denied; cause":                       {Action: "A", Region: "r", StatusCode: 400, Code: "C", Message: "Denied.", err: errors.New("cause")},
		"ecs: A in r: 403 C: grant ecs:A to the caller":           {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden},
		"ecs: A in r: 403 C: grant ecs:B to the caller":           {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden, AccessDenied: &AccessDeniedDetail{AuthAction: "ecs:B"}},
		"ecs: A in r: 403 C: remove ecs:B from the Deny statement of the policy: a grant does not override a Deny statement":                    {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden, AccessDenied: &AccessDeniedDetail{AuthAction: "ecs:B", NoPermissionType: "ExplicitDeny", PolicyType: "AccountLevelIdentityBasedPolicy"}},
		"ecs: A in r: 403 C: a control policy of the resource directory does not permit ecs:B: ask the administrator of the resource directory": {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden, AccessDenied: &AccessDeniedDetail{AuthAction: "ecs:B", NoPermissionType: "ImplicitDeny", PolicyType: "ControlPolicy"}},
		"ecs: A in r: 403 C: the policy passed to AssumeRole does not permit ecs:B: add the permission to this policy":                          {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden, AccessDenied: &AccessDeniedDetail{AuthAction: "ecs:B", NoPermissionType: "ImplicitDeny", PolicyType: "SessionPolicy"}},
		"ecs: A in r: 403 C: permit ecs:B in the ResourcePolicy":                                                                                {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden, AccessDenied: &AccessDeniedDetail{AuthAction: "ecs:B", PolicyType: "ResourcePolicy"}},
		"ecs: A in r: 403 C: grant ecs:B to the RAM user alice":                                                                                 {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden, AccessDenied: &AccessDeniedDetail{AuthAction: "ecs:B", PolicyType: "AccountLevelIdentityBasedPolicy", AuthPrincipalType: "SubUser", AuthPrincipalDisplayName: "alice"}},
		"ecs: A in r: 400 C: the account's quota for this operation is used up: send fewer requests or ask for a higher quota":                  {Action: "A", Region: "r", StatusCode: 400, Code: "C", class: transport.Throttled},
	} {
		if got := e.Error(); strings.Replace(got, "ecs: A:", "ecs: A", 1) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			if got := fmt.Sprintf(verb, e); got != e.Error() {
				t.Errorf("%s: %s", verb, got)
			}
		}
		if got := fmt.Sprintf("%q", e); got != fmt.Sprintf("%q", e.Error()) {
			t.Errorf("%%q: %s", got)
		}
	}
	wait := &WaitError{Want: InstanceStatusRunning, Pending: map[string]InstanceStatus{"i-b": "Stopped", "i-a": ""}, Err: context.Canceled}
	many := &WaitError{Pending: map[string]InstanceStatus{}, Err: io.EOF}
	missing := &NotFoundError{}
	for i := range 12 {
		many.Pending[fmt.Sprintf("i-%02d", i)] = "Running"
		missing.InstanceIDs = append(missing.InstanceIDs, fmt.Sprintf("i-%02d", i))
	}
	bad := &DecodeError{InstanceID: "i-a", Path: "Cpu", Raw: []byte("secret body"), Err: errors.New("the value is not an integer")}
	for want, err := range map[string]error{
		"ecs: waiting for 2 instances to be Running: i-a (not seen), i-b (Stopped): context canceled":                                                     wait,
		"ecs: member Cpu of instance i-a could not be read: the value is not an integer":                                                                  bad,
		"ecs: an instance with an unreadable id could not be read: EOF":                                                                                   &DecodeError{Err: io.EOF},
		"ecs: listing incomplete: 2 values could not be read; the first error: member Cpu of instance i-a could not be read: the value is not an integer": &IncompleteError{Undecoded: []*DecodeError{bad, {Err: io.EOF}}},
		"ecs: listing incomplete":             &IncompleteError{},
		"ecs: region r: EOF":                  &RegionError{Region: "r", Err: io.EOF},
		"ecs: region r: A in r2: EOF":         &RegionError{Region: "r", Err: &Error{Action: "A", Region: "r2", err: io.EOF}},
		"ecs: A in r: EOF":                    &RegionError{Region: "r", Err: &Error{Action: "A", Region: "r", err: io.EOF}},
		"ecs: 1 instance not found: i-a":      &NotFoundError{InstanceIDs: []string{"i-a"}},
		"ecs: 1 instance not found in r: i-a": &NotFoundError{InstanceIDs: []string{"i-a"}, region: "r"},
		"ecs: listing in r incomplete":        &IncompleteError{region: "r"},
		"ecs: listing in r stopped at the API's cap after 1 instance and could not be continued: EOF":        &CappedError{Delivered: 1, Err: io.EOF, region: "r"},
		"ecs: waiting for 1 instance to be Stopped: i-a (Running): EOF":                                      &WaitError{Want: InstanceStatusStopped, Pending: map[string]InstanceStatus{"i-a": "Running"}, Err: io.EOF},
		"ecs: 12 instances not found: i-00, i-01, i-02, i-03, i-04, i-05, i-06, i-07, i-08, i-09 and 2 more": missing,
		"ecs: listing stopped at the API's cap after 1000 instances and could not be continued: EOF":         &CappedError{Delivered: 1000, Err: io.EOF},
	} {
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	}
	if text := many.Error(); !strings.Contains(text, "i-09 (Running) and 2 more: EOF") || !strings.Contains(text, "to be gone") {
		t.Error(text)
	}
}

// TestErrorTextIsOneLine checks that error messages are a single line and that long strings are truncated.
func TestErrorTextIsOneLine(t *testing.T) {
	t.Parallel()
	text := (&Error{Action: "A", StatusCode: 400, Code: "C", Message: strings.Repeat("é", 4<<10), RequestID: "R", advice: "do this"}).Error()
	if len(text) > 2<<10 || !utf8.ValidString(text) || !strings.HasSuffix(text, "é… (request R): do this") {
		t.Errorf("the request id or the advice is missing after a long message: %s", text)
	}
	const odd = "i-\r\nx\x1b[31m\u202e"
	long := strings.Repeat("x", 1000)
	for _, err := range []error{
		&DecodeError{InstanceID: odd, Path: odd, Err: io.EOF}, &IncompleteError{Undecoded: []*DecodeError{{InstanceID: long, Err: io.EOF}}}, &RegionError{Region: odd, Err: io.EOF},
		&NotFoundError{InstanceIDs: []string{odd, long}}, &WaitError{Want: odd, Pending: map[string]InstanceStatus{odd: odd, long: InstanceStatus(long)}, Err: io.EOF},
	} {
		if text := err.Error(); strings.ContainsAny(text, "\r\n\x1b\u202e") || len(text) > 500 {
			t.Errorf("%T: %q", err, text)
		}
	}
}

// TestEmptyErrorsHaveText checks that an error whose fields are empty still has a message.
func TestEmptyErrorsHaveText(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&Error{}, &DecodeError{}, &IncompleteError{}, &IncompleteError{Undecoded: []*DecodeError{{}}}, &RegionError{Region: "r"}, &NotFoundError{}, &CappedError{}, &WaitError{},
	} {
		if err.Error() == "" {
			t.Errorf("%T has an empty message", err)
		}
	}
}

func TestErrorChain(t *testing.T) {
	t.Parallel()
	kinds := []error{ErrThrottled, ErrForbidden, ErrCredentials, ErrInvalidParameter, ErrUnavailable}
	for i, class := range []transport.Class{transport.Throttled, transport.Forbidden, transport.Credentials, transport.Invalid, transport.Unavailable} {
		e := fmt.Errorf("wrapped: %w", failure("A", "r", &transport.Failure{Host: "h", Class: class, Err: io.EOF, Advice: "h", Attempts: 2, Response: transport.ErrorResponse{Code: "C", AccessDenied: &transport.AccessDenied{AuthAction: "a"}}}))
		for j, kind := range kinds {
			if errors.Is(e, kind) != (i == j) {
				t.Errorf("%b is %v: %v", class, kind, !(i == j))
			}
		}
		if !errors.Is(e, io.EOF) || errors.Is(e, io.ErrUnexpectedEOF) {
			t.Error(e)
		}
		if got, ok := errorAs[*Error](e); !ok || got.Code != "C" || got.Host != "h" || got.Attempts != 2 || got.AccessDenied.AuthAction != "a" {
			t.Errorf("%+v", got)
		}
	}
	if failure("A", "r", nil) != nil {
		t.Error("failure(nil) is not nil")
	}
	e := &Error{Code: "C"}
	if failure("A", "r", e) != error(e) { //nolint:errorlint // must be the same error
		t.Error("failure wraps an *Error")
	}
	if got := failure("A", "r", io.EOF); got.Error() != "ecs: A in r: EOF" || !errors.Is(got, io.EOF) {
		t.Error(got)
	}
	inner := &DecodeError{Err: io.EOF}
	for _, err := range []error{inner, &IncompleteError{Undecoded: []*DecodeError{inner}}, &RegionError{Err: inner}, &CappedError{Err: inner}, &WaitError{Err: inner}} {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%T does not match the error that it wraps", err)
		}
	}
	if err := invalidCall("A", "r", invalid("Field", "is %d", 1)); !errors.Is(err, ErrInvalidParameter) || err.Error() != "ecs: A in r: Field is 1" {
		t.Error(err)
	}
}

// TestHandMadeErrorsHaveKinds checks that errors created by callers, for example in a fake, match the error kinds.
func TestHandMadeErrorsHaveKinds(t *testing.T) {
	t.Parallel()
	kinds := []error{ErrThrottled, ErrForbidden, ErrCredentials, ErrInvalidParameter, ErrUnavailable}
	for want, e := range map[error]*Error{
		ErrThrottled:        {Code: "Throttling.User", StatusCode: 400},
		ErrForbidden:        {Code: "Forbidden.RAM"},
		ErrCredentials:      {Code: "InvalidAccessKeyId.NotFound", StatusCode: 404},
		ErrInvalidParameter: {Code: "InvalidParameter", StatusCode: 400},
		ErrUnavailable:      {StatusCode: 503},
		io.EOF:              {Code: "DryRunOperation", StatusCode: 400, err: io.EOF},
		io.ErrNoProgress:    {err: io.ErrNoProgress},
	} {
		for _, kind := range kinds {
			if errors.Is(e, kind) != (kind == want) {
				t.Errorf("%v: errors.Is(%v) = %v", e, kind, errors.Is(e, kind))
			}
		}
		if !errors.Is(e, want) {
			t.Errorf("%v does not match %v", e, want)
		}
	}
}

// TestNotFound checks which error codes match ErrNotFound. A wrong region or operation must not look like a released
// instance.
func TestNotFound(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{
		"InvalidInstanceId.NotFound": true, "InvalidInstanceIds.NotFound": true, "InvalidDiskId.NotFound": true, "InvalidVpcId.NotFound": true, "VpcNotFound": true, "Disk.NotFound": true,
		"InvalidRegionId.NotFound": false, "InvalidRegion.NotFound": false, "InvalidApi.NotFound": false, "InvalidProduct.NotFound": false, "InvalidAccessKeyId.NotFound": false,
		"InvalidAccount.NotFound": false, "InvalidParameter": false, "": false,
	} {
		if e := (&Error{Code: code, StatusCode: 404}); errors.Is(e, ErrNotFound) != want {
			t.Errorf("errors.Is(%q, ErrNotFound) = %v", code, !want)
		}
	}
	if !errors.Is(fmt.Errorf("wrapped: %w", &NotFoundError{}), ErrNotFound) {
		t.Error("NotFoundError does not match ErrNotFound")
	}
}

func TestErrorLog(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	drop := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}
	slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: drop})).Error("m", "err", &Error{Action: "A", Region: "r", Code: "C", RequestID: "R", StatusCode: 400, Attempts: 1})
	slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: drop})).Error("m", "err", &Error{Action: "A", Region: "r"})
	want := `{"msg":"m","err":{"error":"ecs: A in r: 400 C (request R)","action":"A","region":"r","code":"C","request_id":"R","status":400,"attempts":1}}` + "\n" +
		`msg=m err.error="ecs: A in r:" err.action=A err.region=r` + "\n"
	if b.String() != want {
		t.Errorf("got  %s\nwant %s", b.String(), want)
	}
	if text, err := json.Marshal(&Error{Code: "C", advice: "h", err: io.EOF}); err != nil || strings.Contains(string(text), "EOF") {
		t.Errorf("%s %v", text, err)
	}
}
