package ecscache

import (
	"context"
	"iter"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// listInstances lists the instances of a region.
func listInstances(ctx context.Context, client *ecs.Client, req ecs.DescribeInstancesRequest, workers int) iter.Seq2[ecs.Instance, error] {
	if workers > 1 {
		return client.ScanInstances(ctx, req, &ecs.ScanOptions{Workers: workers})
	}
	return client.Instances(ctx, req)
}
