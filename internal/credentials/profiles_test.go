package credentials

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
)

// profilesJSON returns a configuration file with the given profiles. The current profile is "p".
func profilesJSON(profiles ...string) string {
	return `{"current":"p","profiles":[` + strings.Join(profiles, ",") + `]}`
}

const hour = `4102444800` // a time in the future, in Unix seconds

// cachedOAuth returns a profile in OAuth mode with a valid login and the given further members.
func cachedOAuth(members string) string {
	return `{"name":"p","mode":"OAuth","oauth_site_type":"CN","oauth_access_token":"a","oauth_access_token_expire":` + hour + `,` + members + `}`
}

// cloudSSO returns a profile in CloudSSO mode with the given members and a login that is valid for a long time.
func cloudSSO(members string) string {
	return `{"name":"p","mode":"CloudSSO","cloud_sso_access_token_expire":` + hour + `,` + members + `}`
}

// TestRejectedCloudSSOLogin checks that the error advises a new login if the sign-in service rejects the access token.
func TestRejectedCloudSSOLogin(t *testing.T) {
	t.Parallel()
	for status, advice := range map[int]bool{401: true, 403: true, 500: false} {
		w := newWorld(t)
		w.config(profilesJSON(cloudSSO(`"cloud_sso_sign_in_url":"https://sso.example/start","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"planted"`)))
		w.serve(http.MethodPost, "https://sso.example/cloud-credentials", status, "planted")
		_, err := newProfile(w.system, "p").Credentials(t.Context())
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint("HTTP ", status)) || strings.Contains(err.Error(), "log in with the CLI again") != advice {
			t.Errorf("%d: %v", status, err)
		}
		checkText(t, err)
	}
}

