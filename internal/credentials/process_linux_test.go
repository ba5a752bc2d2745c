package credentials

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/signer"
)

// childCase describes one search for a key in a child process.
type childCase struct {
	Env     []string // the environment variables of the search
	Profile bool     // search only the profile p instead of the default chain
	Result  string   // path of the file to which the child process writes the outcome
}

// TestMain runs the tests. In a child process of TestProcesses, TestMain instead runs the searches that are listed in
// the file named by CREDENTIALS_TEST_CASES.
func TestMain(m *testing.M) {
	file := os.Getenv("CREDENTIALS_TEST_CASES")
	if file == "" {
		os.Exit(m.Run())
	}
	var cases []childCase
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &cases)
	}
	for _, c := range cases {
		if err == nil {
			err = c.run()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (c childCase) run() error {
	os.Clearenv()
	for _, pair := range c.Env {
		name, value, _ := strings.Cut(pair, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	s := newSystem()
	s.metadataURL = os.Getenv("CREDENTIALS_TEST_METADATA")
	chain := newChain(s)
	if c.Profile {
		chain = newProfile(s, "p")
	}
	cache := NewCache(chain, nil)
	key, warning, err := cache.Get(context.Background(), signer.Credentials{})
	report := cache.Report()
	holder := struct {
		chain *Chain
		cache *Cache
	}{chain, cache}
	result := fmt.Sprintf("%s|%v|%v %+v %#v|%+v", key.AccessKeyID, warning, err, err, err, report)
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x"} {
		result += "\n" + fmt.Sprintf(verb+verb+verb+verb, cache, chain, key, holder)
	}
	return os.WriteFile(c.Result, []byte(result), 0o600)
}

// planted contains the test's secrets, keyed by a short name.
var planted = map[string]string{
	"secret": "Pl4nt3dS3cr3tOfTheAccessKey01", "token": "CAISplantedSecurityTokenWithMany/Characters+And=Padding==", "oidc": "eyJplantedOidcTokenHeader.eyJplantedPayload.sig",
	"access": "plantedOAuthAccessToken0123456789", "refresh": "plantedOAuthRefreshToken9876543210",
}

// leak searches text for at least half of a secret, unencoded or in a usual encoding. It returns a description of the
// secret that it finds, or an empty string.
func leak(text string) string {
	text = strings.Join(strings.Fields(text), "") // undo line breaks and indentation
	lower := strings.ToLower(text)
	for name, secret := range planted {
		half := len(secret) / 2
		for _, part := range []string{secret[:half], secret[half:]} {
			forms := []string{part, url.QueryEscape(part), url.PathEscape(part)}
			for offset := range 3 { // compare only the middle of the base64 string, which does not depend on the surrounding text
				encoded := base64.StdEncoding.EncodeToString([]byte("xxx"[:offset] + part))
				forms = append(forms, strings.TrimRight(encoded, "=")[4:len(strings.TrimRight(encoded, "="))-2])
			}
			for _, form := range forms {
				if strings.Contains(text, form) {
					return name + " as " + form
				}
			}
			if strings.Contains(lower, hex.EncodeToString([]byte(part))) {
				return name + " in hex"
			}
		}
	}
	return ""
}

func TestLeakFindsEveryForm(t *testing.T) {
	t.Parallel()
	secret := planted["token"]
	for _, text := range []string{
		secret, secret[:30], secret[len(secret)-30:], secret[:20] + "\n" + secret[20:], hex.EncodeToString([]byte(secret)), fmt.Sprintf("%X", secret),
		base64.StdEncoding.EncodeToString([]byte("id:" + secret)), base64.RawStdEncoding.EncodeToString([]byte("i:" + secret)), url.QueryEscape(secret), fmt.Sprintf("%x", secret),
	} {
		if leak(text) == "" {
			t.Error(text)
		}
	}
	if found := leak(fmt.Sprint(signer.Credentials{AccessKeyID: "LTAI5tSomeOtherKey01", AccessKeySecret: secret})); found != "" {
		t.Error(found)
	}
}

// servers simulates the services that issue keys. The server proxy handles requests to services with TLS, and the
// server plain handles all other requests.
type servers struct {
	proxy, plain *httptest.Server
	certificate  string // path of the file with the certificate of the TLS server
}

// misbehaviors lists the ways in which the simulated servers can misbehave. An empty string means normal behavior.
var misbehaviors = []string{"", "echo", "error page", "not JSON", "no key"}

func startServers(t *testing.T, misbehavior string) *servers {
	t.Helper()
	s := &servers{}
	key := map[string]any{
		"Code": "Success", "AccessKeyId": "STS.issued", "AccessKeySecret": planted["secret"], "SecurityToken": planted["token"],
		"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case misbehavior == "echo":
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, `{"Code":%q,"Message":"%s %s %v %v"}`, planted["secret"], body, r.URL, r.Header, planted)
		case misbehavior == "error page":
			w.Header().Set("Location", "http://127.0.0.1/?"+planted["token"])
			w.WriteHeader(http.StatusTemporaryRedirect)
			_, _ = fmt.Fprintf(w, "<html>%s %v</html>", body, planted)
		case misbehavior == "not JSON":
			_, _ = fmt.Fprintf(w, `{"AccessKeySecret": %q, %v`, planted["secret"], planted)
		case misbehavior == "no key":
			_ = json.NewEncoder(w).Encode(map[string]any{"AccessKeySecret": planted["secret"], "Credentials": map[string]any{"AccessKeyId": "x", "SecurityToken": planted["token"]}, "access_token": planted["access"]})
		case strings.HasSuffix(r.URL.Path, "/token"):
			if r.Method == http.MethodPut {
				_, _ = io.WriteString(w, planted["token"][:16])
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"access_token": planted["access"], "refresh_token": planted["refresh"] + "-new", "expires_in": 3600})
		case strings.HasSuffix(r.URL.Path, "security-credentials/"):
			_, _ = io.WriteString(w, "role")
		case r.URL.Path == "/cloud-credentials":
			_ = json.NewEncoder(w).Encode(map[string]any{"CloudCredential": key})
		case r.URL.Path == "/":
			_ = json.NewEncoder(w).Encode(map[string]any{"Credentials": key})
		default:
			_ = json.NewEncoder(w).Encode(key)
		}
	})
	s.plain = httptest.NewServer(handler)
	secure := httptest.NewUnstartedServer(handler)
	var certificate tls.Certificate
	certificate, s.certificate = makeCertificate(t)
	secure.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	secure.StartTLS()
	s.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tunnel(w, r, secure.Listener.Addr().String()) }))
	t.Cleanup(func() { s.plain.Close(); secure.CloseClientConnections(); s.proxy.Close(); secure.Close() })
	return s
}

