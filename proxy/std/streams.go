package std

import (
	"strings"
	"sync/atomic"
)

// streams counts what is open for longer than a request.
type streams struct{ websocket, upgrade, events atomic.Int64 }

// Streams returns how many streams are open, by kind: websocket, upgrade for other protocols, event-stream.
func (p *Plane) Streams() map[string]int64 {
	return map[string]int64{
		"websocket": p.streams.websocket.Load(), "upgrade": p.streams.upgrade.Load(), "event-stream": p.streams.events.Load(),
	}
}

// begun counts the response of f as a stream, if it is one, until the function that it returns is called.
func (s *streams) begun(f *flight) (end func()) {
	var n *atomic.Int64
	switch {
	case f.Upgrade == "websocket" && f.Response.Status == 101:
		n = &s.websocket
	case f.Response.Status == 101:
		n = &s.upgrade
	case strings.HasPrefix(f.Response.Header.Get("Content-Type"), "text/event-stream"):
		n = &s.events
	default:
		return func() {}
	}
	n.Add(1)
	return func() { n.Add(-1) }
}
