// Command watch prints the instances of a region, and then what appears, changes and disappears there.
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
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to watch")
	interval := flag.Duration("interval", time.Minute, "the time between two listings")
	inMemory := flag.Bool("demo", false, "watch two made-up instances for three seconds, no account needed")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *inMemory {
		err = watchDemo(ctx, *region)
	} else if client, bad := ecs.NewClient(*region, nil); bad != nil {
		err = bad
	} else {
		err = watch(ctx, client, *interval)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func watch(ctx context.Context, client *ecs.Client, interval time.Duration) error {
	cache, err := ecscache.New(client, ecs.DescribeInstancesRequest{}, &ecscache.Options{
		Interval: interval,
		OnError:  func(err error) { log.Print(err) }, // what is known stays, and the next listing may succeed
	})
	if err != nil {
		return err
	}
	go func() { _ = cache.Run(ctx) }()
	for ev := range cache.Watch(ctx) {
		switch ev.Type {
		case ecscache.EventChanged:
			fmt.Println("changed", ev.Instance.InstanceID, ev.Old.InstanceName, "->", ev.Instance.InstanceName)
		case ecscache.EventSynced: // all that was there has been printed
			fmt.Println("watching", client.Region())
		case ecscache.EventAdded, ecscache.EventRemoved: // removed: a complete listing did not have it any more
			fmt.Println(ev.Type, ev.Instance.InstanceID, ev.Instance.InstanceName)
		}
	}
	return nil
}

// watchDemo watches two instances of its own, both of which change after a second.
func watchDemo(ctx context.Context, region string) error {
	server := ecstest.NewServer(
		ecs.Instance{InstanceID: "i-bp1web", InstanceName: "web", RegionID: region},
		ecs.Instance{InstanceID: "i-bp1db", InstanceName: "db", RegionID: region})
	defer server.Close()
	client, err := server.Client(region, nil)
	if err != nil {
		return err
	}
	time.AfterFunc(time.Second, func() {
		server.Update("i-bp1web", func(i *ecs.Instance) { i.InstanceName = "web-2" })
		server.Delete("i-bp1db")
	})
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return watch(ctx, client, 200*time.Millisecond)
}
