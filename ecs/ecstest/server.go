package ecstest

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/signer"
)

const (
	apiVersion   = "2014-05-26"
	keptRequests = 10_000  // that Requests returns
	maxBody      = 8 << 20 // of a request
)

// Server is an ECS in memory. All its methods are safe for any number of goroutines, also while it answers.
type Server struct {
	http  *httptest.Server
	dial  func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the loopback network
	own   signer.Credentials
	block cipher.Block // makes tokens opaque
	once  sync.Once
	gzips sync.Pool

	fleet fleet

	mu       sync.Mutex
	settings Settings
	keys     map[string]Key
	faults   []*Fault
	requests []*Request // a ring from request number keptRequests on
	arrived  int
	nonces   nonces
	meters   map[lane]*meter
	tokens   uint64 // handed out so far, so that no two are the same
}

// Settings choose what the server does where the API leaves it open or where its behaviour is hard to meet. The zero
// value is the plain case.
type Settings struct {
	// Regions are known besides those of the instances. nil is the public regions of 2024; an empty list is none.
	Regions []string
	// Latency delays every answer.
	Latency time.Duration
	// Quota throttles each operation in each region. Zero is unlimited.
	Quota Quota
	// ClockSkew is how far the server's clock is ahead of this machine's.
	ClockSkew time.Duration
	// NeedTLS refuses plain http with InvalidProtocol.NeedSsl.
	NeedTLS bool
	// NoGzip sends every answer as it is. Otherwise it is compressed for clients that accept that.
	NoGzip bool
	// NoPageMode refuses PageNumber and PageSize in DescribeInstances, as the API has announced.
	NoPageMode bool
	// ExclusiveTimes leaves instances right at a bound of a time filter out. The API's documents do not say.
	ExclusiveTimes bool
	// EmptyLastPage ends every listing by token with one more, empty page.
	EmptyLastPage bool
	// Overlap starts every further page with so many rows of the page before it, as a fleet that moves may. At most 9.
	Overlap int
	// CapFirst counts the 1,000 resources of a tag or resource-group filter before the other filters, so that a cut
	// listing is shorter than 1,000. The API's documents allow both readings.
	CapFirst bool
	// RepeatEndToken ends ListTagResources by repeating the last token instead of by an empty one.
	RepeatEndToken bool
	// OnRequest is called with each request before it is answered, from its own goroutine. It may call the server's
	// methods, for instance to move the fleet between two pages.
	OnRequest func(Request)
}

// Request is a request that arrived.
type Request struct {
	Time             time.Time  // of arrival
	Method           string     // GET or POST
	Action           string     // such as "DescribeInstances"
	Region           string     // RegionId
	Params           url.Values // the operation's own: no key, token, signature, time or nonce
	SignatureVersion string     // "1.0" or "ACS3-HMAC-SHA256"
	AccessKeyID      string
	Nonce            string
	UserAgent        string
	RemoteAddr       string // one per connection
	// AuthError is the error code that the request deserved for its key, time, nonce or signature; "" means that all
	// were in order. A fault may have hidden it from the client.
	AuthError string
	RequestID string
	Status    int    // HTTP status of the answer; 0 when there is none yet, or was none
	Code      string // error code of the answer, "" for a success
}

// NewServer starts a server on a loopback port, with the instances it holds (see [Server.Put]) and one access key.
// Close it when done. In a [testing/synctest] bubble it would hang: see [NewPipeServer].
func NewServer(instances ...ecs.Instance) *Server {
	s := newServer(instances)
	s.http = httptest.NewServer(s)
	return s
}

// NewPipeServer is [NewServer] without a network: connections are made by [net.Pipe], so that server and clients work
// in a [testing/synctest] bubble and its virtual time: make and close it inside. [Server.Client] makes clients that reach it; an http.Client of
// your own needs [Server.DialContext].
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
	_, _ = rand.Read(key)          // never fails
	block, _ := aes.NewCipher(key) // fails for a key of another size only
	s := &Server{
		own:    signer.Credentials{AccessKeyID: "LTAI" + rand.Text()[:20], AccessKeySecret: rand.Text()},
		block:  block,
		keys:   map[string]Key{},
		meters: map[lane]*meter{},
	}
	s.AddKey(Key{Credentials: s.own})
	s.Put(instances...)
	return s
}

// Close ends the requests under way, breaks the connections and frees the port. It may be called again.
func (s *Server) Close() {
	s.once.Do(func() {
		s.http.CloseClientConnections()
		s.http.Close()
	})
}

