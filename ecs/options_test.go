package ecs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for field, o := range map[string]Options{
		"Options.Retry.MaxAttempts":    {Retry: RetryPolicy{MaxAttempts: -1}},
		"Options.Retry.MinDelay":       {Retry: RetryPolicy{MinDelay: -1}},
		"Options.Retry.MaxDelay":       {Retry: RetryPolicy{MaxDelay: -1}},
		"Options.Retry.AttemptTimeout": {Retry: RetryPolicy{AttemptTimeout: -1}},
		"Options.Poll.MinDelay":        {Poll: PollPolicy{MinDelay: -1}},
		"Options.Poll.MaxDelay":        {Poll: PollPolicy{MaxDelay: -1}},
		"Options.UserAgent":            {UserAgent: "mine/1\r\nX-Injected: 1"},
		"Options.Retry.MaxElapsed":     {Retry: RetryPolicy{MaxElapsed: -1}},
		"Options.Network":              {Network: "moon"},
		`Options.Network "vpc"`:        {Network: NetworkVPC, Endpoint: "ecs.example"},
		"Options.Credentials":          {Credentials: StaticCredentials("id", "", "")},
		"Options.AdditionalAttributes": {AdditionalAttributes: []AdditionalAttribute{"A", ""}},
		"Options.Endpoint":             {Endpoint: "http://example.test"},
	} {
		c, err := NewClient("cn-test", &o)
		if c != nil || !errors.Is(err, ErrInvalidParameter) || !strings.HasPrefix(err.Error(), "ecs: NewClient: "+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, agent := range []string{"a\x00", "a\x7f", "é", "a\tb", "\n"} {
		if _, err := NewClient("cn-test", &Options{UserAgent: agent}); !errors.Is(err, ErrInvalidParameter) {
			t.Errorf("%q: %v", agent, err)
		}
	}
	if _, err := NewClient("cn-test", &Options{UserAgent: "mine/1 (a; b)", Retry: RetryPolicy{MaxAttempts: 1}}); err != nil {
		t.Error(err)
	}
	var none *Client
	if got := fmt.Sprintf("%v %+v %s", none, none, none); got != "ecs.Client(nil) ecs.Client(nil) ecs.Client(nil)" {
		t.Error(got)
	}
	c, err := NewClient("cn-test", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%v %q", c, c); got != `ecs.Client(cn-test at ecs.cn-test.aliyuncs.com) "ecs.Client(cn-test at ecs.cn-test.aliyuncs.com)"` {
		t.Error(got)
	}
	for _, action := range []string{"", "A B", "A&B=1", "Ä", "../x", "A\r\n"} {
		if err := c.Call(t.Context(), action, nil, nil); !errors.Is(err, ErrInvalidParameter) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%q: %v", action, err)
		}
	}
}

// TestFixedKeysAreChecked checks that NewClient rejects an invalid key without revealing the key in the error.
func TestFixedKeysAreChecked(t *testing.T) {
	t.Parallel()
	for _, key := range [][3]string{
		{"", "hushhush", ""},
		{"LTAI", "", ""},
		{"", "", ""},
		{" LTAI", "hushhush", ""},
		{"LTAI", "hushhush\n", ""},
		{"LTAI", "hush hush", ""},
		{"LTAI", "hushhush", "hushhush\r"},
		{"LTAI\x00", "hushhush", ""},
		{"LTAI", "hushhush\u200b", ""},
	} {
		c, err := NewClient("cn-test", &Options{Credentials: StaticCredentials(key[0], key[1], key[2])})
		if c != nil || !errors.Is(err, ErrInvalidParameter) || !strings.Contains(err.Error(), "Options.Credentials") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", key, err)
		}
	}
	if _, err := NewClient("cn-test", &Options{Credentials: StaticCredentials("LTAI", "hushhush", "")}); err != nil {
		t.Error(err)
	}
}

func TestAdditionalAttributesOfOptions(t *testing.T) {
	t.Parallel()
	var many []AdditionalAttribute
	for i := range maxAttributes {
		many = append(many, AdditionalAttribute(fmt.Sprint("A", i)))
	}
	if _, err := NewClient("cn-test", &Options{AdditionalAttributes: append(slices.Clone(many), "one more")}); !errors.Is(err, ErrInvalidParameter) {
		t.Errorf("21 attributes: %v", err)
	}
	given := append(slices.Clone(many), many...) // the same 20 attributes twice
	c, err := NewClient("cn-test", &Options{AdditionalAttributes: given})
	if err != nil {
		t.Fatal(err)
	}
	given[0] = "changed later"
	for _, tt := range []struct {
		request []AdditionalAttribute
		want    int // number of attributes sent; 0 means that the request is rejected
	}{{nil, 20}, {many[:3], 20}, {[]AdditionalAttribute{"one more"}, 0}} {
		req := DescribeInstancesRequest{AdditionalAttributes: tt.request}
		params, err := c.withAttributes(req).encode("cn-test", false)
		if tt.want == 0 {
			if !errors.Is(err, ErrInvalidParameter) {
				t.Errorf("%v: %v", tt.request, err)
			}
			continue
		}
		if err != nil || !params.Has("AdditionalAttributes.20") || params.Has("AdditionalAttributes.21") || strings.Contains(params.Encode(), "changed") {
			t.Errorf("%v: %v %v", tt.request, params, err)
		}
		if len(req.AdditionalAttributes) != len(tt.request) {
			t.Error("the request was modified")
		}
	}
}

func TestEndpointWithRegion(t *testing.T) {
	t.Parallel()
	c, err := NewClient("cn-hangzhou", &Options{Endpoint: "https://ecs-{region}.cloud.example:8443"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.InRegion("cn-beijing")
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[*Client]string{c: "https://ecs-cn-hangzhou.cloud.example:8443", other: "https://ecs-cn-beijing.cloud.example:8443", {}: "", nil: ""} {
		if got := client.Endpoint(); got != want {
			t.Errorf("Endpoint() = %q, want %q", got, want)
		}
	}
	again, err := NewClient("cn-hangzhou", &Options{Endpoint: c.Endpoint()})
	if err != nil || again.Endpoint() != c.Endpoint() {
		t.Errorf("%v %v", again, err)
	}
	for _, endpoint := range []string{"{Region}.example", "{region}/x.example", "{region", "http://{region}.example"} {
		if _, err := NewClient("cn-hangzhou", &Options{Endpoint: endpoint}); !errors.Is(err, ErrInvalidParameter) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// TestWithCredentialsSharesTheHTTPClient checks that clients of several accounts share connections.
func TestWithCredentialsSharesTheHTTPClient(t *testing.T) {
	t.Parallel()
	c, err := NewClient("cn-test", nil)
	if err != nil {
		t.Fatal(err)
	}
	other := c.WithCredentials(nil)
	if c.transport.RoundTripper() == nil || other.transport.RoundTripper() != c.transport.RoundTripper() {
		t.Error("the accounts do not share connections")
	}
	if other.transport == c.transport {
		t.Error("the accounts share the throttle control")
	}
	region, err := other.InRegion("cn-beijing")
	if err != nil || region.account != other.account {
		t.Errorf("the client for another region does not have the same account: %v", err)
	}
}
