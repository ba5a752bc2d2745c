package credentials

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"
)

// expiredLogin is a configuration file that contains an expired login and unknown members.
const expiredLogin = "\ufeff{\n\t\"current\" : \"p\",\"unknown\":{\"a\":[1.50, 2e3]},\n" +
	"  \"profiles\": [ {\"name\":\"first\",\"oauth_refresh_token\":\"not-mine\"},\n\n" +
	"    {\"note\":\"<é\\u00e9>\", \"name\" : \"p\" ,\"mode\":\"OAuth\",\"oauth_site_type\":\"CN\",\n" +
	"     \"oauth_refresh_token\":\"refresh-0\" , \"oauth_access_token_expire\":1 ,\"x\":null }\n ] }\n\n"

// loginServer simulates the sign-in service. Each refresh token can be used only once, and the response contains the
// next refresh token.
type loginServer struct {
	mu   sync.Mutex
	n    int
	used int
}

func (s *loginServer) install(w *world) {
	w.servers.RegisterResponder(http.MethodPost, "https://oauth.aliyun.com/v1/token", func(r *http.Request) (*http.Response, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(string(body), fmt.Sprintf("refresh_token=refresh-%d", s.n)) || !strings.Contains(string(body), "client_id=4038181954557748008") {
			return httpmock.NewStringResponse(http.StatusBadRequest, "planted"), nil
		}
		s.n++
		return httpmock.NewJsonResponse(200, map[string]any{"access_token": fmt.Sprint("access-", s.n), "refresh_token": fmt.Sprint("refresh-", s.n), "expires_in": 3600})
	})
	w.servers.RegisterResponder(http.MethodPost, "https://oauth.aliyun.com/v1/exchange", func(r *http.Request) (*http.Response, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used++
		if r.Header.Get("Authorization") != fmt.Sprint("Bearer access-", s.n) {
			return httpmock.NewStringResponse(http.StatusUnauthorized, "planted"), nil
		}
		return httpmock.NewJsonResponse(200, issued(1))
	})
}

func needFlock(t *testing.T) {
	t.Helper()
	switch runtime.GOOS {
	case "darwin", "dragonfly", "freebsd", "linux", "netbsd", "openbsd":
	default:
		t.Skip("logins are not refreshed on this system")
	}
}

