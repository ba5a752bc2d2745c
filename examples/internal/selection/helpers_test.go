package selection

import "errors"

// errorAs returns the first error in the tree of err that has type T.
func errorAs[T error](err error) (T, bool) {
	var target T
	ok := errors.As(err, &target)
	return target, ok
}
