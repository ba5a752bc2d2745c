//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package credentials

import (
	"errors"
	"os"
)

// tryLock fails: an open file cannot be replaced here while it is locked.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func keepOwner(*os.File, os.FileInfo) error { return nil }
