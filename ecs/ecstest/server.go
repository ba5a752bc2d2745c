package ecstest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	apiVersion = "2014-05-26"
	maxBody    = 1 << 20 // maximum size of a request body in bytes
)

// Server is an in-memory server with the HTTP API of ECS. A Server is safe for concurrent use.
type Server struct {
	http   *httptest.Server
	dial   func(ctx context.Context, network, addr string) (net.Conn, error) // nil means the loopback network
	own    signer.Credentials
	sealer cipher.Block  // makes page tokens opaque
	tokens atomic.Uint64 // number of page tokens issued; makes each token different
	close  sync.Once
	gzips  sync.Pool // contains values of type *gzip.Writer

	fleet fleet

	mu       sync.Mutex // guards the fields below
	settings Settings
	keys     map[string]Key // by AccessKeyID
	handlers map[string]func(Request) (any, error)
	faults   []*Fault
	requests requestLog
	nonces   nonces
	meters   map[quotaScope]*meter
}

// NewServer starts a server on a loopback port. The server contains the given instances (see [Server.Put]) and accepts
// the access key [Server.Credentials]. The caller must call [Server.Close] when done.
//
// In a [testing/synctest] bubble, use [NewPipeServer] instead, because virtual time does not work with network
// connections.
func NewServer(instances ...ecs.Instance) *Server {
	s := newServer(instances)
	s.http = httptest.NewServer(s)
	return s
}

// NewPipeServer is like [NewServer], but uses [net.Pipe] instead of the network. The server and its clients can
// therefore use the virtual time of a [testing/synctest] bubble. Create and close the server inside the bubble.
//
// Clients returned by [Server.Client] connect to the server in this way. To use another http.Client, set the
// DialContext function of its Transport to [Server.DialContext].
func NewPipeServer(instances ...ecs.Instance) *Server {
	s := newServer(instances)
	l := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	s.dial = l.dial
	s.http = &httptest.Server{Listener: l, Config: &http.Server{Handler: s}} //nolint:gosec // a client in the same process needs no timeout
	s.http.Start()
	return s
}

func newServer(instances []ecs.Instance) *Server {
	key := make([]byte, 16)
	_, _ = rand.Read(key)           // never fails
	sealer, _ := aes.NewCipher(key) // fails only if the key has the wrong size
	s := &Server{
		own:      signer.Credentials{AccessKeyID: "LTAI" + rand.Text()[:20], AccessKeySecret: rand.Text()},
		sealer:   sealer,
		keys:     map[string]Key{},
		handlers: map[string]func(Request) (any, error){},
		meters:   map[quotaScope]*meter{},
	}
	s.AddKey(Key{Credentials: s.own})
	s.Put(instances...)
	return s
}

// Close aborts the requests in progress, closes all connections and releases the port. Close may be called more than
// once.
func (s *Server) Close() {
	s.close.Do(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
}

// URL returns the server's base URL, such as "http://127.0.0.1:34567", for use as Options.Endpoint.
func (s *Server) URL() string { return s.http.URL }

// Credentials returns an access key that the server accepts. Each server has a different key.
func (s *Server) Credentials() signer.Credentials { return s.own }

// Client returns a client for a region that sends its requests to this server. Client sets Endpoint to the server's
// URL, and Credentials to [Server.Credentials] if opts does not specify credentials. If opts is nil, the other options
// have their default values. Client returns the same errors as [ecs.NewClient].
func (s *Server) Client(region string, opts *ecs.Options) (*ecs.Client, error) {
	var o ecs.Options
	if opts != nil {
		o = *opts
	}
	o.Endpoint = s.URL()
	if o.Credentials == nil {
		o.Credentials = ecs.StaticCredentials(s.own.AccessKeyID, s.own.AccessKeySecret, s.own.SecurityToken)
	}
	if o.HTTPClient == nil && s.dial != nil {
		// Compression would only cost time, because the connection is in memory.
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: s.dial, MaxIdleConnsPerHost: 32, DisableCompression: true}}
	}
	return ecs.NewClient(region, &o)
}

// DialContext returns a connection to the server, regardless of the address. Use it as the DialContext function of an
// http.Transport.
func (s *Server) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	addr := s.http.Listener.Addr()
	if s.dial != nil {
		return s.dial(ctx, addr.Network(), addr.String())
	}
	return (&net.Dialer{}).DialContext(ctx, addr.Network(), addr.String())
}

// exchange contains a request in progress and the data needed for the response.
type exchange struct {
	Settings  // a copy made when the request arrived
	r         *http.Request
	now       time.Time // according to the server's clock
	body      []byte
	query     url.Values // parameters of the URL only
	params    url.Values // parameters of the URL and the form
	parseErr  error
	v3        bool
	xml       bool // whether the response is XML instead of JSON
	action    string
	version   string
	region    string
	keyID     string // access key id of the authenticated request
	fault     *Fault // nil if no fault applies to the request
	requestID string
	header    http.Header // additional response headers
	record    *Request    // guarded by Server.mu
}

// ServeHTTP handles one API request. The error response for an invalid request is the same as the API's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := s.receive(w, r)
	if !sleep(r, x.Latency) || !x.fault.beforeResponse(w, r) {
		panic(http.ErrAbortHandler) // makes net/http close the connection without a response or a log entry
	}
	err := s.authenticate(x)
	if err != nil {
		s.mu.Lock()
		x.record.AuthError = err.Code
		s.mu.Unlock()
	}
	if x.OnRequest != nil {
		x.OnRequest(s.snapshot(x))
	}
	if err == nil {
		err = s.throttle(x)
	}
	var body []byte
	if err == nil {
		body, err = s.dispatch(x)
	}
	s.respond(w, x, body, err)
}

// receive parses and records a request, and selects the fault that applies to it.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{r: r, requestID: newRequestID(), header: http.Header{}}
	x.body, x.parseErr = readBody(w, r)
	x.parse()
	x.record = &Request{
		Time: time.Now(), Method: r.Method, Action: x.action, Region: x.region, Params: operationParams(x.params), RequestID: x.requestID,
		UserAgent: r.UserAgent(), RemoteAddr: r.RemoteAddr,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Settings = s.settings
	s.requests.add(x.record, requestSize(x))
	x.fault = s.takeFault(x)
	if x.fault != nil {
		x.ClockSkew += x.fault.Skew
	}
	return x
}

// sleep waits for d. It returns false if the client or Close closed the connection before d elapsed.
func sleep(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
