package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// TestProgressFitsTheTerminal verifies that the progress line fits the width of the terminal and shows the number of
// instances.
func TestProgressFitsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{30, 60, 200} {
		synctest.Test(t, func(t *testing.T) {
			var screen strings.Builder
			bar := &progress{w: &screen, where: strings.Repeat("华东, cn-hangzhou, ", 20), width: width, every: time.Second}
			for range bar.count(func(yield func(ecs.Instance, error) bool) {
				for range 5 {
					time.Sleep(time.Second)
					yield(ecs.Instance{}, nil)
				}
			}) {
			}
			lines := strings.Split(strings.ReplaceAll(screen.String(), "\r\x1b[K", "\n"), "\n")
			if lines[0] != "" || lines[len(lines)-1] != "" || len(lines) != 7 {
				t.Fatalf("%q", lines)
			}
			for _, line := range lines[1:6] {
				if !strings.HasPrefix(line, "listing: ") || !strings.Contains(line, " instance") || terminal.Width(line) >= width {
					t.Errorf("at %d: %q", width, line)
				}
			}
		})
	}
}
