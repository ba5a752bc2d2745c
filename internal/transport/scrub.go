package transport

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aliyun-ecs/sdk-go/signer"
)

const masked = "***"

// secretParams are the parameters of a signed query, raw or percent-encoded once or twice, as servers and proxies echo
// them; userInfo is the password part of a URL.
var (
	secretParams = regexp.MustCompile(`(?i)((?:AccessKeyId|AccessKeySecret|SecurityToken|Signature|SignatureNonce|BearerToken|Credential)(?:=|%3D|%253D|:))[^&%\s",;<>]+(?:%(?:25)?(?:2[BFbf]|3[Dd])[^&%\s",;<>]*)*`)
	userInfo     = regexp.MustCompile(`://[^/@\s"]+@`)
	// namedSecret is how credential providers print what they got, as text or JSON.
	namedSecret = regexp.MustCompile(`(?i)(\b(?:Access_?Key_?Secret|Access_?Key_?Id|Security_?Token|Sts_?Token)"?\s*[:=]\s*"?)[^\s",;&}]+`)
	acsToken    = regexp.MustCompile(`(?i)(x-acs-(?:security-token|accesskey-id|signature-nonce|bearer-token):)\s*\S+`)
)

// scrubber removes the secrets of one attempt from texts that come from elsewhere.
type scrubber struct{ secrets []string }

func newScrubber(c signer.Credentials, query string) scrubber {
	var s scrubber
	add := func(v string) {
		if len(v) < 4 { // too short to be a secret, and to be replaced without spoiling the text
			return
		}
		once := url.QueryEscape(v)
		for _, form := range []string{v, once, url.QueryEscape(once)} {
			s.secrets = append(s.secrets, form, masked)
		}
	}
	add(c.AccessKeySecret)
	add(c.SecurityToken)
	add(c.AccessKeyID)
	if values, err := url.ParseQuery(query); err == nil {
		add(values.Get("Signature"))
	}
	return s
}

// clean masks secrets, makes control characters visible blanks, and cuts the text at most bytes.
func (s scrubber) clean(text string, most int) string {
	text = strings.NewReplacer(s.secrets...).Replace(text)
	text = secretParams.ReplaceAllString(text, "${1}"+masked)
	text = namedSecret.ReplaceAllString(text, "${1}"+masked)
	text = acsToken.ReplaceAllString(text, "${1}"+masked)
	text = userInfo.ReplaceAllString(text, "://"+masked+"@")
	return printable(text, most)
}

// printable is text on one line: whatever is not printable becomes a blank.
func printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	if len(text) > most {
		cut := most - len("…")
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}

// Clean is clean for texts that come with no attempt, such as a credential provider's.
func Clean(text string, c signer.Credentials) string { return newScrubber(c, "").clean(text, maxText) }

// CleanError keeps err when its text has nothing to hide. Else it gives an error with the cleaned text that keeps no
// more of err than its sentinels below.
func CleanError(err error, c signer.Credentials) error { return newScrubber(c, "").err(err) }

// maskedError stands for an error whose text had to be cleaned. What it wrapped cannot be reached any more, because
// its text could.
type maskedError struct {
	text    string
	timeout bool
	is      []error
}

func (e *maskedError) Error() string   { return e.text }
func (e *maskedError) Timeout() bool   { return e.timeout }
func (e *maskedError) Temporary() bool { return e.timeout }
func (e *maskedError) Unwrap() []error { return e.is }

// err drops the URL that net/http puts into its errors, which is the signed query, and masks what else is secret.
func (s scrubber) err(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	text := err.Error()
	cleaned := s.clean(text, maxText)
	if cleaned == text {
		return err
	}
	m := &maskedError{text: cleaned}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok {
		m.timeout = t.Timeout()
	}
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			m.is = append(m.is, sentinel)
		}
	}
	return m
}
