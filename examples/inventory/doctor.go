package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// accountReport is the JSON output of a check for one account.
type accountReport struct {
	Account string      `json:"account,omitempty"`
	Report  *ecs.Report `json:"report"`
}

// check reports for each account whether a listing would succeed, and returns the exit code that a listing would
// return.
func (p *program) check(ctx context.Context, c *config, sources []selection.Source) int {
	reports := []accountReport{}
	for _, source := range sources {
		opts := &ecs.CheckOptions{Regions: source.Regions, AllRegions: source.Regions == nil, Exclude: c.Exclude, Requests: []ecs.DescribeInstancesRequest{c.Request}}
		screen := &doctorScreen{w: p.stdout, setup: c.Setup(), width: terminal.Columns(p.stdout, p.getenv), color: terminal.Styled(p.stdout, p.getenv)}
		asText := !c.dryRun && c.format.name != "json"
		if asText {
			screen.begin(source)
			opts.OnStep = screen.step
		}
		report := source.Client.Check(ctx, opts)
		reports = append(reports, accountReport{source.Account, report})
		switch {
		case asText:
			screen.end(report)
		case c.dryRun:
			printPermissions(p.stdout, source.Account, report)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if !c.dryRun && c.format.name == "json" {
		text, err := json.MarshalIndent(reports, "", "  ")
		if err == nil {
			_, err = p.stdout.Write(append(terminal.EscapeJSON(text), '\n'))
		}
		if err != nil {
			return p.fail(ctx, c, 0, err)
		}
	}
	failures := inTheWay(reports)
	switch {
	case len(failures) == 0:
		return failure.ExitOK
	case c.dryRun || ctx.Err() != nil: // without -dry-run, the output already describes the failures
		return p.fail(ctx, c, 0, failures...)
	}
	return failure.ExitCode(failures[0])
}

// inTheWay returns the errors that would prevent a listing.
func inTheWay(reports []accountReport) (failures []error) {
	for _, r := range reports {
		for _, s := range r.Report.Steps {
			if s.Err != nil && !s.Optional {
				failures = append(failures, s.Err)
			}
		}
	}
	return failures
}

// printPermissions prints whether the user is permitted to list the instances of each region.
func printPermissions(w io.Writer, account string, report *ecs.Report) {
	for _, s := range report.Steps {
		if s.Action != "DescribeInstances" {
			continue
		}
		result := "unknown"
		switch kind := failure.KindOf(s.Err); {
		case s.Status == ecs.CheckStatusPassed:
			result = "permitted"
		case s.Status == ecs.CheckStatusFailed && (kind == failure.Forbidden || kind == failure.Closed):
			result = "denied"
		}
		fmt.Fprintf(w, "%-20s %s\n", strings.TrimSpace(terminal.Printable(account)+" "+terminal.Printable(s.Region)), result)
	}
}

// doctorScreen prints the steps of a check as they are completed.
type doctorScreen struct {
	w       io.Writer
	setup   failure.Setup
	width   int // maximum width of a line; 0 means that lines are not wrapped
	color   bool
	skipped []string // names of the steps skipped since the last printed line
}

// indent is the width, in columns, of the status and the name that precede the text of each step.
const indent = 19

// signs contains the word that is printed for each status. Unlike symbols or colors, words are readable on every
// terminal.
var signs = map[ecs.CheckStatus]struct {
	word  string
	style terminal.Style
}{
	ecs.CheckStatusPassed:  {"ok", terminal.Green},
	ecs.CheckStatusFailed:  {"FAIL", terminal.Red},
	ecs.CheckStatusUnknown: {"??", terminal.Yellow},
	ecs.CheckStatusSkipped: {"skip", terminal.Yellow},
}

// flagWords replaces names of Go options in messages with flags.
var flagWords = strings.NewReplacer(
	"or set Options.Credentials", "or use -profile",
	"Options.Credentials", "the program",
	"use NetworkPublic", "leave out -network vpc",
)

// begin prints the name of the account, if the check does not use the default credentials.
func (d *doctorScreen) begin(source selection.Source) {
	if source.Account != "" {
		fmt.Fprintln(d.w, "account "+terminal.Printable(source.Account))
	}
}

// step prints a step. It combines consecutive skipped steps into one line.
func (d *doctorScreen) step(s ecs.CheckStep) {
	if s.Status == ecs.CheckStatusSkipped {
		if !slices.Contains(d.skipped, s.Name) {
			d.skipped = append(d.skipped, s.Name)
		}
		return
	}
	d.showSkipped()
	sign := signs[s.Status]
	switch {
	case s.Status == ecs.CheckStatusFailed && s.Optional, s.Status == ecs.CheckStatusPassed && s.Advice != "":
		sign.word, sign.style = "warn", terminal.Yellow
	case s.Status == ecs.CheckStatusUnknown && s.Err == nil:
		sign.style = ""
	}
	text := s.Detail
	if s.Action != "" {
		text = s.Action + " in " + s.Region + ": " + text
	}
	d.line(sign.word, sign.style, s.Name, text)
	if s.Advice != "" {
		d.line("", "", "", "-> "+s.Advice)
	}
	if suggestion := d.suggestRegion(s); suggestion != "" {
		d.line("", "", "", "-> "+suggestion)
	}
}

// suggestRegion returns advice if the region of a failed step may be misspelled, and "" otherwise.
func (d *doctorScreen) suggestRegion(s ecs.CheckStep) string {
	if kind := failure.KindOf(s.Err); kind != failure.Endpoint && kind != failure.Invalid || failure.KnownRegion(s.Region) {
		return ""
	}
	return d.setup.Advice(&ecs.RegionError{Region: s.Region, Err: s.Err})
}

func (d *doctorScreen) showSkipped() {
	if len(d.skipped) > 0 {
		d.line("skip", terminal.Yellow, "", strings.Join(d.skipped, ", "))
		d.skipped = nil
	}
}

// end prints whether a listing would succeed, and a RAM policy that grants the missing permissions.
func (d *doctorScreen) end(report *ecs.Report) {
	d.showSkipped()
	verdict, style := "A listing would succeed.", terminal.Green
	if i := slices.IndexFunc(report.Steps, func(s ecs.CheckStep) bool { return s.Err != nil && !s.Optional }); i >= 0 {
		verdict, style = "A listing would fail.", terminal.Red
		if report.Steps[i].Status == ecs.CheckStatusUnknown {
			verdict, style = "It is unknown whether a listing would succeed.", terminal.Yellow
		}
	}
	fmt.Fprintln(d.w, "\n"+d.paint(style, verdict))
	if policy := report.Policy(); policy != "" {
		fmt.Fprintln(d.w, "Permissions are missing; attach this RAM policy to the user or role:\n"+policy)
	}
}

// line prints a step's status, name and text. Long texts continue on indented lines.
func (d *doctorScreen) line(word string, style terminal.Style, name, text string) {
	head := terminal.Pad(word, 5)
	if word != "" {
		head = d.paint(style, word) + strings.Repeat(" ", 5-len(word))
	}
	head += terminal.Pad(name, indent-5)
	for _, part := range wrap(terminal.Printable(flagWords.Replace(text)), d.width-indent-1) {
		fmt.Fprintln(d.w, strings.TrimRight(head+part, " "))
		head = strings.Repeat(" ", indent)
	}
}

func (d *doctorScreen) paint(style terminal.Style, text string) string {
	if !d.color || style == "" {
		return text
	}
	return style.Paint(text)
}

// wrap breaks a text into lines of at most the given width. It does not break words, and it does not break the text
// if the width is less than 20.
func wrap(text string, width int) []string {
	if width < 20 {
		return []string{text}
	}
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case terminal.Width(*last)+1+terminal.Width(word) > width:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}
