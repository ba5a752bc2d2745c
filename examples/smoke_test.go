package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestPrograms verifies the output of every program in demo mode.
func TestPrograms(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds and runs all programs")
	}
	programs := map[string]struct {
		args string
		want string // a regular expression that stdout matches
	}{
		"list":              {"-demo", `(?m)^i-\S+ ecs\.\S+ cn-hangzhou-\S+ \d+\.\d+\.\d+\.\d+ [\s\S]*^[1-9]\d* running instances in cn-hangzhou$`},
		"accounts":          {"-demo", `^((dev|staging|prod) i-\S+ cn-hangzhou \S*\n)+$`},
		"check":             {"-demo", `(?s)^passed   credentials .*\npassed   permission +DescribeInstances +permitted\n.*\nready\n$`},
		"stream":            {"-demo -workers 3", `^[1-9]\d* instances of cn-hangzhou have a public address, found by 3 workers\n$`},
		"dryrun":            {"-demo", `^listing the instances of cn-hangzhou is permitted\n$`},
		"errors":            {"-demo", `(?s)permission to list: no error.*does not exist: not found.*tag without key: a bug in the program.*within a nanosecond: try again later.*operation that does not exist: .*key that does not exist: wrong or missing`},
		"regions":           {"-demo", `^(\S+ +[1-9]\d*\n){6}$`},
		"tags":              {"-demo", `^1\d\d\d instances in cn-hangzhou have the tag env\nListTagResources returns 1\d\d\d such tags\n$`},
		"call":              {"-demo", `(?m)^Running +[1-9]\d*$`},
		"scan":              {"-demo", `^[1-9]\d* instances with [1-9]\d* vCPUs in cn-hangzhou\n$`},
		"wait":              {"-demo", `^i-bp1quick Running\ni-bp1slow Running\n$`},
		"watch":             {"-demo", `(?s)^added i-\S+ \S+\nadded .*watching cn-hangzhou\n.*changed i-bp1web web -> web-2\n`},
		"ansible-inventory": {"-demo --list", `^\{\n  "_meta": \{\n    "hostvars": \{\n      "\S+": \{\n        "ansible_host": "[\d.]+",\n[\s\S]*\n  "region_cn_hangzhou": \{\n    "hosts": \[\n`},
		"prometheus-sd":     {"-demo -once", `^\[\n(\{"targets":\["[\d.]+:9100"\],"labels":\{"__meta_ecs_.*\}\},?\n)+\]\n$`},
		"inventory":         {"-demo", `^ID +NAME +STATUS .*\n(i-.*\n)+$`},
	}

	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatal("no programs found", err)
	}
	bin := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", bin+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, main := range mains {
		name := filepath.Dir(main)
		program, ok := programs[name]
		if !ok {
			t.Errorf("%s has no smoke test", name)
			continue
		}
		c := exec.CommandContext(ctx, filepath.Join(bin, name), strings.Fields(program.args)...)
		c.Env = []string{"HOME=" + t.TempDir(), "SystemRoot=" + os.Getenv("SystemRoot")} // a new HOME hides the developer's credentials
		out, err := c.Output()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !regexp.MustCompile(program.want).Match(out) {
			t.Errorf("%s does not match %s:\n%.2000s", name, program.want, out)
		}
	}

	for _, args := range [][]string{nil, {"-demo", "i-1"}} { // the program requires either -demo or instance ids
		c := exec.CommandContext(ctx, filepath.Join(bin, "wait"), args...)
		out, err := c.CombinedOutput()
		if c.ProcessState.ExitCode() != 2 || !strings.HasPrefix(string(out), "usage: wait ") {
			t.Errorf("wait %v: %v: %s", args, err, out)
		}
	}
}
