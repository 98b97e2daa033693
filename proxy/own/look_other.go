//go:build !unix

package own

import "net"

// eye would see what a read of a connection would meet. Here nobody can tell without reading.
type eye struct{}

func (e *eye) open(net.Conn)  {}
func (e *eye) look() prospect { return quiet }
