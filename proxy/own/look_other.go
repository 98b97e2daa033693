//go:build !unix

package own

import "net"

// look says what a read of c would meet; here nobody can tell without reading.
func look(net.Conn) prospect { return quiet }
