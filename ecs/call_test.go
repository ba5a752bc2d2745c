package ecs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// statusRequest contains the parameters of DescribeInstanceStatus, which is paged by number.
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
	inVirtualTime(t, "pages of another operation", func(t *testing.T) {
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
			t.Errorf("got %d instances", len(got))
		}
	})
	inVirtualTime(t, "parameters as a struct or as url.Values", func(t *testing.T) {
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
	inVirtualTime(t, "no parameters, no result, another region", func(t *testing.T) {
		srv := newCloud(t, nil, numbered(3, "cn-beijing")...)
		if err := srv.client.Call(t.Context(), status, nil, nil); err != nil {
			t.Error(err)
		}
		var raw map[string]json.RawMessage
		if err := srv.client.Call(t.Context(), status, url.Values{"RegionId": {"cn-beijing"}}, &raw); err != nil || string(raw["TotalCount"]) != "3" {
			t.Error(raw, err)
		}
	})
	inVirtualTime(t, "throttling and failures are handled as in any other call", func(t *testing.T) {
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
		// With the retries, the calls send more than six requests, so the quota admits the last one in the third minute.
		if took := time.Since(start); took < 2*time.Minute || took > 4*time.Minute {
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
		// Each operation has its own quota.
		if _, err := srv.client.DescribeInstances(t.Context(), ecs.DescribeInstancesRequest{}); err != nil {
			t.Error(err)
		}
	})
	inVirtualTime(t, "a result that cannot be filled is rejected before a request is sent", func(t *testing.T) {
		srv := newCloud(t, nil)
		var none *statusResponse
		for _, out := range []any{statusResponse{}, none, map[string]any{}} {
			if err := srv.client.Call(t.Context(), status, nil, out); !errors.Is(err, ecs.ErrInvalidParameter) || !strings.Contains(err.Error(), "out must be nil") {
				t.Errorf("%T: %v", out, err)
			}
		}
		srv.wantRequests(map[string]int{})
	})
	inVirtualTime(t, "errors", func(t *testing.T) {
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
			{"result of another type", srv.client.Call(t.Context(), status, nil, &wrong), nil, "does not match the result type"},
			{"no name", srv.client.Call(t.Context(), "", nil, nil), ecs.ErrInvalidParameter, "action"},
			{"invalid name", srv.client.Call(t.Context(), "A&B=c", nil, nil), ecs.ErrInvalidParameter, "action"},
			{"parameters of an unsupported type", srv.client.Call(t.Context(), status, map[string]string{"ZoneId": "z"}, nil), ecs.ErrInvalidParameter, "params must be nil, url.Values, or a struct with url tags"},
			{"no context", srv.client.Call(none, status, nil, nil), ecs.ErrInvalidParameter, "ctx"},
			{"canceled context", srv.client.Call(cancelled, status, nil, nil), context.Canceled, ""},
		} {
			if tt.err == nil || tt.want != nil && !errors.Is(tt.err, tt.want) || !strings.Contains(tt.err.Error(), tt.text) {
				t.Errorf("%s: got %v, want %v %q", tt.name, tt.err, tt.want, tt.text)
			}
			if e, ok := errorAs[*ecs.Error](tt.err); !ok || e.Attempts > 1 {
				t.Errorf("%s: %v was retried", tt.name, tt.err)
			}
		}
	})
}

// calls contains one function for each client method that calls the API. The entry "past the cap" lists more instances
// than the API returns for a tag filter.
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
	"GetInstance": func(ctx context.Context, c *ecs.Client, fleet []ecs.Instance) error {
		_, err := c.GetInstance(ctx, fleet[0].InstanceID)
		return err
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
			inVirtualTime(t, version+"/"+name, func(t *testing.T) {
				n := 110
				if name == "past the cap" {
					n = 1010
				}
				fleet := numbered(n, "cn-hangzhou", func(_ int, i *ecs.Instance) { i.Tags = []ecs.Tag{{Key: "环境", Value: "a b"}} })
				srv := newCloud(t, nil, fleet...)
				key := signer.Credentials{AccessKeyID: "LTAIother", AccessKeySecret: "s", SecurityToken: "token/with=chars+"}
				srv.AddKey(ecstest.Key{Credentials: key})
				c := srv.as(&ecs.Options{Signer: sign, Credentials: ecs.StaticCredentials(key.AccessKeyID, key.AccessKeySecret, key.SecurityToken)})
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

// TestCallSendsStructsTheAPIsWay checks that Call encodes the fields of a struct as request parameters in the form that
// the API expects.
func TestCallSendsStructsTheAPIsWay(t *testing.T) {
	t.Parallel()
	type disk struct {
		Category string
		Size     int `url:",omitempty"`
	}
	type runInstances struct {
		ImageID    string `url:"ImageId"`
		SystemDisk disk
		DataDisk   []disk
		Tags       ecs.TagList            `url:"Tag"`
		Groups     ecs.RepeatList[string] `url:"SecurityGroupIds"`
		Release    time.Time              `url:"AutoReleaseTime,omitempty"`
		Token      string                 `url:"ClientToken,omitempty"`
	}
	var sent []url.Values
	c := scripted(t, &sent, `{"RequestId":"R"}`)
	params := runInstances{
		ImageID: "m-1", SystemDisk: disk{Category: "cloud_essd"}, DataDisk: []disk{{"cloud", 20}, {"cloud", 40}}, Tags: ecs.TagList{{Key: "k", Value: "v"}}, Groups: []string{"sg-1"},
		Release: time.Date(2026, 11, 29, 8, 0, 0, 0, time.FixedZone("", 3600)),
	}
	if err := c.Call(t.Context(), "RunInstances", params, nil); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"ImageId": "m-1", "SystemDisk.Category": "cloud_essd", "DataDisk.1.Category": "cloud", "DataDisk.1.Size": "20", "DataDisk.2.Category": "cloud", "DataDisk.2.Size": "40",
		"Tag.1.Key": "k", "Tag.1.Value": "v", "SecurityGroupIds.1": "sg-1", "AutoReleaseTime": "2026-11-29T07:00:00Z", "RegionId": "cn-hangzhou",
	}
	for _, name := range []string{"Action", "Version", "Format", "AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		sent[0].Del(name)
	}
	for name, list := range sent[0] {
		if len(list) != 1 || list[0] != want[name] {
			t.Errorf("%s = %q, want %q", name, list, want[name])
		}
	}
	if len(sent) != 1 || len(sent[0]) != len(want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
}

// TestCallRegion checks that an empty RegionId is replaced by the client's region.
func TestCallRegion(t *testing.T) {
	t.Parallel()
	type withRegion struct {
		RegionID string `url:"RegionId"`
	}
	for _, tt := range []struct {
		params any
		want   string
	}{
		{nil, "cn-hangzhou"},
		{withRegion{}, "cn-hangzhou"},
		{&withRegion{"cn-beijing"}, "cn-beijing"},
		{url.Values{"RegionId": {""}}, "cn-hangzhou"},
		{url.Values{"RegionId": {"cn-beijing"}}, "cn-beijing"},
	} {
		var sent []url.Values
		if err := scripted(t, &sent, `{}`).Call(t.Context(), "DescribeZones", tt.params, nil); err != nil || sent[0].Get("RegionId") != tt.want {
			t.Errorf("%v: %v %v", tt.params, sent, err)
		}
	}
}

// TestCallTellsSuccessFromFailure checks that Call distinguishes successful responses from errors. Some installations
// of the API include Code and Message in successful responses.
func TestCallTellsSuccessFromFailure(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		`{"RequestId":"R","N":1}`:                                   true,
		`{"RequestId":"R","N":1,"Code":"200","Message":"success"}`:  true,
		`{"RequestId":"R","N":1,"Code":200,"Message":"successful"}`: true,
		`{"N":1,"Code":"","Message":""}`:                            true,
		`{"N":1,"Code":null,"Message":null}`:                        true,
		`{"N":1,"Code":"Success","Message":"OK"}`:                   true,
		`{"N":1,"Code":"x"}`:                                        true, // Code is a member of the operation's result, not an error code
		`{"N":1,"Message":"x"}`:                                     true,
		` {"N":1} `:                                                 true,
		`{"N":1,"Code":"Forbidden.RAM","Message":"denied"}`:         false,
		`{"RequestId":"R","Code":"InternalError","Message":"m"}`:    false,
		`{"N":1}{"N":1}`:                                            false,
		`null`:                                                      false,
		` null `:                                                    false,
		`[]`:                                                        false,
		`"text"`:                                                    false,
		``:                                                          false,
		`<html>`:                                                    false,
	} {
		var sent []url.Values
		var out struct{ N int }
		err := scripted(t, &sent, body).Call(t.Context(), "DescribeZones", nil, &out)
		if ok && (err != nil || out.N != 1 || len(sent) != 1) || !ok && (err == nil || out.N != 0) {
			t.Errorf("%s: %v, N is %d after %d requests", body, err, out.N, len(sent))
		}
	}
}

// TestCallRetries checks which operations are retried after a failure. A change without a ClientToken must not be
// retried if it may have taken effect.
func TestCallRetries(t *testing.T) {
	t.Parallel()
	type token struct {
		ClientToken string `url:",omitempty"`
	}
	busy := httpmock.NewStringResponder(http.StatusServiceUnavailable, `{"Code":"ServiceUnavailable","Message":"m"}`)
	throttled := httpmock.NewStringResponder(http.StatusBadRequest, `{"Code":"Throttling.User","Message":"m"}`)
	cut := httpmock.NewStringResponder(http.StatusOK, `{"RequestId":`)
	lost := httpmock.NewErrorResponder(io.ErrUnexpectedEOF)
	refused := httpmock.NewErrorResponder(&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED})
	for _, tt := range []struct {
		name    string
		action  string
		params  token
		first   httpmock.Responder
		retried bool
	}{
		{"a read", "DescribeDisks", token{}, busy, true},
		{"a read whose response is truncated", "DescribeDisks", token{}, cut, true},
		{"a change that may have been carried out", "StartInstance", token{}, busy, false},
		{"a change whose response is truncated", "StartInstance", token{}, cut, false},
		{"a change whose connection broke", "StartInstance", token{}, lost, false},
		{"a change that was not received", "StartInstance", token{}, refused, true},
		{"a change that was throttled", "StartInstance", token{}, throttled, true},
		{"a change with a client token", "RunInstances", token{"t"}, busy, true},
		{"a change with a client token whose response is truncated", "RunInstances", token{"t"}, cut, true},
	} {
		mock := httpmock.NewMockTransport()
		mock.RegisterNoResponder(tt.first.Then(httpmock.NewStringResponder(http.StatusOK, `{"RequestId":"R"}`)))
		c, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
			HTTPClient: &http.Client{Transport: mock}, Credentials: ecs.StaticCredentials("id", "secret", ""), Retry: ecs.RetryPolicy{MinDelay: time.Microsecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Call(t.Context(), tt.action, tt.params, nil)
		want := 1
		if tt.retried {
			want = 2
		}
		if n := mock.GetTotalCallCount(); n != want || (err == nil) != tt.retried {
			t.Errorf("%s: %d requests, %v", tt.name, n, err)
		}
		if !tt.retried && !strings.Contains(fmt.Sprint(err), "ClientToken") {
			t.Errorf("%s: the error does not say why it was not retried: %v", tt.name, err)
		}
	}
}
