// Command call counts instances by status with DescribeInstanceStatus, an operation for which the client has no method.
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

// statusRequest contains the DescribeInstanceStatus parameters that this program sets.
type statusRequest struct {
	PageNumber int `url:"PageNumber"`
	PageSize   int `url:"PageSize"` // at most 50
}

// statusResponse contains the parts of the DescribeInstanceStatus response that this program reads.
type statusResponse struct {
	TotalCount       int
	InstanceStatuses struct {
		InstanceStatus []struct{ Status ecs.InstanceStatus }
	}
}

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to list")
	inMemory := flag.Bool("demo", false, "list generated instances, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := count(ctx, *region, *inMemory); err != nil {
		log.Fatal(err)
	}
}

func count(ctx context.Context, region string, inMemory bool) error {
	client, done, err := demo.Client(inMemory, region, nil) // without -demo, this calls ecs.NewClient(region, nil)
	if err != nil {
		return err
	}
	defer done()

	const size = 50
	instances := map[ecs.InstanceStatus]int{}
	for page, pages := 1, 1; page <= pages; page++ {
		var response statusResponse
		if err := client.Call(ctx, "DescribeInstanceStatus", statusRequest{PageNumber: page, PageSize: size}, &response); err != nil {
			return err
		}
		for _, s := range response.InstanceStatuses.InstanceStatus {
			instances[s.Status]++
		}
		pages = (response.TotalCount + size - 1) / size
	}
	for _, status := range slices.Sorted(maps.Keys(instances)) {
		fmt.Printf("%-10s %d\n", status, instances[status])
	}
	return nil
}
