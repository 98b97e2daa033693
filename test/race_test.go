//go:build race

package test

// raced says that the tests run under the race detector, and so does the binary that they test.
const raced = true
