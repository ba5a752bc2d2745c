// Command wait waits until instances are running.
//
//	go run ./examples/wait -demo
//	go run ./examples/wait -region cn-hangzhou i-bp1example1 i-bp1example2
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region of the instances")
	timeout := flag.Duration("timeout", 5*time.Minute, "how long to wait")
	inMemory := flag.Bool("demo", false, "wait for two made-up instances, no account needed")
	flag.Parse()
	if flag.NArg() == 0 != *inMemory {
		fmt.Fprintln(os.Stderr, "usage: wait [-region R] [-timeout D] ID...\n       wait -demo")
		flag.PrintDefaults()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout) // the wait ends when its context is done
	defer cancel()
	var err error
	if *inMemory {
		err = waitDemo(ctx, *region)
	} else if client, bad := ecs.NewClient(*region, nil); bad != nil {
		err = bad
	} else {
		err = wait(ctx, client, flag.Args())
	}
	if err != nil {
		log.Fatal(err)
	}
}

// waitDemo waits for two made-up instances, one of which takes a second to start.
func waitDemo(ctx context.Context, region string) error {
	server := ecstest.NewServer(
		ecs.Instance{InstanceID: "i-bp1quick", RegionID: region, Status: ecs.InstanceStatusRunning},
		ecs.Instance{InstanceID: "i-bp1slow", RegionID: region, Status: ecs.InstanceStatusPending})
	defer server.Close()
	time.AfterFunc(time.Second, func() {
		server.Update("i-bp1slow", func(i *ecs.Instance) { i.Status = ecs.InstanceStatusRunning })
	})
	client, err := server.Client(region, &ecs.Options{Poll: ecs.PollPolicy{MinDelay: 200 * time.Millisecond}})
	if err != nil {
		return err
	}
	return wait(ctx, client, []string{"i-bp1quick", "i-bp1slow"})
}

func wait(ctx context.Context, client *ecs.Client, ids []string) error {
	running, err := client.WaitForStatus(ctx, ecs.InstanceStatusRunning, ids...)
	for _, inst := range running { // also those of a wait that failed
		fmt.Println(inst.InstanceID, inst.Status)
	}
	var w *ecs.WaitError
	if errors.As(err, &w) {
		for id, status := range w.Pending {
			fmt.Println(id, "is still", status)
		}
	}
	return err
}
