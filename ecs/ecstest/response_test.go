package ecstest_test

import (
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestFormats checks that responses are XML unless JSON is requested, and are compressed if the client accepts
// compression.
func TestFormats(t *testing.T) {
	t.Parallel()
	odd := every()
	odd.Description = `<a> & "b"`
	srv := start(t, odd)
	var page struct {
		XMLName    xml.Name
		RequestID  string   `xml:"RequestId"`
		IDs        []string `xml:"Instances>Instance>InstanceId"`
		Text       string   `xml:"Instances>Instance>Description"`
		TagKeys    []string `xml:"Instances>Instance>Tags>Tag>TagKey"`
		TotalCount int
	}
	a := list(t, srv, "Format", "-")
	if err := xml.Unmarshal([]byte(a.raw), &page); err != nil {
		t.Fatal(err)
	}
	if page.XMLName.Local != "DescribeInstancesResponse" || !slices.Equal(page.IDs, []string{"i-every"}) || page.Text != odd.Description ||
		len(page.TagKeys) != 2 || page.TotalCount != 1 || page.RequestID != a.header.Get("x-acs-request-id") || a.header.Get("Content-Type") != "text/xml;charset=utf-8" {
		t.Errorf("got %s", a.raw)
	}
	var failure struct {
		XMLName                          xml.Name
		Code, Message, RequestId, HostId string //nolint:staticcheck // the API's names
	}
	a = list(t, srv, "Format", "XML", "AccessKeyId", "x")
	if err := xml.Unmarshal([]byte(a.raw), &failure); err != nil || failure.XMLName.Local != "Error" || failure.Code != "InvalidAccessKeyId.NotFound" || failure.HostId == "" || a.status != 404 {
		t.Errorf("%v %s", err, a.raw)
	}
	for accept, want := range map[string]bool{"gzip": true, "deflate, gzip;q=0.5": true, "gzip;q=0": false, "identity": false, "": false, "gzip;q=0.0, br": false} {
		r := request(t, srv, "DescribeInstances", nil)
		r.Header.Set("Accept-Encoding", accept)
		a := must(t, r)
		if got := a.header.Get("Content-Encoding") == "gzip"; got != want || a.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", accept, a.header)
			continue
		}
		if want {
			z, err := gzip.NewReader(strings.NewReader(a.raw))
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(z); err != nil || !json.Valid(body) {
				t.Errorf("%q: %v %s", accept, err, body)
			}
		}
	}
}
