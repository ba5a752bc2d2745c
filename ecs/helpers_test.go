package ecs_test

import (
	"errors"
	"testing"
)

// errorAs returns the first error in the tree of err that has type T.
func errorAs[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}

// volume returns full, or short if the test runs with -short. Runs with the race detector use -short, because they
// are ten times slower but do not need large volumes.
func volume[T any](full, short T) T {
	if testing.Short() {
		return short
	}
	return full
}

// ptr returns a pointer to a copy of v. It is used for fields in which nil and zero have different meanings.
func ptr[T any](v T) *T { return &v }
