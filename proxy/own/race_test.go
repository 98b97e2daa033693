//go:build race

package own

// racing says that the race detector is at work, which allocates.
const racing = true
