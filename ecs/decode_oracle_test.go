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

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
)

// The oracle is a second implementation of decodeDescribeInstances. It is slow and enforces no limits.

func oraclePage(body []byte) (*DescribeInstancesResponse, error) {
	doc, err := parseNode(body)
	if err != nil {
		return nil, err
	}
	if doc.kind != '{' {
		return nil, errors.New("not an object")
	}
	r := &DescribeInstancesResponse{}
	var listed, token bool
	var code, message *string
	for _, m := range doc.members {
		o, err := oracle{}, error(nil)
		if strings.EqualFold(m.name, "NextToken") {
			m.name = "NextToken"
		}
		switch m.name {
		case "RequestId":
			o.value(m.value, reflect.ValueOf(&r.RequestID).Elem(), "")
		case "PageNumber":
			o.value(m.value, reflect.ValueOf(&r.PageNumber).Elem(), "")
		case "PageSize":
			o.value(m.value, reflect.ValueOf(&r.PageSize).Elem(), "")
		case "TotalCount":
			o.value(m.value, reflect.ValueOf(&r.TotalCount).Elem(), "")
		case "NextToken":
			if token {
				return nil, errors.New("two tokens")
			}
			token = true
			if r.NextToken = m.value.text; m.value.kind != '"' && m.value.kind != 'n' || len(r.NextToken) > 8192 {
				err = errors.New("NextToken")
			}
		case "Code":
			code = oracleText(m.value)
		case "Message":
			message = oracleText(m.value)
		case "Instances":
			if listed {
				return nil, errors.New("two lists")
			}
			listed = true
			r.Instances, r.Undecoded, err = oracleInstances(m.value)
		}
		if err != nil || len(o.problems) > 0 {
			return nil, errors.New(m.name)
		}
	}
	if !listed {
		return nil, errors.New("no Instances")
	}
	success := []string{"200", "ok", "success", "successful"}
	switch {
	case code == nil || message == nil: // an ordinary response and not an error document
	case slices.Contains(success, strings.ToLower(*code)):
	case *code == "" && (*message == "" || slices.Contains(success, strings.ToLower(*message))):
	default:
		return nil, errors.New("an error document")
	}
	return r, nil
}

// oracleText returns the value of a Code or Message member as a string. It returns nil for null, and an empty string
// for an object or list.
func oracleText(n node) *string {
	text := n.text
	switch n.kind {
	case 'n':
		return nil
	case '"':
	case '{', '[':
		text = ""
	default:
		text = string(n.raw)
	}
	return &text
}

func oracleInstances(list node) (instances []Instance, undecoded []*DecodeError, err error) {
	if list.kind == '{' && len(list.members) > 0 {
		lists := slices.DeleteFunc(slices.Clone(list.members), func(m nodeMember) bool { return m.name != "Instance" })
		if len(lists) != 1 {
			return nil, nil, errors.New("no Instance, or several")
		}
		list = lists[0].value
	}
	if !list.nothing() && list.kind != '[' {
		return nil, nil, errors.New("no list")
	}
	for _, e := range list.elements {
		inst, problems := oracleInstance(e)
		if inst.InstanceID != "" {
			instances = append(instances, inst)
		}
		undecoded = append(undecoded, problems...)
	}
	for i, bad := range undecoded {
		if i >= maxRawValues {
			bad.Raw = nil
		}
		bad.Raw = bad.Raw[:min(len(bad.Raw), maxRawLength)]
	}
	return instances, undecoded, nil
}

func oracleInstance(n node) (Instance, []*DecodeError) {
	if n.kind != '{' {
		return Instance{}, []*DecodeError{{Raw: n.raw}}
	}
	inst, o := Instance{}, oracle{}
	o.value(n, reflect.ValueOf(&inst).Elem(), "")
	if inst.InstanceID == "" {
		return Instance{}, []*DecodeError{{Path: "InstanceId", Raw: n.raw}}
	}
	for _, p := range o.problems {
		p.InstanceID = inst.InstanceID
	}
	inst.Extra = o.extra
	return inst, o.problems
}

type oracle struct {
	extra    map[string]json.RawMessage
	problems []*DecodeError
}

func (o *oracle) keep(path string, n node) {
	var b bytes.Buffer
	if err := json.Compact(&b, n.raw); err != nil {
		panic(err)
	}
	if o.extra == nil {
		o.extra = map[string]json.RawMessage{}
	}
	o.extra[path] = b.Bytes()
}

