package ecs

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
)

// encoder writes the API's own shape. Its methods in zz_decode.go know the types.
type encoder struct {
	b     []byte
	err   error
	path  []byte        // of the object at hand with a dot behind, kept up only when there are extras
	extra []extraMember // sorted by path
}

// extraMember is a member of Instance.Extra.
type extraMember struct {
	path, value string
	done        bool
}

// MarshalJSON gives the API's own shape, with the members of Extra in their places. A member of Extra whose place is
// gone, because it was in an element of a list that is shorter now, is left out.
func (i Instance) MarshalJSON() ([]byte, error) {
	e := encoder{b: make([]byte, 0, 4<<10)}
	for _, path := range slices.Sorted(maps.Keys(i.Extra)) {
		value := i.Extra[path]
		if !json.Valid(value) {
			return nil, fmt.Errorf("ecs: Extra[%q] of instance %s is not JSON", path, i.InstanceID)
		}
		e.extra = append(e.extra, extraMember{path: path, value: string(value)})
	}
	e.instance(&i)
	return e.b, e.err
}

// marshalPart is MarshalJSON of a part of an instance.
func marshalPart[T any](v *T, write func(*encoder, *T)) ([]byte, error) {
	var e encoder
	write(&e, v)
	return e.b, e.err
}

func (e *encoder) open() { e.b = append(e.b, '{') }

// close ends an object, after the extras that belong into it. Those of the objects within are written by then.
func (e *encoder) close() {
	for n := range e.extra {
		x := &e.extra[n]
		if name, in := strings.CutPrefix(x.path, string(e.path)); in && !x.done {
			e.member(name)
			e.b = append(e.b, x.value...)
			x.done = true
		}
	}
	e.b = append(e.b, '}')
}

// holds reports extras in a member that would be left out otherwise.
func (e *encoder) holds(name string) bool {
	return slices.ContainsFunc(e.extra, func(x extraMember) bool {
		rest, in := strings.CutPrefix(x.path, string(e.path))
		return in && strings.HasPrefix(rest, name+".")
	})
}

// member begins a member.
func (e *encoder) member(name string) {
	if e.b[len(e.b)-1] != '{' {
		e.b = append(e.b, ',')
	}
	e.string(name)
	e.b = append(e.b, ':')
}

// step goes on to what a member or an element holds; leave takes the result.
func (e *encoder) step(name string) (before int) {
	before = len(e.path)
	if e.extra != nil {
		e.path = append(append(e.path, name...), '.')
	}
	return before
}

func (e *encoder) leave(before int) { e.path = e.path[:before] }

func (e *encoder) string(s string) { e.b = jsonscan.AppendString(e.b, s) }

func (e *encoder) stringAt(s *string) { e.string(*s) }

func (e *encoder) int(v int) { e.int64(int64(v)) }

func (e *encoder) int64(v int64) { e.b = strconv.AppendInt(e.b, v, 10) }

func (e *encoder) float64(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		e.err = fmt.Errorf("ecs: JSON has no number %v", v)
	}
	e.b = strconv.AppendFloat(e.b, v, 'f', -1, 64)
}

func (e *encoder) bool(v bool) { e.b = strconv.AppendBool(e.b, v) }

func (e *encoder) time(v time.Time) { e.b = append(appendTime(append(e.b, '"'), v), '"') }

// writeObject writes a member that holds an object.
func writeObject[T any](e *encoder, name string, v *T, write func(*encoder, *T)) {
	e.member(name)
	before := e.step(name)
	write(e, v)
	e.leave(before)
}

// writeList writes a member that holds {wrap: [items]}.
func writeList[T any](e *encoder, name, wrap string, items []T, write func(*encoder, *T)) {
	e.member(name)
	outer := e.step(name)
	e.open()
	e.member(wrap)
	inner := e.step(wrap)
	e.b = append(e.b, '[')
	for n := range items {
		if n > 0 {
			e.b = append(e.b, ',')
		}
		element := e.step(strconv.Itoa(n))
		write(e, &items[n])
		e.leave(element)
	}
	e.b = append(e.b, ']')
	for n := range e.extra { // of elements that are gone
		if strings.HasPrefix(e.extra[n].path, string(e.path)) {
			e.extra[n].done = true
		}
	}
	e.leave(inner)
	e.close()
	e.leave(outer)
}
