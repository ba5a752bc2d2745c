package ecscache_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecscache"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// exampleCache returns a server with two instances and a running cache. Call stop to end the cache.
func exampleCache() (server *ecstest.Server, cache *ecscache.Cache, stop func()) {
	server = ecstest.NewServer(
		ecs.Instance{InstanceID: "i-1", InstanceName: "web"},
		ecs.Instance{InstanceID: "i-2", InstanceName: "db"},
	)
	client, err := server.Client("cn-hangzhou", nil)
	if err != nil {
		panic(err)
	}
	cache, err = ecscache.New(client, ecs.DescribeInstancesRequest{}, nil)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cache.Run(ctx)
	}()
	if err := cache.WaitForSync(ctx); err != nil {
		panic(err)
	}
	return server, cache, func() {
		cancel()
		<-done
		server.Close()
	}
}

// A watcher first receives the existing instances, then EventSynced, then the changes.
func ExampleCache_Watch() {
	server, cache, stop := exampleCache()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	known := 0
	for ev := range cache.Watch(ctx) {
		switch ev.Type {
		case ecscache.EventAdded:
			known++
		case ecscache.EventChanged:
			fmt.Println("changed:", ev.Old.InstanceName, "is now", ev.Instance.InstanceName)
			server.Delete("i-2")
		case ecscache.EventRemoved:
			fmt.Println("removed:", ev.Instance.InstanceName)
			return
		case ecscache.EventSynced:
			fmt.Println("synced:", known, "instances")
			server.Update("i-1", func(i *ecs.Instance) { i.InstanceName = "web-2" })
		}
		if ev.Type != ecscache.EventAdded {
			go func() { _ = cache.Refresh(ctx) }() // without Refresh, the change would be detected within a minute
		}
	}
	// Output:
	// synced: 2 instances
	// changed: web is now web-2
	// removed: db
}

// Get asks the API for an instance that is not in the cache.
func ExampleCache_Get() {
	server, cache, stop := exampleCache()
	defer stop()
	server.Put(ecs.Instance{InstanceID: "i-new", InstanceName: "just created"})
	for _, id := range []string{"i-1", "i-new", "i-none"} {
		inst, err := cache.Get(context.Background(), id)
		var notFound *ecs.NotFoundError
		switch {
		case errors.As(err, &notFound):
			fmt.Println(id, "does not exist")
		case err != nil:
			fmt.Println(id, "may or may not exist:", err)
		default:
			fmt.Println(id, inst.InstanceName)
		}
	}
	// Output:
	// i-1 web
	// i-new just created
	// i-none does not exist
}

// A program that has changed an instance can refresh the instance immediately, instead of waiting for the next
// listing.
func ExampleCache_Refresh() {
	server, cache, stop := exampleCache()
	defer stop()
	server.Update("i-1", func(i *ecs.Instance) { i.InstanceName = "renamed" })
	before, _ := cache.Lookup("i-1")
	if err := cache.Refresh(context.Background(), "i-1"); err != nil {
		fmt.Println(err)
	}
	after, _ := cache.Lookup("i-1")
	fmt.Println(before.InstanceName, after.InstanceName)
	// Output: web renamed
}

// This health check reports whether the cache was updated within the last five minutes.
func ExampleCache_Status() {
	_, cache, stop := exampleCache()
	defer stop()
	status := cache.Status()
	fmt.Println("fresh:", time.Since(status.Synced) < 5*time.Minute)
	for name, region := range status.Regions {
		fmt.Println(name, region.Instances, region.Err)
	}
	// Output:
	// fresh: true
	// cn-hangzhou 2 <nil>
}
