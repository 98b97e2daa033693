package test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// app is a program of test/apps that serves HTTP.
type app struct {
	*process
	name    string
	address string
}

// startApp runs a server of test/apps and waits until it listens.
func startApp(t *testing.T, script, name string, env ...string) *app {
	t.Helper()
	need(t, "node", "apps/node_modules/.package-lock.json")
	a := &app{name: name, process: spawn(t, "apps", append(env, "PORT=0", "NAME="+name), "node", script)}
	var said struct{ Port int }
	a.await(t, 0, "its port", func(line string) bool { return json.Unmarshal([]byte(line), &said) == nil && said.Port != 0 })
	a.address = fmt.Sprintf("127.0.0.1:%d", said.Port)
	return a
}

// startApps runs n servers, named after prefix: a1, a2 and so on.
func startApps(t *testing.T, script, prefix string, n int, env ...string) []*app {
	t.Helper()
	all := make([]*app, n)
	for i := range all {
		all[i] = startApp(t, script, fmt.Sprintf("%s%d", prefix, i+1), env...)
	}
	return all
}

// backends is the value of a pool's backends.
func backends(apps []*app) string {
	urls := make([]string, len(apps))
	for i, a := range apps {
		urls[i] = fmt.Sprintf("%q", a.address)
	}
	return "[" + strings.Join(urls, ", ") + "]"
}

// sticky is a configuration of one pool that binds clients by cookie.
func sticky(apps []*app) string {
	return fmt.Sprintf("routes: [{pool: default}]\npools: {default: {policy: sticky-cookie, backends: %s}}\n", backends(apps))
}

// runClient runs a client of test/apps to its end and reads the JSON that it prints into result.
func runClient(t *testing.T, result any, script string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.Dir = "apps"
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium())
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, result)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", filepath.Base(script), err, out, errors.String())
	}
}

// chromium returns the path of the browser, or nothing.
func chromium() string {
	path, _ := exec.LookPath("chromium")
	return path
}
