package credentials

import (
	"context"
	"fmt"
	"io"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// Static is a [Provider] that always returns the same key.
//
// The key is behind two pointers. If fmt cannot call the methods of a field and the verb does not match its type,
// fmt prints the target of the first pointer, but never the target of the second.
type Static struct{ key *signer.Credentials }

// NewStatic returns a provider that always returns key.
func NewStatic(key signer.Credentials) *Static { return &Static{&key} }

// Credentials returns the key, or an error if it is malformed.
func (s *Static) Credentials(context.Context) (signer.Credentials, error) {
	if err := s.Validate(); err != nil {
		return signer.Credentials{}, err
	}
	return *s.key, nil
}

// Validate returns an error if the API would reject the key because the id or secret is empty, or because the key
// contains white space or control characters.
func (s *Static) Validate() error { return validateKey(*s.key) }

// Format implements fmt.Formatter. It writes the redacted key for every verb.
func (s *Static) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.key.String()) }
