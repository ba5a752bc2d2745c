package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// source is a credentials source: one of the places in which a Chain looks for a key. The function get must not cache
// anything, so that changes to the configuration take effect. The argument rejected is a key that the API has rejected,
// or the zero value.
type source struct {
	name string
	get  func(ctx context.Context, rejected signer.Credentials) (foundKey, error)
}

// Chain looks for a key in several credentials sources and caches the key until it is about to expire. As long as the
// source of the current key works, the Chain uses only that source. After a failure, or after the API has rejected the
// key, the next call searches from the first source.
//
// A source that is not configured is skipped. If a source is configured but fails, the search ends with an error,
// because the next source may use another account. A Chain is safe for concurrent use.
type Chain struct{ *chainState }

// chainState contains the fields of a Chain. A Chain holds only a pointer to it, so that package fmt never prints a
// key. See [Static].
type chainState struct {
	sources []source
	advice  string // advice for the user if no source has a key; "" for a single profile

	mu        sync.Mutex
	key       foundKey
	rejected  signer.Credentials // the key that the API rejected most recently
	refreshAt time.Time          // when to refresh key; the zero time means immediately
	current   int                // the index of the source that returned the key, or -1
	report    Report
}

// NoKeyAdvice is the advice in the error that the default chain returns if it finds no key.
const NoKeyAdvice = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, run aliyun configure, or set Options.Credentials"

// NewChain returns the default chain. It searches the environment, the OIDC role, the CLI profile, the profile file,
// the instance role and the credentials URI, in this order.
func NewChain() *Chain { return newChain(newSystem()) }

func newChain(s *system) *Chain {
	return &Chain{&chainState{
		current: -1,
		advice:  NoKeyAdvice,
		sources: []source{
			{"environment", func(context.Context, signer.Credentials) (foundKey, error) { return s.environmentKey() }},
			{"OIDC role", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.environmentRole(ctx) }},
			{"CLI profile", s.cliProfileSource},
			{"profile file", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.profileFileSource(ctx) }},
			{"instance role", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.instanceRole(ctx, "") }},
			{"credentials URI", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.environmentURI(ctx) }},
		},
	}}
}

// NewProfile returns a Chain for one profile in the vendor CLI's configuration. If name is empty, it uses the profile
// named by ALIBABA_CLOUD_PROFILE, or else the current profile.
func NewProfile(name string) *Chain { return newProfile(newSystem(), name) }

func newProfile(s *system, name string) *Chain {
	return &Chain{&chainState{current: -1, sources: []source{{"CLI profile", func(ctx context.Context, rejected signer.Credentials) (foundKey, error) {
		return s.cliProfileKey(ctx, name, rejected)
	}}}}}
}

// environmentKey returns the key in the environment variables. An incomplete key is an error that ends the search,
// because the next source may use another account.
func (s *system) environmentKey() (foundKey, error) {
	const id, secret = "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
	key := signer.Credentials{AccessKeyID: s.getenv(id), AccessKeySecret: s.getenv(secret), SecurityToken: s.getenv("ALIBABA_CLOUD_SECURITY_TOKEN")}
	switch {
	case key.AccessKeyID == "" && key.AccessKeySecret == "":
		return foundKey{}, notConfigured("%s is not set", id)
	case key.AccessKeyID == "":
		return foundKey{}, fmt.Errorf("%s is empty, although %s is set: set both variables or neither", id, secret)
	case key.AccessKeySecret == "":
		return foundKey{}, fmt.Errorf("%s is empty, although %s is set: set both variables or neither", secret, id)
	}
	if err := validateKey(key); err != nil {
		return foundKey{}, fmt.Errorf("%s: %w", id, err)
	}
	if key.SecurityToken != "" {
		return foundKey{Credentials: key, kind: "StsToken"}, nil
	}
	return foundKey{Credentials: key, kind: "AK"}, nil
}

// environmentRole assumes the OIDC role described by environment variables. Alibaba Cloud's Container Service sets
// these variables in pods.
func (s *system) environmentRole(ctx context.Context) (foundKey, error) {
	arn, provider := s.getenv("ALIBABA_CLOUD_ROLE_ARN"), s.getenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN")
	token, file := s.getenv("ALIBABA_CLOUD_OIDC_TOKEN"), s.getenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE")
	switch {
	case provider == "" && token == "" && file == "":
		return foundKey{}, notConfigured("ALIBABA_CLOUD_OIDC_TOKEN_FILE is not set")
	case arn == "" || provider == "" || token == "" && file == "":
		return foundKey{}, errors.New("ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_OIDC_TOKEN_FILE are not all set: set all three variables or none of them")
	}
	return s.assumeRoleWithOIDC(ctx, role{arn: arn}, provider, token, file)
}