// TestLoginIsRefreshedAndStored checks that an expired login is refreshed only once if several processes need it at the
// same time. Only the login may change in the configuration file.
func TestLoginIsRefreshedAndStored(t *testing.T) {
	t.Parallel()
	needFlock(t)
	w := newWorld(t)
	var server loginServer
	server.install(w)
	path := w.write(expiredLogin, "elsewhere", "config.json")
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(w.home, "link.json")
	if err := os.Symlink(path, linked); err != nil {
		t.Fatal(err)
	}
	w.set("ALIBABA_CLOUD_CONFIG_FILE", linked)
	var wg sync.WaitGroup
	for range 8 { // each goroutine simulates a process
		wg.Go(func() {
			if key, err := newProfile(w.system, "p").Credentials(t.Context()); key != keyOf(1) || err != nil {
				t.Error(key.AccessKeyID, err)
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config, err := parseConfig(path, data)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := config.find("p")
	if err != nil || p.OAuthAccessToken != "access-1" || p.OAuthRefreshToken != "refresh-1" || time.Until(time.Unix(p.OAuthExpire, 0)) < 59*time.Minute {
		t.Errorf("%s", data)
	}
	want := strings.Replace(expiredLogin, "refresh-0", "refresh-1", 1)
	want = strings.Replace(want, `"oauth_access_token_expire":1 `, fmt.Sprintf(`"oauth_access_token_expire":%d `, p.OAuthExpire), 1)
	want = strings.Replace(want, `{"note"`, `{"oauth_access_token": "access-1", "note"`, 1)
	if string(data) != want {
		t.Errorf("got\n%s\nwant\n%s", data, want)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o640 {
		t.Error(info.Mode(), err)
	}
	if info, err := os.Lstat(linked); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(names) != 1 {
		t.Error("files are left:", names)
	}
	if server.n != 1 {
		t.Errorf("%d refreshes", server.n)
	}
}

// TestLoginIsNotRefreshedInVain checks that a refresh token is not used up if the new login could not be stored.
func TestLoginIsNotRefreshedInVain(t *testing.T) {
	t.Parallel()
	needFlock(t)
	for name, c := range map[string]struct {
		content string
		prepare func(t *testing.T, w *world, path string)
		text    string
	}{
		"locked": {expiredLogin, func(t *testing.T, _ *world, path string) {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = file.Close() })
			if ok, err := tryLock(file); !ok {
				t.Fatal(err)
			}
		}, "another process keeps the file locked"},
		"read-only": {expiredLogin, func(t *testing.T, _ *world, path string) {
			if os.Getuid() == 0 {
				t.Skip("root may write everything")
			}
			if err := os.Chmod(path, 0o400); err != nil {
				t.Fatal(err)
			}
		}, "permission denied"},
		"a read-only directory": {expiredLogin, func(t *testing.T, _ *world, path string) {
			if os.Getuid() == 0 {
				t.Skip("root may write everything")
			}
			for mode, when := range map[os.FileMode]func(func()){0o500: func(f func()) { f() }, 0o700: t.Cleanup} {
				when(func() {
					if err := os.Chmod(filepath.Dir(path), mode); err != nil {
						t.Error(err)
					}
				})
			}
		}, "the directory is not writable"},
		"a login twice":    {strings.Replace(expiredLogin, `"x":null`, `"OAUTH_REFRESH_TOKEN":"refresh-0","Profiles":1`, 1), nil, ""},
		"no refresh token": {strings.Replace(expiredLogin, "refresh-0", "", 1), nil, "the login has expired: log in"},
		"profiles twice":   {strings.Replace(expiredLogin, `"current"`, `"profiles":[{"name":"p","mode":"OAuth","oauth_site_type":"CN"}], "current"`, 1), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var server loginServer
			server.install(w)
			path := w.config(c.content)
			if c.prepare != nil {
				c.prepare(t, w, path)
			}
			var err error
			// The call waits for the lock, so the test uses virtual time.
			synctest.Test(t, func(t *testing.T) { _, err = newProfile(w.system, "p").Credentials(t.Context()) })
			data, readErr := os.ReadFile(path)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if c.text == "" { // the refresh token may be used only if the new login is stored
				if (err == nil) != (server.n == 1) || (err == nil) == (string(data) == c.content) {
					t.Errorf("%v; %d refreshes\n%s", err, server.n, data)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), "log in with the CLI again") {
				t.Errorf("%v, want %s", err, c.text)
			}
			checkText(t, err)
			if server.n != 0 || string(data) != c.content {
				t.Error("the refresh token was used, or the file changed")
			}
		})
	}
}

// TestOpenLockedFails checks that openLocked waits only if the lock is held. It returns any other error immediately and
// releases the lock.
func TestOpenLockedFails(t *testing.T) {
	t.Parallel()
	needFlock(t)
	w := newWorld(t)
	long := w.write("{}", strings.Repeat("x", 250)) // the name of the temporary file would be too long
	for path, want := range map[string]string{w.home: "is a directory", long: "the directory is not writable", w.write(strings.Repeat(" ", maxConfigFile+1), "large"): "larger than"} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			if _, err := openLocked(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) || time.Since(start) != 0 {
				t.Errorf("%v after %v, want %s", err, time.Since(start), want)
			}
		})
	}
	file, err := os.OpenFile(long, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if locked, err := tryLock(file); !locked {
		t.Errorf("the file is still locked: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if _, err := openLocked(t.Context(), long); err == nil || !strings.Contains(err.Error(), "keeps the file locked") || time.Since(start) != 15*time.Second {
			t.Errorf("a held lock: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := openLocked(ctx, long); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("a held lock and a deadline: %v after %v", err, time.Since(start))
		}
	})
}

// TestLockOfAReplacedFile checks that a lock is not accepted if another process has replaced the file in the meantime.
func TestLockOfAReplacedFile(t *testing.T) {
	t.Parallel()
	needFlock(t)
	w := newWorld(t)
	path := w.write("{}", "config.json")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := &lockedFile{path: path, file: file}
	defer f.close()
	if err := os.Rename(w.write("{}", "new"), path); err != nil {
		t.Fatal(err)
	}
	if current, err := f.lock(); current || err != nil {
		t.Errorf("lock returned %v, %v", current, err)
	}
}

