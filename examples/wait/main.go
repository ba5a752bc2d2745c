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
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region of the instances")
	timeout := flag.Duration("timeout", 5*time.Minute, "maximum time to wait")
	inMemory := flag.Bool("demo", false, "wait for two simulated instances, one of which starts after a second")
	flag.Parse()
	if flag.NArg() == 0 != *inMemory {
		fmt.Fprintln(os.Stderr, "usage: wait [-region R] [-timeout D] ID...\n       wait -demo")
		flag.PrintDefaults()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout) // WaitForStatus returns when ctx is done
	defer cancel()
	if err := wait(ctx, *region, flag.Args(), *inMemory); err != nil {
		log.Fatal(err)
	}
}

func wait(ctx context.Context, region string, ids []string, inMemory bool) error {
	if inMemory {
		ids = []string{"i-bp1quick", "i-bp1slow"}
	}
	client, done, err := demo.ChangingClient(inMemory, region, // without -demo, this calls ecs.NewClient(region, nil)
		func(s *ecstest.Server) {
			s.Update("i-bp1slow", func(i *ecs.Instance) { i.Status = ecs.InstanceStatusRunning })
		},
		ecs.Instance{InstanceID: "i-bp1quick", RegionID: region, Status: ecs.InstanceStatusRunning},
		ecs.Instance{InstanceID: "i-bp1slow", RegionID: region, Status: ecs.InstanceStatusPending})
	if err != nil {
		return err
	}
	defer done()

	running, err := client.WaitForStatus(ctx, ecs.InstanceStatusRunning, ids...)
	for _, inst := range running { // after an error, these instances are already running
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