// TestProfileModes checks that every supported profile mode returns a key.
func TestProfileModes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		profiles []string
		prepare  func(w *world)
		want     int
		noToken  bool
	}{
		"AK":                     {[]string{`{"name":"p","mode":"AK","access_key_id":"id1","access_key_secret":"secret1","sts_token":"old"}`}, nil, 1, true},
		"AK in another case":     {[]string{`{"name":"p","mode":"ak","access_key_id":"id1","access_key_secret":"secret1"}`}, nil, 1, true},
		"no mode":                {[]string{`{"name":"p","access_key_id":"id1","access_key_secret":"secret1"}`}, nil, 1, true},
		"beside broken ones":     {[]string{`null`, `{"name":"x","mode":7}`, `{"mode":"AK"}`, `{"name":"p","mode":"AK","access_key_id":"id1","access_key_secret":"secret1"}`}, nil, 1, true},
		"StsToken":               {[]string{`{"name":"p","mode":"StsToken","access_key_id":"id1","access_key_secret":"secret1","sts_token":"token1"}`}, nil, 1, false},
		"RamRoleArn":             {[]string{`{"name":"p","mode":"RamRoleArn","access_key_id":"id9","access_key_secret":"s","ram_role_arn":"r","ram_session_name":"s","expired_seconds":900}`}, nil, 1, false},
		"RamRoleArn and a token": {[]string{`{"name":"p","mode":"RamRoleArn","access_key_id":"id9","access_key_secret":"s","sts_token":"t","ram_role_arn":"r"}`}, nil, 1, false},
		"EcsRamRole":             {[]string{`{"name":"p","mode":"EcsRamRole","ram_role_name":"role"}`}, nil, 2, false},
		"EcsRamRole, no name":    {[]string{`{"name":"p","mode":"EcsRamRole"}`}, nil, 2, false},
		"RamRoleArnWithRoleName": {[]string{`{"name":"p","mode":"RamRoleArnWithRoleName","ram_role_name":"role","ram_role_arn":"r"}`}, nil, 1, false},
		"OIDC":                   {[]string{`{"name":"p","mode":"OIDC","oidc_provider_arn":"o","oidc_token_file":"TOKENFILE","ram_role_arn":"r"}`}, nil, 1, false},
		"OIDC, its own token":    {[]string{`{"name":"p","mode":"OIDC","oidc_provider_arn":"o","oidc_token":"t","ram_role_arn":"r"}`}, nil, 1, false},
		"ChainableRamRoleArn": {[]string{
			`{"name":"p","mode":"ChainableRamRoleArn","source_profile":"b","ram_role_arn":"r"}`, `{"name":"b","mode":"chainableramrolearn","source_profile":"c","ram_role_arn":"r"}`,
			`{"name":"c","mode":"AK","access_key_id":"id9","access_key_secret":"s"}`,
		}, nil, 1, false},
		"CredentialsURI":           {[]string{`{"name":"p","mode":"CredentialsURI","credentials_uri":"http://localhost:1/"}`}, nil, 3, false},
		"CredentialsURI, from env": {[]string{`{"name":"p","mode":"CredentialsURI"}`}, func(w *world) { w.set("ALIBABA_CLOUD_CREDENTIALS_URI", "http://localhost:1/") }, 3, false},
		"CloudSSO":                 {[]string{`{"name":"p","mode":"CloudSSO","cloud_sso_sign_in_url":"https://sso.example/start","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"a","cloud_sso_access_token_expire":` + hour + `}`}, nil, 4, false},
		"CloudSSO, cached":         {[]string{`{"name":"p","mode":"CloudSSO","access_key_id":"id5","access_key_secret":"secret5","sts_token":"token5","sts_expiration":` + hour + `}`}, nil, 5, false},
		"OAuth":                    {[]string{`{"name":"p","mode":"OAuth","oauth_site_type":"cn","oauth_access_token":"a","oauth_access_token_expire":` + hour + `}`}, nil, 6, false},
		"OAuth, cached, expired":   {[]string{cachedOAuth(`"access_key_id":"id5","access_key_secret":"secret5","sts_token":"token5","sts_expiration":1`)}, nil, 6, false},
		"OAuth, cached, no token":  {[]string{cachedOAuth(`"access_key_id":"id5","access_key_secret":"secret5","sts_expiration":` + hour)}, nil, 6, false},
		"OAuth, cached, malformed": {[]string{cachedOAuth(`"access_key_id":"id5","access_key_secret":"secret 5","sts_token":"token5","sts_expiration":` + hour)}, nil, 6, false},
		"OAuth, cached":            {[]string{`{"name":"p","mode":"OAuth","access_key_id":"id5","access_key_secret":"secret5","sts_token":"token5","sts_expiration":` + hour + `}`}, nil, 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			config := profilesJSON(c.profiles...)
			token := filepath.ToSlash(w.write("t\n", "oidc-token"))
			w.config(strings.ReplaceAll(config, "TOKENFILE", token))
			w.serve(http.MethodPost, stsURL, 200, stsKey(1))
			w.serveMetadata("role", 2)
			w.serve(http.MethodGet, "http://localhost:1/", 200, issued(3))
			w.serve(http.MethodPost, "https://sso.example/cloud-credentials", 200, map[string]any{"CloudCredential": issued(4)})
			w.serve(http.MethodPost, "https://oauth.aliyun.com/v1/exchange", 200, issued(6))
			if c.prepare != nil {
				c.prepare(w)
			}
			want := keyOf(c.want)
			if c.noToken {
				want.SecurityToken = ""
			}
			chain := newProfile(w.system, "")
			if key, err := chain.Credentials(t.Context()); key != want || err != nil {
				t.Fatal(key.AccessKeyID, err)
			}
			if r := chain.Report(); r.Kind == "" || !strings.HasPrefix(strings.ToLower(name), strings.ToLower(r.Kind)) && !strings.HasPrefix(name, "no mode") && !strings.HasPrefix(name, "beside") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestProfileDefaults checks the default values of settings that a profile does not contain.
func TestProfileDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ALIBABA_CLOUD_ROLE_ARN", "env-role", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "env-provider")
	w.set("ALIBABA_CLOUD_OIDC_TOKEN_FILE", w.write("env-token", "token"))
	w.servers.RegisterResponder(http.MethodPost, stsURL, func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		for _, part := range []string{"RoleArn=env-role&", "OIDCProviderArn=env-provider&", "OIDCToken=env-token&"} {
			if !strings.Contains(string(body), part) {
				t.Errorf("%s is missing in %s", part, body)
			}
		}
		if err != nil {
			return nil, err
		}
		return httpmock.NewJsonResponse(200, stsKey(1))
	})
	w.config(`{"profiles":[{"name":"other","mode":"AK"},{"name":"default","mode":"OIDC"}]}`) // the profile "default" is used
	if key, err := newProfile(w.system, "").Credentials(t.Context()); key != keyOf(1) || err != nil {
		t.Errorf("%q, %v", key.AccessKeyID, err)
	}
}

