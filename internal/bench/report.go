package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is a row of the results table. If peer is nil, limit is the maximum of ours. Otherwise, limit is the maximum
// ratio of ours to peer. The fields absolute and atLeast change these rules.
type row struct {
	target string // target in README.md, such as "2"; "" if the row is only informative
	what   string
	unit   string
	ours   series
	peer   series  // the results to compare with; may be nil
	name   string  // what peer is, such as "old SDK"
	limit  float64 // 0 means that there is no limit
	// absolute means that limit applies to ours even if peer is not nil.
	absolute bool
	// atLeast means that limit is a minimum instead of a maximum.
	atLeast bool
}

// report prints the rows as a Markdown table.
func report(w io.Writer, rows []row) {
	cells := [][]string{{"target", "measurement", "this SDK", "compared with", "ratio", "limit", "met"}, nil}
	for _, r := range rows {
		beside, ratio, judged := "", "", r.ours
		if r.peer != nil {
			rs := r.ours.over(r.peer)
			beside, ratio = r.name+": "+figure(r.peer, r.unit), figure(rs, "")
			if !r.absolute {
				judged = rs
			}
		} else {
			beside = r.name
		}
		allowed, met := "", ""
		if r.limit != 0 {
			sign, ok := "≤ ", judged.median() <= r.limit
			if r.atLeast {
				sign, ok = "≥ ", judged.median() >= r.limit
			}
			allowed, met = sign+number(r.limit), "**no**"
			if r.peer != nil && !r.absolute {
				allowed += " ×"
			}
			if ok {
				met = "yes"
			}
		}
		cells = append(cells, []string{r.target, r.what, figure(r.ours, r.unit), beside, ratio, allowed, met})
	}
	width := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, c := range line {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	for n, line := range cells {
		for i := range width {
			cell, fill := "", " "
			if n == 1 {
				fill = "-"
			} else {
				cell = line[i]
			}
			fmt.Fprintf(w, "| %s%s ", cell, strings.Repeat(fill, width[i]-len([]rune(cell))))
		}
		fmt.Fprintln(w, "|")
	}
}

// figure formats the median of s, and the minimum and maximum if the rounds differ.
func figure(s series, unit string) string {
	text := number(s.median())
	if unit != "" {
		text += " " + unit
	}
	if lo, hi := number(slices.Min(s)), number(slices.Max(s)); lo != hi {
		text += fmt.Sprintf(" (%s–%s)", lo, hi)
	}
	return text
}

// number formats f with about three significant digits, but keeps all digits before the decimal point.
func number(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f < 0.1:
		return fmt.Sprintf("%.3f", f)
	case f < 10:
		return strings.TrimSuffix(fmt.Sprintf("%.2f", f), ".00")
	case f < 100:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0")
	}
	text := fmt.Sprintf("%.0f", f)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
