package credentials

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// world simulates a computer with its own environment variables, home directory and servers.
type world struct {
	*system
	t       *testing.T
	home    string
	servers *httpmock.MockTransport

	mu  sync.Mutex
	env map[string]string
}

func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	w := &world{t: t, home: t.TempDir(), servers: httpmock.NewMockTransport(), env: map[string]string{}}
	w.system = newSystem()
	w.getenv = func(name string) string { w.mu.Lock(); defer w.mu.Unlock(); return w.env[name] }
	w.client.Transport, w.metadata.Transport = w.servers, w.servers
	w.set(append([]string{"HOME", w.home, "USERPROFILE", w.home}, env...)...)
	w.servers.RegisterNoResponder(func(*http.Request) (*http.Response, error) { return nil, io.EOF })
	return w
}

func (w *world) set(pairs ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for pair := range slices.Chunk(pairs, 2) {
		w.env[pair[0]] = pair[1]
	}
}

// write creates a file in the simulated home directory and returns the file's path.
func (w *world) write(content string, elem ...string) string {
	w.t.Helper()
	path := filepath.Join(append([]string{w.home}, elem...)...)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w *world) config(content string) string {
	w.t.Helper()
	return w.write(content, ".aliyun", "config.json")
}

// serve registers a JSON response for a method and URL.
func (w *world) serve(method, url string, status int, body any) {
	w.servers.RegisterResponder(method, url, httpmock.NewJsonResponderOrPanic(status, body))
}

// issued returns a response that contains key number n, which is valid for an hour.
func issued(n int) map[string]any {
	k := keyOf(n)
	return map[string]any{
		"Code": "Success", "AccessKeyId": k.AccessKeyID, "AccessKeySecret": k.AccessKeySecret, "SecurityToken": k.SecurityToken,
		"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}
}

func stsKey(n int) map[string]any { return map[string]any{"Credentials": issued(n)} }

const (
	metadataToken = "http://100.100.100.200/latest/api/token"
	metadataRole  = "http://100.100.100.200/latest/meta-data/ram/security-credentials/"
	stsURL        = "https://sts.aliyuncs.com/"
)

func (w *world) serveMetadata(role string, n int) {
	w.servers.RegisterResponder(http.MethodPut, metadataToken, httpmock.NewStringResponder(http.StatusOK, "metadata-token"))
	w.servers.RegisterResponder(http.MethodGet, metadataRole, httpmock.NewStringResponder(http.StatusOK, role+"\n"))
	w.servers.RegisterResponder(http.MethodGet, metadataRole+role, func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("X-Aliyun-Ecs-Metadata-Token") != "metadata-token" {
			return httpmock.NewStringResponse(http.StatusForbidden, ""), nil
		}
		return httpmock.NewJsonResponse(http.StatusOK, issued(n))
	})
}

// TestChainOrder checks that each credentials source takes precedence over all later sources.
func TestChainOrder(t *testing.T) {
	t.Parallel()
	kinds := []string{"StsToken", "OIDC", "StsToken", "EcsRamRole", "EcsRamRole", "CredentialsURI"}
	for i, want := range []string{"environment", "OIDC role", "CLI profile", "profile file", "instance role", "credentials URI"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			sources := []func(){
				func() {
					w.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "id0", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret0", "ALIBABA_CLOUD_SECURITY_TOKEN", "token0")
				},
				func() {
					w.set("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/p",
						"ALIBABA_CLOUD_OIDC_TOKEN_FILE", w.write("oidc-token\n", "token"))
					w.serve(http.MethodPost, stsURL, 200, stsKey(1))
				},
				func() {
					w.config(`{"current":"p","profiles":[{"name":"p","mode":"StsToken","access_key_id":"id2","access_key_secret":"secret2","sts_token":"token2"}]}`)
				},
				func() {
					w.write("[default]\ntype = ecs_ram_role\nrole_name = ini\n", ".alibabacloud", "credentials")
					w.serveMetadata("ini", 3)
				},
				func() { w.serveMetadata("attached", 4) },
				func() {
					w.set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://localhost:1/key?token=planted")
					w.serve(http.MethodGet, "http://localhost:1/key", 200, issued(5))
				},
			}
			for j := len(sources) - 1; j >= i; j-- {
				sources[j]()
			}
			if i == 3 {
				w.serveMetadata("ini", 3)
			}
			chain := newChain(w.system)
			key, err := chain.Credentials(t.Context())
			if err != nil || key != keyOf(i) {
				t.Fatal(key.AccessKeyID, err)
			}
			report := chain.Report()
			if n := len(report.Sources); n != i+1 || report.Sources[i].Name != want || report.Sources[i].Err != nil || report.Kind != kinds[i] {
				t.Errorf("%+v", report)
			}
			for _, s := range report.Sources[:i] {
				if !isNotConfigured(s.Err) || s.Err.Error() == "" {
					t.Errorf("%s: %v", s.Name, s.Err)
				}
			}
		})
	}
}

