// Command regions prints the number of instances in every region.
//
//	go run ./examples/regions -demo
package main

import (
	"context"
	"errors"
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

func main() {
	home := flag.String("region", "cn-hangzhou", "the region whose endpoint returns the list of regions")
	inMemory := flag.Bool("demo", false, "list generated instances, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, done, err := demo.Client(*inMemory, *home, nil) // without -demo, this calls ecs.NewClient(*home, nil)
	if err != nil {
		log.Fatal(err)
	}
	err = count(ctx, client)
	done()
	if err != nil {
		log.Fatal(err)
	}
}

func count(ctx context.Context, client *ecs.Client) error {
	instances, failed := map[string]int{}, 0
	for inst, err := range client.InstancesInRegions(ctx, nil, ecs.DescribeInstancesRequest{}, nil) { // nil selects all regions
		var region *ecs.RegionError
		if errors.As(err, &region) {
			log.Print(region) // the loop continues with the other regions
			failed++
			continue
		}
		if err != nil {
			return err
		}
		instances[inst.RegionID]++
	}
	for _, region := range slices.Sorted(maps.Keys(instances)) {
		fmt.Printf("%-16s %d\n", region, instances[region])
	}
	if failed > 0 {
		return fmt.Errorf("%d regions could not be listed completely", failed)
	}
	return nil
}
