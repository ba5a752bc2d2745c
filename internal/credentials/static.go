package credentials

import (
	"context"
	"fmt"
	"io"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// Static is a [Provider] that always returns the same key.
//
// A Static contains a pointer to the key, so that package fmt never prints the key. If a struct has a Static in an
// unexported field, package fmt cannot call the method Format. It then prints the pointer as an address.
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

// Validate returns an error if the id or the secret is empty, or if the key contains white space or control characters.
func (s *Static) Validate() error { return validateKey(*s.key) }

// Format implements fmt.Formatter. For every verb, it writes the redacted key.
func (s *Static) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.key.String()) }
