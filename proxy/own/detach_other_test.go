//go:build !linux || !(amd64 || arm64) || portable

package own

import "net"

func detaching(l net.Listener) net.Listener { return l }
