package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const maxToken = 8 << 10

// decodeDescribeInstances reads a page. An error means that the body is not one.
func decodeDescribeInstances(body []byte) (*DescribeInstancesResponse, error) {
	doc, err := parse(body)
	if err != nil {
		return nil, err
	}
	if doc.kind != '{' {
		return nil, errors.New("not a JSON object")
	}
	r, found := &DescribeInstancesResponse{}, false
	for _, m := range doc.members {
		v, err := m.value, error(nil)
		d := &reading{}
		switch m.name {
		case "RequestId":
			err = d.value(v, reflect.ValueOf(&r.RequestID).Elem(), m.name)
		case "PageNumber":
			err = d.value(v, reflect.ValueOf(&r.PageNumber).Elem(), m.name)
		case "PageSize":
			err = d.value(v, reflect.ValueOf(&r.PageSize).Elem(), m.name)
		case "TotalCount":
			err = d.value(v, reflect.ValueOf(&r.TotalCount).Elem(), m.name)
		case "NextToken":
			switch {
			case v.kind == 'n':
				r.NextToken = ""
			case v.kind != '"':
				err = errors.New("NextToken is not a string")
			case len(v.text) > maxToken:
				err = errors.New("NextToken is longer than 8 KiB")
			default:
				r.NextToken = v.text
			}
		case "Instances":
			found = true
			err = r.list(v)
		}
		if err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, errors.New("no member Instances")
	}
	return r, nil
}

func (r *DescribeInstancesResponse) list(v node) error {
	r.Instances, r.Undecoded = nil, nil
	if v.kind == '{' && len(v.members) > 0 {
		list, found := node{}, false
		for _, m := range v.members {
			if m.name == "Instance" {
				list, found = m.value, true
			}
		}
		if !found {
			return errors.New("Instances has no member Instance")
		}
		v = list
	}
	if v.empty() {
		return nil
	}
	if v.kind != '[' {
		return errors.New("Instances is not a list")
	}
	for _, e := range v.elems {
		inst, err := decodeInstance(e)
		if err == nil && inst.InstanceID == "" {
			err = &DecodeError{Path: "InstanceId", Raw: bytes.Clone(e.raw), Err: errors.New("missing, so the instance could not be told from others")}
		}
		if err != nil {
			r.Undecoded = append(r.Undecoded, err)
			continue
		}
		r.Instances = append(r.Instances, inst)
	}
	return nil
}

func decodeInstance(n node) (Instance, *DecodeError) {
	var inst Instance
	d := &reading{}
	var err error
	if n.kind != '{' {
		err = valueError{"", "is not an object"}
	} else {
		err = d.value(n, reflect.ValueOf(&inst).Elem(), "")
	}
	if err != nil {
		bad := &DecodeError{Raw: bytes.Clone(n.raw), Err: err}
		for _, m := range n.members {
			if m.name == "InstanceId" && (m.value.kind == '"' || m.value.kind == '0') {
				bad.InstanceID = m.value.text
			}
		}
		if e, ok := errors.AsType[valueError](err); ok {
			bad.Path, bad.Err = e.path, errors.New(e.text)
		}
		return Instance{}, bad
	}
	if len(d.extra) > 0 {
		inst.Extra = d.extra
	}
	return inst, nil
}

// UnmarshalJSON reads an instance in the API's shape.
func (i *Instance) UnmarshalJSON(data []byte) error {
	n, err := parse(data)
	if err != nil {
		return err
	}
	if n.kind == 'n' {
		return nil
	}
	inst, bad := decodeInstance(n)
	if bad != nil {
		return bad
	}
	*i = inst
	return nil
}

type valueError struct{ path, text string }

func (e valueError) Error() string { return e.path + " " + e.text }

type reading struct{ extra map[string]json.RawMessage }

func (d *reading) unknown(path string, m member) {
	var b bytes.Buffer
	_ = json.Compact(&b, m.value.raw)
	if d.extra == nil {
		d.extra = map[string]json.RawMessage{}
	}
	d.extra[join(path, m.name)] = b.Bytes()
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *reading) value(n node, v reflect.Value, path string) error {
	return d.wrapped(n, v, path, "")
}

func (d *reading) wrapped(n node, v reflect.Value, path, wrap string) error {
	v.SetZero()
	maps.DeleteFunc(d.extra, func(k string, _ json.RawMessage) bool { return path != "" && strings.HasPrefix(k, path+".") })
	if n.empty() {
		return nil
	}
	bad := func(text string) error { return valueError{path, text} }
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.value(n, v.Elem(), path)
	case reflect.String:
		if !strings.ContainsRune(`"0tf`, rune(n.kind)) {
			return bad("is not a string")
		}
		v.SetString(n.text)
	case reflect.Bool:
		switch strings.ToLower(n.text) {
		case "true", "1":
			v.SetBool(true)
		case "false", "0":
		default:
			return bad("is not a boolean")
		}
	case reflect.Int, reflect.Int64:
		i, ok := toInt(n, v.Type().Bits())
		if !ok {
			return bad("is not an integer in range")
		}
		v.SetInt(i)
	case reflect.Float64:
		if !n.number() {
			return bad("is not a number")
		}
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil {
			return bad("is not a number in range")
		}
		v.SetFloat(f)
	case reflect.Slice:
		if n.kind == '{' {
			inner := node{kind: 'n'}
			for _, m := range n.members {
				if m.name == wrap {
					inner = m.value
				} else {
					d.unknown(path, m)
				}
			}
			n = inner
		}
		if n.empty() || n.kind == '[' && len(n.elems) == 0 {
			return nil
		}
		if n.kind != '[' {
			return bad("is not a list")
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.elems), len(n.elems)))
		for i, e := range n.elems {
			into, at := v.Index(i), join(join(path, wrap), strconv.Itoa(i))
			if e.kind == '"' && into.Kind() == reflect.Struct {
				if f := into.FieldByName(wrap); f.IsValid() {
					f.SetString(e.text)
					continue
				}
			}
			if err := d.value(e, into, at); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[Time]() {
			t, err := parseTime(n.text)
			if err != nil || n.text == "" {
				return bad("is not a time")
			}
			v.Set(reflect.ValueOf(t))
			return nil
		}
		if n.kind != '{' {
			return bad("is not an object")
		}
		var first error
	members:
		for _, m := range n.members {
			for i := range v.NumField() {
				f := v.Type().Field(i)
				if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == m.name && name != "-" {
					if err := d.wrapped(m.value, v.Field(i), join(path, name), f.Tag.Get("wrap")); err != nil && first == nil {
						first = err
					}
					continue members
				}
			}
			d.unknown(path, m)
		}
		return first
	default:
		return fmt.Errorf("%s has a type no one decodes", path)
	}
	return nil
}