// URL is where the server listens, such as "http://127.0.0.1:34567". It fits Options.Endpoint.
func (s *Server) URL() string { return s.http.URL }

// Credentials are the server's own key, which it accepts from the start. It is another one for each server.
func (s *Server) Credentials() signer.Credentials { return s.own }

// Client makes a client of this server, in any region, with the server's own key unless opts have Credentials. nil opts
// are the defaults. The errors are those of [ecs.NewClient].
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
		o.HTTPClient = &http.Client{Transport: &http.Transport{DialContext: s.dial, MaxIdleConnsPerHost: 32}}
	}
	return ecs.NewClient(region, &o)
}

// DialContext connects to the server, whatever the address. It fits http.Transport.
func (s *Server) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	addr := s.http.Listener.Addr()
	if s.dial != nil {
		return s.dial(ctx, addr.Network(), addr.String())
	}
	return (&net.Dialer{}).DialContext(ctx, addr.Network(), addr.String())
}

// Configure changes the settings; requests already under way keep the old ones.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

// Requests returns what arrived, in order: the last 10,000 requests.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Request, 0, len(s.requests))
	for i := range s.requests {
		r := *s.requests[(s.arrived+i)%len(s.requests)]
		r.Params = maps.Clone(r.Params)
		list = append(list, r)
	}
	return list
}

// call is a request on its way through the server.
type call struct {
	Settings
	r         *http.Request
	now       time.Time
	body      []byte
	query     url.Values // of the URL alone
	params    url.Values // of URL and form
	parseErr  error
	v3        bool
	xml       bool
	action    string
	version   string
	region    string
	key       Key
	fault     *Fault
	requestID string
	record    *Request
}

// ServeHTTP answers a request of the API, and what is none with the API's errors.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := s.receive(w, r)
	if !sleep(r, c.Latency) || !c.fault.before(w, r) {
		panic(http.ErrAbortHandler) // net/http closes the connection without an answer, and logs nothing
	}
	authErr := s.authenticate(c)
	if authErr != nil {
		s.mu.Lock()
		c.record.AuthError = authErr.Code
		s.mu.Unlock()
	}
	if c.OnRequest != nil {
		s.mu.Lock()
		seen := *c.record
		s.mu.Unlock()
		seen.Params = maps.Clone(seen.Params)
		c.OnRequest(seen)
	}
	var body []byte
	err := authErr
	if err == nil {
		err = s.meter(c)
	}
	if err == nil {
		body, err = s.dispatch(c)
	}
	s.respond(w, c, body, err)
}

// receive reads a request and takes down that it came.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) *call {
	c := &call{r: r, requestID: newRequestID()}
	c.body, c.parseErr = readBody(w, r)
	c.parse()
	c.record = &Request{
		Time: time.Now(), Method: r.Method, Action: c.action, Region: c.region, Params: without(c.params), RequestID: c.requestID,
		UserAgent: r.UserAgent(), RemoteAddr: r.RemoteAddr,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Settings = s.settings
	if len(s.requests) < keptRequests {
		s.requests = append(s.requests, c.record)
	} else {
		s.requests[s.arrived%keptRequests] = c.record
	}
	s.arrived++
	c.fault = s.takeFault(c)
	if c.fault != nil {
		c.ClockSkew += c.fault.Skew
	}
	return c
}

// dispatch carries out the operation and gives the JSON of its answer.
func (s *Server) dispatch(c *call) ([]byte, *failure) {
	if c.version != apiVersion {
		return nil, failed(400, "InvalidVersion", "Specified parameter Version is not valid.")
	}
	operation := map[string]func(*call, *params) any{
		"DescribeInstances":      s.describeInstances,
		"DescribeRegions":        s.describeRegions,
		"DescribeInstanceStatus": s.describeInstanceStatus,
		"ListTagResources":       s.listTagResources,
	}[c.action]
	switch {
	case operation == nil:
		return nil, noSuchAPI()
	case c.action == "DescribeRegions":
	case c.region == "":
		return nil, missing("RegionId")
	case !slices.Contains(s.regionIDs(c), c.region):
		return nil, failed(404, "InvalidRegionId.NotFound", "The specified RegionId does not exist.")
	}
	p := &params{Values: c.params}
	out := operation(c, p)
	if p.err != nil {
		return nil, p.err
	}
	if body, done := out.([]byte); done {
		return body, nil
	}
	return marshal(out), nil
}

// sleep waits; false means that the connection is gone, by the client or by Close.
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

// pipeListener accepts connections that dial makes.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (*pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "localhost" }
