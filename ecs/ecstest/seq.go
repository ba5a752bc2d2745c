package ecstest

import (
	"iter"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// Seq returns an iterator over the given instances that ends with err, or without an error if err is nil. A fake
// of Client.Instances can return it, in a test without a server.
func Seq(err error, instances ...ecs.Instance) iter.Seq2[ecs.Instance, error] {
	return func(yield func(ecs.Instance, error) bool) {
		for _, i := range instances {
			if !yield(i, nil) {
				return
			}
		}
		if err != nil {
			yield(ecs.Instance{}, err)
		}
	}
}
