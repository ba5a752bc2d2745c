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

// CredentialsProvider returns the key that signs a request. Credentials is called before every attempt; implementations
// should cache the key and refresh it before it expires.
//
// A client makes one call at a time, and concurrent requests share it. Each stops waiting when its context is done, or
// after 30 s; a call that has not returned by then is given up and a new one is made, up to four. The context that
// Credentials receives ends after 30 s, or when nobody waits for the call any longer.
//
// When a call fails or takes more than 5 s, the last valid key is reused for up to 150 s, unless the API refused it:
// Options.Logger is warned and the provider is called every 5 s. A panic is an error. Whatever looks like a secret is
// masked in the provider's errors.
type CredentialsProvider interface {
	Credentials(ctx context.Context) (signer.Credentials, error)
}

// CredentialsFunc is a function that implements [CredentialsProvider].
type CredentialsFunc func(ctx context.Context) (signer.Credentials, error)

// Credentials calls f.
func (f CredentialsFunc) Credentials(ctx context.Context) (signer.Credentials, error) { return f(ctx) }

// StaticCredentials returns a provider of a fixed key; securityToken is "" unless the key is temporary. A malformed key
// is refused by [NewClient], or by the first call of a client made by [Client.WithCredentials].
func StaticCredentials(accessKeyID, accessKeySecret, securityToken string) CredentialsProvider {
	return credentials.NewStatic(signer.Credentials{AccessKeyID: accessKeyID, AccessKeySecret: accessKeySecret, SecurityToken: securityToken})
}

// ProfileCredentials returns a provider for a profile of the vendor CLI, read from ~/.aliyun/config.json or the
// file named by ALIBABA_CLOUD_CONFIG_FILE. If name is empty, it is the profile named by ALIBABA_CLOUD_PROFILE, or
// else the current one. [ProfileRegion] returns the matching region.
//
// The modes AK, StsToken, RamRoleArn, EcsRamRole, RamRoleArnWithRoleName, ChainableRamRoleArn, OIDC,
// CredentialsURI, External, CloudSSO and OAuth are supported. The file is read when a key is needed, and when the
// API has refused the previous key. It is not written, except for the login of the OAuth mode, whose refresh token
// changes with every use; if the file cannot be locked and replaced, as on Windows, an expired login is an error
// instead.
//
// The provider may be shared by any number of clients and goroutines.
func ProfileCredentials(name string) CredentialsProvider {
	return cacheCredentials(credentials.NewProfile(name))
}

// Profile describes a profile of the vendor CLI.
type Profile struct {
	Name    string
	Region  string // "" if the profile has none
	Current bool   // the profile that ProfileCredentials("") uses
}

// Profiles returns the profiles of the vendor CLI in the order of its file. If there is no file, there are no profiles.
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

// ProfileRegion returns the region for a program whose user did not specify one: that of the given profile, or
// else ALIBABA_CLOUD_REGION_ID. If name is empty, the variable takes precedence over the profile that
// ProfileCredentials("") uses. ProfileRegion returns "" if no region is set, and an error if the profile does not
// exist or the CLI's configuration cannot be read.
func ProfileRegion(name string) (string, error) {
	region, err := credentials.Region(name)
	if err != nil {
		return "", fmt.Errorf("ecs: ProfileRegion: %w", redactKeys(err))
	}
	return region, nil
}

// CredentialsFrom returns a provider for a credential of github.com/aliyun/credentials-go. Bearer tokens are not
// supported. If c is nil, the first call fails.
//
// The provider may be shared by any number of clients and goroutines, although the values of credentials-go may
// not: calls are made one at a time, waiting ends with the caller's context, and panics are recovered. Wrap each
// credential only once. Parts of error texts in which credentials-go quotes files and responses are omitted.
func CredentialsFrom(c vendor.Credential) CredentialsProvider {
	return cacheCredentials(&vendorCredentials{credential: c, turn: make(chan struct{}, 1)})
}

// cacheCredentials makes a provider safe to call for every attempt. nil stands for the default chain.
func cacheCredentials(p CredentialsProvider) *credentials.Cache {
	if p == nil {
		p = credentials.NewChain()
	}
	return credentials.NewCache(p, redactKeys)
}

// redactKeys returns err with the keys, and whatever looks like a secret, masked in its text.
func redactKeys(err error, keys ...signer.Credentials) error {
	var secrets []string
	for _, key := range keys {
		secrets = append(secrets, key.AccessKeyID, key.AccessKeySecret, key.SecurityToken)
	}
	return redact.New(secrets...).Error(err)
}

// vendorCredentials calls a credential of credentials-go, which takes no context and must not be called concurrently.
type vendorCredentials struct {
	credential vendor.Credential
	turn       chan struct{} // holds a value during a call
}

func (v *vendorCredentials) Credentials(ctx context.Context) (key signer.Credentials, err error) {
	if v.credential == nil {
		return key, errors.New("the credential is nil")
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

// vendorError returns an error of credentials-go with its text up to the point at which it may quote a file or a
// response. If the text is cut, only well-known errors in its chain are kept, because the text of any other error
// may be part of the quotation.
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
