package ecstest

import (
	"iter"

	"github.com/aliyun-ecs/sdk-go/ecs"
)

// Seq returns an iterator that yields the given instances and then, if err is not nil, the zero Instance and err. In a
// test without a server, a fake of Client.Instances can return this iterator.
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
