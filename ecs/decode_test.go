package ecs

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

func TestDecodeSample(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := decodeDescribeInstances(body)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Instances) != 1 || page.Undecoded != nil {
		t.Fatalf("%d instances, undecoded %v", len(page.Instances), page.Undecoded)
	}
	text, err := json.Marshal(page.Instances[0])
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Instances struct{ Instance []any } }
	var got any
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if want := doc.Instances.Instance[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !bytes.Contains(text, []byte(`"SecurityGroupIds":{"SecurityGroupId":["sg-bp67acfmxazb4p****"]}`)) {
		t.Errorf("lists are not in the API's shape: %s", text)
	}
}
