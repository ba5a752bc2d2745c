// Package examples is the root of a separate Go module that contains the example programs. Each subdirectory is a
// program. The separate module keeps the programs' dependencies out of the client's module.
package examples
