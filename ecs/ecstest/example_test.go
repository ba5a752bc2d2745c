package ecstest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jarcoal/httpmock"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// runningNames represents the code under test.
func runningNames(ctx context.Context, client *ecs.Client) ([]string, error) {
	var names []string
	for i, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{Status: ecs.InstanceStatusRunning}) {
		if err != nil {
			return names, err
		}
		names = append(names, i.InstanceName)
	}
	return names, nil
}

// This example shows how to test code that lists instances. The server has three instances.
func Example() {
	srv := ecstest.NewServer(
		ecs.Instance{InstanceID: "i-1", InstanceName: "web-1", Status: ecs.InstanceStatusRunning},
		ecs.Instance{InstanceID: "i-2", InstanceName: "db-1", Status: ecs.InstanceStatusStopped},
		ecs.Instance{InstanceID: "i-3", InstanceName: "web-2", Status: ecs.InstanceStatusRunning},
	)
	defer srv.Close()
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(runningNames(context.Background(), client))
	// Output: [web-1 web-2] <nil>
}

// The third request fails twice. The client retries the request and completes the listing.
func ExampleServer_Inject() {
	srv := ecstest.NewServer(ecstest.Fleet(3000, 1)...)
	defer srv.Close()
	srv.Inject(
		ecstest.Fault{Skip: 2, Code: "InternalError"},
		ecstest.Fault{Skip: 2, Truncate: true},
	)
	client, err := srv.Client("cn-hangzhou", &ecs.Options{Retry: ecs.RetryPolicy{MinDelay: 1}})
	if err != nil {
		panic(err)
	}
	names, err := runningNames(context.Background(), client)
	fmt.Println(len(names) > 200, err)
	for _, r := range srv.Requests()[:5] {
		fmt.Println(r.Status, r.Code, r.Params.Get("Status"), r.Params.Get("NextToken") != "")
	}
	// Output:
	// true <nil>
	// 200  Running false
	// 200  Running true
	// 500 InternalError Running true
	// 200  Running true
	// 200  Running true
}

// A listing without permission ends with an error, even if the API returns an empty list, as it did before 2025-12-20.
func ExampleServer_AddKey() {
	srv := ecstest.NewServer(ecstest.Fleet(100, 1)...)
	defer srv.Close()
	guest := signer.Credentials{AccessKeyID: "LTAI-guest", AccessKeySecret: "secret"}
	srv.AddKey(ecstest.Key{Credentials: guest, Deny: []string{"ecs:DescribeInstances"}})
	client, err := srv.Client("cn-hangzhou", &ecs.Options{
		Credentials: ecs.StaticCredentials(guest.AccessKeyID, guest.AccessKeySecret, guest.SecurityToken),
	})
	if err != nil {
		panic(err)
	}
	for _, empty := range []bool{false, true} {
		srv.Configure(func(s *ecstest.Settings) { s.EmptyIfDenied = empty })
		names, err := runningNames(context.Background(), client)
		fmt.Println(len(names), errors.Is(err, ecs.ErrForbidden))
	}
	for _, r := range srv.Requests() {
		fmt.Printf("%d %q, dry run %t\n", r.Status, r.Code, r.Params.Has("DryRun"))
	}
	// Output:
	// 0 true
	// 0 true
	// 403 "Forbidden.RAM", dry run false
	// 200 "", dry run false
	// 403 "Forbidden.RAM", dry run true
}

// A permission is withdrawn in the middle of a listing and restored later.
func ExampleServer_UpdateKey() {
	srv := ecstest.NewServer(ecstest.FleetIn("cn-hangzhou", 500, 1)...)
	defer srv.Close()
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		panic(err)
	}
	list := func(deny ...string) (n int, err error) {
		for _, err := range client.Instances(context.Background(), ecs.DescribeInstancesRequest{}) {
			if err != nil {
				return n, err
			}
			if n++; n == 200 {
				srv.UpdateKey(srv.Credentials().AccessKeyID, func(k *ecstest.Key) { k.Deny = deny })
			}
		}
		return n, nil
	}
	n, err := list("*")
	fmt.Println(n, errors.Is(err, ecs.ErrForbidden))
	srv.UpdateKey(srv.Credentials().AccessKeyID, func(k *ecstest.Key) { k.Deny = nil })
	fmt.Println(list())
	// Output:
	// 200 true
	// 500 <nil>
}

