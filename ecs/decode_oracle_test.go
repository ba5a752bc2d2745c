package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The oracle reads a page as decodeDescribeInstances does, by other means: encoding/json tells what is JSON and what
// its strings are, and reflection walks the fields. It is slow and knows no limits.

func oraclePage(body []byte) (*DescribeInstancesResponse, error) {
	doc, err := parseNode(body)
	if err != nil {
		return nil, err
	}
	if doc.kind != '{' {
		return nil, errors.New("not an object")
	}
	r := &DescribeInstancesResponse{}
	var listed, code, message bool
	for _, m := range doc.members {
		o, err := oracle{}, error(nil)
		switch m.name {
		case "RequestId":
			err = o.value(m.value, reflect.ValueOf(&r.RequestID).Elem(), "")
		case "PageNumber":
			err = o.value(m.value, reflect.ValueOf(&r.PageNumber).Elem(), "")
		case "PageSize":
			err = o.value(m.value, reflect.ValueOf(&r.PageSize).Elem(), "")
		case "TotalCount":
			err = o.value(m.value, reflect.ValueOf(&r.TotalCount).Elem(), "")
		case "NextToken":
			if r.NextToken = m.value.text; m.value.kind != '"' && m.value.kind != 'n' || len(r.NextToken) > 8192 {
				err = errors.New("NextToken")
			}
		case "Code":
			code = !m.value.nothing()
		case "Message":
			message = !m.value.nothing()
		case "Instances":
			listed = true
			r.Instances, r.Undecoded, err = oracleInstances(m.value)
		}
		if err != nil {
			return nil, err
		}
	}
	if !listed {
		return nil, errors.New("no Instances")
	}
	if code && message {
		return nil, errors.New("an error document")
	}
	return r, nil
}

func oracleInstances(list node) (instances []Instance, undecoded []*DecodeError, err error) {
	if list.kind == '{' && len(list.members) > 0 {
		i := len(list.members) - 1
		for ; i >= 0 && list.members[i].name != "Instance"; i-- {
		}
		if i < 0 {
			return nil, nil, errors.New("no Instance")
		}
		for _, m := range list.members {
			if m.name == "Instance" && !m.value.nothing() && m.value.kind != '[' {
				return nil, nil, errors.New("no list")
			}
		}
		list = list.members[i].value
	}
	if !list.nothing() && list.kind != '[' {
		return nil, nil, errors.New("no list")
	}
	for _, e := range list.elements {
		inst, bad := oracleInstance(e)
		if bad == nil && inst.InstanceID == "" {
			bad = &DecodeError{Path: "InstanceId", Raw: e.raw}
		}
		if bad != nil {
			undecoded = append(undecoded, bad)
		} else {
			instances = append(instances, inst)
		}
	}
	return instances, undecoded, nil
}

func oracleInstance(n node) (Instance, *DecodeError) {
	inst, o := Instance{}, oracle{}
	var err error = pathError("")
	if n.kind == '{' {
		err = o.value(n, reflect.ValueOf(&inst).Elem(), "")
	}
	if err != nil {
		bad := &DecodeError{Path: err.Error(), Raw: n.raw}
		for _, m := range n.members {
			if m.name == "InstanceId" && (m.value.kind == '"' || m.value.kind == '0') {
				bad.InstanceID = m.value.text
			}
		}
		return Instance{}, bad
	}
	inst.Extra = o.extra
	return inst, nil
}

// pathError is where a value makes no sense.
type pathError string

func (e pathError) Error() string { return string(e) }

type oracle struct{ extra map[string]json.RawMessage }

func (o *oracle) unknown(path string, m nodeMember) {
	var b bytes.Buffer
	if err := json.Compact(&b, m.value.raw); err != nil {
		panic(err)
	}
	if o.extra == nil {
		o.extra = map[string]json.RawMessage{}
	}
	o.extra[below(path, m.name)] = b.Bytes()
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (o *oracle) value(n node, v reflect.Value, path string) error {
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
		v.SetZero()
	}
	if n.nothing() {
		return nil
	}
	wrong := pathError(path)
	switch v.Interface().(type) {
	case *bool, *int:
		v.Set(reflect.New(v.Type().Elem()))
		return o.value(n, v.Elem(), path)
	case time.Time:
		if n.text == "" {
			return wrong
		}
		at, err := parseTime(n.text)
		v.Set(reflect.ValueOf(at))
		return err
	}
	switch v.Kind() {
	case reflect.String:
		if !strings.ContainsRune(`"0tf`, rune(n.kind)) {
			return wrong
		}
		v.SetString(n.text)
	case reflect.Bool:
		switch strings.ToLower(n.text) {
		case "true", "1":
			v.SetBool(true)
		case "false", "0":
		default:
			return wrong
		}
	case reflect.Int, reflect.Int64:
		i, ok := wholeNumber(n)
		if !ok || v.OverflowInt(i) {
			return wrong
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.text, 64)
		if !n.number() || err != nil {
			return wrong
		}
		v.SetFloat(f)
	case reflect.Struct:
		return o.members(n, v, path)
	default:
		panic(v.Type())
	}
	return nil
}

