//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"usher/bench/poll"
)

// conn is a connection to the proxy.
type conn struct {
	fd      int
	number  int
	request []byte        // what is asked next
	out     []byte        // what is still to be written of it
	in      []byte        // of an answer that has not come in full
	due     time.Duration // when the request was to be made
	framed  bool          // answers are frames
}

// mostErrors is how many end the run: a proxy that fails is not measured.
const mostErrors = 1000

// turn writes what waits and reads what has come. c may be nil.
func (g *generator) turn(c *conn) {
	if c == nil || !g.write(c) {
		return
	}
	for more := true; more; {
		n, errno := poll.Read(c.fd, g.buffer)
		if errno == syscall.EAGAIN {
			return
		}
		if errno != 0 || n == 0 {
			g.lose(c)
			return
		}
		if !g.take(c, g.buffer[:n]) {
			return
		}
		more = n == len(g.buffer)
	}
}

// take adds to the answer that c waits for, and says whether more of it is to come.
func (g *generator) take(c *conn, got []byte) bool {
	if len(c.in) > 0 {
		c.in = append(c.in, got...)
		got = c.in
	}
	size, ok := c.answer(got)
	switch {
	case size == 0:
		if len(c.in) == 0 {
			c.in = append(c.in, got...)
		}
		return true
	case !ok || size != len(got): // nobody asked for more
		g.lose(c)
	default:
		g.answered(c)
	}
	return false
}

func (g *generator) answered(c *conn) {
	g.now = time.Since(g.start)
	g.result.Requests++
	g.latency.add(g.now - c.due)
	switch {
	case g.job.Rate > 0:
		c.in = c.in[:0]
		g.idle = append(g.idle, c)
	case g.now < g.job.Duration:
		g.ask(c, g.now)
	}
}

// lose counts an error and puts a new connection in the place of c.
func (g *generator) lose(c *conn) {
	g.result.Errors++
	syscall.Close(c.fd)
	delete(g.conns, int32(c.fd))
	for i, other := range g.idle {
		if other == c {
			g.idle = append(g.idle[:i], g.idle[i+1:]...)
			break
		}
	}
	if g.result.Errors >= mostErrors {
		g.closing = errTooMany
		return
	}
	next, err := g.open(c.number)
	switch {
	case err != nil:
		g.closing = err
	case g.job.Rate > 0:
		g.idle = append(g.idle, next)
	default:
		g.ask(next, g.now)
	}
}

// answer returns how many bytes the answer at the beginning of b has, 0 if it has not come in full, and whether it is a good one.
func (c *conn) answer(b []byte) (size int, ok bool) {
	if c.framed {
		const frame = 2 + message
		if len(b) < frame {
			return 0, true
		}
		return frame, b[0] == binary && b[1] == message
	}
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return 0, true
	}
	n, err := strconv.Atoi(string(length(b[:head])))
	if err != nil {
		return len(b), false // no length: nothing here answers so
	}
	if size = head + len("\r\n\r\n") + n; size > len(b) {
		return 0, true
	}
	return size, bytes.HasPrefix(b, []byte("HTTP/1.1 200 "))
}

// length returns the value of Content-Length.
func length(head []byte) []byte {
	const name = "content-length:"
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > len(name) && line[0]|0x20 == 'c' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name):])
		}
	}
	return nil
}

// binary is the first octet of a frame that is a whole binary message.
const binary = 0x82

// upgrade makes the connection one of messages. It blocks.
func (c *conn) upgrade() error {
	if err := syscall.SetNonblock(c.fd, false); err != nil {
		return fmt.Errorf("upgrade a connection: %w", err)
	}
	if _, err := syscall.Write(c.fd, c.request); err != nil {
		return fmt.Errorf("upgrade a connection: %w", err)
	}
	var head []byte
	for buffer := make([]byte, 4096); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		n, err := syscall.Read(c.fd, buffer)
		if err != nil || n == 0 {
			return errors.Join(errors.New("upgrade a connection: no answer"), err)
		}
		head = append(head, buffer[:n]...)
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("upgrade a connection: got %.40q", head)
	}
	key := [4]byte{1, 2, 3, 4}
	c.request = append([]byte{binary, 0x80 | message}, key[:]...)
	for i := range message {
		c.request = append(c.request, 'x'^key[i%4])
	}
	c.framed = true
	return syscall.SetNonblock(c.fd, true)
}
