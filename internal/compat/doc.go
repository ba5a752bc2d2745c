// Package compat contains only tests. The tests use the vendor's older Go client,
// github.com/aliyun/alibaba-cloud-sdk-go, to test package ecstest, and compare that client with package ecs. Package
// compat is in a separate module, so that no other package depends on the vendor's client.
package compat
