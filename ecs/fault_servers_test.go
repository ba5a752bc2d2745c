package ecs_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/internal/transport"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// network is an in-memory network that simulates connection faults in virtual time. Unlike net.Pipe, it supports
// resets, vanished peers and write buffers.
type network struct {
	mu    sync.Mutex
	serve map[string]func(*conn) // handlers by address, each running in its own goroutine
	conns []*conn                // the clients' ends of the connections
	peers []*conn                // the servers' ends of the connections
	dials int
}

func newNetwork() *network { return &network{serve: map[string]func(*conn){}} }

// listen registers serve for connections to addr.
func (n *network) listen(addr string, serve func(*conn)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.serve[addr] = serve
}

// dial connects to the handler registered for addr. If addr is unknown, the connection is refused. If the handler is
// nil, dial hangs until ctx is done.
func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	serve, ok := n.serve[addr]
	n.dials++
	n.mu.Unlock()
	switch {
	case !ok:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: address(addr), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case serve == nil:
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: address(addr), Err: ctx.Err()}
	}
	up, down := newHalf(), newHalf()
	client, server := &conn{in: down, out: up, name: addr}, &conn{in: up, out: down, name: addr}
	n.mu.Lock()
	n.conns = append(slices.DeleteFunc(n.conns, (*conn).closed), client)
	n.peers = append(slices.DeleteFunc(n.peers, (*conn).closed), server)
	n.mu.Unlock()
	go func() {
		defer func() { _ = server.Close() }()
		serve(server)
	}()
	return client, nil
}

// open returns the number of connections that the client has not closed.
func (n *network) open() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = slices.DeleteFunc(n.conns, (*conn).closed)
	return len(n.conns)
}

// hangUp closes both ends of all remaining connections.
func (n *network) hangUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range slices.Concat(n.conns, n.peers) {
		_ = c.Close()
	}
}

func (n *network) dialed() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// half is one direction of a connection.
type half struct {
	mu       sync.Mutex
	buf      bytes.Buffer
	changed  chan struct{} // closed and replaced after each change of the fields below
	err      error         // returned by Read when buf is empty
	deadline time.Time
	dead     bool // written data is discarded
}

func newHalf() *half { return &half{changed: make(chan struct{})} }

func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	h.touch()
}

func (h *half) touch() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// conn is one end of a connection.
type conn struct {
	in, out *half
	name    string
	gone    bool // whether this end is closed; guarded by in.mu
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		n := 0
		c.in.mu.Lock()
		err, changed, deadline := c.in.err, c.in.changed, c.in.deadline
		switch {
		case c.gone:
			err = net.ErrClosed
		case !deadline.IsZero() && !time.Now().Before(deadline):
			err = os.ErrDeadlineExceeded
		case c.in.buf.Len() > 0:
			n, err = c.in.buf.Read(b)
			c.in.touch()
		}
		c.in.mu.Unlock()
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.EOF
		case err != nil:
			return 0, &net.OpError{Op: "read", Net: "tcp", Addr: address(c.name), Err: err}
		case n > 0 || len(b) == 0:
			return n, nil
		}
		var expired <-chan time.Time
		if !deadline.IsZero() {
			expired = time.After(time.Until(deadline))
		}
		select {
		case <-changed:
		case <-expired:
		}
	}
}

// window is the size of the buffer for one direction of a connection.
const window = 256 << 10

func (c *conn) Write(b []byte) (n int, err error) {
	for {
		c.out.mu.Lock()
		changed := c.out.changed
		switch {
		case c.out.dead:
			n = len(b)
		case c.out.err != nil:
			err = &net.OpError{Op: "write", Net: "tcp", Addr: address(c.name), Err: syscall.EPIPE}
		case c.out.buf.Len() < window:
			n, _ = c.out.buf.Write(b)
			c.out.touch()
		}
		c.out.mu.Unlock()
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		<-changed
	}
}

// Close closes this end of the connection, like a FIN packet.
func (c *conn) Close() error { return c.end(io.EOF) }

// reset closes the connection, like an RST packet.
func (c *conn) reset() { _ = c.end(os.NewSyscallError("read", syscall.ECONNRESET)) }

func (c *conn) end(err error) error {
	c.in.change(func() {
		c.gone = true
		if c.in.err == nil {
			c.in.err = io.ErrClosedPipe // causes later writes of the peer to fail
		}
	})
	c.out.change(func() {
		if c.out.err == nil && !c.out.dead {
			c.out.err = err
		}
	})
	return nil
}

// vanish discards all later data without closing the connection, as if the peer had disappeared.
func (c *conn) vanish() {
	c.out.change(func() { c.out.dead = true })
	c.in.change(func() { c.in.dead = true })
}

