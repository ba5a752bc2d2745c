package ecs_test

import (
	"errors"
	"testing"
)

// errorAs returns the first error of type T in the error tree of err, and whether there is such an error.
func errorAs[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}

// volume returns full in a normal run, and short with -short. Runs with the race detector use -short, because the
// race detector makes them ten times slower and they do not need large volumes.
func volume[T any](full, short T) T {
	if testing.Short() {
		return short
	}
	return full
}

// ptr returns a pointer to a copy of v. It is used for fields in which nil and zero have different meanings.
func ptr[T any](v T) *T { return &v }
