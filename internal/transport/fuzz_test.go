package transport

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aliyun-ecs/sdk-go/internal/redact"
)

// FuzzErrorResponse checks that every field of an error response is short, printable and free of secrets.
func FuzzErrorResponse(f *testing.F) {
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `{"Code":"Throttling","Message":"m","RequestId":"r","HostId":"h","Recommend":"https://r"}`,
		`{"code":1,"message":{},"requestId":null,"AccessDeniedDetail":{"AuthAction":"ecs:A"}}`,
		`<?xml version="1.0" encoding="UTF-8"?><Error><Code>C</Code><Message>m</Message></Error>`, `<html><title>502</title>`, `<Error><Code>`,
		`{"Code":"SignatureDoesNotMatch","Message":"server string to sign is:POST&%2F&AccessKeyId%3D`, `{"Code":"A"}{"Code":"B"}`,
		"{\"Code\":\"\\u001b[31m\\r\\n\\u0000\"}", "\xff\xfe{\"Code\":\"C\"}", strings.Repeat(`{"Message":`, 100),
	} {
		f.Add(400, "REQ", []byte(body), []byte(`"}`))
		f.Add(200, "\x1b[2J", []byte(body), []byte(body))
	}
	r := newRedactor(secretSigned, secretKey)
	f.Fuzz(func(t *testing.T, status int, header string, before, after []byte) {
		for _, secret := range secrets {
			body := slices.Concat(before, []byte(url.QueryEscape(secret)), after)
			if len(before)%2 == 0 {
				body = slices.Concat(before, []byte(secret), after)
			}
			x := &exchange{callState: &callState{}, query: secretSigned.Query, redactor: func() *redact.Redactor { return r }}
			resp := &http.Response{StatusCode: status, Header: http.Header{"X-Acs-Request-Id": {header + secret}}}
			a := x.parseFailure(resp, body, attemptResult{}).response
			if a.Status != status {
				t.Fatalf("status %d became %d", status, a.Status)
			}
			for name, text := range map[string]string{"Code": a.Code, "Message": a.Message, "RequestID": a.RequestID, "HostID": a.HostID, "Recommend": a.Recommend} {
				if most := max(maxText, 256); len(text) > most {
					t.Errorf("%s has %d bytes", name, len(text))
				}
				if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("%s is not printable: %q", name, text)
				}
				if bad := holds(text); bad != "" {
					t.Errorf("%s contains the secret %s: %q", name, bad, text)
				}
			}
		}
	})
}

// FuzzHeaders checks that no response headers make retryAfter return more than maxRetryAfter or a negative duration, or
// make the clock offset exceed one day.
func FuzzHeaders(f *testing.F) {
	f.Add("1500", "2", "Limit:10,Remain:0,TimeLeft:1500,Reset:1", "Thu, 01 Jan 2026 00:00:00 GMT", "")
	f.Add("-1", "Thu, 01 Jan 2026 00:00:00 GMT", "TimeLeft:99999999999999999999", "Thu, 01 Jan 1970 00:00:00 GMT", "0")
	f.Add("9223372036854775807", "9223372036854775807", "Remain:9223372036854775807,TimeLeft:9223372036854775807", "Fri, 31 Dec 9999 23:59:59 GMT", "")
	f.Add("0x10", "1e9", ",:,TimeLeft", "yesterday", "x")
	f.Fuzz(func(t *testing.T, ms, after, limits, date, age string) {
		h := http.Header{"X-Acs-Retry-After": {ms}, "Retry-After": {after}, "X-Ratelimit-User": {limits}, "X-Ratelimit-User-Api": {limits}, "Date": {date}}
		if age != "" {
			h.Set("Age", age)
		}
		for _, throttled := range []bool{true, false} {
			if d := retryAfter(h, throttled); d < 0 || d > maxRetryAfter {
				t.Errorf("retryAfter returned %v", d)
			}
		}
		var k clock
		learned := k.learn(h, 0)
		offset := time.Duration(k.offset.Load())
		if offset.Abs() > maxSkew+time.Second || learned && offset.Abs() < minSkew || !learned && offset != 0 || age != "" && learned {
			t.Errorf("learned is %v, and the clock offset is %v", learned, offset)
		}
	})
}

func FuzzClassify(f *testing.F) {
	for _, rule := range codeRules {
		for pattern := range strings.FieldsSeq(rule.patterns) {
			f.Add(strings.ReplaceAll(pattern, "*", "x"), "", 400)
			f.Add(strings.ReplaceAll(pattern, "*", ""), "", 500)
		}
	}
	f.Add("InvalidParameter", "The SecurityToken.Expired", 400)
	f.Add("", "", 429)
	f.Fuzz(func(t *testing.T, code, message string, status int) {
		class := Classify(code, message, status, false, false)
		if strings.HasPrefix(code, "Throttling") && class != Throttled {
			t.Errorf("%q has class %b", code, class)
		}
		if class&(Forbidden|Invalid|Credentials|NotFound) != 0 && class&retryable != 0 {
			t.Errorf("code %q with status %d has class %b", code, status, class)
		}
		if other := Classify(code, message, 418, false, false); class&(Forbidden|Invalid|Credentials|NotFound) != 0 && other != class {
			t.Errorf("%q has class %b with status %d, but %b with 418", code, class, status, other)
		}
	})
}
