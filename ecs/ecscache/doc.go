// Package ecscache keeps the ECS instances.
package ecscache
