// Package demo provides clients for running the examples without an account.
package demo

import (
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// These constants define the demo instances. Because the seed is fixed, the instances are the same in every run.
const (
	size = 3000
	seed = 1
)

// Now returns the current time of the demo. At this time, some demo instances are new and some subscriptions are
// about to expire.
func Now() time.Time { return time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC) }

// Notice returns the message that tells users of the demo that the instances are not real.
func Notice() string {
	return "demo: the instances are generated, with dates relative to " + Now().Format(time.DateOnly)
}

// Client returns a client for a region. If demo is true, the client lists generated instances; otherwise, the client
// uses the default credentials. The caller must call done when it no longer needs the client.
func Client(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	return ClientOf(size, demo, region, opts)
}

// ClientOf is like Client, but size sets the number of generated instances.
func ClientOf(size int, demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	if !demo {
		client, err = ecs.NewClient(region, opts)
		return client, func() {}, err
	}
	return serve(ecstest.NewServer(ecstest.Fleet(size, seed)...), region, opts)
}

// ChangingClient is like Client, but the demo starts with the given instances and calls change after one second.
func ChangingClient(demo bool, region string, change func(*ecstest.Server), instances ...ecs.Instance) (client *ecs.Client, done func(), err error) {
	if !demo {
		return Client(false, region, nil)
	}
	server := ecstest.NewServer(instances...)
	time.AfterFunc(time.Second, func() { change(server) })
	return serve(server, region, nil)
}

// serve returns a client for an in-memory ECS server. The function done closes the server.
func serve(server *ecstest.Server, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	client, err = server.Client(region, opts)
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return client, server.Close, nil
}
