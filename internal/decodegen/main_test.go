package main

import (
	"bytes"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpToDate compares the committed file with what the types give now.
func TestUpToDate(t *testing.T) {
	t.Parallel()
	const dir = "../../ecs"
	want, err := generate(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, output))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("ecs/%s is stale: run go generate ./ecs", output)
	}
}

// generated is what comes of the given declarations, without blanks.
func generated(t *testing.T, declarations string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "types.go"), []byte("package ecs\n"+declarations), 0o600); err != nil {
		t.Fatal(err)
	}
	// Neither tests nor the old output are read.
	for _, name := range []string{"x_test.go", output} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("not Go"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source, err := generate(dir)
	if err != nil {
		return "", err
	}
	if again, err := format.Source(source); err != nil || !bytes.Equal(again, source) {
		t.Errorf("not formatted: %v", err)
	}
	return strings.Join(strings.Fields(string(source)), " "), nil
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"A string `json:\"InstanceId\"`":             `2: {` + "`\"InstanceId\":`, ``}" + `|case 2: // InstanceId i = d.text(&v.A, i)|e.member("InstanceId") e.string(v.A)`,
		"A string `json:\"Zone\"`":                   `i, m := d.open(i, 1) for m != 0 { switch m { case 2: // Zone i = d.shared(&v.A, i) default: i = d.unknown(i) } i, m = d.next(i, m) } return i|e.member("Zone") e.string(v.A)`,
		"A string `json:\"B,omitempty\"`":            `if v.A != "" { e.member("B") e.string(v.A) }`,
		"A Name `json:\"B,omitzero\"`":               `i = d.shared((*string)(&v.A), i)|if v.A != "" { e.member("B") e.string(string(v.A)) }`,
		"A int64 `json:\"B,omitzero\"`":              `v.A, i = d.int64(i)|if v.A != 0 { e.member("B") e.int64(v.A) }`,
		"A bool `json:\"B,omitzero\"`":               `v.A, i = d.bool(i)|if v.A { e.member("B") e.bool(v.A) }`,
		"A *bool `json:\"B,omitzero\"`":              `v.A, i = d.boolPtr(i)|if v.A != nil { e.member("B") e.bool(*v.A) }`,
		"A time.Time `json:\"B,omitzero\"`":          `v.A, i = d.time(i)|if !v.A.IsZero() { e.member("B") e.time(v.A) }`,
		"A Part `json:\"B\"`":                        `i = readObject(d, &v.A, i, (*decoder).part)|func (d *decoder) part(v *Part, i int) int { i, m := d.open(i, 3)|case 4: // Name|writeObject(e, "B", &v.A, (*encoder).part)|func (e *encoder) part(v *Part)`,
		"A Part `json:\"B,omitzero\"`":               `if v.A != (Part{}) || e.holds("B") { writeObject(e, "B", &v.A, (*encoder).part) }`,
		"A []string `json:\"B\" wrap:\"C\"`":         `v.A, i = readList(d, i, (*decoder).shared)|` + "`\"B\":`, `\"C\":`" + `|writeList(e, "B", "C", v.A, (*encoder).stringAt)`,
		"A []string `json:\"B\" wrap:\"IpAddress\"`": `v.A, i = readList(d, i, (*decoder).text)`,
		"A []Part `json:\"B,omitzero\" wrap:\"C\"`":  `v.A, i = readList(d, i, (*decoder).part)|if v.A != nil || e.holds("B") { writeList(e, "B", "C", v.A, (*encoder).part) }`,
		"A []Part `json:\"B\" wrap:\"Name\"`":        `if d.At(i) == '"' { return d.shared(&v.Name, i) } i, m := d.open(i, 3)`, // an element may be the name alone
		"A any `json:\"-\"`":                         `func (e *encoder) instance(v *Instance) { e.open() e.close() }`,
	} {
		got, err := generated(t, "type Instance struct {\n"+field+"\n}\ntype Name string\ntype Part struct { Name string `json:\"Name\"` }")
		if err != nil {
			t.Errorf("%s: %v", field, err)
		}
		for want := range strings.SplitSeq(want, "|") {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %s in\n%s", field, want, got)
			}
		}
		if strings.Contains(got, "MarshalJSON") {
			t.Errorf("%s: Instance has its own", field)
		}
	}
	got, err := generated(t, "type Instance struct { P Part `json:\"P\"` }\ntype Part struct { A []string `json:\"A\" wrap:\"B\"` }")
	if err != nil || !strings.Contains(got, "func (v Part) MarshalJSON()") || !strings.Contains(got, "func (v *Part) UnmarshalJSON(") {
		t.Errorf("a part with a list needs methods: %v\n%s", err, got)
	}
}

func TestRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"A string":                                                     "Instance: field [A]: needs one name and a tag",
		"A, B string `json:\"C\"`":                                     "needs one name and a tag",
		"A string `json:\"B,string\"`":                                 "tag json:\"B,string\"",
		"A string `url:\"B\"`":                                         "tag url",
		"A uint `json:\"B\"`":                                          "Instance: A: no one reads type uint",
		"A *string `json:\"B,omitzero\"`":                              "only pointers to int and bool",
		"A *bool `json:\"B\"`":                                         "only pointers to int and bool that are left out when nil",
		"A []string `json:\"B\"`":                                      "with a wrap tag",
		"A [2]string `json:\"B\" wrap:\"C\"`":                          "only slices",
		"A []int `json:\"B\" wrap:\"C\"`":                              "no one reads []int",
		"A map[string]string `json:\"B\"`":                             "no one reads *ast.MapType",
		"A string `json:\"B\"` )":                                      "expected",
		"A Part `json:\"B\"` }; type Part struct { X any `json:\"X\"`": "Part: X: no one reads type any",
	} {
		if got, err := generated(t, "type Instance struct {\n"+field+"\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s\n%s", field, err, want, got)
		}
	}
	if _, err := generated(t, "type Other struct{}"); err == nil || !strings.Contains(err.Error(), "Instance: is not a struct") {
		t.Error(err)
	}
}

func TestLower(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Instance": "instance", "CPUOptions": "cpuOptions", "VPCAttributes": "vpcAttributes", "IPv6Set": "ipv6Set", "PrivateDNSNameOptions": "privateDNSNameOptions",
	} {
		if got := lower(name); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}
