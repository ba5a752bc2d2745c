// Package examples is empty: each directory below it is a program. They are a module of their own, so that what they need is
// not a dependency of programs that import the client.
package examples
