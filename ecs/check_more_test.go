package ecs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// TestCheckAllRegions checks that Check checks all regions in parallel and sends no unnecessary requests.
func TestCheckAllRegions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := ecstest.NewPipeServer()
		defer srv.Close()
		regions := 30
		srv.Configure(func(s *ecstest.Settings) {
			s.Latency = 50 * time.Millisecond
			s.Regions = nil
		})
		srv.Put(ecs.Instance{InstanceID: "i-1", RegionID: "cn-thirtieth"}) // in addition to the 29 public regions
		srv.Inject(ecstest.Fault{Region: "cn-thirtieth", Action: "ListTagResources", Latency: 3 * time.Second})
		client, err := srv.Client("cn-hangzhou", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		var told []ecs.CheckStep
		start := time.Now()
		report := client.Check(t.Context(), &ecs.CheckOptions{AllRegions: true, OnStep: func(s ecs.CheckStep) { told = append(told, s) }})
		if took := time.Since(start); took > 3200*time.Millisecond {
			t.Errorf("took %v, but the slowest request takes only 3.05 s", took)
		}
		if err := report.Err(); err != nil || len(report.MissingActions()) != 0 || report.Policy() != "" {
			t.Errorf("%v\n%v", err, report)
		}
		if requests := srv.Requests(); len(requests) != 2*regions+1 {
			t.Errorf("%d requests for %d regions, want %d", len(requests), regions, 2*regions+1)
		}
		sent := map[string]int{}
		for _, r := range srv.Requests() {
			if sent[r.Action+r.Region]++; sent[r.Action+r.Region] > 1 {
				t.Errorf("%s was sent twice to %s", r.Action, r.Region)
			}
		}
		if !slices.EqualFunc(told, report.Steps, func(a, b ecs.CheckStep) bool { return a.Name == b.Name && a.Region == b.Region && a.Action == b.Action }) {
			t.Errorf("OnStep was called with %d steps that differ from the %d steps of the report", len(told), len(report.Steps))
		}
		if last := report.Steps[len(report.Steps)-2]; last.Region != "cn-thirtieth" || last.Duration < 3*time.Second {
			t.Errorf("%+v", last)
		}
	})
}

// TestCheckRequests checks that Check tries every request in CheckOptions.Requests in every region.
func TestCheckRequests(t *testing.T) {
	t.Parallel()
	srv := ecstest.NewServer()
	t.Cleanup(srv.Close)
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := range 250 {
		ids = append(ids, fmt.Sprint("i-", i))
	}
	report := client.Check(t.Context(), &ecs.CheckOptions{
		Regions:  []string{"cn-beijing", "cn-shanghai", "cn-beijing"},
		Requests: []ecs.DescribeInstancesRequest{{Status: ecs.InstanceStatusRunning, MaxResults: 50}, {InstanceIDs: ids}},
	})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range srv.Requests() {
		got = append(got, strings.TrimSpace(r.Action+" "+r.Region))
		if r.Action == "DescribeInstances" && (r.Params.Get("DryRun") != "true" || r.Params.Has("MaxResults")) {
			t.Errorf("%v", r.Params)
		}
		if list := r.Params.Get("InstanceIds"); list != "" && strings.Count(list, "i-") != 100 {
			t.Errorf("%d ids", strings.Count(list, "i-"))
		}
	}
	// The client's region is not requested, so Check begins with the first requested region.
	if got[0] != "DescribeInstances cn-beijing" {
		t.Error(got)
	}
	slices.Sort(got)
	want := []string{
		"DescribeInstances cn-beijing", "DescribeInstances cn-beijing", "DescribeInstances cn-shanghai", "DescribeInstances cn-shanghai",
		"DescribeRegions", "ListTagResources cn-beijing", "ListTagResources cn-shanghai",
	}
	if !slices.Equal(got, want) {
		t.Errorf("sent %q", got)
	}
}

// TestCheckExclude checks that CheckOptions.Exclude removes regions from a check of all regions.
func TestCheckExclude(t *testing.T) {
	t.Parallel()
	srv := ecstest.NewServer()
	t.Cleanup(srv.Close)
	srv.Configure(func(s *ecstest.Settings) { s.Regions = []string{"cn-hangzhou", "cn-beijing", "cn-shanghai"} })
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	for exclude, want := range map[string]int{"cn-beijing": 5, "cn-nowhere": 7, "cn-hangzhou": 5, "cn-beijing cn-shanghai cn-hangzhou": 1} {
		before := len(srv.Requests())
		report := client.Check(t.Context(), &ecs.CheckOptions{AllRegions: true, Exclude: strings.Fields(exclude)})
		if n := len(srv.Requests()) - before; report.Err() != nil || n != want {
			t.Errorf("without %s: %d requests, want %d, %v", exclude, n, want, report.Err())
		}
	}
}

