package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
	"github.com/aliyun-ecs/sdk-go/examples/internal/realtool"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// hostileFleet returns one instance for each hostile name. Other fields of the instance, and one of its tags, contain
// the same string.
func hostileFleet() []ecs.Instance {
	names := hostile.Names()
	list := fleet(len(names))
	for n, name := range names {
		i := &list[n]
		i.InstanceName, i.Description, i.HostName, i.KeyPairName, i.OSName = name, name, name, name, name
		i.InstanceType, i.ZoneID, i.InstanceTypeFamily = name, name, name
		if name != "" {
			i.Tags = []ecs.Tag{{Key: name, Value: name}}
		}
	}
	return list
}

// controls reports whether a text contains characters that control a terminal.
func controls(text string) bool {
	return strings.ContainsFunc(strings.ReplaceAll(terminal.Unstyled(text), "\n", ""), func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
	})
}

// TestFormatsOnATerminal verifies that no output format lets an instance name control the terminal.
func TestFormatsOnATerminal(t *testing.T) {
	t.Parallel()
	for _, f := range formats() {
		if f.name == "html" {
			continue // -o html is never written to a terminal
		}
		var out bytes.Buffer
		l := look{terminal: true, width: 120, color: true, columns: columns(), now: testNow, note: func(string) {}, command: "inventory"}
		l.columns = append(l.columns, tagColumn("a\x1b[2Jb"))
		r := f.new(&out, l)
		for _, inst := range hostileFleet() {
			if err := r.add(inst); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.end(nil); err != nil {
			t.Fatal(err)
		}
		if out.Len() == 0 || controls(out.String()) {
			t.Errorf("%s contains control characters or is empty: %.300q", f.name, out.String())
		}
	}
}

// TestFormatsInAFile verifies that JSON and CSV files contain the strings that the API returned.
func TestFormatsInAFile(t *testing.T) {
	t.Parallel()
	list := hostileFleet()
	server := newServer(t, list...)
	want := map[string]string{}
	for _, inst := range list {
		want[inst.InstanceID] = string([]rune(inst.InstanceName)) // the conversion replaces invalid UTF-8 with U+FFFD
	}
	var instances []ecs.Instance
	r := world{server: server}.run(t, "-region", "cn-hangzhou", "-o", "json")
	if err := json.Unmarshal([]byte(r.stdout), &instances); err != nil || len(instances) != len(list) || controls(r.stdout) {
		t.Errorf("%d instances, %v", len(instances), err)
	}
	for _, inst := range instances {
		if inst.InstanceName != want[inst.InstanceID] {
			t.Errorf("%s: %q, want %q", inst.InstanceID, inst.InstanceName, want[inst.InstanceID])
		}
	}
	for _, args := range [][]string{nil, {"-spreadsheet"}} {
		r = world{server: server}.run(t, append([]string{"-region", "cn-hangzhou", "-o", "csv", "-columns", "id,name"}, args...)...)
		text, marked := strings.CutPrefix(r.stdout, "\ufeff")
		records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || len(records) != len(list)+1 || marked != (args != nil) {
			t.Fatalf("%d records, %v", len(records), err)
		}
		for _, record := range records[1:] {
			got, name := record[1], strings.ReplaceAll(want[record[0]], "\r\n", "\n") // a CSV reader converts \r\n to \n
			if args == nil && got != name {
				t.Errorf("%s: %q, want %q", record[0], got, name)
			}
			if first := strings.TrimLeft(got, " "); args != nil && first != "" && strings.ContainsAny(first[:1], "=+-@\t\r") {
				t.Errorf("%s: a spreadsheet may evaluate %q", record[0], got)
			}
		}
	}
}

// TestMessagesHoldNoControlCharacters verifies that messages on stderr cannot control the terminal.
func TestMessagesHoldNoControlCharacters(t *testing.T) {
	t.Parallel()
	server := newServer(t, fleet(1)...)
	server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "Bad\x1b[2J", Message: "a\u202eb\u009b31m", Times: -1})
	for _, args := range [][]string{
		{"-region", "cn-hangzhou,cn-beijing", "-o", "ids"},
		{"-region", "a\x1b[2Jb"},
		{"-region", "cn-hangzhou", "-id", "i-1\u202e\x1b]0;x\x07"},
		{"-region", "cn-hangzhou", "-name", "a\x1b[2J\u009b"},
		{"-region", "cn-hangzhou", "-columns", "a\x1b[2J"},
		{"-\x1b[2J"},
	} {
		if r := (world{server: server}).run(t, args...); r.stderr == "" || controls(r.stderr) {
			t.Errorf("%q: %q", args, r.stderr)
		}
	}
}

