package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"slices"
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
			code := 0
			switch {
			case report.HasErrors() || strict && len(report.Problems) > 0:
				code = exitInvalid
			case online:
				if down := unreachable(g.file, cfg); len(down) > 0 {
					report.Problems, code = append(report.Problems, down...), exitCheck
				}
			}
			if err := printReport(cmd, g, report, format); err != nil {
				return err
			}
			if code != 0 {
				return &exitError{code: code}
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

// unreachable connects to every backend once and returns a problem for each that does not answer, in the order of the pools' names.
func unreachable(file string, cfg *config.Config) (problems []config.Diagnostic) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for name, pool := range cfg.Pools {
		for i, b := range pool.Backends {
			wg.Go(func() {
				if err := dial(b, pool); err != nil {
					mu.Lock()
					defer mu.Unlock()
					problems = append(problems, config.Diagnostic{
						Severity: config.Error, File: file, Path: fmt.Sprintf("pools.%s.backends[%d]", name, i),
						Message: fmt.Sprintf("the backend %s cannot be reached: %v", b.URL, err), Hint: "start it, or mend its address",
					})
				}
			})
		}
	}
	wg.Wait()
	slices.SortFunc(problems, func(a, b config.Diagnostic) int { return cmp.Compare(a.Path, b.Path) })
	return problems
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
