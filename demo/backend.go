// Package demo holds the toy application that usher demo puts behind the proxy: it keeps sessions in its own memory, as so many
// applications do, so that a client loses its session when it is sent to another backend.
package demo

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// SessionCookie is the toy application's session cookie.
const SessionCookie = "demo_session"

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// Backend is one process's worth of the toy application. Use Start.
type Backend struct {
	// Name is shown on the page, Color is its background's.
	Name, Color string
	address     string

	mu     sync.Mutex
	server *http.Server
	visits map[string]int // by session; gone when the backend is killed
	last   time.Time
}

// Start starts a backend on a free port of this machine.
func Start(name, color string) (*Backend, error) {
	b := &Backend{Name: name, Color: color, address: "127.0.0.1:0"}
	return b, b.Revive()
}

// Address is the host:port that the backend serves on, the same after Revive.
func (b *Backend) Address() string { return b.address }

// Alive reports whether the backend serves.
func (b *Backend) Alive() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.server != nil
}

// Kill ends the backend at once, connections and sessions included.
func (b *Backend) Kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		b.server.Close()
		b.server = nil
	}
}

// Revive starts a killed backend again, without its sessions.
func (b *Backend) Revive() error {
	l, err := net.Listen("tcp", b.address)
	if err != nil {
		return fmt.Errorf("start backend %s: %w", b.Name, err)
	}
	s := &http.Server{Handler: b, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return context.Background() }}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.address, b.server, b.visits = l.Addr().String(), s, map[string]int{}
	go s.Serve(l) // ends with Kill
	return nil
}

// LastVisit is when the backend last answered.
func (b *Backend) LastVisit() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// view is what the page shows.
type view struct {
	Name, Color string
	Visits      int
	Moved, New  bool
}

// ServeHTTP counts the visit and says who answers: as a page to a browser, as a line of text to anything else.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	v := view{Name: b.Name, Color: b.Color, Moved: r.Header.Get("X-Session-Moved") == "1"}
	v.Visits = b.visit(w, r)
	v.New = v.Visits == 1
	w.Header().Set("Cache-Control", "no-store")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page.Execute(w, v)
		return
	}
	fmt.Fprintf(w, "backend %s, visit %d of this session", v.Name, v.Visits)
	if v.Moved {
		fmt.Fprint(w, " (moved here: the backend before is gone, and this session's memory with it)")
	}
	fmt.Fprintln(w)
}

// visit counts in the session that the client's cookie names, or in a new one.
func (b *Backend) visit(w http.ResponseWriter, r *http.Request) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = time.Now()
	if c, err := r.Cookie(SessionCookie); err == nil && b.visits[c.Value] > 0 {
		b.visits[c.Value]++
		return b.visits[c.Value]
	}
	const most = 10_000 // a demo left running in public must not fill the memory
	if len(b.visits) >= most {
		clear(b.visits)
	}
	id := rand.Text()
	b.visits[id] = 1
	http.SetCookie(w, &http.Cookie{Name: SessionCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return 1
}
