//go:build !unix

package listen

import (
	"errors"
	"net"
)

func duplicate(net.Conn) (int, error) { return -1, errors.ErrUnsupported }
