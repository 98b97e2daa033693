package std

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// errSpare means that the bytes of an answer were there before its request was sent: they belong to nobody.
var errSpare = errors.New("bytes behind the answer before")

// backendConn is a connection to a backend with what net/http's Transport leaves out: it hands an idle connection to the next request before
// it has looked for bytes behind the last answer, and it takes a failed write for the end though an answer may lie there to be read.
type backendConn struct {
	net.Conn

	mu       sync.Mutex
	reading  bool          // Transport waits in Read: nothing that it has read is left over
	read     chan struct{} // closed when reading begins; nil while nobody waits for that
	fresh    bool          // a request has been given the connection and has written nothing
	leftover bool          // a request was to be written with bytes left over
}

// begin is called when a request is given the connection, and it is not the first.
func (c *backendConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh = true
}

// stale reports whether the answer that has come cannot be that of the request.
func (c *backendConn) stale() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.leftover || c.fresh
}

// Read notes that Transport waits for bytes.
func (c *backendConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	c.reading = true
	if c.read != nil {
		close(c.read)
		c.read = nil
	}
	c.mu.Unlock()
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	c.reading = false
	c.mu.Unlock()
	return n, err
}

// settle is how long the goroutine that reads may take to come to rest after an answer: on a busy machine, long. Where bytes are left over it
// never does, but hands them on as an answer, which stale tells at once.
const settle = 10 * time.Second

// Write writes, unless it is a request's first bytes and bytes are left over. A connection that the backend has closed takes everything: it is
// for the reader to say whether the backend has answered (RFC 9112 9.5).
func (c *backendConn) Write(p []byte) (int, error) {
	if !c.clean() {
		return 0, errSpare
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return len(p), nil
	}
	return n, err
}

// clean reports whether bytes may be written.
func (c *backendConn) clean() bool {
	c.mu.Lock()
	if !c.fresh || c.reading {
		c.fresh = false
		c.mu.Unlock()
		return true
	}
	if c.read == nil {
		c.read = make(chan struct{})
	}
	read := c.read
	c.mu.Unlock()
	timer := time.NewTimer(settle)
	defer timer.Stop()
	ok := true
	select {
	case <-read:
	case <-timer.C:
		ok = false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh, c.leftover = false, !ok
	return ok
}

// CloseWrite ends the direction to the backend, in a tunnel.
func (c *backendConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
