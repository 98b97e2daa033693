//go:build linux

// Package load makes requests of a proxy from one loop, as fast as they are answered or at a fixed rate, and measures how long each takes.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"usher/bench/poll"
)

// Job is what to do.
type Job struct {
	Port        int           // of the proxy, on 127.0.0.1
	Connections int           // kept alive, each with one request at a time
	Duration    time.Duration // of the run
	Rate        int           // requests a second; 0: each connection asks again as soon as it is answered
	Head        string        // of the request, without the empty line
	Cookies     string        // a file with a Cookie value a line; empty: no cookies
	Draw        bool          // a cookie is drawn for each request; else each connection keeps one
	WebSocket   bool          // messages are sent and echoed, once each connection has been upgraded
	Handshakes  bool          // each request has a TLS connection of its own; Connections are made at once
}

// Result is what came of it.
type Result struct {
	Requests uint64 // answered in full, with 200, or echoed
	Errors   uint64 // other answers, and connections lost
	Seconds  float64
	P50, P99 time.Duration // from when a request was due to the end of its answer
}

// message is the payload of a WebSocket message.
const message = 125

// generator is the loop.
type generator struct {
	job      Job
	poller   *poll.Poller
	conns    map[int32]*conn
	requests [][]byte // one for each cookie
	idle     []*conn  // with a fixed rate: those that wait for a request
	buffer   []byte
	latency  histogram
	result   Result
	asked    int
	now      time.Duration // since start
	start    time.Time
	closing  error // what makes going on pointless
}

var errTooMany = errors.New("too many requests fail")

// Run does the job. The process must have nothing else to do.
func Run(j Job) (Result, error) {
	if j.Handshakes {
		return handshakes(j)
	}
	poll.Alone()
	g := &generator{job: j, conns: map[int32]*conn{}, buffer: make([]byte, 256<<10), start: time.Now()}
	var err error
	if g.requests, err = requests(j); err != nil {
		return Result{}, err
	}
	if g.poller, err = poll.New(); err != nil {
		return Result{}, err
	}
	for n := range j.Connections {
		if _, err := g.open(n); err != nil {
			return Result{}, err
		}
	}
	g.begin()
	for g.now < j.Duration && g.closing == nil {
		for _, e := range g.poller.Wait(g.pace()) {
			g.turn(g.conns[e.Fd])
		}
		g.now = time.Since(g.start)
	}
	r := &g.result
	r.Seconds, r.P50, r.P99 = g.now.Seconds(), g.latency.quantile(0.50), g.latency.quantile(0.99)
	return *r, g.closing
}

// requests returns every request that may be made.
func requests(j Job) ([][]byte, error) {
	if j.Cookies == "" {
		return [][]byte{[]byte(j.Head + "\r\n")}, nil
	}
	text, err := os.ReadFile(j.Cookies)
	if err != nil {
		return nil, fmt.Errorf("read the cookies: %w", err)
	}
	var all [][]byte
	for cookie := range bytes.Lines(text) {
		all = append(all, fmt.Appendf(nil, "%sCookie: %s\r\n\r\n", j.Head, bytes.TrimSpace(cookie)))
	}
	if len(all) == 0 {
		return nil, errors.New("there are no cookies")
	}
	return all, nil
}

// open connects, and upgrades if messages are what is sent.
func (g *generator) open(n int) (*conn, error) {
	fd, err := poll.Connect(g.job.Port)
	if err != nil {
		return nil, err
	}
	c := &conn{fd: fd, number: n, request: g.requests[n*len(g.requests)/g.job.Connections]}
	if g.job.WebSocket {
		if err := c.upgrade(); err != nil {
			return nil, err
		}
	}
	g.conns[int32(fd)] = c
	return c, g.poller.Add(fd)
}

// begin starts the clock, and makes the first requests when nothing paces them.
func (g *generator) begin() {
	g.start = time.Now()
	for _, c := range g.conns {
		if g.job.Rate > 0 {
			g.idle = append(g.idle, c)
		} else {
			g.ask(c, g.now)
		}
	}
}

// pace makes the requests that are due and returns how long to wait for events. When every connection is busy, requests wait, and the time
// that they wait counts.
func (g *generator) pace() time.Duration {
	if g.job.Rate == 0 {
		return g.job.Duration - g.now
	}
	for len(g.idle) > 0 {
		due := time.Duration(g.asked) * time.Second / time.Duration(g.job.Rate)
		if due > g.now {
			return due - g.now
		}
		c := g.idle[0]
		g.idle = append(g.idle[:0], g.idle[1:]...) // the one that has been idle longest, so that all are used
		g.ask(c, due)
	}
	return g.job.Duration - g.now
}

func (g *generator) ask(c *conn, due time.Duration) {
	if g.job.Draw {
		c.request = g.requests[rand.IntN(len(g.requests))]
	}
	g.asked++
	c.due, c.out, c.in = due, c.request, c.in[:0]
	g.write(c)
}

// write says whether the connection stands; what there is no room for waits.
func (g *generator) write(c *conn) bool {
	for len(c.out) > 0 {
		n, errno := poll.Write(c.fd, c.out)
		if errno == syscall.EAGAIN {
			return true
		}
		if errno != 0 {
			g.lose(c)
			return false
		}
		c.out = c.out[n:]
	}
	return true
}