func (c *conn) closed() bool {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	return c.gone
}

// hang reads and discards data until the client closes the connection.
func (c *conn) hang() { _, _ = io.Copy(io.Discard, c) }

// ignore leaves received data unread until the client closes the connection, for at most an hour.
func (c *conn) ignore() { c.pause(time.Hour) }

// pause waits for d. It returns false immediately if the client closes the connection.
func (c *conn) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		c.in.mu.Lock()
		ended, changed := c.in.err != nil, c.in.changed
		c.in.mu.Unlock()
		if ended {
			return false
		}
		select {
		case <-changed:
		case <-timer.C:
			return true
		}
	}
}

func (c *conn) LocalAddr() net.Addr  { return address("memory:" + c.name) }
func (c *conn) RemoteAddr() net.Addr { return address(c.name) }

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.change(func() { c.in.deadline = t })
	return nil
}

func (c *conn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// listener is a net.Listener for connections of the in-memory network.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newListener() *listener {
	return &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// take passes a connection to Accept and waits until the connection is closed.
func (l *listener) take(c *conn) {
	held := &heldConn{conn: c, done: make(chan struct{})}
	select {
	case l.conns <- held:
		<-held.done
	case <-l.closed:
	}
}

type heldConn struct {
	*conn
	once sync.Once
	done chan struct{}
}

func (h *heldConn) Close() error {
	defer h.once.Do(func() { close(h.done) })
	return h.conn.Close()
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return address("memory") }

func newReader(s string) *bufio.Reader { return bufio.NewReader(strings.NewReader(s)) }

// exchange is a received request. Its methods send the response.
type exchange struct {
	*http.Request
	*conn
	w    io.Writer // the connection, or the TLS connection that uses it
	n    int       // number of the request on this server, counted from 1
	nth  int       // number of the request on its connection, counted from 1
	time time.Time
}

func (x *exchange) query() url.Values { return x.URL.Query() }

func (x *exchange) raw(text string) { _, _ = io.WriteString(x.w, text) }

// answer writes a complete response.
func (x *exchange) answer(status int, body string, header ...string) {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	for i := 0; i+1 < len(header); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", header[i], header[i+1])
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	} else {
		body = ""
	}
	x.raw(b.String() + "\r\n" + body)
}

func (x *exchange) ok() { x.answer(200, page(1), "Content-Type", "application/json;charset=utf-8") }

func (x *exchange) fail(status int, code string, header ...string) {
	x.answer(status, apiError(code, "message of "+code), header...)
}

// page returns a page of n instances. next is an optional NextToken.
func page(n int, next ...string) string {
	var b strings.Builder
	b.WriteString(`{"RequestId":"0A1B2C3D-0000-4000-8000-000000000000","Instances":{"Instance":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"InstanceId":"i-%s%06d","Status":"Running","Cpu":4}`, strings.Join(next, ""), i)
	}
	fmt.Fprintf(&b, `]},"NextToken":%q}`, strings.Join(next, ""))
	return b.String()
}

func apiError(code, message string) string {
	return fmt.Sprintf(`{"RequestId":"0A1B2C3D-0000-4000-8000-00000000000E","HostId":"ecs.test","Code":%q,"Message":%q,"Recommend":"https://api.aliyun.com/troubleshoot?q=%s"}`, code, message, code)
}

// The rig's access key, with values that are easy to find in any output.
const (
	plantedID     = "LTAIplantedkeyid0001"
	plantedSecret = "plantedSecret+/=0001"
	plantedToken  = "CAISplantedtoken+/=0001plantedplantedplanted"
)

// rig combines a client, an in-memory network and a server that verifies every signature.
type rig struct {
	*testing.T
	*network
	client  *ecs.Client
	http    *http.Client
	variant variant
	start   time.Time

	lean     bool // the rig does not record requests
	mu       sync.Mutex
	requests []*exchange
	attempts []ecs.Attempt
	errors   []error
	log      bytes.Buffer
	secrets  []string // the keys in use and the received signatures
}

// variant selects the signer and http.Client of a fault case.
type variant struct {
	name   string
	signer signer.Signer
	own    bool // use NewHTTPClient instead of the caller's own http.Client
	bubble bool // run in virtual time, in a synctest bubble
}

// variants covers each signer and each kind of http.Client.
var variants = []variant{
	{"V1, own client", signer.V1{}, true, true},
	{"V3, caller's client", signer.V3{}, false, true},
}

const plain, secure = "http://127.0.0.1:80", "https://ecs.test"

