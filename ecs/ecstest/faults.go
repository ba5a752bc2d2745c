package ecstest

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"time"
)

// Fault makes the server misbehave. The first group of fields selects the requests that the fault hits; each field of
// the other groups adds a fault. The zero value hits one request, which is handled as usual.
type Fault struct {
	Action string             // hit this operation only; "" is any
	Region string             // hit this RegionId only; "" is any
	Match  func(Request) bool // hit requests for which it returns true; nil is any. It must not call the server.
	Skip   int                // number of matching requests to leave alone first
	Times  int                // number of requests to hit after that; 0 is one, negative is all

	// Before the response.
	Latency   time.Duration // delay it
	BlackHole bool          // never send it: the connection stays open until the client closes it
	Reset     bool          // reset the connection (with NewPipeServer: close it)
	Close     bool          // close the connection
	Skew      time.Duration // add this to the server's clock

	// Instead of the usual response, whatever that would be.
	Code    string // error code of the API
	Message string // error message; "" is a general one
	Status  int    // HTTP status; 0 is the usual one for Code, or 200
	// Body is sent as it is. nil means the usual response or the error; a non-nil empty Body is sent as an empty body.
	Body        []byte
	ContentType string      // of the response; "" is JSON or XML as requested
	Header      http.Header // headers to add or replace, such as Retry-After or Date; an entry without values removes one
	Redirect    string      // Location of a redirect, with Status or else 302

	// In the usual response.
	Denied      bool // treat the request as if the key had no permission; see Key.Deny and Settings.EmptyIfDenied
	RepeatToken bool // repeat the request's own NextToken, so that a listing never ends if Times is negative
	Duplicate   int  // repeat that many instances on the page
	EmptyPage   bool // send no instances, and a NextToken that continues where the page would have begun

	// While the response is sent.
	Truncate bool          // close the connection after half the body; Content-Length is that of the whole
	CutJSON  bool          // send half the body, with a matching Content-Length
	Drip     time.Duration // wait that long after each byte
}

// Inject appends faults to a queue. Each request is hit by the first fault in the queue that matches it; a fault that
// has hit as often as it should is removed.
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

// takeFault returns the fault that hits the request, or nil. It is called with s.mu held.
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

// beforeResponse applies what happens before the response, and reports whether there will be one.
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
				_ = tcp.SetLinger(0) // makes Close send a reset
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

// apiError is the error response of a fault.
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
	return newError(status, f.Code, "%s", cmp.Or(f.Message, "The request was refused by an injected fault."))
}

// modify changes headers and returns the body to send.
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

// write sends the body. f may be nil.
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
