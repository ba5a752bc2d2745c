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
	mask           = "***"
	removedMessage = "(message removed because it contains credentials)"
	// window is the number of bytes beyond the length limit that are also searched for secrets.
	window = 8 << 10
	// maxErrorText is the maximum length of an error message in bytes.
	maxErrorText = 8 << 10
)

// The following patterns match text that looks like a secret. With these patterns, a Redactor also masks secrets that
// it does not know.
var (
	// secretParam matches a secret parameter of a signed query, including percent-encoded parameters. Servers and
	// proxies quote such queries in their error messages.
	secretParam = regexp.MustCompile(`(?i)((?:AccessKeyId|AccessKeySecret|SecurityToken|Signature|SignatureNonce|BearerToken|Credential)(?:=|%3D|%253D|:))[^&%\s",;<>]+(?:%(?:25)?(?:2[BF]|3D)[^&%\s",;<>]*)*`)
	// namedSecret matches a secret that follows its name, in plain text, in JSON, or in JSON inside a quoted string.
	// Credentials providers print secrets in this form.
	namedSecret = regexp.MustCompile(`(?i)(\b(?:[a-z_]*Access_?Key_?Id|(?:(?:access|refresh|id|oidc|sts|security|bearer|session|auth)_?)?Token|[a-z_]*Secret|Private_?Key|Password)\\*"?\s*[:=]\s*\\*"?)[^\s"\\,;&}]+`)
	// secretHeader matches a secret header of a signed request. Servers quote such headers in their error messages.
	secretHeader = regexp.MustCompile(`(?i)((?:x-acs-(?:security-token|accesskey-id|signature-nonce|bearer-token)|authorization)"?:\s*"?(?:[\w-]+\s+)?)[^\s"]+`)
	// keyShape matches Alibaba Cloud's access key ids and security tokens, and OIDC tokens.
	keyShape = regexp.MustCompile(`\b(?:LTAI|STS\.|TMP\.)[A-Za-z0-9]{10,}|\bCAI[A-Za-z0-9+/]{40,}=*|\beyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?`)
	// userInfo matches the user name and password in a URL.
	userInfo = regexp.MustCompile(`://[^\s"]*@`)
)

// Redactor masks a set of known secrets, and any other text that looks like a secret. The zero value knows no
// secrets. A Redactor is immutable and safe for concurrent use.
//
// A known secret is masked if it occurs unchanged, in upper or lower case, percent-encoded, escaped as in JSON or HTML,
// in hexadecimal, or in base64. White space inside the secret is ignored. For secrets of 16 bytes or more, the Redactor
// also masks every part that has at least 15 consecutive characters, and each half of the secret.
type Redactor struct{ secrets secretFinder }

// New returns a Redactor for the given secrets. Secrets shorter than 4 bytes are ignored, because masking them would
// make ordinary text unreadable.
func New(secrets ...string) *Redactor { return &Redactor{newSecretFinder(secrets)} }

// Mask returns text with every secret replaced by "***".
func (r *Redactor) Mask(text string) string {
	text = r.secrets.mask(text)
	for _, re := range []*regexp.Regexp{secretParam, namedSecret, secretHeader} {
		text = re.ReplaceAllString(text, "${1}"+mask)
	}
	text = userInfo.ReplaceAllString(text, "://"+mask+"@")
	return keyShape.ReplaceAllString(text, mask)
}

// Line masks the secrets in text and returns the result on one line, shortened to at most limit bytes.
func (r *Redactor) Line(text string, limit int) string {
	masked, whole := r.head(text, limit)
	if !whole && len(masked) <= limit+r.secrets.longest {
		// Only the beginning of a long text was searched for secrets. Masking has shortened it so much that the result
		// might contain part of a secret that was cut off at the end of the search. Replace the whole text.
		masked = removedMessage
	}
	return shorten(printable(masked), limit)
}

// Excerpt is like Line, but also replaces each sequence of white space with a single space. Use it for large or
// formatted text, such as an HTML page.
func (r *Redactor) Excerpt(text string, limit int) string {
	masked, whole := r.head(text, limit)
	masked = strings.Join(strings.Fields(printable(masked)), " ")
	if !whole && len(masked) <= limit+r.secrets.longest {
		masked = removedMessage
	}
	return shorten(masked, limit)
}

// head returns the beginning of text, up to limit+window bytes, with secrets masked. It also reports whether text was
// short enough to be returned completely.
func (r *Redactor) head(text string, limit int) (masked string, whole bool) {
	n := min(len(text), limit+window)
	return r.Mask(text[:n]), n == len(text)
}

// printable replaces each character that is not printable with a space, so that the result is on one line.
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