// newRig returns a rig whose server calls serve for each request. If serve is nil, the fault case must call listen.
func newRig(t *testing.T, v variant, serve func(*exchange), edit ...func(*rig, *ecs.Options)) *rig {
	t.Helper()
	g := &rig{T: t, network: newNetwork(), variant: v, start: time.Now(), secrets: []string{plantedID, plantedSecret, plantedToken}}
	g.http = &http.Client{Transport: &http.Transport{DialContext: g.dial, ForceAttemptHTTP2: true}}
	if v.own {
		g.http = transport.NewHTTPClient()
		tr := g.http.Transport.(*http.Transport)
		tr.DialContext, tr.Proxy = g.dial, nil
	}
	if serve != nil {
		g.listen("127.0.0.1:80", g.server(serve))
	}
	o := &ecs.Options{
		Endpoint: plain, HTTPClient: g.http, Signer: v.signer, Credentials: ecs.StaticCredentials(plantedID, plantedSecret, plantedToken), TrustEmpty: true,
		Logger: slog.New(slog.NewJSONHandler(lockedWriter{g}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnAttempt: func(a ecs.Attempt) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.attempts = append(g.attempts, a)
		},
	}
	for _, e := range edit {
		e(g, o)
	}
	t.Cleanup(g.hangUp) // otherwise, synctest would wait for the connections of a failed case
	var err error
	if g.client, err = ecs.NewClient("cn-test", o); err != nil {
		t.Fatal(err)
	}
	return g
}

type lockedWriter struct{ g *rig }

func (w lockedWriter) Write(b []byte) (int, error) {
	w.g.mu.Lock()
	defer w.g.mu.Unlock()
	return w.g.log.Write(b)
}

// server returns a connection handler that verifies requests and passes them to serve.
func (g *rig) server(serve func(*exchange)) func(*conn) {
	return func(c *conn) { g.serveHTTP(c, c, serve) }
}

func (g *rig) serveHTTP(c *conn, rw io.ReadWriter, serve func(*exchange)) {
	r := bufio.NewReader(rw)
	for nth := 1; ; nth++ {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		x := &exchange{Request: req, conn: c, w: rw, nth: nth, time: time.Now()}
		if !g.lean {
			g.mu.Lock()
			g.requests = append(g.requests, x)
			x.n = len(g.requests)
			g.mu.Unlock()
		}
		g.verify(req)
		serve(x)
		if c.closed() {
			return
		}
	}
}

var (
	// percentEncoding converts the encoding of url.QueryEscape to the encoding used in signatures.
	percentEncoding     = strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~")
	authorizationFields = strings.NewReplacer(",", " ", "Credential=", "", "SignedHeaders=", "", "Signature=", "")
)

// verify checks the signature of a request without using package signer.
func (g *rig) verify(r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/" || r.ContentLength != 0 {
		g.Errorf("%s %s with %d bytes", r.Method, r.URL.Path, r.ContentLength)
	}
	signature, want := "", ""
	encode := func(s string) string { return percentEncoding.Replace(url.QueryEscape(s)) }
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(r.URL.Query())) { // sorted by the unescaped names
		if k != "Signature" {
			pairs = append(pairs, encode(k)+"="+encode(r.URL.Query().Get(k)))
		}
	}
	canonical := strings.Join(pairs, "&")
	id, secret := r.URL.Query().Get("AccessKeyId"), ""
	if auth := r.Header.Get("Authorization"); auth == "" {
		signature = r.URL.Query().Get("Signature")
		secret = g.secretOf(id, r.URL.Query().Get("SecurityToken"))
		mac := hmac.New(sha1.New, []byte(secret+"&"))
		mac.Write([]byte("POST&%2F&" + encode(canonical)))
		want = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	} else {
		var names string
		_, _ = fmt.Sscanf(authorizationFields.Replace(auth), "ACS3-HMAC-SHA256 %s %s %s", &id, &names, &signature)
		secret = g.secretOf(id, r.Header.Get("X-Acs-Security-Token"))
		headers := ""
		for name := range strings.SplitSeq(names, ";") {
			value := r.Header.Get(name)
			if name == "host" {
				value = r.Host
			}
			headers += name + ":" + value + "\n"
		}
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Acs-") && !strings.Contains(names, strings.ToLower(name)) {
				g.Errorf("%s is not signed", name)
			}
		}
		empty := sha256.Sum256(nil)
		sum := sha256.Sum256([]byte("POST\n/\n" + canonical + "\n" + headers + "\n" + names + "\n" + hex.EncodeToString(empty[:])))
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("ACS3-HMAC-SHA256\n" + hex.EncodeToString(sum[:])))
		want = hex.EncodeToString(mac.Sum(nil))
	}
	if signature == "" || signature != want {
		g.Errorf("wrong signature %q, want %q", signature, want)
	}
	g.secret(signature)
}

