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

// volume returns how much a test does: less with -short, as in a run with the race detector, which needs concurrency but makes
// everything ten times slower.
func volume[T any](full, short T) T {
	if testing.Short() {
		return short
	}
	return full
}

// ptr returns a pointer to a copy of v, for fields in which absent and zero differ.
func ptr[T any](v T) *T { return &v }
