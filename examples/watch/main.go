// Command watch prints the instances of a region and then reports each change.
//
//	go run ./examples/watch -demo
//	go run ./examples/watch -region cn-hangzhou -interval 30s
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to watch")
	interval := flag.Duration("interval", time.Minute, "time between two listings")
	inMemory := flag.Bool("demo", false, "watch two simulated instances for three seconds, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *inMemory {
		*interval = 200 * time.Millisecond
		ctx, stop = context.WithTimeout(ctx, 3*time.Second)
		defer stop()
	}
	if err := watch(ctx, *region, *interval, *inMemory); err != nil {
		log.Fatal(err)
	}
}

func watch(ctx context.Context, region string, interval time.Duration, inMemory bool) error {
	client, done, err := demo.ChangingClient(inMemory, region, // without -demo, this calls ecs.NewClient(region, nil)
		func(s *ecstest.Server) {
			s.Update("i-bp1web", func(i *ecs.Instance) { i.InstanceName = "web-2" })
			s.Delete("i-bp1db")
		},
		ecs.Instance{InstanceID: "i-bp1web", InstanceName: "web", RegionID: region},
		ecs.Instance{InstanceID: "i-bp1db", InstanceName: "db", RegionID: region})
	if err != nil {
		return err
	}
	defer done()

	cache, err := ecscache.New(client, ecs.DescribeInstancesRequest{}, &ecscache.Options{
		Interval: interval,
		OnError:  func(err error) { log.Print(err) }, // the cache keeps its instances, and the next listing may succeed
	})
	if err != nil {
		return err
	}
	go func() { _ = cache.Run(ctx) }()
	for ev := range cache.Watch(ctx) {
		switch ev.Type {
		case ecscache.EventChanged:
			fmt.Println("changed", ev.Instance.InstanceID, ev.Old.InstanceName, "->", ev.Instance.InstanceName)
		case ecscache.EventSynced: // all existing instances have been printed
			fmt.Println("watching", client.Region())
		case ecscache.EventAdded, ecscache.EventRemoved: // EventRemoved means that a complete listing no longer contains the instance
			fmt.Println(ev.Type, ev.Instance.InstanceID, ev.Instance.InstanceName)
		}
	}
	return nil
}
