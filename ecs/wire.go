package ecs

import (
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/google/go-querystring/query"
)

// The list types below tell go-querystring how this API writes lists. Use them in parameter structs for [Client.Call].

// JSONList is a list sent as one parameter that holds a JSON array of strings. nil is not sent (no filter); an empty
// list is sent as "[]", which matches nothing.
type JSONList []string

// EncodeValues implements [query.Encoder].
func (l JSONList) EncodeValues(key string, v *url.Values) error {
	if l == nil {
		return nil
	}
	text, err := json.Marshal([]string(l))
	if err != nil {
		return err
	}
	v.Set(key, string(text))
	return nil
}

// RepeatList is a list sent as the parameters Name.1, Name.2, … nil and empty are not sent.
type RepeatList[T ~string] []T

// EncodeValues implements [query.Encoder].
func (l RepeatList[T]) EncodeValues(key string, v *url.Values) error {
	for i, s := range l {
		v.Set(key+"."+strconv.Itoa(i+1), string(s))
	}
	return nil
}

// TagList is a list sent as Name.1.Key, Name.1.Value, … nil and empty are not sent. A tag without value is sent
// without one and matches any value.
type TagList []Tag

// EncodeValues implements [query.Encoder].
func (l TagList) EncodeValues(key string, v *url.Values) error {
	values := make([]string, 0, 2*len(l)) // one array for all, instead of two for each
	set := func(name, value string) {
		values = append(values, value)
		(*v)[name] = values[len(values)-1 : len(values) : len(values)]
	}
	for i, t := range l {
		prefix := key + "." + strconv.Itoa(i+1)
		set(prefix+".Key", t.Key)
		if t.Value != "" {
			set(prefix+".Value", t.Value)
		}
	}
	return nil
}

// timeFilter is a Filter.N pair. The number belongs to the meaning, so gaps are sent as they are.
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

// floorMinute and ceilMinute widen a window to the whole minutes the API knows, so that rounding never loses an instance.
func floorMinute(t time.Time) time.Time { return t.Truncate(time.Minute) }

func ceilMinute(t time.Time) time.Time {
	if f := floorMinute(t); f.Before(t) {
		return f.Add(time.Minute)
	}
	return t
}
