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

// learn computes the offset from a response in which the server rejected a request's timestamp. The argument used is
// the offset with which that request was signed. learn reports whether a retry may succeed. It ignores responses with
// an Age header, because they come from a cache and have an old Date.
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
