// Package realtool finds the programs that the examples are made for, for the tests that run them.
package realtool

import (
	"os"
	"os/exec"
	"testing"
)

// Find gives the path of a program that the test cannot do without. Who has none may still run the other tests; but with
// ECS_REAL_TOOLS set, as .ci/run does, a missing one is a failure.
func Find(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
	case os.Getenv("ECS_REAL_TOOLS") != "":
		t.Fatal(err)
	default:
		t.Skipf("%v: install Debian's package %s to run this test", err, debianPackage)
	}
	return path
}
