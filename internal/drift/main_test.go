package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestExcerpt compares this module with an excerpt of the vendor's package that contains intentional differences.
func TestExcerpt(t *testing.T) {
	t.Parallel()
	findings, err := compare(t.Context(), os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	var lacks, differs []string
	for _, f := range findings {
		if strings.HasSuffix(f, ", which the vendor's model lacks") {
			lacks = append(lacks, f)
		} else {
			differs = append(differs, f)
		}
	}
	if want := []string{
		"the DescribeInstances request has Status as string, but the vendor's model has it as number",
		"the DescribeInstances request lacks NewFilter[] (array of string)",
		"the DescribeInstances response has Instances.Instance[].Cpu as number, but the vendor's model has it as string",
		"the DescribeInstances response lacks Instances.Instance[].NewOptions (object)",
		"the DescribeInstances response lacks Instances.Instance[].NewOptions.NewMode (string)",
		"the endpoint of cn-new-1 is ecs.cn-new-1.aliyuncs.com, but the vendor's model has ecs.cn-elsewhere.aliyuncs.com",
	}; !slices.Equal(differs, want) {
		t.Errorf("got  %q\nwant %q", differs, want)
	}
	for _, want := range []string{ // the excerpt does not contain these parameters and members
		"the DescribeInstances request has VpcId (string), which the vendor's model lacks",
		"the DescribeInstances response has Instances.Instance[].ZoneId (string), which the vendor's model lacks",
		"the DescribeRegions request has ResourceType (string), which the vendor's model lacks",
		"the DescribeRegions response has Regions.Region[].LocalName (string), which the vendor's model lacks",
		"the ListTagResources request has Tag[].Key (string), which the vendor's model lacks",
		"the ListTagResources response has TagResources.TagResource[].TagKey (string), which the vendor's model lacks",
	} {
		if !slices.Contains(lacks, want) {
			t.Errorf("not found: %s", want)
		}
	}
}

// TestPackage checks that the command can read a package file in npm's format.
func TestPackage(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	w := tar.NewWriter(zipped)
	if err := w.AddFS(os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "package.tgz")
	if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	findings, err := run(t.Context(), []string{file})
	want, _ := compare(t.Context(), os.DirFS("testdata"))
	for _, f := range want {
		if !slices.Contains(findings, f) && !strings.Contains(allowed, f) {
			t.Errorf("not found: %s", f)
		}
	}
	if err != nil || len(findings) == 0 {
		t.Errorf("%d findings, %v", len(findings), err)
	}
	if _, err := run(t.Context(), []string{"main.go"}); err == nil {
		t.Error("a file that is not a package is accepted")
	}
	if _, err := run(t.Context(), []string{"a", "b"}); err == nil {
		t.Error("two files are accepted")
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	got, err := withoutAllowed([]string{"a lacks b", "a lacks c"}, "# comment\n\na lacks b # internal\na lacks d # gone\n")
	if want := []string{"a lacks c", "allow.txt lists a difference that no longer exists: a lacks d"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := withoutAllowed(nil, "a lacks b\n"); err == nil {
		t.Error("a line without a reason is accepted")
	}
}

// TestOtherForm checks that a vendor package in an unknown format causes an error.
func TestOtherForm(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"no class":       "export const x = 1;\n",
		"no members":     "class A extends M {\n}\n",
		"unknown part":   "class A extends M {\n    static names() {\n            a: 'A',\n    }\n    static types() {\n            a: B,\n    }\n}\n",
		"missing name":   "class A extends M {\n    static names() {\n            b: 'B',\n    }\n    static types() {\n            a: 'string',\n    }\n}\n",
		"types are gone": "class A extends M {\n    static names() {\n            b: 'B',\n    }\n}\n",
	} {
		if s, err := readSchema(fstest.MapFS{"a.js": {Data: []byte(content)}}, "a.js"); err == nil {
			t.Errorf("%s: got %v", name, s)
		}
	}
	for _, content := range []string{"", "this._endpointMap = {\n}"} {
		if got, err := readEndpoints(fstest.MapFS{clientFile: {Data: []byte(content)}}); err == nil {
			t.Errorf("%q: got %v", content, got)
		}
	}
	if _, err := compare(t.Context(), fstest.MapFS{}); err == nil {
		t.Error("an empty package has no differences")
	}
}
