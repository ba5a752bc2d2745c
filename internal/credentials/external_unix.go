//go:build unix

package credentials

import (
	"os/exec"
	"syscall"
)

// killChildren runs cmd in its own process group. When the context is done, the whole group is killed.
func killChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
