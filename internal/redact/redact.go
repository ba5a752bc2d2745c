// Package redact masks secrets in texts from external sources: servers, proxies, credential providers, network
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
	withheld = "(text withheld: it repeats credentials)"
	// window is the number of bytes that are searched beyond the part of a text that is kept.
	window = 8 << 10
	// maxErrorText is the maximum length of the text of an error in bytes.
	maxErrorText = 8 << 10
)

// Everything that looks like a secret is masked, whether or not it is known.
var (
	// secretParam matches a parameter of a signed query, plain or percent-encoded, as servers and proxies return
	// it.
	secretParam = regexp.MustCompile(`(?i)((?:AccessKeyId|AccessKeySecret|SecurityToken|Signature|SignatureNonce|BearerToken|Credential)(?:=|%3D|%253D|:))[^&%\s",;<>]+(?:%(?:25)?(?:2[BF]|3D)[^&%\s",;<>]*)*`)
	// namedSecret matches a secret after its name, as credential providers print responses: text, JSON, or JSON
	// inside a quoted text.
	namedSecret = regexp.MustCompile(`(?i)(\b(?:[a-z_]*Access_?Key_?Id|(?:(?:access|refresh|id|oidc|sts|security|bearer|session|auth)_?)?Token|[a-z_]*Secret|Private_?Key|Password)\\*"?\s*[:=]\s*\\*"?)[^\s"\\,;&}]+`)
	// secretHeader matches a header of a signed request, as a server returns it.
	secretHeader = regexp.MustCompile(`(?i)((?:x-acs-(?:security-token|accesskey-id|signature-nonce|bearer-token)|authorization)"?:\s*"?(?:[\w-]+\s+)?)[^\s"]+`)
	// keyShape matches the vendor's access key ids and security tokens, and OIDC tokens.
	keyShape = regexp.MustCompile(`\b(?:LTAI|STS\.|TMP\.)[A-Za-z0-9]{10,}|\bCAI[A-Za-z0-9+/]{40,}=*|\beyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?`)
	// userInfo matches the user part of a URL.
	userInfo = regexp.MustCompile(`://[^\s"]*@`)
)

// Redactor masks a set of secrets, and whatever else looks like one. The zero value knows no secrets. It is
// immutable and safe for concurrent use.
//
// A secret is found unchanged, in any case, percent-encoded, escaped as in JSON or HTML, in hexadecimal, and in
// base64 (either alphabet, with or without padding, at any offset), even if white space or line breaks were
// inserted. Of a secret of 16 bytes or more, every part with 15 consecutive characters of such a form is found,
// and so are the halves.
type Redactor struct{ forms forms }

// New returns a Redactor for the given secrets. Secrets of less than 4 bytes are ignored, because masking them
// would make texts unreadable.
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

// Line returns text without secrets, on one line, shortened to at most limit bytes.
func (r *Redactor) Line(text string, limit int) string {
	masked, whole := r.head(text, limit)
	if !whole && len(masked) <= limit+r.forms.longest {
		// So much was masked that the end of the searched part, at which a secret may have been cut in two, would
		// become visible.
		masked = withheld
	}
	return shorten(printable(masked), limit)
}

// Excerpt is like Line, for text of any kind, such as an HTML page: runs of white space become a single blank.
func (r *Redactor) Excerpt(text string, limit int) string {
	masked, whole := r.head(text, limit)
	masked = strings.Join(strings.Fields(printable(masked)), " ")
	if !whole && len(masked) <= limit+r.forms.longest {
		masked = withheld
	}
	return shorten(masked, limit)
}

// head masks the part of text that is searched. whole is false if that is not all of it.
func (r *Redactor) head(text string, limit int) (masked string, whole bool) {
	n := min(len(text), limit+window)
	return r.Mask(text[:n]), n == len(text)
}

// printable returns text on one line: every character that is not printable becomes a blank.
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
