package redact

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// The secrets are the parts of a temporary access key, and two signatures. The query signedQuery contains some of the
// secrets.
var (
	secretToken = "CAISplanted+Token/3=" + strings.Repeat("q", 300)
	signedQuery = "Action=A&Signature=" + url.QueryEscape("plantedSig+/4=") + "&SecurityToken=" + url.QueryEscape(secretToken)
	secrets     = []string{"LTAIplantedKeyID01", "plantedSecret/+=2", secretToken, "plantedSig+/4=", "00plantedhexsignature11"}
)

// holds returns the first secret in text, unencoded or in a usual encoding, or an empty string.
func holds(text string) string {
	for _, s := range secrets {
		once := url.QueryEscape(s)
		for _, form := range []string{s, once, url.QueryEscape(once), strings.ToLower(once), hex.EncodeToString([]byte(s)), base64.StdEncoding.EncodeToString([]byte(s))} {
			if strings.Contains(text, form) || len(form) > 40 && strings.Contains(text, form[:12]) {
				return s
			}
		}
	}
	return ""
}

func TestForms(t *testing.T) {
	t.Parallel()
	s := New(secrets...)
	for _, secret := range secrets {
		for name, form := range map[string]string{
			"raw": secret, "encoded": url.QueryEscape(secret), "twice": url.QueryEscape(url.QueryEscape(secret)), "lower case": strings.ToLower(url.QueryEscape(secret)),
			"base64": base64.StdEncoding.EncodeToString([]byte(secret)), "base64 for URLs": base64.URLEncoding.EncodeToString([]byte(secret)),
			"hex": hex.EncodeToString([]byte(secret)), "html": html.EscapeString(strings.NewReplacer("+", "&#43;", "=", "&#x3d;").Replace(secret)),
			"json":        strings.NewReplacer("+", `\u002b`, "/", `\/`, "=", `\u003d`).Replace(secret),
			"three times": url.QueryEscape(url.QueryEscape(url.QueryEscape(secret))),
		} {
			text := "before " + form + " after"
			got := s.Line(text, maxErrorText)
			if bad := holds(got); bad != "" || got == text {
				t.Errorf("%s of %s: %s", name, secret, got)
			}
			if got != "before "+mask+" after" && got != removedMessage {
				t.Errorf("%s of %s lost more than the secret: %s", name, secret, got)
			}
		}
	}
}

