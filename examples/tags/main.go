// Command tags counts the instances that have a tag, even if there are more than 1,000. The API returns at most 1,000
// instances for a tag filter.
//
//	go run ./examples/tags -demo -key env
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
	region := flag.String("region", "cn-hangzhou", "the region to list")
	key := flag.String("key", "env", "the tag's key")
	value := flag.String("value", "", `the tag's value; "" matches any value`)
	inMemory := flag.Bool("demo", false, "list generated instances, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := count(ctx, *region, ecs.Tag{Key: *key, Value: *value}, *inMemory); err != nil {
		log.Fatal(err)
	}
}

func count(ctx context.Context, region string, tag ecs.Tag, inMemory bool) error {
	const many = 15_000                                             // so more than 1,000 instances in cn-hangzhou have the tag
	client, done, err := demo.ClientOf(many, inMemory, region, nil) // without -demo, this calls ecs.NewClient(region, nil)
	if err != nil {
		return err
	}
	defer done()

	n := 0
	for _, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{Tags: []ecs.Tag{tag}}) {
		var capped *ecs.CappedError
		if errors.As(err, &capped) {
			return fmt.Errorf("there may be more than %d instances: grant ecs:ListTagResources to list all of them: %w", capped.Delivered, err)
		}
		if err != nil {
			return err
		}
		n++
	}
	name := tag.Key
	if tag.Value != "" {
		name += "=" + tag.Value
	}
	fmt.Printf("%d instances in %s have the tag %s\n", n, region, name)

	rows := 0 // number of instances, disks, images and other resources
	for row, err := range client.ListTagResources(ctx, ecs.ListTagResourcesRequest{Tags: []ecs.Tag{tag}}) {
		if err != nil {
			return err
		}
		if row.TagKey == tag.Key { // the API also returns the other tags of these resources
			rows++
		}
	}
	fmt.Printf("ListTagResources returns %d such tags\n", rows)
	return nil
}