// TestChainDoesNotPassOverABrokenLink checks that a broken configuration of a credentials source causes an error. A key
// from a later source could belong to another account.
func TestChainDoesNotPassOverABrokenLink(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(w *world)
		text    string
	}{
		"an id without a secret": {func(w *world) { w.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "id") }, "ALIBABA_CLOUD_ACCESS_KEY_SECRET is empty, although"},
		"a secret without an id": {func(w *world) { w.set("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "planted") }, "ALIBABA_CLOUD_ACCESS_KEY_ID is empty, although"},
		"a secret with a line break": {func(w *world) {
			w.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "planted\n")
		}, "line break"},
		"OIDC without a role": {func(w *world) { w.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/x") }, "not all set"},
		"OIDC, but for the role": {func(w *world) {
			w.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/x", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p")
		}, "not all set"},
		"OIDC without a provider": {func(w *world) {
			w.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/x", "ALIBABA_CLOUD_ROLE_ARN", "r")
		}, "not all set"},
		"OIDC without a token": {func(w *world) {
			w.set("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p", "ALIBABA_CLOUD_ROLE_ARN", "r")
		}, "not all set"},
		"only an OIDC token": {func(w *world) { w.set("ALIBABA_CLOUD_OIDC_TOKEN", "planted") }, "not all set"},
		"OIDC without its file": {func(w *world) {
			w.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/does/not/exist", "ALIBABA_CLOUD_ROLE_ARN", "r", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p")
		}, "/does/not/exist does not exist"},
		"STS is down": {func(w *world) {
			w.set("ALIBABA_CLOUD_OIDC_TOKEN", "planted", "ALIBABA_CLOUD_ROLE_ARN", "r", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p")
			w.serve(http.MethodPost, stsURL, 503, "planted")
		}, "HTTP 503"},
		"an expired login": {func(w *world) {
			w.config(`{"current":"p","profiles":[{"name":"p","mode":"CloudSSO","cloud_sso_sign_in_url":"https://x","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"planted","cloud_sso_access_token_expire":1}]}`)
		}, "log in with the CLI again"},
		"a profile's role without metadata": {func(w *world) {
			w.set("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
			w.config(`{"current":"p","profiles":[{"name":"p","mode":"EcsRamRole"}]}`)
		}, "disabled by ALIBABA_CLOUD_ECS_METADATA_DISABLED"},
		"how to skip profiles": {func(w *world) { w.config(`{`) }, "to skip CLI profiles, set ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true"},
		"metadata fails":       {func(w *world) { w.serve(http.MethodGet, metadataRole, 500, "planted") }, "HTTP 500: try again later"},
		"a broken CLI file":    {func(w *world) { w.config(`{"current":"planted",`) }, "not valid JSON"},
		"a broken ini file":    {func(w *world) { w.write("[default]\nplanted\n", ".alibabacloud", "credentials") }, "line 2"},
		"an ini file's type":   {func(w *world) { w.write("[default]\ntype=rsa_key_pair\n", ".alibabacloud", "credentials") }, "type is not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ALIBABA_CLOUD_CREDENTIALS_URI", "http://localhost:1/")
			w.serveMetadata("role", 1)
			w.serve(http.MethodGet, "http://localhost:1/", 200, issued(2))
			c.prepare(w)
			key, err := newChain(w.system).Credentials(t.Context())
			if err == nil || key != none || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%q %v, want %s", key.AccessKeyID, err, c.text)
			}
			checkText(t, err)
		})
	}
}

