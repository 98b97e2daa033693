//go:build linux

// Package backend is the server behind the proxies: one loop that answers with as little work as there can be, so that what is measured
// is the proxy.
//
// It answers 200 with a body of 200 bytes; at /100k and /1m with as much; to a request with a Content-Length once its body has been
// read; and at an upgrade with 101, and then every WebSocket frame with itself. X-Backend says which of the backends it is.
package backend

import (
	"bytes"
	"fmt"
	"strconv"
	"syscall"

	"usher/bench/poll"
)

// Small, Medium and Large are the bytes of the bodies at /, /100k and /1m.
const (
	Small  = 200
	Medium = 100 << 10
	Large  = 1 << 20
)

// site is one of the backends, with its answers made ahead.
type site struct{ small, medium, large []byte }

func newSite(id int) *site {
	answer := func(n int) []byte {
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Backend: %d\r\nContent-Length: %d\r\n\r\n", id, n)
		return append([]byte(head), bytes.Repeat([]byte("x"), n)...)
	}
	return &site{small: answer(Small), medium: answer(Medium), large: answer(Large)}
}

// server is the loop: its descriptors, by number, are listeners or connections.
type server struct {
	poller *poll.Poller
	sites  map[int]*site // by listener
	conns  []*conn
	buffer []byte
}

// conn is a connection from a proxy.
type conn struct {
	fd      int
	site    *site
	in      []byte // of a head or frame that has not come in full
	out     []byte // what is still to be written
	sink    int    // bytes still to come of a request's body
	tunnel  bool   // what comes are frames
	pending bool   // the request whose body is being read is still to be answered
}

// Serve answers on n ports of 127.0.0.1 until the process ends. It calls ready with the ports, in the order of the backends' numbers from
// 1.
func Serve(n int, ready func(ports []int)) error {
	poll.Alone()
	p, err := poll.New()
	if err != nil {
		return err
	}
	s := &server{poller: p, sites: map[int]*site{}, buffer: make([]byte, 256<<10)}
	var ports []int
	for id := range n {
		fd, port, err := poll.Listen(0)
		if err != nil {
			return err
		}
		if err := p.Add(fd); err != nil {
			return err
		}
		s.sites[fd] = newSite(id + 1)
		ports = append(ports, port)
	}
	ready(ports)
	for {
		for _, e := range p.Wait(-1) {
			s.turn(int(e.Fd), e.Events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0)
		}
	}
}

func (s *server) turn(fd int, ending bool) {
	if fd < len(s.conns) && s.conns[fd] != nil && s.conns[fd].site != nil {
		if c := s.conns[fd]; !s.flush(c) || !s.fill(c, ending) {
			c.site = nil
			syscall.Close(fd)
		}
		return
	}
	site := s.sites[fd]
	if site == nil {
		return // closed earlier in this turn
	}
	for {
		accepted, err := poll.Accept(fd)
		if err != nil {
			return
		}
		s.open(accepted, site)
	}
}

// open takes the connection's struct from the one before it with the same number: the collector is off.
func (s *server) open(fd int, at *site) {
	for fd >= len(s.conns) {
		s.conns = append(s.conns, nil)
	}
	c := s.conns[fd]
	if c == nil {
		c = &conn{}
		s.conns[fd] = c
	}
	*c = conn{fd: fd, site: at, in: c.in[:0]}
	if s.poller.Add(fd) != nil {
		c.site = nil
		syscall.Close(fd)
	}
}

// flush writes what waits, and says whether the connection stands.
func (s *server) flush(c *conn) bool {
	for len(c.out) > 0 {
		n, errno := poll.Write(c.fd, c.out)
		if errno == syscall.EAGAIN {
			return true
		}
		if errno != 0 {
			return false
		}
		c.out = c.out[n:]
	}
	return true
}

// fill reads until nothing is there, answering what comes, and says whether the connection stands. A short read is the last one, unless the
// stream is ending: its end may have come with the bytes, and is not told twice.
func (s *server) fill(c *conn, ending bool) bool {
	for {
		n, errno := poll.Read(c.fd, s.buffer)
		switch {
		case errno == syscall.EAGAIN:
			return true
		case errno != 0 || n == 0:
			return false
		}
		got := s.buffer[:n]
		if len(c.in) > 0 {
			c.in = append(c.in, got...)
			got = c.in
		}
		rest, ok := s.answer(c, got)
		if !ok {
			return false
		}
		c.in = append(c.in[:0], rest...)
		if n < len(s.buffer) && !ending {
			return true
		}
	}
}

// answer takes whole requests and frames from b and returns what is left. ok is false when b holds what is neither.
func (s *server) answer(c *conn, b []byte) (rest []byte, ok bool) {
	for len(b) > 0 {
		if c.sink > 0 {
			n := min(c.sink, len(b))
			c.sink, b = c.sink-n, b[n:]
		} else if c.tunnel {
			frame, size := echo(b)
			if size == 0 {
				return b, true
			}
			b = b[size:]
			if !s.send(c, frame) {
				return nil, false
			}
			c.out = bytes.Clone(c.out) // the frame is in the loop's buffer
			continue
		} else {
			size := bytes.Index(b, []byte("\r\n\r\n"))
			if size < 0 {
				return b, len(b) < len(s.buffer)
			}
			if b = s.head(c, b, size+4); b == nil {
				return nil, false
			}
		}
		if c.pending && c.sink == 0 {
			c.pending = false
			if !s.send(c, c.site.small) {
				return nil, false
			}
		}
	}
	return nil, true
}

// head answers the request whose head is the first size bytes of b, or notes the body that comes first, and returns what follows the
// head; nil when the connection does not stand.
func (s *server) head(c *conn, b []byte, size int) []byte {
	head, rest := b[:size], b[size:]
	answer := c.site.small
	switch {
	case bytes.HasPrefix(head, []byte("GET / ")):
	case bytes.HasPrefix(head, []byte("GET /100k ")):
		answer = c.site.medium
	case bytes.HasPrefix(head, []byte("GET /1m ")):
		answer = c.site.large
	case bytes.HasPrefix(head, []byte("GET /ws ")):
		answer = accept(field(head, "sec-websocket-key"))
		c.tunnel = true
	default:
		n, err := strconv.Atoi(string(field(head, "content-length")))
		if err != nil {
			return nil
		}
		c.sink, c.pending = n, true
		return rest
	}
	if !s.send(c, answer) {
		return nil
	}
	return rest
}

// send writes b, which stays as it is, or as much as there is room for. It says whether the connection stands.
func (s *server) send(c *conn, b []byte) bool {
	if len(c.out) > 0 {
		c.out = append(bytes.Clone(c.out), b...)
		return true
	}
	c.out = b
	return s.flush(c)
}

// field returns the value of the field with that name, in lower case.
func field(head []byte, name string) []byte {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}
