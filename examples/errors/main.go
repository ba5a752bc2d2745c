// Command errors makes calls that fail, and shows how to tell the errors apart.
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
	inMemory := flag.Bool("demo", false, "use an in-memory ECS, no account needed")
	flag.Parse()
	if err := provoke(context.Background(), *region, *inMemory); err != nil {
		log.Fatal(err)
	}
}

// explain describes an error for the caller: first the special types, then the general kinds.
func explain(err error) string {
	var e *ecs.NotFoundError
	if errors.As(err, &e) {
		return fmt.Sprintf("not found: %v; the others were found", e.InstanceIDs)
	}
	switch {
	case err == nil:
		return "no error"
	case errors.Is(err, context.Canceled):
		return "cancelled by this program, not an error of the API"
	case errors.Is(err, ecs.ErrCredentials):
		return "wrong or missing credentials: retrying does not help"
	case errors.Is(err, ecs.ErrForbidden):
		return "no permission: grant ecs:DescribeInstances"
	case errors.Is(err, ecs.ErrInvalidParameter):
		return "a bug in the request"
	}
	var failed *ecs.Error
	ok := errors.As(err, &failed) // every failed call returns one, and its fields say more
	switch {
	case errors.Is(err, ecs.ErrThrottled), errors.Is(err, ecs.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		if ok && failed.Attempts > 1 {
			return "it was retried already: try again later, or with more time"
		}
		return "try again later, or with more time"
	case ok:
		return fmt.Sprintf("code %s, HTTP status %d, request %s, %d attempts", failed.Code, failed.StatusCode, failed.RequestID, failed.Attempts)
	default:
		return "unexpected"
	}
}

func provoke(ctx context.Context, region string, inMemory bool) error {
	client, done, err := demo.Client(inMemory, region, nil)
	if err != nil {
		return err
	}
	defer done()
	unknown := client
	if inMemory { // a wrong key must not be sent to the real API
		key := ecs.StaticCredentials("LTAImadeup", "wrong", "")
		if unknown, done, err = demo.Client(true, region, &ecs.Options{Credentials: key}); err != nil {
			return err
		}
		defer done()
	}
	short, cancel := context.WithTimeout(ctx, time.Nanosecond)
	defer cancel()

	_, missing := client.GetInstances(ctx, "i-nosuchinstance")
	for _, failure := range []struct {
		what string
		err  error
	}{
		{"permission to list", client.DryRun(ctx, ecs.DescribeInstancesRequest{})},
		{"an instance that does not exist", missing},
		{"a tag without key", client.DryRun(ctx, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{{Value: "prod"}}})},
		{"a response within a nanosecond", client.DryRun(short, ecs.DescribeInstancesRequest{})},
		{"an operation that does not exist", client.Call(ctx, "DescribeNothing", nil, nil)},
		{"a key that does not exist", unknown.DryRun(ctx, ecs.DescribeInstancesRequest{})},
	} {
		fmt.Printf("%s: %s\n  %v\n", failure.what, explain(failure.err), failure.err)
	}
	return nil
}
