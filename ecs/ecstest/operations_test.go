package ecstest_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestHandle checks that the server turns the result of a custom handler into a JSON response, and an error of the
// handler into an error response.
func TestHandle(t *testing.T) {
	t.Parallel()
	srv := start(t)
	for _, test := range []struct {
		name   string
		out    any
		err    error
		status int
		code   string
		want   string // a part of the body
	}{
		{"nothing", nil, nil, 200, "", `{"RequestId":"`},
		{"map", map[string]any{"A": 1}, nil, 200, "", `","A":1}`},
		{"struct", struct{ TaskID string }{"t-1"}, nil, 200, "", `","TaskID":"t-1"}`},
		{"own RequestId", map[string]string{"RequestId": "mine"}, nil, 200, "", `{"RequestId":"mine"}`},
		{"list", []int{1, 2}, nil, 200, "", `[1,2]`},
		{"not encodable", math.NaN(), nil, 500, "InternalError", "NaN"},
		{"error", nil, errors.New("broken"), 500, "InternalError", "broken"},
		{"API error", "ignored", &ecs.Error{Code: "InvalidInstanceId.NotFound", Message: "no such instance"}, 404, "InvalidInstanceId.NotFound", "no such instance"},
		{"API error with status", nil, &ecs.Error{Code: "IncorrectInstanceStatus", StatusCode: 403}, 403, "IncorrectInstanceStatus", ""},
		{"denial", nil, &ecs.Error{Code: "Custom.NoPermission", StatusCode: 403, AccessDenied: &ecs.AccessDeniedDetail{AuthAction: "ecs:StopInstances"}}, 403, "Custom.NoPermission", `"AuthAction":"ecs:StopInstances"`},
	} {
		srv.Handle("StopInstances", func(r ecstest.Request) (any, error) {
			if r.Params.Get("InstanceId.1") != "i-1" || r.AccessKeyID != srv.Credentials().AccessKeyID {
				t.Errorf("%s: request %+v", test.name, r)
			}
			srv.Put(ecs.Instance{InstanceID: "i-1"}) // would deadlock if the server held its lock while calling a handler
			return test.out, test.err
		})
		a := ask(t, srv, "StopInstances", "InstanceId.1", "i-1", "RegionId", "-")
		if a.status != test.status || a.Code != test.code || !strings.Contains(a.raw, test.want) {
			t.Errorf("%s: %d %s", test.name, a.status, a.raw)
		}
		if a.Code != "" && a.RequestID == "" {
			t.Errorf("%s: no RequestId: %s", test.name, a.raw)
		}
	}
	if a := ask(t, srv, "StopInstances", "Format", "XML", "InstanceId.1", "i-1"); !strings.Contains(a.raw, "<Code>Custom.NoPermission</Code>") {
		t.Errorf("XML: %s", a.raw)
	}
	if a := ask(t, srv, "StopInstances", "SignatureMethod", "none"); a.Code != "InvalidSignatureMethod" {
		t.Errorf("the handler was called for a request that is not authentic: %s", a.raw)
	}
	srv.Handle("StopInstances", nil)
	if a := ask(t, srv, "StopInstances"); a.Code != "InvalidApi.NotFound" {
		t.Errorf("after removal: %s", a.raw)
	}
}

// TestHandleBuiltIn checks that a handler can replace a built-in operation, and that the replacement can be removed.
func TestHandleBuiltIn(t *testing.T) {
	t.Parallel()
	srv := start(t, small(3)...)
	srv.Handle("DescribeInstances", func(ecstest.Request) (any, error) {
		return map[string]any{"Instances": map[string]any{"Instance": []any{map[string]string{"InstanceId": "i-other"}}}}, nil
	})
	if a := list(t, srv); len(a.ids()) != 1 || a.ids()[0] != "i-other" || a.RequestID == "" {
		t.Errorf("replaced: %s", a.raw)
	}
	if a := list(t, srv, "RegionId", "cn-atlantis"); a.Code != "InvalidRegionId.NotFound" {
		t.Errorf("the region is still checked: %s", a.raw)
	}
	srv.Handle("DescribeInstances", nil)
	if a := list(t, srv); len(a.ids()) != 3 {
		t.Errorf("restored: %s", a.raw)
	}
}

// TestSeq checks that the iterator returned by Seq yields the given instances and then the given error.
func TestSeq(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, want := range []error{nil, broken} {
		var ids []string
		var last error
		for i, err := range ecstest.Seq(want, small(2)...) {
			if ids, last = append(ids, i.InstanceID), err; err != nil && i.InstanceID != "" {
				t.Errorf("the error was yielded together with instance %s", i.InstanceID)
			}
		}
		expected := "i-0000 i-0001"
		if want != nil {
			expected += " "
		}
		if got := strings.Join(ids, " "); got != expected || !errors.Is(last, want) {
			t.Errorf("with %v: %q, %v", want, got, last)
		}
	}
	for range ecstest.Seq(broken, small(2)...) {
		break // the iterator must not yield after the break
	}
	for range ecstest.Seq(nil) {
		t.Error("Seq without instances and without an error yielded an instance")
	}
}
