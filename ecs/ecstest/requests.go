package ecstest

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxRequests     = 10_000   // number of requests kept for Requests
	maxRequestBytes = 64 << 20 // limit of the memory that they use
)

// Request describes a request that the server received.
type Request struct {
	Time             time.Time  // when it arrived, according to the clock of this machine
	Method           string     // "GET" or "POST"
	Action           string     // such as "DescribeInstances"
	Region           string     // RegionId
	Params           url.Values // the operation's own parameters, without the key, token, signature, time and nonce
	SignatureVersion string     // "1.0" or "ACS3-HMAC-SHA256"
	AccessKeyID      string
	Nonce            string
	UserAgent        string
	RemoteAddr       string // identifies the connection
	// AuthError is the error code for the key, time, nonce or signature of the request; "" means that it was
	// authentic. If a fault was applied, the client may have received a different error.
	AuthError string
	RequestID string
	Status    int    // HTTP status of the response; 0 if there is none yet, or if none was sent
	Code      string // error code of the response; "" after a success
}

// Requests returns the received requests, in order. The server keeps the last 10,000, or fewer if they would use
// more than 64 MiB.
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

// snapshot returns a copy of the request's record.
func (s *Server) snapshot(x *exchange) Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := *x.record
	r.Params = maps.Clone(r.Params)
	return r
}

// requestLog keeps the most recent requests, limited in number and total size.
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

// requestSize estimates the memory that the record of a request uses. Parameters share the memory of the query
// string or body from which they were parsed.
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

// protocolParams are the parameters that belong to no operation, in addition to those that begin with "Signature".
var protocolParams = []string{"AccessKeyId", "Action", "BearerToken", "Format", "SecurityToken", "Timestamp", "Version"}

// operationParams copies the parameters of the operation itself: all except those of the protocol and the excluded
// ones. Excluding a name also excludes its numbered forms, such as Name.1.
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
