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

// accountReport is the report of a check for one account, as printed with -o json.
type accountReport struct {
	Account string      `json:"account,omitempty"`
	Report  *ecs.Report `json:"report"`
}

// check reports for each account whether a listing would succeed. It returns the exit code that the listing would
// have.
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
	case c.dryRun || ctx.Err() != nil: // the other output formats already report the failures
		return p.fail(ctx, c, 0, failures...)
	}
	return failure.ExitCode(failures[0])
}

// inTheWay returns the errors that would make a listing fail, in the order of the report's steps.
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

// printPermissions prints for each region whether the user is permitted to list instances.
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

// doctorScreen prints each step of a check as soon as the step ends.
type doctorScreen struct {
	w       io.Writer
	setup   failure.Setup
	width   int // maximum width of a line; 0 means that lines are not wrapped
	color   bool
	skipped []string // names of the steps skipped since the last printed line
}

// indent is the column in which the text of a line begins. The sign and the name of the step come before the text.
const indent = 19

// signs contains the sign that is printed for each status. The signs are words, so that users can understand them
// without colors and in any character set.
var signs = map[ecs.CheckStatus]struct {
	word  string
	style terminal.Style
}{
	ecs.CheckStatusPassed:  {"ok", terminal.Green},
	ecs.CheckStatusFailed:  {"FAIL", terminal.Red},
	ecs.CheckStatusUnknown: {"??", terminal.Yellow},
	ecs.CheckStatusSkipped: {"skip", terminal.Yellow},
}

// flagWords replaces names of the Go API in messages with the flags of this program.
var flagWords = strings.NewReplacer(
	"or set Options.Credentials", "or use -profile",
	"Options.Credentials", "the program",
	"use NetworkPublic", "leave out -network vpc",
)

// begin prints the name of the account, unless the check uses the default credentials.
func (d *doctorScreen) begin(source selection.Source) {
	if source.Account != "" {
		fmt.Fprintln(d.w, "account "+terminal.Printable(source.Account))
	}
}

// step prints a step. Consecutive steps that were skipped share a single line.
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

// suggestRegion returns advice if the step failed because its region may be misspelt, and "" otherwise.
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

// end prints whether a listing would succeed. If permissions are missing, end also prints a RAM policy that grants
// the permissions.
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

// line prints a sign, a name and a text. If the text is too long for the line, it continues on indented lines.
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

// wrap breaks a text at spaces into lines of at most the given width. A word that is longer than the width gets its
// own line. If the width is less than 20, wrap returns the whole text as one line.
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
