package ecs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	vendor "github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/signer"
)

func keyOf(n int) signer.Credentials {
	return signer.Credentials{AccessKeyID: fmt.Sprint("id", n), AccessKeySecret: fmt.Sprint("secret", n), SecurityToken: fmt.Sprint("token", n)}
}

var none signer.Credentials

type typedNil struct{ text string }

func (e *typedNil) Error() string { return e.text }

func (e *typedNil) Unwrap() error { return errors.New(e.text) }

// TestProviderErrorsAreMasked checks that secrets are masked in the error of a credentials provider.
func TestProviderErrorsAreMasked(t *testing.T) {
	t.Parallel()
	mine := errors.New("mine")
	key := signer.Credentials{AccessKeyID: "LTAIplantedkeyid01", AccessKeySecret: "plantedsecret", SecurityToken: "plantedtoken"}
	for name, c := range map[string]struct {
		f    func() (signer.Credentials, error)
		text string
		is   error
	}{
		"an error":   {func() (signer.Credentials, error) { return none, mine }, "mine", mine},
		"two errors": {func() (signer.Credentials, error) { return none, errors.Join(mine, io.EOF) }, "mine EOF", mine},
		"an error and a key": {func() (signer.Credentials, error) {
			return key, fmt.Errorf("with %s and %s", key.AccessKeySecret, key.SecurityToken)
		}, "with *** and ***", nil},
		"an error with a key":    {func() (signer.Credentials, error) { return none, errors.New(`got {"AccessKeySecret":"plantedsecret"}`) }, `got {"AccessKeySecret":"***"}`, nil},
		"a key id with a header": {func() (signer.Credentials, error) { k := key; k.AccessKeyID += "\r\nX-Evil: 1"; return k, nil }, "line break", nil},
		"panic with a string":    {func() (signer.Credentials, error) { panic("plantedsecret") }, "panicked", nil},
		"panic with an error":    {func() (signer.Credentials, error) { panic(mine) }, "panicked: mine", mine},
		"a typed nil as error":   {func() (signer.Credentials, error) { var e *typedNil; return key, e }, "cannot be printed", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			cache := cacheCredentials(CredentialsFunc(func(context.Context) (signer.Credentials, error) {
				if calls.Add(1) == 1 {
					return key, nil // the first call returns a key whose values can then be masked
				}
				return c.f()
			}))
			if _, _, err := cache.Get(t.Context(), none); err != nil {
				t.Fatal(err)
			}
			got, _, err := cache.Get(t.Context(), key)
			if got != none || err == nil || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("%v %v, want %s", got, err, c.text)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("the error does not match %v", c.is)
			}
			if s := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(s, "planted") {
				t.Error(s)
			}
		})
	}
}

// vendorFake is a fake credential of credentials-go that detects concurrent calls, which credentials-go does not
// support.
type vendorFake struct {
	vendor.Credential
	busy atomic.Bool
	get  func() (*vendor.CredentialModel, error)
}

func (v *vendorFake) GetCredential() (*vendor.CredentialModel, error) {
	if v.busy.Swap(true) {
		panic("two calls at once")
	}
	defer v.busy.Store(false)
	runtime.Gosched()
	return v.get()
}

func model(n int) *vendor.CredentialModel {
	k := keyOf(n)
	return (&vendor.CredentialModel{}).SetAccessKeyId(k.AccessKeyID).SetAccessKeySecret(k.AccessKeySecret).SetSecurityToken(k.SecurityToken)
}

// chainOf yields err and all errors that err wraps, directly or indirectly.
func chainOf(err error) iter.Seq[error] {
	return func(yield func(error) bool) {
		for queue := []error{err}; len(queue) > 0; queue = queue[1:] {
			if queue[0] == nil {
				continue
			}
			if !yield(queue[0]) {
				return
			}
			switch e := queue[0].(type) {
			case interface{ Unwrap() error }:
				queue = append(queue, e.Unwrap())
			case interface{ Unwrap() []error }:
				queue = append(queue, e.Unwrap()...)
			}
		}
	}
}

