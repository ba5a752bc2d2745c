package ecs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/aliyun/credentials-go/credentials"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/signer"
)

// inMemory returns a server that represents an account with four instances in two regions.
func inMemory() *ecstest.Server {
	prod := []ecs.Tag{{Key: "env", Value: "prod"}}
	created := time.Date(2024, 5, 1, 8, 30, 0, 0, time.UTC)
	return ecstest.NewServer(
		ecs.Instance{InstanceID: "i-1", InstanceName: "web-1", Status: ecs.InstanceStatusRunning, RegionID: "cn-hangzhou", CreationTime: created, Tags: prod},
		ecs.Instance{InstanceID: "i-2", InstanceName: "web-2", Status: ecs.InstanceStatusRunning, RegionID: "cn-hangzhou", CreationTime: created, Tags: prod},
		ecs.Instance{InstanceID: "i-3", InstanceName: "db-1", Status: ecs.InstanceStatusStopped, RegionID: "cn-hangzhou", CreationTime: created},
		ecs.Instance{InstanceID: "i-4", InstanceName: "web-1", Status: ecs.InstanceStatusRunning, RegionID: "eu-central-1", CreationTime: created},
	)
}

// connect returns a client that is connected to an in-memory server. A real program would call ecs.NewClient instead.
func connect(opts *ecs.Options) (client *ecs.Client, done func()) {
	server := inMemory()
	client, err := server.Client("cn-hangzhou", opts)
	if err != nil {
		panic(err)
	}
	return client, server.Close
}

// This client uses the VPC endpoint, signs requests with headers, and retries for longer than the default.
func ExampleNewClient() {
	client, err := ecs.NewClient("cn-hangzhou", &ecs.Options{
		Network: ecs.NetworkVPC,
		Signer:  signer.V3{},
		Retry:   ecs.RetryPolicy{MaxAttempts: 5, AttemptTimeout: 30 * time.Second},
	})
	fmt.Println(client, err)

	_, err = ecs.NewClient("Hangzhou", nil)
	fmt.Println(errors.Is(err, ecs.ErrInvalidParameter), err)
	// Output:
	// ecs.Client(cn-hangzhou at ecs-vpc.cn-hangzhou.aliyuncs.com) <nil>
	// true ecs: NewClient: region "Hangzhou" is not a region id: use a region id such as "cn-hangzhou"
}

func ExampleClient_Instances() {
	client, done := connect(nil) // in a real program: ecs.NewClient("cn-hangzhou", nil)
	defer done()

	for inst, err := range client.Instances(context.Background(), ecs.DescribeInstancesRequest{Status: ecs.InstanceStatusRunning}) {
		if err != nil {
			fmt.Println(err) // the listing is incomplete
			return
		}
		fmt.Println(inst.InstanceID, inst.InstanceName)
	}
	// Output:
	// i-1 web-1
	// i-2 web-2
}

// An instance must match all filters.
func ExampleClient_Instances_filters() {
	client, done := connect(nil)
	defer done()

	optimized := false // IOOptimized is a pointer, because false is a filter, too
	req := ecs.DescribeInstancesRequest{
		InstanceName: "web-*",
		Tags:         []ecs.Tag{{Key: "env", Value: "prod"}},
		CreatedAfter: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		IOOptimized:  &optimized,
	}
	for inst, err := range client.Instances(context.Background(), req) {
		fmt.Println(inst.InstanceID, err)
	}
	// Output:
	// i-1 <nil>
	// i-2 <nil>
}

