//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// family returns the process and those that it has started, and they, and so on.
func family(pid int) []int {
	all := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for child := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				all = append(all, family(n)...)
			}
		}
	}
	return all
}

// cpuTime returns how long the threads of the process and its family have been on a core, as the scheduler counts it.
func cpuTime(pid int) time.Duration {
	var total time.Duration
	for _, p := range family(pid) {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // the thread has ended
			}
			first, _, _ := strings.Cut(string(text), " ")
			n, _ := strconv.ParseInt(first, 10, 64)
			total += time.Duration(n)
		}
	}
	return total
}

// resident returns the bytes of memory that the process and its family hold.
func resident(pid int) (total int64) {
	for _, p := range family(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil {
			continue // the process has ended
		}
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "Rss:"); ok {
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
				total += n << 10
			}
		}
	}
	return total
}

// busy returns how long the core has not been idle, whoever it was that used it, the machine's other guests included.
func busy(core int) time.Duration {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 9 || fields[0] != fmt.Sprintf("cpu%d", core) {
			continue
		}
		var ticks int64
		for i, f := range fields[1:9] { // user nice system idle iowait irq softirq steal
			if n, _ := strconv.ParseInt(f, 10, 64); i != 3 && i != 4 {
				ticks += n
			}
		}
		const tick = 10 * time.Millisecond // USER_HZ
		return time.Duration(ticks) * tick
	}
	return 0
}

// meter reads the clocks at the beginning and at the end of a measurement.
type meter struct {
	bench               *bench
	proxy               int // its process
	started             time.Time
	ofProxy, ofBackends time.Duration
	proxyCore, loadCore time.Duration
}

func (b *bench) meter(r *running) meter {
	pid := r.cmd.Process.Pid
	return meter{b, pid, time.Now(), cpuTime(pid), cpuTime(b.backend.Process.Pid), busy(b.proxyCore), busy(b.loadCore)}
}

// reading is what a meter has read.
type reading struct {
	proxy  time.Duration // that the proxy has been on its core
	others float64       // share that others had, of the proxy's core or of the other one, whichever is more
	load   float64       // share of the other core that was used; near 1, the generator may have held the proxy up
}

// stop reads the clocks again. The generator has ended, and has been on its core for as long as is said.
func (m meter) stop(generator time.Duration) reading {
	proxy := cpuTime(m.proxy) - m.ofProxy
	backends := cpuTime(m.bench.backend.Process.Pid) - m.ofBackends
	load := busy(m.bench.loadCore) - m.loadCore
	foreign := max(0, busy(m.bench.proxyCore)-m.proxyCore-proxy, load-backends-generator)
	all := time.Since(m.started).Seconds()
	return reading{proxy, foreign.Seconds() / all, load.Seconds() / all}
}
