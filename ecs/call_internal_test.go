package ecs

import (
	"errors"
	"net/url"
	"testing"
	"time"
)

// TestRetryModeOfCall checks that the retry mode depends on the operation's name and on the ClientToken parameter.
func TestRetryModeOfCall(t *testing.T) {
	t.Parallel()
	c, err := NewClient("cn-test", nil)
	if err != nil {
		t.Fatal(err)
	}
	type request struct {
		Token string `url:"ClientToken,omitempty"`
	}
	for _, tt := range []struct {
		action string
		params any
		want   retryMode
	}{
		{"DescribeDisks", nil, retryRead},
		{"ListTagResources", nil, retryRead},
		{"GetInstanceConsoleOutput", nil, retryRead},
		{"QueryUsage", nil, retryRead},
		{"DescribeDisks", request{"t"}, retryRead},
		{"StartInstance", nil, retryChange},
		{"RunInstances", request{}, retryChange},
		{"RunInstances", url.Values{"ClientToken": {""}}, retryChange},
		{"RunInstances", request{"t"}, retryToken},
		{"RunInstances", url.Values{"ClientToken": {"t"}}, retryToken},
		{"Describe", nil, retryChange},
		{"Getaway", nil, retryChange},
		{"Listen", nil, retryChange},
		{"describeDisks", nil, retryChange},
		{"ModifyDescribeX", nil, retryChange},
	} {
		if _, got, err := c.prepareCall(tt.action, tt.params); err != nil || got != tt.want {
			t.Errorf("%s %v: %v %v, want %v", tt.action, tt.params, got, err, tt.want)
		}
	}
}

// TestCallWithoutValues checks that a parameter without a value is rejected. Otherwise, a filter could be lost
// silently.
func TestCallWithoutValues(t *testing.T) {
	t.Parallel()
	c, err := NewClient("cn-test", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, params := range []url.Values{{"InstanceIds": nil}, {"Tag.1.Key": {}, "ZoneId": {"z"}}, {"": {"i-1"}}} {
		if values, _, err := c.prepareCall("DescribeDisks", params); !errors.Is(err, ErrInvalidParameter) {
			t.Errorf("%v: would send %v, error %v", params, values, err)
		}
	}
}

// TestCallOfDescribeInstances checks that Call encodes and validates a DescribeInstancesRequest.
func TestCallOfDescribeInstances(t *testing.T) {
	t.Parallel()
	c, err := NewClient("cn-test", &Options{AdditionalAttributes: []AdditionalAttribute{AdditionalAttributeMetaOptions}})
	if err != nil {
		t.Fatal(err)
	}
	req := DescribeInstancesRequest{CreatedAfter: time.Unix(60, 0), PrivateIPAddresses: JSONList{"10.0.0.1"}}
	values, mode, err := c.prepareCall(describeInstances, req)
	want, _ := c.withAttributes(req).encode("cn-test", false)
	if err != nil || mode != retryRead || values.Encode() != want.Encode() || !values.Has("Filter.1.Value") || !values.Has("AdditionalAttributes.1") {
		t.Errorf("%v %v %v", values, mode, err)
	}
	if _, _, err := c.prepareCall(describeInstances, DescribeInstancesRequest{MaxResults: -1}); !errors.Is(err, ErrInvalidParameter) {
		t.Error(err)
	}
}