func (o *oracle) members(n node, v reflect.Value, path string) (first error) {
	if n.kind != '{' {
		return pathError(path)
	}
	for _, m := range n.members {
		var f reflect.StructField
		f, ok := v.Type().FieldByNameFunc(func(name string) bool {
			f, _ := v.Type().FieldByName(name)
			member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return member == m.name && member != "-"
		})
		if !ok {
			o.unknown(path, m)
			continue
		}
		var err error
		if wrap := f.Tag.Get("wrap"); wrap != "" {
			err = o.list(m.value, v.FieldByIndex(f.Index), below(path, m.name), wrap)
		} else if err = o.value(m.value, v.FieldByIndex(f.Index), below(path, m.name)); err != nil {
			if _, ok := errorAs[pathError](err); !ok {
				err = pathError(below(path, m.name)) // of a time
			}
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (o *oracle) list(n node, v reflect.Value, path, wrap string) (first error) {
	v.SetZero()
	if n.nothing() {
		return nil
	}
	if n.kind == '{' {
		inner := node{kind: 'n'}
		for _, m := range n.members {
			if m.name == wrap {
				inner = m.value
			} else {
				o.unknown(path, m)
			}
		}
		if n = inner; !n.nothing() && n.kind != '[' {
			return pathError(path + "." + wrap)
		}
	} else if n.kind != '[' {
		return pathError(path)
	}
	if len(n.elements) == 0 {
		return nil
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.elements), len(n.elements)))
	for i, e := range n.elements {
		into := v.Index(i)
		if _, is := reflect.TypeAssert[OperationLock](into); is && e.kind == '"' {
			into, e = into.FieldByName("LockReason"), node{kind: '"', text: e.text}
		}
		if err := o.value(e, into, path+"."+wrap+"."+strconv.Itoa(i)); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// wholeNumber allows a fraction of zeros and exponents up to a thousand.
func wholeNumber(n node) (int64, bool) {
	if !n.number() {
		return 0, false
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n.text), "e")
	if strings.Trim(mantissa, "-0.") == "" {
		return 0, true
	}
	if e, err := strconv.Atoi(exponent); exponent != "" && (err != nil || max(e, -e) > 1000) {
		return 0, false
	}
	r, ok := new(big.Rat).SetString(n.text)
	return r.Num().Int64(), ok && r.IsInt() && r.Num().IsInt64()
}

// node is a JSON value; kind is one of { [ " 0 t f n.
type node struct {
	kind     byte
	raw      []byte
	text     string // of a scalar
	members  []nodeMember
	elements []node
}

type nodeMember struct {
	name  string
	value node
}

func (n node) nothing() bool {
	return n.kind == 'n' || n.kind == '{' && len(n.members) == 0 || n.kind == '"' && n.text == ""
}

func (n node) number() bool {
	return n.kind == '0' || n.kind == '"' && strings.Trim(n.text, "-+.eE0123456789") == "" && json.Valid([]byte(n.text))
}

// dotted reports member names that look like paths, which Instance.Extra cannot tell from paths.
func (n node) dotted() bool {
	return slices.ContainsFunc(n.members, func(m nodeMember) bool { return strings.Contains(m.name, ".") || m.value.dotted() }) ||
		slices.ContainsFunc(n.elements, node.dotted)
}

// twice reports a member that comes twice in an object. When it is a list, Instance.Extra keeps the unknown members of both.
func (n node) twice() bool {
	names := map[string]bool{}
	return slices.ContainsFunc(n.members, func(m nodeMember) bool {
		had := names[m.name]
		names[m.name] = true
		return had || m.value.twice()
	}) || slices.ContainsFunc(n.elements, node.twice)
}

func parseNode(data []byte) (node, error) {
	var one json.RawMessage
	if err := json.Unmarshal(data, &one); err != nil {
		return node{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return nextNode(dec, data)
}

func nextNode(dec *json.Decoder, data []byte) (node, error) {
	start := int(dec.InputOffset())
	for strings.IndexByte(" \t\r\n,:", data[start]) >= 0 {
		start++
	}
	tok, err := dec.Token()
	if err != nil {
		return node{}, err
	}
	n := node{kind: data[start]}
	switch t := tok.(type) {
	case bool:
		n.text = strconv.FormatBool(t)
	case json.Number:
		n.kind, n.text = '0', t.String()
	case string:
		n.text = t
	case json.Delim:
		for dec.More() {
			var m nodeMember
			if t == '{' {
				name, err := dec.Token()
				if err != nil {
					return node{}, err
				}
				m.name = name.(string)
			}
			if m.value, err = nextNode(dec, data); err != nil {
				return node{}, err
			}
			if t == '{' {
				n.members = append(n.members, m)
			} else {
				n.elements = append(n.elements, m.value)
			}
		}
		if _, err := dec.Token(); err != nil {
			return node{}, err
		}
	}
	n.raw = data[start:dec.InputOffset()]
	return n, nil
}
