package credentials

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	// refreshBefore is how long before its expiration a key is refreshed. A Cache reuses the last valid key for a
	// shorter time, so a reused key has not expired.
	refreshBefore = 3 * time.Minute
	// recheckAfter is how long the Chain uses a key whose expiration time is unknown before it looks up the key again.
	recheckAfter = time.Minute
)

// Provider returns the key that signs a request. The interface is identical to ecs.CredentialsProvider.
type Provider interface {
	Credentials(ctx context.Context) (signer.Credentials, error)
}

// foundKey contains a key, the time at which it expires, and how it was obtained.
type foundKey struct {
	signer.Credentials
	expires time.Time // when the key expires; zero if never or unknown
	kind    string    // how the key was obtained, such as "AK" or "RamRoleArn"
}

// refreshTime returns the time at which the key must be refreshed. If the expiration time is unknown or has passed, that
// is a minute from now: the local clock may be wrong, so a key that seems to have expired may still be valid.
func (k foundKey) refreshTime() time.Time {
	left := time.Until(k.expires)
	if left <= 0 {
		return time.Now().Add(recheckAfter)
	}
	return time.Now().Add(left - min(refreshBefore, left/4))
}

// notConfiguredError means that a credentials source of a Chain is not configured. The Chain then tries the next
// source. Any other error ends the search, because the next source may use another account.
type notConfiguredError struct{ reason string }

func (e *notConfiguredError) Error() string { return e.reason }

func notConfigured(format string, args ...any) error {
	return &notConfiguredError{fmt.Sprintf(format, args...)}
}

// isNotConfigured reports whether err itself is a notConfiguredError. It ignores wrapped errors. For example, if a
// configured source needs a file that is missing, the error must end the search.
func isNotConfigured(err error) bool {
	_, ok := err.(*notConfiguredError) //nolint:errorlint // wrapped errors must be ignored
	return ok
}

// validateKey returns an error if the key is incomplete, or if it contains characters that are not allowed in an HTTP
// header. The API would reject such a key with a less helpful message.
func validateKey(key signer.Credentials) error {
	invalid := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	switch {
	case key.AccessKeyID == "" || key.AccessKeySecret == "":
		return errors.New("the access key id or secret is empty: set both")
	case strings.ContainsFunc(key.AccessKeyID, invalid), strings.ContainsFunc(key.AccessKeySecret, invalid), strings.ContainsFunc(key.SecurityToken, invalid):
		return errors.New("the access key or token contains white space or control characters: remove these characters, such as a line break at the end")
	}
	return nil
}

// issuedKey is a key in the JSON response of a service. encoding/json ignores the case of the member names.
type issuedKey struct {
	Code                                                    string
	AccessKeyID, AccessKeySecret, SecurityToken, Expiration string
}

// key returns the temporary key in a service's response. It returns an error if the id, the secret or the token is
// missing.
func (k issuedKey) key(service, kind string) (foundKey, error) {
	if k.AccessKeyID == "" || k.AccessKeySecret == "" || k.SecurityToken == "" {
		return foundKey{}, fmt.Errorf("%s: the response contains no complete key (id, secret and token)", service)
	}
	return foundKey{
		Credentials: signer.Credentials{AccessKeyID: k.AccessKeyID, AccessKeySecret: k.AccessKeySecret, SecurityToken: k.SecurityToken},
		expires:     parseExpiration(k.Expiration),
		kind:        kind,
	}, nil
}

// parseExpiration parses an expiration time in RFC 3339 format. For a malformed value, it returns the zero time, which
// means that the expiration time is unknown.
func parseExpiration(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

// decodeJSON is like json.Unmarshal for an untrusted document. It accepts a byte order mark, and its errors do not
// quote the document.
func decodeJSON(data []byte, out any) error {
	err := json.Unmarshal(trimBOM(data), out)
	var (
		syntax *json.SyntaxError
		typed  *json.UnmarshalTypeError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("not valid JSON (at byte %d)", syntax.Offset)
	case errors.As(err, &typed):
		return fmt.Errorf("JSON of an unexpected type (at byte %d)", typed.Offset)
	}
	return errors.New("not the expected JSON")
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\ufeff")) }

// MaskID returns a masked access key id, such as "LTAI****". The visible prefix identifies the type of the key. If id
// does not have the usual form, MaskID returns "****".
func MaskID(id string) string {
	if len(id) < 16 || strings.ContainsFunc(id[:4], func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return "****"
	}
	return id[:4] + "****"
}
