package ecs

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-querystring/query"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
)

// The list types in this file determine how a list in the parameters of [Client.Call] is encoded. The documentation of
// an operation shows which encoding the operation expects.

// JSONList is a list that is sent as a single parameter whose value is a JSON array of strings. A nil list is not sent,
// so it does not filter. An empty list is sent as "[]", which matches nothing. An empty string in the list is an error.
type JSONList []string

// EncodeValues implements [query.Encoder].
func (l JSONList) EncodeValues(key string, v *url.Values) error {
	if l == nil {
		return nil
	}
	if err := checkElements(key, l); err != nil {
		return err
	}
	size := len("[]")
	for _, s := range l {
		size += len(s) + len(`"",`)
	}
	text := append(make([]byte, 0, size), '[')
	for i, s := range l {
		if i > 0 {
			text = append(text, ',')
		}
		text = jsonscan.AppendString(text, s)
	}
	v.Set(key, string(append(text, ']')))
	return nil
}

// RepeatList is a list that is sent as the parameters Name.1, Name.2 and so on. A nil or empty list is not sent. An
// empty string in the list is an error.
type RepeatList[T ~string] []T

// EncodeValues implements [query.Encoder].
func (l RepeatList[T]) EncodeValues(key string, v *url.Values) error {
	if err := checkElements(key, l); err != nil {
		return err
	}
	for i, s := range l {
		v.Set(key+"."+strconv.Itoa(i+1), string(s))
	}
	return nil
}

// TagList is a list that is sent as the parameters Name.1.Key, Name.1.Value, Name.2.Key and so on. A nil or empty list
// is not sent. If the value of a tag is empty, only the key is sent, which matches any value. An empty key is an error.
type TagList []Tag

// EncodeValues implements [query.Encoder].
func (l TagList) EncodeValues(key string, v *url.Values) error {
	if err := checkTags(key, l); err != nil {
		return err
	}
	values := make([]string, 0, 2*len(l)) // one allocation for all values
	set := func(name, value string) {
		values = append(values, value)
		(*v)[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for i, t := range l {
		n := strconv.Itoa(i + 1)
		set(key+"."+n+".Key", t.Key)
		if t.Value != "" {
			set(key+"."+n+".Value", t.Value)
		}
	}
	return nil
}

// timeFilter is encoded as the parameters Filter.N.Key and Filter.N.Value. The API assigns a fixed meaning to each
// number N.
type timeFilter struct {
	key string
	at  time.Time
}

// EncodeValues implements [query.Encoder].
func (f timeFilter) EncodeValues(name string, v *url.Values) error {
	if f.at.IsZero() {
		return nil
	}
	v.Set(name+".Key", f.key)
	v.Set(name+".Value", f.at.UTC().Format("2006-01-02T15:04Z"))
	return nil
}

var _ = []query.Encoder{JSONList{}, RepeatList[string]{}, TagList{}, timeFilter{}}

// encodeParams encodes a struct, or a pointer to a struct, by the rules described at Client.Call.
func encodeParams(params any) (url.Values, error) {
	v := reflect.ValueOf(params)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	values := url.Values{}
	switch {
	case v.Kind() == reflect.Struct:
		return values, encodeStruct(values, "", v)
	case v.Kind() == reflect.Pointer && elemOf(v.Type()).Kind() == reflect.Struct: // a nil pointer
		return values, nil
	default:
		return nil, invalid("params", "must be nil, url.Values, or a struct with url tags, not a %T", params)
	}
}

var (
	encoderType   = reflect.TypeFor[query.Encoder]()
	marshalerType = reflect.TypeFor[encoding.TextMarshaler]()
	timeType      = reflect.TypeFor[time.Time]()
	durationType  = reflect.TypeFor[time.Duration]()
	requestType   = reflect.TypeFor[DescribeInstancesRequest]()
)

// encodeStruct adds the fields of a struct to values, and adds prefix to their names. It uses go-querystring, except
// for values that the API expects in another form.
func encodeStruct(values url.Values, prefix string, v reflect.Value) error {
	if strings.Count(prefix, ".") > 20 {
		return invalid("params", "is nested too deeply at %.80q", prefix)
	}
	e := structEncoder{values: values, prefix: prefix, fixed: map[string]string{}}
	if err := e.fields(v); err != nil {
		return err
	}
	simple, err := query.Values(v.Interface())
	if err != nil {
		return invalid("params", "cannot be encoded: %s", printable(err.Error()))
	}
	for name, text := range e.fixed {
		// go-querystring names the fields of a nested struct Name[Field].
		maps.DeleteFunc(simple, func(key string, _ []string) bool { return key == name || strings.HasPrefix(key, name+"[") })
		if text != "" {
			simple.Set(name, text)
		}
	}
	for name, list := range simple {
		values[prefix+name] = append(values[prefix+name], list...)
	}
	return nil
}

// structEncoder encodes the fields of a struct for which the API expects a form that go-querystring does not produce.
type structEncoder struct {
	values url.Values
	prefix string
	names  []string          // parameter names of all fields
	fixed  map[string]string // values to send, by parameter name; "" if not sent or stored in values
}

func (e *structEncoder) fields(v reflect.Value) error {
	if v.Type() == requestType {
		return invalid("params", "must not contain a DescribeInstancesRequest: pass the request itself as params")
	}
	sent := false
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("url"), ",")
		if name == "-" || !field.IsExported() && !field.Anonymous {
			continue
		}
		sent = true
		if err := e.namedField(cmp.Or(name, field.Name), strings.Split(options, ","), field, v.Field(i)); err != nil {
			if _, ok := err.(invalidField); !ok { //nolint:errorlint // the error already names the field of a nested struct
				err = invalid(typeName(v.Type())+"."+field.Name, "%v", err)
			}
			return err
		}
	}
	if !sent && v.NumField() > 0 {
		return invalid("params", "contains a %s, which has no fields that can be sent", typeName(v.Type()))
	}
	return nil
}

