// Command call asks for the status of all instances by an operation that the client has no method for.
//
//	go run ./examples/call -demo
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/signal"
	"slices"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

// The operation's parameters and answer, with the API's names. It takes a repeat list of ids and pages by number.
type statusRequest struct {
	InstanceIDs ecs.RepeatList[string] `url:"InstanceId"` // InstanceId.1, InstanceId.2 …; none is all
	PageNumber  int                    `url:"PageNumber"`
	PageSize    int                    `url:"PageSize"` // at most 50
}

type statusResponse struct {
	TotalCount       int
	InstanceStatuses struct {
		InstanceStatus []struct {
			InstanceID string `json:"InstanceId"`
			Status     ecs.InstanceStatus
		}
	}
}

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to ask")
	inMemory := flag.Bool("demo", false, "ask for a made-up fleet, no account needed")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := count(ctx, *region, *inMemory); err != nil {
		log.Fatal(err)
	}
}

func count(ctx context.Context, region string, inMemory bool) error {
	client, done, err := demo.Client(inMemory, region, nil) // outside a demo: ecs.NewClient(region, nil)
	if err != nil {
		return err
	}
	defer done()

	seen, instances := 0, map[ecs.InstanceStatus]int{}
	for page := 1; ; page++ {
		var answer statusResponse
		if err := client.Call(ctx, "DescribeInstanceStatus", statusRequest{PageNumber: page, PageSize: 50}, &answer); err != nil {
			return err
		}
		for _, s := range answer.InstanceStatuses.InstanceStatus {
			instances[s.Status]++
			seen++
		}
		if len(answer.InstanceStatuses.InstanceStatus) == 0 || seen >= answer.TotalCount {
			break
		}
	}
	for _, status := range slices.Sorted(maps.Keys(instances)) {
		fmt.Printf("%-10s %d\n", status, instances[status])
	}
	return nil
}
