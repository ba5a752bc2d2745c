package main

import (
	"bytes"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpToDate checks that the generated file in package ecs is up to date.
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

// generated returns the generated code for the given declarations, with white space reduced to single spaces.
func generated(t *testing.T, declarations string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "types.go"), []byte("package ecs\n"+declarations), 0o600); err != nil {
		t.Fatal(err)
	}
	// The generator must not read tests or the file that it generates. These files are not valid Go, so reading one of
	// them would cause an error.
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
		"A string `json:\"Zone\"`":           "2: {Key: `,\"Zone\":`},|i, m := d.OpenObject(i, 1) for m != 0 { switch m { case 2: // Zone i = d.ReadString(&v.A, i) default: i = d.KeepUnknown(i) } i, m = d.NextMember(i, m) } return i",
		"A Name `json:\"B,omitzero\"`":       `i = d.ReadString((*string)(&v.A), i)`,
		"A int `json:\"B,omitempty\"`":       `v.A, i = d.ReadInt(i)`,
		"A int64 `json:\"B\"`":               `v.A, i = d.ReadInt64(i)`,
		"A float64 `json:\"B\"`":             `v.A, i = d.ReadFloat64(i)`,
		"A bool `json:\"B\"`":                `v.A, i = d.ReadBool(i)`,
		"A *bool `json:\"B,omitzero\"`":      `v.A, i = d.ReadBoolPtr(i)`,
		"A *int `json:\"B,omitzero\"`":       `v.A, i = d.ReadIntPtr(i)`,
		"A time.Time `json:\"B\"`":           `v.A, i = d.ReadTime(i)`,
		"A Part `json:\"B\"`":                `i = jsonscan.ReadObject(d, &v.A, i, readPart)|func readPart(d *jsonscan.Decoder, v *Part, i int) int { i, m := d.OpenObject(i, 3)|case 4: // Name`,
		"A []string `json:\"B\" wrap:\"C\"`": "v.A, i = jsonscan.ReadList(d, i, (*jsonscan.Decoder).ReadString)|2: {Key: `,\"B\":`, WrapKey: `{\"C\":`},",
		"A []Part `json:\"B\" wrap:\"C\"`":   `v.A, i = jsonscan.ReadList(d, i, readPart)`,
		// The generated code must accept a string as an element of the list.
		"A []Part `json:\"B\" wrap:\"Name\"`": `if d.At(i) == '"' { return d.ReadString(&v.Name, i) } i, m := d.OpenObject(i, 3)`,
		"A any `json:\"-\"`":                  `switch m { default: i = d.KeepUnknown(i) }`,
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
			t.Errorf("%s: Instance has methods of its own", field)
		}
	}
	got, err := generated(t, "type Instance struct { P Part `json:\"P\"` }\ntype Part struct { A []string `json:\"A\" wrap:\"B\"` }")
	if err != nil || !strings.Contains(got, "func (v Part) MarshalJSON()") || !strings.Contains(got, "func (v *Part) UnmarshalJSON(") {
		t.Errorf("a part with a list needs methods: %v\n%s", err, got)
	}
}

func TestUnsupportedFields(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"A string":                                                     "Instance: field [A] must have exactly one name and a tag",
		"A, B string `json:\"C\"`":                                     "must have exactly one name and a tag",
		"A string `json:\"B,string\"`":                                 "tag json:\"B,string\"",
		"A string `url:\"B\"`":                                         "tag url",
		"A uint `json:\"B\"`":                                          "Instance: A: type uint is not supported",
		"A *string `json:\"B,omitzero\"`":                              "a pointer must be to int or bool",
		"A *bool `json:\"B\"`":                                         "a pointer must be to int or bool, with omitzero",
		"A []string `json:\"B\"`":                                      "with a wrap tag",
		"A [2]string `json:\"B\" wrap:\"C\"`":                          "a list must be a slice",
		"A []int `json:\"B\" wrap:\"C\"`":                              "type []int is not supported",
		"A map[string]string `json:\"B\"`":                             "type map[string]string is not supported",
		"A string `json:\"B\"` )":                                      "expected",
		"A Part `json:\"B\"` }; type Part struct { X any `json:\"X\"`": "Part: X: type any is not supported",
	} {
		if got, err := generated(t, "type Instance struct {\n"+field+"\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s\n%s", field, err, want, got)
		}
	}
	if _, err := generated(t, "type Other struct{}"); err == nil || !strings.Contains(err.Error(), "Instance: is not a struct") {
		t.Error(err)
	}
}
