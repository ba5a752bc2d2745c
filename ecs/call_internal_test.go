package ecs

import (
	"net/url"
	"testing"
)

// How a call may be retried depends on what its action does, as far as the name tells, and on a ClientToken.
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
