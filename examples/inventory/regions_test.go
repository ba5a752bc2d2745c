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
	for _, tt := range []struct {
		args   string
		code   int
		stderr string
	}{
		{"-region cn-hangzou", failure.ExitUsage, "did you mean cn-hangzhou?"},
		{"doctor -region cn-hangzou", failure.ExitUsage, ""},
		{"-region all -exclude-region cn-hangzou", failure.ExitOK, "inventory: -exclude-region cn-hangzou has no effect: there is no such region: did you mean cn-hangzhou?"},
		{"-region all -exclude-region cn-hangzou -o json", failure.ExitOK, "did you mean cn-hangzhou?"},
		{"-region all -exclude-region cn-hangzou -dry-run", failure.ExitOK, "did you mean cn-hangzhou?"},
		{"doctor -region all -exclude-region cn-hangzou", failure.ExitOK, "did you mean cn-hangzhou?"},
		{"-region all -exclude-region cn-hangzou -watch 5s -timeout 1s", failure.ExitOK, "did you mean cn-hangzhou?"},
	} {
		r := world{server: newServer(t, fleet(3)...)}.run(t, strings.Fields(tt.args)...)
		if r.code != tt.code || tt.stderr != "" && strings.Count(r.stderr, tt.stderr) != 1 {
			t.Errorf("%s: exit code %d, want %d and %q: %s", tt.args, r.code, tt.code, tt.stderr, r.stderr)
		}
	}
	if r := (world{server: newServer(t)}).run(t, "doctor", "-region", "cn-hangzou"); strings.Count(r.stdout, "did you mean cn-hangzhou?") != 1 {
		t.Errorf("%s", r.stdout)
	}
	if r := (world{}).run(t, "-demo", "-o", "ids", "-limit", "1"); r.code != failure.ExitOK || r.stderr != "inventory: "+demo.Notice()+"\n" {
		t.Errorf("%+v", r)
	}
}
