package credentials

import (
	"context"
	"fmt"
	"io"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// Static is a fixed key.
//
// The key is behind two pointers: if fmt may not call the methods of a field and the verb does not fit, it prints
// the target of the first pointer, but never that of the second.
type Static struct{ key *signer.Credentials }

// NewStatic returns a provider of that key.
func NewStatic(key signer.Credentials) *Static { return &Static{&key} }

// Credentials returns the key, or an error if it is malformed.
func (s *Static) Credentials(context.Context) (signer.Credentials, error) {
	if err := s.Validate(); err != nil {
		return signer.Credentials{}, err
	}
	return *s.key, nil
}

// Validate returns an error if the API would refuse the key because of its form: an empty id or secret, or white
// space.
func (s *Static) Validate() error { return validateKey(*s.key) }

// Format writes the redacted key, for every verb.
func (s *Static) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.key.String()) }
