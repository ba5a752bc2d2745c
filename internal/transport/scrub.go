package transport

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	masked   = "***"
	withheld = "(text withheld: it repeats credentials)"
	// window is how much of a text is looked at beyond what is shown of it.
	window = 8 << 10
)

// What looks like a secret is masked, whether it is ours or not.
var (
	// secretParam is a parameter of a signed query, plain or percent-encoded, as servers and proxies echo it.
	secretParam = regexp.MustCompile(`(?i)((?:AccessKeyId|AccessKeySecret|SecurityToken|Signature|SignatureNonce|BearerToken|Credential)(?:=|%3D|%253D|:))[^&%\s",;<>]+(?:%(?:25)?(?:2[BF]|3D)[^&%\s",;<>]*)*`)
	// namedSecret is how credential providers print what they got: text, JSON, JSON within a quoted text.
	namedSecret = regexp.MustCompile(`(?i)(\b(?:[a-z_]*Access_?Key_?Id|(?:(?:access|refresh|id|oidc|sts|security|bearer|session|auth)_?)?Token|[a-z_]*Secret|Private_?Key|Password)\\*"?\s*[:=]\s*\\*"?)[^\s"\\,;&}]+`)
	// secretHeader is a header of a signed request, as a server echoes it.
	secretHeader = regexp.MustCompile(`(?i)((?:x-acs-(?:security-token|accesskey-id|signature-nonce|bearer-token)|authorization)"?:\s*"?(?:[\w-]+\s+)?)[^\s"]+`)
	// keyShape is what the vendor's access key ids and security tokens look like.
	keyShape = regexp.MustCompile(`\b(?:LTAI|STS\.|TMP\.)[A-Za-z0-9]{10,}|\bCAI[A-Za-z0-9+/]{40,}=*`)
	// userInfo is the user part of a URL.
	userInfo = regexp.MustCompile(`://[^\s"]*@`)
	// escape is one character as HTML, JSON and URLs may have it.
	escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}|\\u00[0-9A-Fa-f]{2}|\\/`)
)

// scrubber removes the secrets of one attempt from texts that come from elsewhere.
type scrubber struct {
	secrets []string
	forms   *strings.Replacer
	longest int // of the forms
}

func newScrubber(signed signer.Signed, keys ...signer.Credentials) scrubber {
	var s scrubber
	add := func(secret string) {
		if len(secret) >= 4 { // else too short to be one, and to be replaced without spoiling the text
			s.secrets = append(s.secrets, secret)
		}
	}
	for _, k := range keys {
		add(k.AccessKeySecret)
		add(k.SecurityToken)
		add(k.AccessKeyID)
	}
	if values, err := url.ParseQuery(signed.Query); err == nil {
		add(values.Get("Signature"))
	}
	_, signature, _ := strings.Cut(signed.Header.Get("Authorization"), "Signature=")
	add(signature)

	var forms []string
	for _, v := range s.secrets {
		once := url.QueryEscape(v)
		forms = append(forms, v, once, strings.ToLower(once), url.QueryEscape(once), base64.StdEncoding.EncodeToString([]byte(v)),
			base64.URLEncoding.EncodeToString([]byte(v)), hex.EncodeToString([]byte(v)))
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // a secret may begin another
	if len(forms) > 0 {
		s.longest = len(forms[0])
	}
	var pairs []string
	for _, f := range forms {
		pairs = append(pairs, f, masked)
	}
	s.forms = strings.NewReplacer(pairs...)
	return s
}

// hide masks what is secret.
func (s scrubber) hide(text string) string {
	text = s.forms.Replace(text)
	for _, r := range []*regexp.Regexp{secretParam, namedSecret, secretHeader} {
		text = r.ReplaceAllString(text, "${1}"+masked)
	}
	text = userInfo.ReplaceAllString(text, "://"+masked+"@")
	text = keyShape.ReplaceAllString(text, masked)
	if s.reveals(text) {
		return withheld
	}
	return text
}

// reveals finds a secret that was escaped in a way that hide did not foresee.
func (s scrubber) reveals(text string) bool {
	for range 4 {
		for _, secret := range s.secrets {
			if strings.Contains(text, secret) {
				return true
			}
		}
		plain := escape.ReplaceAllStringFunc(html.UnescapeString(text), func(e string) string {
			b, err := strconv.ParseUint(e[max(0, len(e)-2):], 16, 8)
			if err != nil {
				return "/"
			}
			return string([]byte{byte(b)})
		})
		if plain == text {
			return false
		}
		text = plain
	}
	return false
}

// clean is text without secrets, on one line, cut at most bytes.
func (s scrubber) clean(text string, most int) string {
	head := text[:min(len(text), most+window)]
	hidden := s.hide(head)
	if len(head) < len(text) && len(hidden) <= most+s.longest { // so full of secrets that one cut in two would show
		hidden = withheld
	}
	return shorten(printable(hidden), most)
}

// printable is text on one line: whatever is not printable becomes a blank.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// shorten cuts text at most bytes.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// CleanError is err fit to be shown: on one line, without anything that looks like a secret or is one of keys. It wraps
// err unless something of err's chain would show what its text hides; then no more is left than the sentinels below.
func CleanError(err error, keys ...signer.Credentials) error {
	return newScrubber(signer.Signed{}, keys...).err(err)
}

// sentinels survive the cleaning of an error's text.
var sentinels = []error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, errTooLarge}

func (s scrubber) err(err error) (clean error) {
	defer func() {
		if recover() != nil { // a nil pointer as error, for instance
			clean = &cleanError{text: fmt.Sprintf("an error that cannot be printed (%T)", err)}
		}
	}()
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // net/http puts it around all others
		err = u.Err // its own text is the signed URL
	}
	text := fmt.Sprint(err) // unlike err.Error() it survives a nil pointer in err
	e := &cleanError{text: s.clean(text, maxText)}
	if t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok {
		e.timeout = t.Timeout()
	}
	if s.safe(err) {
		if e.text == text {
			return err
		}
		e.is = []error{err}
		return e
	}
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			e.is = append(e.is, sentinel)
		}
	}
	return e
}

// safe reports whether err and all that it wraps may be printed.
func (s scrubber) safe(err error) bool {
	if err == nil {
		return true
	}
	if text := fmt.Sprint(err); s.hide(text) != text || s.reveals(fmt.Sprintf("%+v %#v", err, err)) {
		return false
	}
	if u, ok := errors.AsType[*url.Error](err); ok && s.hide(u.URL) != u.URL { // also by a method As, without a word
		return false
	}
	switch e := err.(type) { //nolint:errorlint // a walk over the links themselves
	case interface{ Unwrap() error }:
		return s.safe(e.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !s.safe(err) })
	}
	return true
}

// cleanError stands for an error whose text had to be cleaned.
type cleanError struct {
	text    string
	timeout bool
	is      []error // the error itself if only its layout was at fault, else its sentinels
}

func (e *cleanError) Error() string   { return e.text }
func (e *cleanError) Timeout() bool   { return e.timeout }
func (e *cleanError) Temporary() bool { return e.timeout }
func (e *cleanError) Unwrap() []error { return e.is }
