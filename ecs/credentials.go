package ecs

import (
	"context"
	"errors"
	"fmt"
	"strings"

	vendor "github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/internal/credentials"
	"github.com/aliyun-ecs/sdk-go/internal/redact"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// CredentialsProvider provides the key with which requests are signed. The client calls Credentials before every
// attempt. Implementations should cache the key and refresh it before it expires.
//
// Concurrent requests share one call of Credentials. A request stops waiting when its context is done. The context
// passed to Credentials is done after 30 s, or when no request is waiting anymore.
//
// A client abandons a call of Credentials that does not return within 30 s. It makes no new call while four abandoned
// calls have not returned.
//
// If Credentials returns an error or takes longer than 5 s, the client uses the last valid key for up to 150 s, logs a
// warning, and calls Credentials every 5 s. It does not use a key that the API rejected. A panic in Credentials is
// returned as an error. Strings that look like secrets are masked in the errors of a provider.
type CredentialsProvider interface {
	Credentials(ctx context.Context) (signer.Credentials, error)
}

// CredentialsFunc is an adapter that allows the use of a function as a [CredentialsProvider].
type CredentialsFunc func(ctx context.Context) (signer.Credentials, error)

// Credentials calls f.
func (f CredentialsFunc) Credentials(ctx context.Context) (signer.Credentials, error) { return f(ctx) }

// StaticCredentials returns a provider that always returns the given key. The security token is "" for a permanent key.
// If the key is malformed, [NewClient] returns an error that matches ErrInvalidParameter.
func StaticCredentials(accessKeyID, accessKeySecret, securityToken string) CredentialsProvider {
	return credentials.NewStatic(signer.Credentials{AccessKeyID: accessKeyID, AccessKeySecret: accessKeySecret, SecurityToken: securityToken})
}

// ProfileCredentials returns a provider that uses a profile of the Alibaba Cloud CLI. If name is empty, it uses the
// profile named by the environment variable ALIBABA_CLOUD_PROFILE or, if the variable is not set, the CLI's current
// profile. The configuration file is ~/.aliyun/config.json, unless ALIBABA_CLOUD_CONFIG_FILE names another file.
//
// The supported modes are AK, StsToken, RamRoleArn, EcsRamRole, RamRoleArnWithRoleName, ChainableRamRoleArn, OIDC,
// CredentialsURI, External, CloudSSO and OAuth. Only the OAuth mode writes to the file, because its refresh token
// changes with every use. On systems where the file cannot be locked and replaced, such as Windows, a provider in OAuth
// mode returns an error when the login has expired.
//
// The provider is safe for concurrent use and may be shared by several clients. For the region of the profile, see
// [ProfileRegion].
func ProfileCredentials(name string) CredentialsProvider {
	return cacheCredentials(credentials.NewProfile(name))
}

// Profile describes a profile of the Alibaba Cloud CLI.
type Profile struct {
	Name    string
	Region  string // "" if the profile has no region
	Current bool   // whether ProfileCredentials("") uses this profile
}

// Profiles returns the profiles of the Alibaba Cloud CLI, in the order of the configuration file. If the file does not
// exist, Profiles returns nil and no error.
func Profiles() ([]Profile, error) {
	list, err := credentials.Profiles()
	if err != nil {
		return nil, fmt.Errorf("ecs: Profiles: %w", redactKeys(err))
	}
	var profiles []Profile
	for _, p := range list {
		profiles = append(profiles, Profile(p))
	}
	return profiles, nil
}

// ProfileRegion returns the default region of a program that uses the given profile of the Alibaba Cloud CLI. This is
// the profile's region or, if the profile has no region, the value of the environment variable ALIBABA_CLOUD_REGION_ID.
// If name is empty, the environment variable takes precedence over the region of the profile.
//
// ProfileRegion returns "" if no region is set. It returns an error if the profile does not exist or the CLI's
// configuration file cannot be read.
func ProfileRegion(name string) (string, error) {
	region, err := credentials.Region(name)
	if err != nil {
		return "", fmt.Errorf("ecs: ProfileRegion: %w", redactKeys(err))
	}
	return region, nil
}

// CredentialsFrom returns a provider that uses a credential of github.com/aliyun/credentials-go. Bearer tokens are not
// supported. If c is nil, a client's first call returns an error.
//
// The provider is safe for concurrent use and may be shared by several clients. It calls the methods of c one at a
// time, so call CredentialsFrom only once for each credential. If a method of c panics, the provider returns an error.
// The provider's errors omit quotations from files and responses.
func CredentialsFrom(c vendor.Credential) CredentialsProvider {
	return cacheCredentials(&vendorCredentials{credential: c, turn: make(chan struct{}, 1)})
}

// cacheCredentials wraps a provider in a cache. If p is nil, it uses the default chain.
func cacheCredentials(p CredentialsProvider) *credentials.Cache {
	if p == nil {
		p = credentials.NewChain()
	}
	return credentials.NewCache(p, redactKeys)
}

// redactKeys masks the given keys, and all strings that look like secrets, in the message of err.
func redactKeys(err error, keys ...signer.Credentials) error {
	var secrets []string
	for _, key := range keys {
		secrets = append(secrets, key.AccessKeyID, key.AccessKeySecret, key.SecurityToken)
	}
	return redact.New(secrets...).Error(err)
}

// vendorCredentials is a provider that uses a credential of credentials-go. Such a credential is not safe for
// concurrent use.
type vendorCredentials struct {
	credential vendor.Credential
	turn       chan struct{} // a semaphore that allows one call at a time
}

func (v *vendorCredentials) Credentials(ctx context.Context) (key signer.Credentials, err error) {
	if v.credential == nil {
		return key, errors.New("the credential passed to CredentialsFrom is nil")
	}
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return key, ctx.Err()
	}
	m, err := v.credential.GetCredential()
	switch {
	case err != nil:
		return key, vendorError(err)
	case m == nil:
		return key, errors.New("credentials-go returned no credentials")
	}
	for _, f := range []struct{ to, from *string }{{&key.AccessKeyID, m.AccessKeyId}, {&key.AccessKeySecret, m.AccessKeySecret}, {&key.SecurityToken, m.SecurityToken}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if key.AccessKeyID == "" && m.BearerToken != nil && *m.BearerToken != "" {
		return signer.Credentials{}, errors.New("credentials-go returned a bearer token, which is not supported")
	}
	return key, nil
}

// vendorError shortens the message of an error from credentials-go so that it quotes no file and no response. The
// shortened error wraps only well-known errors, because the messages of other errors may also contain quotations.
func vendorError(err error) error {
	text, _, cut := strings.Cut(err.Error(), "\n")
	if i := strings.IndexAny(text, "{[<\"'"); i >= 0 {
		text, cut = strings.TrimRight(text[:i], " :")+" …", true
	}
	if cut {
		return redact.New().Replace(err, "credentials-go: "+text)
	}
	return fmt.Errorf("credentials-go: %w", err)
}
