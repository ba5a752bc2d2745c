// Package redact masks secrets in text from external sources: servers, proxies, credentials providers, and network
// errors.
package redact

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	mask     = "***"
	withheld = "(message removed because it contains credentials)"
	// window is the number of bytes that are searched for secrets beyond the part of the text that is kept.
	window = 8 << 10
	// maxErrorText is the maximum length of an error message in bytes.
	maxErrorText = 8 << 10
)

// These patterns match text that looks like a secret, so that secrets unknown to a Redactor are masked as well.
var (
	// secretParam matches a parameter of a signed query, plain or percent-encoded. Servers and proxies quote such
	// queries.
	secretParam = regexp.MustCompile(`(?i)((?:AccessKeyId|AccessKeySecret|SecurityToken|Signature|SignatureNonce|BearerToken|Credential)(?:=|%3D|%253D|:))[^&%\s",;<>]+(?:%(?:25)?(?:2[BF]|3D)[^&%\s",;<>]*)*`)
	// namedSecret matches a secret that follows its name, as in the responses printed by credentials providers:
	// plain text, JSON, or JSON inside a quoted string.
	namedSecret = regexp.MustCompile(`(?i)(\b(?:[a-z_]*Access_?Key_?Id|(?:(?:access|refresh|id|oidc|sts|security|bearer|session|auth)_?)?Token|[a-z_]*Secret|Private_?Key|Password)\\*"?\s*[:=]\s*\\*"?)[^\s"\\,;&}]+`)
	// secretHeader matches a header of a signed request. Servers quote such headers.
	secretHeader = regexp.MustCompile(`(?i)((?:x-acs-(?:security-token|accesskey-id|signature-nonce|bearer-token)|authorization)"?:\s*"?(?:[\w-]+\s+)?)[^\s"]+`)
	// keyShape matches Alibaba Cloud's access key ids and security tokens, and OIDC tokens.
	keyShape = regexp.MustCompile(`\b(?:LTAI|STS\.|TMP\.)[A-Za-z0-9]{10,}|\bCAI[A-Za-z0-9+/]{40,}=*|\beyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?`)
	// userInfo matches the user name and password in a URL.
	userInfo = regexp.MustCompile(`://[^\s"]*@`)
)

// Redactor masks a set of known secrets, and any other text that looks like a secret. The zero value knows no
// secrets. A Redactor is immutable and safe for concurrent use.
//
// A known secret is found if it occurs unchanged, in any case, percent-encoded, escaped as in JSON or HTML, in
// hexadecimal, or in base64 (either alphabet, with or without padding, at any offset), even if white space or line
// breaks were inserted. If a secret has 16 bytes or more, the Redactor also finds each half of the secret, and
// every part with at least 15 consecutive characters of one of these forms.
type Redactor struct{ forms forms }

// New returns a Redactor for the given secrets. Secrets shorter than 4 bytes are ignored, because masking them
// would make ordinary text unreadable.
func New(secrets ...string) *Redactor { return &Redactor{newForms(secrets)} }

// Mask returns text with every secret replaced by "***".
func (r *Redactor) Mask(text string) string {
	text = r.forms.mask(text)
	for _, re := range []*regexp.Regexp{secretParam, namedSecret, secretHeader} {
		text = re.ReplaceAllString(text, "${1}"+mask)
	}
	text = userInfo.ReplaceAllString(text, "://"+mask+"@")
	return keyShape.ReplaceAllString(text, mask)
}

// Line returns text on one line, with secrets masked, and shortened to at most limit bytes.
func (r *Redactor) Line(text string, limit int) string {
	masked, whole := r.head(text, limit)
	if !whole && len(masked) <= limit+r.forms.longest {
		// Only the first part of text was searched, so a secret may be cut in two at the end of masked. Masking has
		// shortened the text so much that this end would become visible.
		masked = withheld
	}
	return shorten(printable(masked), limit)
}

// Excerpt is like Line but also replaces each run of white space with a single blank. It is meant for large or
// formatted text such as an HTML page.
func (r *Redactor) Excerpt(text string, limit int) string {
	masked, whole := r.head(text, limit)
	masked = strings.Join(strings.Fields(printable(masked)), " ")
	if !whole && len(masked) <= limit+r.forms.longest {
		masked = withheld
	}
	return shorten(masked, limit)
}

// head masks secrets in the first limit+window bytes of text. whole reports whether these bytes are all of text.
func (r *Redactor) head(text string, limit int) (masked string, whole bool) {
	n := min(len(text), limit+window)
	return r.Mask(text[:n]), n == len(text)
}

// printable returns text on one line: each character that is not printable is replaced with a blank.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// shorten truncates text to at most limit bytes, without splitting a character.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
}
