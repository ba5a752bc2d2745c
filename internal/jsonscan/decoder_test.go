package jsonscan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// box is the struct that the tests in this file decode.
type box struct {
	Name  string   `json:"Name"`
	Size  int      `json:"Size,omitzero"`
	Texts []string `json:"Texts,omitzero" wrap:"Text"`
}

var boxMembers = [256]Member{2: {Key: `,"Name":`}, 3: {Key: `,"Size":`}, 4: {Key: `,"Texts":`, WrapKey: `{"Text":`}}

func readBox(d *Decoder, v *box, i int) int {
	i, m := d.OpenObject(i, 1)
	for m != 0 {
		switch m {
		case 2:
			i = d.ReadString(&v.Name, i)
		case 3:
			v.Size, i = d.ReadInt(i)
		case 4:
			v.Texts, i = ReadList(d, i, (*Decoder).ReadString)
		default:
			i = d.KeepUnknown(i)
		}
		i, m = d.NextMember(i, m)
	}
	return i
}

// TestDecoder checks that a decoder can read several documents one after another.
func TestDecoder(t *testing.T) {
	t.Parallel()
	d := &Decoder{Members: &boxMembers}
	for _, tt := range []struct {
		text string
		want box
		also string // the expected extra members, followed by the expected problems
	}{
		{`{"Name":"a","Size":1,"Texts":{"Text":["x","y"]}}`, box{"a", 1, []string{"x", "y"}}, "map[] []"},
		{`{"Texts":["x"],"Size":"2","Name":"a"}`, box{"a", 2, []string{"x"}}, "map[] []"},
		{`{"Name":{},"Size":null,"Texts":""}`, box{}, "map[] []"},
		{
			`{"Name":[1, 2],"New":{"a":1},"Texts":{"Text":["x",{"b":2}],"More":3}}`,
			box{Texts: []string{"x", ""}},
			`map[Name:[1,2] New:{"a":1} Texts.More:3 Texts.Text.1:{"b":2}] [Name: the value is not a string Texts.Text.1: the value is not a string]`,
		},
		{`{"Size":1e9223372036854775807}`, box{}, "map[Size:1e9223372036854775807] [Size: the value is not an integer of 64 bits]"},
		{`[1]`, box{}, "map[:[1]] [: the value is not an object]"},
		{`{"Texts":{"More":3,"Text":5}}`, box{}, "map[Texts.More:3 Texts.Text:5] [Texts.Text: the value is not a list]"},
		{`{"a.b":1,"~":2,"":3}`, box{}, "map[:3 a~1b:1 ~0:2] []"},
		{`{"Texts":{"Text":[[]],"Text":["z"]}}`, box{Texts: []string{"z"}}, "map[] []"}, // a repeated list: the last one is used
	} {
		d.Reset([]byte(tt.text))
		var got box
		if err := d.End(ReadRoot(d, &got, 0, readBox)); err != nil {
			t.Fatalf("%s: %v", tt.text, err)
		}
		extra, problems := map[string]json.RawMessage{}, []string{}
		also := map[string]string{}
		for _, x := range d.Extra() {
			extra[x.Path], also[x.Path] = x.Value, string(x.Value)
		}
		for _, p := range d.Problems() {
			problems = append(problems, p.Path+": "+p.Err.Error())
		}
		if s := fmt.Sprint(also, " ", problems); !reflect.DeepEqual(got, tt.want) || s != tt.also {
			t.Errorf("%s: got %+v and %s, want %+v and %s", tt.text, got, s, tt.want, tt.also)
		}
		text, err := Marshal(got, extra)
		if err != nil {
			t.Fatalf("%s: %v", tt.text, err)
		}
		d.Reset(text)
		var again box
		if err := d.End(ReadRoot(d, &again, 0, readBox)); err != nil || !reflect.DeepEqual(again, got) || len(d.Extra()) != len(extra) {
			t.Errorf("%s: written as %s, read as %+v, %v", tt.text, text, again, err)
		}
		if d.lists != nil {
			t.Error("the next value would share memory with this one")
		}
		if !d.Release() {
			t.Error("Release returned false for a small decoder")
		}
		if d.Data != nil || d.textBuffer.Cap() > 0 || slices.ContainsFunc(d.extra[:cap(d.extra)], func(x Extra) bool { return x.Value != nil }) ||
			slices.ContainsFunc(d.problems[:cap(d.problems)], func(p Problem) bool { return p.Err != nil }) {
			t.Errorf("%s: the decoder refers to the document after Release", tt.text)
		}
	}
}