// TestChainSkipsEmptyProfiles checks that a profile without a key, such as the CLI's initial profile, does not end the
// search.
func TestChainSkipsEmptyProfiles(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{`{"name":"p"}`, `{"name":"p","mode":"AK"}`} {
		w := newWorld(t, "ALIBABA_CLOUD_CREDENTIALS_URI", "http://localhost:1/")
		w.config(profilesJSON(profile))
		w.serve(http.MethodGet, "http://localhost:1/", 200, issued(1))
		if key, err := newChain(w.system).Credentials(t.Context()); key != keyOf(1) || err != nil {
			t.Errorf("%s: %q, %v", profile, key.AccessKeyID, err)
		}
	}
}

// checkText checks that an error message is a single line and contains none of the test's secrets.
func checkText(t *testing.T, err error) {
	t.Helper()
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "planted") || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is not a single line or contains a secret: %s", text)
	}
}

// TestChainFindsNothing checks the error if no credentials source is configured. The error must begin with advice,
// followed by the reason why each source has no key.
func TestChainFindsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	chain := newChain(w.system)
	_, err := chain.Credentials(t.Context())
	checkText(t, err)
	text := err.Error()
	if !strings.HasPrefix(text, "the default chain found no key: set ALIBABA_CLOUD_ACCESS_KEY_ID and") {
		t.Error(text)
	}
	for _, s := range chain.sources {
		if !strings.Contains(text, s.name+": ") {
			t.Errorf("%s is missing in %s", s.name, text)
		}
	}
	if got := chain.Report().Sources; len(got) != len(chain.sources) || slices.ContainsFunc(got, func(l SourceReport) bool { return l.Err == nil }) {
		t.Errorf("%+v", got)
	}
	w.set("HOME", "", "USERPROFILE", "", "ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true", "ALIBABA_CLOUD_ECS_METADATA_DISABLED", "TRUE")
	_, err = chain.Credentials(t.Context())
	for _, part := range []string{"disabled by ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "HOME is not set", "disabled by ALIBABA_CLOUD_ECS_METADATA_DISABLED"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is missing in %v", part, err)
		}
	}
}

// TestChainRemembersAndSearchesAnew checks that the Chain uses only the source of its current key. After a failure, or
// after the API has rejected the key, the Chain searches all sources again.
func TestChainRemembersAndSearchesAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	profile := func(n int) string {
		return fmt.Sprintf(`{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"id%d","access_key_secret":"secret%d"}]}`, n, n)
	}
	ak := func(n int) signer.Credentials { k := keyOf(n); k.SecurityToken = ""; return k }
	cache := NewCache(newChain(w.system), nil)
	expect := func(step string, stale, want signer.Credentials) {
		t.Helper()
		key, warning, err := cache.Get(t.Context(), stale)
		if key != want || err != nil || warning != nil {
			t.Errorf("%s: %q, want %q; %v %v", step, key.AccessKeyID, want.AccessKeyID, warning, err)
		}
	}
	path := w.config(profile(1))
	expect("the file", none, ak(1))
	w.config(profile(2))
	expect("cached", none, ak(1))
	expect("rotated in the file: the same call finds it", ak(1), ak(2))
	expect("rejected, but there is no other", ak(2), ak(2))
	w.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "id3", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret3")
	expect("still cached", none, ak(2))
	expect("an earlier source, now that the key is rejected", ak(2), ak(3))
	w.set("ALIBABA_CLOUD_ACCESS_KEY_ID", "", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "")
	w.config(profile(4))
	expect("a later source", ak(3), ak(4))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, _, err := cache.Get(t.Context(), ak(4)); err == nil {
		t.Error("got a key although no source is configured")
	}
	w.config(profile(5))
	expect("found again", none, ak(5))
	if r := cache.Report(); r.Kind != "AK" || !r.Expires.IsZero() {
		t.Errorf("%+v", r)
	}
}