// startUpCheck stands for a program that checks at startup whether it can access ECS.
func startUpCheck(ctx context.Context, client *ecs.Client) string {
	err := client.DryRun(ctx, ecs.DescribeInstancesRequest{})
	switch {
	case err == nil:
		return "ready"
	case errors.Is(err, ecs.ErrForbidden):
		return "no permission"
	case errors.Is(err, ecs.ErrCredentials):
		return "bad credentials"
	}
	return "other trouble"
}

// This example tests a startup check with every kind of invalid access key.
func ExampleKey() {
	srv := ecstest.NewServer()
	defer srv.Close()
	permanent := signer.Credentials{AccessKeyID: "LTAI-permanent", AccessKeySecret: "secret"}
	temporary := srv.IssueKey(time.Hour)
	wrongSecret, noToken := permanent, temporary
	wrongSecret.AccessKeySecret, noToken.SecurityToken = "another", ""
	check := func(state string, c signer.Credentials) {
		client, err := srv.Client("cn-hangzhou", &ecs.Options{Credentials: ecs.StaticCredentials(c.AccessKeyID, c.AccessKeySecret, c.SecurityToken)})
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s\n", state, startUpCheck(context.Background(), client))
	}

	check("unknown key", permanent)
	srv.AddKey(ecstest.Key{Credentials: permanent})
	check("valid key", permanent)
	check("wrong secret", wrongSecret)
	check("temporary key", temporary)
	check("missing token", noToken)
	srv.UpdateKey(temporary.AccessKeyID, func(k *ecstest.Key) { k.Expires = time.Now().Add(-time.Second) })
	check("expired token", temporary)
	srv.UpdateKey(permanent.AccessKeyID, func(k *ecstest.Key) { k.Disabled = true })
	check("inactive key", permanent)
	srv.AddKey(ecstest.Key{Credentials: permanent, DenyIn: map[string][]string{"cn-hangzhou": {"ecs:DescribeInstances"}}})
	check("no permission in this region", permanent)
	srv.AddKey(ecstest.Key{Credentials: permanent})
	srv.Configure(func(s *ecstest.Settings) { s.ClockSkew = time.Hour })
	check("wrong clock, which is corrected", permanent)
	// Output:
	// unknown key: bad credentials
	// valid key: ready
	// wrong secret: bad credentials
	// temporary key: ready
	// missing token: bad credentials
	// expired token: bad credentials
	// inactive key: bad credentials
	// no permission in this region: no permission
	// wrong clock, which is corrected: ready
}

// This example adds an operation that the server does not provide.
func ExampleServer_Handle() {
	srv := ecstest.NewServer(ecs.Instance{InstanceID: "i-1", Status: ecs.InstanceStatusRunning})
	defer srv.Close()
	srv.Handle("StopInstance", func(r ecstest.Request) (any, error) {
		stop := func(i *ecs.Instance) { i.Status = ecs.InstanceStatusStopped }
		if !srv.Update(r.Params.Get("InstanceId"), stop) {
			return nil, &ecs.Error{Code: "InvalidInstanceId.NotFound", Message: "The specified InstanceId does not exist."}
		}
		return nil, nil // the response contains only a RequestId
	})
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		panic(err)
	}
	for _, id := range []string{"i-1", "i-2"} {
		var e *ecs.Error
		params := struct{ InstanceId string }{id} //nolint:staticcheck // the API's name
		if err := client.Call(context.Background(), "StopInstance", params, &struct{}{}); errors.As(err, &e) {
			fmt.Println(id, e.StatusCode, e.Code)
		} else {
			fmt.Println(id, srv.Instances()[0].Status)
		}
	}
	// Output:
	// i-1 Stopped
	// i-2 404 InvalidInstanceId.NotFound
}

// lister is the part of an ecs.Client that the code under test uses.
type lister interface {
	Instances(ctx context.Context, req ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error]
}

// fakeLister implements lister without a server.
type fakeLister struct{}

func (fakeLister) Instances(context.Context, ecs.DescribeInstancesRequest) iter.Seq2[ecs.Instance, error] {
	return ecstest.Seq(ecs.ErrUnavailable, ecs.Instance{InstanceID: "i-1"}, ecs.Instance{InstanceID: "i-2"})
}

