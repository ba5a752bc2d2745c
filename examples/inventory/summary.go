package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// tally contains the totals of a group of instances.
type tally struct {
	name           string
	instances, cpu int
	memory         int // MiB
}

func (t *tally) add(i ecs.Instance) {
	t.instances++
	t.cpu += i.CPU
	t.memory += i.Memory
}

// grouping divides instances into groups by a property.
type grouping struct {
	title string
	key   func(ecs.Instance) string // "" means that the instance is in no group
	order []string                  // order of the groups; if order is nil, the largest group comes first
}

// A summary of several regions has a section for regions. A summary of a single region has a section for zones
// instead.
const (
	byRegion = "region"
	byZone   = "zone"
)

func (l look) groupings() []grouping {
	near := fmt.Sprintf("within %d days", l.expiring)
	return []grouping{
		{title: "status", key: func(i ecs.Instance) string { return string(i.Status) }},
		{title: byRegion, key: func(i ecs.Instance) string { return i.RegionID }},
		{title: byZone, key: func(i ecs.Instance) string { return i.ZoneID }},
		{title: "charge", key: charge},
		{title: "subscription ends", order: []string{endPast, near, endLater}, key: func(i ecs.Instance) string {
			switch end, ok := i.Expires(); {
			case !ok:
				return ""
			case end.Before(l.now):
				return endPast
			case end.Before(l.now.AddDate(0, 0, l.expiring)):
				return near
			default:
				return endLater
			}
		}},
		{title: "family", key: func(i ecs.Instance) string { return i.InstanceTypeFamily }},
		{title: "type", key: func(i ecs.Instance) string { return i.InstanceType }},
	}
}

const (
	endPast  = "in the past"
	endLater = "later"
)

func charge(i ecs.Instance) string {
	if i.SpotStrategy != "" && i.SpotStrategy != ecs.SpotStrategyNoSpot {
		return "PostPaid, spot"
	}
	return string(i.InstanceChargeType)
}

// section is a part of the summary. It contains the totals of each group.
type section struct {
	grouping
	groups map[string]*tally
}

func (s *section) add(i ecs.Instance) {
	name := s.key(i)
	if name == "" {
		return
	}
	if s.groups[name] == nil {
		s.groups[name] = &tally{name: name}
	}
	s.groups[name].add(i)
}

// sorted returns the groups in display order.
func (s *section) sorted() []*tally {
	return slices.SortedFunc(maps.Values(s.groups), func(a, b *tally) int {
		if s.order != nil {
			return cmp.Compare(slices.Index(s.order, a.name), slices.Index(s.order, b.name))
		}
		return cmp.Or(cmp.Compare(b.instances, a.instances), cmp.Compare(a.name, b.name))
	})
}

// useful returns the sections to show in the summary.
func useful(sections []*section) []*section {
	regions := 0
	for _, s := range sections {
		if s.title == byRegion {
			regions = len(s.groups)
		}
	}
	return slices.DeleteFunc(slices.Clone(sections), func(s *section) bool {
		return len(s.groups) == 0 || s.title == byRegion && regions == 1 || s.title == byZone && regions != 1
	})
}

func newSections(list []grouping) []*section {
	sections := make([]*section, len(list))
	for n, g := range list {
		sections[n] = &section{g, map[string]*tally{}}
	}
	return sections
}

// summaryRenderer writes a summary with a bar for each group of instances.
type summaryRenderer struct {
	w io.Writer
	look
	total    tally
	gpus     int
	sections []*section
}

func newSummary(w io.Writer, l look) renderer {
	return &summaryRenderer{w: w, look: l, sections: newSections(l.groupings())}
}

func (r *summaryRenderer) add(i ecs.Instance) error {
	r.total.add(i)
	r.gpus += i.GPUAmount
	for _, s := range r.sections {
		s.add(i)
	}
	return nil
}

