package transport

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Limits of what is read. They count what comes out of decompression.
const (
	maxBody      = 32 << 20
	maxErrorBody = 1 << 20
	maxHeader    = 1 << 20
	maxText      = 8 << 10
)

var errTooLarge = errors.New("response too large")

// bufferList keeps body buffers between pages: a page is a few hundred kB and is decoded into values of its own. The one
// used last comes first. A sync.Pool would lose a third of them, to collections and to goroutines that wake up on
// another processor. It is safe for concurrent use; the zero value is empty.
type bufferList struct {
	mu   sync.Mutex
	free [][]byte
}

const (
	// keepBuffers is how many are kept: few pages are read at the same moment, even by many parallel listings.
	keepBuffers = 4
	// keepBuffer is the largest buffer worth keeping; a rare giant must not stay.
	keepBuffer = 1 << 20
	// firstBuffer is the most that is allocated on a server's word: its Content-Length.
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
	} else if want := max(min(n+1, firstBuffer), 64<<10); want > int64(cap(b)) { // one more, to meet the end without growing
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
		case err == io.EOF: // a Reader never wraps it
			return b, nil
		case err != nil:
			return b, err
		case idle > 100: // a RoundTripper of the caller's may give any Reader
			return b, io.ErrNoProgress
		}
	}
}