func ExampleClient_StreamInstances() {
	client, done := connect(nil)
	defer done()

	stream := client.StreamInstances(context.Background(), ecs.DescribeInstancesRequest{})
	defer stream.Stop()

	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		names   []string
	)
	for range 3 {
		workers.Go(func() {
			for inst := range stream.C {
				mu.Lock()
				names = append(names, inst.InstanceName)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	if err := stream.Err(); err != nil { // nil means that the listing is complete
		fmt.Println(err)
		return
	}
	slices.Sort(names)
	fmt.Println(names)
	// Output: [db-1 web-1 web-2]
}

func ExampleClient_InstancePages() {
	client, done := connect(nil)
	defer done()

	for page, err := range client.InstancePages(context.Background(), ecs.DescribeInstancesRequest{MaxResults: 50}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(page.Instances), "instances, request id:", page.RequestID != "")
	}
	// Output: 3 instances, request id: true
}

func ExampleClient_ScanInstances() {
	server := ecstest.NewServer(ecstest.Fleet(5000, 1)...)
	defer server.Close()
	client, err := server.Client("cn-hangzhou", nil) // in a real program: ecs.NewClient("cn-hangzhou", nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	byStatus := map[ecs.InstanceStatus]int{}
	for inst, err := range client.ScanInstances(context.Background(), ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: 16}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		byStatus[inst.Status]++
	}
	fmt.Println(byStatus[ecs.InstanceStatusRunning] > 1000)
	// Output: true
}

// If a region cannot be listed, the loop yields an error for that region and continues with the other regions.
func ExampleClient_InstancesInRegions() {
	client, done := connect(nil)
	defer done()

	ids := map[string][]string{}
	regions := []string{"cn-hangzhou", "eu-central-1", "cn-atlantis"} // nil means all regions
	for inst, err := range client.InstancesInRegions(context.Background(), regions, ecs.DescribeInstancesRequest{}, nil) {
		var failed *ecs.RegionError
		if errors.As(err, &failed) {
			fmt.Println("failed:", failed.Region)
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		ids[inst.RegionID] = append(ids[inst.RegionID], inst.InstanceID)
	}
	fmt.Println(ids)
	// Output:
	// failed: cn-atlantis
	// map[cn-hangzhou:[i-1 i-2 i-3] eu-central-1:[i-4]]
}

func ExampleClient_GetInstance() {
	client, done := connect(nil)
	defer done()

	inst, err := client.GetInstance(context.Background(), "i-1")
	fmt.Println(inst.InstanceName, err)

	_, err = client.GetInstance(context.Background(), "i-gone")
	fmt.Println(errors.Is(err, ecs.ErrNotFound))
	// Output:
	// web-1 <nil>
	// true
}

func ExampleClient_GetInstances() {
	client, done := connect(nil)
	defer done()

	instances, err := client.GetInstances(context.Background(), "i-3", "i-gone", "i-1")
	for _, inst := range instances {
		fmt.Println(inst.InstanceID, inst.Status)
	}
	var missing *ecs.NotFoundError
	if errors.As(err, &missing) {
		fmt.Println("missing:", missing.InstanceIDs)
	}
	// Output:
	// i-3 Stopped
	// i-1 Running
	// missing: [i-gone]
}

// DescribeInstances returns a single page, for example for a user interface.
func ExampleClient_DescribeInstances() {
	client, done := connect(nil)
	defer done()

	page, err := client.DescribeInstances(context.Background(), ecs.DescribeInstancesRequest{MaxResults: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d instances, next page %q\n", len(page.Instances), page.NextToken)
	// Output: 3 instances, next page ""
}

// A missing permission always causes an error, even if the API returns an empty list.
func ExampleClient_DryRun() {
	server := inMemory()
	defer server.Close()
	server.AddKey(ecstest.Key{Credentials: signer.Credentials{AccessKeyID: "id", AccessKeySecret: "secret"}, Deny: []string{"*"}})
	client, err := server.Client("cn-hangzhou", &ecs.Options{Credentials: ecs.StaticCredentials("id", "secret", "")})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	fmt.Println(errors.Is(client.DryRun(ctx, ecs.DescribeInstancesRequest{}), ecs.ErrForbidden))
	for _, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{}) {
		fmt.Println(errors.Is(err, ecs.ErrForbidden))
	}
	// Output:
	// true
	// true
}

func ExampleClient_WaitForStatus() {
	server := inMemory()
	defer server.Close()
	// By default, the first delay between polls is 2 s.
	client, err := server.Client("cn-hangzhou", &ecs.Options{Poll: ecs.PollPolicy{MinDelay: time.Millisecond}})
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Update("i-3", func(inst *ecs.Instance) { inst.Status = ecs.InstanceStatusRunning })

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	instances, err := client.WaitForStatus(ctx, ecs.InstanceStatusRunning, "i-1", "i-3")
	var waitErr *ecs.WaitError
	if errors.As(err, &waitErr) {
		fmt.Println("not yet:", waitErr.Pending)
	}
	fmt.Println(len(instances), err)
	// Output: 2 <nil>
}

func ExampleClient_WaitUntilGone() {
	server := inMemory()
	defer server.Close()
	client, err := server.Client("cn-hangzhou", &ecs.Options{Poll: ecs.PollPolicy{MinDelay: time.Millisecond}})
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Delete("i-3")

	fmt.Println(client.WaitUntilGone(context.Background(), "i-3"))
	// Output: <nil>
}

func ExampleClient_ListTagResources() {
	client, done := connect(nil)
	defer done()

	req := ecs.ListTagResourcesRequest{Tags: []ecs.Tag{{Key: "env"}}} // a tag without a value matches any value
	for tag, err := range client.ListTagResources(context.Background(), req) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tag.ResourceID, tag.TagKey, tag.TagValue)
	}
	// Output:
	// i-1 env prod
	// i-2 env prod
}

func ExampleClient_DescribeRegions() {
	client, done := connect(nil)
	defer done()

	resp, err := client.DescribeRegions(context.Background(), ecs.DescribeRegionsRequest{AcceptLanguage: "en-US"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(slices.ContainsFunc(resp.Regions, func(r ecs.Region) bool { return r.RegionID == "eu-central-1" }))
	// Output: true
}

// Call supports operations for which the client has no method.
func ExampleClient_Call() {
	client, done := connect(nil)
	defer done()

	params := struct {
		InstanceID ecs.RepeatList[string] `url:"InstanceId"` // InstanceId.1, InstanceId.2, …
		PageSize   int
	}{ecs.RepeatList[string]{"i-1", "i-3"}, 50}
	var result struct {
		InstanceStatuses struct {
			InstanceStatus []struct {
				InstanceID string `json:"InstanceId"`
				Status     ecs.InstanceStatus
			}
		}
	}
	if err := client.Call(context.Background(), "DescribeInstanceStatus", params, &result); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.InstanceStatuses.InstanceStatus)
	// Output: [{i-1 Running} {i-3 Stopped}]
}

// The client for another region shares the connections and settings of the original client.
func ExampleClient_InRegion() {
	client, done := connect(nil)
	defer done()

	frankfurt, err := client.InRegion("eu-central-1")
	if err != nil {
		fmt.Println(err)
		return
	}
	for inst, err := range frankfurt.Instances(context.Background(), ecs.DescribeInstancesRequest{}) {
		fmt.Println(frankfurt.Region(), inst.InstanceID, err)
	}
	// Output: eu-central-1 i-4 <nil>
}

// The kind of an error determines how to handle it, and the fields of Error are useful for logging.
func ExampleError() {
	client, done := connect(nil)
	defer done()

	err := client.DryRun(context.Background(), ecs.DescribeInstancesRequest{Status: "Paused"})
	switch {
	case errors.Is(err, ecs.ErrInvalidParameter):
		fmt.Println("fix the request")
	case errors.Is(err, ecs.ErrForbidden), errors.Is(err, ecs.ErrCredentials):
		fmt.Println("ask the administrator")
	case errors.Is(err, ecs.ErrThrottled), errors.Is(err, ecs.ErrUnavailable):
		fmt.Println("try again later")
	}
	var e *ecs.Error
	if errors.As(err, &e) {
		fmt.Println(e.StatusCode, e.Code, e.Attempts, e.RequestID != "")
	}
	// Output:
	// fix the request
	// 404 InvalidStatus.NotFound 1 true
}

func ExampleInstance() {
	var inst ecs.Instance
	text := `{
		"InstanceId": "i-1", "Cpu": 4, "ExpiredTime": "2099-12-31T15:59Z",
		"VpcAttributes": {"VpcId": "vpc-1", "PrivateIpAddress": {"IpAddress": ["10.0.0.7"]}},
		"EipAddress": {"AllocationId": "eip-1", "IpAddress": "203.0.113.9"},
		"Tags": {"Tag": [{"TagKey": "env", "TagValue": "prod"}]}
	}`
	if err := json.Unmarshal([]byte(text), &inst); err != nil { // listings decode instances in the same way
		fmt.Println(err)
		return
	}
	fmt.Println(inst.InstanceID, inst.CPU, inst.Tags[0].Value)
	fmt.Println(inst.PrivateAddr(), inst.PublicAddrs())
	_, expires := inst.Expires()
	fmt.Println(expires, inst.AutoReleaseTime.IsZero())
	// Output:
	// i-1 4 prod
	// 10.0.0.7 [203.0.113.9]
	// false true
}

// vault is a simple CredentialsProvider. A real provider should cache its key and refresh the key before it expires.
type vault struct{ key signer.Credentials }

func (v *vault) Credentials(context.Context) (signer.Credentials, error) { return v.key, nil }

func ExampleCredentialsProvider() {
	server := inMemory()
	defer server.Close()
	client, err := server.Client("cn-hangzhou", &ecs.Options{Credentials: &vault{server.Credentials()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.DryRun(context.Background(), ecs.DescribeInstancesRequest{}))
	// Output: <nil>
}

// CredentialsFrom accepts any credential of credentials-go, such as a RAM role to assume.
func ExampleCredentialsFrom() {
	role, err := credentials.NewCredential(new(credentials.Config).
		SetType("ram_role_arn").
		SetAccessKeyId("id").
		SetAccessKeySecret("secret").
		SetRoleArn("acs:ram::123456789012****:role/inventory").
		SetRoleSessionName("inventory"))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := ecs.NewClient("cn-beijing", &ecs.Options{Credentials: ecs.CredentialsFrom(role)})
	fmt.Println(client, err)
	// Output: ecs.Client(cn-beijing at ecs.cn-beijing.aliyuncs.com) <nil>
}

// OnAttempt is called after each HTTP request, including retries.
func ExampleOptions_onAttempt() {
	server := inMemory()
	defer server.Close()
	server.Inject(ecstest.Fault{Code: "ServiceUnavailable"})
	client, err := server.Client("cn-hangzhou", &ecs.Options{
		OnAttempt: func(a ecs.Attempt) { fmt.Printf("%s %d: %d %q\n", a.Action, a.Number, a.StatusCode, a.Code) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.DescribeInstances(context.Background(), ecs.DescribeInstancesRequest{})
	fmt.Println(err)
	// Output:
	// DescribeInstances 1: 503 "ServiceUnavailable"
	// DescribeInstances 2: 200 ""
	// <nil>
}

func ExampleOptions_logger() {
	server := inMemory()
	defer server.Close()
	server.Inject(ecstest.Fault{Code: "Throttling.User", Message: "Request was denied due to user flow control."})
	without := func(_ []string, a slog.Attr) slog.Attr { // remove the time, which differs between runs
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	client, err := server.Client("cn-hangzhou", &ecs.Options{
		Logger: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: without})),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.DescribeInstances(context.Background(), ecs.DescribeInstancesRequest{})
	fmt.Println(err)
	// Output:
	// level=INFO msg="ecs: retrying" action=DescribeInstances region=cn-hangzhou attempt=1 reason="Throttling.User Request was denied due to user flow control."
	// <nil>
}
