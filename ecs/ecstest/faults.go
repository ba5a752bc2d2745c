package ecstest

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"time"
)

// Fault makes the server behave incorrectly for certain requests. The first group of fields selects the requests, and
// each of the other fields causes one kind of incorrect behavior. The zero value applies to one request and does not
// change its response.
type Fault struct {
	Action string             // apply only to requests for this operation; "" means any operation
	Region string             // apply only to requests for this region; "" means any region
	Match  func(Request) bool // apply only if Match returns true; nil matches every request; Match must not call the server
	Skip   int                // number of matching requests before the fault applies
	Times  int                // number of requests to which the fault applies; 0 means one, negative means all

	// The faults in this group occur before the response is sent.
	Latency   time.Duration // wait this long before the response
	BlackHole bool          // send no response, and keep the connection open until the client closes it
	Reset     bool          // reset the connection (with NewPipeServer: close it)
	Close     bool          // close the connection
	Skew      time.Duration // add this duration to the server's clock

	// The faults in this group replace the usual response.
	Code    string // the API's error code
	Message string // error message; "" means a general message
	Status  int    // HTTP status; 0 means the usual status of Code, or 200 without Code
	// Body is the body of the response. nil means the usual response, or the error response if Code is set. A Body that
	// is empty but not nil means an empty response body.
	Body        []byte
	ContentType string // content type of Body; "" means the content type of JSON or XML, whichever was requested
	// Header contains headers to add or replace, such as Retry-After or Date. An entry without values removes the
	// header.
	Header   http.Header
	Redirect string // Location header of a redirect; the status is Status, or 302 if Status is 0

	// The faults in this group change the usual response.
	Denied      bool // respond as if the user had no permission; see Key.Deny and Settings.EmptyIfDenied
	RepeatToken bool // return the request's own NextToken; if Times is negative, the listing never ends
	Duplicate   int  // number of instances to list a second time on the same page
	EmptyPage   bool // send no instances, and a NextToken that leads to the omitted instances

	// The faults in this group occur while the response is sent.
	Truncate bool          // send half the body with the Content-Length of the whole body, then close the connection
	CutJSON  bool          // send half of the body, with the correct Content-Length
	Drip     time.Duration // wait this long after each byte
}

// Inject appends faults to the server's queue. If several faults match a request, only the first applies. A fault is
// removed after it has been applied Times times.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.Header = f.Header.Clone()
		f.Body = slices.Clone(f.Body)
		s.faults = append(s.faults, &f)
	}
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault returns the fault that applies to the request, or nil. s.mu must be held.
func (s *Server) takeFault(x *exchange) *Fault {
	for i, f := range s.faults {
		if f.Action != "" && f.Action != x.action || f.Region != "" && f.Region != x.region || f.Match != nil && !f.Match(*x.record) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times >= 0 {
			if f.Times--; f.Times <= 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		hit := *f
		return &hit
	}
	return nil
}

// beforeResponse applies the faults that occur before the response. It reports whether to send a response.
func (f *Fault) beforeResponse(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case f == nil:
		return true
	case !sleep(r, f.Latency):
		return false
	case f.BlackHole:
		return sleep(r, 1<<63-1)
	case f.Reset:
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0) // makes Close send a RST
			}
			_ = conn.Close()
		}
		return false
	}
	return !f.Close
}

func (f *Fault) emptyPage() bool { return f != nil && f.EmptyPage }

func (f *Fault) replacesResponse() bool {
	return f != nil && (f.Code != "" || f.Status != 0 || f.Body != nil || f.Redirect != "")
}

// apiError returns the error response of a fault.
func (f *Fault) apiError() *apiError {
	status := f.Status
	switch {
	case status != 0:
	case f.Redirect != "":
		status = http.StatusFound
	case f.Code == "":
		status = http.StatusOK
	default:
		status = usualStatus(f.Code)
	}
	return newError(status, f.Code, "%s", cmp.Or(f.Message, "The request was rejected by an injected fault."))
}

// modify changes the headers and returns the modified body.
func (f *Fault) modify(h http.Header, body []byte) []byte {
	if f.Body != nil {
		body = f.Body
	}
	if f.ContentType != "" {
		h.Set("Content-Type", f.ContentType)
	}
	if f.Redirect != "" {
		h.Set("Location", f.Redirect)
	}
	for name, values := range f.Header {
		h[http.CanonicalHeaderKey(name)] = values
	}
	if f.CutJSON {
		body = body[:len(body)/2]
	}
	return body
}

// write sends the body, or a part of it. f may be nil.
func (f *Fault) write(w http.ResponseWriter, r *http.Request, body []byte) {
	if f == nil {
		_, _ = w.Write(body)
		return
	}
	out := http.NewResponseController(w)
	if f.Truncate {
		body = body[:len(body)/2]
	}
	if f.Drip > 0 {
		for len(body) > 0 {
			if _, err := w.Write(body[:1]); err != nil || out.Flush() != nil || !sleep(r, f.Drip) {
				panic(http.ErrAbortHandler)
			}
			body = body[1:]
		}
	}
	_, _ = w.Write(body)
	if f.Truncate {
		_ = out.Flush()
		panic(http.ErrAbortHandler)
	}
}
