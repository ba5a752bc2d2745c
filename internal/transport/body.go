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

var errTooLarge = errors.New("answer too large")

// buffers holds body buffers between pages. A page is a few hundred kB and is decoded into values of its own.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const (
	// keepBuffer is the largest buffer worth keeping; a rare giant must not stay.
	keepBuffer = 4 << 20
	// firstBuffer is the most that is allocated on a server's word: its Content-Length.
	firstBuffer = 1 << 20
)

// readBody reads the whole body into *buf, growing it as needed, and fails beyond limit. What was read before a
// failure is in *buf.
func readBody(buf *[]byte, resp *http.Response, limit int) error {
	b := (*buf)[:0]
	defer func() { *buf = b }()
	if n := resp.ContentLength; n > int64(limit) {
		return fmt.Errorf("%w: %d bytes, the limit is %d", errTooLarge, n, limit)
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
			return fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
		case err == io.EOF: // a Reader never wraps it
			return nil
		case err != nil:
			return err
		case idle > 100: // a RoundTripper of the caller's may give any Reader
			return io.ErrNoProgress
		}
	}
}
