package transport

import (
	"net/http"
	"sync/atomic"
	"time"
)

// The API rejects a request whose time is off by more than 15 minutes. A clock offset below minSkew is therefore
// never the reason for a rejection. A Date header that is off by more than maxSkew is not trusted.
const (
	minSkew = 4 * time.Minute
	maxSkew = 24 * time.Hour
)

// clock estimates the server's time as the local time plus an offset learned from a Date header. The estimate is
// used only for signing. All waits use timers, which do not depend on the wall clock.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() (t time.Time, offset time.Duration) {
	offset = time.Duration(c.offset.Load())
	return time.Now().Add(offset), offset
}

// learn computes the offset from the Date header of a response that rejected the time of a request. used is the
// offset with which the request was signed. learn reports whether a retry with the new offset may succeed. It
// ignores responses from a cache, which have an Age header, because their Date is old.
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
