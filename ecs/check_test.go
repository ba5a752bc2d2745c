package ecs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/signer"
)

var updateCheck = flag.Bool("update-check", false, "write testdata/check.txt")

// checkSetup contains the client and the options of a call to Check.
type checkSetup struct {
	client *ecs.Client
	opts   *ecs.CheckOptions
}

// checkCause is a situation in which a listing fails or might appear to fail.
type checkCause struct {
	what   string
	setup  func(t *testing.T) checkSetup
	real   bool // runs on the loopback network in real time, not in virtual time
	step   string
	status ecs.CheckStatus
	is     error // Report.Err must match this error; nil means that Report.Err returns nil
}

// kinds contains the errors that callers can distinguish with errors.Is.
var kinds = []error{ecs.ErrCredentials, ecs.ErrForbidden, ecs.ErrInvalidParameter, ecs.ErrThrottled, ecs.ErrUnavailable, ecs.ErrNotFound, context.Canceled, context.DeadlineExceeded}

// errNoKind stands for an error that matches none of the errors in kinds.
var errNoKind = errors.New("an error of no kind")

const failed, unknown, passed = ecs.CheckStatusFailed, ecs.CheckStatusUnknown, ecs.CheckStatusPassed

var checkCauses = []checkCause{
	{"no key anywhere", fromEnvironment(nil), true, "credentials", failed, ecs.ErrCredentials},
	{"half a key in the environment", fromEnvironment(map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI5tTestTestTestTest"}), true, "credentials", failed, ecs.ErrCredentials},
	{"a CLI profile without its secret", fromEnvironment(map[string]string{"config.json": `{"current":"a","profiles":[{"name":"a","mode":"AK","access_key_id":"LTAI5tTestTestTestTest"}]}`}), true, "credentials", failed, ecs.ErrCredentials},
	{"a CLI configuration that is no JSON", fromEnvironment(map[string]string{"config.json": `{"profiles":`}), true, "credentials", failed, ecs.ErrCredentials},
	{"a credentials URI that nothing serves", fromEnvironment(map[string]string{"ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1:1/key"}), true, "credentials", failed, ecs.ErrCredentials},
	{"a profile that does not exist", withProvider(ecs.ProfileCredentials("nobody")), true, "credentials", failed, ecs.ErrCredentials},
	{"a key with a line break", withProvider(ecs.StaticCredentials("LTAI5tTestTestTestTest\n", "secret", "")), false, "credentials", failed, ecs.ErrCredentials},
	{"a provider that fails", withProvider(ecs.CredentialsFunc(func(context.Context) (signer.Credentials, error) {
		return signer.Credentials{}, errors.New("vault: sealed")
	})), false, "credentials", failed, ecs.ErrCredentials},
	{"a provider that panics", withProvider(ecs.CredentialsFunc(func(context.Context) (signer.Credentials, error) { panic("vault: nil map") })), false, "credentials", failed, ecs.ErrCredentials},

	{"a region that does not exist", withNameServer("cn-hangzhuo", nameNotFound), true, "dns", failed, ecs.ErrUnavailable},
	{"a region that exists, but no name server", withNameServer("cn-hangzhou", nameNotFound), true, "dns", failed, ecs.ErrUnavailable},
	{"a name server that fails", withNameServer("cn-hangzhuo", serverFailure), true, "dns", failed, ecs.ErrUnavailable},
	{"nothing listens at the endpoint", withEndpoint("https://127.0.0.1:1", nil), true, "connect", failed, ecs.ErrUnavailable},
	{"a firewall that drops packets", withDial(ecs.NetworkPublic), false, "connect", failed, ecs.ErrUnavailable},
	{"the VPC endpoint from outside the VPC", withDial(ecs.NetworkVPC), false, "connect", failed, ecs.ErrUnavailable},
	{"a proxy whose name does not exist", withProxy("http://proxy.test:3128", nil), true, "proxy", failed, ecs.ErrUnavailable},
	{"a proxy that is down", withProxy("http://127.0.0.1:1", nil), true, "proxy", failed, ecs.ErrUnavailable},
	{"a proxy that wants a password", withProxy("", func(w http.ResponseWriter) { w.WriteHeader(407) }), true, "proxy", failed, ecs.ErrUnavailable},
	{"a proxy that forbids the endpoint", withProxy("", func(w http.ResponseWriter) { w.WriteHeader(403) }), true, "proxy", failed, ecs.ErrUnavailable},
	{"a proxy that cannot reach the endpoint", withProxy("", func(w http.ResponseWriter) { w.WriteHeader(502) }), true, "proxy", failed, ecs.ErrUnavailable},
	{"a proxy setting that is no URL", func(t *testing.T) checkSetup {
		client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
			Credentials: ecs.StaticCredentials("LTAI5tTestTestTestTest", "secret", ""), Retry: ecs.RetryPolicy{MaxAttempts: 1},
			HTTPClient: &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
				return nil, errors.New("invalid proxy address")
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return checkSetup{client: client}
	}, true, "proxy", failed, ecs.ErrUnavailable},
	{"a certificate of an unknown authority", func(t *testing.T) checkSetup {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = log.New(io.Discard, "", 0) // discards the server's message about the failed TLS handshake
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return withEndpoint(srv.URL, nil)(t)
	}, true, "tls", failed, ecs.ErrUnavailable},
	{"an endpoint without TLS", func(t *testing.T) checkSetup {
		srv := httptest.NewServer(http.NotFoundHandler())
		t.Cleanup(srv.Close)
		return withEndpoint(strings.Replace(srv.URL, "http:", "https:", 1), nil)(t)
	}, true, "tls", failed, ecs.ErrUnavailable},
	{"an endpoint that accepts connections and is silent", withFault(ecstest.Fault{Times: -1, BlackHole: true}), false, "response", failed, ecs.ErrUnavailable},
	{"a service that is down", withFault(ecstest.Fault{Times: -1, Code: "ServiceUnavailable", Message: "The request has failed due to a temporary failure of the server."}), false, "response", failed, ecs.ErrUnavailable},
	{"a web page instead of the API", withFault(ecstest.Fault{Times: -1, Status: 404, Body: []byte("<html>not here</html>"), ContentType: "text/html"}), false, "response", failed, errNoKind},
	{"an endpoint of another product", withFault(ecstest.Fault{Times: -1, Code: "InvalidProduct.NotFound", Message: "Cannot find product according to your specified domain."}), false, "response", failed, ecs.ErrInvalidParameter},
	{"an endpoint that does not serve the region", withFault(ecstest.Fault{Times: -1, Code: "InvalidOperation.NotSupportedEndpoint", Message: "The specified endpoint can't operate this region."}), false, "response", failed, ecs.ErrInvalidParameter},

	{"a clock that is two hours behind", withServer(nil, func(srv *ecstest.Server) {
		srv.Configure(func(s *ecstest.Settings) { s.ClockSkew = 2 * time.Hour })
	}), false, "clock", passed, nil},
	{"a clock that is five minutes ahead", withServer(nil, func(srv *ecstest.Server) {
		srv.Configure(func(s *ecstest.Settings) { s.ClockSkew = -5 * time.Minute })
	}), false, "clock", passed, nil},
	{"a clock that is two days behind", withServer(nil, func(srv *ecstest.Server) {
		srv.Configure(func(s *ecstest.Settings) { s.ClockSkew = 48 * time.Hour })
	}), false, "clock", failed, ecs.ErrCredentials},

	{"a key that does not exist", withServer(nil, func(srv *ecstest.Server) { srv.RevokeKey(srv.Credentials().AccessKeyID) }), false, "signature", failed, ecs.ErrCredentials},
	{"a key that is disabled", withKey(nil, func(k *ecstest.Key) { k.Disabled = true }), false, "signature", failed, ecs.ErrCredentials},
	{"a wrong secret", withKey(nil, func(k *ecstest.Key) { k.Credentials.AccessKeySecret = "another" }), false, "signature", failed, ecs.ErrCredentials},
	{"a token that has expired", withToken(func(srv *ecstest.Server) signer.Credentials { return srv.IssueKey(-time.Minute) }), false, "signature", failed, ecs.ErrCredentials},
	{"a temporary key without its token", withToken(func(srv *ecstest.Server) signer.Credentials {
		key := srv.IssueKey(time.Hour)
		key.SecurityToken = ""
		return key
	}), false, "signature", failed, ecs.ErrCredentials},
	{"the token of another key", withToken(func(srv *ecstest.Server) signer.Credentials {
		key := srv.IssueKey(time.Hour)
		key.SecurityToken = srv.IssueKey(time.Hour).SecurityToken
		return key
	}), false, "signature", failed, ecs.ErrCredentials},

	{"no permission to list", withKey(nil, func(k *ecstest.Key) { k.Deny = []string{"ecs:DescribeInstances"} }), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrForbidden},
	{"no permission at all", withKey(nil, func(k *ecstest.Key) { k.Deny = []string{"ecs:*"} }), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrForbidden},
	{"no permission in one of three regions", withKey(&ecs.CheckOptions{Regions: []string{"cn-beijing", "cn-hangzhou", "cn-shanghai"}}, func(k *ecstest.Key) {
		k.DenyIn = map[string][]string{"cn-beijing": {"DescribeInstances"}}
	}), false, "permission DescribeInstances in cn-beijing", failed, ecs.ErrForbidden},
	{"no permission to list the regions, which are needed", withKey(&ecs.CheckOptions{AllRegions: true}, func(k *ecstest.Key) { k.Deny = []string{"DescribeRegions"} }), false, "permission DescribeRegions in cn-hangzhou", failed, ecs.ErrForbidden},
	{"no permission to list the regions, which are not needed", withKey(nil, func(k *ecstest.Key) { k.Deny = []string{"DescribeRegions"} }), false, "permission DescribeRegions in cn-hangzhou", failed, nil},
	{"no permission for tags, which are needed", withKey(&ecs.CheckOptions{Requests: []ecs.DescribeInstancesRequest{{Tags: ecs.TagList{{Key: "env"}}}}}, func(k *ecstest.Key) {
		k.Deny = []string{"ListTagResources"}
	}), false, "permission ListTagResources in cn-hangzhou", failed, ecs.ErrForbidden},
	{"no permission for tags, which are not needed", withKey(nil, func(k *ecstest.Key) { k.Deny = []string{"ListTagResources"} }), false, "permission ListTagResources in cn-hangzhou", failed, nil},
	{"a Deny statement", withDenial("AccountLevelIdentityBasedPolicy", "ExplicitDeny"), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrForbidden},
	{"a control policy of the resource directory", withDenial("ControlPolicy", "ImplicitDeny"), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrForbidden},
	{"a session policy", withDenial("SessionPolicy", "ImplicitDeny"), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrForbidden},
	{"a region that is not open to the account", withFault(ecstest.Fault{Times: -1, Action: "DescribeInstances", Code: "Forbidden.RegionId", Message: "You do not have access to the region."}), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrForbidden},
	{"a payment that is overdue", withFault(ecstest.Fault{Times: -1, Action: "DescribeInstances", Code: "Account.Arrearage", Message: "Your account has an outstanding payment."}), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrForbidden},
	{"a filter that the API refuses", withFault(ecstest.Fault{Times: -1, Action: "DescribeInstances", Code: "InvalidInstanceChargeType.ValueNotSupported", Message: "The specified InstanceChargeType is not supported."}), false, "permission DescribeInstances in cn-hangzhou", failed, ecs.ErrInvalidParameter},
	{"one region of two that does not respond", func(t *testing.T) checkSetup {
		s := withFault(ecstest.Fault{Times: -1, Region: "cn-beijing", Reset: true})(t)
		s.opts = &ecs.CheckOptions{Regions: []string{"cn-hangzhou", "cn-beijing"}}
		return s
	}, false, "permission DescribeInstances in cn-beijing", unknown, ecs.ErrUnavailable},

	{"a quota that is used up", withServer(nil, func(srv *ecstest.Server) {
		srv.Inject(ecstest.Fault{Times: -1, Action: "DescribeInstances", Code: "Throttling.User", Message: "Request was denied due to user flow control."})
	}), false, "permission DescribeInstances in cn-hangzhou", unknown, ecs.ErrThrottled},
	{"a quota that is told", withServer(nil, func(srv *ecstest.Server) {
		srv.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Limit: 60, Headers: true} })
	}), false, "quota", passed, nil},
	{"an installation that ignores DryRun", withServer(nil, func(srv *ecstest.Server) {
		srv.Handle("DescribeInstances", func(ecstest.Request) (any, error) {
			return map[string]any{"RequestId": "R", "Instances": map[string]any{"Instance": []any{}}}, nil
		})
	}), false, "permission DescribeInstances in cn-hangzhou", unknown, errNoKind},
}

