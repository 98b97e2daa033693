//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// labels are the names of the proxies as they are printed.
var labels = map[string]string{
	"usher": "Usher", "haproxy": "HAProxy", "nginx": "nginx", "caddy": "Caddy", "base": "Usher before",
}

// label returns the name of the proxy; nginx has no sticky cookie, and is compared with its likeness.
func label(testCase, proxy string) string {
	if proxy == "nginx" && (testCase == "sticky" || testCase == "random") {
		return "nginx (map on a cookie)"
	}
	return labels[proxy]
}

// row is a line of the table.
type row struct {
	title string // of the case, in its first line
	cells []string
}

var columns = []string{"proxy", "CPU µs a request", "Usher / it", "requests/s", "p50 ms", "p99 ms", "errors"}

// rows returns the lines of the table: for each case one for each proxy.
func (r *results) rows() (all []row) {
	for _, c := range cases {
		title := c.title
		for _, proxy := range r.Order {
			if !r.has(c.name, proxy) {
				continue
			}
			all = append(all, row{title, r.cells(c.name, proxy)})
			title = ""
		}
	}
	return all
}

func (r *results) cells(testCase, proxy string) []string {
	ratio := "1"
	if proxy != "usher" {
		ratio = r.ratio(testCase, proxy, sample.cost).format(2)
	}
	if !r.has(testCase, "usher") {
		ratio = ""
	}
	cost := r.of(testCase, proxy, sample.cost)
	if testCase == "idle" {
		return []string{label(testCase, proxy), cost.format(2) + " KiB", ratio, "", "", "", ""}
	}
	median := func(what func(sample) float64) float64 { return r.of(testCase, proxy, what).median }
	var errors uint64
	for _, s := range r.Samples {
		if s.Case == testCase && s.Proxy == proxy {
			errors += s.Errors
		}
	}
	return []string{
		label(testCase, proxy), cost.format(1), ratio, fmt.Sprintf("%.0f", median(sample.perSecond)),
		fmt.Sprintf("%.2f", median(func(s sample) float64 { return s.P50 })/1e3),
		fmt.Sprintf("%.2f", median(func(s sample) float64 { return s.P99 })/1e3), fmt.Sprint(errors),
	}
}

func (s spread) format(digits int) string {
	if s.low == s.high {
		return fmt.Sprintf("%.*f", digits, s.median)
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, s.median, digits, s.low, digits, s.high)
}

// print writes the table with blanks.
func (r *results) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range r.rows() {
		if row.title != "" {
			fmt.Fprintf(t, "\n%s\n%s\n", row.title, strings.Join(columns, "\t"))
		}
		fmt.Fprintln(t, strings.Join(row.cells, "\t"))
	}
	t.Flush()
}

// markdown returns the table for a page.
func (r *results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| case | %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)+1))
	for _, row := range r.rows() {
		fmt.Fprintf(&b, "| %s | %s |\n", row.title, strings.Join(row.cells, " | "))
	}
	return b.String()
}

// gate is what Usher must reach in a case.
type gate struct {
	testCase string
	peers    []string // each of them
	what     func(sample) float64
	most     float64 // of what Usher has for each of what the peer has; without peers, of what it has
	least    float64
	text     string
}

// gates returns all of them.
func gates() []gate {
	c := []string{"haproxy", "nginx"}
	all := []gate{
		{testCase: "handshake", peers: []string{"nginx"}, what: sample.perSecond, least: 1, most: math.Inf(1), text: "handshakes/s"},
		{testCase: "idle", what: sample.cost, most: 4, text: "KiB a connection"},
	}
	for _, bound := range []struct {
		most  float64
		cases []string
		peers []string
	}{
		{0.85, []string{"plain", "sticky", "random", "handshake"}, c},
		{0.80, []string{"plain512", "tls"}, c},
		{0.95, []string{"rate6k", "rate20k"}, c},
		{0.90, []string{"down100k", "down1m", "up100k", "up1m"}, c},
		{0.20, []string{"plain", "sticky", "random"}, []string{"caddy"}},
	} {
		for _, name := range bound.cases {
			all = append(all, gate{testCase: name, peers: bound.peers, what: sample.cost, most: bound.most, text: "CPU a request"})
		}
	}
	return all
}

// judge prints which gates are passed, as far as they were measured, and says whether all of those are.
func (r *results) judge(w io.Writer) (passed bool) {
	passed = true
	verdict := func(ok bool, format string, args ...any) {
		word := "PASS"
		if !ok {
			word, passed = "FAIL", false
		}
		fmt.Fprintf(w, word+"  "+format+"\n", args...)
	}
	for _, g := range gates() {
		if !r.has(g.testCase, "usher") {
			continue
		}
		if len(g.peers) == 0 {
			got := r.of(g.testCase, "usher", g.what).median
			verdict(got <= g.most, "%-10s %s: %.2f, at most %.2f", g.testCase, g.text, got, g.most)
		}
		for _, peer := range g.peers {
			if !r.has(g.testCase, peer) {
				continue
			}
			got := r.ratio(g.testCase, peer, g.what).median
			if g.least > 0 {
				verdict(got >= g.least, "%-10s %s: %.2f of %s, at least %.2f", g.testCase, g.text, got, labels[peer], g.least)
			} else {
				verdict(got <= g.most, "%-10s %s: %.2f of %s, at most %.2f", g.testCase, g.text, got, labels[peer], g.most)
			}
		}
	}
	return passed
}
