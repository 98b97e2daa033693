package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"usher/config"
	"usher/server"
)

// runFlags are the flags of usher run.
type runFlags struct {
	listen string
	to     []string
	policy string
	watch  bool
}

func newRun(g *globals) *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use: "run", Short: "Serve, in the foreground", Args: noArgs,
		Example: "  usher run -c usher.yaml --watch\n  usher run --listen :8080 --to :3001 --to :3002 --policy sticky-cookie",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(f.to) == 0 && (f.listen != "" || f.policy != "") {
				return usageError("--listen and --policy go with --to, in place of a file")
			}
			if len(f.to) > 0 && cmd.Flags().Changed("config") {
				return usageError("--to stands in place of a file: leave out -c, or put the backends into %s", g.file)
			}
			return run(cmd.Context(), g, f)
		},
	}
	c.Flags().StringVar(&f.listen, "listen", "", "address to listen on (default :8080); needs --to")
	c.Flags().StringArrayVar(&f.to, "to", nil, "a backend's address or URL; once for each backend")
	c.Flags().StringVar(&f.policy, "policy", "", "round-robin, least-conn (default), random, p2c, hash or sticky-cookie; needs --to")
	c.Flags().BoolVar(&f.watch, "watch", false, "reload when the file changes")
	return c
}

// loader returns the way to read the configuration, and the file that it reads, if any.
func (f runFlags) loader(g *globals) (load func() (*config.Config, *config.Report), file string) {
	if len(f.to) == 0 {
		return func() (*config.Config, *config.Report) { return config.Load(g.file) }, g.file
	}
	if f.listen == "" {
		f.listen = ":8080"
	}
	return func() (*config.Config, *config.Report) { return config.FromFlags(f.listen, f.to, f.policy) }, ""
}

func run(ctx context.Context, g *globals, f runFlags) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, reloadSignals...) // from the first: a signal that comes while the server starts must not end it
	defer signal.Stop(signals)
	load, file := f.loader(g)
	read := server.Fingerprint(file)
	cfg, report := load()
	if report.HasErrors() {
		return invalid(g, report)
	}
	os.Stderr.WriteString(report.Text(g.color(os.Stderr))) // warnings
	log, level, err := newLogger(os.Stderr, g, cfg.Logging)
	if err != nil {
		return err
	}
	s, err := server.New(server.Options{Load: load, File: file, Read: read, Watch: f.watch, Version: version, Log: log, Level: level}, cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return runServer(ctx, s, func() { go obey(ctx, s, signals) })
}

// obey acts on signals until ctx ends.
func obey(ctx context.Context, s *server.Server, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			onSignal(s, sig)
		}
	}
}

// lastResort is how long a second signal waits for what ought to end at once.
const lastResort = 5 * time.Second

// runServer serves until SIGTERM, SIGINT or ctx's end; a second signal ends it at once. ready is called when the addresses are open.
func runServer(ctx context.Context, s *server.Server, ready func()) error {
	ignorePipes()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	cut, cutNow := context.WithCancel(context.Background())
	defer cutNow()
	go func() {
		for _, end := range []context.CancelFunc{stop, func() { cutNow(); time.AfterFunc(lastResort, func() { os.Exit(exitFailed) }) }} {
			select {
			case <-signals:
				end()
			case <-cut.Done():
				return
			}
		}
	}()
	return s.Run(ctx, cut, ready)
}

// invalid prints what is wrong with the configuration and returns the exit code for it.
func invalid(g *globals, report *config.Report) error {
	os.Stderr.WriteString(report.Text(g.color(os.Stderr)))
	return &exitError{exitInvalid, errors.New("invalid configuration")}
}

// newLogger returns the logger that the flags and the configuration ask for, and its level, which reloads may move unless a flag has
// fixed it: then it is nil.
func newLogger(out *os.File, g *globals, c config.Logging) (*slog.Logger, *slog.LevelVar, error) {
	level, format := new(slog.LevelVar), string(c.Format)
	moving := level
	name := string(c.Level)
	if g.logLevel != "" {
		name, moving = g.logLevel, nil
	}
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return nil, nil, usageError("--log-level %q is none of debug, info, warn, error", name)
	}
	if g.logFormat != "" {
		format = g.logFormat
	}
	options := &slog.HandlerOptions{Level: level}
	switch {
	case format == "text" || format == "auto" && isTerminal(out):
		return slog.New(slog.NewTextHandler(out, options)), moving, nil
	case format == "json" || format == "auto":
		return slog.New(slog.NewJSONHandler(out, options)), moving, nil
	}
	return nil, nil, usageError("--log-format %q is none of auto, text, json", format)
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// color reports whether output to f may be colored (no-color.org).
func (g *globals) color(f *os.File) bool {
	return !g.noColor && os.Getenv("NO_COLOR") == "" && isTerminal(f)
}