func (g *rig) secret(s ...string) {
	if !g.lean {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.secrets = append(g.secrets, s...)
	}
}

// secretOf returns the secret and the token for an access key id, which may belong to a rotated key.
func (g *rig) secretOf(id, token string) string {
	if id == plantedID && token == plantedToken {
		return plantedSecret
	}
	n, ok := strings.CutPrefix(id, "rotatingid")
	if !ok || token != "rotatingtoken"+n {
		g.Errorf("key %q was sent with token %q", id, token)
	}
	g.secret(id, "rotatingsecret"+n, token)
	return "rotatingsecret" + n
}

func rotating(n int) signer.Credentials {
	return signer.Credentials{AccessKeyID: fmt.Sprint("rotatingid", n), AccessKeySecret: fmt.Sprint("rotatingsecret", n), SecurityToken: fmt.Sprint("rotatingtoken", n)}
}

type providerFunc func(context.Context) (signer.Credentials, error)

func (f providerFunc) Credentials(ctx context.Context) (signer.Credentials, error) { return f(ctx) }

// get requests one page of instances.
func (g *rig) get(ctx context.Context) (*ecs.DescribeInstancesResponse, error) {
	resp, err := g.client.DescribeInstances(ctx, ecs.DescribeInstancesRequest{MaxResults: 100})
	g.note(err)
	if (resp == nil) == (err == nil) {
		g.Errorf("got both a response and an error, or neither: %v, %v", resp, err)
	}
	return resp, err
}

// note records an error, which finish will search for secrets.
func (g *rig) note(err error) {
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.errors = append(g.errors, err)
	}
}

// requestCount returns the number of received requests.
func (g *rig) requestCount() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.requests)
}

// gaps returns the times between consecutive requests.
func (g *rig) gaps() (gaps []time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := 1; i < len(g.requests); i++ {
		gaps = append(gaps, g.requests[i].time.Sub(g.requests[i-1].time))
	}
	return gaps
}

// finish fails the test if a connection is still open or if an output contains a secret.
func (g *rig) finish() {
	g.client.CloseIdleConnections()
	if g.variant.bubble {
		synctest.Wait()
	}
	if n := g.open(); n > 0 {
		g.Errorf("%d connections are still open", n)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	texts := []string{g.log.String()}
	for _, err := range g.errors {
		texts = append(texts, allTexts(err)...)
	}
	for _, a := range g.attempts {
		texts = append(texts, allTexts(a)...)
		if a.Err != nil {
			texts = append(texts, allTexts(a.Err)...)
		}
	}
	searchSecrets(g.T, texts, g.secrets)
}

// authority is a certificate authority for a single test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.issue(t, &x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "test CA"}})
	return a
}

// issue creates a private key and a certificate from template. The certificate of the authority itself is self-signed.
func (a *authority) issue(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		// Virtual time begins in the year 2000.
		template.NotBefore, template.NotAfter = time.Unix(0, 0), time.Unix(1<<32, 0)
	}
	parent, signing := a.cert, a.key
	if parent == nil {
		parent, signing = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signing)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// server returns the TLS configuration for a server with the given host name.
func (a *authority) server(t *testing.T, host string, edit ...func(*x509.Certificate, *tls.Config)) *tls.Config {
	t.Helper()
	template, config := &x509.Certificate{DNSNames: []string{host}}, &tls.Config{MinVersion: tls.VersionTLS10, NextProtos: []string{"http/1.1"}}
	for _, e := range edit {
		e(template, config)
	}
	cert, key := a.issue(t, template)
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}
	return config
}

// trust makes the rig's client trust the authority.
func (a *authority) trust(g *rig) {
	tr := g.http.Transport.(*http.Transport)
	if tr.TLSClientConfig == nil {
		tr.TLSClientConfig = &tls.Config{}
	}
	tr.TLSClientConfig.RootCAs = x509.NewCertPool()
	tr.TLSClientConfig.RootCAs.AddCert(a.cert)
}

// overTLS serves host over TLS.
func (g *rig) overTLS(host string, config *tls.Config, serve func(*exchange)) {
	g.listen(host+":443", func(c *conn) {
		if secured := tls.Server(c, config); secured.HandshakeContext(context.Background()) == nil {
			g.serveHTTP(c, secured, serve)
		}
	})
}

func (g *rig) elapsed() time.Duration { return time.Since(g.start) }

func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

// fin closes the connection.
func (x *exchange) fin() { _ = x.conn.Close() }