// tunnel handles a CONNECT request. It connects the client to address instead of the requested host.
func tunnel(w http.ResponseWriter, r *http.Request, address string) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	server, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
	if err != nil {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(server, buffered); _ = server.Close() }()
	_, _ = io.Copy(client, server)
	_ = client.Close()
}

func makeCertificate(t *testing.T) (certificate tls.Certificate, file string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"sts.aliyuncs.com", "oauth.aliyun.com", "sso.example.com"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, file
}

// processCase is a configuration of a key in files and environment variables. Words such as SECRET, HOME and PLAIN
// stand for the test's secrets, the home directory and a server's URL.
type processCase struct {
	profile string            // the JSON of profile p in ~/.aliyun/config.json
	files   map[string]string // contents of files by their path in the home directory
	env     []string
	fixed   bool // the key is found even if the servers misbehave, because no server is used
	writes  bool // the case stores a new login in the configuration file
}

var processCases = map[string]processCase{
	"environment":            {env: []string{"ALIBABA_CLOUD_ACCESS_KEY_ID=LTAIenvironment0", "ALIBABA_CLOUD_ACCESS_KEY_SECRET=SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN=TOKEN"}, fixed: true},
	"OIDC role":              {env: []string{"ALIBABA_CLOUD_ROLE_ARN=r", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN=p", "ALIBABA_CLOUD_OIDC_TOKEN_FILE=HOME/oidc"}, files: map[string]string{"oidc": "OIDC\n"}},
	"instance role":          {},
	"credentials URI":        {env: []string{"ALIBABA_CLOUD_ECS_METADATA_DISABLED=true", "ALIBABA_CLOUD_CREDENTIALS_URI=PLAIN/key?token=TOKEN"}},
	"ini access_key":         {files: map[string]string{".alibabacloud/credentials": "[default]\ntype=access_key\naccess_key_id=LTAIinifile00000\naccess_key_secret=SECRET"}, fixed: true},
	"ini ram_role_arn":       {files: map[string]string{".alibabacloud/credentials": "[default]\ntype=ram_role_arn\naccess_key_id=i\naccess_key_secret=SECRET\nrole_arn=r\nrole_session_name=s"}},
	"ini ecs_ram_role":       {files: map[string]string{".alibabacloud/credentials": "[default]\ntype=ecs_ram_role\nrole_name=r"}},
	"AK":                     {profile: `"mode":"AK","access_key_id":"LTAIprofile00000","access_key_secret":"SECRET"`, fixed: true},
	"StsToken":               {profile: `"mode":"StsToken","access_key_id":"LTAIprofile00000","access_key_secret":"SECRET","sts_token":"TOKEN"`, fixed: true},
	"RamRoleArn":             {profile: `"mode":"RamRoleArn","access_key_id":"LTAIprofile00000","access_key_secret":"SECRET","ram_role_arn":"r","ram_session_name":"s"`},
	"EcsRamRole":             {profile: `"mode":"EcsRamRole"`},
	"RamRoleArnWithRoleName": {profile: `"mode":"RamRoleArnWithRoleName","ram_role_name":"r","ram_role_arn":"r"`},
	"ChainableRamRoleArn":    {profile: `"mode":"ChainableRamRoleArn","source_profile":"source","ram_role_arn":"r"`},
	"OIDC":                   {profile: `"mode":"OIDC","oidc_provider_arn":"p","oidc_token_file":"HOME/oidc","ram_role_arn":"r"`, files: map[string]string{"oidc": "OIDC"}},
	"CredentialsURI":         {profile: `"mode":"CredentialsURI","credentials_uri":"PLAIN/key?token=TOKEN"`},
	"External":               {profile: `"mode":"External","process_command":"HOME/command SECRET"`, files: map[string]string{"command": "#!/bin/sh\necho SECRET TOKEN >&2\necho '{\"mode\":\"AK\",\"access_key_id\":\"LTAIcommand00000\",\"access_key_secret\":\"SECRET\"}'\n"}, fixed: true},
	"CloudSSO":               {profile: `"mode":"CloudSSO","cloud_sso_sign_in_url":"https://sso.example.com/x","cloud_sso_account_id":"1","cloud_sso_access_config":"c","access_token":"ACCESS","cloud_sso_access_token_expire":` + hour},
	"OAuth":                  {profile: `"mode":"OAuth","oauth_site_type":"CN","oauth_access_token":"ACCESS","oauth_refresh_token":"REFRESH","oauth_access_token_expire":` + hour},
	"OAuth, expired":         {profile: `"mode":"OAuth","oauth_site_type":"CN","oauth_access_token":"ACCESS","oauth_refresh_token":"REFRESH","oauth_access_token_expire":1`, writes: true},
	"External fails":         {profile: `"mode":"External","process_command":"HOME/command SECRET"`, files: map[string]string{"command": "#!/bin/sh\necho SECRET; echo TOKEN >&2; exit 1\n"}},
	"External spews":         {profile: `"mode":"External","process_command":"HOME/command SECRET"`, files: map[string]string{"command": "#!/bin/sh\necho '{\"access_key_secret\":\"SECRET'; echo TOKEN >&2\n"}},
	"a broken file":          {profile: `"mode":"AK","access_key_secret":"SECRET",,`},
	"a secret as the mode":   {profile: `"mode":"SECRET"`},
	"a secret as the source": {profile: `"mode":"ChainableRamRoleArn","source_profile":"SECRET"`},
	"a broken ini file":      {files: map[string]string{".alibabacloud/credentials": "[default]\nSECRET\n"}},
}

var alwaysFails = []string{"External fails", "External spews", "a broken file", "a secret as the mode", "a secret as the source", "a broken ini file"}

// TestProcesses searches for keys in a real process while the servers misbehave in every way. The process must print
// nothing, reveal no secret and change no file except to store a new login.
func TestProcesses(t *testing.T) {
	t.Parallel()
	for _, misbehavior := range misbehaviors {
		t.Run(cmp.Or(misbehavior, "no misbehavior"), func(t *testing.T) {
			t.Parallel()
			s := startServers(t, misbehavior)
			runs := map[string]*processRun{}
			var children []childCase
			for name, c := range processCases {
				runs[name] = s.prepare(t, c)
				children = append(children, runs[name].child)
			}
			s.runChild(t, children)
			for name, c := range processCases {
				t.Run(name, func(t *testing.T) {
					id, result := runs[name].outcome(t, misbehavior == "" && c.writes)
					works := (misbehavior == "" || c.fixed) && !slices.Contains(alwaysFails, name)
					if works != (id != "") {
						t.Errorf("%s", result)
					}
				})
			}
		})
	}
}

// processRun contains the files of a processCase and the input of the child process that runs the case.
type processRun struct {
	child  childCase
	config string            // path of the CLI's configuration file
	dir    string            // directory of the CLI's configuration file
	files  map[string]string // file contents by path
}

// prepare writes the files of a processCase to a new home directory.
func (s *servers) prepare(t *testing.T, c processCase) *processRun {
	t.Helper()
	home := t.TempDir()
	fill := strings.NewReplacer("SECRET", planted["secret"], "TOKEN", planted["token"], "OIDC\n", planted["oidc"]+"\n", "ACCESS\"", planted["access"]+"\"", "REFRESH", planted["refresh"], "HOME", home, "PLAIN", s.plain.URL)
	run := &processRun{
		child: childCase{Profile: c.profile != "", Result: filepath.Join(t.TempDir(), "result"), Env: append(s.environment(), "HOME="+home)},
		dir:   filepath.Join(home, ".aliyun"), config: filepath.Join(home, ".aliyun", "config.json"), files: map[string]string{},
	}
	for _, pair := range c.env {
		name, value, _ := strings.Cut(pair, "=")
		run.child.Env = append(run.child.Env, name+"="+fill.Replace(value))
	}
	for name, content := range c.files {
		run.files[filepath.Join(home, name)] = fill.Replace(content)
	}
	if c.profile != "" {
		run.files[run.config] = fill.Replace(`{"current":"x","meta":[1.0],"profiles":[{"name":"source","mode":"AK","access_key_id":"LTAIsource000000","access_key_secret":"SECRET"},{"name":"p",` + c.profile + "}]}\n")
	}
	for path, content := range run.files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return run
}

// environment returns the environment variables that all cases of a child process share, because net/http and
// crypto/x509 read some variables only once.
func (s *servers) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HTTPS_PROXY=" + s.proxy.URL, "HTTP_PROXY=" + s.proxy.URL, "SSL_CERT_FILE=" + s.certificate, "SSL_CERT_DIR=/none",
		"DEBUG=credential,sdk,tea,dara", "CREDENTIALS_TEST_METADATA=" + s.plain.URL,
	}
}

// runChild runs the cases in a child process and checks that the process prints nothing.
func (s *servers) runChild(t *testing.T, cases []childCase) {
	t.Helper()
	data, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cases")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0]) //nolint:noctx // the process ends by itself
	cmd.Env = append(s.environment(), "CREDENTIALS_TEST_CASES="+file)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("%v, printed %q", err, out)
	}
}

// outcome returns the id of the key that a case found and the case's output. It checks that the output contains no
// secret and that only the expected files have changed.
func (r *processRun) outcome(t *testing.T, stored bool) (id, text string) {
	t.Helper()
	data, err := os.ReadFile(r.child.Result)
	if err != nil {
		t.Fatal(err)
	}
	text = string(data)
	id, _, _ = strings.Cut(text, "|")
	if found := leak(text); found != "" {
		t.Errorf("leak of %s: %s", found, text)
	}
	for path, content := range r.files {
		if data, err := os.ReadFile(path); err != nil || (string(data) == content) == (stored && path == r.config) {
			t.Errorf("%s: %v\n%s", path, err, data)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(r.dir, "*")); len(left) > 1 {
		t.Errorf("files are left: %v", left)
	}
	return id, text
}
