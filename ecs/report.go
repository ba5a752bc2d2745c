package ecs

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// CheckStatus is the status of a CheckStep, such as CheckStatusPassed.
type CheckStatus string

// The statuses of a CheckStep.
const (
	CheckStatusPassed  CheckStatus = "passed"
	CheckStatusFailed  CheckStatus = "failed"
	CheckStatusUnknown CheckStatus = "unknown" // it is not known whether the step passes
	CheckStatusSkipped CheckStatus = "skipped" // the step did not run because an earlier step failed
)

// CheckStep is one step of a Report.
type CheckStep struct {
	// Name is "credentials", "proxy", "dns", "connect", "tls", "response", "clock", "signature", "permission" or
	// "quota". Name is "setup" if nothing could be checked because the client, the context or the options are invalid.
	Name   string      `json:"name"`
	Region string      `json:"region,omitempty"` // "" if the step does not depend on a region
	Action string      `json:"action,omitempty"` // the operation of a "permission" step, such as "DescribeInstances"
	Status CheckStatus `json:"status"`
	// Optional is true if a listing works even if this step fails.
	Optional bool          `json:"optional,omitempty"`
	Detail   string        `json:"detail,omitempty"` // what the step found; one line without secrets
	Advice   string        `json:"advice,omitempty"` // what the user should do; one line; "" if there is no advice
	Err      error         `json:"-"`                // why the step failed or is unknown; otherwise nil
	Duration time.Duration `json:"-"`                // encoded in JSON as "seconds"
}

// Report is the result of [Client.Check]. Package fmt prints a Report as a table, and package encoding/json encodes it
// as an object. Neither the table nor the object contains a secret.
type Report struct{ Steps []CheckStep }

// Err returns nil if a listing would work. Otherwise, it returns the error of the first step that failed or whose
// result is unknown, for example because the API throttled the request. Optional steps are ignored. Use [errors.Is] to
// compare the error with ErrForbidden and the other Err… variables.
func (r *Report) Err() error {
	for _, s := range r.Steps {
		if s.Err != nil && !s.Optional {
			return s.Err
		}
	}
	return nil
}

// MissingActions returns, in alphabetical order, the denied permissions that a RAM policy can grant, such as
// "ecs:DescribeInstances". It includes the permissions of optional steps, and omits permissions that a policy
// explicitly denies.
func (r *Report) MissingActions() []string {
	var actions []string
	for _, s := range r.Steps {
		if e, ok := s.denied(); ok {
			actions = append(actions, missingAction(e))
		}
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}

// denied returns the step's error if the step failed because of a missing permission that a RAM policy can grant.
// Otherwise, it returns false.
func (s CheckStep) denied() (*Error, bool) {
	var e *Error
	ok := errors.As(s.Err, &e) && isGrantable(e)
	return e, ok
}

// policyStatement is a statement of a RAM policy.
type policyStatement struct {
	Effect   string
	Action   []string
	Resource []string
}

// Policy returns the smallest RAM policy that grants the MissingActions, as JSON. It returns "" if no action is
// missing. An action that is permitted in some regions is granted only in the regions that denied it.
func (r *Report) Policy() string {
	policy := struct {
		Version   string
		Statement []policyStatement
	}{Version: "1"}
	for _, action := range r.MissingActions() {
		resources := r.missingResources(action)
		same := slices.IndexFunc(policy.Statement, func(s policyStatement) bool { return slices.Equal(s.Resource, resources) })
		if same < 0 {
			same = len(policy.Statement)
			policy.Statement = append(policy.Statement, policyStatement{Effect: "Allow", Resource: resources})
		}
		policy.Statement[same].Action = append(policy.Statement[same].Action, action)
	}
	if len(policy.Statement) == 0 {
		return ""
	}
	text, _ := json.MarshalIndent(policy, "", "  ") // cannot fail: policy contains only strings
	return string(text)
}

// missingResources returns the resources for which a RAM policy must grant the action: the resources of the regions
// that denied the action, or "*" if no region permitted the action.
func (r *Report) missingResources(action string) []string {
	var resources []string
	permitted := false
	for _, s := range r.Steps {
		e, denied := s.denied()
		switch {
		case denied && missingAction(e) == action:
			resources = append(resources, "acs:ecs:"+s.Region+":*:*")
		case s.Status == CheckStatusPassed && "ecs:"+s.Action == action:
			permitted = true
		}
	}
	if !permitted {
		return []string{"*"}
	}
	slices.Sort(resources)
	return slices.Compact(resources)
}

// Format implements [fmt.Formatter]. It prints the result of String for every verb.
func (r *Report) Format(f fmt.State, verb rune) { formatText(f, verb, r.String()) }

// String returns a table with one line for each step, the advice for each step, and the policy that grants the missing
// actions.
func (r *Report) String() string {
	var b strings.Builder
	width := 0
	for _, s := range r.Steps {
		if s.Status != CheckStatusSkipped {
			width = max(width, utf8.RuneCountInString(s.title()))
		}
	}
	var skipped []string // names of consecutive skipped steps, which share a line
	for i, s := range r.Steps {
		if s.Status == CheckStatusSkipped {
			if !slices.Contains(skipped, s.Name) {
				skipped = append(skipped, s.Name)
			}
			if i+1 == len(r.Steps) || r.Steps[i+1].Status != CheckStatusSkipped {
				b.WriteString("skipped  " + strings.Join(skipped, ", ") + ": an earlier step failed\n")
				skipped = nil
			}
			continue
		}
		title := s.title()
		line := fmt.Sprintf("%-8s %s%s  %s", s.Status, title, strings.Repeat(" ", width-utf8.RuneCountInString(title)), s.Detail)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
		if s.Advice != "" {
			b.WriteString("         advice: " + s.Advice + "\n")
		}
	}
	if policy := r.Policy(); policy != "" {
		b.WriteString("policy that grants the missing permissions:\n" + policy + "\n")
	}
	return b.String()
}

// title returns the name of a step as it is shown in the table.
func (s CheckStep) title() string {
	if s.Action == "" {
		return s.Name
	}
	return s.Name + " " + s.Action + inRegion(s.Region)
}

// MarshalJSON returns an object with the steps, the result of the check, the missing actions, and the policy that
// grants them.
func (r *Report) MarshalJSON() ([]byte, error) {
	out := struct {
		OK             bool            `json:"ok"`
		Steps          []CheckStep     `json:"steps"`
		MissingActions []string        `json:"missing_actions,omitempty"`
		Policy         json.RawMessage `json:"policy,omitempty"`
	}{r.Err() == nil, r.Steps, r.MissingActions(), json.RawMessage(r.Policy())}
	return json.Marshal(out)
}

// MarshalJSON returns an object with the fields of the step. If the step has an error, the object also contains the
// error's message, code and request id.
func (s CheckStep) MarshalJSON() ([]byte, error) {
	type fields CheckStep // has the same fields as CheckStep, but no MarshalJSON method
	out := struct {
		fields
		Error     string  `json:"error,omitempty"`
		Code      string  `json:"code,omitempty"`
		RequestID string  `json:"request_id,omitempty"`
		Seconds   float64 `json:"seconds"`
	}{fields: fields(s), Seconds: s.Duration.Seconds()}
	if s.Err != nil {
		out.Error = s.Err.Error()
	}
	if e := (*Error)(nil); errors.As(s.Err, &e) {
		out.Code, out.RequestID = e.Code, e.RequestID
	}
	return json.Marshal(out)
}
