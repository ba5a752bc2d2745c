// Package compat tests package ecstest with the vendor's older Go client, github.com/aliyun/alibaba-cloud-sdk-go,
// and compares that client with the one of this module. It contains tests only. It is a separate module, so that
// nothing else depends on the vendor's client.
package compat
