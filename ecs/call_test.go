package ecs_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// DescribeInstanceStatus is unlike DescribeInstances: its ids are a repeat list, and it pages by number, up to 50 rows.
type statusRequest struct {
	InstanceIDs ecs.RepeatList[string] `url:"InstanceId"`
	ZoneID      string                 `url:"ZoneId,omitempty"`
	PageNumber  int                    `url:"PageNumber,omitempty"`
	PageSize    int                    `url:"PageSize,omitempty"`
}

type statusResponse struct {
	RequestID        string `json:"RequestId"`
	TotalCount       int
	InstanceStatuses struct {
		InstanceStatus []struct {
			InstanceID string `json:"InstanceId"`
			Status     ecs.InstanceStatus
		}
	}
}

func TestCall(t *testing.T) {
	t.Parallel()
	const status = "DescribeInstanceStatus"
	story(t, "pages of another operation", func(t *testing.T) {
		fleet := numbered(120, "cn-hangzhou")
		srv := newCloud(t, nil, fleet...)
		var got []string
		for number := 1; ; number++ {
			var resp statusResponse
			if err := srv.client.Call(t.Context(), status, statusRequest{PageNumber: number, PageSize: 50}, &resp); err != nil {
				t.Fatal(err)
			}
			if resp.RequestID == "" || resp.TotalCount != 120 {
				t.Errorf("%+v", resp)
			}
			for _, s := range resp.InstanceStatuses.InstanceStatus {
				if s.Status != ecs.InstanceStatusRunning {
					t.Error(s)
				}
				got = append(got, s.InstanceID)
			}
			if number*50 >= resp.TotalCount {
				break
			}
		}
		if !slices.Equal(got, ids(fleet)) {
			t.Errorf("%d instances", len(got))
		}
	})
	story(t, "parameters, as a struct or as values", func(t *testing.T) {
		fleet := numbered(120, "cn-hangzhou")
		srv := newCloud(t, nil, fleet...)
		want := url.Values{"RegionId": {"cn-hangzhou"}, "InstanceId.1": {fleet[7].InstanceID}, "InstanceId.2": {fleet[3].InstanceID}}
		values := url.Values{"InstanceId.1": want["InstanceId.1"], "InstanceId.2": want["InstanceId.2"]}
		for _, params := range []any{statusRequest{InstanceIDs: []string{fleet[7].InstanceID, fleet[3].InstanceID}}, values} {
			var resp statusResponse
			if err := srv.client.Call(t.Context(), status, params, &resp); err != nil || len(resp.InstanceStatuses.InstanceStatus) != 2 {
				t.Error(resp, err)
			}
		}
		for _, r := range srv.Requests() {
			if r.Params.Encode() != want.Encode() {
				t.Errorf("sent %v, want %v", r.Params, want)
			}
		}
		if len(values) != 2 {
			t.Error("the caller's values were modified")
		}
	})
	story(t, "no parameters, no result, another region", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(3, "cn-beijing")...)
		if err := srv.client.Call(t.Context(), status, nil, nil); err != nil {
			t.Error(err)
		}
		var raw map[string]json.RawMessage
		if err := srv.client.Call(t.Context(), status, url.Values{"RegionId": {"cn-beijing"}}, &raw); err != nil || string(raw["TotalCount"]) != "3" {
			t.Error(raw, err)
		}
	})
	story(t, "throttled and failing like any other call", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(60, "cn-hangzhou")...)
		srv.Configure(func(s *ecstest.Settings) { s.Quota = ecstest.Quota{Limit: 3, Window: time.Minute, Headers: true} })
		srv.Inject(ecstest.Fault{Reset: true}, ecstest.Fault{Code: "InternalError"}, ecstest.Fault{CutJSON: true, Skip: 1})
		start := time.Now()
		for range 6 {
			var resp statusResponse
			if err := srv.client.Call(t.Context(), status, statusRequest{PageSize: 50}, &resp); err != nil || len(resp.InstanceStatuses.InstanceStatus) != 50 {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 2*time.Minute || took > 4*time.Minute { // the last waits for the third window
			t.Errorf("took %v of virtual time", took)
		}
		throttled := 0
		for _, r := range srv.Requests() {
			if r.Code == "Throttling.User" {
				throttled++
			}
		}
		if throttled == 0 || throttled > 4 {
			t.Errorf("%d of %d requests were throttled", throttled, len(srv.Requests()))
		}
		// The quota of one operation is not another's.
		if _, err := srv.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{}); err != nil {
			t.Error(err)
		}
	})
	story(t, "a result that cannot be filled is refused before anything is done", func(t *testing.T) {
		srv := newCloud(t, nil)
		var none *statusResponse
		for _, out := range []any{statusResponse{}, none, map[string]any{}} {
			if err := srv.client.Call(t.Context(), status, nil, out); !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), "out is a") {
				t.Errorf("%T: %v", out, err)
			}
		}
		srv.asked(map[string]int{})
	})
	story(t, "errors", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(1, "cn-hangzhou")...)
		var none context.Context
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		var wrong struct{ TotalCount []string }
		for _, tt := range []struct {
			name string
			err  error
			want error
			text string
		}{
			{"no such operation", srv.client.Call(t.Context(), "DescribeNothing", nil, nil), ecs.ErrInvalidParameter, "DescribeNothing in cn-hangzhou: 404"},
			{"denied", srv.denying(ecs.Options{}, status).Call(t.Context(), status, nil, nil), ecs.ErrForbidden, "ecs:DescribeInstanceStatus"},
			{"wrong page size", srv.client.Call(t.Context(), status, statusRequest{PageSize: 51}, nil), ecs.ErrInvalidParameter, "PageSize"},
			{"result of another shape", srv.client.Call(t.Context(), status, nil, &wrong), nil, "does not fit the result"},
			{"no name", srv.client.Call(t.Context(), "", nil, nil), ecs.ErrInvalidParameter, "action"},
			{"odd name", srv.client.Call(t.Context(), "A&B=c", nil, nil), ecs.ErrInvalidParameter, "action"},
			{"odd parameters", srv.client.Call(t.Context(), status, map[string]string{"ZoneId": "z"}, nil), ecs.ErrInvalidParameter, "params is a map[string]string, give a struct"},
			{"no context", srv.client.Call(none, status, nil, nil), ecs.ErrInvalidParameter, "ctx"},
			{"ended context", srv.client.Call(cancelled, status, nil, nil), context.Canceled, ""},
		} {
			if tt.err == nil || tt.want != nil && !errors.Is(tt.err, tt.want) || !strings.Contains(tt.err.Error(), tt.text) {
				t.Errorf("%s: got %v, want %v %q", tt.name, tt.err, tt.want, tt.text)
			}
			if e, ok := errorAs[*ecs.Error](tt.err); !ok || e.Attempts > 1 {
				t.Errorf("%s: %v was tried again", tt.name, tt.err)
			}
		}
	})
}