// TestChainKeepsTheAccount checks that the current key stays in use if the configuration of its source is missing only
// for a moment, for example while another program replaces the file.
func TestChainKeepsTheAccount(t *testing.T) {
	t.Parallel()
	config := `{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"id1","access_key_secret":"secret1"}]}`
	for name, c := range map[string]struct {
		change func(path string) error
		later  string // id of the key that is used if the change persists
	}{
		"truncated":    {func(path string) error { return os.Truncate(path, 0) }, "id1"},
		"half written": {func(path string) error { return os.Truncate(path, 30) }, "id1"},
		"removed":      {os.Remove, "id9"},
		"no profile":   {func(path string) error { return os.WriteFile(path, []byte(`{"profiles":[]}`), 0o600) }, "id9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.set("ALIBABA_CLOUD_CREDENTIALS_URI", "https://uri/")
				w.servers.RegisterResponder(http.MethodGet, "https://uri/", httpmock.NewJsonResponderOrPanic(200, map[string]any{"AccessKeyId": "id9", "AccessKeySecret": "secret9", "SecurityToken": "token9"}))
				cache := NewCache(newChain(w.system), nil)
				path := w.config(config)
				for _, step := range []struct {
					change  func(path string) error
					want    string
					warning bool
				}{
					{func(string) error { return nil }, "id1", false},
					{c.change, "id1", true},
					{func(path string) error { return os.WriteFile(path, []byte(config), 0o600) }, "id1", false},
					{c.change, "id1", true},
					{func(string) error { return nil }, c.later, c.later == "id1"},
				} {
					if err := step.change(path); err != nil {
						t.Fatal(err)
					}
					if key, warning, err := cache.Get(t.Context(), none); key.AccessKeyID != step.want || err != nil || (warning != nil) != step.warning {
						t.Errorf("%q, want %q; %v, %v", key.AccessKeyID, step.want, warning, err)
					}
					time.Sleep(recheckAfter + time.Second)
				}
			})
		})
	}
}

// TestChainRefreshesFromOneSource checks that a refresh uses only the source of the current key. If that source fails,
// or is no longer configured, the refresh returns an error. The next call searches all sources.
func TestChainRefreshesFromOneSource(t *testing.T) {
	t.Parallel()
	profile := func(w *world, n int) {
		w.config(profilesJSON(fmt.Sprintf(`{"name":"p","mode":"AK","access_key_id":"id%d","access_key_secret":"secret%[1]d"}`, n)))
	}
	environment := func(w *world, id string) {
		w.set("ALIBABA_CLOUD_ACCESS_KEY_ID", id, "ALIBABA_CLOUD_ACCESS_KEY_SECRET", id)
	}
	for name, c := range map[string]struct {
		first, second, third func(w *world)
		text, last           string // error of the third call, and id of the key from the fourth call
	}{
		"CLI profile": {
			func(w *world) { profile(w, 1) },
			func(w *world) { profile(w, 2); environment(w, "id9") },
			func(w *world) { w.set("ALIBABA_CLOUD_CONFIG_FILE", "/does/not/exist") },
			"CLI profile: /does/not/exist does not exist", "id9",
		},
		"environment": {
			func(w *world) { environment(w, "id1") },
			func(w *world) { environment(w, "id2"); profile(w, 9) },
			func(w *world) { environment(w, "") },
			"environment: ALIBABA_CLOUD_ACCESS_KEY_ID is not set", "id9",
		},
	} {
		w := newWorld(t)
		synctest.Test(t, func(t *testing.T) {
			chain := newChain(w.system)
			for i, step := range []struct {
				change   func(w *world)
				id, text string
			}{{c.first, "id1", ""}, {c.second, "id2", ""}, {c.third, "", c.text}, {func(*world) {}, c.last, ""}} {
				step.change(w)
				key, err := chain.Credentials(t.Context())
				if key.AccessKeyID != step.id || (err == nil) != (step.text == "") || err != nil && err.Error() != step.text {
					t.Errorf("%s, call %d: %q, %v", name, i+1, key.AccessKeyID, err)
				}
				time.Sleep(recheckAfter + time.Second)
			}
		})
	}
	failing := false
	chain := &Chain{&chainState{current: -1, advice: NoKeyAdvice, sources: []source{{"test", func(context.Context, signer.Credentials) (foundKey, error) {
		if failing {
			return foundKey{}, fmt.Errorf("STS: %w", errDown)
		}
		return foundKey{Credentials: keyOf(1)}, nil
	}}}}}
	synctest.Test(t, func(t *testing.T) {
		_, _ = chain.Credentials(t.Context())
		failing = true
		time.Sleep(recheckAfter + time.Second)
		if _, err := chain.Credentials(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("%v does not wrap the error of the source", err)
		}
	})
}

