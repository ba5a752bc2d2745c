package ecstest

import (
	"cmp"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault makes the server misbehave. The zero value is one answer as usual; each field adds to what goes wrong. The
// fields of the first group say which requests it hits.
type Fault struct {
	Action string             // only this operation; "" is any
	Region string             // only this RegionId; "" is any
	Match  func(Request) bool // only requests for which it is true; nil is any. It must not call the server.
	Skip   int                // so many requests that fit go untouched first
	Times  int                // so many are hit; 0 is one, less is all

	// Before the answer.
	Latency   time.Duration // it comes later, by this
	BlackHole bool          // it never comes: the connection stays open until the client leaves
	Reset     bool          // the connection is reset (on a pipe: closed)
	Close     bool          // the connection is closed
	Skew      time.Duration // for this request the server's clock is further ahead by this

	// Instead of the usual answer, whatever that would have been.
	Code    string // an error of the API
	Message string // its text; "" is a common one
	Status  int    // its HTTP status; 0 is the usual one for the code
	// Body is sent as it is, with Status, or 200 if that is 0. Not nil, but empty, is an empty body.
	Body        []byte
	ContentType string      // of the answer; "" is JSON or XML as asked for
	Header      http.Header // more headers, or others: Retry-After, Date …; a nil list removes one
	Redirect    string      // the Location of a 302, or of Status

	// Within the usual answer.
	Denied      bool // as if the key had no permission for the operation
	RepeatToken bool // the request's own token comes again (the first page's: its next), for ever if Times is negative
	Duplicate   int  // so many rows of DescribeInstances come twice on the page
	EmptyPage   bool // no rows, and a token that goes on where the page would have begun

	// While the answer is sent.
	Truncate bool          // half the body, less than Content-Length says, then the connection is closed
	CutJSON  bool          // half the body, and a Content-Length that agrees
	Drip     time.Duration // one byte, then a wait, and so on
}

// Inject queues faults. Each request is hit by the first fault in the queue that it fits; a fault that is used up leaves
// the queue.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		f.Header = f.Header.Clone()
		f.Body = slices.Clone(f.Body)
		s.faults = append(s.faults, &f)
	}
}

// ClearFaults empties the queue of faults.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// takeFault is called with s.mu held.
func (s *Server) takeFault(c *call) *Fault {
	for i, f := range s.faults {
		if f.Action != "" && f.Action != c.action || f.Region != "" && f.Region != c.region || f.Match != nil && !f.Match(*c.record) {
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

// before is the part that comes before the answer; false means that there will be none.
func (f *Fault) before(w http.ResponseWriter, r *http.Request) bool {
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
				_ = tcp.SetLinger(0) // makes Close a reset
			}
			_ = conn.Close()
		}
		return false
	}
	return !f.Close
}

func (f *Fault) emptyPage() bool { return f != nil && f.EmptyPage }

func (f *Fault) replaces() bool {
	return f != nil && (f.Code != "" || f.Status != 0 || f.Body != nil || f.Redirect != "")
}

// failure is the error answer of a fault.
func (f *Fault) failure() *failure {
	status := f.Status
	switch {
	case status != 0:
	case f.Redirect != "":
		status = http.StatusFound
	case f.Code == "":
		status = http.StatusOK
	case strings.HasPrefix(f.Code, "ServiceUnavailable"):
		status = http.StatusServiceUnavailable
	case strings.HasPrefix(f.Code, "InternalError"):
		status = http.StatusInternalServerError
	case strings.HasPrefix(f.Code, "Forbidden"), strings.HasPrefix(f.Code, "NoPermission"):
		status = http.StatusForbidden
	case strings.HasSuffix(f.Code, ".NotFound"):
		status = http.StatusNotFound
	default:
		status = http.StatusBadRequest
	}
	return &failure{Status: status, Code: f.Code, Message: cmp.Or(f.Message, "The request was refused by a scripted fault.")}
}

// change replaces headers and body.
func (f *Fault) change(h http.Header, body []byte) []byte {
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

func (f *Fault) write(w http.ResponseWriter, r *http.Request, body []byte) {
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

// Quota limits the requests for one operation in one region. The zero value is no limit; both kinds may be set.
type Quota struct {
	Rate  float64 // token bucket: requests a second in the long run; 0 is unlimited
	Burst int     // its size; 0 is 1

	Limit  int           // fixed window: requests in each Window; 0 is unlimited
	Window time.Duration // 0 is a minute, as in the API

	// Hints tells a throttled client when to come again, in x-acs-retry-after and X-RateLimit-User-API.
	Hints bool
}

type lane struct{ region, action string }

// meter counts the requests of a lane.
type meter struct {
	tokens float64
	filled time.Time
	window time.Time
	used   int
}

// meter throttles.
func (s *Server) meter(c *call) *failure {
	q := c.Quota
	if q.Rate <= 0 && q.Limit <= 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := lane{c.region, c.action}
	m := s.meters[at]
	now := time.Now()
	if m == nil {
		if len(s.meters) >= keptRequests { // made-up names must not fill the memory
			clear(s.meters)
		}
		m = &meter{tokens: float64(max(q.Burst, 1)), filled: now}
		s.meters[at] = m
	}
	length := cmp.Or(q.Window, time.Minute)
	var wait time.Duration
	if q.Rate > 0 {
		m.tokens = min(m.tokens+q.Rate*now.Sub(m.filled).Seconds(), float64(max(q.Burst, 1)))
		m.filled = now
		if m.tokens < 1 {
			wait = time.Duration((1 - m.tokens) / q.Rate * float64(time.Second))
		}
	}
	if q.Limit > 0 {
		if start := now.Truncate(length); !start.Equal(m.window) {
			m.window, m.used = start, 0
		}
		if m.used >= q.Limit {
			wait = max(wait, m.window.Add(length).Sub(now))
		}
	}
	if wait == 0 {
		m.tokens--
		m.used++
		return nil
	}
	err := failed(400, "Throttling.User", "Request was denied due to user flow control.")
	if q.Hints {
		ms := strconv.FormatInt(max(1, (wait+time.Millisecond-1).Milliseconds()), 10)
		err.header = http.Header{
			"X-Acs-Retry-After":    {ms},
			"X-Ratelimit-User-Api": {"Limit:" + strconv.Itoa(max(q.Limit, int(q.Rate))) + ",Remain:0,TimeLeft:" + ms + ",Reset:" + strconv.FormatInt(now.Add(wait).UnixMilli(), 10)},
		}
	}
	return err
}