// TestCheckUnusable checks that Check reports unusable arguments and does not panic.
func TestCheckUnusable(t *testing.T) {
	t.Parallel()
	srv := ecstest.NewServer()
	t.Cleanup(srv.Close)
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("shutting down"))
	var nilClient *ecs.Client
	for name, c := range map[string]struct {
		client *ecs.Client
		ctx    context.Context //nolint:containedctx // name of the case
		opts   *ecs.CheckOptions
		is     error
		text   string
	}{
		"nil client":             {nilClient, t.Context(), nil, ecs.ErrInvalidParameter, "NewClient"},
		"zero client":            {new(ecs.Client), t.Context(), nil, ecs.ErrInvalidParameter, "NewClient"},
		"nil context":            {client, nil, nil, ecs.ErrInvalidParameter, "ctx must not be nil"},
		"canceled context":       {client, canceled, nil, context.Canceled, "shutting down"},
		"invalid region id":      {client, t.Context(), &ecs.CheckOptions{Regions: []string{"cn hangzhou"}}, ecs.ErrInvalidParameter, "cn hangzhou"},
		"Regions and AllRegions": {client, t.Context(), &ecs.CheckOptions{Regions: []string{"cn-beijing"}, AllRegions: true}, ecs.ErrInvalidParameter, "AllRegions"},
		"a page number":          {client, t.Context(), &ecs.CheckOptions{Requests: []ecs.DescribeInstancesRequest{{PageNumber: 2}}}, ecs.ErrInvalidParameter, "PageNumber"},
		"tag without key":        {client, t.Context(), &ecs.CheckOptions{Requests: []ecs.DescribeInstancesRequest{{Tags: ecs.TagList{{Value: "v"}}}}}, ecs.ErrInvalidParameter, "Tags[0].Key"},
	} {
		report := c.client.Check(c.ctx, c.opts)
		if len(report.Steps) != 1 || report.Steps[0].Name != "setup" || report.Steps[0].Status != ecs.CheckStatusFailed {
			t.Errorf("%s: %v", name, report)
		} else if blamesContext := strings.Contains(report.Steps[0].Advice, "the context had already ended"); blamesContext != (name == "canceled context") {
			t.Errorf("%s: advice %q", name, report.Steps[0].Advice)
		}
		if err := report.Err(); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := errorAs[*ecs.Error](report.Err()); !ok {
			t.Errorf("%s: %T", name, report.Err())
		}
	}
	if requests := srv.Requests(); len(requests) != 0 {
		t.Errorf("%d requests were sent", len(requests))
	}
}

// TestCheckContextEnds checks that the report shows which step was running when the context expired.
func TestCheckContextEnds(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{"DescribeInstances": "response", "ListTagResources": "permission"} {
		synctest.Test(t, func(t *testing.T) {
			srv := ecstest.NewPipeServer()
			defer srv.Close()
			srv.Inject(ecstest.Fault{Action: action, Times: -1, Latency: time.Hour})
			client, err := srv.Client("cn-hangzhou", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer client.CloseIdleConnections()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			start := time.Now()
			report := client.Check(ctx, &ecs.CheckOptions{Requests: []ecs.DescribeInstancesRequest{{ResourceGroupID: "rg-1"}}})
			if time.Since(start) != 2*time.Second || !errors.Is(report.Err(), context.DeadlineExceeded) {
				t.Errorf("%v: %v", time.Since(start), report.Err())
			}
			for _, s := range report.Steps {
				if s.Err != nil && (s.Name != want || s.Status != ecs.CheckStatusUnknown || s.Advice == "") {
					t.Errorf("%+v", s)
				}
			}
		})
	}
}

// TestCheckOtherRegions checks that Check continues with the other regions if one region cannot be reached.
func TestCheckOtherRegions(t *testing.T) {
	t.Parallel()
	mock := httpmock.NewMockTransport()
	denied := httpmock.NewStringResponder(403, `{"RequestId":"R","Code":"Forbidden.RAM","Message":"no"}`)
	mock.RegisterResponder("POST", "https://ecs-cn-hangzhou.aliyuncs.com/", httpmock.NewErrorResponder(errors.New("connection reset by peer")))
	mock.RegisterResponder("POST", "https://ecs.cn-beijing.aliyuncs.com/", denied)
	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
		Credentials: ecs.StaticCredentials("id", "secret", ""), HTTPClient: &http.Client{Transport: mock}, Retry: ecs.RetryPolicy{MaxAttempts: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	report := client.Check(t.Context(), &ecs.CheckOptions{Regions: []string{"cn-hangzhou", "cn-beijing"}})
	if !errors.Is(report.Err(), ecs.ErrUnavailable) {
		t.Error(report.Err())
	}
	if got := report.MissingActions(); !slices.Equal(got, []string{"ecs:DescribeInstances", "ecs:ListTagResources"}) {
		t.Errorf("%q in\n%v", got, report)
	}
}

// TestCheckPanics checks that a panic in OnStep reaches the caller of Check after all requests have ended.
func TestCheckPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := ecstest.NewPipeServer()
		defer srv.Close()
		client, err := srv.Client("cn-hangzhou", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		defer func() {
			if p := recover(); fmt.Sprint(p) != "stop" {
				t.Error(p)
			}
		}()
		client.Check(t.Context(), &ecs.CheckOptions{AllRegions: true, OnStep: func(s ecs.CheckStep) {
			if s.Action == "ListTagResources" {
				panic("stop")
			}
		}})
		t.Error("Check returned")
	})
}