// TestShapes checks that the Redactor recognizes unknown secrets by their name or format.
func TestShapes(t *testing.T) {
	t.Parallel()
	s := New()
	token := "CAIS" + strings.Repeat("Ab9/+", 20) + "=="
	for _, text := range []string{
		"POST&%2F&AccessKeyId%3Dabcdef123456%26SecurityToken%3Dxyzsecretxyz%252B%252F%26Timestamp%3D",
		"https://h/?AccessKeyId=abcdef123456&SecurityToken=xyzsecretxyz%2B%3D&Signature=xyzsecretxyz%3D&Action=A",
		`{"AccessKeyId":"abcdef123456", "AccessKeySecret" : "xyzsecretxyz", "SecurityToken":"xyzsecretxyz"}`,
		`body: "{\"AccessKeyId\":\"abcdef123456\",\"AccessKeySecret\":\"xyzsecretxyz\",\"SecurityToken\":\"xyzsecretxyz\"}"`,
		"access_key_secret = xyzsecretxyz",
		"SessionAccessKeyId: abcdef123456, SessionAccessKeySecret: xyzsecretxyz, Expiration: 2026",
		"AccessKeySecret: xyzsecretxyz, Token=xyzsecretxyz; password=xyzsecretxyz",
		"refresh_token=xyzsecretxyz client_secret: xyzsecretxyz private_key=xyzsecretxyz",
		"x-acs-security-token:xyzsecretxyz\nx-acs-accesskey-id: abcdef123456",
		`Authorization: ACS3-HMAC-SHA256 Credential=abcdef123456,SignedHeaders=host;x-acs-date,Signature=xyzsecretxyz`,
		"Proxy-Authorization: Basic xyzsecretxyz",
		"proxyconnect: http://user:xyzsecretxyz@proxy:3128 refused",
		"http://user:xyzsecretxyz/@proxy:3128",
		"key LTAIabcdef123456 and token " + token + " and STS.NUabcdef123456789",
	} {
		got := s.Line(text, maxErrorText)
		for _, bad := range []string{"xyzsecret", "abcdef123456", "Ab9/+Ab9"} {
			if strings.Contains(got, bad) {
				t.Errorf("Line left a secret of\n%s\nin %s", text, got)
			}
		}
		if !strings.Contains(got, mask) {
			t.Errorf("nothing masked in %s", got)
		}
	}
	for _, text := range []string{
		"The specified InstanceId does not exist.", "The specified parameter NextToken is not valid.", "InvalidSecurityToken.Expired: Specified SecurityToken is expired.",
		"dial tcp 100.100.100.200:80: i/o timeout", `lookup ecs.cn-hangzhou.aliyuncs.com: no such host`, "https://api.aliyun.com/troubleshoot?q=Throttling.User&product=Ecs",
		"/root/.alibabacloud/credentials: no such file", "The account of STS. is not found", `{"NextToken":"abc123def456","PageNumber":1}`,
	} {
		if got := s.Line(text, maxErrorText); got != text {
			t.Errorf("Line changed %s to %s", text, got)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	s := New(secrets...)
	for name, c := range map[string]struct {
		text string
		most int
		want string
	}{
		"control":          {"a\r\nb\x00c\x1b[31md\u202ee\u2028f", 99, "a  b c [31md e f"},
		"not UTF-8":        {"a\xff\xfeb", 99, "a  b"},
		"short enough":     {"abcdef", 6, "abcdef"},
		"cut":              {"abcdefg", 6, "abc…"},
		"cut at a rune":    {"aéééé", 8, "aéé…"},
		"masked, then cut": {strings.Repeat("x", 10) + secretToken, 14, strings.Repeat("x", 10) + mask},
		"too many":         {strings.Repeat(secretToken, 200), 200, removedMessage},
	} {
		if got := s.Line(c.text, c.most); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if got := s.Excerpt("a\r\n \x00 b", 99); got != "a b" {
		t.Errorf("Excerpt: %q", got)
	}
	// A text without secrets is shortened even if it is too long to be searched completely.
	for text, want := range map[string]string{"text": "text", strings.Repeat("x", 20<<10): "xxxxxxx…"} {
		if line, excerpt := s.Line(text, 10), s.Excerpt(text, 10); line != want || excerpt != want {
			t.Errorf("%d bytes: %q and %q, want %q", len(text), line, excerpt, want)
		}
	}
	// The text is cut off in the middle of the short secret. Masking the long secret shortens the text so much that the
	// result would include the beginning of the short secret.
	const limit, shown, part = 100, 86, 11
	long, short := strings.Repeat("Ab9/+xYz", (limit+window-shown-part-1)/8), "shortsecret1"
	filler := strings.Repeat("-", limit+window-shown-part-1-len(long))
	s = New(long, short)
	text := strings.Repeat("x", shown) + filler + long + " " + short
	for name, got := range map[string]string{"Line": s.Line(text, limit), "Excerpt": s.Excerpt(text, limit)} {
		if got != removedMessage {
			t.Errorf("%s: %q", name, got)
		}
	}
}

type fieldError struct{ URL string }

func (fieldError) Error() string { return "failed" }

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }
func (e *nilError) Unwrap() error { return errors.New(e.text) }

func TestError(t *testing.T) {
	t.Parallel()
	s := New(secrets...)
	signedURL := "https://h/?" + signedQuery
	plain := errors.New("plain")
	timeout := &net.OpError{Op: "dial to " + signedURL, Err: context.DeadlineExceeded}
	for name, c := range map[string]struct {
		err  error
		text string
		is   error // if not nil, an error that must still be in the chain
		not  error // if not nil, an error that must not be in the chain
	}{
		"plain":              {plain, "plain", plain, nil},
		"url.Error":          {&url.Error{Op: "Post", URL: signedURL, Err: plain}, "plain", plain, nil},
		"two lines":          {errors.Join(plain, io.EOF), "plain EOF", plain, nil},
		"secret in text":     {fmt.Errorf("at %s: %w", signedURL, errors.Join(plain, io.EOF)), "at https://h/?Action=A&Signature=***&SecurityToken=*** plain EOF", io.EOF, plain},
		"secret beneath":     {fmt.Errorf("outer: %w", &url.Error{Op: "Post", URL: signedURL, Err: plain}), `outer: Post "https://h/?Action=A&Signature=***&SecurityToken=***": plain`, nil, plain},
		"secret in a branch": {errors.Join(plain, errors.New(signedURL)), "plain https://h/?Action=A&Signature=***&SecurityToken=***", nil, plain},
		"secret in a field":  {fmt.Errorf("outer: %w", fieldError{signedURL}), "outer: failed", nil, fieldError{signedURL}},
		"hidden by a text":   {hiding{fmt.Errorf("%s: %w", signedURL, plain)}, "hidden", nil, plain},
		"given by As":        {asError{&url.Error{Op: "Post", URL: signedURL, Err: plain}}, "failed", nil, asError{}},
		"nil pointer":        {(*nilError)(nil), "an error of type *redact.nilError that cannot be printed", nil, nil},
		"timeout":            {timeout, "dial to https://h/?Action=A&Signature=***&SecurityToken=*** context deadline exceeded", context.DeadlineExceeded, timeout},
	} {
		got := s.Error(c.err)
		if got.Error() != c.text {
			t.Errorf("%s: %q, want %q", name, got, c.text)
		}
		if c.is != nil && !errors.Is(got, c.is) {
			t.Errorf("%s: %v is lost", name, c.is)
		}
		if c.not != nil && errors.Is(got, c.not) {
			t.Errorf("%s: %v is still in the chain", name, c.not)
		}
		walk(got, func(link error) {
			if secret := holds(fmt.Sprintf("%v %+v %#v", link, link, link)); secret != "" {
				t.Errorf("%s: a %T in the chain reveals %s", name, link, secret)
			}
		})
	}
	if e, ok := asNetError(s.Error(timeout)); !ok || !e.Timeout() || !e.Temporary() { //nolint:staticcheck // deprecated, but still called by some programs
		t.Error("a masked timeout error is no longer a timeout")
	}
	if e, ok := asNetError(s.Error(errors.New(signedURL))); !ok || e.Timeout() {
		t.Error("a masked error became a timeout")
	}
	if got := s.Error(errors.New("it is " + secrets[1])); got.Error() != "it is "+mask {
		t.Error(got)
	}
}

// TestErrorKeepsHarmlessCauses wraps errors in an error that contains a secret. The wrapped errors must stay in the
// chain only if they contain no secret.
func TestErrorKeepsHarmlessCauses(t *testing.T) {
	t.Parallel()
	s := New(secrets...)
	for _, host := range []string{"ecs.test", secrets[1]} {
		err := s.Error(fmt.Errorf("%s: %w", secrets[1], errors.Join(
			&net.DNSError{Err: "no such host", Name: host},
			&tls.CertificateVerificationError{Err: errors.New(host + " is not trusted")},
			syscall.ENOENT, // has a Timeout method that returns false
		)))
		var dns *net.DNSError
		var certificate *tls.CertificateVerificationError
		if harmless := host == "ecs.test"; errors.As(err, &dns) != harmless || errors.As(err, &certificate) != harmless {
			t.Errorf("%s: the chain contains %v and %v", host, dns, certificate)
		}
		if e, ok := asNetError(err); !ok || e.Timeout() {
			t.Errorf("%v is a timeout", err)
		}
	}
	looksLikeKey := errors.New("key LTAIabcdef123456")
	if err := s.Error(fmt.Errorf("outer: %w", looksLikeKey)); errors.Is(err, looksLikeKey) {
		t.Errorf("%v wraps an error that contains a key", err)
	}
	harmless := fmt.Errorf("outer: %w", &url.Error{Op: "Post", URL: "https://ecs.test/", Err: io.EOF})
	if err := s.Error(harmless); err != harmless { //nolint:errorlint // must be the same error
		t.Errorf("an error without secrets became %v", err)
	}
}

// asError is an error without a wrapped error. However, errors.As finds a *url.Error in it.
type asError struct{ u *url.Error }

func (asError) Error() string        { return "failed" }
func (asError) Is(target error) bool { _, ok := target.(asError); return ok }
func (e asError) As(target any) bool {
	p, ok := target.(**url.Error)
	if ok {
		*p = e.u
	}
	return ok
}

// hiding is an error whose message does not include the message of the wrapped error.
type hiding struct{ err error }

func (hiding) Error() string   { return "hidden" }
func (h hiding) Unwrap() error { return h.err }

func asNetError(err error) (e net.Error, ok bool) {
	ok = errors.As(err, &e)
	return e, ok
}

func walk(err error, visit func(error)) {
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			walk(inner, visit)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			walk(inner, visit)
		}
	}
}