// TestReportIsMasked checks that the report of a Cache contains only masked errors.
func TestReportIsMasked(t *testing.T) {
	t.Parallel()
	chain := &Chain{&chainState{current: -1, sources: []source{
		{"first", func(context.Context, signer.Credentials) (foundKey, error) {
			return foundKey{}, notConfigured("planted")
		}},
		{"second", func(context.Context, signer.Credentials) (foundKey, error) {
			return foundKey{Credentials: keyOf(1)}, nil
		}},
	}}}
	cache := NewCache(chain, func(error, ...signer.Credentials) error { return errors.New("masked") })
	if _, err := cache.Credentials(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := cache.Report().Sources; len(l) != 2 || l[0].Err == nil || l[0].Err.Error() != "masked" || l[1].Err != nil {
		t.Errorf("%+v", l)
	}
	if l := chain.Report().Sources; l[0].Err.Error() != "planted" {
		t.Errorf("the report of the Cache changed the report of the Chain: %v", l[0].Err)
	}
}

// TestChainWithoutTheNamedProfile checks that the Chain returns an error if the profile in ALIBABA_CLOUD_PROFILE does
// not exist. A key from a later source could belong to another account.
func TestChainWithoutTheNamedProfile(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]func(w *world){
		"no file": func(*world) {},
		"other profile": func(w *world) {
			w.config(`{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"id1","access_key_secret":"secret1"}]}`)
		},
		"other section": func(w *world) {
			w.write("[default]\ntype = access_key\naccess_key_id = id1\naccess_key_secret = secret1\n", ".alibabacloud", "credentials")
		},
	} {
		w := newWorld(t, "ALIBABA_CLOUD_PROFILE", "production")
		w.serveMetadata("role", 1)
		files(w)
		if key, err := newChain(w.system).Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "ALIBABA_CLOUD_PROFILE is production") {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
	w := newWorld(t, "ALIBABA_CLOUD_PROFILE", "production")
	w.write("[production]\ntype = access_key\naccess_key_id = id1\naccess_key_secret = secret1\n", ".alibabacloud", "credentials")
	if key, err := newChain(w.system).Credentials(t.Context()); key.AccessKeyID != "id1" || err != nil {
		t.Errorf("a section with the name of the profile: %v, %v", key, err)
	}
}

// TestChainRefreshesInTime checks that a key is refreshed three minutes before it expires, or once a minute if its
// expiry is unknown.
func TestChainRefreshesInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		lifetime := time.Hour
		chain := &Chain{&chainState{current: -1, sources: []source{{"test", func(context.Context, signer.Credentials) (foundKey, error) {
			calls++
			key := foundKey{Credentials: keyOf(calls)}
			if lifetime != 0 {
				key.expires = time.Now().Add(lifetime)
			}
			return key, nil
		}}}}}
		for _, step := range []struct {
			wait     time.Duration
			lifetime time.Duration
			want     int
		}{
			{0, time.Hour, 1},
			{57*time.Minute - time.Second, time.Hour, 1},
			{2 * time.Second, 100 * time.Second, 2},
			{74 * time.Second, -time.Hour, 2},
			{2 * time.Second, -time.Hour, 3}, // the key seems to have expired, but the local clock may be wrong
			{59 * time.Second, 0, 3},
			{2 * time.Second, 0, 4},
			{59 * time.Second, 0, 4},
			{2 * time.Second, 0, 5},
		} {
			time.Sleep(step.wait)
			lifetime = step.lifetime
			if key, err := chain.Credentials(t.Context()); key != keyOf(step.want) || err != nil {
				t.Errorf("%+v: %q %v", step, key.AccessKeyID, err)
			}
		}
	})
	_ = w
}

// TestInstanceRole checks which key or error results from each response of the metadata service.
func TestInstanceRole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(w *world)
		want    int
		text    string
	}{
		"the attached role": {func(w *world) { w.serveMetadata("r", 1) }, 1, ""},
		"the role by its name": {func(w *world) {
			w.serveMetadata("named", 1)
			w.serve(http.MethodGet, metadataRole, 404, "")
			w.set("ALIBABA_CLOUD_ECS_METADATA", "named")
		}, 1, ""},
		"the longest role name":    {func(w *world) { w.serveMetadata(strings.Repeat("r", 64), 1) }, 1, ""},
		"a role name that is long": {func(w *world) { w.serveMetadata(strings.Repeat("r", 65), 1) }, 0, "reported no RAM role"},
		"an unusual role name":     {func(w *world) { w.serveMetadata("r~", 1) }, 1, ""},
		"an empty role name": {func(w *world) {
			w.serveMetadata("r", 1)
			w.servers.RegisterResponder(http.MethodGet, metadataRole, httpmock.NewStringResponder(200, "\n"))
		}, 0, "reported no RAM role"},
		"a role name with a blank": {func(w *world) { w.serveMetadata("a b", 1) }, 0, "reported no RAM role"},
		"a role name, not ASCII":   {func(w *world) { w.serveMetadata("\u00e9", 1) }, 0, "reported no RAM role"},
		"half a key": {func(w *world) {
			w.serveMetadata("r", 1)
			w.serve(http.MethodGet, metadataRole+"r", 200, map[string]string{"Code": "Success", "AccessKeyId": "planted"})
		}, 0, "no key"},
		"a key without success": {func(w *world) {
			w.serveMetadata("r", 1)
			key := issued(1)
			key["Code"] = "Failed"
			w.serve(http.MethodGet, metadataRole+"r", 200, key)
		}, 0, "no key"},
		"no connection": {func(w *world) {
			w.servers.RegisterResponder(http.MethodPut, metadataToken, httpmock.NewErrorResponder(&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}))
		}, 0, "cannot be reached (is this an ECS instance?)"},
		"an empty token": {func(w *world) {
			w.servers.RegisterResponder(http.MethodPut, metadataToken, httpmock.NewStringResponder(200, " "))
			w.set("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")
		}, 0, "no token"},
		"a token, blank": {func(w *world) {
			w.servers.RegisterResponder(http.MethodPut, metadataToken, httpmock.NewStringResponder(200, "a b"))
			w.set("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")
		}, 0, "no token"},
		"a token, not ASCII": {func(w *world) {
			w.servers.RegisterResponder(http.MethodPut, metadataToken, httpmock.NewStringResponder(200, "\u00e9"))
			w.set("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")
		}, 0, "no token"},
		"no role": {func(w *world) { w.serveMetadata("r", 1); w.serve(http.MethodGet, metadataRole, 404, "planted") }, 0, "HTTP 404"},
		"a role of many lines": {func(w *world) {
			w.serveMetadata("r", 1)
			w.servers.RegisterResponder("GET", metadataRole, httpmock.NewStringResponder(200, "a\nb"))
		}, 0, "reported no RAM role"},
		"an error": {func(w *world) { w.serveMetadata("r", 1); w.serve(http.MethodGet, metadataRole+"r", 500, "planted") }, 0, "HTTP 500"},
		"no JSON": {func(w *world) {
			w.serveMetadata("r", 1)
			w.servers.RegisterResponder("GET", metadataRole+"r", httpmock.NewStringResponder(200, "<planted>"))
		}, 0, "not valid JSON"},
		"no Code and no expiry": {func(w *world) {
			w.serveMetadata("r", 1)
			w.serve(http.MethodGet, metadataRole+"r", 200, map[string]string{"AccessKeyId": "planted"})
		}, 0, "no key"},
		"without tokens": {func(w *world) {
			w.serve(http.MethodPut, metadataToken, 404, "")
			w.servers.RegisterResponder(http.MethodGet, metadataRole, httpmock.NewStringResponder(200, "r"))
			w.serve(http.MethodGet, metadataRole+"r", 200, issued(2))
		}, 2, ""},
		"tokens are demanded": {func(w *world) {
			w.serve(http.MethodPut, metadataToken, 403, "planted")
			w.set("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")
		}, 0, "HTTP 403"},
		"a token of two lines": {func(w *world) {
			w.servers.RegisterResponder(http.MethodPut, metadataToken, httpmock.NewStringResponder(200, "a\r\nX-Evil: planted"))
			w.set("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")
		}, 0, "no token"},
		"a redirect": {func(w *world) { w.serveMetadata("r", 1); w.serve(http.MethodGet, metadataRole, 302, "planted") }, 0, "HTTP 302"},
		"an endless response": {func(w *world) {
			w.servers.RegisterResponder(http.MethodPut, metadataToken, httpmock.NewStringResponder(200, strings.Repeat("planted", 1<<20)))
			w.set("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")
		}, 0, "larger than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.prepare(w)
			key, err := w.instanceRole(t.Context(), "")
			if c.text == "" && (err != nil || key.Credentials != keyOf(c.want)) || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)) {
				t.Errorf("%q %v, want %s", key.AccessKeyID, err, c.text)
			}
			if err != nil {
				checkText(t, err)
			}
		})
	}
}

