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

// Provider returns the key that signs a request. It is the same as ecs.CredentialsProvider.
type Provider interface {
	Credentials(ctx context.Context) (signer.Credentials, error)
}

// foundKey is a key and its properties.
type foundKey struct {
	signer.Credentials
	expires time.Time // zero: never, or not known
	kind    string    // how the key was obtained, such as "AK" or "RamRoleArn"
}

// notConfiguredError means that a link of the chain is not configured, so that the next one is tried. Any other
// error ends the search: the link is configured but does not work, and the next one may use another account.
type notConfiguredError struct{ reason string }

func (e *notConfiguredError) Error() string { return e.reason }

func notConfigured(format string, args ...any) error {
	return &notConfiguredError{fmt.Sprintf(format, args...)}
}

// isNotConfigured does not examine wrapped errors: for a link that is configured, a missing file is an error.
func isNotConfigured(err error) bool {
	_, ok := err.(*notConfiguredError) //nolint:errorlint // see above
	return ok
}

// validateKey refuses a key that the API would reject with a less helpful error, or that would break a header.
func validateKey(key signer.Credentials) error {
	invalid := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
	switch {
	case key.AccessKeyID == "" || key.AccessKeySecret == "":
		return errors.New("the access key id or secret is empty: set both")
	case strings.ContainsFunc(key.AccessKeyID, invalid), strings.ContainsFunc(key.AccessKeySecret, invalid), strings.ContainsFunc(key.SecurityToken, invalid):
		return errors.New("the access key or token contains white space or control characters: was a line break copied with it?")
	}
	return nil
}

// issuedKey is a key as returned by services. The JSON names match in any case.
type issuedKey struct {
	Code                                                    string
	AccessKeyID, AccessKeySecret, SecurityToken, Expiration string
}

// key returns the temporary key of a service's response, which must have an id, a secret and a token.
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

// parseExpiration returns the zero time, which means unknown, for a value that it cannot parse: the key itself may
// be valid.
func parseExpiration(text string) time.Time {
	at, _ := time.Parse(time.RFC3339, text)
	return at
}

// decodeJSON is like json.Unmarshal, for a single untrusted document. It accepts a byte order mark, and its error
// does not quote the document.
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

// MaskID returns the part of an access key id that tells its kind, such as "LTAI****".
func MaskID(id string) string {
	if len(id) < 16 || strings.ContainsFunc(id[:4], func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		return "****"
	}
	return id[:4] + "****"
}
