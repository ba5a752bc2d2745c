package transport

import (
	"net/http"
	"sync/atomic"
	"time"
)

// The API refuses a request whose time is off by more than 15 minutes. A skew below minSkew is therefore never the
// reason, and a Date that is off by more than maxSkew is not trusted.
const (
	minSkew = 4 * time.Minute
	maxSkew = 24 * time.Hour
)

// clock estimates the server's time: the local time plus an offset learned from a Date header. It is only used for
// signing; all waiting uses timers, which do not depend on the wall clock.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() (t time.Time, offset time.Duration) {
	offset = time.Duration(c.offset.Load())
	return time.Now().Add(offset), offset
}

// learn computes the offset from the Date header of a response that refused a request for its time. used is the
// offset that the request was signed with. learn reports whether another attempt makes sense. The response of a cache
// (one with an Age header) is ignored, because its Date is old.
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
		return false // the server has just refused this time
	}
	c.offset.Store(int64(offset))
	return true
}
