package ecscache

import (
	"fmt"
	"runtime/debug"
)

// panicError transfers a hook's panic from one of this package's goroutines to the caller's goroutine.
type panicError struct{ error }

// catchPanic calls f and returns the error of f. If f panics, catchPanic returns a panicError.
func catchPanic(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicError{fmt.Errorf("ecscache: a hook panicked: %v\n\n%s", p, debug.Stack())}
		}
	}()
	return f()
}

// rethrow panics if err is a panicError.
func rethrow(err error) {
	if p, ok := err.(panicError); ok { //nolint:errorlint // never wrapped
		panic(p.error)
	}
}
