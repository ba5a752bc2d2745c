package ecs_test

import (
	"errors"
	"testing"
)

// errorAs returns the first error of type T in the error tree of err, and reports whether it found one.
func errorAs[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}

// volume returns short with -short, and full otherwise. Runs with the race detector, which is slow, use -short.
func volume[T any](full, short T) T {
	if testing.Short() {
		return short
	}
	return full
}

// ptr returns a pointer to a copy of v.
func ptr[T any](v T) *T { return &v }