func TestCredentialsFrom(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	for name, c := range map[string]struct {
		model *vendor.CredentialModel
		err   error
		want  signer.Credentials
		text  string
	}{
		"a key":                           {model(1), nil, keyOf(1), ""},
		"no token":                        {(&vendor.CredentialModel{}).SetAccessKeyId("i").SetAccessKeySecret("s"), nil, signer.Credentials{AccessKeyID: "i", AccessKeySecret: "s"}, ""},
		"an error":                        {nil, down, none, "down"},
		"no model":                        {nil, nil, none, "no credentials"},
		"an empty model":                  {&vendor.CredentialModel{}, nil, none, "is empty"},
		"a bearer token":                  {(&vendor.CredentialModel{}).SetBearerToken("plantedtoken"), nil, none, "bearer token, which is not supported"},
		"an error that quotes a model":    {nil, fmt.Errorf("bad answer: %s", model(7)), none, "bad answer …"},
		"an error that quotes a file":     {nil, errors.New("unmarshal aliyun cli config from '/planted' failed: {\n\"access_key_secret\": \"planted"), none, "unmarshal aliyun cli config from …"},
		"an error that quotes a web page": {nil, errors.New("refresh session token failed: <html>planted"), none, "refresh session token failed …"},
		"an error that quotes stderr":     {nil, errors.New("failed to execute external command: exit status 1\nstderr: planted"), none, "exit status 1"},
	} {
		key, err := CredentialsFrom(&vendorFake{get: func() (*vendor.CredentialModel, error) { return c.model, c.err }}).Credentials(t.Context())
		if key != c.want || (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v %v", name, key, err)
		}
		for e := range chainOf(err) {
			if text := fmt.Sprintf("%v %#v", e, e); strings.Contains(text, "secret7") || strings.Contains(text, "planted") || strings.Contains(text, "token7") {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
	if _, err := CredentialsFrom(&vendorFake{get: func() (*vendor.CredentialModel, error) { return nil, down }}).Credentials(t.Context()); !errors.Is(err, down) {
		t.Errorf("the cause is lost: %v", err)
	}
	quoting := &vendorFake{get: func() (*vendor.CredentialModel, error) {
		return nil, fmt.Errorf("refresh failed: %w", &url.Error{Op: "Post", URL: "https://planted/?a=planted", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}})
	}}
	if _, err := CredentialsFrom(quoting).Credentials(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(fmt.Sprint(slices.Collect(chainOf(err))), "planted") {
		t.Errorf("the cause is lost, or the URL is revealed: %v", err)
	}
	if _, err := CredentialsFrom(nil).Credentials(t.Context()); err == nil {
		t.Error("a nil credential was accepted")
	}

	// A provider may be shared by several clients.
	shared := CredentialsFrom(&vendorFake{get: func() (*vendor.CredentialModel, error) { return model(1), nil }})
	var wg sync.WaitGroup
	for range 8 {
		cache := cacheCredentials(shared)
		wg.Go(func() {
			for range 200 {
				if key, _, err := cache.Get(t.Context(), none); key != keyOf(1) || err != nil {
					t.Error(key, err)
				}
			}
		})
	}
	wg.Wait()
}

// TestCredentialsFromHangs checks that no second call is made while a call to credentials-go hangs.
func TestCredentialsFromHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		p := CredentialsFrom(&vendorFake{get: func() (*vendor.CredentialModel, error) {
			if calls.Add(1) == 1 {
				time.Sleep(75 * time.Second)
			}
			return model(1), nil
		}})
		for range 2 {
			if _, err := p.Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "within 30s") {
				t.Error(err)
			}
		}
		if key, err := p.Credentials(t.Context()); key != keyOf(1) || err != nil {
			t.Error(key, err)
		}
	})
}

// isolate removes all credentials from the environment. It returns the path of a new home directory.
func isolate(t *testing.T) (home string) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "ALIBABA_CLOUD_") {
			t.Setenv(name, "")
		}
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("NO_PROXY", "*")
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
	return home
}