// TestLoginIsStoredForACallerThatLeft checks that a new login is stored even if the caller's context is canceled.
func TestLoginIsStoredForACallerThatLeft(t *testing.T) {
	t.Parallel()
	needFlock(t)
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.servers.RegisterResponder(http.MethodPost, "https://oauth.aliyun.com/v1/token", func(r *http.Request) (*http.Response, error) {
		cancel()
		if r.Context().Err() != nil {
			return nil, r.Context().Err()
		}
		return httpmock.NewJsonResponse(200, map[string]any{"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 3600})
	})
	path := w.config(expiredLogin)
	if _, err := newProfile(w.system, "p").Credentials(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if data, err := os.ReadFile(path); err != nil || !bytes.Contains(data, []byte("refresh-1")) {
		t.Errorf("%v %s", err, data)
	}
}

// TestLoginValid checks that an access token is used until one minute before it expires.
func TestLoginValid(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	for token, want := range map[oauthToken]bool{
		{access: "a", expires: now + 90}:  true,
		{access: "a", expires: now + 30}:  false,
		{access: "a", expires: 0}:         false,
		{access: "", expires: now + 3600}: false,
	} {
		if token.valid() != want {
			t.Errorf("%+v: %v", token, !want)
		}
	}
}

// TestLoginThatCannotBeStored checks the error if the profile is removed while its login is being refreshed.
func TestLoginThatCannotBeStored(t *testing.T) {
	t.Parallel()
	needFlock(t)
	w := newWorld(t)
	w.servers.RegisterResponder(http.MethodPost, "https://oauth.aliyun.com/v1/token", func(*http.Request) (*http.Response, error) {
		w.config(profilesJSON(`{"name":"q"}`))
		return httpmock.NewJsonResponse(200, map[string]any{"access_token": "planted", "refresh_token": "planted", "expires_in": 3600})
	})
	w.config(expiredLogin)
	_, err := newProfile(w.system, "p").Credentials(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the refreshed login could not be stored") {
		t.Error(err)
	}
	checkText(t, err)
}

// TestStoredLogin checks the error if the profile of a login has changed.
func TestStoredLogin(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{`{"name":"q"}`, `{"name":"p","oauth_refresh_token":"planted","oauth_access_token_expire":"planted"}`} {
		token, err := storedLogin("path", []byte(profilesJSON(profile)), "p")
		if token != (oauthToken{}) || err == nil || !strings.Contains(err.Error(), "removed or changed") {
			t.Errorf("%s: %+v, %v", profile, token, err)
		}
	}
}

// TestRefusedLogin checks the error if the sign-in service rejects the refresh token.
func TestRefusedLogin(t *testing.T) {
	t.Parallel()
	needFlock(t)
	for _, c := range []struct {
		status int
		body   string
	}{
		{400, "planted"},
		{200, "planted"},
		{200, `{"access_token":"planted"}`},
		{200, `{"refresh_token":"planted"}`},
		{200, `{"access_token":"planted","refresh_token":"planted","expires_in":"planted"}`},
	} {
		w := newWorld(t)
		w.servers.RegisterResponder(http.MethodPost, "https://oauth.aliyun.com/v1/token", httpmock.NewStringResponder(c.status, c.body))
		path := w.config(expiredLogin)
		_, err := newProfile(w.system, "p").Credentials(t.Context())
		if err == nil || !strings.Contains(err.Error(), "log in with the CLI again") {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
		checkText(t, err)
		if data, _ := os.ReadFile(path); string(data) != expiredLogin {
			t.Error("the file has changed")
		}
	}
}

// TestReplaceLoginKeepsUnusualFiles checks that replaceLogin returns errLayout if it cannot replace the login without
// other changes.
func TestReplaceLoginKeepsUnusualFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, access string }{
		"not JSON":                   {`{`, "a"},
		"no such profile":            {profilesJSON(`{"name":"q"}`), "a"},
		"a member in another case":   {profilesJSON(`{"name":"p","OAuth_Access_Token":"b"}`), "a"},
		"profiles in another case":   {`{"profiles":[{"name":"q"}],"PROFILES":[{"name":"q"},{"name":"p"}]}`, "a"},
		"a login that is not UTF-8":  {profilesJSON(`{"name":"p"}`), "\xff"},
		"a profile that is a number": {profilesJSON(`7`), "a"},
	} {
		if edited, err := replaceLogin([]byte(c.content), "p", oauthToken{c.access, "r", 1}); !errors.Is(err, errLayout) {
			t.Errorf("%s: %s, %v", name, edited, err)
		}
	}
	if _, err := replaceLogin([]byte(profilesJSON(`{"name":"p"}`)), "p", oauthToken{"a", "r", 1}); err != nil {
		t.Error(err)
	}
}

// FuzzReplaceLogin checks that replaceLogin changes nothing except the login in any configuration file.
func FuzzReplaceLogin(f *testing.F) {
	f.Add([]byte(expiredLogin), "p", "access", "refresh")
	f.Add([]byte(profilesJSON(`{"name":"p","oauth_access_token":"a","OAuth_Access_Token":"b"}`)), "p", "\"\\\n<", "é\u2028")
	f.Add([]byte(profilesJSON(`null`)), "", "a", "b")
	f.Add([]byte(`{"profiles":[null,{"name":"p"}],"PROFILES":[{"name":"p"}]}`), "p", "a", "b")
	f.Fuzz(func(t *testing.T, content []byte, name, access, refresh string) {
		before := bytes.Clone(content)
		token := oauthToken{access, refresh, 7}
		edited, err := replaceLogin(content, name, token)
		if !bytes.Equal(before, content) {
			t.Fatal("the input was modified")
		}
		if err != nil {
			return
		}
		if got, err := storedLogin("", edited, name); err != nil || got != token {
			t.Fatalf("%v %v", got, err)
		}
		again, err := replaceLogin(edited, name, token)
		if err != nil || !bytes.Equal(again, edited) {
			t.Fatalf("not idempotent: %q %q %v", edited, again, err)
		}
	})
}
