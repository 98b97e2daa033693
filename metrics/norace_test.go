//go:build !race

package metrics

const racing = false
