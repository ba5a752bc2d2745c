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

const (
	// refreshBefore is how long before its expiry a key is refreshed. It is longer than the time for which a Cache
	// reuses the last valid key, so a reused key has not expired.
	refreshBefore = 3 * time.Minute
	// recheckAfter is how long a key without a known expiry is used before the Chain looks it up once more.
	recheckAfter = time.Minute
)

// link is one place in which a Chain looks for a key. get keeps no state between calls, so that configuration
// changes are noticed. refused is a key that the API has rejected, or zero.
type link struct {
	name string
	get  func(ctx context.Context, refused signer.Credentials) (foundKey, error)
}

// Chain looks for a key in several places, called links, and caches the key until it is about to expire. As long as
// the link that returned the key works, the Chain uses only that link. After a failure, or after the API has
// rejected the key, the next call searches from the first link.
//
// A link that is not configured is skipped. A link that is configured but fails ends the search with its error,
// because the key of a later link may belong to another account. A Chain is safe for concurrent use.
type Chain struct{ *chainState }

// chainState is a separate struct so that Chain contains only a pointer, which keeps fmt from printing the key. See
// [Static].
type chainState struct {
	links  []link
	advice string // what the user can do if no link has a key; "" for the Chain of a single profile

	mu        sync.Mutex
	key       foundKey
	refused   signer.Credentials // the last key that the API rejected
	refreshAt time.Time          // when to refresh key; the zero time means immediately
	current   int                // the index of the link that returned the key, or -1
	report    Report
}

// NoKeyAdvice tells the user what to do if the default chain finds no key.
const NoKeyAdvice = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, run aliyun configure, or set Options.Credentials"

// NewChain returns the default chain. Its links are the environment, the OIDC role, the CLI profile, the profile
// file, the instance role and the credentials URI, in this order.
func NewChain() *Chain { return newChain(newSystem()) }

func newChain(s *system) *Chain {
	return &Chain{&chainState{
		current: -1,
		advice:  NoKeyAdvice,
		links: []link{
			{"environment", func(context.Context, signer.Credentials) (foundKey, error) { return s.environmentKey() }},
			{"OIDC role", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.environmentRole(ctx) }},
			{"CLI profile", s.profileLink},
			{"profile file", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.sectionLink(ctx) }},
			{"instance role", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.instanceRole(ctx, "") }},
			{"credentials URI", func(ctx context.Context, _ signer.Credentials) (foundKey, error) { return s.environmentURI(ctx) }},
		},
	}}
}

// NewProfile returns a Chain for one profile of the vendor CLI's configuration. If name is empty,
// ALIBABA_CLOUD_PROFILE names the profile. If that variable is empty too, the current profile is used.
func NewProfile(name string) *Chain { return newProfile(newSystem(), name) }

func newProfile(s *system, name string) *Chain {
	return &Chain{&chainState{current: -1, links: []link{{"CLI profile", func(ctx context.Context, refused signer.Credentials) (foundKey, error) {
		return s.cliProfileKey(ctx, name, refused)
	}}}}}
}

// environmentKey returns the key in the environment variables. An incomplete key is an error, because the next link
// may use another account.
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

// environmentRole assumes the OIDC role that the environment variables describe. Container Service sets these
// variables in pods.
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

// sectionLink returns the key in the profile file. This is the last link that may contain the profile named by
// ALIBABA_CLOUD_PROFILE. If the file does not contain that profile either, sectionLink returns an error that ends
// the search, because the next link may use another account.
func (s *system) sectionLink(ctx context.Context) (foundKey, error) {
	key, err := s.iniProfileKey(ctx)
	if name := s.getenv("ALIBABA_CLOUD_PROFILE"); name != "" && isNotConfigured(err) {
		err = fmt.Errorf("ALIBABA_CLOUD_PROFILE is %s, but the CLI's configuration has no such profile, and %s: correct or unset the variable", show(name), err.Error())
	}
	return key, err
}

func (s *system) profileLink(ctx context.Context, refused signer.Credentials) (foundKey, error) {
	if s.enabled("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
		return foundKey{}, notConfigured("disabled by ALIBABA_CLOUD_CLI_PROFILE_DISABLED")
	}
	key, err := s.cliProfileKey(ctx, "", refused)
	if err != nil && !isNotConfigured(err) && ctx.Err() == nil {
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

// Credentials returns the cached key. If the cached key is missing or due for a refresh, Credentials gets a key
// from the links.
func (c *Chain) Credentials(ctx context.Context) (signer.Credentials, error) {
	if key, fresh := c.peek(); fresh {
		return key, nil
	}
	c.mu.Lock()
	refused, current := c.refused, c.current
	c.mu.Unlock()
	links, search := c.links, current < 0
	if !search {
		links = links[current : current+1]
	}
	var tried []LinkReport
	for i, l := range links {
		key, err := l.get(ctx, refused)
		switch {
		case err == nil && search:
			return c.store(i, key, append(tried, LinkReport{Name: l.name})), nil
		case err == nil:
			return c.store(current, key, nil), nil
		case ctx.Err() != nil:
			return signer.Credentials{}, ctx.Err()
		case !search && isNotConfigured(err):
			// The file may be missing for a moment while another program replaces it. Do not try the next link,
			// which may use another account.
			err = errors.New(err.Error())
		}
		tried = append(tried, LinkReport{Name: l.name, Err: err})
		if !isNotConfigured(err) {
			break
		}
	}
	return signer.Credentials{}, c.fail(tried)
}

// Format implements fmt.Formatter. It writes the type for every verb, never the key.
func (c *Chain) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "credentials.Chain") }

// peek returns the cached key without I/O. ok is false if it is time to refresh the key.
func (c *Chain) peek() (key signer.Credentials, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key.Credentials, time.Now().Before(c.refreshAt)
}

// store stores a key and the index of the link that returned it. links are the results of a search, or nil if only
// the current link was used.
func (c *Chain) store(current int, key foundKey, links []LinkReport) signer.Credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key, c.current, c.refreshAt = key, current, refreshTime(key)
	if links != nil {
		c.report.Links = links
	}
	c.report.Kind, c.report.Expires = key.kind, key.expires
	return key.Credentials
}

// refreshTime returns when to refresh a key. A key that seems to have expired is still used, because the clock of
// this machine may be wrong: the API decides.
func refreshTime(key foundKey) time.Time {
	left := time.Until(key.expires)
	if key.expires.IsZero() || left <= 0 {
		return time.Now().Add(recheckAfter)
	}
	return time.Now().Add(left - min(refreshBefore, left/4))
}

// fail forgets the link that last worked and returns the error for a failed search. If no link is configured, the
// error contains the advice first, followed by the reason for each link.
func (c *Chain) fail(links []LinkReport) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key, c.current, c.refreshAt = foundKey{}, -1, time.Time{}
	c.report = Report{Links: links}
	last := links[len(links)-1]
	if c.advice == "" {
		return last.Err
	}
	if !isNotConfigured(last.Err) {
		return fmt.Errorf("%s: %w", last.Name, last.Err)
	}
	reasons := make([]string, len(links))
	for i, l := range links {
		reasons[i] = l.Name + ": " + l.Err.Error()
	}
	return fmt.Errorf("the default chain found no key: %s (%s)", c.advice, strings.Join(reasons, "; "))
}

// forget drops a key that the API has rejected. If that key was cached, the next call searches from the first link.
func (c *Chain) forget(key signer.Credentials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = key
	if c.key.Credentials == key {
		c.key, c.current, c.refreshAt = foundKey{}, -1, time.Time{}
	}
}

// Report describes the last search of a Chain.
type Report struct {
	// Links are the links that were tried, in order. The last link returned the key, unless its Err is not nil.
	Links []LinkReport
	// Kind is the mode with which the key was obtained, in the CLI's terms, such as "AK" or "RamRoleArn". It is ""
	// if there is no key.
	Kind string
	// Expires is the expiry of the key. It is zero if the key does not expire or its expiry is not known.
	Expires time.Time
}

// LinkReport is the result of one link in a Report.
type LinkReport struct {
	Name string
	Err  error // why the link returned no key, or nil if it returned one
}

// Report returns the result of the last search. It performs no I/O.
func (c *Chain) Report() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.report
	r.Links = slices.Clone(r.Links)
	return r
}
