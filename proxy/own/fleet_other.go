//go:build !linux || !(amd64 || arm64) || portable

package own

import (
	"context"
	"net"
)

// fleet carries the connections of a plane: here by goroutines alone.
type fleet struct {
	plane  *Plane
	others goroutines
}

// home is the carrier's note of a client. Goroutines need none.
type home struct{}

func (f *fleet) init(p *Plane, _ int) { f.plane, f.others.dialer = p, &p.dialer }

func (f *fleet) run(ctx context.Context) { f.others.run(ctx) }

func (f *fleet) place(c *client, nc net.Conn) (start func() bool) {
	return f.others.place(c, nc, f.plane)
}

func (f *fleet) hurry(c *client) { f.others.hurry(c) }

func (f *fleet) kill(c *client) { f.others.kill(c) }

func (f *fleet) sweep(wanted func(target) bool) { f.others.upstreams.sweep(clock(), wanted) }
