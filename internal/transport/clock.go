package transport

import (
	"net/http"
	"sync/atomic"
	"time"
)

// The API rejects a request whose timestamp is off by more than 15 minutes. A clock offset below minSkew is therefore
// not the reason for a rejection. A Date header that differs from the local time by more than maxSkew is ignored.
const (
	minSkew = 4 * time.Minute
	maxSkew = 24 * time.Hour
)

// clock estimates the server's time by adding an offset to the local time. The estimate is used only for signing
// requests.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() (t time.Time, offset time.Duration) {
	offset = time.Duration(c.offset.Load())
	return time.Now().Add(offset), offset
}

// learn updates the offset after the server has rejected the timestamp of a request, and reports whether a retry may
// succeed. The argument used is the offset with which the request was signed, and h contains the headers of the
// response.
//
// A response with an Age header is ignored, because it comes from a cache and its Date is old.
func (c *clock) learn(h http.Header, used time.Duration) bool {
	if h.Get("Age") != "" {
		return false
	}
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return false
	}
	offset := time.Until(date).Round(time.Second)
	switch {
	case offset.Abs() > maxSkew:
		return false
	case offset.Abs() < minSkew:
		offset = 0
	}
	if (offset - used).Abs() < minSkew {
		return false // the server has just rejected this offset
	}
	c.offset.Store(int64(offset))
	return true
}