// TestContextEndsTheSearch checks that a search for a key ends when the caller's context is done.
func TestContextEndsTheSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ALIBABA_CLOUD_CREDENTIALS_URI", "http://localhost:1/")
	w.servers.RegisterNoResponder(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
	synctest.Test(t, func(t *testing.T) {
		// The context ends before the search, during the first request, or during a later request.
		for _, limit := range []time.Duration{0, time.Second, 3 * time.Second} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start := time.Now()
			_, err := newChain(w.system).Credentials(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != limit {
				t.Errorf("%v after %v, want %v", err, time.Since(start), limit)
			}
		}
		// Without a deadline of the caller, each request has its own timeout. The error must not look like an expired
		// deadline of the caller.
		start := time.Now()
		_, err := newChain(w.system).Credentials(t.Context())
		if err == nil || errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 14*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestCredentialsURI checks that errors do not quote the response of a credentials URI, and that the response size is
// limited.
func TestCredentialsURI(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		uri, text string
		status    int
		body      string
	}{
		"no scheme":   {"localhost:1/planted", "not an http or https URL", 0, ""},
		"no host":     {"http:///planted", "not an http or https URL", 0, ""},
		"FTP":         {"ftp://localhost:1/planted", "not an http or https URL", 0, ""},
		"a file":      {"file:///planted", "not an http or https URL", 0, ""},
		"unparsable":  {"http://x/%zzplanted", "not an http or https URL", 0, ""},
		"no server":   {"http://other:1/planted", "closed before", 0, ""},
		"an error":    {"", "(host localhost:1) returned HTTP 500", 500, "planted"},
		"no key":      {"", "no complete key", 200, `{"Code":"Failed","AccessKeySecret":"planted"}`},
		"not success": {"", "Code is not Success", 200, `{"Code":"planted","AccessKeyId":"i","AccessKeySecret":"planted","SecurityToken":"t"}`},
		"null":        {"", "no complete key", 200, "null"},
		"a list":      {"", "unexpected type", 200, `["planted"]`},
		"trailing":    {"", "not valid JSON", 200, `{} planted`},
		"nothing":     {"", "not valid JSON", 200, ``},
		"a redirect":  {"", "HTTP 307", 307, `planted`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			closed := true
			w.servers.RegisterResponder(http.MethodGet, "http://localhost:1/key", func(*http.Request) (*http.Response, error) {
				closed = false
				res := httpmock.NewStringResponse(c.status, c.body)
				res.Body = closer{res.Body, &closed}
				res.Header.Set("Location", "http://localhost:1/elsewhere")
				return res, nil
			})
			_, err := w.credentialsURI(t.Context(), cmp.Or(c.uri, "http://localhost:1/key?secret=planted"))
			if err == nil || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("%v, want %s", err, c.text)
			}
			if !closed {
				t.Error("the body of the response was not closed")
			}
			checkText(t, err)
		})
	}
}

