package credentials

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aliyun/credentials-go/credentials/providers"

	"github.com/aliyun-ecs/sdk-go/signer"
)

func TestParseINI(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want map[string]string // nil means that there is no section "default"
		err  string
	}{
		"plain":              {"[default]\ntype = access_key\naccess_key_id=a\r\n", map[string]string{"type": "access_key", "access_key_id": "a"}, ""},
		"colons":             {"[default]\na: b=c\n", map[string]string{"a": "b=c"}, ""},
		"comments":           {"# x\n; [default]\n[default]\n  # y\na = b # c\nd=;\n", map[string]string{"a": "b", "d": ""}, ""},
		"quotes":             {"[default]\na = \"b c\"\nd='e'\nf=\"g\nh='i\"\nj='k'l'\n", map[string]string{"a": "b c", "d": "e", "f": `"g`, "h": `'i"`, "j": `'k'l'`}, ""},
		"protected":          {"[default]\na = `b # c`\nd = \"\"\"e ; f\"\"\"\n", map[string]string{"a": "b # c", "d": "e ; f"}, ""},
		"lines":              {"[default]\na = `{\n  \"b\": 1\n}`\nc=d\n", map[string]string{"a": "{\n  \"b\": 1\n}", "c": "d"}, ""},
		"continued":          {"[default]\na = b \\\n  c\\\n d\ne=f\\\n", map[string]string{"a": "b cd", "e": "f"}, ""},
		"three quotes":       {"[default]\na=\"\"\"\nb=\"\"\n", map[string]string{"a": `"""`, "b": ""}, ""},
		"continued, no more": {"[default]\na=b\\", map[string]string{"a": "b"}, ""},
		"two backslashes":    {"[default]\na=b\\\\\n\nc=d", map[string]string{"a": `b\`, "c": "d"}, ""},
		"other sections":     {"a=0\n[x]\na=1\n[default]\na=2\n[y]\na=3\n[default]\nb=4\n", map[string]string{"a": "2", "b": "4"}, ""},
		"the last value":     {"[default]\na=1\na=2", map[string]string{"a": "2"}, ""},
		"another case":       {"[Default]\na=1", nil, ""},
		"nothing":            {"", nil, ""},
		"an empty section":   {"[default]", map[string]string{}, ""},
		"no delimiter":       {"[default]\n\nplanted\n", nil, "line 3 does not have the form key = value"},
		"no key":             {"[x]\n=planted\n", nil, "line 2 does not have the form key = value"},
		"no closing bracket": {"[planted\n", nil, "line 1 is not a section"},
		"no closing quote":   {"[default]\na=`planted\n\n", nil, "line 2 has an opening quote but no closing quote"},
	} {
		got, err := parseINI(c.text, "default")
		if c.err == "" && (err != nil || (got == nil) != (c.want == nil) || !maps.Equal(got, c.want)) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if err != nil {
			checkText(t, err)
		}
	}
	got, err := parseINI("a=0\n[default]\na=1\n[DEFAULT]\nb=2\n", "DEFAULT") // keys before the first header belong to DEFAULT
	if want := map[string]string{"a": "0", "b": "2"}; err != nil || !maps.Equal(got, want) {
		t.Errorf("section DEFAULT: %q, %v", got, err)
	}
}

// FuzzINI checks that this package finds the same key as credentials-go in every file that credentials-go accepts.
func FuzzINI(f *testing.F) {
	for _, text := range []string{
		"[default]\ntype = access_key\naccess_key_id = a\naccess_key_secret = b\n", "\ufeff[default]\ntype:access_key\naccess_key_id='a'\naccess_key_secret=\"b\"#c\n",
		"[default]\ntype=access_key\\\n\naccess_key_id=`a`\naccess_key_secret=\"\"\"b\n\"\"\"\n", "x=1\n[default]\ntype=access_key\naccess_key_id=a;b\naccess_key_secret=b\\\nc",
	} {
		f.Add(text)
	}
	path := filepath.Join(f.TempDir(), "credentials")
	f.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", path)
	f.Setenv("ALIBABA_CLOUD_PROFILE", "default")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		section, ourErr := parseINI(string(trimBOM([]byte(text))), "default")
		want, err := vendorKey()
		if err != nil || strings.Contains(text, "%(") {
			return
		}
		got := signer.Credentials{AccessKeyID: section["access_key_id"], AccessKeySecret: section["access_key_secret"]}
		if ourErr != nil || section["type"] != "access_key" || got != want {
			t.Errorf("%q: section %q, %v; credentials-go found id %q and secret %q", text, section, ourErr, want.AccessKeyID, want.AccessKeySecret)
		}
	})
}

// vendorKey returns the key that credentials-go reads. A panic is returned as an error.
func vendorKey() (key signer.Credentials, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("panic")
		}
	}()
	p, err := providers.NewProfileCredentialsProviderBuilder().Build()
	if err != nil {
		return key, err
	}
	c, err := p.GetCredentials()
	if err != nil {
		return key, err
	}
	return signer.Credentials{AccessKeyID: c.AccessKeyId, AccessKeySecret: c.AccessKeySecret}, nil
}

// FuzzConfig checks that reading any configuration file returns either a key or a one-line error that does not quote
// the file.
func FuzzConfig(f *testing.F) {
	for _, profile := range []string{
		`{"name":"p","mode":"AK","access_key_id":"id","access_key_secret":"planted"}`, `{"name":"p","mode":"ChainableRamRoleArn","source_profile":"p"}`,
		`{"name":"p","mode":"StsToken","sts_token":"planted"}`, `{"name":"p","mode":"OAuth","oauth_site_type":"CN","oauth_access_token_expire":1e3}`, `null`,
	} {
		f.Add([]byte(profilesJSON(profile)))
	}
	f.Add([]byte("\ufeff{}"))
	f.Fuzz(func(t *testing.T, content []byte) {
		w := newWorld(t)
		if strings.Contains(string(content), "process_command") || strings.Contains(string(content), `\u`) {
			return // skip inputs that could run a command, including inputs with escapes that may spell process_command
		}
		path := w.write(string(content), "config.json")
		w.set("ALIBABA_CLOUD_CONFIG_FILE", path)
		key, err := newProfile(w.system, "p").Credentials(t.Context())
		if (err == nil) != (key != none) {
			t.Errorf("%v %v", key, err)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\r\n") || strings.Contains(err.Error(), "planted")) {
			t.Error(err)
		}
		if _, err := w.profiles(); err != nil && strings.Contains(err.Error(), "planted") {
			t.Error(err)
		}
	})
}