// fromEnvironment returns a client that uses the default credential chain with the given environment variables. The
// entry "config.json" is the content of the Alibaba Cloud CLI's configuration file.
func fromEnvironment(env map[string]string) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		home := isolateEnvironment(t)
		for name, value := range env {
			if name != "config.json" {
				t.Setenv(name, value)
				continue
			}
			if err := os.MkdirAll(filepath.Join(home, ".aliyun"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(home, ".aliyun", name), []byte(value), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return withEndpoint("http://127.0.0.1:1", &ecs.Options{})(t)
	}
}

func withProvider(p ecs.CredentialsProvider) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		s := withEndpoint("http://127.0.0.1:1", nil)(t)
		s.client = s.client.WithCredentials(p)
		return s
	}
}

// withEndpoint returns a client for the given endpoint. If opts is nil, the client has a fixed key.
func withEndpoint(endpoint string, opts *ecs.Options) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		o := ecs.Options{Credentials: ecs.StaticCredentials("LTAI5tTestTestTestTest", "secret", "")}
		if opts != nil {
			o = *opts
		}
		o.Endpoint, o.Retry.MaxAttempts = endpoint, 1
		client, err := ecs.NewClient("cn-hangzhou", &o)
		if err != nil {
			t.Fatal(err)
		}
		return checkSetup{client: client}
	}
}

