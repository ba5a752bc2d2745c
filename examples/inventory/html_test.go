package main

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
)

var dataScript = regexp.MustCompile(`<script id="data" type="application/json">(.*)</script>`)

func pageOf(t *testing.T, html string) pageData {
	t.Helper()
	m := dataScript.FindStringSubmatch(html)
	if m == nil {
		t.Fatalf("no data in %.300s", html)
	}
	var data pageData
	if err := json.Unmarshal([]byte(m[1]), &data); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestHTMLHoldsTheList(t *testing.T) {
	t.Parallel()
	instances := ecstest.Fleet(700, 2)
	for n, text := range hostile.Markup() {
		instances[n].RegionID, instances[n].InstanceName, instances[n].Description = "cn-hangzhou", text, text
		instances[n].Tags = []ecs.Tag{{Key: text, Value: text}}
	}
	s := newServer(t, instances...)
	r := world{server: s}.run(t, "-region", "cn-hangzhou", "-o", "html", "-columns", "name,id,tag:env,cpu")
	if r.code != failure.ExitOK {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	data := pageOf(t, r.stdout)
	var names, got []string
	for _, c := range data.Columns {
		if c.Shown {
			names = append(names, c.Name)
		}
	}
	if !slices.Equal(names, []string{"name", "id", "tag:env", "cpu"}) || len(data.Columns) != len(columns())+1 {
		t.Errorf("columns %v", data.Columns)
	}
	for n, row := range data.Rows {
		got = append(got, row.Cells[1].(string)) //nolint:forcetypeassert // a panic fails the test
		if len(row.Cells) != len(data.Columns) || row.Cells[3] != float64(row.CPU) {
			t.Fatalf("row %d: %v", n, row)
		}
	}
	if want := (world{server: s}).run(t, "-region", "cn-hangzhou", "-o", "ids").lines(); !slices.Equal(got, want) {
		t.Errorf("%d instances, want %d, or the order differs", len(got), len(want))
	}
	counted := 0
	for _, c := range data.Charts {
		if c.Title == byRegion {
			t.Error("the page has a chart for a single region")
		}
		if c.Title == byZone {
			for _, row := range data.Rows {
				if slices.Contains(c.Groups, row.Groups[c.Of]) {
					counted++
				}
			}
		}
	}
	if counted != len(data.Rows) {
		t.Errorf("%d of %d rows in a zone", counted, len(data.Rows))
	}
	if n := strings.Count(strings.ToLower(r.stdout), "<script"); n != 2 {
		t.Errorf("%d scripts, want 2: the data and the script of the page", n)
	}
}

// TestHTMLStandsAlone verifies that the HTML page loads no other files.
func TestHTMLStandsAlone(t *testing.T) {
	t.Parallel()
	r := world{server: newServer(t)}.run(t, "-region", "cn-hangzhou", "-o", "html")
	if r.code != failure.ExitOK || len(pageOf(t, r.stdout).Rows) != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	if m := regexp.MustCompile(`(?i)(?:src|href|action)\s*=\s*"?[^"#]|https?:|@import|url\(|fetch|XMLHttp|\sstyle\s*=\s*"|\son\w+\s*=\s*"`).FindString(r.stdout); m != "" {
		t.Errorf("the page contains %q", m)
	}
	if !strings.Contains(r.stdout, "default-src 'none'") {
		t.Error("no content security policy")
	}
}

// TestHTMLSaysWhatIsMissing verifies that the HTML page reports missing instances, because users may share the page
// without the messages on stderr.
func TestHTMLSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newServer(t, fleet(150)...)
	s.Inject(ecstest.Fault{Region: "cn-beijing", Code: "SomethingNew", Times: -1})
	r := world{server: s}.run(t, "-region", "cn-hangzhou,cn-beijing", "-o", "html")
	if r.code != failure.ExitIncomplete || !regexp.MustCompile(`(?s)This list is incomplete.*cn-beijing.*SomethingNew.*id="layout"`).MatchString(r.stdout) {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	if r = (world{server: s}).run(t, "-region", "cn-hangzhou", "-o", "html"); strings.Contains(r.stdout, "incomplete") {
		t.Error("a complete list is reported as incomplete")
	}
	if r = (world{}).run(t, "-demo", "-limit", "1", "-o", "html"); !strings.Contains(r.stdout, "generated instances") || !strings.Contains(r.stdout, "Listed 2025-11-01 00:00 UTC") {
		t.Error("the page does not say that its instances are generated")
	}
}

// TestMonths verifies that a chart includes months without instances, and that a chart of a long time shows years.
func TestMonths(t *testing.T) {
	t.Parallel()
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct {
		created []time.Time
		want    string
	}{
		{[]time.Time{day("2024-11-30"), {}, day("2025-02-01")}, "2024-11 2024-12 2025-01 2025-02"},
		{[]time.Time{day("2025-02-28")}, ""}, // a chart of a single month is not useful
		{[]time.Time{day("2025-02-28"), {}}, "2025-02"},
		{[]time.Time{day("2018-12-31"), day("2025-01-01")}, "2018 2019 2020 2021 2022 2023 2024 2025"},
		{[]time.Time{{}}, ""},
	} {
		var html strings.Builder
		r := newHTML(&html, look{columns: columns()})
		for _, c := range tt.created {
			if err := r.add(ecs.Instance{InstanceID: "i-1", CreationTime: c}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.end([]error{errors.New("a <b>")}); err != nil || !strings.Contains(html.String(), "a &lt;b&gt;") {
			t.Fatal(err)
		}
		data := pageOf(t, html.String())
		got := ""
		for _, c := range data.Charts {
			if c.Title == byMonth {
				got = strings.Join(c.Groups, " ")
				for n, created := range tt.created {
					if group := data.Rows[n].Groups[c.Of]; !created.IsZero() && !slices.Contains(c.Groups, group) {
						t.Errorf("%s is in %s", created, group)
					}
				}
			}
		}
		if got != tt.want {
			t.Errorf("%v: %s, want %s", tt.created, got, tt.want)
		}
	}
}
