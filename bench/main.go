//go:build linux

// The bench measures what Usher costs side by side with HAProxy, nginx and Caddy: one after another in turn, on the same core, with the
// same requests from the same generators to the same backends.
//
// What it prints are CPU microseconds of the proxy for each request, which hold on a machine that others use as well, and what clients
// see: requests a second and how long they wait. `make bench` builds what it needs.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"

	"usher/bench/backend"
	"usher/bench/load"
)

func init() {
	runtime.LockOSThread() // what is started ends with the thread that has started it
}

func main() {
	commands := map[string]func(args []string) error{
		"run": run, "profile": profile, "docs": docs, "backend": serveBackends, "load": generate,
	}
	name, args := "run", os.Args[1:]
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	command, known := commands[name]
	if !known {
		fmt.Fprintf(os.Stderr, "bench: %s is no command\n", name)
		os.Exit(2)
	}
	if err := command(args); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serveBackends is the process of the backends. It prints their ports.
func serveBackends([]string) error {
	return backend.Serve(3, func(ports []int) {
		fmt.Println(strings.Trim(fmt.Sprint(ports), "[]"))
	})
}

// generate is the process of a generator. It prints its result as JSON.
func generate(args []string) error {
	var job load.Job
	if err := json.Unmarshal([]byte(args[0]), &job); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	result, err := load.Run(job)
	if err != nil {
		return fmt.Errorf("make requests: %w", err)
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
