//go:build !race

package accesslog

const racing = false