// TestInferMode checks which mode is inferred for a profile that does not specify a mode.
func TestInferMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile cliProfile
		want    string
	}{
		{cliProfile{AccessKeyID: "i", AccessKeySecret: "s", StsToken: "t"}, "StsToken"},
		{cliProfile{AccessKeyID: "i", AccessKeySecret: "s", StsToken: "t", RoleARN: "r"}, "StsToken"},
		{cliProfile{AccessKeyID: "i", AccessKeySecret: "s", RoleARN: "r"}, "RamRoleArn"},
		{cliProfile{AccessKeyID: "i", AccessKeySecret: "s", RoleName: "r"}, "AK"},
		{cliProfile{AccessKeyID: "i"}, "AK"},
		{cliProfile{AccessKeyID: "i", StsToken: "t"}, "AK"},
		{cliProfile{AccessKeyID: "i", RoleARN: "r"}, "AK"},
		{cliProfile{AccessKeySecret: "s"}, "AK"},
		{cliProfile{AccessKeySecret: "s", StsToken: "t"}, "AK"},
		{cliProfile{AccessKeySecret: "s", RoleARN: "r"}, "AK"},
		{cliProfile{StsToken: "t", RoleARN: "r"}, ""},
		{cliProfile{RoleName: "r", ProcessCommand: "c"}, "EcsRamRole"},
		{cliProfile{ProcessCommand: "c", SignInURL: "u"}, "External"},
		{cliProfile{OIDCProviderARN: "p", OIDCTokenFile: "f", SignInURL: "u"}, "OIDC"},
		{cliProfile{OIDCProviderARN: "p"}, ""},
		{cliProfile{OIDCTokenFile: "f"}, ""},
		{cliProfile{SignInURL: "u"}, "CloudSSO"},
		{cliProfile{}, ""},
	} {
		if got := c.profile.inferMode(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.profile, got, c.want)
		}
	}
}

// TestSourceProfiles checks that a chain of source profiles may contain at most maxSources profiles.
func TestSourceProfiles(t *testing.T) {
	t.Parallel()
	for length, ok := range map[int]bool{maxSources: true, maxSources + 1: false} {
		w := newWorld(t)
		w.serve(http.MethodPost, stsURL, 200, stsKey(1))
		var profiles []string
		for i := range length - 1 {
			profiles = append(profiles, fmt.Sprintf(`{"name":"p%d","mode":"ChainableRamRoleArn","source_profile":"p%d","ram_role_arn":"r"}`, i, i+1))
		}
		w.config(profilesJSON(append(profiles, fmt.Sprintf(`{"name":"p%d","mode":"AK","access_key_id":"i","access_key_secret":"s"}`, length-1))...))
		if key, err := newProfile(w.system, "p0").Credentials(t.Context()); (err == nil) != ok || ok && key != keyOf(1) {
			t.Errorf("%d profiles: %q, %v", length, key.AccessKeyID, err)
		}
	}
}

