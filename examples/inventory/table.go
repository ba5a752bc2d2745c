package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// tableRenderer writes a table. The widths of the columns depend on all rows.
type tableRenderer struct {
	w io.Writer
	look
	rows [][]string
}

func (r *tableRenderer) add(i ecs.Instance) error {
	row := make([]string, len(r.columns))
	for n, c := range r.columns {
		row[n] = terminal.Printable(c.text(i))
	}
	r.rows = append(r.rows, row)
	return nil
}

const gap = "  " // the space between two columns

func (r *tableRenderer) end([]error) error {
	if len(r.rows) == 0 {
		return nil
	}
	empty := r.leaveOutEmpty()
	widths := r.fitWidths()
	var dropped []string
	for _, c := range r.columns[len(widths):] {
		dropped = append(dropped, c.name)
	}
	if text := leftOut(dropped, empty); text != "" && r.note != nil {
		r.note(text)
	}
	var b strings.Builder
	titles := make([]string, len(widths))
	for n := range widths {
		titles[n] = title(r.columns[n])
	}
	r.line(&b, widths, titles, func(int, string) terminal.Style { return terminal.Bold })
	for _, row := range r.rows {
		r.line(&b, widths, row, func(n int, text string) terminal.Style {
			if r.columns[n].name == "status" {
				return statusStyle(ecs.InstanceStatus(text))
			}
			return ""
		})
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

// leftOut returns a note about the columns that are not in the table, or "" if every column is. The argument dropped
// lists the columns that do not fit, and empty lists the columns without values.
func leftOut(dropped, empty []string) string {
	list := func(names []string) string {
		const longest = 80
		if text := strings.Join(names, ", "); len(text) <= longest {
			return text
		}
		return fmt.Sprintf("%d columns", len(names))
	}
	var parts []string
	if len(dropped) > 0 {
		parts = append(parts, "columns that do not fit: "+list(dropped)+" (select columns with -columns, or use -o record)")
	}
	if len(empty) > 0 {
		parts = append(parts, "empty columns left out: "+list(empty))
	}
	return strings.Join(parts, "; ")
}

// leaveOutEmpty removes empty columns if not all columns fit the terminal. It returns the names of the removed
// columns.
func (r *tableRenderer) leaveOutEmpty() (names []string) {
	if r.width == 0 || len(r.fitWidths()) == len(r.columns) {
		return nil
	}
	for n := len(r.columns) - 1; n >= 0 && len(r.columns) > 1; n-- {
		if slices.ContainsFunc(r.rows, func(row []string) bool { return row[n] != "" }) {
			continue
		}
		names = append(names, r.columns[n].name)
		r.columns = slices.Delete(slices.Clone(r.columns), n, n+1)
		for i := range r.rows {
			r.rows[i] = slices.Delete(r.rows[i], n, n+1)
		}
	}
	slices.Reverse(names)
	return names
}

// line writes a line of the table. It aligns the cells and omits trailing spaces.
func (r *tableRenderer) line(b *strings.Builder, widths []int, cells []string, style func(n int, text string) terminal.Style) {
	blank := 0
	for n, width := range widths {
		text := cells[n]
		snip := terminal.Snip
		if own := r.columns[n].snip; own != nil {
			snip = own
		}
		shown := snip(text, width)
		before, after := 0, width-terminal.Width(shown)
		if r.columns[n].kind == number {
			before, after = after, 0
		}
		if shown != "" {
			b.WriteString(strings.Repeat(" ", blank+before))
			if s := style(n, text); r.color && s != "" {
				shown = s.Paint(shown)
			}
			b.WriteString(shown)
			blank, before = 0, 0
		}
		blank += before + after + len(gap)
	}
	b.WriteByte('\n')
}

// fitWidths returns the widths of the columns that fit the terminal. It shortens the widest columns first. If the
// output is not a terminal, fitWidths returns the full width of every column.
func (r *tableRenderer) fitWidths() []int {
	full, least := make([]int, len(r.columns)), make([]int, len(r.columns))
	for n, c := range r.columns {
		least[n] = terminal.Width(title(c))
		full[n] = least[n]
		for _, row := range r.rows {
			full[n] = max(full[n], terminal.Width(row[n]))
		}
		if c.narrowest == 0 {
			least[n] = full[n]
		} else {
			least[n] = min(full[n], max(least[n], c.narrowest))
		}
	}
	if r.width == 0 {
		return full
	}
	for len(least) > 1 && lineWidth(least) > r.width {
		least = least[:len(least)-1]
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
			break // no column can be shortened further
		}
		widths[widest]--
	}
	return slices.Clone(widths)
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
		return terminal.Printable(key)
	}
	return strings.ToUpper(strings.ReplaceAll(c.name, "-", " "))
}

func statusStyle(s ecs.InstanceStatus) terminal.Style {
	switch s {
	case ecs.InstanceStatusRunning:
		return terminal.Green
	case ecs.InstanceStatusStopped:
		return terminal.Red
	default:
		return terminal.Yellow
	}
}

// recordRenderer writes a block of lines for each instance, with one line for each column. It omits empty columns.
type recordRenderer struct {
	w io.Writer
	look
	begun bool
}

func (r *recordRenderer) add(i ecs.Instance) error {
	var b strings.Builder
	if r.begun {
		b.WriteByte('\n')
	}
	r.begun = true
	width := 0
	for _, c := range r.columns {
		width = max(width, terminal.Width(terminal.Printable(c.name)))
	}
	for _, c := range r.columns {
		text := terminal.Printable(c.text(i))
		if text == "" {
			continue
		}
		name := terminal.Pad(terminal.Printable(c.name), width)
		lines := []string{text}
		if room := r.width - width - len(gap); r.width > 0 && terminal.Width(text) > room {
			lines = wrap(text, room)
		}
		if r.color {
			name = terminal.Bold.Paint(name)
			if c.name == "status" {
				lines[0] = statusStyle(i.Status).Paint(text)
			}
		}
		b.WriteString(name + gap + strings.Join(lines, "\n"+strings.Repeat(" ", width+len(gap))) + "\n")
	}
	_, err := io.WriteString(r.w, b.String())
	return err
}

func (*recordRenderer) end([]error) error { return nil }
