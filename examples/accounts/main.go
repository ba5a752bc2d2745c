// Command accounts lists the instances of several accounts at once, one for each profile of the vendor CLI.
//
//	go run ./examples/accounts -profiles dev,staging,prod
//	go run ./examples/accounts -demo
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"iter"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/examples/internal/demo"
	"github.com/aliyun-ecs/sdk-go/pagination"
)

func main() {
	profiles := flag.String("profiles", "dev,staging,prod", "the profiles to list")
	inMemory := flag.Bool("demo", false, "list a made-up fleet, no account needed")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := list(ctx, strings.Split(*profiles, ","), *inMemory); err != nil {
		log.Fatal(err)
	}
}

// owned is an instance and the profile of its account.
type owned struct {
	profile string
	ecs.Instance
}

func list(ctx context.Context, profiles []string, inMemory bool) error {
	first, done, err := demo.ClientOf(30, inMemory, "cn-hangzhou", nil)
	if err != nil {
		return err
	}
	defer done()
	var listings []func(context.Context) iter.Seq2[owned, error]
	for _, profile := range profiles {
		client := first // in a demo, every account has the same instances
		if !inMemory {
			region, err := ecs.ProfileRegion(profile)
			if err != nil {
				return err
			}
			// The clients share their connections, but each account has a quota of its own.
			client, err = first.WithCredentials(ecs.ProfileCredentials(profile)).InRegion(cmp.Or(region, first.Region()))
			if err != nil {
				return err
			}
		}
		listings = append(listings, func(ctx context.Context) iter.Seq2[owned, error] {
			return func(yield func(owned, error) bool) {
				for inst, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{}) {
					if err != nil {
						err = fmt.Errorf("account %s: %w", profile, err)
					}
					if !yield(owned{profile, inst}, err) {
						return
					}
				}
			}
		})
	}
	failed := 0
	for inst, err := range pagination.Merge(ctx, len(listings), listings...) {
		if err != nil { // the listings of the other accounts continue
			failed++
			log.Print(err)
			continue
		}
		fmt.Println(inst.profile, inst.InstanceID, inst.RegionID, inst.InstanceName)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d accounts are not complete", failed, len(profiles))
	}
	return nil
}
