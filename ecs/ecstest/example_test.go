package ecstest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// runningNames stands for the code under test.
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

// Code that lists instances, against a server with three of them.
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

// The third request fails twice; the client tries again and nothing is lost.
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

// A caller without permission is answered with an empty list. The client finds out by a dry run.
func ExampleServer_AddKey() {
	srv := ecstest.NewServer(ecstest.Fleet(100, 1)...)
	defer srv.Close()
	guest := signer.Credentials{AccessKeyID: "LTAI-guest", AccessKeySecret: "secret"}
	srv.AddKey(ecstest.Key{Credentials: guest, Deny: []string{"DescribeInstances"}})
	client, err := srv.Client("cn-hangzhou", &ecs.Options{
		Credentials: ecs.StaticCredentials(guest.AccessKeyID, guest.AccessKeySecret, guest.SecurityToken),
	})
	if err != nil {
		panic(err)
	}
	names, err := runningNames(context.Background(), client)
	fmt.Println(len(names), errors.Is(err, ecs.ErrForbidden))
	for _, r := range srv.Requests() {
		fmt.Printf("%d %q\n", r.Status, r.Code)
	}
	// Output:
	// 0 true
	// 200 ""
	// 403 "Forbidden.RAM"
}

// The fleet changes between two pages: what stays is still listed.
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

// An instance that takes its time to stop, as a waiter sees it.
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

// A fleet for tests that want many instances of all kinds.
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