// closer is a body that records that it was closed.
type closer struct {
	io.Reader
	closed *bool
}

func (c closer) Close() error { *c.closed = true; return nil }

// TestSTS checks the requests to STS, and checks that error codes of STS are translated to advice.
func TestSTS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var form map[string][]string
	w.servers.RegisterResponder(http.MethodPost, "https://sts-vpc.cn-hangzhou.aliyuncs.com/", func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err = r.ParseForm(); err != nil || r.URL.RawQuery != "" {
			t.Error(err, r.URL)
		}
		form = r.PostForm
		return httpmock.NewJsonResponse(200, stsKey(1))
	})
	r := role{arn: "arn", sessionName: "session", seconds: 900, policy: "{}", externalID: "ext", stsRegion: "cn-hangzhou", vpc: true}
	key, err := w.assumeRole(t.Context(), keyOf(7), r)
	if err != nil || key.Credentials != keyOf(1) || time.Until(key.expires) < 59*time.Minute {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Action": "AssumeRole", "RoleArn": "arn", "RoleSessionName": "session", "DurationSeconds": "900", "Policy": "{}", "ExternalId": "ext",
		"AccessKeyId": "id7", "SecurityToken": "token7", "Version": "2015-04-01", "Format": "JSON", "SignatureMethod": "HMAC-SHA1",
	} {
		if got := form[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for code, want := range map[string]string{
		"NoPermission": "trust policy", "EntityNotExist.Role": "check its ARN", "InvalidAccessKeyId.NotFound": "unknown or inactive",
		"AuthenticationFail.OIDCToken.Expired": "OIDC token was rejected", "planted": "HTTP 403",
	} {
		w.serve(http.MethodPost, stsURL, 403, map[string]string{"Code": code, "Message": "planted"})
		_, err := w.assumeRole(t.Context(), keyOf(7), role{arn: "arn"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", code, err)
		}
		checkText(t, err)
	}
	for text, bad := range map[string]role{
		"ARN is empty": {}, "less than 900": {arn: "a", seconds: 1}, "not a region id": {arn: "a", stsRegion: "evil.example/#"},
	} {
		if _, err := w.assumeRole(t.Context(), keyOf(7), bad); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v, want %s", err, text)
		}
	}
}

func TestDecodeJSONQuotesNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"a":planted}`, `{"a":"planted`, `{"a":{"planted":1}}`, `"planted"`, `{"a":"\xplanted"}`, ``} {
		var out struct{ A int }
		if err := decodeJSON([]byte(text), &out); err == nil || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", text, err)
		}
	}
	var out struct{ A int }
	data, _ := json.Marshal(map[string]int{"a": 1})
	if err := decodeJSON(append([]byte("\ufeff"), data...), &out); err != nil || out.A != 1 {
		t.Error(err)
	}
}
