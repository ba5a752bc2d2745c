package ecstest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// Key describes an access key that the server accepts, and the permissions of the key's user. Depending on the key, a
// request fails with
//
//   - InvalidAccessKeyId.NotFound if the server does not know the key, or the key was revoked,
//   - InvalidAccessKeyId.Inactive if the key is disabled,
//   - SignatureDoesNotMatch if the request was signed with another secret,
//   - MissingSecurityToken if the key is temporary and the request has no security token,
//   - InvalidSecurityToken.Malformed if the key is permanent and the request has a security token,
//   - InvalidSecurityToken.MismatchWithAccessKey if the request has another security token,
//   - InvalidSecurityToken.Expired if the temporary key has expired,
//   - Forbidden.RAM or, for ListTagResources, NoPermission.Tag if the user has no permission for the operation.
type Key struct {
	// Credentials contains the id and the secret of the key. If SecurityToken is not empty, the key is temporary, and
	// requests must contain that token.
	Credentials signer.Credentials
	// Expires is when a temporary key expires, according to the server's clock. The zero value means never.
	Expires time.Time
	// Disabled makes the server reject requests signed with the key.
	Disabled bool
	// Deny lists the operations that the key's user is not permitted to call in any region, such as "DescribeInstances"
	// or "ecs:DescribeInstances". An asterisk matches any sequence of characters. If Deny is nil, all operations are
	// permitted.
	//
	// AddKey and UpdateKey panic if an element of Deny matches no operation of the server, because it is probably
	// mistyped. To deny an additional operation, first add the operation with [Server.Handle].
	Deny []string
	// DenyIn lists the operations that are denied only in certain regions. The keys of the map are region ids, and the
	// values have the same form as Deny. AddKey and UpdateKey panic if a region is unknown to the server.
	DenyIn map[string][]string
}

// AddKey adds an access key that the server accepts. It replaces an existing key with the same AccessKeyID.
func (s *Server) AddKey(k Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putKey(k)
}

// UpdateKey calls change with a copy of a key and stores the result. It returns false if the key does not exist. The
// change applies to all later requests, so a test can withdraw and restore permissions during a listing. The function
// change must not call the server.
func (s *Server) UpdateKey(accessKeyID string, change func(*Key)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.keys[accessKeyID]
	if !ok {
		return false
	}
	change(&k)
	s.putKey(k)
	if k.Credentials.AccessKeyID != accessKeyID {
		delete(s.keys, accessKeyID)
	}
	return true
}

// RevokeKey removes a key. The server then rejects requests signed with the key.
func (s *Server) RevokeKey(accessKeyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, accessKeyID)
}

// IssueKey adds a temporary key that expires after lifetime, as STS does, and returns it.
func (s *Server) IssueKey(lifetime time.Duration) signer.Credentials {
	c := signer.Credentials{AccessKeyID: "STS." + rand.Text()[:24], AccessKeySecret: rand.Text(), SecurityToken: "CAIS" + rand.Text()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putKey(Key{Credentials: c, Expires: time.Now().Add(s.settings.ClockSkew + lifetime)})
	return c
}

// putKey validates the operations and regions that a key denies, and stores a copy of the key. s.mu must be held.
func (s *Server) putKey(k Key) {
	k = k.clone()
	s.checkDenials(k.Deny)
	for region, actions := range k.DenyIn {
		if !slices.Contains(s.regionIDs(s.settings), region) {
			panic(fmt.Sprintf("ecstest: Key.DenyIn: the server does not know the region %q: correct it or add it to Settings.Regions", region))
		}
		s.checkDenials(actions)
	}
	s.keys[k.Credentials.AccessKeyID] = k
}

// checkDenials panics if a pattern matches no operation. s.mu must be held.
func (s *Server) checkDenials(patterns []string) {
	known := slices.Sorted(maps.Keys(s.handlers))
	for action := range operations {
		known = append(known, action)
	}
	for _, pattern := range patterns {
		if !slices.ContainsFunc(known, func(action string) bool { return matchesAction(pattern, action) }) {
			panic(fmt.Sprintf("ecstest: Key.Deny: the server has no operation %q: correct the name or add the operation with Handle first", pattern))
		}
	}
}

func matchesAction(pattern, action string) bool {
	return matchWildcard(strings.TrimPrefix(pattern, "ecs:"), action)
}

func (k Key) clone() Key {
	k.Deny, k.DenyIn = slices.Clone(k.Deny), maps.Clone(k.DenyIn)
	for region, actions := range k.DenyIn {
		k.DenyIn[region] = slices.Clone(actions)
	}
	return k
}

// denies reports whether the key's user is denied an operation in a region.
func (k Key) denies(action, region string) bool {
	matches := func(pattern string) bool { return matchesAction(pattern, action) }
	return slices.ContainsFunc(k.Deny, matches) || slices.ContainsFunc(k.DenyIn[region], matches)
}

// denied reports whether the sender of the request lacks permission.
func (s *Server) denied(x *exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return x.fault != nil && x.fault.Denied || s.keys[x.keyID].denies(x.action, x.region)
}

// denial returns the error for a request without permission.
func (x *exchange) denial() *apiError {
	if x.action == "ListTagResources" {
		return newError(403, "NoPermission.Tag", "The operator is not permission for the tag.") // the API's own message
	}
	err := newError(403, "Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM.")
	err.AccessDenied = object{
		"AuthAction": "ecs:" + x.action, "AuthPrincipalType": "SubUser", "AuthPrincipalOwnerId": "1234567890123456",
		"AuthPrincipalDisplayName": "ecstest", "PolicyType": "AccountLevelIdentityBasedPolicy", "NoPermissionType": "ImplicitDeny",
	}
	return err
}
