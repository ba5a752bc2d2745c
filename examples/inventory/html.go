package main

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // the package embeds the files of the HTML page
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
	//go:embed table.js
	tableJS string
)

// htmlRenderer writes a self-contained HTML page. A script in the page draws the charts and the table.
type htmlRenderer struct {
	w io.Writer
	look
	all      []column
	sections []*section
	rows     []pageRow
}

// pageData is the JSON input of the page's script.
type pageData struct {
	Columns []pageColumn `json:"columns"`
	Charts  []pageChart  `json:"charts"`
	Rows    []pageRow    `json:"rows"`
	Fit     bool         `json:"fit"` // hide columns that do not fit the window
}

type pageColumn struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Kind  kind   `json:"kind"`
	Shown bool   `json:"shown"`
}

// pageChart describes a chart. Groups are in display order.
type pageChart struct {
	Title  string   `json:"title"`
	Of     int      `json:"of"` // index of the chart's groups in pageRow.Groups
	Groups []string `json:"groups"`
}

type pageRow struct {
	Cells  []any    `json:"cells"`
	Groups []string `json:"groups"` // the instance's group in each section, or ""
	CPU    int      `json:"cpu"`
	Memory int      `json:"memory"` // MiB
	GPUs   int      `json:"gpus"`
}

func newHTML(w io.Writer, l look) renderer {
	r := &htmlRenderer{w: w, look: l, all: slices.Clone(l.columns), rows: []pageRow{}} // rows must not be nil, because the script requires [] instead of null
	for _, c := range columns() {
		if !slices.ContainsFunc(r.all, func(chosen column) bool { return chosen.name == c.name }) {
			r.all = append(r.all, c)
		}
	}
	r.sections = newSections(append(l.groupings(), grouping{title: byMonth, key: func(i ecs.Instance) string {
		if i.CreationTime.IsZero() {
			return ""
		}
		return i.CreationTime.UTC().Format(monthLayout)
	}}))
	return r
}

const (
	byMonth     = "created"
	monthLayout = "2006-01"
)

func (r *htmlRenderer) add(i ecs.Instance) error {
	row := pageRow{CPU: i.CPU, Memory: i.Memory, GPUs: i.GPUAmount}
	for _, c := range r.all {
		var cell any = terminal.Printable(c.text(i))
		if c.kind == number {
			cell = json.Number(c.text(i))
		}
		row.Cells = append(row.Cells, cell)
	}
	for _, s := range r.sections {
		s.add(i)
		row.Groups = append(row.Groups, terminal.Printable(s.key(i)))
	}
	r.rows = append(r.rows, row)
	return nil
}

func (r *htmlRenderer) end(missing []error) error {
	data := pageData{Charts: []pageChart{}, Rows: r.rows, Fit: r.fit}
	for n, c := range r.all {
		data.Columns = append(data.Columns, pageColumn{c.name, pageTitle(c), c.kind, n < len(r.columns)})
	}
	for _, s := range useful(r.sections) {
		if groups := s.sorted(); len(groups) == 1 && groups[0].instances == len(r.rows) {
			continue // a chart with a single bar for all instances is not useful
		}
		chart := pageChart{Title: s.title, Of: slices.Index(r.sections, s)}
		for _, g := range s.sorted() {
			chart.Groups = append(chart.Groups, terminal.Printable(g.name))
		}
		if s.title == byMonth {
			chart.Groups = r.months(chart)
		}
		data.Charts = append(data.Charts, chart)
	}
	script := pageJS + tableJS
	page := map[string]any{
		"Data": data, "Style": template.CSS(pageCSS), "Script": template.JS(script), //nolint:gosec // the files are part of this program
		"StyleHash": integrity(pageCSS), "ScriptHash": integrity(script),
		"Command": terminal.Printable(r.command), "Demo": r.demo, "Now": r.now.UTC(), "Expiring": r.expiring, "Missing": missing,
	}
	return template.Must(template.New("page").Funcs(template.FuncMap{"plain": func(err error) string { return terminal.Printable(failure.Text(err)) }}).Parse(pageHTML)).Execute(r.w, page)
}

// pageTitle returns a column's title in the HTML page.
func pageTitle(c column) string {
	if strings.HasPrefix(c.name, "tag:") {
		return title(c)
	}
	words := strings.Split(c.name, "-")
	for n, w := range words {
		known := map[string]string{"id": "ID", "ip": "IP", "ips": "IPs", "ipv6": "IPv6", "cpu": "vCPU", "gib": "GiB", "gpu": "GPU", "vpc": "VPC", "vswitch": "VSwitch", "os": "OS"}
		words[n] = cmp.Or(known[w], w)
	}
	joined := strings.Join(words, " ")
	if words[0] == "vCPU" {
		return joined
	}
	return strings.ToUpper(joined[:1]) + joined[1:]
}

// months returns the time axis of a chart of months, including months without instances. If the axis is too long,
// months returns years and changes the groups of the rows to years.
func (r *htmlRenderer) months(c pageChart) []string {
	first, _ := time.Parse(monthLayout, slices.Min(c.Groups))
	last, _ := time.Parse(monthLayout, slices.Max(c.Groups))
	layout, step := monthLayout, 1
	if last.After(first.AddDate(6, 0, 0)) {
		layout, step, first = "2006", 12, time.Date(first.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
		for _, row := range r.rows {
			row.Groups[c.Of] = row.Groups[c.Of][:min(4, len(row.Groups[c.Of]))]
		}
	}
	var all []string
	for ; !first.After(last); first = first.AddDate(0, step, 0) {
		all = append(all, first.Format(layout))
	}
	return all
}

// integrity returns the hash of a script or style sheet for the content security policy.
func integrity(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
