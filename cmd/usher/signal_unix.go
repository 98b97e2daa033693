//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"

	"usher/server"
)

// reloadSignals are the signals that a running server acts on without stopping.
var reloadSignals = []os.Signal{syscall.SIGHUP, syscall.SIGUSR1}

// ignorePipes keeps the process alive when nobody reads its standard output any more: log lines are lost then, and requests are not.
func ignorePipes() { signal.Ignore(syscall.SIGPIPE) }

// onSignal reloads on SIGHUP and opens the log files again on SIGUSR1. What comes of it is logged by the server.
func onSignal(s *server.Server, sig os.Signal) {
	if sig == syscall.SIGUSR1 {
		s.ReopenLogs()
		return
	}
	s.Reload()
}
