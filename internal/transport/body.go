package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// The maximum sizes of response bodies in bytes, after decompression.
const (
	maxBody      = 32 << 20
	maxErrorBody = 1 << 20
	maxHeader    = 1 << 20
	maxText      = 8 << 10
)

var errTooLarge = errors.New("the response is too large")

// bufferList stores buffers for response bodies so that they can be reused. The most recently used buffer is reused
// first. A sync.Pool would lose many of these large buffers, because garbage collections empty the pool. The zero value
// is an empty list. A bufferList is safe for concurrent use.
type bufferList struct {
	mu   sync.Mutex
	free [][]byte
}

const (
	// maxKeptBuffers is the maximum number of buffers that are kept. Even many parallel listings read only a few pages
	// at the same moment.
	maxKeptBuffers = 4
	// maxKeptSize is the maximum size, in bytes, of a buffer that is kept. Without this limit, the buffer for a single
	// huge response would occupy memory forever.
	maxKeptSize = 1 << 20
	// firstBuffer is the maximum initial size, in bytes, of the buffer for a response with a large Content-Length.
	firstBuffer = 1 << 20
)

func (l *bufferList) get() (buf []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.free) - 1; last >= 0 {
		buf, l.free[last], l.free = l.free[last], nil, l.free[:last]
	}
	return buf
}

func (l *bufferList) put(buf []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := cap(buf); c > 0 && c <= maxKeptSize && len(l.free) < maxKeptBuffers {
		l.free = append(l.free, buf)
	}
}

// readBody reads the whole body of resp into b, or into a larger buffer. If the body cannot be read or is longer than
// limit bytes, readBody returns an error and the part that was read.
func readBody(b []byte, resp *http.Response, limit int) ([]byte, error) {
	b = b[:0]
	if n := resp.ContentLength; n > int64(limit) {
		return b, fmt.Errorf("%w: it has %d bytes, but the limit is %d bytes", errTooLarge, n, limit)
		// Allocate one extra byte, so that Read can report EOF before the buffer has to grow.
	} else if want := max(min(n+1, firstBuffer), 64<<10); want > int64(cap(b)) {
		b = make([]byte, 0, want)
	}
	for idle := 0; ; {
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(2*cap(b), limit+1))
			copy(grown, b)
			b = grown
		}
		n, err := resp.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if idle++; n > 0 {
			idle = 0
		}
		switch {
		case len(b) > limit:
			return b, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
		case err == io.EOF: // a Reader returns io.EOF itself, not wrapped
			return b, nil
		case err != nil:
			return b, err
		case idle > 100: // a caller's http.RoundTripper may return a body whose Read returns 0 and nil forever
			return b, io.ErrNoProgress
		}
	}
}