func (r *summaryRenderer) end([]error) error {
	if r.total.instances == 0 {
		return nil
	}
	total := fmt.Sprintf("%s instances   %s vCPU   %s GiB memory", thousands(r.total.instances), thousands(r.total.cpu), gib(r.total.memory))
	if r.gpus > 0 {
		total += fmt.Sprintf("   %s GPUs", thousands(r.gpus))
	}
	const between = 4
	width, columns := min(max(cmp.Or(r.width, 80), 60), 100), 1
	if r.width >= 120 {
		width, columns = min((r.width-between)/2, 90), 2
	}
	var blocks [][]string
	for _, s := range useful(r.sections) {
		blocks = append(blocks, r.bars(s, width))
	}
	_, err := fmt.Fprintf(r.w, "%s\n\n%s", total, sideBySide(blocks, columns, width+between))
	return err
}

// sideBySide arranges blocks of lines in columns of similar height.
func sideBySide(blocks [][]string, columns, width int) string {
	height := 0
	for _, b := range blocks {
		height += len(b) + 1
	}
	page := make([][]string, columns)
	at := 0
	for _, block := range blocks {
		if at < columns-1 && (len(page[at])+len(block)/2)*columns >= height {
			at++
		}
		if len(page[at]) > 0 {
			page[at] = append(page[at], "")
		}
		page[at] = append(page[at], block...)
	}
	var b strings.Builder
	for n := range slices.MaxFunc(page, func(a, b []string) int { return len(a) - len(b) }) {
		line := ""
		for c, lines := range page {
			if n < len(lines) {
				line = terminal.Pad(line, c*width) + lines[n]
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// bars returns the lines of a section. The columns of all sections are aligned.
func (r *summaryRenderer) bars(s *section, width int) []string {
	const most = 10
	groups := s.sorted()
	largest := slices.MaxFunc(groups, func(a, b *tally) int { return cmp.Compare(a.instances, b.instances) }).instances
	var others tally
	if len(groups) > most {
		for _, g := range groups[most-1:] {
			others.instances += g.instances
			others.cpu += g.cpu
			others.memory += g.memory
		}
		others.name = fmt.Sprintf("%d others", len(groups)-most+1)
		groups = append(groups[:most-1:most-1], &others)
	}

	const label = 22
	cpu, memory := max(len("VCPU"), len(thousands(r.total.cpu))), max(len("GIB"), len(gib(r.total.memory)))
	room := max(width-label-len("  INSTANCES  SHARE    ")-cpu-memory-len(gap), 1)
	line := func(name, bar, instances, share, vcpus, gibs string) string {
		return terminal.Pad(terminal.Snip(name, label), label) + gap + bar + strings.Repeat(" ", room-terminal.Width(bar)) +
			fmt.Sprintf("  %9s  %5s  %*s  %*s", instances, share, cpu, vcpus, memory, gibs)
	}
	head := line(strings.ToUpper(s.title), "", "INSTANCES", "SHARE", "VCPU", "GIB")
	if r.color {
		head = terminal.Bold.Paint(head)
	}
	lines := []string{head}
	for _, g := range groups {
		length := 0 // the line that combines the other groups has no bar
		if g != &others {
			length = max(g.instances*room*8/largest, 1)
		}
		lines = append(lines, line(terminal.Printable(g.name), r.paint(g.name, bar(length)),
			thousands(g.instances), percent(g.instances, r.total.instances), thousands(g.cpu), gib(g.memory)))
	}
	return lines
}

// bar returns a bar. Its length is measured in eighths of a character.
func bar(eighths int) string {
	return strings.Repeat("█", eighths/8) + []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}[eighths%8]
}

func percent(n, of int) string {
	if n*100 < of {
		return "<1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(n)/float64(of))
}

func (r *summaryRenderer) paint(name, bar string) string {
	switch {
	case !r.color:
		return bar
	case name == endPast, ecs.InstanceStatus(name) == ecs.InstanceStatusStopped:
		return terminal.Red.Paint(bar)
	default:
		return terminal.Cyan.Paint(bar)
	}
}

func gib(mib int) string { return thousands((mib + 512) / 1024) }

// thousands formats n with commas as separators, such as "1,500".
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
