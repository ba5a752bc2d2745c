package jsonscan

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Marshal returns a struct as JSON in the format that Decoder reads. The tags of the struct's fields determine
// the JSON:
//
//	json:"Name"           the name of the member; "-" omits the field
//	json:"Name,omitzero"  (or omitempty) omits the member if the field is zero
//	wrap:"X"              wraps a list in an object with one member: {"X": […]}
//
// The argument extra contains additional members by path (see Extra.Path). If a field has the same path, the additional
// member is written only if the field is zero. A member of a list element that does not exist is omitted.
func Marshal(v any, extra map[string]json.RawMessage) ([]byte, error) {
	var tree *extraNode
	for path, value := range extra {
		if !json.Valid(value) {
			return nil, fmt.Errorf("the extra member %q is not valid JSON", path)
		}
		if tree == nil {
			tree = new(extraNode)
		}
		tree.add(path, value)
	}
	return appendStruct(make([]byte, 0, 4<<10), reflect.ValueOf(v), tree)
}

// extraNode is a node in a tree of extra members: either an extra member, or an object or list that contains extra
// members. A nil *extraNode contains no members.
type extraNode struct {
	value    json.RawMessage // nil if the node is an object or list
	children map[string]*extraNode
}

func (n *extraNode) add(path string, value json.RawMessage) {
	for name := range strings.SplitSeq(path, ".") {
		name = pathNames.Replace(name)
		child := n.children[name]
		if child == nil {
			child = new(extraNode)
			if n.children == nil {
				n.children = map[string]*extraNode{}
			}
			n.children[name] = child
		}
		n = child
	}
	n.value = value
}

func (n *extraNode) child(name string) *extraNode {
	if n == nil {
		return nil
	}
	return n.children[name]
}

// appendStruct appends a struct as a JSON object. The object contains the fields of the struct, followed by the extra
// members that do not belong to a field. These extra members are sorted by name.
func appendStruct(b []byte, v reflect.Value, extra *extraNode) ([]byte, error) {
	b = append(b, '{')
	written := 0 // number of children of extra that belong to a field
	var fields map[string]bool
	if extra != nil {
		fields = make(map[string]bool, v.NumField())
	}
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		name, option, _ := strings.Cut(tag.Get("json"), ",")
		field, own := v.Field(i), extra.child(name)
		if name == "-" {
			continue
		}
		if own != nil {
			fields[name] = true
			written++
		}
		if option != "" && own == nil && field.IsZero() {
			continue
		}
		var err error
		if b, err = appendField(appendName(b, name), field, tag.Get("wrap"), own); err != nil {
			return nil, err
		}
	}
	if extra != nil && written < len(extra.children) {
		b = appendMembers(b, extra, fields)
	}
	return append(b, '}'), nil
}

// appendMembers appends the children of extra as JSON members, sorted by name. It omits the children named in except.
func appendMembers(b []byte, extra *extraNode, except map[string]bool) []byte {
	for _, name := range slices.Sorted(maps.Keys(extra.children)) {
		if except[name] {
			continue
		}
		child := extra.children[name]
		if b = appendName(b, name); child.value != nil {
			b = append(b, child.value...)
		} else { // the child is an object that contains extra members
			b = append(appendMembers(append(b, '{'), child, nil), '}')
		}
	}
	return b
}

// appendName appends a member's name and a colon, preceded by a comma unless the member is the first in its object.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(AppendString(b, name), ':')
}

// appendField appends the value of a field or of a list element.
func appendField(b []byte, v reflect.Value, wrap string, extra *extraNode) ([]byte, error) {
	if extra != nil && extra.value != nil && v.IsZero() {
		return append(b, extra.value...), nil
	}
	if t, ok := reflect.TypeAssert[time.Time](v); ok {
		return append(appendTime(append(b, '"'), t), '"'), nil
	}
	switch v.Kind() {
	case reflect.String:
		return AppendString(b, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("JSON cannot represent the number %v", f)
		}
		return strconv.AppendFloat(b, f, 'f', -1, 64), nil
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendField(b, v.Elem(), "", nil)
	case reflect.Struct:
		return appendStruct(b, v, extra)
	case reflect.Slice:
		return appendList(b, v, wrap, extra)
	default:
		return nil, errors.New("cannot encode the Go type " + v.Type().String())
	}
}

// appendList appends a list, including its wrapper object and the extra members of the wrapper and the list elements.
func appendList(b []byte, v reflect.Value, wrap string, extra *extraNode) (_ []byte, err error) {
	list := extra.child(wrap)
	b = appendName(append(b, '{'), wrap)
	if list != nil && list.value != nil && v.IsZero() {
		b = append(b, list.value...)
	} else {
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			var own *extraNode
			if list != nil {
				own = list.children[strconv.Itoa(i)]
			}
			if b, err = appendField(b, v.Index(i), "", own); err != nil {
				return nil, err
			}
		}
		b = append(b, ']')
	}
	if extra != nil {
		b = appendMembers(b, extra, map[string]bool{wrap: true})
	}
	return append(b, '}'), nil
}

// AppendString appends text to b as a JSON string. Invalid UTF-8 becomes U+FFFD.
func AppendString(b []byte, text string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	begin := 0 // the part of text before this index has been appended
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			if _, size = utf8.DecodeRuneInString(text[i:]); size > 1 {
				i += size
				continue
			}
		}
		b = append(b, text[begin:i]...)
		switch {
		case c >= utf8.RuneSelf:
			b = append(b, "\ufffd"...)
		case c == '"', c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
		i += size
		begin = i
	}
	return append(append(b, text[begin:]...), '"')
}
