package ecs

import "errors"

// errorAs returns the first error of type T in the error tree of err, and reports whether it found one.
func errorAs[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}

// ptr returns a pointer to a copy of v.
func ptr[T any](v T) *T { return &v }
