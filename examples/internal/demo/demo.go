// Package demo lets every example run without an account.
package demo

import (
	"time"

	"github.com/aliyun-ecs/sdk-go/ecs"
	"github.com/aliyun-ecs/sdk-go/ecs/ecstest"
)

// The made-up fleet: the same on every run.
const (
	size = 3000
	seed = 1
)

// Now is the time that the made-up fleet knows: relative to it some instances are new and some subscriptions about to end.
func Now() time.Time { return time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC) }

// Client makes a client for a region: of the account that the default credentials belong to or, with demo, of an ECS
// that lives in this process and knows made-up instances only. Call done at the end.
func Client(demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	return ClientOf(size, demo, region, opts)
}

// ClientOf is Client with another number of made-up instances.
func ClientOf(size int, demo bool, region string, opts *ecs.Options) (client *ecs.Client, done func(), err error) {
	if !demo {
		client, err = ecs.NewClient(region, opts)
		return client, func() {}, err
	}
	server := ecstest.NewServer(ecstest.Fleet(size, seed)...)
	client, err = server.Client(region, opts)
	if err != nil {
		server.Close()
		return nil, nil, err
	}
	return client, server.Close, nil
}
