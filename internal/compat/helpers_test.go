package compat_test

import "errors"

// errorAs returns the first error of type T in the error tree of err, and whether there is such an error.
func errorAs[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}

// ptr returns a pointer to a copy of v. It is used for optional fields, which distinguish an absent value from zero.
func ptr[T any](v T) *T { return &v }
