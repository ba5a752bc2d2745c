package ecs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/internal/jsonscan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// apiMember is a JSON member of the response that has a Go field.
type apiMember struct {
	path string // in the notation of testdata/members.txt
	typ  string // the JSON type
	// index is the path from Instance to the field, as for reflect.Value.FieldByIndex, but may lead through lists. It
	// is nil outside an instance.
	index []int
}

// apiMembers returns the members of the struct type t, including nested members. path and index locate t in the
// response.
func apiMembers(t reflect.Type, path string, index []int) (members []apiMember) {
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		m := apiMember{path + "." + name, "object", append(slices.Clone(index), f.Index...)}
		members = append(members, m)
		into := &members[len(members)-1]
		typ := f.Type
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch wrap := f.Tag.Get("wrap"); {
		case typ == reflect.TypeFor[time.Time](), typ.Kind() == reflect.String:
			into.typ = "string"
		case typ.Kind() == reflect.Int, typ.Kind() == reflect.Int64:
			into.typ = "integer"
		case typ.Kind() == reflect.Float64:
			into.typ = "number"
		case typ.Kind() == reflect.Bool:
			into.typ = "boolean"
		case typ.Kind() == reflect.Struct:
			members = append(members, apiMembers(typ, m.path, m.index)...)
		case wrap != "" && typ.Elem().Kind() == reflect.String:
			members = append(members, apiMember{m.path + "." + wrap + "[]", "array<string>", m.index})
		case wrap != "":
			list := m.path + "." + wrap + "[]"
			members = append(members, apiMember{list, "array<object>", m.index})
			members = append(members, apiMembers(typ.Elem(), list, m.index)...)
		default:
			into.typ = "not a type of the API: " + typ.String()
		}
	}
	return members
}

func allMembers() []apiMember {
	members := []apiMember{{path: "Instances", typ: "object"}, {path: "Instances.Instance[]", typ: "array<object>"}}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[DescribeInstancesResponse]()) {
		name := strings.ReplaceAll(f.Name, "ID", "Id")
		switch f.Type.Kind() { //nolint:exhaustive // lists are handled above
		case reflect.String:
			members = append(members, apiMember{path: name, typ: "string"})
		case reflect.Int:
			members = append(members, apiMember{path: name, typ: "integer"})
		}
	}
	return append(members, apiMembers(reflect.TypeFor[Instance](), "I", nil)...)
}

func TestEveryMemberHasAField(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/members.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var want []string
	leaves := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			want = append(want, line)
			if !strings.HasSuffix(line, "\tobject") && !strings.HasSuffix(line, "\tarray<object>") {
				leaves++
			}
		}
	}
	var got []string
	for _, m := range allMembers() {
		got = append(got, m.path+"\t"+m.typ)
	}
	slices.Sort(got)
	slices.Sort(want)
	for _, line := range want {
		if _, found := slices.BinarySearch(got, line); !found {
			t.Errorf("no field for %s", line)
		}
	}
	for _, line := range got {
		if _, found := slices.BinarySearch(want, line); !found {
			t.Errorf("testdata/members.txt has no %s", line)
		}
	}
	if len(want) != 148 || len(got) != 148 || leaves != 114 {
		t.Errorf("%d fields, %d documented members, %d of them with values", len(got), len(want), leaves)
	}
}

// TestEveryMemberTravels checks that each member can be decoded and encoded without losing or adding a value.
func TestEveryMemberTravels(t *testing.T) {
	t.Parallel()
	tested := 0
	for _, m := range allMembers() {
		value, ok := map[string]any{
			"string": "2017-12-10T04:04Z", "integer": 3.0, "number": 0.98, "boolean": true, "array<string>": []any{"a", "b"},
		}[m.typ]
		if !ok {
			continue
		}
		tested++
		// The loop builds the document from the innermost value outwards.
		steps := strings.Split(m.path, ".")
		doc := value
		for i, step := range slices.Backward(steps[min(1, len(steps)-1):]) {
			name, list := strings.CutSuffix(step, "[]")
			if list && (m.typ != "array<string>" || i < len(steps)-2) {
				doc = []any{doc}
			}
			doc = map[string]any{name: doc}
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if m.index == nil {
			r, err := decodeDescribeInstances([]byte(strings.TrimSuffix(string(text), "}") + `,"Instances":[]}`))
			if err != nil || reflect.DeepEqual(*r, DescribeInstancesResponse{}) {
				t.Errorf("%s: got %+v, %v", text, r, err)
			}
			continue
		}
		var inst Instance
		if err := json.Unmarshal(text, &inst); err != nil || inst.Extra != nil {
			t.Errorf("%s: %v, extra %s", text, err, inst.Extra)
			continue
		}
		if f := fieldAt(reflect.ValueOf(inst), m.index); !f.IsValid() || f.IsZero() {
			t.Errorf("%s: the field is zero in %+v", text, inst)
		}
		again, err := json.Marshal(inst)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var out any
		if err := json.Unmarshal(again, &out); err != nil || !holds(out, doc) {
			t.Errorf("%s: written as %s, %v", text, again, err)
		}
		if n := nonZero(out); n != nonZero(doc) {
			t.Errorf("%s: written with %d other values: %s", text, n-nonZero(doc), again)
		}
	}
	if tested != 114 {
		t.Errorf("%d members tested", tested)
	}
}

// fieldAt returns the field at the given index, using the first element of any list.
func fieldAt(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		if v.Kind() == reflect.Slice {
			if v.Len() == 0 {
				return reflect.Value{}
			}
			v = v.Index(0)
		}
		v = v.Field(i)
	}
	return v
}

