//go:build unix

package credentials

import (
	"os/exec"
	"syscall"
)

// killChildren makes the command's whole process group be killed when the context is done.
func killChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
