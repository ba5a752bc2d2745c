// Command errors makes requests that fail, and shows how a program can tell their errors apart.
//
//	go run ./examples/errors -demo
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to use")
	inMemory := flag.Bool("demo", false, "use an in-memory ECS, without an account")
	flag.Parse()
	if err := provoke(context.Background(), *region, *inMemory); err != nil {
		log.Fatal(err)
	}
}

// explain returns a message for users about an error.
func explain(err error) string {
	var missing *ecs.NotFoundError
	var failed *ecs.Error // every failed call returns an *ecs.Error
	switch {
	case err == nil:
		return "no error"
	case errors.As(err, &missing):
		return fmt.Sprintf("not found: %v; all other instances were found", missing.InstanceIDs)
	case errors.Is(err, context.Canceled):
		return "canceled by this program; the API returned no error"
	case errors.Is(err, ecs.ErrCredentials):
		return "wrong or missing credentials: retrying does not help"
	case errors.Is(err, ecs.ErrForbidden):
		return "no permission: grant ecs:DescribeInstances"
	case errors.Is(err, ecs.ErrInvalidParameter):
		return "a bug in the program: the request is invalid"
	case errors.Is(err, ecs.ErrThrottled), errors.Is(err, ecs.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return "try again later, or with a longer timeout: the client's own retries did not succeed"
	case errors.As(err, &failed):
		return fmt.Sprintf("code %s, HTTP status %d, request %s, %d attempts", failed.Code, failed.StatusCode, failed.RequestID, failed.Attempts)
	default:
		return "unexpected"
	}
}

func provoke(ctx context.Context, region string, inMemory bool) error {
	client, done, err := demo.Client(inMemory, region, nil) // without -demo, this calls ecs.NewClient(region, nil)
	if err != nil {
		return err
	}
	defer done()
	show := func(what string, err error) { fmt.Printf("%s: %s\n  %v\n", what, explain(err), err) }

	show("permission to list", client.DryRun(ctx, ecs.DescribeInstancesRequest{}))
	_, err = client.GetInstances(ctx, "i-nosuchinstance")
	show("an instance that does not exist", err)
	show("a tag without key", client.DryRun(ctx, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Value: "prod"}}}))
	short, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()
	show("a response within a nanosecond", client.DryRun(short, ecs.DescribeInstancesRequest{}))
	show("an operation that does not exist", client.Call(ctx, "DescribeNothing", nil, nil))
	if inMemory { // do not send a wrong key to the real API
		wrong := client.WithCredentials(ecs.StaticCredentials("LTAImadeup", "wrong", ""))
		show("a key that does not exist", wrong.DryRun(ctx, ecs.DescribeInstancesRequest{}))
	}
	return nil
}
