// Command dryrun reports whether the caller is permitted to list the instances of a region. An empty listing alone
// does not prove that listing is permitted.
//
//	go run ./examples/dryrun -demo
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
)

func main() {
	region := flag.String("region", "cn-hangzhou", "the region to check")
	inMemory := flag.Bool("demo", false, "use an in-memory ECS, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	permitted, err := mayList(ctx, *region, *inMemory)
	switch {
	case err != nil:
		log.Fatal(err) // the check failed, so the permission is unknown
	case !permitted:
		fmt.Println("listing the instances of", *region, "is not permitted")
		os.Exit(3)
	default:
		fmt.Println("listing the instances of", *region, "is permitted")
	}
}

func mayList(ctx context.Context, region string, inMemory bool) (bool, error) {
	client, done, err := demo.Client(inMemory, region, nil)
	if err != nil {
		return false, err
	}
	defer done()

	err = client.DryRun(ctx, ecs.DescribeInstancesRequest{})
	if errors.Is(err, ecs.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}
