//go:build unix

package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

// TestStateIsAFile verifies that -state accepts only regular files, because reading a pipe or a device may never end.
func TestStateIsAFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{pipe, folder, "/dev/zero"} {
		p, _, stderr := newProgram(newServer(t))
		code := p.run(t.Context(), []string{"-region", "all", "-state", file})
		if code != failure.ExitFailed || !strings.Contains(stderr.String(), "-state: "+file+" is not a regular file") {
			t.Errorf("%s: %d, %s", file, code, stderr)
		}
	}
}
