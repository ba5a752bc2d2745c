package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// renderer writes instances in one format. One that needs to see them all first writes in end.
type renderer interface {
	add(ecs.Instance) error
	// end is told why instances may be missing.
	end(missing []error) error
}

// format is an output format by name.
type format struct {
	name, help string
	whole      bool // is written when all instances are known
	new        func(w io.Writer, l look) renderer
}

// look is what formats can be told.
type look struct {
	columns []column
	width   int  // of the terminal; 0 is no terminal: nothing is shortened
	fit     bool // leave out the last columns rather than shorten too much
	color   bool
	note    func(string) // tells the reader, after the list, what was left out

	now      time.Time
	expiring int    // days from now until which the end of a subscription is near
	command  string // the command line
	demo     bool
	public   bool   // connect to public addresses
	user     string // log in as
}

func formats() []format {
	return []format{
		{"table", "for reading", true, func(w io.Writer, l look) renderer { return &tableRenderer{w: w, look: l} }},
		{"summary", "counts, vCPUs and memory by region, status, type and so on, as bars", true, newSummary},
		{"html", "a page of charts and a table to sort and filter; works without network", true, newHTML},
		{"json", "one array of instances in the API's shape", false, func(w io.Writer, _ look) renderer { return &jsonRenderer{w: w} }},
		{"ndjson", "an instance a line, in the API's shape", false, func(w io.Writer, _ look) renderer {
			e := json.NewEncoder(w)
			e.SetEscapeHTML(false)
			return lineRenderer(func(i ecs.Instance) error { return e.Encode(i) })
		}},
		{"csv", "the columns, with their names in the first line", false, func(w io.Writer, l look) renderer { return &csvRenderer{w: csv.NewWriter(w), look: l} }},
		{"ids", "an instance id a line", false, func(w io.Writer, _ look) renderer {
			return lineRenderer(func(i ecs.Instance) error {
				_, err := fmt.Fprintln(w, i.InstanceID)
				return err
			})
		}},
		{"ssh-config", "Host entries for ssh, by id and by name; web-1.i-… where a name is not unique", true, func(w io.Writer, l look) renderer { return &sshRenderer{w: w, look: l} }},
	}
}

func findFormat(name string) (format, error) {
	var names []string
	for _, f := range formats() {
		if f.name == name {
			return f, nil
		}
		names = append(names, f.name)
	}
	return format{}, fmt.Errorf("-o %q: want %s%s", name, strings.Join(names, ", "), wording.DidYouMean("", name, names))
}

func formatHelp() string {
	var lines []string
	for _, f := range formats() {
		lines = append(lines, fmt.Sprintf("%-12s%s", f.name, f.help))
	}
	return strings.Join(lines, "\n"+strings.Repeat(" ", 23))
}

// lineRenderer writes each instance by itself.
type lineRenderer func(ecs.Instance) error

func (f lineRenderer) add(i ecs.Instance) error { return f(i) }

func (lineRenderer) end([]error) error { return nil }

// jsonRenderer writes an array, an element at a time.
type jsonRenderer struct {
	w     io.Writer
	begun bool
}

func (r *jsonRenderer) add(i ecs.Instance) error {
	var compact, b bytes.Buffer
	e := json.NewEncoder(&compact)
	e.SetEscapeHTML(false)
	if err := e.Encode(i); err != nil {
		return err
	}
	b.WriteString(",\n  ")
	if !r.begun {
		b.Reset()
		b.WriteString("[\n  ")
	}
	r.begun = true
	if err := json.Indent(&b, bytes.TrimSpace(compact.Bytes()), "  ", "  "); err != nil {
		return err
	}
	_, err := b.WriteTo(r.w)
	return err
}

func (r *jsonRenderer) end([]error) error {
	text := "\n]\n"
	if !r.begun {
		text = "[]\n"
	}
	_, err := io.WriteString(r.w, text)
	return err
}

type csvRenderer struct {
	w *csv.Writer
	look
	begun bool
}

func (r *csvRenderer) add(i ecs.Instance) error {
	r.begin()
	row := make([]string, len(r.columns))
	for n, c := range r.columns {
		row[n] = c.text(i)
	}
	return r.w.Write(row)
}

func (r *csvRenderer) end([]error) error {
	r.begin()
	r.w.Flush()
	return r.w.Error()
}

func (r *csvRenderer) begin() {
	if r.begun {
		return
	}
	r.begun = true
	names := make([]string, len(r.columns))
	for n, c := range r.columns {
		names[n] = c.name
	}
	_ = r.w.Write(names) // the writer keeps its error for the next call
}

