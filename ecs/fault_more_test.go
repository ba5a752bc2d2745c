package ecs_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/pagination"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// tells returns a fault case with errors that could reveal secrets, such as an invalid status line.
func tells(s signer.Signer) func(*testing.T, variant) {
	return func(t *testing.T, v variant) {
		v.signer = s
		g := newRig(t, v, func(x *exchange) {
			switch x.n % 3 {
			case 0:
				x.reset()
			case 1:
				// net/http quotes an invalid status line in its error.
				x.raw("HTTP/1.1 " + x.URL.String() + x.Header.Get("Authorization") + "\r\n\r\n")
				x.fin()
			default:
				x.answer(502, "<html>"+echo(x)+"</html>")
			}
		})
		defer g.finish()
		for range 3 {
			_ = g.fails(t.Context(), -1)
		}
	}
}

// tlsHost serves https://ecs.test with a certificate that the rig's client trusts.
func tlsHost(t *testing.T, v variant, serve func(*exchange), edit ...func(*x509.Certificate, *tls.Config)) *rig {
	g := newRig(t, v, nil, hosted)
	ca := newAuthority(t)
	ca.trust(g)
	g.overTLS("ecs.test", ca.server(t, "ecs.test", edit...), serve)
	return g
}

// refusesTLS returns a fault case in which the TLS handshake must fail in a single attempt.
func refusesTLS(text string, edit func(*x509.Certificate, *tls.Config)) func(*testing.T, variant) {
	return func(t *testing.T, v variant) {
		g := tlsHost(t, v, (*exchange).ok, edit)
		defer g.finish()
		if err := g.fails(t.Context(), 0); err.Attempts != 1 || g.dialed() != 1 || !strings.Contains(err.Error(), text) {
			t.Errorf("%d dials: %v", g.dialed(), err)
		}
	}
}

var oldTLS = func(_ *x509.Certificate, c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }

// proxy starts an HTTP proxy at addr and returns the headers of its latest CONNECT request. If refuse is not nil,
// refuse may handle a connection itself and return true.
func (g *rig) proxy(addr string, refuse func(c io.ReadWriteCloser) bool) *http.Header {
	var seen http.Header
	g.listen(addr, func(c *conn) {
		r, err := readConnect(c)
		if err != nil {
			return
		}
		seen = r.Header
		if refuse != nil && refuse(c) {
			return
		}
		up, err := g.dial(g.Context(), "tcp", r.Host)
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = io.Copy(up, c); _ = up.Close() })
		wg.Go(func() { _, _ = io.Copy(c, up); _ = c.Close() })
		wg.Wait()
	})
	tr := g.http.Transport.(*http.Transport)
	tr.Proxy = http.ProxyURL(&url.URL{Scheme: "http", User: url.UserPassword("user", "proxypassword"), Host: addr})
	g.secrets = append(g.secrets, "proxypassword", "user:proxypassword")
	return &seen
}

// readConnect reads one request byte by byte and leaves later data unread.
func readConnect(c io.Reader) (*http.Request, error) {
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := io.ReadFull(c, b); err != nil {
			return nil, err
		}
		head.Write(b)
	}
	return http.ReadRequest(newReader(head.String()))
}

