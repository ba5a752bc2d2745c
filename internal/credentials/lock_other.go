//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package credentials

import (
	"errors"
	"os"
)

// tryLock always returns errors.ErrUnsupported. On the systems for which this file is built, a file cannot be replaced
// while it is open and locked.
func tryLock(*os.File) (bool, error) { return false, errors.ErrUnsupported }

func keepOwner(*os.File, os.FileInfo) error { return nil }
