package ecstest

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// params reads the parameters of an operation. The first fault found stays in err. What is not known is ignored and what
// is empty counts as not given, as in the API.
type params struct {
	url.Values
	err *failure
}

func (p *params) fail(err *failure) {
	if p.err == nil {
		p.err = err
	}
}

// bad refuses a parameter for which the API documents no code of its own.
func (p *params) bad(name, why string) {
	p.fail(failed(400, "InvalidParameter", "The specified parameter %q is not valid: %s.", name, why))
}

// number must be at least least and is at most most, if that is not 0.
func (p *params) number(name string, otherwise, least, most int) int {
	text := p.Get(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || int(n) < least || most != 0 && int(n) > most {
		p.bad(name, "not a number, or out of range")
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
		p.bad(name, "want true or false")
	}
	return false, true
}

// list reads a JSON array of strings; like the API it also takes elements in single quotes. nil is not given.
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
		p.bad(name, "want a JSON array of strings")
	} else if len(list) > listMax {
		p.bad(name, "more than 100 elements")
	}
	return list
}

// highest is the greatest N of all parameters Name.N and Name.N.….
func (p *params) highest(name string) int {
	most := 0
	for key := range p.Values {
		if rest, ok := strings.CutPrefix(key, name+"."); ok {
			number, _, _ := strings.Cut(rest, ".")
			n, _ := strconv.Atoi(number) // what is no number is no parameter that anyone knows
			most = max(most, n)
		}
	}
	return most
}

// repeated reads Name.1, Name.2 …; gaps do no harm.
func (p *params) repeated(name string, most int) []string {
	highest := p.highest(name)
	if highest > most {
		p.bad(name, "more than "+strconv.Itoa(most)+" elements")
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

// tags reads Tag.N.Key and Tag.N.Value, and their older spelling.
func (p *params) tags() []ecs.Tag {
	highest := p.highest("Tag")
	if highest > tagMax {
		p.fail(failed(400, "InvalidTagCount", "The specified tags are beyond the permitted range."))
		return nil
	}
	var tags []ecs.Tag
	for n := range highest {
		name := "Tag." + strconv.Itoa(n+1)
		t := ecs.Tag{Key: cmp.Or(p.Get(name+".Key"), p.Get(name+".key")), Value: cmp.Or(p.Get(name+".Value"), p.Get(name+".value"))}
		if t.Key != "" {
			tags = append(tags, t)
		} else if t.Value != "" {
			p.fail(failed(400, "InvalidTag.Mismatch", "The specified Tag.n.Key and Tag.n.Value are not match."))
		}
	}
	return tags
}

// oneOf refuses a value that is none of the known ones.
func (p *params) oneOf(name string, status int, code string, known ...string) {
	if v := p.Get(name); v != "" && !slices.Contains(known, v) {
		p.fail(failed(status, code, "The specified %s is not valid.", name))
	}
}

// protocol are the parameters that belong to no operation, but for those that begin with Signature.
var protocol = []string{"AccessKeyId", "Action", "BearerToken", "Format", "SecurityToken", "Timestamp", "TimeStamp", "Version"}

// without copies parameters but for the protocol's own and those given, with all their Name.N.
func without(values url.Values, names ...string) url.Values {
	own := url.Values{}
	for name, v := range values {
		root, _, _ := strings.Cut(name, ".")
		if !slices.Contains(protocol, name) && !strings.HasPrefix(name, "Signature") && !slices.Contains(names, root) {
			own[name] = slices.Clone(v)
		}
	}
	return own
}
