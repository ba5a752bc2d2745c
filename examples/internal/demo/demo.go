// Package demo lets every example run without an account.
package demo

import (
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// The generated fleet is the same in every run.
const (
	size = 3000
	seed = 1
)

// Now returns the time for which the fleet was generated: some instances are new then, and some subscriptions end
// soon.
func Now() time.Time { return time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC) }

// Notice returns a line for people, who should know that what they see is not real.
func Notice() string {
	return "demo: these instances are made up, as of " + Now().Format(time.DateOnly)
}

// Client returns a client for a region: with the default credentials or, if demo is true, for an in-memory ECS
// with generated instances. Call done when the client is no longer needed.
func Client(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	return ClientOf(size, demo, region, opts)
}

// ClientOf is like Client, with the given number of generated instances.
func ClientOf(size int, demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	if !demo {
		client, err = ecs.NewClient(region, opts)
		return client, func() {}, err
	}
	return serve(ecstest.NewServer(ecstest.Fleet(size, seed)...), region, opts)
}

// ChangingClient is like Client, with the given instances, which change changes a second later.
func ChangingClient(demo bool, region string, change func(*ecstest.Server), instances ...ecs.Instance) (client *ecs.Client, done func(), err error) {
	if !demo {
		return Client(false, region, nil)
	}
	server := ecstest.NewServer(instances...)
	time.AfterFunc(time.Second, func() { change(server) })
	return serve(server, region, nil)
}

// serve returns a client for a server. done closes the server.
func serve(server *ecstest.Server, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	client, err = server.Client(region, opts)
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return client, server.Close, nil
}
