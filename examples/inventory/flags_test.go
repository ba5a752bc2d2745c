package main

import (
	"flag"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string // text that the message must contain
	}{
		{[]string{"-demo", "-o", "jason"}, "did you mean json?"},
		{[]string{"-demo", "-o", "ndjsn"}, "did you mean ndjson?"},
		{[]string{"-demo", "-o", "spreadsheet"}, "must be one of table, record, summary, html, json, ndjson, csv, ids, ssh-config"},
		{[]string{"-demo", "-columns", "id,naem"}, "did you mean name?"},
		{[]string{"-demo", "-columns", "id,xyzzy"}, "-columns help"},
		{[]string{"-demo", "-sort", "-creatd"}, "did you mean created?"},
		{[]string{"-demo", "-o", "yaml"}, "csv, ids, ssh-config (-h"},
		{[]string{"-demo", "-stauts", "Running"}, "did you mean -status?"},
		{[]string{"-demo", "-stat", "Running"}, "did you mean -status?"},
		{[]string{"-demo", "-column", "id"}, "did you mean -columns?"},
		{[]string{"-demo", "-summary"}, "use -o summary"},
		{[]string{"-demo", "-status", "Runnin"}, "did you mean Running?"},
		{[]string{"-demo", "-charge-type", "x"}, "must be one of PrePaid, PostPaid"},
		{[]string{"-demo", "-tag", "=v"}, "must be KEY or KEY=VALUE"},
		{[]string{"-demo", "-created-after", "yesterday"}, "2025-01-31"},
		{[]string{"-demo", "-created-after", "-3h"}, "2025-01-31"},
		{[]string{"-demo", "-limit", "-1"}, "must be 1 or more"},
		{[]string{"-demo", "-limit", "0"}, "must be 1 or more"},
		{[]string{"-demo", "-limit", "many"}, `-limit "many": must be a number`},
		{[]string{"-demo", "-timeout", "-1s"}, "negative"},
		{[]string{"-demo", "-timeout", "5"}, `-timeout "5": must be a duration such as 30s`},
		{[]string{"-demo", "-private-ip", "10.0.0.300"}, `-private-ip "10.0.0.300": "10.0.0.300" is not an IP address`},
		{[]string{"-demo", "-public-ip", "192.0.2.1,192.0.2.0/24"}, `"192.0.2.0/24" is not an IP address`},
		{[]string{"-demo", "-eip", "i-1"}, `"i-1" is not an IP address`},
		{[]string{"-demo", "-private-ip", "fe80::1%eth0"}, "is not an IP address"},
		{[]string{"-demo", "-private-ip", "2001:db8::1"}, "2001:db8::1 is an IPv6 address: use -ipv6"},
		{[]string{"-demo", "-eip", "2001:db8::1"}, "use -ipv6"},
		{[]string{"-demo", "-ipv6", "192.0.2.1"}, "is an IPv4 address: use -private-ip"},
		{[]string{"-demo", "-tag", "env="}, "use -tag env to match any value, or -tag-empty env to match the empty value"},
		{[]string{"-demo", "-tag", "env= "}, "the value is empty"},
		{[]string{"-demo", "-tag-any", "env=prod,"}, "without empty parts"},
		{[]string{"-demo", "-tag-any", "env"}, "must be KEY=VALUE,VALUE"},
		{[]string{"-demo", "-status", "Running,Runnin"}, "did you mean Running?"},
		{[]string{"-region", "cn-hangzhou", "-exclude-region", "cn-hangzhou"}, "excludes every region"},
		{[]string{"-demo", "-completion", "bsh"}, "did you mean bash?"},
		{[]string{"-demo", "-o", "ssh-config", "-host-name", "{nome}"}, "there is no placeholder {nome}"},
		{[]string{"-demo", "-o", "ssh-config", "-host-name", "web *"}, "must be a template such as"},
		{[]string{"-demo", "-o", "ssh-config", "-proxy-jump", "-oProxyCommand=id"}, "want [USER@]HOST"},
		{[]string{"-demo", "-o", "ssh-config", "-proxy-jump", "a\nProxyCommand id"}, "want [USER@]HOST"},
		{[]string{"-demo", "-o", "ssh-config", "-identity-file", "a\"b"}, "a file path"},
		{[]string{"-demo", "-o", "json", "-spreadsheet"}, "use it with -o csv"},
		{[]string{"-demo", "-profile", "x"}, "-demo"},
		{[]string{"-demo", "-expires-after", "30d", "-expires-before", "10d"}, "-expires-after (2025-12-01T00:00Z) is later than -expires-before (2025-11-11T00:00Z)"},
		{[]string{"-demo", "-created-after", "10d", "-created-before", "2025-01-31"}, "-created-after (2025-10-22T00:00Z) is later than -created-before (2025-01-31T00:00Z)"},
		{[]string{"-demo", "-workers", "-1"}, "1 to 64"},
		{[]string{"-demo", "-watch", "1s"}, "-watch 1s: must be 5s or more"},
		{[]string{"doctor", "-demo", "-watch", "30s"}, "-watch has no effect with doctor"},
		{[]string{"-demo", "-watch", "0s"}, "-watch 0s: must be 5s or more"},
		{[]string{"-demo", "-watch", "30"}, "must be a duration such as 30s"},
		{[]string{"-demo", "-watch", "30s", "-o", "html"}, "-watch supports -o table and -o ndjson"},
		{[]string{"-demo", "-watch", "30s", "-sort", "id"}, "-sort has no effect with -watch"},
		{[]string{"-demo", "-watch", "30s", "-limit", "3"}, "-limit has no effect with -watch"},
		{[]string{"-demo", "-workers", "65"}, "1 to 64"},
		{[]string{"-demo", "-workers", "0"}, "-workers 0: must be 1 to 64"},
		{[]string{"-demo", "-dry-run", "-o", "json"}, "-o has no effect with -dry-run"},
		{[]string{"-demo", "-dry-run", "-limit", "3"}, "-limit has no effect with -dry-run"},
		{[]string{"-demo", "-dry-run", "-columns", "id"}, "-columns has no effect with -dry-run"},
		{[]string{"-region", "all,cn-hangzhou"}, `-region "all,cn-hangzhou": "all" cannot be combined`},
		{[]string{"-demo", "-id", "-"}, `-id "-": stdin is empty`},
		{[]string{"-demo", "-o", "html", "-expiring", "soon"}, "number of days"},
		{[]string{"-demo", "-o", "html", "-expiring", "-3"}, "number of days"},
		{[]string{"-demo", "-expiring", "3"}, "use it with -o summary and -o html"},
		{[]string{"-demo", "-o", "json", "-columns", "id"}, "-columns has no effect with -o json: use it with -o table, -o record, -o html and -o csv"},
		{[]string{"-demo", "-o", "ids", "-columns", "id"}, "has no effect with -o ids"},
		{[]string{"-demo", "-o", "html", "-public"}, "use it with -o ssh-config"},
		{[]string{"-demo", "-user", "ops"}, "use it with -o ssh-config"},
		{[]string{"-demo", "-o", "ssh-config", "-user", "a b"}, "login name"},
		{[]string{"-demo", "-o", "ssh-config", "-user", "-oProxyCommand=id"}, "login name"},
		{[]string{"-demo", "-network", "classic"}, "public or vpc"},
		{[]string{"-demo", "-endpoint", "localhost"}, "-demo"},
		{[]string{"-demo", "Running"}, `"Running"`},
		{[]string{"-demo", "-region", ","}, "no region"},
		{[]string{"-demo", "-region", "Hang Zhou!"}, "region"},
		{nil, "no region selected"},
		{[]string{"-region", "cn-hangzhou", "cn-beijing"}, `"cn-beijing" is neither a flag nor the value of a flag: separate several values with commas`},
		{[]string{"-demo", "docter"}, `there is no command "docter": did you mean doctor?`},
		{[]string{"-demo", "-format", "json"}, "there is no flag -format: use -o (-h"},
		{[]string{"-demo", "--output=json"}, "there is no flag -output: use -o (-h"},
		{[]string{"-demo", "-name", "-o", "ids"}, "-name has no value, because the next argument is the flag -o: set a value, or write -name=-o if -o is the value (-h for help)\n"},
		{[]string{"doctor", "-region", "--status=Running"}, "-region has no value, because the next argument is the flag --status=Running"},
		{[]string{"-demo", "-columns", "nme"}, `-columns: there is no column "nme": did you mean name? (-columns help lists all columns)` + "\n"},
		{[]string{"-demo", "-sort", "-nme"}, `-sort: there is no column "nme": did you mean name? (-columns help lists all columns)` + "\n"},
		{[]string{"-region", "cn-hangzhou", "-endpoint", "http://10.0.0.1"}, "inventory: -endpoint must use https"},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			r := world{}.run(t, tt.args...)
			if r.code != failure.ExitUsage || !strings.Contains(r.stderr, tt.want) || r.stdout != "" {
				t.Errorf("%+v, want exit code 2 and %q", r, tt.want)
			}
		})
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	t.Parallel()
	text := world{}.run(t, "-h").stdout
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > 120 {
			t.Errorf("too long: %s", line)
		}
	}
	c, fs := &config{}, flag.NewFlagSet("", flag.ContinueOnError)
	c.define(fs, nil, testNow)
	fs.VisitAll(func(f *flag.Flag) {
		if !strings.Contains(text, "-"+f.Name+" ") {
			t.Errorf("-h does not explain -%s", f.Name)
		}
	})
	for _, code := range []int{failure.ExitOK, failure.ExitFailed, failure.ExitUsage, failure.ExitForbidden, failure.ExitCredentials, failure.ExitUnavailable, failure.ExitIncomplete, failure.ExitNotFound, failure.ExitInterrupted} {
		if !strings.Contains(text, fmt.Sprintf("\n  %-4d ", code)) {
			t.Errorf("-h does not explain exit code %d", code)
		}
	}
}