// This example uses a fake instead of a server. The code under test declares an interface with the method that it
// needs.
func ExampleSeq() {
	var client lister = fakeLister{}
	for i, err := range client.Instances(context.Background(), ecs.DescribeInstancesRequest{}) {
		fmt.Println(i.InstanceID, errors.Is(err, ecs.ErrUnavailable))
	}
	// Output:
	// i-1 false
	// i-2 false
	//  true
}

// This example uses httpmock instead of package ecstest to return a fixed response.
func Example_httpmock() {
	transport := httpmock.NewMockTransport()
	transport.RegisterResponder(http.MethodPost, "=~^https://ecs.cn-hangzhou.aliyuncs.com/",
		httpmock.NewStringResponder(http.StatusOK, `{"RequestId":"r-1","Instances":{"Instance":[{"InstanceId":"i-1","InstanceName":"web-1"}]}}`))
	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
		HTTPClient:  &http.Client{Transport: transport},
		Endpoint:    "https://ecs.cn-hangzhou.aliyuncs.com",
		Credentials: ecs.StaticCredentials("id", "secret", ""),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(runningNames(context.Background(), client))
	// Output: [web-1] <nil>
}

// The fleet changes between two pages. The listing still contains every instance that exists throughout.
func ExampleServer_Configure() {
	srv := ecstest.NewServer(ecstest.Fleet(3000, 1)...)
	defer srv.Close()
	released := 0
	srv.Configure(func(s *ecstest.Settings) {
		s.OnRequest = func(r ecstest.Request) {
			if r.Params.Get("NextToken") != "" && released == 0 {
				released++
				srv.Delete(srv.Instances()[0].InstanceID)
			}
		}
	})
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		panic(err)
	}
	listed := map[string]bool{}
	for i, err := range client.Instances(context.Background(), ecs.DescribeInstancesRequest{}) {
		if err != nil {
			panic(err)
		}
		listed[i.InstanceID] = true
	}
	lost := 0
	for _, i := range srv.Instances() {
		if i.RegionID == "cn-hangzhou" && !listed[i.InstanceID] {
			lost++
		}
	}
	fmt.Println(released, "released,", lost, "lost")
	// Output: 1 released, 0 lost
}

// An instance stops while the code under test polls its status.
func ExampleServer_Update() {
	srv := ecstest.NewServer(ecs.Instance{InstanceID: "i-1", Status: ecs.InstanceStatusStopping})
	defer srv.Close()
	srv.Configure(func(s *ecstest.Settings) {
		s.OnRequest = func(ecstest.Request) {
			if len(srv.Requests()) == 3 {
				srv.Update("i-1", func(i *ecs.Instance) {
					i.Status, i.StoppedMode = ecs.InstanceStatusStopped, ecs.StoppedModeStopCharging
				})
			}
		}
	})
	client, err := srv.Client("cn-hangzhou", nil)
	if err != nil {
		panic(err)
	}
	for range 3 {
		page, err := client.DescribeInstances(context.Background(), ecs.DescribeInstancesRequest{InstanceIDs: ecs.JSONList{"i-1"}})
		if err != nil {
			panic(err)
		}
		fmt.Println(page.Instances[0].Status)
	}
	// Output:
	// Stopping
	// Stopping
	// Stopped
}

// Fleet returns instances for tests that need many different instances.
func ExampleFleet() {
	regions := map[string]int{}
	for _, i := range ecstest.Fleet(1000, 1) {
		regions[i.RegionID]++
	}
	total := 0
	for _, n := range regions {
		total += n
	}
	fmt.Println(total, slices.Sorted(maps.Keys(regions)))
	// Output: 1000 [ap-southeast-1 cn-beijing cn-hangzhou cn-shanghai cn-shenzhen eu-central-1]
}

// TestWaiter shows how to test a waiter in virtual time.
func TestWaiter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := ecstest.NewPipeServer(ecs.Instance{InstanceID: "i-1", Status: ecs.InstanceStatusStarting})
		defer srv.Close()
		client, err := srv.Client("cn-hangzhou", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer client.CloseIdleConnections()
		time.AfterFunc(2*time.Minute, func() {
			srv.Update("i-1", func(i *ecs.Instance) { i.Status = ecs.InstanceStatusRunning })
		})
		begin := time.Now()
		if _, err := client.WaitForStatus(t.Context(), ecs.InstanceStatusRunning, "i-1"); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < 2*time.Minute || waited > 3*time.Minute {
			t.Errorf("returned after %v", waited)
		}
	})
}
