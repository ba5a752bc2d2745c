//go:build !unix

package credentials

import "os/exec"

// killChildren does nothing here: the end of the context kills the command alone.
func killChildren(*exec.Cmd) {}