func toInt(n node, bits int) (int64, bool) {
	if !n.number() {
		return 0, false
	}
	if i, err := strconv.ParseInt(n.text, 10, bits); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return 0, false
	}
	i, err := strconv.ParseInt(strconv.FormatFloat(f, 'f', 0, 64), 10, bits)
	return i, err == nil
}

// node is a JSON value: kind is one of { [ " 0 t f n.
type node struct {
	kind    byte
	raw     []byte
	text    string
	members []member
	elems   []node
}

type member struct {
	name  string
	value node
}

func (n node) empty() bool {
	return n.kind == 'n' || n.kind == '{' && len(n.members) == 0 || n.kind == '"' && n.text == ""
}

func (n node) number() bool {
	return n.kind == '0' || n.kind == '"' && json.Valid([]byte(n.text)) && strings.Contains("-0123456789", n.text[:1]) && !strings.ContainsAny(n.text, " \t\r\n")
}

func parse(data []byte) (node, error) {
	var doc json.RawMessage
	if err := json.Unmarshal(data, &doc); err != nil {
		return node{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return next(dec, data)
}

func next(dec *json.Decoder, data []byte) (node, error) {
	start := int(dec.InputOffset())
	for strings.IndexByte(" \t\r\n,:", data[start]) >= 0 {
		start++
	}
	tok, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	n := node{}
	switch t := tok.(type) {
	case nil:
		n.kind = 'n'
	case bool:
		n.kind, n.text = data[start], strconv.FormatBool(t)
	case json.Number:
		n.kind, n.text = '0', t.String()
	case string:
		n.kind, n.text = '"', t
	case json.Delim:
		n.kind = byte(t)
		for dec.More() {
			m := member{}
			if t == '{' {
				name, err := dec.Token()
				if err != nil {
					return node{}, err
				}
				m.name = name.(string)
			}
			if m.value, err = next(dec, data); err != nil {
				return node{}, err
			}
			if t == '{' {
				n.members = append(n.members, m)
			} else {
				n.elems = append(n.elems, m.value)
			}
		}
		if _, err := dec.Token(); err != nil {
			return node{}, err
		}
	}
	n.raw = data[start:dec.InputOffset()]
	return n, nil
}

// MarshalJSON gives the API's own shape.
func (i Instance) MarshalJSON() ([]byte, error) {
	return encode(nil, reflect.ValueOf(i), "", i.Extra)
}

// MarshalJSON gives the API's own shape.
func (v VPCAttributes) MarshalJSON() ([]byte, error) { return encode(nil, reflect.ValueOf(v), "", nil) }

// MarshalJSON gives the API's own shape.
func (n NetworkInterface) MarshalJSON() ([]byte, error) {
	return encode(nil, reflect.ValueOf(n), "", nil)
}

func encode(b []byte, v reflect.Value, path string, extra map[string]json.RawMessage) ([]byte, error) {
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[Time]() {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		err := enc.Encode(v.Interface())
		return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), err
	}
	known := []string{}
	b = append(b, '{')
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		at := join(path, name)
		known = append(known, at)
		if option != "" && v.Field(i).IsZero() && !has(extra, at) {
			continue
		}
		b = comma(b)
		b = strconv.AppendQuote(b, name)
		b = append(b, ':')
		var err error
		wrap := f.Tag.Get("wrap")
		if wrap == "" {
			if b, err = encode(b, v.Field(i), at, extra); err != nil {
				return nil, err
			}
			continue
		}
		b = append(b, `{"`+wrap+`":[`...)
		for j := range v.Field(i).Len() {
			if j > 0 {
				b = append(b, ',')
			}
			if b, err = encode(b, v.Field(i).Index(j), at+"."+wrap+"."+strconv.Itoa(j), extra); err != nil {
				return nil, err
			}
		}
		b = append(members(append(b, ']'), extra, at, []string{at + "." + wrap}), '}')
	}
	return append(members(b, extra, path, known), '}'), nil
}

func has(extra map[string]json.RawMessage, path string) bool {
	for k := range extra {
		if strings.HasPrefix(k, path+".") {
			return true
		}
	}
	return false
}

func comma(b []byte) []byte {
	if b[len(b)-1] != '{' {
		return append(b, ',')
	}
	return b
}

func members(b []byte, extra map[string]json.RawMessage, path string, known []string) []byte {
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		name := k
		if path != "" {
			if !strings.HasPrefix(k, path+".") {
				continue
			}
			name = k[len(path)+1:]
		}
		if slices.ContainsFunc(known, func(p string) bool { return k == p || strings.HasPrefix(k, p+".") }) {
			continue
		}
		quoted, _ := json.Marshal(name)
		b = append(append(append(comma(b), quoted...), ':'), extra[k]...)
	}
	return b
}
