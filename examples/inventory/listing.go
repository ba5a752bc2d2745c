package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/failure"
	"github.com/aliyun-ecs/sdk-go/examples/internal/selection"
	"github.com/aliyun-ecs/sdk-go/examples/internal/terminal"
)

// all lists the selected instances, sorted if necessary.
func (p *program) all(ctx context.Context, c *config, sources []selection.Source) iter.Seq2[ecs.Instance, error] {
	list := selection.Instances(ctx, sources)
	list = p.counted(c, list)
	if c.sort != nil {
		list = sorted(list, c.sort)
	}
	return list
}

// list prints the selected instances and returns the exit code.
func (p *program) list(ctx context.Context, c *config, sources []selection.Source) int {
	out := bufio.NewWriterSize(p.stdout, 64<<10)
	l := c.look
	l.terminal = terminal.IsTerminal(p.stdout)
	l.width, l.color = terminal.Columns(p.stdout, p.getenv), terminal.Styled(p.stdout, p.getenv)
	var notes []string
	l.note = func(s string) { notes = append(notes, s) }
	r := c.format.new(out, l)

	printed := 0
	missing := map[string]bool{} // requested ids that have not been found yet
	if c.limit == 0 && c.IDsOnly() {
		for _, id := range c.Request.InstanceIDs {
			missing[id] = true
		}
	}
	ids := len(missing)
	var failures []error
	var outputErr error
	for inst, err := range p.all(ctx, c, sources) {
		if err != nil {
			failures = append(failures, err) // continue with the other regions
			continue
		}
		printed++
		delete(missing, inst.InstanceID)
		if outputErr = r.add(inst); outputErr == nil && printed%100 == 0 {
			outputErr = out.Flush() // make each page available to a pipe immediately
		}
		if outputErr != nil || printed == c.limit {
			break
		}
	}
	var notFound error
	reasons := causes(ctx, failures)
	if len(failures) == 0 && len(missing) > 0 {
		notFound = missingIDs(slices.Sorted(maps.Keys(missing)), ids)
		reasons = []error{notFound}
	}
	// Do not print an empty list after a failure. An empty list would mean that there are no instances.
	if outputErr == nil && (printed > 0 || len(failures) == 0) {
		outputErr = r.end(reasons)
	}
	outputErr = errors.Join(outputErr, out.Flush())
	for _, note := range notes {
		p.say(note)
	}
	switch {
	case errors.Is(outputErr, syscall.EPIPE):
		return failure.ExitOK // the reader, such as `head`, has closed the pipe
	case outputErr != nil:
		p.say("cannot write the list: " + outputErr.Error())
		return failure.ExitFailed
	case len(failures) > 0:
		return p.fail(ctx, c, printed, failures...)
	case notFound != nil:
		p.say(notFound.Error())
		return failure.ExitNotFound
	default:
		p.conclude(c, printed)
		return failure.ExitOK
	}
}

// conclude prints the number of instances. If no instance matches, conclude prints possible reasons.
func (p *program) conclude(c *config, printed int) {
	switch {
	case printed == 0:
		p.say("no instance matches")
		for _, hint := range advice(c.Request) {
			p.say(hint)
		}
	case terminal.IsTerminal(p.stderr):
		p.say(instances(printed))
	}
}

// zone matches the end of a zone id. It does not match region ids.
var zone = regexp.MustCompile(`(-|\d)[a-z]$`)

// advice returns possible reasons why no instance matches the request.
func advice(r ecs.DescribeInstancesRequest) (list []string) {
	if r.InstanceName != "" && !strings.Contains(r.InstanceName, "*") {
		list = append(list, "-name must match the whole name: try "+shellWord("*"+r.InstanceName+"*"))
	}
	switch {
	case r.InstanceType != "" && !strings.HasPrefix(r.InstanceType, "ecs."):
		list = append(list, "-type must be a complete instance type, such as ecs.g7.large")
	case strings.Count(r.InstanceType, ".") == 1:
		list = append(list, "-type must be an instance type such as "+r.InstanceType+".large: to select the family, try -family "+shellWord(r.InstanceType))
	}
	if r.InstanceTypeFamily != "" && strings.Count(r.InstanceTypeFamily, ".") != 1 {
		list = append(list, "-family must be an instance type family such as ecs.g7")
	}
	switch {
	case failure.KnownRegion(r.ZoneID):
		list = append(list, "-zone must be a zone such as "+r.ZoneID+"-h: to select the region, try -region "+r.ZoneID)
	case r.ZoneID != "" && !zone.MatchString(r.ZoneID):
		list = append(list, "-zone must be a zone such as cn-hangzhou-h")
	}
	return list
}

// missingIDs returns an error that lists the ids that were not found. The argument of is the number of requested ids.
func missingIDs(ids []string, of int) error {
	const most = 20
	text := strings.Join(ids[:min(len(ids), most)], ", ")
	if n := len(ids) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("%d of %d ids not found: %s", len(ids), of, text)
}

// sorted sorts the instances of a listing. It yields all errors before the instances, because -limit may end the loop
// early.
func sorted(all iter.Seq2[ecs.Instance, error], compare func(a, b ecs.Instance) int) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		var instances []ecs.Instance
		var failures []error
		for inst, err := range all {
			if err != nil {
				failures = append(failures, err)
			} else {
				instances = append(instances, inst)
			}
		}
		slices.SortStableFunc(instances, compare)
		for _, err := range failures {
			if !yield(ecs.Instance{}, err) {
				return
			}
		}
		for _, inst := range instances {
			if !yield(inst, nil) {
				return
			}
		}
	}
}
