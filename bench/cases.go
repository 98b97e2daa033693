//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"usher/bench/load"
)

// sample is one measurement.
type sample struct {
	Case   string  `json:"case"`
	Proxy  string  `json:"proxy"`
	Round  int     `json:"round"`
	CPU    float64 `json:"cpu_us,omitempty"`     // of the proxy, for each request
	Rate   float64 `json:"per_second,omitempty"` // requests
	P50    float64 `json:"p50_us,omitempty"`
	P99    float64 `json:"p99_us,omitempty"`
	Memory float64 `json:"kib,omitempty"` // resident, for each connection
	Errors uint64  `json:"errors"`
	Others float64 `json:"others"` // share of a core that others had
	Load   float64 `json:"load"`   // share of the other core that was used; near 1, the generator may have held the proxy up
}

// testCase is a way to load a proxy.
type testCase struct {
	name, title string
	measure     func(b *bench, r *running) (sample, error)
}

// cases are all there are, in the order of the report.
var cases = []testCase{
	{"plain", "Plain, 64 connections", own(plain, load.Job{Connections: 64})},
	{"plain-wrk", "Plain, 64 connections, by wrk", byWrk(wrk{path: "/"})},
	{"plain512", "Plain, 512 connections", own(plain, load.Job{Connections: 512})},
	{"sticky", "Sticky, a cookie a connection", own(sticky, load.Job{Connections: 64})},
	{"random", "Sticky, a cookie of 10,000 a request", own(sticky, load.Job{Connections: 64, Draw: true})},
	{"rate6k", "Plain, 6,000 requests a second", own(plain, load.Job{Connections: 64, Rate: 6000})},
	{"rate20k", "Plain, 20,000 requests a second", own(plain, load.Job{Connections: 64, Rate: 20000})},
	{"tls", "TLS 1.3, kept alive", byWrk(wrk{tls: true, path: "/"})},
	{"handshake", "TLS 1.3, a handshake a request", own(overTLS, load.Job{Connections: 64, Handshakes: true})},
	{"down100k", "100 KiB down", byWrk(wrk{path: "/100k"})},
	{"down1m", "1 MiB down", byWrk(wrk{path: "/1m"})},
	{"up100k", "100 KiB up", byWrk(wrk{path: "/up", body: 100 << 10})},
	{"up1m", "1 MiB up", byWrk(wrk{path: "/up", body: 1 << 20})},
	{"websocket", "WebSocket messages of 125 bytes", own(plain, load.Job{Connections: 64, WebSocket: true})},
	{"idle", "10,000 idle connections", idle},
}

// plain, sticky and overTLS choose where a proxy is asked.
func plain(p ports) int   { return p.Plain }
func sticky(p ports) int  { return p.Sticky }
func overTLS(p ports) int { return p.TLS }

// own measures with the generator that belongs to the bench.
func own(where func(ports) int, job load.Job) func(*bench, *running) (sample, error) {
	return func(b *bench, r *running) (sample, error) {
		job := job
		job.Port, job.Duration, job.Head = where(r.ports), b.duration, request("/")
		switch {
		case job.Handshakes:
			job.Head = request("/", "Connection: close")
		case job.WebSocket:
			job.Head = request("/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
		}
		if job.Port == r.Sticky {
			var err error
			if job.Cookies, err = b.cookies(r); err != nil {
				return sample{}, err
			}
		}
		text, err := json.Marshal(job)
		if err != nil {
			return sample{}, err
		}
		return b.generate(r, nil, b.self, "load", string(text))
	}
}

// wrk is what wrk is to do, with 64 connections.
type wrk struct {
	tls  bool
	path string
	body int // bytes that are sent with each request
}

// byWrk measures with wrk.
func byWrk(w wrk) func(*bench, *running) (sample, error) {
	return func(b *bench, r *running) (sample, error) {
		script := filepath.Join(b.dir, "wrk.lua")
		text, err := peers.ReadFile("peers/wrk.lua")
		if err == nil {
			err = os.WriteFile(script, text, 0o644)
		}
		if err != nil {
			return sample{}, err
		}
		url := "http://" + address(r.Plain) + w.path
		if w.tls {
			url = "https://" + address(r.TLS) + w.path
		}
		args := []string{"-t1", "-c64", "-d" + strconv.Itoa(max(1, int(b.duration.Seconds()))) + "s", "-s", script}
		for _, field := range browser {
			args = append(args, "-H", field)
		}
		return b.generate(r, []string{"BODY=" + strconv.Itoa(w.body)}, "wrk", append(args, url)...)
	}
}

// generate runs a generator to its end. The last line that it prints is a load.Result.
func (b *bench) generate(r *running, env []string, program string, args ...string) (sample, error) {
	cmd := pinned(b.loadCore, program, args...)
	cmd.Env = append(append(os.Environ(), "GODEBUG=asyncpreemptoff=1"), env...)
	cmd.Stderr = os.Stderr
	m := b.meter(r)
	out, err := cmd.Output()
	read := m.stop(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
	if err != nil {
		return sample{}, fmt.Errorf("run the generator: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var result load.Result
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &result); err != nil {
		return sample{}, fmt.Errorf("read what the generator says: %w", err)
	}
	n := float64(max(result.Requests, 1))
	return sample{
		CPU: float64(read.proxy) / 1e3 / n, Rate: n / result.Seconds, P50: float64(result.P50) / 1e3, P99: float64(result.P99) / 1e3,
		Errors: result.Errors, Others: read.others, Load: read.load,
	}, nil
}

// idle measures what a connection holds that waits after its first request, with a process that has not had so many before.
func idle(b *bench, r *running) (s sample, err error) {
	const connections = 10000
	fresh, err := b.start(r.proxy)
	if err != nil {
		return s, err
	}
	defer fresh.stop()
	if _, err := own(plain, load.Job{Connections: 64})(b, fresh); err != nil { // so that what is made once is there
		return s, err
	}
	pid := fresh.cmd.Process.Pid
	before := resident(pid)
	for range connections {
		c, err := dial(fresh.Plain)
		if err != nil {
			return s, err
		}
		defer c.close()
		if _, err := c.get(""); err != nil {
			return s, err
		}
	}
	s.Memory = float64(resident(pid)-before) / 1024 / connections
	return s, nil
}

// cookies returns a file with 10,000 cookies, each from the answer to a client's first request, once it is sure that they bind.
func (b *bench) cookies(r *running) (file string, err error) {
	const cookies = 10000
	file = filepath.Join(b.dir, r.name+".cookies")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	c, err := dial(r.Sticky)
	if err != nil {
		return "", err
	}
	defer c.close()
	var all strings.Builder
	for i := range cookies {
		bound := answer{cookie: ""}
		if len(r.cookies) > 0 {
			bound.cookie = r.cookies[rand.IntN(len(r.cookies))]
			bound.backend, err = c.backendOf(bound.cookie)
		} else {
			bound, err = c.get("")
		}
		if err != nil {
			return "", fmt.Errorf("get a cookie: %w", err)
		}
		if i%100 == 0 {
			if again, err := c.backendOf(bound.cookie); err != nil || bound.cookie == "" || again != bound.backend {
				return "", fmt.Errorf("cookie %q: led to backend %s, now to %s (%w)", bound.cookie, bound.backend, again, err)
			}
		}
		fmt.Fprintln(&all, bound.cookie)
	}
	return file, os.WriteFile(file, []byte(all.String()), 0o644)
}

// backendOf returns which backend a client with that cookie has.
func (c *client) backendOf(cookie string) (string, error) {
	a, err := c.get(cookie)
	return a.backend, err
}
