package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/hostile"
)

func TestList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, "-port 9100,9256", testFleet()...)
		w.start(t)
		r := w.get("/sd")
		if r.Code != http.StatusOK || r.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %v", r.Code, r.Header())
		}
		var got bytes.Buffer
		if err := json.Indent(&got, r.Body.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "sd.json")
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("got %s\nwant %s\n(-update writes the file)", &got, want)
		}
		if _, text := w.health(time.Now()); text != "ok: 6 targets in 2 regions, listed 0s ago\n" {
			t.Errorf("health: %s", text)
		}
		first := r.Body.String()
		w.refresh(t)
		if second := w.get("/sd").Body.String(); second != first {
			t.Error("the same fleet resulted in two different lists")
		}

		w.selection.PreferPublic = true
		w.refresh(t)
		for _, target := range []string{`["192.0.2.1:9100","192.0.2.1:9256"]`, `["192.0.2.2:9100",`} {
			if !strings.Contains(w.get("/sd").Body.String(), target) {
				t.Errorf("with -prefer-public, the target %s is missing", target)
			}
		}
	})
}

func TestEmptyFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start(t)
		var groups []group
		r := w.get("/sd")
		if err := json.Unmarshal(r.Body.Bytes(), &groups); err != nil || r.Code != http.StatusOK || len(groups) != 0 || groups == nil {
			t.Errorf("%d %q, want an empty list", r.Code, r.Body)
		}
	})
}

func TestTagLabels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ keys, want string }{
		{"env", "env"},
		{"Env env ENV", "ENV Env env"},
		{"k8s.io/role", "k8s_io_role"},
		{"acs:autoscaling:scalingGroupId", "acs_autoscaling_scalingGroupId"},
		{"环境 业务", "_u4e1a_u52a1 _u73af_u5883"},
		{"env环境", "env_u73af_u5883"},
		{"😀", "_U0001f600"},
		{"a.b a-b a_b", "a_b a_b_2 a_b_3"},
		{"a.b a_b_2 a-b", "a_b a_b_2 a_b_3"},
		{"1st", "1st"}, // a tag key may begin with a digit, because label names have a prefix
	} {
		var tags []ecs.Tag
		for key := range strings.FieldsSeq(tt.keys) {
			tags = append(tags, ecs.Tag{Key: key, Value: key})
		}
		named := tagLabels(tags)
		var got []string
		for name := range named {
			got = append(got, name)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.keys, got, tt.want)
		}
	}
	if named := tagLabels([]ecs.Tag{{Key: "a-b", Value: "1"}, {Key: "a_b", Value: "2"}}); named["a_b"] != "2" || named["a_b_2"] != "1" {
		t.Errorf("a key that is a valid label name was changed: %v", named)
	}
}

func FuzzTagLabels(f *testing.F) {
	f.Add("环境", "业务", "a.b")
	f.Add("a-b", "a_b", "a_b_2")
	f.Add("_u73af", "环", "\xff")
	valid := regexp.MustCompile(`^[a-zA-Z0-9_]*$`)
	f.Fuzz(func(t *testing.T, a, b, c string) {
		named := tagLabels([]ecs.Tag{{Key: a, Value: "a"}, {Key: b, Value: "b"}, {Key: c, Value: "c"}})
		if len(named) != 3 {
			t.Errorf("%q %q %q: %v", a, b, c, named)
		}
		for name := range named {
			if !valid.MatchString(name) {
				t.Errorf("%q is not valid in a label name", name)
			}
		}
	})
}

// TestManyEqualLabels verifies that thousands of tags with the same label name are processed quickly.
func TestManyEqualLabels(t *testing.T) {
	t.Parallel()
	digits := strings.NewReplacer("0", "!", "1", "#", "2", "$", "3", "%", "4", "&", "5", "(", "6", ")", "7", "*", "8", "+", "9", ",")
	tags := make([]ecs.Tag, 9000)
	for i := range tags {
		tags[i] = ecs.Tag{Key: digits.Replace(fmt.Sprintf("%05d", i)), Value: "x"}
	}
	started := time.Now()
	named := tagLabels(tags)
	if took := time.Since(started); took > 5*time.Second || len(named) != len(tags) || named["______9000"] == "" {
		t.Errorf("%d labels in %v", len(named), took)
	}
}

// TestHostileNames verifies that the list is valid JSON with the expected labels for any instance names and tags.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	var list []ecs.Instance
	for i, name := range hostile.Names() {
		inst := instance(fmt.Sprintf("i-%04d", i), "cn-hangzhou")
		inst.InstanceName, inst.HostName, inst.Tags = name, name, []ecs.Tag{{Key: name, Value: name}, {Key: "job", Value: "x"}, {Key: "instance", Value: "x"}, {Key: "__address__", Value: "x"}}
		list = append(list, inst)
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, list...)
		w.start(t)
		var groups []group
		if err := json.Unmarshal(w.get("/sd").Body.Bytes(), &groups); err != nil || len(groups) != len(list) {
			t.Fatalf("%d groups, %v", len(groups), err)
		}
		label := regexp.MustCompile(`^__meta_ecs_[a-zA-Z0-9_]+$`)
		for _, g := range groups {
			if g.Targets[0] != "10.0.0.1:9100" {
				t.Errorf("target %q", g.Targets)
			}
			for name := range g.Labels {
				if !label.MatchString(name) && name != "__meta_ecs_tag_" {
					t.Errorf("label %q", name)
				}
			}
		}
	})
}

// TestIPv6AndMore verifies the target of an instance with only an IPv6 address, and the labels for the spot strategy
// and the network interfaces.
func TestIPv6AndMore(t *testing.T) {
	t.Parallel()
	inst := ecs.Instance{
		InstanceID: "i-6", RegionID: "cn-hangzhou", SpotStrategy: ecs.SpotStrategySpotAsPriceGo,
		NetworkInterfaces: []ecs.NetworkInterface{{NetworkInterfaceID: "eni-1", Type: ecs.NetworkInterfaceTypePrimary, IPv6Sets: []ecs.IPv6Set{{IPv6Address: "2001:db8::6"}, {IPv6Address: "2001:db8::7"}}}},
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, inst)
		w.start(t)
		list := w.get("/sd").Body.String()
		for _, want := range []string{`"[2001:db8::6]:9100"`, `"__meta_ecs_ipv6_addresses":",2001:db8::6,2001:db8::7,"`, `"__meta_ecs_spot_strategy":"SpotAsPriceGo"`, `"__meta_ecs_interfaces":",eni-1,"`} {
			if !strings.Contains(list, want) {
				t.Errorf("no %s in %s", want, list)
			}
		}
	})
}
