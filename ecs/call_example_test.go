package ecs_test

import (
	"context"
	"fmt"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// This example lists the names of all instances. A real program would use CallPages for an operation that has no method
// of its own, such as DescribeNetworkInterfaces.
func ExampleCallPages() {
	client, done := connect(nil) // in a real program: ecs.NewClient("cn-hangzhou", nil)
	defer done()

	type params struct {
		InstanceName string `url:"InstanceName,omitempty"`
		MaxResults   int    `url:"MaxResults"`
	}
	type named struct{ InstanceName string }
	for inst, err := range ecs.CallPages[named](context.Background(), client, "DescribeInstances", params{"web-*", 100}, "Instances.Instance") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(inst.InstanceName)
	}
	// Output:
	// web-1
	// web-2
}
