package ecs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/transport"
)

// One line: what happened, where, what to do.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*Error{
		"ecs: A":                            {Action: "A"},
		"ecs: A in r: 400 C: M (request R)": {Action: "A", Region: "r", StatusCode: 400, Code: "C", Message: "M", RequestID: "R", Attempts: 1},
		"ecs: A in r: 503 C; EOF (request R, 3 attempts)": {Action: "A", Region: "r", StatusCode: 503, Code: "C", RequestID: "R", Attempts: 3, err: io.EOF},
		"ecs: A in r: 502: html (2 attempts)":             {Action: "A", Region: "r", StatusCode: 502, Message: "html", Attempts: 2},
		"ecs: A in r: EOF (3 attempts)":                   {Action: "A", Region: "r", Attempts: 3, err: io.EOF},
		"ecs: A in r: 200 EOF":                            {Action: "A", Region: "r", StatusCode: 200, Attempts: 1, err: io.EOF},
		"ecs: A in r: text":                               {Action: "A", Region: "r", Message: "text"},
		"ecs: A in r: 400 C: do this":                     {Action: "A", Region: "r", StatusCode: 400, Code: "C", hint: "do this"},
		"ecs: A in r: 403 C: grant the caller ecs:A":      {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden},
		`ecs: A in r: 403 C: grant "ecs:B" to the caller`: {Action: "A", Region: "r", StatusCode: 403, Code: "C", class: transport.Forbidden, AccessDenied: &AccessDeniedDetail{AuthAction: "ecs:B"}},
		"ecs: A in r: 400 C: the account's quota for this operation is used up: ask less often or for more quota": {Action: "A", Region: "r", StatusCode: 400, Code: "C", class: transport.Throttled},
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
	bad := &DecodeError{InstanceID: "i-a", Path: "Cpu", Raw: []byte("secret body"), Err: errors.New("is not an integer")}
	for want, err := range map[string]error{
		"ecs: waiting for 2 instances to be Running: i-a (not seen), i-b (Stopped): context canceled": wait,
		"ecs: instance i-a could not be read at Cpu: is not an integer":                               bad,
		"ecs: instance (id unreadable) could not be read at : EOF":                                    &DecodeError{Err: io.EOF},
		"ecs: listing incomplete: 2 instances could not be read in full, the first: " + bad.Error():   &IncompleteError{Undecoded: []*DecodeError{bad, {InstanceID: "i-a", Err: io.EOF}, {Err: io.EOF}}},
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

// What the API or the caller named is quoted when it could break a line of a log.
func TestErrorTextIsOneLine(t *testing.T) {
	t.Parallel()
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

// Callers make such errors themselves, in tests for instance, and need not fill them in.
func TestEmptyErrorsHaveText(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&Error{}, &DecodeError{}, &IncompleteError{}, &IncompleteError{Undecoded: []*DecodeError{{}}}, &RegionError{Region: "r"}, &NotFoundError{}, &CappedError{}, &WaitError{},
	} {
		if err.Error() == "" {
			t.Errorf("%T says nothing", err)
		}
	}
}

func TestErrorChain(t *testing.T) {
	t.Parallel()
	kinds := []error{ErrThrottled, ErrForbidden, ErrCredentials, ErrInvalidParameter, ErrUnavailable}
	for i, class := range []transport.Class{transport.Throttled, transport.Forbidden, transport.Credentials, transport.Invalid, transport.Unavailable} {
		e := fmt.Errorf("wrapped: %w", failure("A", "r", &transport.Failure{Class: class, Err: io.EOF, Hint: "h", Attempts: 2, Answer: transport.Answer{Code: "C", AccessDenied: &transport.AccessDenied{AuthAction: "a"}}}))
		for j, kind := range kinds {
			if errors.Is(e, kind) != (i == j) {
				t.Errorf("%b is %v: %v", class, kind, !(i == j))
			}
		}
		if !errors.Is(e, io.EOF) || errors.Is(e, io.ErrUnexpectedEOF) {
			t.Error(e)
		}
		if got, ok := errorAs[*Error](e); !ok || got.Code != "C" || got.Attempts != 2 || got.AccessDenied.AuthAction != "a" {
			t.Errorf("%+v", got)
		}
	}
	if failure("A", "r", nil) != nil {
		t.Error("an error of nothing")
	}
	e := &Error{Code: "C"}
	if failure("A", "r", e) != error(e) { //nolint:errorlint // the very one
		t.Error("wrapped twice")
	}
	if got := failure("A", "r", io.EOF); got.Error() != "ecs: A in r: EOF" || !errors.Is(got, io.EOF) {
		t.Error(got)
	}
	inner := &DecodeError{Err: io.EOF}
	for _, err := range []error{inner, &IncompleteError{Undecoded: []*DecodeError{inner}}, &RegionError{Err: inner}, &CappedError{Err: inner}, &WaitError{Err: inner}} {
		if !errors.Is(err, io.EOF) {
			t.Errorf("%T hides what it wraps", err)
		}
	}
	if err := refused("A", "r", invalid("Field", "is %d", 1)); !errors.Is(err, ErrInvalidParameter) || err.Error() != "ecs: A in r: Field is 1" {
		t.Error(err)
	}
}

// A fake of a user's makes errors of what it knows.
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
				t.Errorf("%v: is %v: %v", e, kind, errors.Is(e, kind))
			}
		}
		if !errors.Is(e, want) {
			t.Errorf("%v is not %v", e, want)
		}
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
	if text, err := json.Marshal(&Error{Code: "C", hint: "h", err: io.EOF}); err != nil || strings.Contains(string(text), "EOF") {
		t.Errorf("%s %v", text, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for field, o := range map[string]Options{
		"Options.Retry.MaxAttempts":    {Retry: RetryPolicy{MaxAttempts: -1}},
		"Options.Retry.MinDelay":       {Retry: RetryPolicy{MinDelay: -1}},
		"Options.Retry.MaxDelay":       {Retry: RetryPolicy{MaxDelay: -1}},
		"Options.Retry.AttemptTimeout": {Retry: RetryPolicy{AttemptTimeout: -1}},
		"Options.Poll.MinDelay":        {Poll: PollPolicy{MinDelay: -1}},
		"Options.Poll.MaxDelay":        {Poll: PollPolicy{MaxDelay: -1}},
		"Options.UserAgent":            {UserAgent: "mine/1\r\nX-Injected: 1"},
		"Options.Network":              {Network: "moon"},
		"Options.Endpoint":             {Endpoint: "http://example.test"},
	} {
		c, err := NewClient("cn-test", &o)
		if c != nil || !errors.Is(err, ErrInvalidParameter) || !strings.HasPrefix(err.Error(), "ecs: NewClient: "+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, agent := range []string{"a\x00", "a\x7f", "é", "a\tb", "\n"} {
		if _, err := NewClient("cn-test", &Options{UserAgent: agent}); !errors.Is(err, ErrInvalidParameter) {
			t.Errorf("%q: %v", agent, err)
		}
	}
	if _, err := NewClient("cn-test", &Options{UserAgent: "mine/1 (a; b)", Retry: RetryPolicy{MaxAttempts: 1}}); err != nil {
		t.Error(err)
	}
	var none *Client
	if got := fmt.Sprintf("%v %+v %s", none, none, none); got != "ecs.Client(nil) ecs.Client(nil) ecs.Client(nil)" {
		t.Error(got)
	}
	c, err := NewClient("cn-test", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %q", c, c); got != `ecs.Client(cn-test at ecs.cn-test.aliyuncs.com) "ecs.Client(cn-test at ecs.cn-test.aliyuncs.com)"` {
		t.Error(got)
	}
	for _, action := range []string{"", "A B", "A&B=1", "Ä", "../x", "A\r\n"} {
		if err := c.Call(t.Context(), action, nil, nil); !errors.Is(err, ErrInvalidParameter) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%q: %v", action, err)
		}
	}
}

// Rounding only ever widens a window, to whole minutes in UTC.
func FuzzTimeFilter(f *testing.F) {
	for _, at := range []time.Time{
		{},
		time.Unix(0, 0), time.Date(2017, 12, 10, 4, 4, 0, 0, time.UTC), time.Date(2017, 12, 10, 4, 4, 59, 999999999, time.UTC), time.Date(2099, 12, 31, 23, 59, 59, 1, time.UTC),
		time.Date(2, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9998, 12, 31, 23, 59, 30, 0, time.UTC),
	} {
		f.Add(at.Unix(), int64(at.Nanosecond()), 0)
		f.Add(at.Unix(), int64(at.Nanosecond()), 8*3600)
		f.Add(at.Unix(), int64(at.Nanosecond()), -12345)
	}
	f.Fuzz(func(t *testing.T, sec, nsec int64, zone int) {
		at := time.Unix(sec, nsec).In(time.FixedZone("z", zone%86400))
		if y := at.UTC().Year(); y < 2 || y > 9998 {
			t.Skip("not a time of the API's form")
		}
		v, err := DescribeInstancesRequest{CreatedAfter: at, CreatedBefore: at, ExpiresAfter: at, ExpiresBefore: at}.encode("cn-test", false)
		if err != nil {
			t.Fatal(err)
		}
		for i, key := range []string{"CreationStartTime", "CreationEndTime", "ExpiredStartTime", "ExpiredEndTime"} {
			name := fmt.Sprintf("Filter.%d", i+1)
			sent, err := time.Parse("2006-01-02T15:04Z", v.Get(name+".Value"))
			if err != nil || v.Get(name+".Key") != key {
				t.Fatalf("%s: %v", name, v)
			}
			if d := at.Sub(sent); slices.Contains([]int{0, 2}, i) && (d < 0 || d >= time.Minute) || slices.Contains([]int{1, 3}, i) && (d > 0 || d <= -time.Minute) {
				t.Errorf("%s: %v became %v", key, at, sent)
			}
		}
	})
}
