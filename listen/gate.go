package listen

import (
	"net"
	"net/netip"
	"sync"
)

// gate counts open connections, all of them and those of each address.
type gate struct {
	changed chan struct{} // holds a value when full may have changed its answer

	mu       sync.Mutex
	open     int
	perIP    map[netip.Addr]int
	rejected uint64
}

func newGate() *gate {
	return &gate{changed: make(chan struct{}, 1), perIP: make(map[netip.Addr]int)}
}

// full returns whether limit is reached; 0 is no limit.
func (g *gate) full(limit int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return limit > 0 && g.open >= limit
}

// admit counts raw in until the connection that it returns is closed. It returns false when the client's address has perIP connections
// already; 0 is no limit.
func (g *gate) admit(raw *net.TCPConn, perIP int) (*Conn, bool) {
	c := &Conn{transport: raw, remote: addrPort(raw.RemoteAddr()), local: addrPort(raw.LocalAddr()), gate: g}
	ip := c.remote.Addr()
	g.mu.Lock()
	defer g.mu.Unlock()
	if perIP > 0 && g.perIP[ip] >= perIP {
		g.rejected++
		return nil, false
	}
	g.open++
	g.perIP[ip]++
	return c, true
}

func (g *gate) leave(ip netip.Addr) {
	g.mu.Lock()
	g.open--
	if g.perIP[ip]--; g.perIP[ip] == 0 {
		delete(g.perIP, ip)
	}
	g.mu.Unlock()
	g.poke()
}

// poke wakes whoever waits for room.
func (g *gate) poke() {
	select {
	case g.changed <- struct{}{}:
	default: // a wake-up is on its way already
	}
}

func (g *gate) counts() (open int, rejected uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open, g.rejected
}