// TestProfileErrors checks the errors for unusable profiles. An error must be a single line and must not quote the
// configuration file.
func TestProfileErrors(t *testing.T) {
	t.Parallel()
	var long []string
	for i := range 20 {
		long = append(long, fmt.Sprintf(`{"name":"%s","mode":"ChainableRamRoleArn","source_profile":"p%s"}`, "p"+strings.Repeat("p", i), strings.Repeat("p", i+1)))
	}
	ok := `{"name":"ok","mode":"AK","access_key_id":"id1","access_key_secret":"planted"}`
	for name, c := range map[string]struct {
		config, text string
	}{
		"RsaKeyPair":          {profilesJSON(`{"name":"p","mode":"rsakeypair","private_key":"planted"}`), "the mode RsaKeyPair is not supported"},
		"BearerToken":         {profilesJSON(`{"name":"p","mode":"BearerToken","bearer_token":"planted"}`), "the mode BearerToken is not supported"},
		"Anonymous":           {profilesJSON(`{"name":"p","mode":"Anonymous"}`), "the mode Anonymous is not supported"},
		"an unknown mode":     {profilesJSON(`{"name":"p","mode":"planted"}`), "the mode in the profile is not supported"},
		"a profile of itself": {profilesJSON(`{"name":"p","mode":"ChainableRamRoleArn","source_profile":"p","ram_role_arn":"planted"}`), "cycle of length 1"},
		"a cycle": {profilesJSON(
			`{"name":"p","mode":"ChainableRamRoleArn","source_profile":"q"}`, `{"name":"q","mode":"ChainableRamRoleArn","source_profile":"r"}`, `{"name":"r","mode":"ChainableRamRoleArn","source_profile":"q"}`,
		), "cycle of length 2"},
		"a long chain":       {profilesJSON(long...), "more than 10 profiles"},
		"a missing source":   {profilesJSON(`{"name":"p","mode":"ChainableRamRoleArn","source_profile":"planted"}`), "source_profile: does not exist"},
		"no source":          {profilesJSON(`{"name":"p","mode":"ChainableRamRoleArn","ram_role_arn":"r"}`), "source_profile is empty"},
		"an empty profile":   {profilesJSON(`{"name":"p"}`), "is empty: run aliyun configure"},
		"an empty AK":        {profilesJSON(`{"name":"p","mode":"AK"}`), "has no access key"},
		"half a key":         {profilesJSON(`{"name":"p","mode":"AK","access_key_secret":"planted"}`), "set both"},
		"StsToken, no token": {profilesJSON(`{"name":"p","mode":"StsToken","access_key_id":"i","access_key_secret":"planted"}`), "sts_token is empty"},
		"no such profile":    {profilesJSON(ok), "the current profile in PATH does not exist"},
		"null":               {"null", "has no profiles"},
		"null profiles":      {`{"current":"planted","profiles":null}`, "has no profiles"},
		"a null profile":     {profilesJSON("null"), "does not exist"},
		"nothing":            {" \n", "is empty: write or remove it"},
		"a list":             {`["planted"]`, "unexpected type"},
		"cut off":            {profilesJSON(ok)[:60], "not valid JSON"},
		"an odd member":      {profilesJSON(`{"name":"p","mode":{"planted":1}}`), "the profile is JSON of an unexpected type"},
		"UTF-16":             {"\xff\xfe{\x00", "not valid JSON"},
		"CloudSSO, expired":  {profilesJSON(`{"name":"p","mode":"CloudSSO","cloud_sso_sign_in_url":"https://planted","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"planted","cloud_sso_access_token_expire":1}`), "log in with the CLI again"},
		"CloudSSO, http":     {profilesJSON(`{"name":"p","mode":"CloudSSO","cloud_sso_sign_in_url":"http://planted","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"planted","cloud_sso_access_token_expire":` + hour + `}`), "not an https URL"},
		"SSO, no URL":        {profilesJSON(cloudSSO(`"cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"planted"`)), "cloud_sso_access_config is empty"},
		"SSO, no ID":         {profilesJSON(cloudSSO(`"cloud_sso_sign_in_url":"https://x","cloud_sso_access_config":"c","access_token":"planted"`)), "cloud_sso_access_config is empty"},
		"SSO, no config":     {profilesJSON(cloudSSO(`"cloud_sso_sign_in_url":"https://x","cloud_sso_account_id":"1","access_token":"planted"`)), "cloud_sso_access_config is empty"},
		"SSO, no token":      {profilesJSON(cloudSSO(`"cloud_sso_sign_in_url":"https://x","cloud_sso_account_id":"1","cloud_sso_access_config":"c"`)), "log in with the CLI again"},
		"SSO, no host":       {profilesJSON(cloudSSO(`"cloud_sso_sign_in_url":"https:///planted","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"planted"`)), "not an https URL"},
		"SSO, bad URL":       {profilesJSON(cloudSSO(`"cloud_sso_sign_in_url":"https://x/%zz","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"planted"`)), "not an https URL"},
		"OAuth, no site":     {profilesJSON(`{"name":"p","mode":"OAuth","oauth_site_type":"planted"}`), "neither CN nor INTL"},
		"OAuth, logged out":  {profilesJSON(`{"name":"p","mode":"OAuth","oauth_site_type":"CN"}`), "the login has expired: log in with the CLI again"},
		"External, nothing":  {profilesJSON(`{"name":"p","mode":"External"}`), "process_command is empty"},
		"OIDC, no file":      {profilesJSON(`{"name":"p","mode":"OIDC","oidc_provider_arn":"o","ram_role_arn":"r"}`), "token file is not set"},
		"OIDC, missing file": {profilesJSON(`{"name":"p","mode":"OIDC","oidc_provider_arn":"o","ram_role_arn":"r","oidc_token_file":"/does/not/exist"}`), "/does/not/exist does not exist"},
		"RamRoleArn, no ARN": {profilesJSON(`{"name":"p","mode":"RamRoleArn","access_key_id":"i","access_key_secret":"planted"}`), "role ARN is empty"},
		"no metadata":        {profilesJSON(`{"name":"p","mode":"EcsRamRole"}`), "metadata service"},
		"no URI":             {profilesJSON(`{"name":"p","mode":"CredentialsURI"}`), "not an http or https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := w.config(c.config)
			_, err := newProfile(w.system, "").Credentials(t.Context())
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), show(path), "PATH"), c.text) {
				t.Fatalf("%v, want %s", err, c.text)
			}
			checkText(t, err)
			if data, err := os.ReadFile(path); err != nil || string(data) != c.config {
				t.Error("the file has changed", err)
			}
		})
	}
}

