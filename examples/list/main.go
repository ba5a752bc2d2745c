// Command list prints every instance of a region.
//
//	go run ./examples/list -demo
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to list")
	inMemory := flag.Bool("demo", false, "list generated instances, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := list(ctx, *region, *inMemory); err != nil {
		log.Fatal(err)
	}
}

func list(ctx context.Context, region string, inMemory bool) error {
	client, done, err := demo.Client(inMemory, region, nil) // without -demo, this calls ecs.NewClient(region, nil)
	if err != nil {
		return err
	}
	defer done()

	running := ecs.DescribeInstancesRequest{Status: ecs.InstanceStatusRunning}
	n := 0
	for inst, err := range client.Instances(ctx, running) {
		if err != nil {
			return err // the program has printed only some of the instances
		}
		fmt.Println(inst.InstanceID, inst.InstanceType, inst.ZoneID, inst.PrivateAddr(), inst.InstanceName)
		n++
	}
	fmt.Println(n, "running instances in", region) // a missing permission would be an error, not an empty listing
	return nil
}