// TestCommandIsQuoted verifies that a shell parses the printed command line correctly.
func TestCommandIsQuoted(t *testing.T) {
	t.Parallel()
	args := []string{"-demo", "-name", "web-*", "-tag", "a=it's $HOME `id` \\ \"x\" ~", "-tag", "环境=生产", "-user", "ops", "-o", "ssh-config", "-zone", "!1 & 2 > 3; #4", "-vpc", "~root", "-tag", "home=~", "-image", "a\tb"}
	c, err := parse(args, nil, func(string) string { return "" }, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if want := "inventory -demo -name 'web-*' -tag "; !strings.HasPrefix(c.look.command, want) || !strings.Contains(c.look.command, " 环境=生产 -user ops ") {
		t.Errorf("%s, want %s", c.look.command, want)
	}
	if runtime.GOOS == "windows" {
		return // Windows has no POSIX shell
	}
	for _, shell := range []string{"sh", "bash"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Log(err)
			continue
		}
		out, err := exec.CommandContext(t.Context(), path, "-c", "inventory() { printf '%s\\0' \"$@\"; }; "+c.look.command).Output()
		if got := strings.Split(string(out), "\x00"); err != nil || !slices.Equal(got[:len(got)-1], args) {
			t.Errorf("%s: %q, %v", shell, got, err)
		}
	}
}

func TestHelpAsCommand(t *testing.T) {
	t.Parallel()
	if r, want := (world{}).run(t, "help"), (world{}).run(t, "-h"); r.code != failure.ExitOK || r != want {
		t.Errorf("%d %s%.100s", r.code, r.stderr, r.stdout)
	}
	if r := (world{}).run(t, "-demo", "-columns", "ID,Private-IP", "-limit", "1"); r.code != failure.ExitOK || !strings.HasPrefix(r.stdout, "ID  ") {
		t.Errorf("%+v", r)
	}
}
