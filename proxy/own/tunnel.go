package own

import (
	"errors"
	"io"
	"runtime/debug"
	"sync/atomic"

	"usher/proxy"
	"usher/proxy/h1"
)

// tunnel carries an upgraded connection until both directions have ended: bytes pass both ways.
func (w *worker) tunnel() error {
	w.leave = true
	out, err := w.appendHead(h1.Hop{Upgrade: true})
	if err != nil {
		return proxy.Because(proxy.ErrAnswer, err)
	}
	if err := w.writeAnswer(out); err != nil {
		return err
	}
	w.up.Watch(nil)
	var moved atomic.Int64 // when something moved last
	moved.Store(int64(w.carrier.now()))
	up := pipe{w: w, from: w.client.conn, to: w.up.conn, moved: &moved, count: &w.RequestBytes}
	down := pipe{w: w, from: w.up.conn, to: w.client.conn, moved: &moved, count: &w.ResponseBytes}
	upEnded := w.carrier.fork(func() { up.run(&w.in) })
	down.run(&w.up.in)
	upEnded()
	return nil
}

// pipe is one direction of a tunnel.
type pipe struct {
	w        *worker
	from, to conn
	moved    *atomic.Int64
	count    *int64
}

// run passes on what is there already, and then what comes. An end of input is passed on; an error ends both directions.
func (p *pipe) run(there *buffer) {
	defer func() {
		if fault := recover(); fault != nil {
			p.w.plane.log.Error("tunnel ended in a panic", "error", fault, "stack", string(debug.Stack()))
			p.end()
		}
	}()
	err := p.write(there.bytes())
	there.r = there.w
	for err == nil {
		err = p.next()
	}
	if err != io.EOF || p.to.CloseWrite() != nil {
		p.end()
	}
}

// end ends both directions.
func (p *pipe) end() {
	p.from.Close()
	p.to.Close()
}

// next passes on what comes next. Memory is taken when it is there.
func (p *pipe) next() error {
	p.from.ReadBy(p.by())
	err := p.from.Ready()
	var n int
	if err == nil {
		memory := answers.get()
		defer answers.put(memory)
		if n, err = p.from.Read(*memory); n > 0 {
			return p.write((*memory)[:n])
		}
	}
	if errors.Is(err, errLate) && p.by() > p.w.carrier.now() {
		return nil // the other direction has moved
	}
	return err
}

func (p *pipe) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.moved.Store(int64(p.w.carrier.now()))
	*p.count += int64(len(b))
	p.to.WriteBy(p.w.bound(p.w.Limits.StreamIdle))
	_, err := p.to.Write(b)
	return err
}

// by is when the tunnel has stood still for too long, in both directions.
func (p *pipe) by() instant {
	return earlier(p.w.limit, instant(p.moved.Load()).in(p.w.Limits.StreamIdle))
}
