// Command check reports at start-up whether a program will be able to list instances.
//
//	go run ./examples/check -demo
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to check")
	inMemory := flag.Bool("demo", false, "check an in-memory ECS, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	client, done, err := demo.Client(*inMemory, *region, nil)
	if err != nil {
		log.Fatal(err)
	}
	report := client.Check(ctx, &ecs.CheckOptions{
		Requests: []ecs.DescribeInstancesRequest{{Status: ecs.InstanceStatusRunning}}, // the request that the program will send later
		OnStep:   func(s ecs.CheckStep) { fmt.Printf("%-8s %-11s %-17s %s\n", s.Status, s.Name, s.Action, s.Detail) },
	})
	done()
	var dns *net.DNSError
	switch err := report.Err(); {
	case err == nil:
		fmt.Println("ready")
	case errors.Is(err, ecs.ErrForbidden) && report.Policy() != "":
		log.Fatalf("attach this policy to the caller:\n%s", report.Policy())
	case errors.As(err, &dns) && dns.IsNotFound: // the host does not exist: the region may be misspelled
		log.Fatal(err)
	case errors.Is(err, ecs.ErrUnavailable), errors.Is(err, ecs.ErrThrottled):
		log.Fatalf("try again later: %v", err) // the failure is temporary
	default:
		log.Fatal(err)
	}
}
