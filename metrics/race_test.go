//go:build race

package metrics

// racing says that the race detector is on, which allocates.
const racing = true
