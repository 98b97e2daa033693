//go:build linux

package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings come from the environment, so that make hands them on.
type settings struct {
	cases     []string
	proxies   []string // by name, usher among them
	rounds    int
	duration  time.Duration // of each measurement
	quiet     float64       // share of a core that others may have; beyond, a measurement is made again
	engine    string        // of Usher's listeners; empty: Usher's default
	loops     string        // of Usher; empty: its default
	usher     string        // its binary
	base      string        // another binary of Usher to compare with, as a proxy named base; empty: none
	caddy     string        // its binary
	results   string        // the file that everything measured is written to
	gates     bool          // a gate that is missed is a failure
	proxyCore int
	loadCore  int // of the generators and the backends
}

// environment reads CASES, PEERS, ROUNDS, DURATION, QUIET, ENGINE, LOOPS, USHER, BASE, CADDY, RESULTS, GATES, PROXY_CORE and LOAD_CORE.
func environment() (settings, error) {
	s := settings{
		engine:  os.Getenv("ENGINE"),
		loops:   os.Getenv("LOOPS"),
		usher:   cmp.Or(os.Getenv("USHER"), ".cache/bench/bin/usher"),
		base:    os.Getenv("BASE"),
		caddy:   cmp.Or(os.Getenv("CADDY"), ".cache/bench/bin/caddy"),
		results: cmp.Or(os.Getenv("RESULTS"), ".cache/bench/results.json"),
		gates:   cmp.Or(os.Getenv("GATES"), "0") != "0",
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	var err error
	if s.cases, err = listed("CASES", names); err != nil {
		return s, err
	}
	if s.proxies, err = listed("PEERS", []string{"haproxy", "nginx", "caddy"}); err != nil {
		return s, err
	}
	s.proxies = append(s.proxies, "usher")
	if s.base != "" {
		s.proxies = append(s.proxies, "base")
	}
	if s.duration, err = time.ParseDuration(cmp.Or(os.Getenv("DURATION"), "3s")); err != nil {
		return s, fmt.Errorf("read DURATION: %w", err)
	}
	percent, err := strconv.ParseFloat(cmp.Or(os.Getenv("QUIET"), "10"), 64)
	if err != nil {
		return s, fmt.Errorf("read QUIET: %w", err)
	}
	s.quiet = percent / 100
	for _, n := range []struct {
		name, value string
		to          *int
	}{{"ROUNDS", "5", &s.rounds}, {"PROXY_CORE", "0", &s.proxyCore}, {"LOAD_CORE", "1", &s.loadCore}} {
		if *n.to, err = strconv.Atoi(cmp.Or(os.Getenv(n.name), n.value)); err != nil {
			return s, fmt.Errorf("read %s: %w", n.name, err)
		}
	}
	return s, nil
}

// listed reads a list with commas whose entries are among those known: all when the variable is not set, none when it says none.
func listed(variable string, known []string) ([]string, error) {
	switch value := os.Getenv(variable); value {
	case "":
		return known, nil
	case "none":
		return nil, nil
	default:
		chosen := strings.Split(value, ",")
		for _, name := range chosen {
			if !slices.Contains(known, name) {
				return nil, fmt.Errorf("read %s: %q is none of %s", variable, name, strings.Join(known, ", "))
			}
		}
		return chosen, nil
	}
}
