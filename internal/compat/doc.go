// Package compat contains only tests. They use the vendor's older Go client, github.com/aliyun/alibaba-cloud-sdk-go, to
// test package ecstest and to compare that client with package ecs. Package compat is in a separate module, so that no
// other package depends on that client.
package compat
