package transport

import (
	"net/http"
	"sync/atomic"
	"time"
)

// The API rejects a request whose time is off by more than 15 minutes. If the clock offset is less than minSkew, it is
// therefore not the reason for a rejection. If a Date header differs from the local time by more than maxSkew, the
// header is ignored.
const (
	minSkew = 4 * time.Minute
	maxSkew = 24 * time.Hour
)

// clock estimates the server's time: it adds an offset, learned from a Date header, to the local time. The estimate is
// used only for signing. Delays do not depend on it, because timers use the monotonic clock.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() (t time.Time, offset time.Duration) {
	offset = time.Duration(c.offset.Load())
	return time.Now().Add(offset), offset
}

// learn computes the offset from the Date header of a response with which the server rejected the time of a request.
// The argument used is the offset with which that request was signed. learn reports whether a retry with the new offset
// may succeed. It ignores responses with an Age header, which come from a cache and have an old Date.
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