// TestProfileNames checks the order in which the caller, the environment and the configuration file determine the
// profile's name.
func TestProfileNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ak := func(name string, n int) string {
		return fmt.Sprintf(`{"name":%q,"mode":"AK","access_key_id":"id%d","access_key_secret":"secret%d","region_id":"cn-%d"}`, name, n, n, n)
	}
	w.config("\ufeff" + profilesJSON(ak("p", 1), ak("q", 2), ak("p", 9), `null`, `{"name":"none"}`))
	other := w.write(profilesJSON(ak("p", 4)), "other.json")
	check := func(name string, n int, region string) {
		t.Helper()
		if key, err := newProfile(w.system, name).Credentials(t.Context()); err != nil || key.AccessKeyID != fmt.Sprint("id", n) {
			t.Error(key.AccessKeyID, err)
		}
		if got, err := w.region(name); err != nil || got != region {
			t.Errorf("region %s, want %s; %v", got, region, err)
		}
	}
	check("", 1, "cn-1")
	check("q", 2, "cn-2")
	list, err := w.profiles()
	if err != nil || fmt.Sprint(list) != "[{p cn-1 true} {q cn-2 false} {none  false}]" {
		t.Error(list, err)
	}
	if region, err := w.region("none"); region != "" || err != nil {
		t.Error(region, err)
	}
	w.set("ALIBABA_CLOUD_PROFILE", "q")
	check("", 2, "cn-2")
	w.set("ALIBABA_CLOUD_REGION_ID", "cn-env")
	check("", 2, "cn-env")
	check("p", 1, "cn-1")
	if region, err := w.region("none"); region != "cn-env" || err != nil {
		t.Error(region, err)
	}
	if _, err := w.region("missing"); err == nil {
		t.Error("got a region for a missing profile")
	}
	w.set("ALIBABA_CLOUD_CONFIG_FILE", other)
	check("p", 4, "cn-4")
	if _, err := newProfile(w.system, "").Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "profile q in") {
		t.Error(err)
	}
	w.write(`{"profiles":[{"name":7}]}`, "other.json")
	if list, err := w.profiles(); err == nil {
		t.Errorf("a malformed profile was skipped without an error: %v", list)
	}
	w.set("ALIBABA_CLOUD_CONFIG_FILE", filepath.Join(w.home, "none"))
	if list, err := w.profiles(); list != nil || err != nil {
		t.Error(list, err)
	}
}

