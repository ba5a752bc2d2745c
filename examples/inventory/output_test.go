package main

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// render returns the lines of a table, and a note about the columns that are not in the table.
func render(t *testing.T, l look, instances ...ecs.Instance) (lines []string, note string) {
	t.Helper()
	var b bytes.Buffer
	l.note = func(s string) { note += s }
	r := &tableRenderer{w: &b, look: l}
	for _, i := range instances {
		if err := r.add(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.end(nil); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n"), note
}

func defaultLook(t *testing.T, width int) look {
	t.Helper()
	c, err := parseColumns("", defaultColumns)
	if err != nil {
		t.Fatal(err)
	}
	return look{columns: c, width: width}
}

func wide() []ecs.Instance {
	list := fleet(3)
	list[1].InstanceName = "华东一区-订单服务-数据库主节点-请勿删除-负责人张三"
	list[1].OSName = "阿里云 Linux 3.2104 LTS 64位"
	list[2].InstanceName = strings.Repeat("a-long-name-", 10)
	for i := range list {
		list[i].InstanceType = "ecs.g7.2xlarge"
		list[i].VPCAttributes.PrivateIPAddress = []string{"192.0.2.100"}
	}
	return list
}

func TestTableFitsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 60, 80, 100, 120, 140, 200} {
		lines, note := render(t, defaultLook(t, width), wide()...)
		for _, line := range lines {
			if w := terminal.Width(line); w > width {
				t.Errorf("terminal width %d: a line is %d wide: %s", width, w, line)
			}
		}
		if len(lines) != 4 || !strings.HasPrefix(lines[0], "ID") {
			t.Errorf("terminal width %d: %q", width, lines)
		}
		if name := strings.Fields(lines[3])[1]; !strings.HasPrefix(name, "a-long-nam") || !strings.HasSuffix(name, "name-") {
			t.Errorf("terminal width %d: the name is shortened to %q instead of leaving out a column", width, name)
		}
		if hidden := !strings.Contains(lines[0], "TAGS"); hidden != strings.Contains(note, "tags") {
			t.Errorf("terminal width %d: header %q, note %q", width, lines[0], note)
		}
	}
}

func TestTableIsCompleteWithoutTerminal(t *testing.T) {
	t.Parallel()
	list := wide()
	lines, note := render(t, defaultLook(t, 0), list...)
	text := strings.Join(lines, "\n")
	for _, want := range []string{list[1].InstanceName, list[2].InstanceName, list[1].OSName, "TAGS"} {
		if !strings.Contains(text, want) {
			t.Errorf("the output does not contain %s", want)
		}
	}
	if note != "" {
		t.Errorf("note %q", note)
	}
}

// TestTableLeavesColumnsOut verifies that a table omits the columns that do not fit, and that a note lists these
// columns.
func TestTableLeavesColumnsOut(t *testing.T) {
	t.Parallel()
	l := defaultLook(t, 80)
	l.columns = columns()
	lines, note := render(t, l, wide()...)
	for _, line := range lines {
		if w := terminal.Width(line); w > 80 {
			t.Errorf("a line is %d wide: %s", w, line)
		}
	}
	if strings.Contains(lines[0], "IPV6") {
		t.Errorf("an empty column is shown: %q, note %q", lines[0], note)
	}
	shown := len(regexp.MustCompile("  +").Split(lines[0], -1))
	m := regexp.MustCompile(`^columns that do not fit: (.*) \(select columns with -columns, or use -o record\); empty columns left out: (\d+) columns$`).FindStringSubmatch(note)
	if m == nil || fmt.Sprint(len(l.columns)-shown-len(strings.Split(m[1], ", "))) != m[2] {
		t.Errorf("%d columns shown, note %q", shown, note)
	}
}

func TestLeftOut(t *testing.T) {
	t.Parallel()
	many := strings.Split(strings.Repeat("column,", 29)+"column", ",")
	for _, tt := range []struct {
		dropped, empty []string
		want           string
	}{
		{nil, nil, ""},
		{[]string{"os", "tags"}, nil, "columns that do not fit: os, tags (select columns with -columns, or use -o record)"},
		{nil, []string{"ipv6"}, "empty columns left out: ipv6"},
		{many, many[:2], "columns that do not fit: 30 columns (select columns with -columns, or use -o record); empty columns left out: column, column"},
	} {
		if got := leftOut(tt.dropped, tt.empty); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestTableAlignsChinese verifies that tables with Chinese characters are aligned. Chinese characters are two columns
// wide.
func TestTableAlignsChinese(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 80, 140} {
		lines, _ := render(t, defaultLook(t, width), wide()...)
		var starts []int
		for _, line := range lines[1:] {
			starts = append(starts, terminal.Width(line[:strings.Index(line, "Running")]))
		}
		if len(slices.Compact(starts)) != 1 {
			t.Errorf("width %d: the status starts at cells %v:\n%s", width, starts, strings.Join(lines, "\n"))
		}
	}
}

func TestTableHoldsNoControlCharacters(t *testing.T) {
	t.Parallel()
	evil := ecs.Instance{InstanceID: "i-1", InstanceName: "a\x1b[2Jb\nc\td\u202ee\x00", Tags: []ecs.Tag{{Key: "k\x1b", Value: "v"}}}
	l := defaultLook(t, 0)
	l.columns = append(l.columns, tagColumn("k\x1b"))
	lines, _ := render(t, l, evil)
	if len(lines) != 2 || strings.ContainsAny(strings.Join(lines, ""), "\x1b\t\u202e\x00") {
		t.Errorf("%q", lines)
	}
}

func TestTableColors(t *testing.T) {
	t.Parallel()
	list := fleet(3)
	list[1].Status, list[2].Status = ecs.InstanceStatusStopped, ecs.InstanceStatusStarting
	l := defaultLook(t, 80)
	plain, _ := render(t, l, list...)
	l.color = true
	colored, _ := render(t, l, list...)
	for i := range plain {
		if terminal.Unstyled(colored[i]) != plain[i] {
			t.Errorf("without colors, %q differs from %q", colored[i], plain[i])
		}
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	names := func(list string) (names []string) {
		c, err := parseColumns(list, defaultColumns)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range c {
			names = append(names, c.name)
		}
		return names
	}
	if got := names("id, tag:app:env"); !slices.Equal(got, []string{"id", "tag:app:env"}) {
		t.Error(got)
	}
	if got := names("+gpu"); !slices.Equal(got, append(strings.Split(defaultColumns, ","), "gpu")) {
		t.Error(got)
	}
	if got := names("all"); len(got) != len(columns()) {
		t.Error(got)
	}
}

// TestSpreadsheetSemicolons verifies that a value with semicolons cannot become a formula. In some locales,
// spreadsheets split values at semicolons.
func TestSpreadsheetSemicolons(t *testing.T) {
	t.Parallel()
	list := fleet(4)
	for n, name := range []string{"x;=1+1;y", "x;\"=1+1&\"", "x\n@SUM(A1)", "a;b - c=d"} {
		list[n].InstanceName = name
	}
	r := world{server: newServer(t, list...)}.run(t, "-region", "cn-hangzhou", "-o", "csv", "-columns", "name", "-sort", "id", "-spreadsheet")
	const want = "\ufeffname\nx;'=1+1;y\n\"x;'\"\"=1+1&\"\"\"\n\"x\n'@SUM(A1)\"\na;b - c=d\n"
	if r.stdout != want {
		t.Errorf("%q, want %q", r.stdout, want)
	}
}
