//go:build !linux

package own

import (
	"net"
	"testing"
)

// asker tells what has been read, where the kernel says so.
type asker struct{}

func newAsker(testing.TB) asker { return asker{} }

func (asker) taken(testing.TB, *net.TCPConn) {}
