package main

import (
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

// TestMisspeltRegions verifies that the message about a nonexistent region suggests a similar region.
func TestMisspeltRegions(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-region cn-hangzou --list":                     "did you mean cn-hangzhou?",
		"-region all -exclude-region cn-hangzou --list": "ecs-inventory: -exclude-region cn-hangzou has no effect: there is no such region: did you mean cn-hangzhou?",
	} {
		if _, _, stderr := (world{server: newServer(t, fleet()...)}).run(t, strings.Fields(args)...); !strings.Contains(stderr, want) {
			t.Errorf("%s: %s", args, stderr)
		}
	}
}

func TestDemoNotice(t *testing.T) {
	t.Parallel()
	code, _, stderr := world{}.run(t, "-demo", "--list")
	if code != failure.ExitOK || stderr != "ecs-inventory: "+demo.Notice()+"\n" {
		t.Errorf("%d: %s", code, stderr)
	}
}
