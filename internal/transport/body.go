package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Limits for the length of a body, after decompression.
const (
	maxBody      = 32 << 20
	maxErrorBody = 1 << 20
	maxHeader    = 1 << 20
	maxText      = 8 << 10
)

var errTooLarge = errors.New("response too large")

// bufferList keeps the buffers of response bodies for reuse: a page has a few hundred kB, and decoding copies all
// that is needed of it. The buffer used last is reused first. A sync.Pool would lose a third of the buffers, to
// garbage collections and to goroutines that move between processors. The zero value is empty. It is safe for
// concurrent use.
type bufferList struct {
	mu   sync.Mutex
	free [][]byte
}

const (
	// keepBuffers is the maximum number of buffers that are kept. Even with many parallel listings, few pages are
	// read at the same moment.
	keepBuffers = 4
	// keepBuffer is the size of the largest buffer that is kept, so that a single huge response does not occupy
	// memory forever.
	keepBuffer = 1 << 20
	// firstBuffer limits the initial allocation for a response that declares a large Content-Length.
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
	if c := cap(buf); c > 0 && c <= keepBuffer && len(l.free) < keepBuffers {
		l.free = append(l.free, buf)
	}
}

// readBody reads the whole body into b, or into a larger buffer. It fails if the body is longer than limit. If it
// fails, it also returns what was read so far.
func readBody(b []byte, resp *http.Response, limit int) ([]byte, error) {
	b = b[:0]
	if n := resp.ContentLength; n > int64(limit) {
		return b, fmt.Errorf("%w: %d bytes, the limit is %d", errTooLarge, n, limit)
		// one more byte, so that EOF is reached without growing the buffer
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
		case err == io.EOF: // a Reader may return it unwrapped
			return b, nil
		case err != nil:
			return b, err
		case idle > 100: // a RoundTripper of the caller may return any Reader
			return b, io.ErrNoProgress
		}
	}
}
