// Package compat drives the vendor's older Go client, github.com/aliyun/alibaba-cloud-sdk-go, against package ecstest:
// what a client of other authors understands and gets is what the in-memory server can be trusted with. It has a module
// of its own, so that nobody else depends on that client, and tests only.
package compat