// withNameServer returns a client for the given region. A name server on the loopback interface responds to each lookup
// with the given code.
func withNameServer(region string, code byte) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		client, err := ecs.NewClient(region, &ecs.Options{
			Credentials: ecs.StaticCredentials("LTAI5tTestTestTestTest", "secret", ""), Retry: ecs.RetryPolicy{MaxAttempts: 1},
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: failingLookup(t, code).DialContext}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return checkSetup{client: client}
	}
}

// Response codes of a name server.
const (
	serverFailure = 2
	nameNotFound  = 3
)

// failingLookup returns a dialer whose name server responds to every query with the given code.
func failingLookup(t *testing.T, code byte) *net.Dialer {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			buf[2] |= 0x80 // the bit that marks a response
			buf[3] = buf[3]&0xf0 | code
			_, _ = conn.WriteToUDP(buf[:n], from)
		}
	}()
	return &net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}}
}

// withDial returns a client for the default endpoint of the given network. Connection attempts time out, as if a
// firewall dropped the packets.
func withDial(network ecs.Network) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
			Credentials: ecs.StaticCredentials("LTAI5tTestTestTestTest", "secret", ""), Network: network,
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				select {
				case <-ctx.Done():
				case <-time.After(5 * time.Second):
				}
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return checkSetup{client: client}
	}
}

