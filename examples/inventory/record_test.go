package main

import (
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// TestRecordContinuesLongValues verifies that long values continue on the next line on a terminal, but not in a pipe.
func TestRecordContinuesLongValues(t *testing.T) {
	t.Parallel()
	long := strings.TrimSpace(strings.Repeat("环境=prod team ", 20))
	inst := ecs.Instance{InstanceID: "i-1", InstanceName: "two  blanks", Description: long, HostName: strings.Repeat("x", 100)}
	for _, width := range []int{0, 60, 10} {
		var b strings.Builder
		r := &recordRenderer{w: &b, look: look{columns: columns(), width: width}}
		if err := r.add(inst); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		value := ""
		for _, line := range lines {
			switch name := strings.TrimSpace(line[:min(15, len(line))]); {
			case width == 60 && terminal.Width(line) > width && name != "hostname":
				t.Errorf("%q is %d wide", line, terminal.Width(line))
			case name == "description" || name == "" && value != "":
				value = strings.TrimSpace(value + " " + strings.TrimSpace(strings.TrimPrefix(line, "description")))
			}
		}
		if value != long || !strings.Contains(b.String(), "two  blanks\n") || width != 60 && strings.Contains(b.String(), "\n ") {
			t.Errorf("at %d: %q", width, lines)
		}
	}
}
