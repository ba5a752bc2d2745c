// Package examples holds nothing: each directory below it is a program. They form a module of their own, so that what
// they need (tables, progress bars) is not a dependency of those who import the client.
package examples
