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

// renderer writes instances in an output format. Formats that need all instances write their output in end.
type renderer interface {
	add(ecs.Instance) error
	// end completes the output. If missing is not empty, the list may be incomplete because of these errors.
	end(missing []error) error
}

// format is an output format.
type format struct {
	name, help string
	whole      bool // the format needs all instances before it writes anything
	new        func(w io.Writer, l look) renderer
}

// look contains the settings that determine how instances are displayed.
type look struct {
	columns  []column
	fit      bool // an HTML page may hide columns that do not fit
	terminal bool // the output is a terminal
	width    int  // width of the terminal in columns; 0 means that nothing is shortened
	color    bool
	note     func(string) // prints a message after the list, such as which columns do not fit

	now         time.Time
	expiring    int    // a subscription counts as expiring if it ends within this number of days
	command     string // the command line, for display
	demo        bool
	spreadsheet bool // the CSV is intended for a spreadsheet
	ssh         sshOptions
}

func formats() []format {
	return []format{
		{"table", "a table for people", true, func(w io.Writer, l look) renderer { return &tableRenderer{w: w, look: l} }},
		{"record", "one line for each property of an instance; useful for a few instances", false, func(w io.Writer, l look) renderer { return &recordRenderer{w: w, look: l} }},
		{"summary", "counts, vCPUs and memory by region, status, type and so on, with bars", true, newSummary},
		{"html", "an HTML page with charts and a table that you can sort and filter; it works offline", true, newHTML},
		{"json", "an array of instances, in the API's JSON format", false, func(w io.Writer, _ look) renderer { return &jsonRenderer{w: w} }},
		{"ndjson", "one instance per line, in the API's JSON format", false, func(w io.Writer, _ look) renderer {
			return lineRenderer(func(i ecs.Instance) error {
				line, err := apiJSON(i)
				if err == nil {
					_, err = w.Write(line)
				}
				return err
			})
		}},
		{"csv", "the columns, with a header line", false, newCSV},
		{"ids", "one instance id per line", false, func(w io.Writer, l look) renderer {
			return lineRenderer(func(i ecs.Instance) error {
				_, err := fmt.Fprintln(w, l.plain(i.InstanceID))
				return err
			})
		}},
		{"ssh-config", "Host entries for ssh, by name and id; the id is appended to a name that is not unique", true, func(w io.Writer, l look) renderer { return &sshRenderer{w: w, look: l} }},
	}
}

// plain returns s without control characters if the output is a terminal. Otherwise, plain returns s unchanged.
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
	return format{}, fmt.Errorf("-o %q: must be one of %s%s", name, strings.Join(names, ", "), wording.DidYouMean("", name, names))
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

// lineRenderer writes one line for each instance.
type lineRenderer func(ecs.Instance) error

func (f lineRenderer) add(i ecs.Instance) error { return f(i) }

func (lineRenderer) end([]error) error { return nil }

// apiJSON returns an instance in the JSON format of the API. Characters that could control a terminal are escaped.
func apiJSON(i ecs.Instance) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(i)
	return terminal.EscapeJSON(b.Bytes()), err
}

// jsonRenderer writes instances as a JSON array.
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

// csvRenderer writes instances as CSV with a header line.
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
	if r.spreadsheet { // Excel recognizes UTF-8 by the byte order mark
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

// formula matches each position in a string where a spreadsheet may find a formula. A semicolon can begin a new cell
// in locales with a decimal comma.
var formula = regexp.MustCompile("(^|[;\t\r\n])([\\pZ\\pC\"]*[=+@＝＋－＠-])")

// cell returns a string to write as CSV. With -spreadsheet, cell adds apostrophes that prevent a spreadsheet from
// evaluating formulas.
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
