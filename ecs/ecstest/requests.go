package ecstest

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxRequests     = 10_000   // maximum number of requests that Requests returns
	maxRequestBytes = 64 << 20 // maximum memory used by the records
)

// Request describes a request that the server received.
type Request struct {
	Time             time.Time  // when the request arrived, according to this machine's clock
	Method           string     // "GET" or "POST"
	Action           string     // such as "DescribeInstances"
	Region           string     // RegionId
	Params           url.Values // parameters of the operation, without protocol parameters
	SignatureVersion string     // "1.0" or "ACS3-HMAC-SHA256"
	AccessKeyID      string
	Nonce            string
	UserAgent        string
	RemoteAddr       string // address of the client, which identifies the connection
	// AuthError is the error code if the server rejected the key, time, nonce or signature of the request, or ""
	// otherwise. Because of a fault, the client may have received a different error.
	AuthError string
	RequestID string
	Status    int    // HTTP status of the response; 0 if no response has been sent
	Code      string // error code of the response; "" for a success
}

// Requests returns the received requests, oldest first. The server keeps the last 10,000 requests, or fewer if their
// records use more than 64 MiB.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Request, 0, len(s.requests.kept))
	for _, k := range s.requests.kept {
		r := *k.Request
		r.Params = maps.Clone(r.Params)
		list = append(list, r)
	}
	return list
}

// snapshot returns a copy of the exchange's record.
func (s *Server) snapshot(x *exchange) Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := *x.record
	r.Params = maps.Clone(r.Params)
	return r
}

// requestLog stores the most recent requests, up to a maximum number and a maximum total size.
type requestLog struct {
	kept  []keptRequest
	bytes int
}

type keptRequest struct {
	*Request
	bytes int
}

func (l *requestLog) add(r *Request, bytes int) {
	l.kept = append(l.kept, keptRequest{r, bytes})
	l.bytes += bytes
	for len(l.kept) > maxRequests || l.bytes > maxRequestBytes && len(l.kept) > 1 {
		l.bytes -= l.kept[0].bytes
		l.kept[0] = keptRequest{}
		l.kept = l.kept[1:]
	}
}

// requestSize estimates the memory used by the record of a request, including the query string and the body.
func requestSize(x *exchange) int {
	const perRecord, perParam = 512, 128
	size := perRecord + perParam*len(x.params) + len(x.r.URL.RawQuery) + len(x.body)
	for _, values := range x.r.Header {
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}

// protocolParams lists the parameters that belong to the protocol instead of an operation. Parameters that begin with
// "Signature" also belong to the protocol.
var protocolParams = []string{"AccessKeyId", "Action", "BearerToken", "Format", "SecurityToken", "Timestamp", "Version"}

// operationParams returns a copy of values without protocol parameters and without the parameters in exclude. A name in
// exclude also omits numbered parameters, such as Name.1.
func operationParams(values url.Values, exclude ...string) url.Values {
	own := url.Values{}
	for name, v := range values {
		root, _, _ := strings.Cut(name, ".")
		if !slices.Contains(protocolParams, name) && !strings.HasPrefix(name, "Signature") && !slices.Contains(exclude, root) {
			own[name] = slices.Clone(v)
		}
	}
	return own
}
