//go:build race

package accesslog

// racing says that the race detector is on, which makes a sync.Pool forget on purpose.
const racing = true
