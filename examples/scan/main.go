// Command scan lists a large region with concurrent requests.
//
//	go run ./examples/scan -demo -workers 16
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to list")
	workers := flag.Int("workers", 8, "maximum number of concurrent requests")
	inMemory := flag.Bool("demo", false, "list generated instances, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := scan(ctx, *region, *workers, *inMemory); err != nil {
		log.Fatal(err)
	}
}

func scan(ctx context.Context, region string, workers int, inMemory bool) error {
	var requests atomic.Int64
	client, done, err := demo.Client(inMemory, region, &ecs.Options{OnAttempt: func(ecs.Attempt) { requests.Add(1) }})
	if err != nil {
		return err
	}
	defer done()

	n, cores := 0, 0
	for inst, err := range client.ScanInstances(ctx, ecs.DescribeInstancesRequest{}, &ecs.ScanOptions{Workers: workers}) {
		if err != nil {
			return err // the scan stops at the first error
		}
		n++
		cores += inst.CPU
	}
	fmt.Printf("%d instances with %d vCPUs in %s\n", n, cores, region)
	log.Print(requests.Load(), " requests") // includes requests that only count instances
	return nil
}
