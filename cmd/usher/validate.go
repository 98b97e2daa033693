package main

import (
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"usher/balancer"
	"usher/config"
)

func newValidate(g *globals) *cobra.Command {
	var online, strict bool
	var format string
	c := &cobra.Command{
		Use: "validate", Short: "Check the configuration file: every problem at once, each with its place and the way out", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, report := config.Load(g.file)
			if err := printReport(cmd, g, report, format); err != nil {
				return err
			}
			if report.HasErrors() || strict && len(report.Problems) > 0 {
				return &exitError{code: exitInvalid}
			}
			if online {
				if err := dialBackends(cfg); err != nil {
					return &exitError{exitCheck, err}
				}
			}
			if format == "text" {
				fmt.Fprintf(cmd.OutOrStdout(), "%s is valid\n", g.file)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&online, "online", false, "connect to every backend, too")
	c.Flags().BoolVar(&strict, "strict", false, "take warnings for errors")
	c.Flags().StringVar(&format, "format", "text", "text, json or github (annotations of a workflow)")
	return c
}

func printReport(cmd *cobra.Command, g *globals, report *config.Report, format string) error {
	out := cmd.OutOrStdout()
	switch format {
	case "text":
		fmt.Fprint(os.Stderr, report.Text(g.color(os.Stderr)))
	case "json":
		fmt.Fprintf(out, "%s\n", report.JSON())
	case "github":
		fmt.Fprint(out, report.GitHub())
	default:
		return usageError("--format %q is none of text, json, github", format)
	}
	return nil
}

// dialBackends connects to every backend once and reports those that cannot be reached.
func dialBackends(cfg *config.Config) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	down := 0
	for name, pool := range cfg.Pools {
		for _, b := range pool.Backends {
			wg.Go(func() {
				if err := dial(b, pool); err != nil {
					mu.Lock()
					defer mu.Unlock()
					down++
					fmt.Fprintf(os.Stderr, "pool %s: backend %s: %v\n", name, b.URL, err)
				}
			})
		}
	}
	wg.Wait()
	if down > 0 {
		return fmt.Errorf("%d backends cannot be reached", down)
	}
	return nil
}

func dial(b balancer.BackendConfig, pool *config.Pool) error {
	_, address, err := b.Endpoint()
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", address, pool.Connect.Timeout.D())
	if err != nil {
		return err
	}
	return conn.Close()
}