var securityFaults = []fault{
	{id: "S01", name: "error_text_default", what: "messages of transport errors reveal no secrets, signature in headers", run: tells(signer.V3{})},
	{id: "S02", name: "error_text_query", what: "messages of transport errors reveal no secrets, signature in the query string", run: tells(signer.V1{})},
	{id: "S03", name: "default_scheme", what: "an endpoint without a scheme uses https", run: func(t *testing.T, v variant) {
		for _, endpoint := range []string{"", "ecs.cn-test.aliyuncs.com"} {
			g := newRig(t, v, nil, func(_ *rig, o *ecs.Options) { o.Endpoint = endpoint })
			plaintext := false
			g.listen("ecs.cn-test.aliyuncs.com:80", func(*conn) { plaintext = true })
			var first [1]byte
			g.listen("ecs.cn-test.aliyuncs.com:443", func(c *conn) { _, _ = c.Read(first[:]) })
			_ = g.fails(t.Context(), 0)
			if plaintext || first[0] != 0x16 || g.dialed() == 0 { // 0x16 begins a TLS handshake record
				t.Errorf("plaintext %v, first byte %#x", plaintext, first[0])
			}
			g.finish()
		}
	}},
	{id: "S04", name: "redirect", what: "redirect to another host, with temporary credentials", run: func(t *testing.T, v variant) {
		for _, status := range []int{301, 302, 303, 307, 308} {
			g := newRig(t, v, always(status, "", "Location", "http://elsewhere.test/"), func(g *rig, _ *ecs.Options) {
				// The caller's http.Client permits redirects, but the client under test must not follow them.
				g.http.CheckRedirect = func(*http.Request, []*http.Request) error { return nil }
			})
			g.listen("elsewhere.test:80", g.server(func(*exchange) { t.Error("the other host received a request") }))
			if err := g.fails(t.Context(), 1); err.StatusCode != status || !strings.Contains(err.Error(), "redirects are not followed") {
				t.Errorf("%v", err)
			}
			if g.http.CheckRedirect == nil || g.http.CheckRedirect(nil, nil) != nil {
				t.Error("the caller's client was changed")
			}
			g.finish()
		}
	}},
	{id: "S06", name: "printed_values", what: "client, options and credentials printed by fmt, slog and encoding/json", real: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, nil)
		o := ecs.Options{Credentials: ecs.StaticCredentials(plantedID, plantedSecret, plantedToken)}
		holder := struct {
			client      *ecs.Client
			options     ecs.Options
			credentials ecs.CredentialsProvider
		}{g.client, o, o.Credentials}
		var texts []string
		for _, value := range []any{g.client, *g.client, o, &o, o.Credentials, holder, &holder, []any{holder}, map[string]any{"a": holder}} {
			texts = append(texts, allTexts(value)...)
		}
		searchSecrets(t, texts, g.secrets)
	}},
	{id: "S07", name: "debug_environment", what: "DEBUG=sdk,tea,dara,credential in the environment reveals no secrets", once: true, real: true, run: func(t *testing.T, _ variant) {
		keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"AccessKeySecret":%q,"SecurityToken":%q,"Expiration":"2099-01-01T00:00:00Z"}`, plantedID, plantedSecret, plantedToken)
		}))
		defer keys.Close()
		out := inProcess(t, "debug", "DEBUG=sdk,tea,dara,credential,*", "KEYS="+keys.URL)
		if !strings.Contains(out, "made 4 calls") {
			t.Errorf("%s", out)
		}
		searchSecrets(t, []string{out}, []string{plantedID, plantedSecret, plantedToken})
		for _, word := range []string{"Signature=", "Authorization", "x-acs-security-token"} {
			if strings.Contains(out, word) {
				t.Errorf("%s is in %s", word, out)
			}
		}
	}},
	{id: "S09", name: "proxy_password", what: "a proxy with user name and password, https endpoint", run: func(t *testing.T, v variant) {
		g := tlsHost(t, v, func(x *exchange) {
			for name, values := range x.Header {
				if strings.HasPrefix(name, "Proxy") || strings.Contains(strings.Join(values, ""), "proxypassword") {
					t.Errorf("the endpoint received %s: %s", name, values)
				}
			}
			x.ok()
		})
		defer g.finish()
		seen := g.proxy("proxy.test:3128", nil)
		g.succeeds(1)
		if (*seen).Get("Proxy-Authorization") == "" || (*seen).Get("Authorization") != "" || (*seen).Get("X-Acs-Security-Token") != "" {
			t.Errorf("the proxy received %v", *seen)
		}
	}},
	{id: "S10", name: "two_authorities", what: "two clients of the same host, of which only one trusts the host's certificate authority", run: func(t *testing.T, v variant) {
		a := tlsHost(t, v, (*exchange).ok)
		defer a.finish()
		b := newRig(t, v, nil, hosted)
		defer b.finish()
		b.serve = a.serve
		for range 2 {
			a.succeeds(1)
			if err := b.fails(t.Context(), 0); err.Attempts != 1 || a.requestCount() == 0 {
				t.Errorf("%v", err)
			}
		}
		if a.requestCount() != 2 {
			t.Errorf("%d requests were received", a.requestCount())
		}
	}},
	{id: "S11", name: "old_tls", what: "the server supports only TLS 1.0 and 1.1", run: refusesTLS("TLS 1.2", oldTLS)},

	{id: "B03", name: "negative_max_results", what: "MaxResults=-5", run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).ok)
		defer g.finish()
		for _, req := range []ecs.DescribeInstancesRequest{{MaxResults: -5}, {MaxResults: math.MinInt}, {PageNumber: -1}, {PageSize: -1}} {
			_, err := g.client.DescribeInstances(t.Context(), req)
			g.note(err)
			if !errors.Is(err, ecs.ErrInvalidParameter) || g.dialed() != 0 {
				t.Errorf("%v", err)
			}
			stream := g.client.StreamInstances(t.Context(), req)
			for range stream.C {
				t.Error("an instance")
			}
			if err := stream.Err(); !errors.Is(err, ecs.ErrInvalidParameter) || g.dialed() != 0 {
				t.Errorf("stream: %v", err)
			}
		}
	}},
	{id: "B05", name: "ids_not_json", what: "ids that contain JSON syntax", run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).ok)
		defer g.finish()
		if _, err := g.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{InstanceIDs: []string{`i-1","i-2`, `[]`}}); err != nil {
			t.Fatal(err)
		}
		if got := g.requests[0].query().Get("InstanceIds"); got != `["i-1\",\"i-2","[]"]` {
			t.Error(got)
		}
	}},
}

// TestOtherProcess is run by other tests in a separate process. It does nothing in a normal test run.
func TestOtherProcess(t *testing.T) {
	t.Parallel()
	switch os.Getenv("ECS_OTHER_PROCESS") {
	case "debug":
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("InstanceName") == "bad" {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, apiError("Forbidden.RAM", "no"))
				return
			}
			_, _ = io.WriteString(w, page(1))
		}))
		defer api.Close()
		uri, err := credentials.NewCredential(new(credentials.Config).SetType("credentials_uri").SetURLCredential(os.Getenv("KEYS")))
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for _, p := range []ecs.CredentialsProvider{ecs.StaticCredentials(plantedID, plantedSecret, plantedToken), ecs.CredentialsFrom(uri)} {
			for _, s := range []signer.Signer{signer.V1{}, signer.V3{}} {
				client, err := ecs.NewClient("cn-test", &ecs.Options{Endpoint: api.URL, Credentials: p, Signer: s})
				if err != nil {
					t.Fatal(err)
				}
				if _, err = client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{}); err != nil {
					t.Error(err)
				}
				_, err = client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{InstanceName: "bad"})
				t.Logf("%v %+v", err, client)
				calls++
			}
		}
		t.Logf("made %d calls", calls)
	case "proxy":
		client, err := ecs.NewClient("cn-test", &ecs.Options{Endpoint: "https://ecs.proxied.test", Credentials: ecs.StaticCredentials(plantedID, plantedSecret, plantedToken)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{})
		t.Logf("error: %v %+v %#v", err, err, err)
		choose := transport.NewHTTPClient().Transport.(*http.Transport).Proxy
		for _, host := range []string{"ecs.proxied.test", "ecs.direct.test"} {
			u, _ := choose(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+"/", nil))
			t.Logf("%s by proxy: %v", host, u != nil)
		}
	default:
		t.Skip("runs only in a separate process started by TestFault")
	}
}

// inProcess runs TestOtherProcess in a separate process and returns the process's output.
func inProcess(t *testing.T, what string, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestOtherProcess$", "-test.v")
	cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(e), "=")
		return strings.HasSuffix(name, "_PROXY") || name == "DEBUG"
	})
	cmd.Env = append(cmd.Env, append(env, "ECS_OTHER_PROCESS="+what)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// nameServer returns a resolver that knows only the given A records.
func nameServer(records map[string][]string) *net.Resolver {
	serve := func(c *conn) {
		for {
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			q := make([]byte, binary.BigEndian.Uint16(size[:]))
			if _, err := io.ReadFull(c, q); err != nil {
				return
			}
			name, end := "", 12
			for q[end] != 0 {
				name += string(q[end+1:end+1+int(q[end])]) + "."
				end += 1 + int(q[end])
			}
			question := q[12 : end+5]
			addrs, known := records[strings.TrimSuffix(name, ".")]
			flags := uint16(0x8180)
			if !known {
				flags = 0x8183 // response with the code NXDOMAIN
			}
			if q[end+2] != 1 { // not a query for A records
				addrs = nil
			}
			a := binary.BigEndian.AppendUint16(slices.Clone(q[:2]), flags)
			for _, count := range []int{1, len(addrs), 0, 0} {
				a = binary.BigEndian.AppendUint16(a, uint16(count))
			}
			a = append(a, question...)
			for _, addr := range addrs {
				a = append(append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4), net.ParseIP(addr).To4()...)
			}
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
		}
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		n := newNetwork()
		n.listen(addr, serve)
		return n.dial(ctx, network, addr)
	}}
}

// overHTTP2 serves https://ecs.test over HTTP/2. If frames is not nil, the server sends these bytes in response to the
// first request. The function last returns the server's side of the latest connection.
func overHTTP2(t *testing.T, v variant, frames []byte, serve http.HandlerFunc) (g *rig, last func() *conn) {
	g = newRig(t, v, nil, hosted)
	ca := newAuthority(t)
	ca.trust(g)
	config := ca.server(t, "ecs.test", func(_ *x509.Certificate, c *tls.Config) { c.NextProtos = []string{"h2"} })
	l := newListener()
	var mu sync.Mutex
	var conns []*conn
	g.listen("ecs.test:443", func(c *conn) {
		mu.Lock()
		conns = append(conns, c)
		first := len(conns) == 1
		mu.Unlock()
		if !first || frames == nil {
			l.take(c)
			return
		}
		s := tls.Server(c, config)
		_, _ = s.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0}) // an empty SETTINGS frame
		seen := []byte{}
		// Read until the client has sent a HEADERS frame, which has the type 1.
		for b := make([]byte, 4<<10); !slices.Contains(frameTypes(seen), 1); {
			n, err := s.Read(b)
			if err != nil {
				return
			}
			seen = append(seen, b[:n]...)
		}
		_, _ = s.Write(frames)
		time.Sleep(time.Second)
	})
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.requests = append(g.requests, &exchange{Request: r, n: len(g.requests) + 1, time: time.Now()})
		g.mu.Unlock()
		if r.ProtoMajor != 2 {
			t.Errorf("%s", r.Proto)
		}
		g.verify(r)
		serve(w, r)
	})}
	go server.Serve(tls.NewListener(l, config)) //nolint:errcheck // ends with the test
	t.Cleanup(func() { _ = server.Close() })
	return g, func() *conn {
		mu.Lock()
		defer mu.Unlock()
		return conns[len(conns)-1]
	}
}

// frameTypes returns the types of the HTTP/2 frames that a client has sent.
func frameTypes(b []byte) (types []byte) {
	b = []byte(strings.TrimPrefix(string(b), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	for len(b) >= 9 {
		types = append(types, b[3])
		b = b[min(len(b), 9+int(b[0])<<16+int(b[1])<<8+int(b[2])):]
	}
	return types
}

func ok2(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page(1)) }

// dryRun returns a handler that sends the given response to a dry run, and an empty page to other requests.
func dryRun(status int, body string) func(*exchange) {
	return func(x *exchange) {
		if x.query().Get("DryRun") == "true" {
			x.answer(status, body)
			return
		}
		x.answer(200, page(0))
	}
}

// endOf reads a listing to its end and returns its last error.
func endOf[T any](items iter.Seq2[T, error]) (err error) {
	for _, err = range items {
	}
	return err
}

func doubting(_ *rig, o *ecs.Options) { o.TrustEmpty = false }

var moreFaults = []fault{
	{id: "N01", name: "token_cycle", what: "NextToken repeats in a cycle: A, B, A", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) {
			if x.n > 10 { // otherwise, a client that ignores the repeated tokens would never stop
				x.fail(400, "InvalidParameter")
				return
			}
			x.answer(200, page(1, map[string]string{"": "A", "A": "B", "B": "A"}[x.query().Get("NextToken")]))
		})
		defer g.finish()
		ids, err := g.list()
		if !errors.Is(err, pagination.ErrTokenLoop) || g.requestCount() != 3 || !slices.Equal(ids, []string{"i-A000000", "i-B000000"}) {
			t.Errorf("%d pages, %v, %v", g.requestCount(), ids, err)
		}
	}},
	{id: "N02", name: "page_fails", what: "every attempt for page 3 fails", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, pages(5, func(x *exchange, p int) bool {
			if p == 3 {
				x.fail(500, "InternalError")
			}
			return p == 3
		}))
		defer g.finish()
		ids, err := g.list()
		if !errors.Is(err, ecs.ErrUnavailable) || !slices.Equal(ids, idsOf(1, 2)) {
			t.Errorf("%v, %v", ids, err)
		}
		stream := g.client.StreamInstances(t.Context(), ecs.DescribeInstancesRequest{})
		ids = nil
		for inst := range stream.C {
			ids = append(ids, inst.InstanceID)
		}
		if err = stream.Err(); !errors.Is(err, ecs.ErrUnavailable) || !slices.Equal(ids, idsOf(1, 2)) {
			t.Errorf("%v, %v", ids, err)
		}
	}},
	{id: "N03", name: "consumer_stops", what: "the consumer stops after one item", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, pages(1000, nil))
		defer g.finish()
		for range g.client.Instances(t.Context(), ecs.DescribeInstancesRequest{}) {
			break
		}
		if g.requestCount() != 1 {
			t.Errorf("got %d requests", g.requestCount())
		}
		ctx, cancel := context.WithCancel(t.Context())
		<-g.client.StreamInstances(ctx, ecs.DescribeInstancesRequest{}).C
		cancel()
		stream := g.client.StreamInstances(t.Context(), ecs.DescribeInstancesRequest{})
		<-stream.C
		stream.Stop()
		if err := stream.Err(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		n := g.requestCount()
		time.Sleep(time.Minute)
		if g.requestCount() != n { // in addition, synctest fails if a goroutine leaks
			t.Errorf("%d requests afterwards", g.requestCount()-n)
		}
	}},
	{id: "N04", name: "cancelled_between_pages", what: "the context is canceled between pages", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, pages(5, nil))
		defer g.finish()
		ctx, cancel := context.WithCancel(t.Context())
		var last error
		n := 0
		for _, err := range g.client.Instances(ctx, ecs.DescribeInstancesRequest{}) {
			if n++; n == 3 {
				cancel()
			}
			last = err
		}
		g.note(last)
		if !errors.Is(last, context.Canceled) || g.requestCount() != 2 {
			t.Errorf("%d requests: %v", g.requestCount(), last)
		}
		cancel()
	}},
	{id: "N05", name: "empty_pages", what: "empty pages with a NextToken", once: true, run: func(t *testing.T, v variant) {
		count := func(x *exchange) int { n := 0; _, _ = fmt.Sscanf(x.query().Get("NextToken"), "t%d", &n); return n + 1 }
		g := newRig(t, v, func(x *exchange) {
			if n := count(x); n <= 90 {
				x.answer(200, page(0, fmt.Sprint("t", n)))
				return
			}
			x.ok()
		})
		if ids, err := g.list(); err != nil || len(ids) != 1 || g.requestCount() != 91 {
			t.Errorf("%d requests, %v, %v", g.requestCount(), ids, err)
		}
		g.finish()
		g = newRig(t, v, func(x *exchange) {
			if x.n > 200 { // otherwise, a client that accepts any number of empty pages would never stop
				x.fail(400, "InvalidParameter")
				return
			}
			x.answer(200, page(0, fmt.Sprint("t", count(x))))
		})
		if ids, err := g.list(); !errors.Is(err, pagination.ErrEmptyPages) || len(ids) != 0 || g.requestCount() > 110 {
			t.Errorf("%d requests, %v, %v", g.requestCount(), ids, err)
		}
		g.finish()
	}},
	{id: "N06", name: "moved_instance", what: "the same instance on two pages", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) {
			if x.n == 1 {
				x.answer(200, `{"Instances":{"Instance":[{"InstanceId":"i-a"},{"InstanceId":"i-b"}]},"NextToken":"t"}`)
				return
			}
			x.answer(200, `{"Instances":{"Instance":[{"InstanceId":"i-b"},{"InstanceId":"i-c"},{"InstanceId":"i-c"}]}}`)
		})
		defer g.finish()
		if ids, err := g.list(); err != nil || !slices.Equal(ids, []string{"i-a", "i-b", "i-c"}) {
			t.Errorf("%v, %v", ids, err)
		}
	}},
	{id: "N08", name: "odd_token", what: "NextToken of 1 MiB (128 KiB with -short), or with control bytes", once: true, run: func(t *testing.T, v variant) {
		odd := "a\x00\x01\r\n&=+ %\u00e4"
		g := newRig(t, v, func(x *exchange) {
			if token := x.query().Get("NextToken"); token != "" {
				if token != odd {
					t.Errorf("the token came back as %q", token)
				}
				x.ok()
				return
			}
			x.answer(200, `{"Instances":{"Instance":[]},"NextToken":"a\u0000\u0001\r\n&=+ %ä"}`)
		})
		if ids, err := g.list(); err != nil || len(ids) != 1 {
			t.Errorf("%v, %v", ids, err)
		}
		g.finish()
		g = newRig(t, v, always(200, page(1, strings.Repeat("x", volume(1<<20, 128<<10)))))
		if ids, err := g.list(); err == nil || len(ids) != 0 || len(err.Error()) > 64<<10 {
			t.Errorf("%v, %v", ids, err)
		}
		g.finish()
	}},
	{id: "N09", name: "slow_consumer", what: "slow consumer, fast server", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, func(x *exchange) { x.answer(200, page(100, fmt.Sprint("t", x.n))) })
		defer g.finish()
		stream := g.client.StreamInstances(t.Context(), ecs.DescribeInstancesRequest{})
		for n := 1; n <= 1000; n++ {
			<-stream.C
			time.Sleep(time.Second)
			if most := (n+99)/100 + 1; g.requestCount() > most {
				t.Fatalf("%d pages were fetched for %d instances", g.requestCount(), n)
			}
		}
		stream.Stop()
		if err := stream.Err(); err != nil {
			t.Error(err)
		}
	}},
	{id: "N10", name: "empty_because_denied", what: "empty list because the permission is missing", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, dryRun(403, apiError("Forbidden.RAM", "no")), doubting)
		if ids, err := g.list(); !errors.Is(err, ecs.ErrForbidden) || len(ids) != 0 || g.requestCount() != 2 {
			t.Errorf("denied: %v, %v", ids, err)
		}
		g.finish()
		g = newRig(t, v, dryRun(400, apiError("DryRunOperation", "would succeed")), doubting)
		if ids, err := g.list(); err != nil || len(ids) != 0 || g.requestCount() != 3 {
			t.Errorf("none: %v, %v", ids, err)
		}
		g.finish()
	}},
	{id: "N11", name: "dry_run_answers", what: "responses to a dry run: 400 DryRunOperation, 403 Forbidden.RAM, 200", once: true, run: func(t *testing.T, v variant) {
		for _, c := range []struct {
			status int
			body   string
			is     error
			text   string
		}{
			{400, apiError("DryRunOperation", "m"), nil, ""},
			{200, apiError("DryRunOperation", "m"), nil, ""},
			{403, apiError("Forbidden.RAM", "m"), ecs.ErrForbidden, "Forbidden.RAM"},
			{404, apiError("InvalidStatus.NotFound", "m"), ecs.ErrInvalidParameter, "InvalidStatus"},
			{200, page(1), nil, "ignored DryRun"},
		} {
			g := newRig(t, v, dryRun(c.status, c.body))
			err := g.client.DryRun(t.Context(), ecs.DescribeInstancesRequest{})
			g.note(err)
			if (err == nil) != (c.text == "") || err != nil && !strings.Contains(err.Error(), c.text) || c.is != nil && !errors.Is(err, c.is) || errors.Is(err, ecs.ErrForbidden) != (c.is == ecs.ErrForbidden) {
				t.Errorf("%d %s: %v", c.status, c.body, err)
			}
			g.finish()
		}
	}},
	{id: "N12", name: "empty_ids", what: "empty InstanceIds and nil InstanceIds", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, page(0)), doubting)
		defer g.finish()
		for _, ids := range [][]string{{}, nil} {
			if _, err := g.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{InstanceIDs: ids}); err != nil {
				t.Fatal(err)
			}
		}
		if q := g.requests[0].query(); q.Get("InstanceIds") != "[]" {
			t.Errorf("empty: %v", q)
		}
		if q := g.requests[1].query(); q.Has("InstanceIds") {
			t.Errorf("nil: %v", q)
		}
		before := g.requestCount()
		if ids, err := g.list(ecs.DescribeInstancesRequest{InstanceIDs: []string{}}); err != nil || len(ids) != 0 || g.requestCount() > before+1 {
			t.Errorf("%d requests, %v, %v", g.requestCount()-before, ids, err)
		}
	}},
	{id: "N13", name: "too_many_ids", what: "101 InstanceIds; MaxResults 9 and 101", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).ok)
		defer g.finish()
		req := ecs.DescribeInstancesRequest{}
		for i := range 101 {
			req.InstanceIDs = append(req.InstanceIDs, fmt.Sprint("i-", i))
		}
		if _, err := g.client.DescribeInstances(t.Context(), req); !errors.Is(err, ecs.ErrInvalidParameter) || g.requestCount() != 0 {
			t.Errorf("got %d requests and error %v", g.requestCount(), err)
		}
		if _, err := g.list(req); err != nil || g.requestCount() != 2 {
			t.Errorf("got %d requests and error %v", g.requestCount(), err)
		}
		for i, n := range []int{9, 101} {
			if _, err := g.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{MaxResults: n}); err != nil || g.requests[2+i].query().Get("MaxResults") != fmt.Sprint(n) {
				t.Error(err)
			}
		}
	}},
	{id: "N14", name: "both_kinds_of_paging", what: "NextToken with PageNumber or PageSize", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, (*exchange).ok)
		defer g.finish()
		for _, req := range []ecs.DescribeInstancesRequest{{NextToken: "t", PageNumber: 1}, {NextToken: "t", PageSize: 10}, {MaxResults: 10, PageSize: 10}} {
			if _, err := g.client.DescribeInstances(t.Context(), req); !errors.Is(err, ecs.ErrInvalidParameter) || g.requestCount() != 0 {
				t.Errorf("%v", err)
			}
		}
	}},
	{id: "N15", name: "nil_arguments", what: "nil context, nil options, options changed after NewClient", run: func(t *testing.T, v variant) {
		var options *ecs.Options
		g := newRig(t, v, (*exchange).ok, func(_ *rig, o *ecs.Options) { options = o })
		defer g.finish()
		var ctx context.Context
		_, err := g.client.DescribeInstances(ctx, ecs.DescribeInstancesRequest{})
		if !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), "ctx") {
			t.Error(err)
		}
		req, byTag := ecs.DescribeInstancesRequest{}, ecs.ListTagResourcesRequest{ResourceType: "instance", Tags: []ecs.Tag{{Key: "k"}}}
		stream := g.client.StreamInstances(ctx, req)
		for range stream.C {
			t.Error("got an instance")
		}
		_, ofRegions := g.client.DescribeRegions(ctx, ecs.DescribeRegionsRequest{})
		_, ofIDs := g.client.GetInstances(ctx, "i-1")
		_, ofID := g.client.GetInstance(ctx, "i-1")
		_, ofStatus := g.client.WaitForStatus(ctx, ecs.InstanceStatusRunning, "i-1")
		for what, err := range map[string]error{
			"Instances": endOf(g.client.Instances(ctx, req)), "InstancePages": endOf(g.client.InstancePages(ctx, req)), "StreamInstances": stream.Err(),
			"ScanInstances": endOf(g.client.ScanInstances(ctx, req, nil)), "InstancesInRegions": endOf(g.client.InstancesInRegions(ctx, nil, req, nil)),
			"InstancesInRegions of two": endOf(g.client.InstancesInRegions(ctx, []string{"cn-a", "cn-b"}, req, nil)), "ListTagResources": endOf(g.client.ListTagResources(ctx, byTag)),
			"GetInstances": ofIDs, "GetInstance": ofID, "DescribeRegions": ofRegions, "WaitForStatus": ofStatus, "WaitUntilGone": g.client.WaitUntilGone(ctx, "i-1"),
			"DryRun": g.client.DryRun(ctx, req), "Call": g.client.Call(ctx, "DescribeZones", nil, nil),
		} {
			if !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), "ctx") {
				t.Errorf("%s: %v", what, err)
			}
		}
		if g.dialed() != 0 {
			t.Errorf("%d dials", g.dialed())
		}
		*options = ecs.Options{Endpoint: "https://elsewhere.test"}
		g.succeeds(1)
		if c, err := ecs.NewClient("cn-test", nil); err != nil || c.Region() != "cn-test" {
			t.Error(err)
		}
	}},
	{id: "N16", name: "shared_request", what: "the same request used by 100 goroutines", once: true, run: func(t *testing.T, v variant) {
		g := newRig(t, v, pages(3, nil))
		defer g.finish()
		req := ecs.DescribeInstancesRequest{
			Tags: []ecs.Tag{{Key: "k", Value: "v"}}, InstanceIDs: []string{"i-2", "i-1", "i-2"}, IOOptimized: ptr(true), AdditionalAttributes: []ecs.AdditionalAttribute{"META_OPTIONS"},
			CreatedAfter: time.Now(), HTTPPutResponseHopLimit: ptr(2),
		}
		before := fmt.Sprintf("%+v %v %v", req, *req.IOOptimized, *req.HTTPPutResponseHopLimit)
		kept := req
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				for _, err := range g.client.Instances(t.Context(), req) {
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if !reflect.DeepEqual(req, kept) || before != fmt.Sprintf("%+v %v %v", req, *req.IOOptimized, *req.HTTPPutResponseHopLimit) {
			t.Errorf("the request became %+v", req)
		}
	}},
	{id: "N17", name: "callers_at_expiry", what: "100 concurrent calls when the key expires", once: true, run: func(t *testing.T, v variant) {
		var fetches atomic.Int64
		g := newRig(t, v, func(x *exchange) {
			if strings.Contains(x.URL.RawQuery+x.Header.Get("Authorization"), "rotatingid1") && x.time.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) > time.Minute {
				x.fail(403, "InvalidSecurityToken.Expired")
				return
			}
			x.ok()
		}, func(_ *rig, o *ecs.Options) {
			var cached atomic.Int64
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) {
				if cached.Load() == 0 || time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) > time.Minute && cached.Load() == 1 {
					time.Sleep(time.Second)
					cached.Store(fetches.Add(1))
				}
				return rotating(int(cached.Load())), nil
			})
		})
		defer g.finish()
		if failed := g.many(t.Context(), 100, 100); failed != 0 || fetches.Load() != 1 {
			t.Errorf("%d failed, %d fetches", failed, fetches.Load())
		}
		time.Sleep(2 * time.Minute)
		if failed := g.many(t.Context(), 100, 100); failed != 0 || fetches.Load() != 2 {
			t.Errorf("%d failed, %d fetches", failed, fetches.Load())
		}
	}},
	{id: "N18", name: "last_good_key", what: "the provider fails for less than 150 s", once: true, run: func(t *testing.T, v variant) {
		n := 0
		g := newRig(t, v, (*exchange).ok, func(_ *rig, o *ecs.Options) {
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) {
				if n++; n > 1 {
					return signer.Credentials{}, errors.New("down: AccessKeySecret=" + rotating(1).AccessKeySecret)
				}
				return rotating(1), nil
			})
		})
		defer g.finish()
		g.succeeds(1)
		for range 14 {
			time.Sleep(10 * time.Second)
			g.succeeds(1)
		}
		if warned := strings.Count(g.log.String(), `"level":"WARN"`); warned == 0 || n < 2 {
			t.Errorf("%d warnings after %d calls of the provider", warned, n)
		}
		time.Sleep(19 * time.Second) // at this time, the provider has failed for 149 s
		g.succeeds(1)
		time.Sleep(6 * time.Second) // the provider is not called for 5 s after a failure
		if err := g.fails(t.Context(), 0); !errors.Is(err, ecs.ErrCredentials) {
			t.Error(err)
		}
	}},
	{id: "N19", name: "unusable_key", what: "the provider returns an empty key, or a key with white space", once: true, run: func(t *testing.T, v variant) {
		for _, key := range []signer.Credentials{{}, {AccessKeyID: "id"}, {AccessKeyID: "id\n", AccessKeySecret: "s"}, {AccessKeyID: "id", AccessKeySecret: " s"}, {AccessKeyID: "id", AccessKeySecret: "s", SecurityToken: "t\r\nX: y"}} {
			p := providerFunc(func(context.Context) (signer.Credentials, error) { return key, nil })
			g := newRig(t, v, (*exchange).ok, func(_ *rig, o *ecs.Options) { o.Credentials = p })
			if err := g.fails(t.Context(), 0); !errors.Is(err, ecs.ErrCredentials) || g.dialed() != 0 {
				t.Errorf("%q: %v", key.AccessKeyID, err)
			}
			g.finish()
		}
	}},
	{id: "N20", name: "token_expires_in_listing", what: "the security token expires during a listing, and the provider returns a new key", run: func(t *testing.T, v variant) {
		n := 1
		g := newRig(t, v, pages(5, func(x *exchange, p int) bool {
			if p >= 3 && strings.Contains(x.URL.RawQuery+x.Header.Get("Authorization"), "rotatingid1") {
				n = 2
				x.fail(403, "InvalidSecurityToken.Expired")
				return true
			}
			return false
		}), func(_ *rig, o *ecs.Options) {
			o.Credentials = providerFunc(func(context.Context) (signer.Credentials, error) { return rotating(n), nil })
		})
		defer g.finish()
		if ids, err := g.list(); err != nil || !slices.Equal(ids, idsOf(1, 5)) || g.requestCount() != 6 {
			t.Errorf("%d requests, %v, %v", g.requestCount(), ids, err)
		}
	}},
	{id: "N21", name: "hostile_date", what: "a Date header of 1970 or 2099, with Age, or missing", run: func(t *testing.T, v variant) {
		off := 30 * time.Minute
		for name, date := range map[string]func(time.Time) []string{
			"1970":   func(time.Time) []string { return []string{"Date", "Thu, 01 Jan 1970 00:00:00 GMT"} },
			"2099":   func(time.Time) []string { return []string{"Date", "Thu, 01 Jan 2099 00:00:00 GMT"} },
			"absent": func(time.Time) []string { return nil },
			"cached": func(now time.Time) []string { return append(dated(now), "Age", "60") },
			"local":  func(now time.Time) []string { return dated(now.Add(-off)) },
		} {
			g := newRig(t, v, strict(func() time.Duration { return off }, date))
			if err := g.fails(t.Context(), 1); err.Code != "InvalidTimeStamp.Expired" || !errors.Is(err, ecs.ErrCredentials) || !strings.Contains(err.Error(), "clock") {
				t.Errorf("%s: %v", name, err)
			}
			g.finish()
		}
		// The Date header may change the timestamp only if the error code reports a wrong time.
		g := newRig(t, v, func(x *exchange) { x.fail(500, "InternalError", dated(time.Now().Add(5*time.Hour))...) })
		_ = g.fails(t.Context(), 5)
		for _, x := range g.requests {
			if x.timestamp().Sub(x.time).Abs() > time.Minute {
				t.Errorf("signed for %v at %v", x.timestamp(), x.time)
			}
		}
		g.finish()
	}},
	{id: "N24", name: "bad_certificates", what: "certificate for another host, expired or not yet valid; TLS 1.1", run: func(t *testing.T, v variant) {
		for _, c := range []struct {
			text string
			edit func(*x509.Certificate, *tls.Config)
		}{
			{"not elsewhere.test", nil},
			{"expired", func(c *x509.Certificate, _ *tls.Config) {
				c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
			}},
			{"not yet valid", func(c *x509.Certificate, _ *tls.Config) {
				c.NotBefore, c.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
			}},
			{"TLS 1.2", oldTLS},
		} {
			if c.edit == nil {
				c.text, c.edit = "elsewhere.test", func(c *x509.Certificate, _ *tls.Config) { c.DNSNames = []string{"elsewhere.test"} }
			}
			refusesTLS(c.text, c.edit)(t, v)
		}
	}},
	{id: "N25", name: "http2", what: "HTTP/2: GOAWAY, truncated stream, peer that vanishes without FIN", run: func(t *testing.T, v variant) {
		if v != variants[0] && strings.HasPrefix(runtime.Version(), "go1.25") {
			t.Skip("HTTP/2 servers of Go 1.25 share channels, which different synctest bubbles must not do")
		}
		goAway := func(last byte) []byte { return []byte{0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, 0} }
		for name, frames := range map[string][]byte{"GOAWAY, not seen": goAway(0), "GOAWAY, then FIN": goAway(1), "FIN": {}, "garbage": []byte("garbage of a proxy")} {
			g, _ := overHTTP2(t, v, frames, ok2)
			g.succeeds(1) // 1, because the server has recorded only the second of two requests
			if g.dialed() != 2 {
				t.Errorf("%s: %d dials", name, g.dialed())
			}
			g.finish()
		}
		g, _ := overHTTP2(t, v, nil, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Millisecond)
			w.Header().Set("Connection", "close") // the server sends GOAWAY after this response
			ok2(w, r)
		})
		if failed := g.many(t.Context(), 10, 100); failed != 0 {
			t.Errorf("%d of 100 calls failed after GOAWAY", failed)
		}
		time.Sleep(5 * time.Second)
		g.finish()

		g, last := overHTTP2(t, v, nil, ok2)
		g.succeeds(1)
		last().vanish()
		g.start = time.Now()
		g.succeeds(1)
		// A client from NewHTTPClient sends HTTP/2 pings and therefore notices sooner that the server is gone.
		g.within(map[bool]string{true: "10s", false: "20s"}[v.own])
		if n := len(g.attempts); n != 3 || g.dialed() != 2 {
			t.Errorf("%d attempts, %d dials", n, g.dialed())
		}
		g.finish()
	}},
	{id: "N26", name: "first_address_dead", what: "two A records, the first address does not respond", real: true, run: func(t *testing.T, v variant) {
		ca := newAuthority(t)
		server := httptest.NewUnstartedServer(http.HandlerFunc(ok2))
		server.TLS = ca.server(t, "two.test")
		server.StartTLS()
		defer server.Close()
		_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
		resolver := nameServer(map[string][]string{"two.test": {"127.0.0.2", "127.0.0.1"}})
		// The process-wide resolver must be initialized outside the synctest bubble.
		_, _ = resolver.LookupHost(t.Context(), "one.test")
		synctest.Test(t, func(t *testing.T) {
			v.bubble = true
			g := newRig(t, v, nil, func(_ *rig, o *ecs.Options) { o.Endpoint = "https://two.test:" + port })
			ca.trust(g)
			d := transport.NewDialer()
			d.Resolver = resolver
			hung := false
			d.ControlContext = func(ctx context.Context, _, addr string, _ syscall.RawConn) error {
				// The connection attempt hangs, as if its SYN packets were dropped.
				if strings.HasPrefix(addr, "127.0.0.2:") {
					hung = true
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}
			g.http.Transport.(*http.Transport).DialContext = d.DialContext
			if _, err := g.get(t.Context()); err != nil || !hung || len(g.attempts) != 1 {
				t.Errorf("hung %v, %d attempts, %v", hung, len(g.attempts), err)
			}
			g.within("5s")
			g.finish()
		})
	}},
	{id: "N27", name: "proxies", what: "a proxy that responds with 407, 403 or 503, or closes the connection", run: func(t *testing.T, v variant) {
		for _, c := range []struct {
			status   string
			attempts int
			text     string
		}{{"407 Proxy Authentication Required", 1, "user name and password"}, {"403 Forbidden", map[bool]int{true: 1, false: 5}[v.own], "Forbidden"}, {"503 Service Unavailable", 5, "Unavailable"}, {"", 5, "EOF"}} {
			g := tlsHost(t, v, (*exchange).ok)
			g.proxy("proxy.test:3128", func(p io.ReadWriteCloser) bool {
				if c.status != "" {
					_, _ = io.WriteString(p, "HTTP/1.1 "+c.status+"\r\nContent-Length: 0\r\n\r\n")
				}
				_ = p.Close()
				return true
			})
			if err := g.fails(t.Context(), 0); err.Attempts != c.attempts || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v", c.status, err)
			}
			g.finish()
		}
		g := tlsHost(t, v, (*exchange).ok)
		defer g.finish()
		dropped := false
		g.proxy("proxy.test:3128", func(p io.ReadWriteCloser) bool {
			if dropped {
				return false
			}
			dropped = true
			_ = p.Close()
			return true
		})
		g.succeeds(1)
	}},
	{id: "N27b", name: "proxy_variables", what: "HTTPS_PROXY and NO_PROXY in the environment", once: true, real: true, run: func(t *testing.T, _ variant) {
		var seen atomic.Value
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen.Store(r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization"))
			w.WriteHeader(http.StatusProxyAuthRequired)
		}))
		defer proxy.Close()
		out := inProcess(t, "proxy", "HTTPS_PROXY="+strings.Replace(proxy.URL, "://", "://user:proxypassword@", 1), "NO_PROXY=.direct.test")
		if got, _ := seen.Load().(string); !strings.HasPrefix(got, "CONNECT ecs.proxied.test:443 Basic ") {
			t.Errorf("the proxy received %q", got)
		}
		if !strings.Contains(out, "407") || !strings.Contains(out, "ecs.proxied.test by proxy: true") || !strings.Contains(out, "ecs.direct.test by proxy: false") {
			t.Errorf("%s", out)
		}
		searchSecrets(t, []string{out}, []string{"proxypassword", plantedID, plantedSecret, plantedToken})
	}},
	{id: "N28", name: "clock_jumps", what: "the clock jumps by an hour during the backoff", run: func(t *testing.T, v variant) {
		// The test moves the server's clock instead of the local clock, which has the same effect on timestamps.
		jump := time.Duration(0)
		ok := strict(func() time.Duration { return jump }, dated)
		g := newRig(t, v, func(x *exchange) {
			if x.n == 1 {
				jump = time.Hour
				x.fail(503, "ServiceUnavailable", "Retry-After", "5")
				return
			}
			ok(x)
		})
		defer g.finish()
		g.succeeds(3)
		if g.elapsed() < 5*time.Second || g.elapsed() > 6*time.Second {
			t.Errorf("took %v", g.elapsed())
		}
	}},
	{id: "N29", name: "soak", what: "six virtual minutes with 1 % resets, 1 % 5xx, a quota and key rotation (an hour in TestSoak)", once: true, run: func(t *testing.T, v variant) {
		soak(t, v, 6*time.Minute, func(int) {})
	}},
	{id: "N30", name: "printed_values", what: "values of every exported type printed by fmt, slog and encoding/json", once: true, real: true, run: func(t *testing.T, _ variant) { printEverything(t) }},
	{id: "N31", name: "random_answers", what: "random bodies, error bodies and headers", once: true, run: func(t *testing.T, v variant) {
		random := rand.New(rand.NewPCG(1, 2))
		corpus := []string{page(3, "t"), apiError("InternalError", "m"), gatewayHTML, `<?xml version="1.0"?><Error><Code>C</Code></Error>`, `{"Instances":{"Instance":[{}]}}`, "null", "[]", `""`}
		g := newRig(t, v, func(x *exchange) {
			body := []byte(corpus[random.IntN(len(corpus))])
			for range random.IntN(5) {
				at := random.IntN(len(body))
				switch random.IntN(3) {
				case 0:
					body[at] = byte(random.Uint32())
				case 1:
					body = slices.Insert(body, at, body[:at]...)
				default:
					body = append(body[:at], body[at+random.IntN(len(body)-at):]...)
				}
				if len(body) == 0 {
					body = []byte("{")
				}
			}
			header := func() string {
				return strings.Map(func(r rune) rune { return max(r, ' ') }, fmt.Sprint(random.Int64(), string(rune(random.IntN(0x3000)))))
			}
			x.answer([]int{200, 200, 200, 400, 404, 500}[random.IntN(6)], string(body), "X-Acs-Request-Id", header(), "Date", header(), "X-RateLimit-User", "TimeLeft:"+header(), "Age", header())
		}, func(_ *rig, o *ecs.Options) { o.Retry.MaxAttempts = 1 })
		defer g.finish()
		for range volume(400, 100) {
			if resp, err := g.get(t.Context()); err == nil {
				for _, inst := range resp.Instances {
					if inst.InstanceID == "" {
						t.Error("got an instance without an id")
					}
				}
			}
		}
	}},
	{id: "N32", name: "signatures", what: "random parameters: the signature is correct, and every request has its own string to sign", run: func(t *testing.T, v variant) {
		g := newRig(t, v, always(200, `{}`))
		defer g.finish()
		random := rand.New(rand.NewPCG(3, 4))
		text := func() string {
			alphabet := []rune("ab01-_.~ +&=%*/?#\x00\r\né中😀")
			s := ""
			for range random.IntN(6) {
				s += string(alphabet[random.IntN(len(alphabet))])
			}
			return s
		}
		seen := map[string]url.Values{}
		for range 300 {
			params := url.Values{}
			for range random.IntN(5) {
				params.Set("P"+text(), text())
			}
			// The server verifies the signature.
			if err := g.client.Call(t.Context(), "DescribeZones", params, nil); err != nil {
				t.Fatal(err)
			}
			s := signer.StringToSign("POST", params)
			if other, ok := seen[s]; ok && !reflect.DeepEqual(other, params) {
				t.Errorf("%q and %q have the same string to sign", other, params)
			}
			seen[s] = params
		}
	}},
	{id: "N34", name: "never_a_final_answer", what: "no final response: 100 repeatedly, 101 and then nothing, a request that is not read", run: func(t *testing.T, v variant) {
		for name, serve := range map[string]func(*exchange){
			"100 repeatedly": func(x *exchange) {
				for x.pause(50 * time.Millisecond) {
					x.raw("HTTP/1.1 100 Continue\r\n\r\n")
				}
			},
			"101 and then nothing": func(x *exchange) {
				x.raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h\r\n\r\n")
				x.hang()
			},
		} {
			g := newRig(t, v, serve)
			_ = g.fails(t.Context(), -1)
			if g.elapsed() > 31*time.Second {
				t.Errorf("%s: took %v", name, g.elapsed())
			}
			g.finish()
		}
		g := newRig(t, v, nil)
		g.listen("127.0.0.1:80", (*conn).ignore)
		if err := g.fails(t.Context(), 0); !isTimeout(err) || g.elapsed() > 31*time.Second {
			t.Errorf("%v", err)
		}
		g.finish()
	}},
	{id: "N35", name: "odd_statuses", what: "unusual statuses such as 300, 304, 418, 600 and 999; a redirect loop", once: true, run: func(t *testing.T, v variant) {
		for _, status := range []int{300, 304, 305, 399, 418, 451, 501, 505, 600, 999} {
			g := newRig(t, v, always(status, ""))
			if err := g.fails(t.Context(), 1); err.StatusCode != status {
				t.Errorf("%d: %v", status, err)
			}
			g.finish()
		}
		g := newRig(t, v, always(302, "", "Location", "/"))
		if err := g.fails(t.Context(), 1); err.StatusCode != 302 {
			t.Errorf("%v", err)
		}
		g.finish()
	}},
}
