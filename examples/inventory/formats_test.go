package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
)

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		args []string
	}{
		{"table.txt", []string{"-limit", "20"}},
		{"json.json", []string{"-limit", "3", "-o", "json"}},
		{"ndjson.ndjson", []string{"-limit", "5", "-o", "ndjson"}},
		{"csv.csv", []string{"-limit", "20", "-o", "csv", "-columns", "all"}},
		{"ids.txt", []string{"-limit", "20", "-o", "ids"}},
		{"summary.txt", []string{"-o", "summary", "-expiring", "60"}},
		{"columns.txt", []string{"-columns", "help"}},
		{"help.txt", []string{"-h"}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			got := world{}.run(t, append([]string{"-demo"}, tt.args...)...)
			if got.code != failure.ExitOK {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			golden(t, tt.file, got.stdout)
		})
	}
}

// TestFormatsAgree verifies that the output of every format contains the same instances.
func TestFormatsAgree(t *testing.T) {
	t.Parallel()
	s := newServer(t, ecstest.Fleet(600, 2)...)
	list := func(format string, args ...string) result {
		r := world{server: s}.run(t, append(args, "-region", "cn-hangzhou", "-o", format)...)
		if r.code != failure.ExitOK {
			t.Fatalf("%s: exit code %d: %s", format, r.code, r.stderr)
		}
		return r
	}
	want := list("ids").lines()
	if len(want) < 100 || len(want) != len(slices.Compact(slices.Sorted(slices.Values(want)))) {
		t.Fatalf("%d ids, want more than a page and no duplicates", len(want))
	}

	var instances []ecs.Instance
	if err := json.Unmarshal([]byte(list("json").stdout), &instances); err != nil {
		t.Fatal(err)
	}
	var ndjson []string
	for _, line := range list("ndjson").lines() {
		var inst ecs.Instance
		if err := json.Unmarshal([]byte(line), &inst); err != nil {
			t.Fatal(err)
		}
		ndjson = append(ndjson, inst.InstanceID)
	}
	records, err := csv.NewReader(strings.NewReader(list("csv", "-columns", "name,id").stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(records[0], []string{"name", "id"}) {
		t.Errorf("first record %q", records[0])
	}
	for format, got := range map[string][]string{
		"json":   ids(instances),
		"ndjson": ndjson,
		"csv":    second(records[1:]),
		"table":  lastFields(list("table", "-columns", "name,id").lines()[1:]),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s lists %d instances, want %d, or the order differs", format, len(got), len(want))
		}
	}
}

func ids(instances []ecs.Instance) (list []string) {
	for _, i := range instances {
		list = append(list, i.InstanceID)
	}
	return list
}

func second(records [][]string) (list []string) {
	for _, r := range records {
		list = append(list, r[1])
	}
	return list
}

func lastFields(lines []string) (list []string) {
	for _, l := range lines {
		f := strings.Fields(l)
		list = append(list, f[len(f)-1])
	}
	return list
}

// TestJSONShape verifies that the JSON output has the same structure as the vendor CLI's output.
func TestJSONShape(t *testing.T) {
	t.Parallel()
	inst := ecs.Instance{
		InstanceID: "i-1", RegionID: "cn-hangzhou", InstanceName: "<a & b>", Tags: []ecs.Tag{{Key: "env", Value: "prod"}},
		VPCAttributes: ecs.VPCAttributes{PrivateIPAddress: []string{"192.0.2.1"}},
	}
	for _, format := range []string{"json", "ndjson"} {
		r := world{server: newServer(t, inst)}.run(t, "-region", "cn-hangzhou", "-o", format)
		text := strings.Join(strings.Fields(r.stdout), "")
		for _, want := range []string{`"Tags":{"Tag":[{"TagKey":"env","TagValue":"prod"}]}`, `"PrivateIpAddress":{"IpAddress":["192.0.2.1"]}`, `"InstanceName":"<a&b>"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not contain %s: %s", format, want, r.stdout)
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"table": "", "summary": "", "json": "[]\n", "ndjson": "", "csv": defaultColumns + "\n", "ids": "",
		"ssh-config": "# inventory -region cn-hangzhou -o ssh-config\n",
	} {
		r := world{server: newServer(t)}.run(t, "-region", "cn-hangzhou", "-o", format)
		if r.code != failure.ExitOK || r.stdout != want || !strings.Contains(r.stderr, "no instance matches") {
			t.Errorf("%s: %+v, want stdout %q", format, r, want)
		}
	}
}

// TestAddedColumns verifies that "+" does not add a column twice.
func TestAddedColumns(t *testing.T) {
	t.Parallel()
	s := newServer(t, fleet(1)...)
	for added, want := range map[string]string{"+expires": defaultColumns, "+vpc,id,vpc,tag:a": defaultColumns + ",vpc,tag:a", "name,name": "name,name"} {
		r := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "csv", "-columns", added)
		if r.lines()[0] != want {
			t.Errorf("%s: %s, want %s", added, r.lines()[0], want)
		}
	}
}

// writerFunc implements io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestOutputFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		code int
	}{{errors.New("disk full"), failure.ExitFailed}, {syscall.EPIPE, failure.ExitOK}} {
		for _, format := range []string{"table", "summary", "html", "json", "ndjson", "csv", "ids", "ssh-config"} {
			s := newServer(t, fleet(450)...)
			w := writerFunc(func([]byte) (int, error) { return 0, tt.err })
			r := world{server: s, stdout: w}.run(t, "-region", "cn-hangzhou", "-o", format)
			if r.code != tt.code || (tt.code == failure.ExitFailed) != strings.Contains(r.stderr, "disk full") {
				t.Errorf("%s, %v: %+v", format, tt.err, r)
			}
			if n := len(s.Requests()); (format == "json" || format == "ndjson" || format == "ids") && n > 2 {
				t.Errorf("%s: %d requests after the output was closed", format, n)
			}
		}
	}
}

// TestReadme verifies that the README contains the actual output of the program and describes all formats and exit
// codes.
func TestReadme(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(file)
	shown := 0
	for block := range strings.SplitSeq(readme, "```console\n$ inventory ") {
		line, rest, ok := strings.Cut(block, "\n")
		want, _, closed := strings.Cut(rest, "```\n")
		if !ok || !closed || strings.HasPrefix(block, "#") {
			continue
		}
		shown++
		if r := (world{}).run(t, strings.Fields(line)...); r.code != failure.ExitOK || r.stdout != want {
			t.Errorf("%s: exit code %d: %s%s", line, r.code, r.stdout, r.stderr)
		}
	}
	if shown < 2 {
		t.Errorf("the README shows %d runs", shown)
	}
	for _, f := range formats() {
		if !strings.Contains(readme, "`"+f.name+"`") {
			t.Errorf("the README does not explain -o %s", f.name)
		}
	}
	for _, code := range []int{failure.ExitOK, failure.ExitFailed, failure.ExitUsage, failure.ExitForbidden, failure.ExitCredentials, failure.ExitUnavailable, failure.ExitIncomplete, failure.ExitNotFound, failure.ExitInterrupted} {
		if !strings.Contains(readme, fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("the README does not explain exit code %d", code)
		}
	}
}