// profileFileSource returns the key in the profile file. If ALIBABA_CLOUD_PROFILE names a profile that neither the
// CLI's configuration nor the profile file contains, profileFileSource returns an error that ends the search, because
// the next source may use another account.
func (s *system) profileFileSource(ctx context.Context) (foundKey, error) {
	key, err := s.iniProfileKey(ctx)
	if name := s.getenv("ALIBABA_CLOUD_PROFILE"); name != "" && isNotConfigured(err) {
		err = fmt.Errorf("ALIBABA_CLOUD_PROFILE is %s, but the CLI's configuration has no such profile, and %s: correct or unset the variable", show(name), err.Error())
	}
	return key, err
}

func (s *system) cliProfileSource(ctx context.Context, rejected signer.Credentials) (foundKey, error) {
	if s.enabled("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
		return foundKey{}, notConfigured("disabled by ALIBABA_CLOUD_CLI_PROFILE_DISABLED")
	}
	key, err := s.cliProfileKey(ctx, "", rejected)
	if err != nil && !isNotConfigured(err) {
		err = fmt.Errorf("%w (to skip CLI profiles, set ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true)", err)
	}
	return key, err
}

func (s *system) environmentURI(ctx context.Context) (foundKey, error) {
	uri := s.getenv("ALIBABA_CLOUD_CREDENTIALS_URI")
	if uri == "" {
		return foundKey{}, notConfigured("ALIBABA_CLOUD_CREDENTIALS_URI is not set")
	}
	return s.credentialsURI(ctx, uri)
}

// Credentials returns the cached key, or searches for a key if there is none or the cached key must be refreshed.
func (c *Chain) Credentials(ctx context.Context) (signer.Credentials, error) {
	if key, fresh := c.peek(); fresh {
		return key, nil
	}
	c.mu.Lock()
	rejected, current := c.rejected, c.current
	c.mu.Unlock()
	sources, search := c.sources, current < 0
	if !search {
		sources = sources[current : current+1]
	}
	var tried []SourceReport
	for i, s := range sources {
		key, err := s.get(ctx, rejected)
		switch {
		case err == nil && search:
			return c.store(i, key, append(tried, SourceReport{Name: s.name})), nil
		case err == nil:
			return c.store(current, key, nil), nil
		case ctx.Err() != nil:
			return signer.Credentials{}, ctx.Err()
		case !search && isNotConfigured(err):
			// The file may be missing only while another program replaces it. Return the error as one that ends the
			// search, because the next source may use another account.
			err = errors.New(err.Error())
		}
		tried = append(tried, SourceReport{Name: s.name, Err: err})
		if !isNotConfigured(err) {
			break
		}
	}
	return signer.Credentials{}, c.fail(tried)
}

// Format implements fmt.Formatter. For every verb, it writes only the type, never the key.
func (c *Chain) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "credentials.Chain") }

// peek returns the cached key without I/O. It returns false if it is time to refresh the key.
func (c *Chain) peek() (key signer.Credentials, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key.Credentials, time.Now().Before(c.refreshAt)
}

// store stores a key and the index of its source. The argument sources contains the results of the search, or is nil if
// only the current source was used.
func (c *Chain) store(current int, key foundKey, sources []SourceReport) signer.Credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key, c.current, c.refreshAt = key, current, key.refreshTime()
	if sources != nil {
		c.report.Sources = sources
	}
	c.report.Kind, c.report.Expires = key.kind, key.expires
	return key.Credentials
}

// fail returns the error for a failed search. The next search starts with the first source. If no source is configured,
// the error contains the advice and, for each source, the reason why it has no key.
func (c *Chain) fail(sources []SourceReport) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key, c.current, c.refreshAt = foundKey{}, -1, time.Time{}
	c.report = Report{Sources: sources}
	last := sources[len(sources)-1]
	if c.advice == "" {
		return last.Err
	}
	if !isNotConfigured(last.Err) {
		return fmt.Errorf("%s: %w", last.Name, last.Err)
	}
	reasons := make([]string, len(sources))
	for i, s := range sources {
		reasons[i] = s.Name + ": " + s.Err.Error()
	}
	return fmt.Errorf("the default chain found no key: %s (%s)", c.advice, strings.Join(reasons, "; "))
}

// forget records that the API has rejected a key. If it is the cached key, the next call searches from the first
// source.
func (c *Chain) forget(key signer.Credentials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rejected = key
	if c.key.Credentials == key {
		c.key, c.current, c.refreshAt = foundKey{}, -1, time.Time{}
	}
}

// Report describes the last search of a Chain.
type Report struct {
	// Sources contains a result for each source that was searched, in the order of the search. If the Err of the last
	// element is nil, that source returned the key.
	Sources []SourceReport
	// Kind describes how the key was obtained, as one of the CLI's profile modes, such as "AK" or "RamRoleArn". It is
	// "" if there is no key.
	Kind string
	// Expires is the time at which the key expires. It is zero if the key does not expire or the time is unknown.
	Expires time.Time
}

// SourceReport is the result for one credentials source in a Report.
type SourceReport struct {
	Name string
	Err  error // why the source returned no key, or nil if it returned a key
}

// Report returns the result of the last search. It performs no I/O.
func (c *Chain) Report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.report
	r.Sources = slices.Clone(r.Sources)
	return r
}
