//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// results are all that a run has measured, and on what.
type results struct {
	Date     string            `json:"date"`
	Machine  string            `json:"machine"`
	Kernel   string            `json:"kernel"`
	Go       string            `json:"go"`
	Versions map[string]string `json:"versions"` // by proxy
	Order    []string          `json:"order"`    // of the proxies
	Rounds   int               `json:"rounds"`
	Duration string            `json:"duration"` // of each measurement
	Samples  []sample          `json:"samples"`
}

// describe returns results without samples.
func (b *bench) describe() *results {
	r := &results{
		Date: time.Now().UTC().Format(time.DateOnly), Machine: machine(), Kernel: kernel(), Go: runtime.Version(),
		Versions: map[string]string{}, Rounds: b.rounds, Duration: b.duration.String(),
	}
	for _, p := range b.running {
		r.Order = append(r.Order, p.name)
		r.Versions[p.name] = p.versionOf()
	}
	return r
}

func machine() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	model := "unknown processor"
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d cores", model, runtime.NumCPU())
}

func kernel() string {
	var u syscall.Utsname
	if syscall.Uname(&u) != nil {
		return "unknown"
	}
	var release []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release = append(release, byte(c))
	}
	return "Linux " + string(release)
}

func readResults(file string) (*results, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &results{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return r, nil
}

func (r *results) write(file string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// cost is what the proxy spends: microseconds for each request, or KiB for each connection.
func (s sample) cost() float64 {
	if s.Case == "idle" {
		return s.Memory
	}
	return s.CPU
}

func (s sample) perSecond() float64 { return s.Rate }

// spread is what several rounds gave.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}
}

// of returns the spread of what is asked of the samples of a case with a proxy.
func (r *results) of(testCase, proxy string, what func(sample) float64) spread {
	var values []float64
	for _, s := range r.Samples {
		if s.Case == testCase && s.Proxy == proxy {
			values = append(values, what(s))
		}
	}
	return spreadOf(values)
}

// ratio returns the spread of what Usher has for each of what the peer has, both in the same round.
func (r *results) ratio(testCase, peer string, what func(sample) float64) spread {
	usher := map[int]float64{}
	for _, s := range r.Samples {
		if s.Case == testCase && s.Proxy == "usher" {
			usher[s.Round] = what(s)
		}
	}
	var ratios []float64
	for _, s := range r.Samples {
		if own, ok := usher[s.Round]; ok && s.Case == testCase && s.Proxy == peer && what(s) > 0 {
			ratios = append(ratios, own/what(s))
		}
	}
	return spreadOf(ratios)
}

// has says whether the case was measured with the proxy.
func (r *results) has(testCase, proxy string) bool {
	return slices.ContainsFunc(r.Samples, func(s sample) bool { return s.Case == testCase && s.Proxy == proxy })
}