// TestReadFile checks readFile with directories, devices, and files that are missing, too large or not readable.
func TestReadFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	huge := w.write("", "huge")
	if err := os.Truncate(huge, 1<<30); err != nil {
		t.Fatal(err)
	}
	closed := w.write("x", "closed")
	if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		huge: "larger than 1024 KiB", w.home: "not a regular file", filepath.Join(w.home, "none"): "does not exist",
		filepath.Join(huge, "x"): "does not exist", "bad\x00name\n": "cannot be read",
	} {
		if _, err := readFile(path, maxConfigFile); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", path, err, want)
		} else {
			checkText(t, err)
		}
	}
	if runtime.GOOS != "windows" && os.Getuid() != 0 {
		if _, err := readFile(closed, maxConfigFile); !isNotConfigured(err) {
			t.Error(err)
		}
	}
	if runtime.GOOS != "windows" {
		if _, err := readFile("/dev/zero", maxConfigFile); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Error(err)
		}
	}
	if data, err := readFile(w.write("text", "file"), 4); string(data) != "text" || err != nil {
		t.Error(err)
	}
}

// TestRefusedCachedKey checks that a key in the CLI's cache is not used after the API has rejected it, not even for a
// later refresh.
func TestRefusedCachedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.config(profilesJSON(`{"name":"p","mode":"OAuth","oauth_site_type":"INTL","oauth_access_token":"a","oauth_access_token_expire":` + hour +
		`,"access_key_id":"id5","access_key_secret":"secret5","sts_token":"token5","sts_expiration":` + hour + `}`))
	w.servers.RegisterResponder(http.MethodPost, "https://oauth.alibabacloud.com/v1/exchange", func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Authorization") != "Bearer a" {
			return nil, errors.New("no access token")
		}
		return httpmock.NewJsonResponse(200, issued(6))
	})
	synctest.Test(t, func(t *testing.T) {
		cache := NewCache(newProfile(w.system, "p"), nil)
		for _, step := range []struct {
			wait        time.Duration
			stale, want int
		}{{0, 0, 5}, {0, 5, 6}, {0, 0, 6}, {2 * time.Hour, 0, 6}} {
			time.Sleep(step.wait)
			stale := none
			if step.stale != 0 {
				stale = keyOf(step.stale)
			}
			if key, _, err := cache.Get(t.Context(), stale); key != keyOf(step.want) || err != nil {
				t.Error(step, key.AccessKeyID, err)
			}
		}
		if r := cache.Report(); time.Until(r.Expires) < 59*time.Minute || r.Kind != "OAuth" {
			t.Errorf("%+v", r)
		}
	})
}
