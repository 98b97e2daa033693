package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// mortal is a backend that can die, with every connection that it has, and rise again at the same address.
type mortal struct {
	address string
	handler http.Handler
	turn    sync.Mutex   // held while it dies or rises
	server  *http.Server // nil while it is dead
	serving sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

func newMortal(t *testing.T) *mortal {
	mux := tapes()
	mux.HandleFunc("GET /ws", echoSocket)
	mux.HandleFunc("GET /echo", echoBytes)
	m := &mortal{address: "127.0.0.1:0", handler: mux, open: map[net.Conn]bool{}}
	if err := m.dieOrRise(false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.dieOrRise(true)
		m.serving.Wait()
	})
	return m
}

// dieOrRise changes nothing when it is that way already.
func (m *mortal) dieOrRise(die bool) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	if die != (m.server != nil) {
		return nil
	}
	if die {
		m.server.Close()
		m.server = nil
		m.cut()
		return nil
	}
	l, err := net.Listen("tcp", m.address)
	if err != nil {
		return err
	}
	m.address, m.server = l.Addr().String(), &http.Server{Handler: m.handler}
	server := m.server
	m.serving.Go(func() { server.Serve(mortalListener{l, m}) })
	return nil
}

// cut closes the connections that have changed protocols, of which the server knows no more.
func (m *mortal) cut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c := range m.open {
		c.(mortalConn).Conn.Close()
	}
	clear(m.open)
}

// mortalListener notes which connections are open.
type mortalListener struct {
	net.Listener
	of *mortal
}

func (l mortalListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	noted := mortalConn{c, l.of}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	l.of.open[noted] = true
	return noted, nil
}

type mortalConn struct {
	net.Conn
	of *mortal
}

func (c mortalConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// echoBytes changes to the protocol echo, in which every byte comes back.
func echoBytes(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "echo" {
		http.Error(w, "echo is spoken here", http.StatusUpgradeRequired)
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	fmt.Fprint(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	io.Copy(c, rw)
}
