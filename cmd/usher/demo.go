package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"usher/config"
	"usher/demo"
	"usher/server"
)

const demoConfig = `listen: 127.0.0.1:%d
backends:
  - {url: %s, id: A}
  - {url: %s, id: B}
  - {url: %s, id: C}
policy: sticky-cookie
admin: {listen: 127.0.0.1:0}
logging: {level: warn, access: {enabled: false}}
data_dir: %s
shutdown: {grace: 2s}
`

func newDemo(g *globals) *cobra.Command {
	var port int
	c := &cobra.Command{
		Use: "demo", Short: "Three toy backends and the proxy in front: nothing to install", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if port < 0 || port > 65535 {
				return usageError("port %d is out of range", port)
			}
			return runDemo(cmd.Context(), g, port, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	c.Flags().IntVar(&port, "port", 8080, "port of the proxy")
	return c
}

// runDemo serves until a signal or q.
func runDemo(ctx context.Context, g *globals, port int, in io.Reader, out io.Writer) error {
	var backends []*demo.Backend
	for _, b := range [][2]string{{"A", "#1d4e89"}, {"B", "#7d3c98"}, {"C", "#1e6f50"}} {
		started, err := demo.Start(b[0], b[1])
		if err != nil {
			return err
		}
		defer started.Kill()
		backends = append(backends, started)
	}
	dir, err := os.MkdirTemp("", "usher-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text := fmt.Sprintf(demoConfig, port, backends[0].Address(), backends[1].Address(), backends[2].Address(), dir)
	load := func() (*config.Config, *config.Report) { return config.Parse("demo", []byte(text)) }
	cfg, report := load()
	if err := report.Err(); err != nil {
		return err
	}
	log, level, err := newLogger(os.Stderr, g, cfg.Logging)
	if err != nil {
		return err
	}
	s, err := server.New(server.Options{Load: load, Version: version, Log: log, Level: level}, cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if f, ok := in.(*os.File); ok {
		defer singleKeys(f)()
	}
	go keys(in, out, backends, cancel) // ends with the process: a read of the terminal cannot be called off
	return runServer(ctx, s, func() { tellDemo(out, s) })
}

func tellDemo(out io.Writer, s *server.Server) {
	url := "http://" + s.Addresses()["main"]
	fmt.Fprintf(out, `Usher is at %[1]s in front of three toy backends, A, B and C, each with sessions in its own memory.

Four things to try:
  1. Open %[1]s and reload: the same backend answers, and the visits of your session count up.
  2. curl %[1]s; curl %[1]s
     Without a cookie, each request is a new client and may get another backend.
  3. curl -c jar -b jar %[1]s; curl -c jar -b jar %[1]s
     With a cookie jar the client stays where it is. The cookie is sealed: it names no address.
  4. Press k to kill the backend that answered last (r brings all back), then reload: its clients are moved once, without
     an error; the others notice nothing.

q or Ctrl-C ends the demo. Metrics: http://%[2]s/metrics
`, url, s.AdminAddress())
}

// keys carries out what is typed: k kills a backend, r revives all, q ends. Anything else is passed over.
func keys(in io.Reader, out io.Writer, backends []*demo.Backend, quit func()) {
	typed := bufio.NewReader(in)
	for {
		key, err := typed.ReadByte()
		if err != nil {
			return
		}
		switch key {
		case 'k', 'K':
			fmt.Fprintln(out, killOne(backends))
		case 'r', 'R':
			fmt.Fprintln(out, reviveAll(backends))
		case 'q', 'Q':
			quit()
			return
		}
	}
}

// killOne kills the backend that answered last, so that whoever tries it out sees the move at once.
func killOne(backends []*demo.Backend) string {
	var last *demo.Backend
	for _, b := range backends {
		if b.Alive() && (last == nil || b.LastVisit().After(last.LastVisit())) {
			last = b
		}
	}
	if last == nil {
		return "no backend is left; r brings them back"
	}
	last.Kill()
	return "backend " + last.Name + " is dead; its clients will be moved"
}

func reviveAll(backends []*demo.Backend) string {
	for _, b := range backends {
		if b.Alive() {
			continue
		}
		if err := b.Revive(); err != nil {
			return err.Error()
		}
	}
	return "all backends are up"
}