// tableRenderer keeps the texts of all rows: a column is as wide as its widest text.
type tableRenderer struct {
	w io.Writer
	look
	rows []table.Row
}

func (r *tableRenderer) add(i ecs.Instance) error {
	row := make(table.Row, len(r.columns))
	for n, c := range r.columns {
		row[n] = printable(c.text(i))
	}
	r.rows = append(r.rows, row)
	return nil
}

const gap = "  " // between columns

func (r *tableRenderer) end([]error) error {
	if len(r.rows) == 0 {
		return nil
	}
	widths := r.fitWidths()
	if hidden := r.columns[len(widths):]; len(hidden) > 0 && r.note != nil {
		var names []string
		for _, c := range hidden {
			names = append(names, c.name)
		}
		r.note("no room for " + strings.Join(names, ", ") + ": choose with -columns")
	}

	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.Options{SeparateHeader: false}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", gap
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	header := make(table.Row, len(widths))
	configs := make([]table.ColumnConfig, len(widths))
	for n, width := range widths {
		c := r.columns[n]
		header[n] = title(c)
		configs[n] = table.ColumnConfig{Number: n + 1, WidthMax: width, WidthMaxEnforcer: snip, WidthMin: width}
		if c.tail {
			configs[n].WidthMaxEnforcer = snipMiddle
		}
		if c.kind == number {
			configs[n].Align, configs[n].AlignHeader = text.AlignRight, text.AlignRight
		}
		if r.color {
			configs[n].TransformerHeader = func(value any) string { return text.Bold.Sprint(value) }
			if c.name == "status" {
				configs[n].Transformer = colorStatus
			}
		}
	}
	t.SetColumnConfigs(configs)
	t.AppendHeader(header)
	for _, row := range r.rows {
		t.AppendRow(row[:len(widths)])
	}
	_, err := io.WriteString(r.w, t.Render()+"\n")
	return err
}

// fitWidths gives the widths of the columns to show: all at their full width when there is no terminal; else as many as
// fit, from the left, with the widest texts shortened. Columns that were asked for by name are all shown.
func (r *tableRenderer) fitWidths() []int {
	full := make([]int, len(r.columns))
	for n, c := range r.columns {
		full[n] = text.StringWidth(title(c))
		for _, row := range r.rows {
			full[n] = max(full[n], text.StringWidth(row[n].(string))) //nolint:forcetypeassert // add puts strings there
		}
	}
	if r.width == 0 {
		return full
	}
	least := slices.Clone(full)
	for n, c := range r.columns {
		if c.narrowest == 0 {
			continue
		}
		least[n] = text.StringWidth(title(c))
		if r.fit {
			least[n] = min(full[n], max(least[n], c.narrowest))
		}
	}
	if r.fit {
		for len(least) > 1 && lineWidth(least) > r.width {
			least = least[:len(least)-1]
		}
	}
	widths := full[:len(least)]
	for lineWidth(widths) > r.width {
		widest := -1
		for n, w := range widths {
			if w > least[n] && (widest < 0 || w > widths[widest]) {
				widest = n
			}
		}
		if widest < 0 {
			break // all are as narrow as they may be
		}
		widths[widest]--
	}
	return widths
}

func lineWidth(widths []int) int {
	sum := len(gap) * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

func title(c column) string {
	if key, ok := strings.CutPrefix(c.name, "tag:"); ok {
		return printable(key)
	}
	return strings.ToUpper(strings.ReplaceAll(c.name, "-", " "))
}

func snip(s string, width int) string { return text.Snip(s, width, "…") }

// snipMiddle keeps the end of a text as well: names often end in a number.
func snipMiddle(s string, width int) string {
	if text.StringWidthWithoutEscSequences(s) <= width {
		return s // the title, too
	}
	runes := []rune(s)
	at := len(runes)
	for at > 0 && text.StringWidth(string(runes[at-1:])) <= width/3 {
		at--
	}
	tail := string(runes[at:])
	return snip(s, width-text.StringWidth(tail)) + tail
}

// printable keeps what a name or tag holds from moving the cursor or breaking the line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		default:
			return r
		}
	}, s)
}

func colorStatus(value any) string {
	s := fmt.Sprint(value)
	switch ecs.InstanceStatus(s) {
	case ecs.InstanceStatusRunning:
		return text.FgGreen.Sprint(s)
	case ecs.InstanceStatusStopped:
		return text.FgRed.Sprint(s)
	default:
		return text.FgYellow.Sprint(s)
	}
}