// TestReleaseOfALargeDecoder checks that a decoder with a large buffer is not reused.
func TestReleaseOfALargeDecoder(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"many members":   `{"New":0` + strings.Repeat(`,"New":0`, 1<<14) + `}`,
		"many problems":  `{"Size":[]` + strings.Repeat(`,"Size":[]`, 1<<14) + `}`,
		"a large member": `{"New":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		d := &Decoder{Members: &boxMembers}
		d.Reset([]byte(text))
		var v box
		if err := d.End(ReadRoot(d, &v, 0, readBox)); err != nil || d.Release() {
			t.Errorf("%s: Release returned true, %v", name, err)
		}
	}
	d := &Decoder{Members: &boxMembers}
	d.Reset([]byte(`{"Name":"\n` + strings.Repeat("x", 100<<10) + `"}`))
	var v box
	if err := d.End(ReadRoot(d, &v, 0, readBox)); err != nil || !d.Release() || cap(d.unescaped) > 64<<10 {
		t.Errorf("a buffer of %d bytes is kept, %v", cap(d.unescaped), err)
	}
}

// TestMaxElements checks that too many unreadable values, unknown members or list elements stop the decoder.
func TestMaxElements(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unreadable values": `{"Name":"a"` + strings.Repeat(`,"Size":[]`, MaxElements+100) + `}`,
		"unknown members":   `{"Name":"a"` + strings.Repeat(`,"New":0`, MaxElements+100) + `}`,
		"list elements":     `{"Texts":[` + strings.Repeat(`"",`, MaxElements+100) + `""]}`,
	} {
		d := &Decoder{Members: &boxMembers}
		d.Reset([]byte(text))
		var v box
		if err := d.End(ReadRoot(d, &v, 0, readBox)); err == nil || !strings.Contains(err.Error(), "more than 250000") || len(d.extra) > MaxElements || len(v.Texts) > MaxElements {
			t.Errorf("%s: %d extra members, %d elements, %v", name, len(d.extra), len(v.Texts), err)
		}
	}
}

// TestInvalidIntegers checks that the fast path for integers accepts only valid JSON.
func TestInvalidIntegers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"Size":,"Name":"a"}`, `{"Size":}`, `{"Size":01}`, `{"Size":00,"Name":"a"}`, `{"Size":1x}`, `{"Size":-}`} {
		d := &Decoder{Members: &boxMembers}
		d.Reset([]byte(text))
		var v box
		if err := d.End(ReadRoot(d, &v, 0, readBox)); err == nil {
			t.Errorf("%s: no error, %+v", text, v)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` {"a":[1,{}]} `: "",
		`[1,2,3,4]`:      "more than 4 values",
		`[1`:             "the JSON document is truncated",
		`[1]]`:           "invalid JSON at byte 3",
		``:               "the JSON document is truncated",
	} {
		if err := Check([]byte(text), 4); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if err := Check([]byte("["+strings.Repeat("0,", MaxValues)+"0]"), 2*MaxValues); err == nil {
		t.Error("more than MaxValues values are accepted")
	}
}

func TestMarshalUnsupported(t *testing.T) {
	t.Parallel()
	type odd struct {
		M map[string]int `json:"M"`
	}
	if b, err := Marshal(odd{}, nil); err == nil {
		t.Errorf("got %s", b)
	}
	if b, err := Marshal(box{}, map[string]json.RawMessage{"New": []byte("{")}); err == nil || err.Error() != `the extra member "New" is not valid JSON` {
		t.Errorf("got %s, %v", b, err)
	}
}
