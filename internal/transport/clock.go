package transport

import (
	"net/http"
	"sync/atomic"
	"time"
)

// The API refuses a request whose time is more than 15 minutes off. A skew below minSkew is never the reason, and a Date
// that is more than maxSkew off is no clock to trust.
const (
	minSkew = 4 * time.Minute
	maxSkew = 24 * time.Hour
)

// clock is the server's time as far as it is known: the local time plus an offset learned from a Date header. It is only used
// for signing; all waiting uses timers, which do not depend on the wall clock.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() (t time.Time, offset time.Duration) {
	offset = time.Duration(c.offset.Load())
	return time.Now().Add(offset), offset
}

// learn reads the Date of a response that refused a request signed with the given offset, and reports whether another
// attempt makes sense. A response from a cache (Age) carries an old Date.
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
		return false // it is the time that the server has just refused
	}
	c.offset.Store(int64(offset))
	return true
}