// calls are all the ways to reach the API.
var calls = map[string]func(ctx context.Context, c *ecs.Client, fleet []ecs.Instance) error{
	"DescribeInstances": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		_, err := c.DescribeInstances(ctx, ecs.DescribeInstancesRequest{InstanceName: `a b*~+/=&%中文`})
		return err
	},
	"Instances": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		_, err := collect(c.Instances(ctx, ecs.DescribeInstancesRequest{}))
		return err
	},
	"past the cap": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		_, err := collect(c.Instances(ctx, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Key: "环境", Value: "a b"}}}))
		return err
	},
	"InstancePages": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		_, err := collect(ways["InstancePages"](c, ctx, ecs.DescribeInstancesRequest{}))
		return err
	},
	"StreamInstances": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		_, err := collect(ways["StreamInstances"](c, ctx, ecs.DescribeInstancesRequest{}))
		return err
	},
	"ScanInstances": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		_, err := collect(c.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, nil))
		return err
	},
	"InstancesInRegions": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		for _, err := range c.InstancesInRegions(ctx, nil, ecs.DescribeInstancesRequest{}, nil) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"GetInstances": func(ctx context.Context, c *ecs.Client, fleet []ecs.Instance) error {
		_, err := c.GetInstances(ctx, ids(fleet)...)
		return err
	},
	"DryRun": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		return c.DryRun(ctx, ecs.DescribeInstancesRequest{})
	},
	"WaitForStatus": func(ctx context.Context, c *ecs.Client, fleet []ecs.Instance) error {
		_, err := c.WaitForStatus(ctx, ecs.InstanceStatusRunning, ids(fleet)...)
		return err
	},
	"WaitUntilGone": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		return c.WaitUntilGone(ctx, "i-gone")
	},
	"DescribeRegions": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		_, err := c.DescribeRegions(ctx, ecs.DescribeRegionsRequest{})
		return err
	},
	"ListTagResources": func(ctx context.Context, c *ecs.Client, _ []ecs.Instance) error {
		for _, err := range c.ListTagResources(ctx, ecs.ListTagResourcesRequest{Tags: []ecs.Tag{{Key: "环境"}}}) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"Call": func(ctx context.Context, c *ecs.Client, fleet []ecs.Instance) error {
		return c.Call(ctx, "DescribeInstanceStatus", statusRequest{InstanceIDs: ids(fleet[:100])}, &statusResponse{})
	},
}

func TestEveryCallWithBothSignatures(t *testing.T) {
	t.Parallel()
	for version, sign := range map[string]signer.Signer{"1.0": signer.V1{}, "ACS3-HMAC-SHA256": signer.V3{}} {
		for name, call := range calls {
			for _, token := range []string{"", "token/with=chars+"} {
				story(t, version+"/"+name+"/"+token, func(t *testing.T) {
					n := 150
					if name == "past the cap" {
						n = 1010
					}
					fleet := numbered(n, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Tags = []ecs.Tag{{Key: "环境", Value: "a b"}} })
					srv := newCloud(t, nil, fleet...)
					key := signer.Credentials{AccessKeyID: "LTAIother", AccessKeySecret: "s", SecurityToken: token}
					srv.AddKey(ecstest.Key{Credentials: key})
					c := srv.as(&ecs.Options{Signer: sign, Credentials: ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, token)})
					if err := call(t.Context(), c, fleet); err != nil {
						t.Fatal(err)
					}
					nonces := map[string]bool{}
					for _, r := range srv.Requests() {
						if r.SignatureVersion != version || r.AuthError != "" || r.Method != "POST" || nonces[r.Nonce] {
							t.Errorf("%s: signature %s, %s, %s, nonce %s", r.Action, r.SignatureVersion, r.AuthError, r.Method, r.Nonce)
						}
						nonces[r.Nonce] = true
					}
					if len(nonces) == 0 {
						t.Error("no requests")
					}
				})
			}
		}
	}
}
