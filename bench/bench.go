//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// bench is what stands while measurements are made.
type bench struct {
	settings
	dir         string // for everything that is written on the way
	self        string // this program
	certificate certificate
	backend     *exec.Cmd
	backends    []int // ports
	running     []*running
	stopping    chan os.Signal
}

// setUp starts the backends and the proxies. The caller owes close, even after an error.
func setUp(s settings) (*bench, error) {
	b := &bench{settings: s, stopping: make(chan os.Signal, 1)}
	signal.Notify(b.stopping, os.Interrupt, syscall.SIGTERM)
	raiseLimit()
	var err error
	if b.self, err = os.Executable(); err != nil {
		return b, err
	}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return b, fmt.Errorf("make a directory: %w", err)
	}
	if err = os.Chmod(b.dir, 0o755); err != nil { // nginx works as another user
		return b, err
	}
	if b.certificate, err = newCertificate(); err != nil {
		return b, err
	}
	if err = b.startBackends(); err != nil {
		return b, err
	}
	for _, p := range proxies(s) {
		r, err := b.start(p)
		if err != nil {
			return b, err
		}
		b.running = append(b.running, r)
	}
	return b, nil
}

// close ends everything that was started.
func (b *bench) close() {
	for _, r := range b.running {
		r.stop()
	}
	if b.backend != nil {
		_ = b.backend.Process.Kill()
		_ = b.backend.Wait()
	}
	_ = os.RemoveAll(b.dir)
}

func (b *bench) startBackends() error {
	cmd := pinned(b.loadCore, b.self, "backend")
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the backends: %w", err)
	}
	b.backend = cmd
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("start the backends: %w", err)
	}
	for port := range strings.FieldsSeq(line) {
		n, err := strconv.Atoi(port)
		if err != nil {
			return fmt.Errorf("start the backends: %w", err)
		}
		b.backends = append(b.backends, n)
	}
	return nil
}

// raiseLimit allows as many open files as 10,000 connections need on every side, if that is allowed.
func raiseLimit() {
	const want = 65536
	for _, limit := range []syscall.Rlimit{{Cur: want, Max: want}, {Cur: 20000, Max: 20000}} {
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
			return
		}
	}
}

var errStopped = errors.New("stopped")

// measureAll measures every case with every proxy in turn, round after round, and tells report of each measurement.
func (b *bench) measureAll(report func(sample)) error {
	for _, c := range cases {
		if !slices.Contains(b.settings.cases, c.name) {
			continue
		}
		for round := range b.rounds {
			for _, r := range b.running {
				s, err := b.measureInQuiet(c, r)
				if err != nil {
					return fmt.Errorf("measure %s with %s: %w", c.name, r.name, err)
				}
				s.Case, s.Proxy, s.Round = c.name, r.name, round+1
				report(s)
			}
		}
	}
	return nil
}

// measureInQuiet measures again, up to three times, while others use the cores for more than the settings allow, and returns the
// measurement that was disturbed least.
func (b *bench) measureInQuiet(c testCase, r *running) (best sample, err error) {
	const times = 4
	for n := range times {
		select {
		case <-b.stopping:
			return best, errStopped
		default:
		}
		s, err := c.measure(b, r)
		if err != nil {
			return best, err
		}
		if n == 0 || s.Others < best.Others {
			best = s
		}
		if best.Others <= b.quiet {
			break
		}
	}
	return best, nil
}
