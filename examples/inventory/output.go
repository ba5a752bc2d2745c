package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
	"github.com/aliyun-ecs/sdk-go/examples/internal/wording"
)

// renderer writes instances in one format. If it needs all of them first, it writes in end.
type renderer interface {
	add(ecs.Instance) error
	// end is passed the reason why instances may be missing.
	end(missing []error) error
}

// format is an output format by name.
type format struct {
	name, help string
	whole      bool // it is written when all instances are known
	new        func(w io.Writer, l look) renderer
}

// look contains the settings of a format.
type look struct {
	columns  []column
	fit      bool // the columns are the default ones: a page may hide some for lack of space
	terminal bool // the output is one
	width    int  // width of the terminal; 0 means that the output is not a terminal, and nothing is shortened
	color    bool
	note     func(string) // prints, after the list, what was left out

	now         time.Time
	expiring    int    // number of days before the end of a subscription in which it counts as near
	command     string // the command line
	demo        bool
	spreadsheet bool // the CSV is intended for a spreadsheet
	ssh         sshOptions
}

func formats() []format {
	return []format{
		{"table", "for reading", true, func(w io.Writer, l look) renderer { return &tableRenderer{w: w, look: l} }},
		{"record", "a line for each property: for one or a few instances", false, func(w io.Writer, l look) renderer { return &recordRenderer{w: w, look: l} }},
		{"summary", "counts, vCPUs and memory by region, status, type and so on, as bars", true, newSummary},
		{"html", "a page of charts and a table to sort and filter; works without network", true, newHTML},
		{"json", "one array of instances in the API's shape", false, func(w io.Writer, _ look) renderer { return &jsonRenderer{w: w} }},
		{"ndjson", "an instance a line, in the API's shape", false, func(w io.Writer, _ look) renderer {
			return lineRenderer(func(i ecs.Instance) error {
				line, err := apiJSON(i)
				if err == nil {
					_, err = w.Write(line)
				}
				return err
			})
		}},
		{"csv", "the columns, with their names in the first line", false, newCSV},
		{"ids", "an instance id a line", false, func(w io.Writer, l look) renderer {
			return lineRenderer(func(i ecs.Instance) error {
				_, err := fmt.Fprintln(w, l.plain(i.InstanceID))
				return err
			})
		}},
		{"ssh-config", "Host entries for ssh, by name and by id; web-1.i-... where a name is not unique", true, func(w io.Writer, l look) renderer { return &sshRenderer{w: w, look: l} }},
	}
}

// plain returns a text as it may appear in the output: unchanged in a file or pipe, printable on a terminal.
func (l look) plain(s string) string {
	if l.terminal {
		return terminal.Printable(s)
	}
	return s
}

func findFormat(name string) (format, error) {
	for _, f := range formats() {
		if f.name == name {
			return f, nil
		}
	}
	names := formatNames()
	return format{}, fmt.Errorf("-o %q: want %s%s", name, strings.Join(names, ", "), wording.DidYouMean("", name, names))
}

func formatNames() (names []string) {
	for _, f := range formats() {
		names = append(names, f.name)
	}
	return names
}

func formatHelp() string {
	var lines []string
	for _, f := range formats() {
		lines = append(lines, fmt.Sprintf("%-12s%s", f.name, f.help))
	}
	return strings.Join(lines, "\n"+strings.Repeat(" ", 23))
}

// lineRenderer writes one line per instance.
type lineRenderer func(ecs.Instance) error

func (f lineRenderer) add(i ecs.Instance) error { return f(i) }

func (lineRenderer) end([]error) error { return nil }

// apiJSON returns an instance as a line of JSON. Characters that could control a terminal are escaped, which makes
// no difference to programs.
func apiJSON(i ecs.Instance) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(i)
	return terminal.EscapeJSON(b.Bytes()), err
}

// jsonRenderer writes an array, one element at a time.
type jsonRenderer struct {
	w     io.Writer
	begun bool
}

func (r *jsonRenderer) add(i ecs.Instance) error {
	compact, err := apiJSON(i)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(",\n  ")
	if !r.begun {
		b.Reset()
		b.WriteString("[\n  ")
	}
	r.begun = true
	if err = json.Indent(&b, bytes.TrimSpace(compact), "  ", "  "); err != nil {
		return err
	}
	_, err = b.WriteTo(r.w)
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

// csvRenderer writes the columns, with a header line.
type csvRenderer struct {
	w *csv.Writer
	look
	begun bool
	raw   io.Writer
}

func newCSV(w io.Writer, l look) renderer { return &csvRenderer{w: csv.NewWriter(w), raw: w, look: l} }

func (r *csvRenderer) add(i ecs.Instance) error {
	if err := r.begin(); err != nil {
		return err
	}
	row := make([]string, len(r.columns))
	for n, c := range r.columns {
		row[n] = r.cell(c.text(i))
	}
	return r.w.Write(row)
}

func (r *csvRenderer) end([]error) error {
	if err := r.begin(); err != nil {
		return err
	}
	r.w.Flush()
	return r.w.Error()
}

func (r *csvRenderer) begin() error {
	if r.begun {
		return nil
	}
	r.begun = true
	if r.spreadsheet { // the byte order mark tells Excel that this is UTF-8
		if _, err := io.WriteString(r.raw, "\ufeff"); err != nil {
			return err
		}
	}
	names := make([]string, len(r.columns))
	for n, c := range r.columns {
		names[n] = r.cell(c.name)
	}
	return r.w.Write(names)
}

// formula matches the place where a text, or what a spreadsheet takes for a cell of its own, begins like a formula: where a comma
// separates decimals, spreadsheets separate cells at semicolons, and break lines within quotes that they do not see.
var formula = regexp.MustCompile("(^|[;\t\r\n])([\\pZ\\pC\"]*[=+@＝＋－＠-])")

// cell returns a text for the output. A spreadsheet would evaluate a text that begins like a formula; an apostrophe before it
// prevents that.
func (r *csvRenderer) cell(s string) string {
	s = r.plain(s)
	if !r.spreadsheet {
		return s
	}
	s = formula.ReplaceAllString(s, "${1}'${2}")
	if s != "" && strings.ContainsRune("\t\r\n", rune(s[0])) {
		s = "'" + s
	}
	return s
}
