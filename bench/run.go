//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// run measures, prints the table and the gates, and writes the results' file.
func run([]string) error {
	s, err := environment()
	if err != nil {
		return err
	}
	b, err := setUp(s)
	defer b.close()
	if err != nil {
		return err
	}
	all := b.describe()
	err = b.measureAll(func(s sample) {
		all.Samples = append(all.Samples, s)
		if s.Case == "idle" {
			fmt.Printf("%-10s %d  %-8s %8.2f KiB a connection\n", s.Case, s.Round, s.Proxy, s.Memory)
			return
		}
		fmt.Printf("%-10s %d  %-8s %8.1f µs  %8.0f/s  p99 %8.2f ms  %d errors, generator's core %.0f %% busy, others had %.0f %%\n",
			s.Case, s.Round, s.Proxy, s.CPU, s.Rate, s.P99/1e3, s.Errors, 100*s.Load, 100*s.Others)
	})
	all.print(os.Stdout)
	fmt.Println()
	passed := all.judge(os.Stdout)
	if err := errors.Join(err, all.write(s.results)); err != nil {
		return err
	}
	fmt.Println("\nEverything measured is in", s.results)
	if s.gates && !passed {
		return errors.New("a gate was missed")
	}
	return nil
}

// profile loads Usher alone and prints where perf finds it.
func profile([]string) error {
	if _, err := exec.LookPath("perf"); err != nil {
		return errors.New("perf is not installed: on Debian it is in the package linux-perf")
	}
	s, err := environment()
	if err != nil {
		return err
	}
	s.proxies, s.duration = []string{"usher"}, max(s.duration, 5*time.Second)
	b, err := setUp(s)
	defer b.close()
	if err != nil {
		return err
	}
	usher := b.running[0]
	const file = ".cache/bench/perf.data"
	perf := exec.Command("perf", "record", "-q", "-g", "-e", "cpu-clock", "-o", file, "-p", fmt.Sprint(usher.cmd.Process.Pid))
	var said strings.Builder
	perf.Stderr = &said
	if err := perf.Start(); err != nil {
		return fmt.Errorf("start perf: %w", err)
	}
	for _, c := range cases {
		if c.name != s.cases[0] {
			continue
		}
		m, err := c.measure(b, usher)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %.1f µs a request, %.0f/s, with perf on it\n", c.name, m.CPU, m.Rate)
	}
	_ = perf.Process.Signal(os.Interrupt)
	_ = perf.Wait() // ends as the signal has it
	report := exec.Command("perf", "report", "--stdio", "--no-children", "-g", "none", "--percent-limit", "0.5", "-w", "8,8,18,70", "-i", file)
	report.Stdout, report.Stderr = os.Stdout, os.Stderr
	if err := report.Run(); err != nil {
		return fmt.Errorf("perf does not work here: %w\n%s", err, said.String())
	}
	fmt.Printf("By caller: perf report --stdio --children -i %s\n", file)
	return nil
}