// TestReport checks the error, the missing actions and the policy of a Report that was created by hand.
func TestReport(t *testing.T) {
	t.Parallel()
	denied := func(action, authAction, policy, how string) error {
		return &ecs.Error{Code: "Forbidden.RAM", StatusCode: 403, Action: action, Region: "r", AccessDenied: &ecs.AccessDeniedDetail{
			AuthAction: authAction, PolicyType: policy, NoPermissionType: how,
		}}
	}
	identity := "AccountLevelIdentityBasedPolicy"
	report := &ecs.Report{Steps: []ecs.CheckStep{
		{Name: "clock", Status: ecs.CheckStatusUnknown},
		{Name: "permission", Region: "b", Action: "DescribeInstances", Status: ecs.CheckStatusFailed, Err: denied("DescribeInstances", "", identity, "ImplicitDeny")},
		{Name: "permission", Region: "a", Action: "DescribeInstances", Status: ecs.CheckStatusFailed, Err: denied("DescribeInstances", "", "", "")},
		{Name: "permission", Region: "c", Action: "DescribeInstances", Status: ecs.CheckStatusPassed},
		{Name: "permission", Region: "a", Action: "ListTagResources", Status: ecs.CheckStatusFailed, Optional: true, Err: denied("ListTagResources", "tag:ListTagResources", identity, "")},
		{Name: "permission", Region: "a", Action: "DescribeRegions", Status: ecs.CheckStatusFailed, Optional: true, Err: denied("DescribeRegions", "", identity, "ExplicitDeny")},
		{Name: "permission", Region: "d", Action: "DescribeRegions", Status: ecs.CheckStatusFailed, Optional: true, Err: denied("DescribeRegions", "", "ControlPolicy", "ImplicitDeny")},
	}}
	if err := report.Err(); err != report.Steps[1].Err { //nolint:errorlint // must be the same error value
		t.Error(err)
	}
	if got := report.MissingActions(); !slices.Equal(got, []string{"ecs:DescribeInstances", "tag:ListTagResources"}) {
		t.Errorf("%q", got)
	}
	var policy struct {
		Version   string
		Statement []struct {
			Effect           string
			Action, Resource []string
		}
	}
	if err := json.Unmarshal([]byte(report.Policy()), &policy); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(policy); got != "{1 [{Allow [ecs:DescribeInstances] [acs:ecs:a:*:* acs:ecs:b:*:*]} {Allow [tag:ListTagResources] [*]}]}" {
		t.Error(got)
	}
	var out struct {
		OK             bool
		Steps          []map[string]any
		MissingActions []string `json:"missing_actions"`
		Policy         map[string]any
	}
	text, err := json.Marshal(report)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil || out.OK || len(out.Steps) != len(report.Steps) || len(out.MissingActions) != 2 || out.Policy["Version"] != "1" || out.Steps[1]["code"] != "Forbidden.RAM" {
		t.Errorf("%v: %s", err, text)
	}
	report.Steps = slices.DeleteFunc(report.Steps, func(s ecs.CheckStep) bool { return s.Err != nil && !s.Optional })
	if err := report.Err(); err != nil {
		t.Errorf("only optional steps are left, but Err is %v", err)
	}
	if empty := (&ecs.Report{}); empty.Err() != nil || empty.Policy() != "" || empty.String() != "" || fmt.Sprint(report) != report.String() || fmt.Sprintf("%#v", report) != report.String() {
		t.Errorf("%#v", report)
	}
}

// TestCheckAgreesWithListing checks that Check and an empty listing interpret a denied dry run in the same way.
func TestCheckAgreesWithListing(t *testing.T) {
	t.Parallel()
	for authAction, permitted := range map[string]bool{
		"ecs:DryRun": true, "DryRun": true, "ram:PassRole": true,
		"ecs:DescribeInstances": false, "DescribeInstances": false, "ECS:describeinstances": false, "ecs:*": false, "ecs:Describe*": false, "*": false, "": false,
	} {
		inVirtualTime(t, "denied "+authAction, func(t *testing.T) {
			srv := newCloud(t, nil)
			srv.Inject(ecstest.Fault{
				Match: func(r ecstest.Request) bool { return r.Params.Get("DryRun") == "true" }, Times: -1, Status: 403,
				Body: []byte(`{"Code":"Forbidden.RAM","Message":"m","AccessDeniedDetail":{"AuthAction":"` + authAction + `","PolicyType":"x"}}`),
			})
			_, err := collect(srv.client.Instances(t.Context(), ecs.DescribeInstancesRequest{}))
			if report := srv.client.Check(t.Context(), nil); (err == nil) != permitted || (report.Err() == nil) != permitted {
				t.Errorf("the listing ends with %v, the report is:\n%v", err, report)
			}
		})
	}
}
