// Command ours lists instances with this SDK.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

func main() {
	client, err := ecs.NewClient("cn-hangzhou", nil)
	if err != nil {
		log.Fatal(err)
	}
	for inst, err := range client.Instances(context.Background(), ecs.DescribeInstancesRequest{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(inst.InstanceID, inst.Status)
	}
}