// holds reports whether whole contains all values of part.
func holds(whole, part any) bool {
	switch part := part.(type) {
	case map[string]any:
		w, ok := whole.(map[string]any)
		for name, v := range part {
			ok = ok && holds(w[name], v)
		}
		return ok
	case []any:
		w, ok := whole.([]any)
		ok = ok && len(w) == len(part)
		for i, v := range part {
			ok = ok && holds(w[i], v)
		}
		return ok
	default:
		return reflect.DeepEqual(whole, part)
	}
}

func nonZero(doc any) (n int) {
	switch v := doc.(type) {
	case map[string]any:
		for _, v := range v {
			n += nonZero(v)
		}
	case []any:
		for _, v := range v {
			n += nonZero(v)
		}
	default:
		if doc != nil && doc != "" && doc != 0.0 && doc != false {
			n = 1
		}
	}
	return n
}

// TestGolden decodes testdata/sample.json and testdata/fleet.json and compares the nonzero fields with the .txt files.
// sample.json is the response in the API's documentation.
func TestGolden(t *testing.T) {
	t.Parallel()
	if *update {
		var b bytes.Buffer
		if err := json.Indent(&b, typicalPage(43), "", " "); err != nil {
			t.Fatal(err)
		}
		b.WriteByte('\n')
		writeGolden(t, "testdata/fleet.json", b.Bytes())
	}
	fleet, err := os.ReadFile("testdata/fleet.json")
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, fleet); err != nil || !bytes.Equal(compact.Bytes(), typicalPage(43)) {
		t.Errorf("testdata/fleet.json differs from realInstance: run go test -update (%v)", err)
	}
	for _, name := range []string{"testdata/sample", "testdata/fleet"} {
		body, err := os.ReadFile(name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		r, err := decodeDescribeInstances(body)
		if err != nil || r.Undecoded != nil {
			t.Fatal(err, r.Undecoded)
		}
		var b bytes.Buffer
		values(&b, "", reflect.ValueOf(*r))
		if *update {
			writeGolden(t, name+".txt", b.Bytes())
		}
		want, err := os.ReadFile(name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		wantLines := strings.Split(string(want), "\n")
		for i, line := range strings.Split(b.String(), "\n") {
			if i >= len(wantLines) || line != wantLines[i] {
				t.Fatalf("%s.txt, line %d: got %s", name, i+1, line)
			}
		}
		if b.Len() != len(want) {
			t.Errorf("%s.txt has extra lines", name)
		}
		for i, inst := range r.Instances {
			if inst.Extra != nil {
				t.Errorf("%s has members without a field: %v", inst.InstanceID, slices.Sorted(maps.Keys(inst.Extra)))
			}
			roundTrip(t, body, i, inst)
		}
	}
}

func writeGolden(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// roundTrip checks that json.Marshal writes the same members and values that the page contains for element i, in any
// order.
func roundTrip(t *testing.T, page []byte, i int, inst Instance) {
	t.Helper()
	var doc struct {
		Instances struct{ Instance []map[string]any }
	}
	if err := json.Unmarshal(page, &doc); err != nil {
		t.Fatal(err)
	}
	want := doc.Instances.Instance[i]
	if v, is := want["PrivateDnsNameOptions"].(map[string]any); is && len(v) == 0 {
		delete(want, "PrivateDnsNameOptions")
	}
	text, err := json.Marshal(inst)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		for _, name := range slices.Sorted(maps.Keys(got)) {
			if !reflect.DeepEqual(got[name], want[name]) {
				t.Errorf("%s: %s: got %v, want %v", inst.InstanceID, name, got[name], want[name])
			}
		}
		for name := range want {
			if _, is := got[name]; !is {
				t.Errorf("%s: %s is missing", inst.InstanceID, name)
			}
		}
	}
	var again Instance
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, inst) {
		t.Errorf("%s: read back as %+v, %v", inst.InstanceID, again, err)
	}
}

// values writes one line for each nonzero field.
func values(b *bytes.Buffer, path string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	switch at, isTime := reflect.TypeAssert[time.Time](v); {
	case isTime:
		fmt.Fprintf(b, "%s = %s\n", path, at.Format(time.RFC3339Nano))
	case v.Kind() == reflect.Pointer:
		fmt.Fprintf(b, "%s = &%v\n", path, v.Elem())
	case v.Kind() == reflect.Struct:
		for _, f := range reflect.VisibleFields(v.Type()) {
			values(b, strings.TrimPrefix(path+"."+f.Name, "."), v.FieldByIndex(f.Index))
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			values(b, fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case v.Kind() == reflect.String:
		fmt.Fprintf(b, "%s = %q\n", path, v)
	default:
		fmt.Fprintf(b, "%s = %v\n", path, v)
	}
}

func TestExpires(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "1970-01-01T00:00Z": false, "2099-12-31T15:59Z": false, "2999-09-08T16:00Z": false, "2099-01-01T00:00Z": false,
		"2024-05-01T08:30Z": true, "2098-12-31T23:59Z": true,
	} {
		at, err := jsonscan.ParseTime(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := Instance{ExpiredTime: at}.Expires()
		if ok != want || ok && !got.Equal(at) || !ok && !got.IsZero() {
			t.Errorf("%q: got %v, %v", text, got, ok)
		}
	}
}
