// Package realtool finds installed programs, such as Prometheus and ssh, for integration tests.
package realtool

import (
	"os"
	"os/exec"
	"testing"
)

// Find returns the path of the first named program that is installed. If no program is found, Find skips the test, or
// fails the test if ECS_REAL_TOOLS is set. In short mode, Find always skips the test.
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
		t.Fatalf("%v not found: install Debian's package %s", names, debianPackage)
	}
	t.Skipf("%v not found: install Debian's package %s to run this test", names, debianPackage)
	return ""
}
