package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Limits for what is read, counted after decompression.
const (
	maxBody      = 32 << 20
	maxErrorBody = 1 << 20
	maxHeader    = 1 << 20
	maxText      = 8 << 10
)

var errTooLarge = errors.New("response too large")

// bufferList keeps the buffers of bodies for the next responses: a page has a few hundred kB, and decoding copies what it
// keeps. The buffer used last is reused first. A sync.Pool would lose a third of them, to garbage collections and to goroutines
// that move between processors. It is safe for concurrent use; the zero value is empty.
type bufferList struct {
	mu   sync.Mutex
	free [][]byte
}

const (
	// keepBuffers is how many buffers are kept: even many parallel listings read few pages at the same moment.
	keepBuffers = 4
	// keepBuffer is the largest buffer that is kept, so that a single huge response does not occupy memory for ever.
	keepBuffer = 1 << 20
	// firstBuffer limits what is allocated because of a Content-Length alone.
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

// readBody reads the whole body into b, or into a larger buffer, and fails beyond limit. It also returns what was read before
// a failure.
func readBody(b []byte, resp *http.Response, limit int) ([]byte, error) {
	b = b[:0]
	if n := resp.ContentLength; n > int64(limit) {
		return b, fmt.Errorf("%w: %d bytes, the limit is %d", errTooLarge, n, limit)
	} else if want := max(min(n+1, firstBuffer), 64<<10); want > int64(cap(b)) { // one more, so that the end is read without growing the buffer
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
		case err == io.EOF: // a Reader returns it as it is
			return b, nil
		case err != nil:
			return b, err
		case idle > 100: // a RoundTripper of the caller's may return any Reader
			return b, io.ErrNoProgress
		}
	}
}
