// Package examples contains no code: each directory below it is a program. The examples are a separate module, so
// that programs that import the client do not depend on the packages that the examples import.
package examples
