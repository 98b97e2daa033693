package own

import (
	"strings"
	"sync/atomic"
	"time"
)

// streams counts what is open for longer than a request.
type streams struct{ websocket, upgrade, events atomic.Int64 }

// Streams returns how many streams are open, by kind: websocket, upgrade for other protocols, event-stream.
func (p *Plane) Streams() map[string]int64 {
	return map[string]int64{
		"websocket": p.streams.websocket.Load(), "upgrade": p.streams.upgrade.Load(), "event-stream": p.streams.events.Load(),
	}
}

// begun counts the response of w as a stream, if it is one, until the function that it returns is called.
func (s *streams) begun(w *worker) (end func()) {
	var n *atomic.Int64
	switch {
	case w.Upgrade == "websocket" && w.Response.Status == 101:
		n = &s.websocket
	case w.Response.Status == 101:
		n = &s.upgrade
	case strings.HasPrefix(w.Response.Header.Get("Content-Type"), "text/event-stream"):
		n = &s.events
	default:
		return func() {}
	}
	n.Add(1)
	return func() { n.Add(-1) }
}

// date is the value of the field Date, made once a second (RFC 9110 5.6.7).
type date struct{ last atomic.Pointer[dated] }

type dated struct {
	second int64
	text   string
}

func (d *date) at(now time.Time) string {
	last := d.last.Load()
	if last == nil || last.second != now.Unix() {
		last = &dated{now.Unix(), now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}
		d.last.Store(last)
	}
	return last.text
}