// TestSSHHostileNames verifies with the real ssh that each host name leads to the right instance, and that no
// instance name replaces another host.
func TestSSHHostileNames(t *testing.T) {
	t.Parallel()
	ssh := realtool.Find(t, "openssh-client", "ssh")
	list := hostileFleet()
	for _, args := range [][]string{nil, {"-host-name", "{name}.ecs", "-user", "ops", "-proxy-jump", "ops@bastion.corp.example:22", "-identity-file", "~/.ssh/id ed"}} {
		r := world{server: newServer(t, list...)}.run(t, append([]string{"-region", "cn-hangzhou", "-o", "ssh-config"}, args...)...)
		if r.code != failure.ExitOK {
			t.Fatalf("%d %s", r.code, r.stderr)
		}
		dir := t.TempDir()
		ecsFile, file := filepath.Join(dir, "ecs"), filepath.Join(dir, "config")
		if err := os.WriteFile(ecsFile, []byte(r.stdout), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("Match all\nInclude "+ecsFile+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ask := func(host string) string {
			out, err := exec.CommandContext(t.Context(), ssh, "-G", "-F", file, "--", host).Output()
			if err != nil {
				t.Errorf("ssh -G %q: %v", host, err)
			}
			return string(out)
		}
		for _, host := range hostile.Hosts() {
			if host == "i-0001" || host == "Host" || strings.ContainsAny(host, "*!") || strings.HasPrefix(host, "-") {
				continue
			}
			if got := ask(host); strings.Contains(got, "\nhostkeyalias ") || strings.Contains(got, "\nhostname 10.0.") {
				t.Errorf("the configuration of the other host %s is changed:\n%.300s", host, got)
			}
		}
		got := "\n" + ask("i-0001")
		if !strings.Contains(got, "\nhostname 10.0.0.2\n") || args != nil && (!strings.Contains(got, "\nproxyjump ops@bastion.corp.example:22\n") || !strings.Contains(got, "\nidentityfile ~/.ssh/id ed\n")) {
			t.Errorf("i-0001 leads to another address: %.400s", got)
		}
		if args != nil && !strings.Contains(r.stdout, "\nHost github-com.ecs i-0000\n") {
			t.Errorf("the host name of the template is missing:\n%.500s", r.stdout)
		}
	}
}

// TestIPv6Only verifies that instances with only an IPv6 address are included in the output formats that require
// addresses.
func TestIPv6Only(t *testing.T) {
	t.Parallel()
	inst := ecs.Instance{
		InstanceID: "i-6", InstanceName: "six", RegionID: "cn-hangzhou",
		NetworkInterfaces: []ecs.NetworkInterface{{NetworkInterfaceID: "eni-1", Type: ecs.NetworkInterfaceTypePrimary, IPv6Sets: []ecs.IPv6Set{{IPv6Address: "2001:db8::6"}}}},
	}
	server := newServer(t, inst)
	for args, want := range map[string]string{
		"-o ssh-config": "HostName 2001:db8::6\n",
		"-o csv -columns id,private-ip,ipv6,interface": "i-6,2001:db8::6,2001:db8::6,eni-1\n",
		"-o ids -ipv6 2001:DB8:0::6":                   "i-6\n",
		"-o record":                                    "ipv6             2001:db8::6\n",
	} {
		if r := (world{server: server}).run(t, append(strings.Fields(args), "-region", "cn-hangzhou")...); r.code != failure.ExitOK || !strings.Contains(r.stdout, want) {
			t.Errorf("%s: %+v, want %q", args, r, want)
		}
	}
}

// TestClosedRegion verifies that a region that is not enabled for the account does not affect other regions, and that
// the user can exclude the region.
func TestClosedRegion(t *testing.T) {
	t.Parallel()
	list := fleet(3)
	list[2].RegionID = "cn-shanghai"
	for args, want := range map[string]result{
		"-region all":                                      {code: failure.ExitIncomplete, stdout: "i-0000 i-0001 i-0002", stderr: "-exclude-region"},
		"-region all -o json":                              {code: failure.ExitIncomplete, stderr: "3 instances printed"},
		"-region all -exclude-region cn-beijing":           {code: failure.ExitOK, stdout: "i-0000 i-0001 i-0002"},
		"-region cn-beijing,cn-hangzhou":                   {code: failure.ExitIncomplete, stdout: "i-0000 i-0001", stderr: "cn-beijing: "},
		"-region cn-beijing":                               {code: failure.ExitForbidden, stderr: "the region is not enabled for this account"},
		"-region all -exclude-region cn-beijing,cn-nobody": {code: failure.ExitOK, stdout: "i-0000 i-0001 i-0002"},
		"-region all -exclude-region cn-beijing -dry-run":  {code: failure.ExitOK},
	} {
		server := newServer(t, list...)
		server.Inject(ecstest.Fault{Region: "cn-beijing", Code: "UnauthorizedRegion", Status: 403, Times: -1})
		fields := strings.Fields(args)
		if !slices.Contains(fields, "-o") && !slices.Contains(fields, "-dry-run") {
			fields = append(fields, "-o", "ids", "-sort", "id")
		}
		r := world{server: server}.run(t, fields...)
		if r.code != want.code || !strings.Contains(r.stderr, want.stderr) || want.stdout != "" && strings.Join(r.lines(), " ") != want.stdout || strings.Contains(r.stderr, "AliyunECSReadOnlyAccess") {
			t.Errorf("%s: %+v, want %+v", args, r, want)
		}
	}
}

// TestCompletion verifies the completion script in a real bash.
func TestCompletion(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("no bash on this system")
	}
	bash := realtool.Find(t, "bash", "bash")
	r := world{}.run(t, "-completion", "bash")
	if r.code != failure.ExitOK {
		t.Fatal(r.stderr)
	}
	for line, want := range map[string]string{
		"inventory -stat":                 "-status",
		"inventory -o ssh":                "ssh-config",
		"inventory -o ht":                 "html",
		"inventory --columns priv":        "private-ip private-ips",
		"inventory -columns id,name,priv": "id,name,private-ip id,name,private-ips",
		"inventory -status Run":           "Running",
		"inventory -exclude":              "-exclude-region",
		"inventory d":                     "doctor",
		"inventory doctor -demo d":        "", // the word doctor is completed only as the first argument
	} {
		words := strings.Fields(line)
		script := r.stdout + fmt.Sprintf("COMP_WORDS=(%s); COMP_CWORD=%d; _inventory; echo \"${COMPREPLY[@]}\"", line, len(words)-1)
		out, err := exec.CommandContext(context.WithoutCancel(t.Context()), bash, "-c", script).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%s: %q, want %q, %v", line, got, want, err)
		}
	}
	folder := t.TempDir()
	for _, name := range []string{"id ed", "id $(touch TRACE)"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), bash, "-c", r.stdout+`COMP_WORDS=(inventory -identity-file id); COMP_CWORD=2; _inventory; printf '%s|' "${COMPREPLY[@]}"; ls TRACE`)
	c.Dir = folder
	if out, _ := c.Output(); string(out) != "id $(touch TRACE)|id ed|" && string(out) != "id ed|id $(touch TRACE)|" {
		t.Errorf("files: %q", out)
	}
}

func TestFishCompletion(t *testing.T) {
	t.Parallel()
	fish := realtool.Find(t, "fish", "fish")
	r := world{}.run(t, "-completion", "fish")
	if r.code != failure.ExitOK {
		t.Fatal(r.stderr)
	}
	for line, want := range map[string]string{
		"inventory -stat":             "-status",
		"inventory -o ssh":            "ssh-config",
		"inventory -columns priv":     "private-ip private-ips",
		"inventory -columns id,priv":  "id,private-ip id,private-ips",
		"inventory -sort id,-creat":   "id,-created",
		"inventory -status Run":       "Running",
		"inventory -network v":        "vpc",
		"inventory do":                "doctor",
		"inventory doctor -demo doct": "",
	} {
		c := exec.CommandContext(t.Context(), fish, "--no-config", "-c", r.stdout+"complete -C '"+line+"'")
		c.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
		out, err := c.Output()
		var words []string
		for found := range strings.Lines(string(out)) {
			words = append(words, strings.Fields(found)[0]) // ignore the description
		}
		if got := strings.Join(words, " "); err != nil || got != want {
			t.Errorf("%s: %q, want %q, %v", line, got, want, err)
		}
	}
}
