// Package ecstest is an in-memory ECS for tests and demonstrations: a server on loopback that speaks the API's protocol,
// checks signatures, filters, pages, throttles, and fails on demand.
package ecstest
