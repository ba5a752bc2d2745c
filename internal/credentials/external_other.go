//go:build !unix

package credentials

import "os/exec"

// killChildren does nothing on systems without process groups. When the context is done, only the command itself is
// killed.
func killChildren(*exec.Cmd) {}
