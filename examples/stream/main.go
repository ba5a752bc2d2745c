// Command stream sends the instances of a region through a channel to several goroutines.
//
//	go run ./examples/stream -demo
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to list")
	workers := flag.Int("workers", 4, "number of goroutines that process instances")
	inMemory := flag.Bool("demo", false, "list generated instances, without an account")
	flag.Parse()

	ctx, interrupt := signal.NotifyContext(context.Background(), os.Interrupt)
	defer interrupt()
	if err := stream(ctx, *region, *workers, *inMemory); err != nil {
		log.Fatal(err)
	}
}

func stream(ctx context.Context, region string, workers int, inMemory bool) error {
	client, done, err := demo.Client(inMemory, region, nil)
	if err != nil {
		return err
	}
	defer done()

	stream := client.StreamInstances(ctx, ecs.DescribeInstancesRequest{})
	defer stream.Stop() // stops the listing when this function returns early

	var wg sync.WaitGroup
	counts := make([]int, max(workers, 1))
	for worker := range counts {
		wg.Go(func() {
			for inst := range stream.C { // stream.C is closed when the listing ends
				if len(inst.PublicAddrs()) > 0 { // a real program would do slower work here
					counts[worker]++
				}
			}
		})
	}
	wg.Wait()
	if err := stream.Err(); err != nil { // nil if the listing is complete
		return err
	}

	total := 0
	for _, n := range counts {
		total += n
	}
	fmt.Printf("%d instances of %s have a public address, found by %d workers\n", total, region, len(counts))
	return nil
}
