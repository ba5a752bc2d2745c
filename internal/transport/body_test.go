package transport

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// TestNoMoreThanTheLimitIsRead checks that a body is read only up to the size limit and then closed. If the
// Content-Length of a page exceeds the limit, the page is not read at all.
func TestNoMoreThanTheLimitIsRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		length int64
		most   int
	}{{200, -1, 32 << 20}, {200, 32<<20 + 1, 0}, {500, -1, 1 << 20}, {500, 1<<20 + 1, 1 << 20}, {404, 1 << 40, 1 << 20}} {
		read, closed := 0, false
		g := newRig(func(int, *http.Request) (*http.Response, error) {
			resp := respond(c.status, "")
			body := readerFunc(func(b []byte) (int, error) {
				read += len(b)
				return len(b), nil
			})
			resp.ContentLength, resp.Body = c.length, struct {
				io.Reader
				closerFunc
			}{body, func() error { closed = true; return nil }}
			return resp, nil
		}, func(cfg *Config) { cfg.Retry.MaxAttempts = 1 })
		// The last Read may exceed the limit, because it may fill the rest of a reused buffer.
		if _, err := g.Do(t.Context(), call()); err == nil || read < c.most || read > c.most+maxKeptSize || !closed {
			t.Errorf("status %d, Content-Length %d: %d bytes read, closed %v, error %v", c.status, c.length, read, closed, err)
		}
	}
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		body   io.Reader
		length int64 // Content-Length, or -1 if unknown
		limit  int
		err    error
		want   int // number of bytes read, or -1 if any number is allowed
	}{
		"empty":                {strings.NewReader(""), 0, 10, nil, 0},
		"known length":         {strings.NewReader("abc"), 3, 10, nil, 3},
		"unknown length":       {strings.NewReader("abc"), -1, 10, nil, 3},
		"byte by byte":         {iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 200<<10))), -1, 1 << 20, nil, 200 << 10},
		"end with data":        {iotest.DataErrReader(strings.NewReader("abc")), -1, 10, nil, 3},
		"exactly the limit":    {strings.NewReader(strings.Repeat("x", 10)), -1, 10, nil, 10},
		"declared as limit":    {strings.NewReader(strings.Repeat("x", 10)), 10, 10, nil, 10},
		"one more":             {strings.NewReader(strings.Repeat("x", 11)), -1, 10, errTooLarge, -1},
		"declared too large":   {iotest.ErrReader(errors.New("was read")), 11, 10, errTooLarge, 0},
		"more than declared":   {strings.NewReader(strings.Repeat("x", 3<<20)), 5, 4 << 20, nil, 3 << 20},
		"less than declared":   {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF)), 1 << 27, 1 << 28, io.ErrUnexpectedEOF, 3},
		"endless":              {endless{}, -1, maxBody, errTooLarge, -1},
		"broken":               {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), -1, 10, broken, 3},
		"neither data nor end": {stuck{}, -1, 10, io.ErrNoProgress, 0},
	} {
		var buf []byte
		for range 2 { // the second round reuses the buffer of the first round
			if r, ok := c.body.(*strings.Reader); ok {
				_, _ = r.Seek(0, io.SeekStart)
			}
			var err error
			buf, err = readBody(buf, &http.Response{Body: io.NopCloser(c.body), ContentLength: c.length}, c.limit)
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Errorf("%s: %v, want %v", name, err, c.err)
			}
			if c.want >= 0 && len(buf) != c.want {
				t.Errorf("%s: %d bytes, want %d", name, len(buf), c.want)
			}
			if cap(buf) > 2*c.limit+64<<10 {
				t.Errorf("%s: %d bytes allocated with a limit of %d", name, cap(buf), c.limit)
			}
			if _, ok := c.body.(*strings.Reader); !ok {
				break
			}
		}
	}
	// Content-Length cannot be trusted, so readBody must not allocate a buffer of that size in advance.
	buf, _ := readBody(nil, &http.Response{Body: io.NopCloser(bytes.NewReader(nil)), ContentLength: 30 << 20}, maxBody)
	if cap(buf) > firstBuffer {
		t.Errorf("%d bytes allocated for an empty body", cap(buf))
	}
	// Without a Content-Length, readBody must not allocate a buffer as large as the limit.
	buf, _ = readBody(nil, &http.Response{Body: io.NopCloser(bytes.NewReader(make([]byte, 200<<10))), ContentLength: -1}, maxBody)
	if len(buf) != 200<<10 || cap(buf) > firstBuffer {
		t.Errorf("%d bytes allocated for a body of %d bytes", cap(buf), len(buf))
	}
}

// TestBufferList checks which buffers are kept and in which order they are reused.
func TestBufferList(t *testing.T) {
	t.Parallel()
	var l bufferList
	if l.get() != nil {
		t.Error("an empty list returned a buffer")
	}
	l.put(nil)
	l.put(make([]byte, 0, maxKeptSize+1))
	if len(l.free) != 0 {
		t.Errorf("%d buffers kept, although their sizes are 0 and maxKeptSize+1", len(l.free))
	}
	l.put(make([]byte, 0, maxKeptSize))
	for size := range maxKeptBuffers + 3 {
		l.put(make([]byte, size, 100+size))
	}
	if len(l.free) != maxKeptBuffers {
		t.Errorf("%d buffers kept, want %d", len(l.free), maxKeptBuffers)
	}
	for want := 100 + maxKeptBuffers - 2; want >= 100; want-- {
		if got := cap(l.get()); got != want {
			t.Errorf("got a buffer of %d bytes, want the most recently used buffer of %d bytes", got, want)
		}
	}
	if got := cap(l.get()); got != maxKeptSize || l.get() != nil {
		t.Errorf("the last buffer has %d bytes, want %d", got, maxKeptSize)
	}
}

// TestBuffersAreReused checks that a response body is read into the buffer of the previous response.
func TestBuffersAreReused(t *testing.T) {
	t.Parallel()
	var seen []*byte
	g := newRig(func(int, *http.Request) (*http.Response, error) { return respond(200, good), nil }, nil)
	for i := range 3 {
		c := call()
		c.Decode = func(body []byte) error {
			seen = append(seen, &body[0])
			if i == 0 {
				return errors.New("unreadable")
			}
			return nil
		}
		c.ReadOnly = false // disable retries
		_, _ = g.Do(t.Context(), c)
	}
	if len(seen) != 3 || seen[0] != seen[1] || seen[1] != seen[2] {
		t.Errorf("the three calls did not share one buffer: %v", seen)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }
