package main

import (
	"os"
	"os/exec"
	"testing"
)

// realTool finds a program that a test cannot do without. Who has none may still run the other tests; with ECS_REAL_TOOLS,
// as .ci/run sets it, a missing one is a failure.
func realTool(t *testing.T, debianPackage string, names ...string) string {
	t.Helper()
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