// TestDefaultChain checks that the default credential chain finds a key at a credentials URI and in environment
// variables.
func TestDefaultChain(t *testing.T) {
	isolate(t)
	secret := "planted-by-the-uri"
	var response atomic.Value
	response.Store(`{"Code":"Failed","AccessKeySecret":"` + secret + `"}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, response.Load().(string)) }))
	defer server.Close()
	p := cacheCredentials(nil)
	if _, err := p.Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "no key: set ALIBABA_CLOUD_ACCESS_KEY_ID") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", server.URL)
	if _, err := p.Credentials(t.Context()); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("%v", err)
	}
	uri, _ := json.Marshal(map[string]string{"AccessKeyId": "i", "AccessKeySecret": secret, "SecurityToken": "t", "Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	response.Store(string(uri))
	if key, err := p.Credentials(t.Context()); err != nil || key.AccessKeySecret != secret {
		t.Errorf("the credentials URI works now, but got %v %v", key, err)
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "env-id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "env-secret\n")
	if _, err := cacheCredentials(nil).Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "line break") || strings.Contains(err.Error(), "env-secret") {
		t.Errorf("%v", err)
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "env-secret")
	if key, err := cacheCredentials(nil).Credentials(t.Context()); err != nil || key.AccessKeySecret != "env-secret" {
		t.Errorf("%v %v", key, err)
	}
}

// TestSecretsInPlaceOfNames checks that an error message contains no secret if a user enters a secret where a name or
// path is expected.
func TestSecretsInPlaceOfNames(t *testing.T) {
	isolate(t)
	token := "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwbGFudGVkIn0." + strings.Repeat("c2lnbmF0dXJl_-", 40)
	for _, variables := range [][]string{
		{"ALIBABA_CLOUD_OIDC_TOKEN_FILE", token, "ALIBABA_CLOUD_ROLE_ARN", "r", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p"},
		{"ALIBABA_CLOUD_CONFIG_FILE", "LTAI5tQnXbV3kdGdmc7iTest"},
		{"ALIBABA_CLOUD_CREDENTIALS_FILE", "/tmp/" + token[:60]},
	} {
		t.Run(variables[0], func(t *testing.T) {
			for i := 0; i < len(variables); i += 2 {
				t.Setenv(variables[i], variables[i+1])
			}
			cache := cacheCredentials(nil)
			_, err := cache.Credentials(t.Context())
			report := cache.Report()
			if text := fmt.Sprint(report, both(Profiles()), both(ProfileRegion("p"))); strings.Contains(text, variables[1]) {
				t.Error(text)
			}
			if err == nil || strings.Contains(err.Error(), variables[1]) || !strings.Contains(err.Error(), "***") {
				t.Errorf("%v", err)
			}
		})
	}
}

func both[T any](v T, err error) []any { return []any{v, err} }

func TestProfileCredentials(t *testing.T) {
	path := filepath.Join(isolate(t), ".aliyun", "config.json")
	if list, err := Profiles(); list != nil || err != nil {
		t.Errorf("no file: %v %v", list, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	config := `{"current":"b","profiles":[
		{"name":"a","mode":"AK","access_key_id":"id-a","access_key_secret":"planted","region_id":"cn-a"},
		{"name":"b","mode":"AK","access_key_id":"id-b","access_key_secret":"planted"}]}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ALIBABA_CLOUD_REGION_ID", "cn-env")
	list, err := Profiles()
	if err != nil || fmt.Sprint(list) != "[{a cn-a false} {b  true}]" {
		t.Errorf("%v %v", list, err)
	}
	for name, want := range map[string][2]string{"a": {"id-a", "cn-a"}, "b": {"id-b", "cn-env"}, "": {"id-b", "cn-env"}} {
		p := ProfileCredentials(name)
		if key, err := p.Credentials(t.Context()); err != nil || key.AccessKeyID != want[0] {
			t.Errorf("%q: %v %v", name, key, err)
		}
		if region, err := ProfileRegion(name); region != want[1] || err != nil {
			t.Errorf("%q: region %s, %v", name, region, err)
		}
		if text := fmt.Sprintf("%v %+v %#v %d", p, p, p, p); strings.Contains(text, "planted") || strings.Contains(text, "id-") {
			t.Error(text)
		}
	}
	if _, err := ProfileCredentials("c").Credentials(t.Context()); err == nil || !strings.Contains(err.Error(), "profile c in "+path+" does not exist") {
		t.Errorf("%v", err)
	}
	if _, err := ProfileRegion("c"); err == nil {
		t.Error("got a region for a profile that does not exist")
	}
}

func TestStaticCredentials(t *testing.T) {
	t.Parallel()
	key := signer.Credentials{AccessKeyID: "id", AccessKeySecret: "planted", SecurityToken: "planted"}
	p := StaticCredentials(key.AccessKeyID, key.AccessKeySecret, key.SecurityToken)
	if got, err := p.Credentials(t.Context()); got != key || err != nil {
		t.Error(got, err)
	}
	if _, err := StaticCredentials("id", "secret\n", "").Credentials(t.Context()); err == nil {
		t.Error("a secret with a line break was accepted")
	}
	if text := fmt.Sprintf("%v %+v %#v %d", p, p, p, struct{ p CredentialsProvider }{p}); strings.Contains(text, "planted") {
		t.Error(text)
	}
}
