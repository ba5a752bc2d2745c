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

func TestReadBody(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		body   io.Reader
		length int64 // the declared length, or -1 if unknown
		limit  int
		err    error
		want   int // the number of bytes read, or -1 if it does not matter
	}{
		"empty":                {strings.NewReader(""), 0, 10, nil, 0},
		"known length":         {strings.NewReader("abc"), 3, 10, nil, 3},
		"unknown length":       {strings.NewReader("abc"), -1, 10, nil, 3},
		"byte by byte":         {iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 200<<10))), -1, 1 << 20, nil, 200 << 10},
		"end with data":        {iotest.DataErrReader(strings.NewReader("abc")), -1, 10, nil, 3},
		"exactly the limit":    {strings.NewReader(strings.Repeat("x", 10)), -1, 10, nil, 10},
		"one more":             {strings.NewReader(strings.Repeat("x", 11)), -1, 10, errTooLarge, -1},
		"declared too large":   {iotest.ErrReader(errors.New("was read")), 11, 10, errTooLarge, 0},
		"more than declared":   {strings.NewReader(strings.Repeat("x", 3<<20)), 5, 4 << 20, nil, 3 << 20},
		"less than declared":   {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF)), 1 << 27, 1 << 28, io.ErrUnexpectedEOF, 3},
		"endless":              {endless{}, -1, maxBody, errTooLarge, -1},
		"broken":               {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), -1, 10, broken, 3},
		"neither data nor end": {stuck{}, -1, 10, io.ErrNoProgress, 0},
	} {
		var buf []byte
		for range 2 { // the second time with the buffer of the first
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
	// The declared length is not trusted.
	buf, _ := readBody(nil, &http.Response{Body: io.NopCloser(bytes.NewReader(nil)), ContentLength: 30 << 20}, maxBody)
	if cap(buf) > firstBuffer {
		t.Errorf("%d bytes allocated for an empty body", cap(buf))
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }
