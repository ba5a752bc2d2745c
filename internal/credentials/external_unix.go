//go:build unix

package credentials

import (
	"os/exec"
	"syscall"
)

// killChildren makes the end of the context kill the command with its whole process group.
func killChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
