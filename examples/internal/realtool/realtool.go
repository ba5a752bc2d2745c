// Package realtool finds the programs that the examples work with, such as Prometheus and ssh, for tests that run them.
package realtool

import (
	"os"
	"os/exec"
	"testing"
)

// Find returns the path of the first of the named programs that is installed. If there is none, the test is skipped, or fails
// if ECS_REAL_TOOLS is set, as in .ci/run. With -short, the test is skipped in any case.
func Find(t testing.TB, debianPackage string, names ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skipf("with -short, %s is not run", names[0])
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("ECS_REAL_TOOLS") != "" {
		t.Fatalf("no %v: install Debian's package %s", names, debianPackage)
	}
	t.Skipf("no %v: install Debian's package %s to run this test", names, debianPackage)
	return ""
}