// withProxy returns a client that uses the given proxy. If proxy is empty, the client uses a local proxy that calls
// connect for each request.
func withProxy(proxy string, connect func(http.ResponseWriter)) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		address := proxy // a copy, because the closure may run several times
		if address == "" {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { connect(w) }))
			t.Cleanup(srv.Close)
			address = strings.Replace(srv.URL, "http://", "http://user:"+url.PathEscape(plantedSecret)+"@", 1)
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		client := transport.NewHTTPClient()
		client.Transport.(*http.Transport).Proxy = http.ProxyURL(u)
		client.Transport.(*http.Transport).DialContext = failingLookup(t, nameNotFound).DialContext
		c, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
			Credentials: ecs.StaticCredentials("LTAI5tTestTestTestTest", "secret", ""), Retry: ecs.RetryPolicy{MaxAttempts: 1}, HTTPClient: client,
		})
		if err != nil {
			t.Fatal(err)
		}
		return checkSetup{client: c}
	}
}

// withServer returns a client of an in-memory server that is configured by edit.
func withServer(opts *ecs.CheckOptions, edit func(*ecstest.Server)) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		srv := ecstest.NewPipeServer()
		t.Cleanup(srv.Close)
		edit(srv)
		client, err := srv.Client("cn-hangzhou", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.CloseIdleConnections)
		return checkSetup{client, opts}
	}
}

func withFault(f ecstest.Fault) func(t *testing.T) checkSetup {
	return withServer(nil, func(srv *ecstest.Server) { srv.Inject(f) })
}

func withKey(opts *ecs.CheckOptions, change func(*ecstest.Key)) func(t *testing.T) checkSetup {
	return withServer(opts, func(srv *ecstest.Server) { srv.UpdateKey(srv.Credentials().AccessKeyID, change) })
}

