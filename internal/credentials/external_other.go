//go:build !unix

package credentials

import "os/exec"

// killChildren does nothing here: only the command itself is killed when the context is done.
func killChildren(*exec.Cmd) {}
