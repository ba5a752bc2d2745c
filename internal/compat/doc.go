// Package compat contains only tests. They test package ecstest with the vendor's older Go client,
// github.com/aliyun/alibaba-cloud-sdk-go, and compare that client with this module's client. The package is a
// separate module, so that nothing else depends on the vendor's client.
package compat
