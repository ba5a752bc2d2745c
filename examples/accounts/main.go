// Command accounts lists the instances of several accounts concurrently. Each account is a profile of the vendor CLI.
//
//	go run ./examples/accounts -profiles dev,staging,prod
//	go run ./examples/accounts -demo
package main

import (
	"cmp"
	"context"
	"errors"
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
	profiles := flag.String("profiles", "dev,staging,prod", "profiles of the accounts to list, separated by commas")
	inMemory := flag.Bool("demo", false, "list generated instances for each profile, without an account")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := list(ctx, strings.Split(*profiles, ","), *inMemory); err != nil {
		log.Fatal(err)
	}
}

func list(ctx context.Context, profiles []string, inMemory bool) error {
	first, done, err := demo.ClientOf(30, inMemory, "cn-hangzhou", nil) // without -demo, this calls ecs.NewClient("cn-hangzhou", nil)
	if err != nil {
		return err
	}
	defer done()
	var listings []func(context.Context) iter.Seq2[string, error]
	for _, profile := range profiles {
		client := first // in demo mode, every account has the same instances
		if !inMemory {
			region, err := ecs.ProfileRegion(profile)
			if err != nil {
				return err
			}
			// The clients share their connections. The API applies a separate quota to each account.
			if client, err = first.WithCredentials(ecs.ProfileCredentials(profile)).InRegion(cmp.Or(region, first.Region())); err != nil {
				return err
			}
		}
		listings = append(listings, func(ctx context.Context) iter.Seq2[string, error] { return lines(ctx, client, profile) })
	}
	var failures error
	for line, err := range pagination.Merge(ctx, len(listings), listings...) {
		if err != nil { // continue with the other accounts
			failures = errors.Join(failures, err)
			continue
		}
		fmt.Println(line)
	}
	return failures
}

// lines yields one line for each instance of an account.
func lines(ctx context.Context, client *ecs.Client, profile string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for inst, err := range client.Instances(ctx, ecs.DescribeInstancesRequest{}) {
			if err != nil {
				err = fmt.Errorf("account %s: %w", profile, err)
			}
			if !yield(strings.Join([]string{profile, inst.InstanceID, inst.RegionID, inst.InstanceName}, " "), err) {
				return
			}
		}
	}
}