func (e *structEncoder) namedField(name string, options []string, field reflect.StructField, v reflect.Value) error {
	untagged := strings.HasPrefix(field.Tag.Get("url"), ",") || field.Tag.Get("url") == ""
	if field.Anonymous && untagged && elemOf(field.Type).Kind() == reflect.Struct {
		if v = reflect.Indirect(v); v.IsValid() {
			return e.fields(v)
		}
		e.fixed[name] = ""
		return nil
	}
	switch {
	case !field.IsExported():
		return errors.New("is an embedded field of an unexported type, which cannot be sent")
	case slices.Contains(e.names, name):
		return fmt.Errorf("has the parameter name %s, which another field already has", name)
	}
	e.names = append(e.names, name)
	return e.field(name, options, field.Tag, v)
}

// field encodes one field. Its errors do not contain the field's name, which the caller adds.
func (e *structEncoder) field(name string, options []string, tag reflect.StructTag, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Interface:
		return fmt.Errorf("has type %v, which is an interface: use a concrete type", v.Type())
	case v.Type().Implements(encoderType):
		return nil
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		return e.list(name, options, v)
	case v.IsZero() && (v.Kind() == reflect.Pointer || slices.Contains(options, "omitempty")):
		e.fixed[name] = ""
		return nil
	case v.Kind() == reflect.Pointer:
		return e.field(name, slices.DeleteFunc(options, func(o string) bool { return o == "omitempty" }), tag, v.Elem())
	case v.Type() == timeType && !slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o, "unix") }):
		return e.setText(name, v, v.Interface().(time.Time).UTC().Format(cmp.Or(tag.Get("layout"), time.RFC3339)))
	case v.Type().Implements(marshalerType) && v.Type() != timeType:
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return errors.New(printable(err.Error()))
		}
		return e.setText(name, v, string(text))
	case v.Kind() == reflect.Struct && v.Type() != timeType:
		e.fixed[name] = ""
		return encodeStruct(e.values, e.prefix+name+".", v)
	case !isScalar(v.Type()) && v.Type() != timeType:
		return fmt.Errorf("has type %v, which cannot be encoded as a parameter", v.Type())
	}
	return nil
}

// setText sets the string that is sent for the field value v. It returns an error if v is the zero value or text is
// empty.
func (e *structEncoder) setText(name string, v reflect.Value, text string) error {
	if v.IsZero() || text == "" {
		return fmt.Errorf("is the zero value of %v, which cannot be sent: set the field, or add omitempty to its url tag", v.Type())
	}
	e.fixed[name] = text
	return nil
}

// list encodes a list of structs, and accepts a list that go-querystring joins with commas, spaces or semicolons. Any
// other list is an error, because operations differ in the encoding that they expect.
func (e *structEncoder) list(name string, options []string, v reflect.Value) error {
	element := elemOf(v.Type().Elem())
	joined := slices.ContainsFunc(options, func(o string) bool { return o == "comma" || o == "space" || o == "semicolon" })
	switch {
	case joined && isScalar(v.Type().Elem()):
		return nil
	case element.Kind() != reflect.Struct || element.Implements(marshalerType) || v.Type().Elem().Implements(encoderType):
		return fmt.Errorf("has type %v: use ecs.RepeatList for the form Name.1, Name.2, or ecs.JSONList for a JSON array", v.Type())
	}
	e.fixed[name] = ""
	for i := range v.Len() {
		item := reflect.Indirect(v.Index(i))
		if item.Kind() != reflect.Struct {
			return fmt.Errorf("has a nil element at index %d", i)
		}
		if err := encodeStruct(e.values, e.prefix+name+"."+strconv.Itoa(i+1)+".", item); err != nil {
			return err
		}
	}
	return nil
}

// isScalar reports whether go-querystring encodes a value of type t as the API expects. It returns false for a
// time.Duration, which go-querystring encodes as a string such as "1m0s".
func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return t != durationType
	default:
		return false
	}
}

// typeName returns the name of a type for use in error messages.
func typeName(t reflect.Type) string { return cmp.Or(t.Name(), "params") }

// elemOf returns the type that t points to, or t itself.
func elemOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