// withToken returns a client that signs with a temporary key issued by the server.
func withToken(issue func(*ecstest.Server) signer.Credentials) func(t *testing.T) checkSetup {
	return func(t *testing.T) checkSetup {
		t.Helper()
		var key signer.Credentials
		s := withServer(nil, func(srv *ecstest.Server) { key = issue(srv) })(t)
		s.client = s.client.WithCredentials(ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, key.SecurityToken))
		return s
	}
}

// withDenial returns a client whose DescribeInstances requests are denied. The response contains the given policy type
// and the given type of denial.
func withDenial(policy, how string) func(t *testing.T) checkSetup {
	return withFault(ecstest.Fault{Times: -1, Action: "DescribeInstances", Status: 403, Body: []byte(`{"RequestId":"R","Code":"Forbidden.RAM",
		"Message":"User not authorized to operate on the specified resource.","AccessDeniedDetail":{"AuthAction":"ecs:DescribeInstances",
		"AuthPrincipalType":"SubUser","AuthPrincipalDisplayName":"ops","PolicyType":"` + policy + `","NoPermissionType":"` + how + `"}}`)})
}

// isolateEnvironment removes the machine's credentials from the environment. It returns the path of a home directory
// that does not exist yet.
func isolateEnvironment(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "home")
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "ALIBABA_CLOUD_") || strings.HasPrefix(name, "ALIYUN_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
	return home
}

// volatile matches the parts of a report that differ between runs.
var volatile = regexp.MustCompile(`127\.0\.0\.1:\d{2,5}|/\S*/home|\[?[\w.:]+\]?:53\b|[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`)

// TestCheckCauses simulates every cause in checkCauses and compares the resulting reports with testdata/check.txt.
func TestCheckCauses(t *testing.T) { //nolint:paralleltest // sets environment variables
	isolateEnvironment(t)
	var got bytes.Buffer
	for _, cause := range checkCauses { //nolint:paralleltest // sets environment variables
		run := func(t *testing.T) {
			s := cause.setup(t)
			report := s.client.Check(t.Context(), s.opts)
			cause.verify(t, report)
			text := volatile.ReplaceAllString(report.String(), "…")
			fmt.Fprintf(&got, "# %s\n# Err: %s\n\n%s\n", cause.what, kindNames(report.Err()), text)
		}
		t.Run(cause.what, func(t *testing.T) {
			if cause.real {
				run(t)
				return
			}
			synctest.Test(t, run)
		})
	}
	file := filepath.Join("testdata", "check.txt")
	if *updateCheck {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))) {
		t.Errorf("the reports differ from %s (run with -update-check to write it):\n%s", file, got.String())
	}
}

// verify checks that the report has the step, the status and the error that are expected for the cause, and that the
// report contains no secret.
func (c checkCause) verify(t *testing.T, report *ecs.Report) {
	t.Helper()
	found := false
	for i, s := range report.Steps {
		title := s.Name
		if s.Action != "" {
			title += " " + s.Action + " in " + s.Region
		}
		if title == c.step {
			found = true
			if s.Status != c.status || s.Detail == "" || c.status != passed && s.Advice == "" {
				t.Errorf("step %s is %s (%s), advice %q", title, s.Status, s.Detail, s.Advice)
			}
		}
		if inTheWay := s.Err != nil; inTheWay != (s.Status == failed || s.Status == unknown && s.Advice != "") {
			t.Errorf("step %s is %s with error %v", title, s.Status, s.Err)
		}
		if strings.ContainsAny(s.Detail+s.Advice, "\n\r\x1b") || len(s.Detail) > 900 || len(s.Advice) > 250 {
			t.Errorf("step %d: %q, %q", i, s.Detail, s.Advice)
		}
	}
	if !found {
		t.Errorf("no step %s in\n%v", c.step, report)
	}
	err := report.Err()
	switch {
	case c.is == nil || c.is == errNoKind:
		if (err != nil) != (c.is != nil) || kindNames(err) != "none" {
			t.Errorf("Err is %v", err)
		}
	case !errors.Is(err, c.is):
		t.Errorf("Err is %v, want %v", err, c.is)
	}
	text, marshalErr := json.Marshal(report)
	if marshalErr != nil || !json.Valid(text) {
		t.Error(marshalErr)
	}
	searchSecrets(t, append(allTexts(report), string(text)), []string{plantedSecret, "LTAI5tTestTestTestTest"})
}

// kindNames returns the names of the error kinds that err matches, or "none".
func kindNames(err error) string {
	var names []string
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			names = append(names, kind.Error())
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