// below returns the path of the member with the given name in the value at path.
func below(path, name string) string {
	name = strings.NewReplacer("~", "~0", ".", "~1").Replace(name)
	if path == "" {
		return name
	}
	return path + "." + name
}

// value sets v to the value of n. If n has the wrong type, v becomes zero and n is kept for Instance.Extra.
func (o *oracle) value(n node, v reflect.Value, path string) {
	object := v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]()
	if !object {
		v.SetZero()
	}
	switch {
	case n.nothing():
	case object && n.kind == '{':
		o.members(n, v, path)
	case object || !setScalar(v, n):
		o.reject(path, n)
	}
}

func (o *oracle) reject(path string, n node) {
	o.problems = append(o.problems, &DecodeError{Path: path, Raw: n.raw})
	o.keep(path, n)
}

// setScalar sets v to the value of n. It reports whether n has the right type.
func setScalar(v reflect.Value, n node) bool {
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		if !setScalar(p.Elem(), n) {
			return false
		}
		v.Set(p)
		return true
	}
	if _, ok := reflect.TypeAssert[time.Time](v); ok {
		at, err := jsonscan.ParseTime(n.text)
		if n.text == "" || err != nil {
			return false
		}
		v.Set(reflect.ValueOf(at))
		return true
	}
	switch v.Kind() {
	case reflect.String:
		if !strings.ContainsRune(`"0tf`, rune(n.kind)) {
			return false
		}
		v.SetString(n.text)
	case reflect.Bool:
		switch strings.ToLower(n.text) {
		case "true", "1":
			v.SetBool(true)
		case "false", "0":
		default:
			return false
		}
	case reflect.Int, reflect.Int64:
		i, ok := wholeNumber(n)
		if !ok || v.OverflowInt(i) {
			return false
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.text, 64)
		if !n.number() || err != nil {
			return false
		}
		v.SetFloat(f)
	default:
		panic(v.Type())
	}
	return true
}

func (o *oracle) members(n node, v reflect.Value, path string) {
	for _, m := range n.members {
		f, ok := v.Type().FieldByNameFunc(func(name string) bool {
			f, _ := v.Type().FieldByName(name)
			member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			return member == m.name && member != "-"
		})
		switch wrap := f.Tag.Get("wrap"); {
		case !ok:
			o.keep(below(path, m.name), m.value)
		case wrap != "":
			o.list(m.value, v.FieldByIndex(f.Index), below(path, m.name), wrap)
		default:
			o.value(m.value, v.FieldByIndex(f.Index), below(path, m.name))
		}
	}
}

func (o *oracle) list(n node, v reflect.Value, path, wrap string) {
	v.SetZero()
	at := path
	if n.kind == '{' {
		inner := node{kind: 'n'}
		for _, m := range n.members {
			if m.name == wrap {
				inner = m.value
			} else {
				o.keep(below(path, m.name), m.value)
			}
		}
		n, at = inner, path+"."+wrap
	}
	if n.kind != '[' {
		if !n.nothing() {
			o.reject(at, n)
		}
		return
	}
	if len(n.elements) == 0 {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.elements), len(n.elements)))
	for i, e := range n.elements {
		into := v.Index(i)
		if _, is := reflect.TypeAssert[OperationLock](into); is && e.kind == '"' {
			into = into.FieldByName("LockReason")
		}
		o.value(e, into, path+"."+wrap+"."+strconv.Itoa(i))
	}
}

// wholeNumber returns the value of n if n is an integer, even if n has a fraction of zeros or an exponent of up to
// 1,000, as in 1.0 and 1e3.
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

// node is a JSON value. kind is the first byte of the value; for numbers, kind is '0'.
type node struct {
	kind     byte
	raw      []byte
	text     string // for strings, numbers and booleans
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

// repeatsMember reports whether an object in n contains the same member twice. Such an instance cannot be encoded and
// decoded without a change.
func (n node) repeatsMember() bool {
	names := map[string]bool{}
	return slices.ContainsFunc(n.members, func(m nodeMember) bool {
		had := names[m.name]
		names[m.name] = true
		return had || m.value.repeatsMember()
	}) || slices.ContainsFunc(n.elements, node.repeatsMember)
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
