package ecstest

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// params parses the parameters of an operation. Its methods store the first error in the field err. Like the API, they
// ignore unknown parameters and treat an empty parameter as absent.
type params struct {
	url.Values
	err *apiError
}

func (p *params) fail(err *apiError) {
	if p.err == nil {
		p.err = err
	}
}

// invalid records an InvalidParameter error, for parameters without a specific error code in the API's documentation.
func (p *params) invalid(name, why string) {
	p.fail(newError(400, "InvalidParameter", "The specified parameter %q is not valid: %s.", name, why))
}

// number parses an integer between lowest and highest. If highest is 0, there is no upper limit.
func (p *params) number(name string, byDefault, lowest, highest int) int {
	text := p.Get(name)
	if text == "" {
		return byDefault
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || int(n) < lowest || highest != 0 && int(n) > highest {
		p.invalid(name, "it is not an integer, or is out of range")
	}
	return int(n)
}

func (p *params) flag(name string) (value, given bool) {
	switch strings.ToLower(p.Get(name)) {
	case "":
		return false, false
	case "true":
		return true, true
	case "false":
	default:
		p.invalid(name, "it must be true or false")
	}
	return false, true
}

// list parses a JSON array of strings, and returns nil if the parameter is absent. Like the API, it also accepts
// strings in single quotes.
func (p *params) list(name string) []string {
	text := p.Get(name)
	if text == "" {
		return nil
	}
	var list []string
	err := json.Unmarshal([]byte(text), &list)
	if err != nil && !strings.Contains(text, `"`) {
		err = json.Unmarshal([]byte(strings.ReplaceAll(text, "'", `"`)), &list)
	}
	if err != nil || list == nil {
		p.invalid(name, "it must be a JSON array of strings")
	} else if len(list) > maxListLength {
		p.invalid(name, "it has more than 100 elements")
	}
	return list
}

// highest returns the highest N among all parameters named Name.N or Name.N.Member.
func (p *params) highest(name string) int {
	highest := 0
	for key := range p.Values {
		if rest, ok := strings.CutPrefix(key, name+"."); ok {
			number, _, _ := strings.Cut(rest, ".")
			n, _ := strconv.Atoi(number) // a name without a number is an unknown parameter
			highest = max(highest, n)
		}
	}
	return highest
}

// repeated returns the values of the parameters Name.1, Name.2 and so on. Numbers may be missing in between.
func (p *params) repeated(name string, limit int) []string {
	highest := p.highest(name)
	if highest > limit {
		p.invalid(name, "it has more than "+strconv.Itoa(limit)+" elements")
		return nil
	}
	var list []string
	for n := range highest {
		if v := p.Get(name + "." + strconv.Itoa(n+1)); v != "" {
			list = append(list, v)
		}
	}
	return list
}

// tags parses Tag.N.Key and Tag.N.Value.
func (p *params) tags() []ecs.Tag {
	highest := p.highest("Tag")
	if highest > maxTags {
		p.fail(newError(400, "InvalidTagCount", "The specified tags are beyond the permitted range."))
		return nil
	}
	var tags []ecs.Tag
	for n := range highest {
		name := "Tag." + strconv.Itoa(n+1)
		t := ecs.Tag{Key: p.Get(name + ".Key"), Value: p.Get(name + ".Value")}
		if t.Key != "" {
			tags = append(tags, t)
		} else if t.Value != "" {
			p.fail(newError(400, "InvalidTag.Mismatch", "The specified Tag.n.Key and Tag.n.Value are not match."))
		}
	}
	return tags
}

// oneOf records an error if a parameter is present but has none of the known values.
func (p *params) oneOf(name string, status int, code string, known ...string) {
	if v := p.Get(name); v != "" && !slices.Contains(known, v) {
		p.fail(newError(status, code, "The specified %s is not valid.", name))
	}
}
