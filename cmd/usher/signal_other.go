//go:build !unix

package main

import (
	"os"

	"usher/server"
)

// reloadSignals is a signal that never comes: where there is no SIGHUP, usher reload does the same.
var reloadSignals = []os.Signal{os.Kill}

func ignorePipes() {}

func onSignal(*server.Server, os.Signal) {}
