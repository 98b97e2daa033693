//go:build linux && (amd64 || arm64) && !portable

package own

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"sync"
)

// fleet is the event loops of a plane, and goroutines for the connections that have no socket a loop could wait for.
type fleet struct {
	plane   *Plane
	loops   []*loop
	others  goroutines
	running sync.WaitGroup
}

// home is the loop that carries a client, and the connection's socket. It is the loop's.
type home struct {
	loop   *loop
	worker *worker // while there is an exchange
	sock   *sock
	rest   func(error)
}

func (f *fleet) init(p *Plane, n int) {
	f.plane, f.others.dialer = p, &p.dialer
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	for i := range max(0, n) { // fewer than none: goroutines alone, as elsewhere
		l, err := newLoop(i, p)
		if err != nil {
			p.log.Warn("an event loop cannot be made; goroutines serve in its place", "error", err)
			break
		}
		f.loops = append(f.loops, l)
	}
}

// run runs the loops. Each keeps a processor of Go's scheduler busy, and whatever else there is to run needs another.
func (f *fleet) run(ctx context.Context) {
	if n := len(f.loops); n > 0 {
		runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), n+1)) // though it be no change: else Go follows a cgroup's limit down
	}
	done := make([]bool, len(f.loops))
	for i, l := range f.loops {
		f.running.Go(func() { l.turns(&done[i]) })
	}
	f.others.run(ctx)
	for i, l := range f.loops {
		l.post(func() { done[i] = true })
	}
	f.running.Wait()
}

// place finds a carrier for a client: the loop that has the fewest. start has it carried; it returns false, with nc still open, when that
// cannot be.
func (f *fleet) place(c *client, nc net.Conn) (start func() bool) {
	if len(f.loops) == 0 {
		return f.others.place(c, nc, f.plane)
	}
	l := f.loops[0]
	for _, other := range f.loops[1:] {
		if other.clients.Load() < l.clients.Load() {
			l = other
		}
	}
	fd, attach, ok := leavePoller(nc)
	if !ok {
		return f.others.place(c, nc, f.plane)
	}
	c.home.loop = l
	l.clients.Add(1)
	return func() bool { return l.post(func() { l.welcome(c, nc, fd, attach) }) }
}

// detachable is a connection that can leave Go's poller, and have another transport put in its place.
type detachable interface {
	net.Conn
	Detach() (fd int, err error)
	Attach(net.Conn)
}

// leavePoller takes the socket of c, or of the connection beneath its TLS, out of Go's poller. attach has the TLS go on over another
// transport.
func leavePoller(c net.Conn) (fd int, attach func(net.Conn), ok bool) {
	if t, sealed := c.(*tls.Conn); sealed {
		c = t.NetConn()
	}
	d, ok := c.(detachable)
	if !ok {
		return -1, nil, false
	}
	fd, err := d.Detach()
	return fd, d.Attach, err == nil
}

// hurry has a client that rests look again until when it may.
func (f *fleet) hurry(c *client) {
	if l := c.home.loop; l != nil {
		l.post(func() {
			switch s := c.home.sock; {
			case s == nil:
			case s.rest != nil:
				s.restUntil(c.restBy(), c.home.rest)
			case c.resting && s.reader != nil: // woken by what was no request
				l.resume(s.reader, errLate)
			}
		})
		return
	}
	f.others.hurry(c)
}

// kill ends a client's connection, whatever it is at.
func (f *fleet) kill(c *client) {
	l := c.home.loop
	if l == nil {
		f.others.kill(c)
		return
	}
	l.post(func() {
		switch s := c.home.sock; {
		case s == nil:
		case s.rest != nil:
			s.wake(errLate)
		default:
			c.Close()
			if w := c.home.worker; w != nil && w.up.upstream != nil {
				w.up.Close() // what waits for room there has nobody to wait for
			}
		}
	})
}

// sweep closes the idle connections to backends that are not wanted.
func (f *fleet) sweep(wanted func(target) bool) {
	f.others.upstreams.sweep(clock(), wanted)
	for _, l := range f.loops {
		l.post(func() { l.upstreams.sweep(l.time, wanted) })
	}
}

// welcome takes a client in.
func (l *loop) welcome(c *client, nc net.Conn, fd int, attach func(net.Conn)) {
	s, err := l.adopt(fd, nil)
	if err != nil {
		l.clients.Add(-1)
		nc.Close()
		c.service.leave(c)
		return
	}
	c.conn, c.home.sock = s, s
	s.release = nc.Close
	if t, ok := nc.(*tls.Conn); ok {
		x := &sealed{sock: s, tls: t}
		attach(below{x})
		s.release = t.NetConn().Close
		c.conn = x
	}
	s.look()
	c.home.rest = func(why error) { l.arrive(c, why) }
	if len(c.early) > 0 || c.Probe() != quiet {
		l.arrive(c, nil)
		return
	}
	s.restUntil(c.restBy(), c.home.rest)
}

// arrive is called when bytes have come for a client that rests, or its rest is over.
func (l *loop) arrive(c *client, why error) {
	if why != nil {
		l.lose(c)
		return
	}
	var w *worker
	if n := len(l.workers); n > 0 {
		w, l.workers = l.workers[n-1], l.workers[:n-1]
		l.idleWorkers = min(l.idleWorkers, n-1)
	} else {
		w = newWorker(l, l.plane)
		w.job = func() { l.work(w) }
	}
	w.client, c.home.worker = c, w
	l.start(w.job)
}

// work is the job of a task: it serves the client until there is nothing more to do, and lets it rest.
func (l *loop) work(w *worker) {
	c := w.client
	defer func() {
		c.home.worker = nil
		l.layOff(w)
	}()
	for w.carry(c) {
		if c.Probe() == quiet {
			c.home.sock.restUntil(c.restBy(), c.home.rest)
			return
		}
	}
	l.lose(c)
}

// layOff puts a worker back on the list.
func (l *loop) layOff(w *worker) {
	if w.spoilt {
		return
	}
	l.workers = append(l.workers, w)
	l.sweepSoon()
}

func (l *loop) lose(c *client) {
	l.clients.Add(-1)
	c.end()
}
