package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"usher/admin"
	"usher/config"
)

func newConfig(g *globals) *cobra.Command {
	return group("config", "Show the configuration, its schema, or what a reload would change",
		newConfigPrint(g), newConfigSchema(), newConfigDiff(g))
}

func newConfigPrint(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "print", Short: "Print the configuration file in its full form: defaults set, secrets as ***", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, report := config.Load(g.file)
			if report.HasErrors() {
				return invalid(g, report)
			}
			_, err := cmd.OutOrStdout().Write(cfg.Print())
			return err
		},
	}
}

func newConfigSchema() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the configuration file, for editors", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", config.Schema())
			return err
		},
	}
}

func newConfigDiff(g *globals) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "diff", Short: "Show what a reload of the running Usher would change", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := g.client()
			if err != nil {
				return err
			}
			result, err := client.Diff(cmd.Context())
			if err != nil {
				return refused(err)
			}
			return printResult(cmd.OutOrStdout(), output, result, "nothing would change")
		},
	}
	outputFlag(c, &output)
	return c
}

// outputFlag gives a listing its -o.
func outputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "table", "table or json")
}

// show prints v as JSON, or as table prints it.
func show(out io.Writer, output string, v any, table func(io.Writer) error) error {
	switch output {
	case "json":
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case "table":
		return table(out)
	}
	return usageError("-o %q is neither table nor json", output)
}

func printResult(out io.Writer, output string, r admin.ReloadResult, nothing string) error {
	return show(out, output, r, func(out io.Writer) error {
		if len(r.Changed) == 0 {
			fmt.Fprintln(out, nothing)
		}
		for _, c := range r.Changed {
			fmt.Fprintf(out, "%s: %s -> %s\n", c.Path, c.Old, c.New)
		}
		for _, path := range r.Restart {
			fmt.Fprintf(out, "%s takes effect with the next start\n", path)
		}
		for _, w := range r.Warnings {
			fmt.Fprintf(out, "warning: %s (%s:%d)\n", w.Message, w.File, w.Line)
		}
		return nil
	})
}

// client returns a client for the admin API: where --admin says, else where the configuration file does, else the default.
func (g *globals) client() (*admin.Client, error) {
	base := g.admin
	if base == "" {
		_, report := config.Load(g.file)
		c := report.Admin()
		if c.Listen == admin.Off {
			return nil, fmt.Errorf("%s turns the admin API off (admin.listen)", g.file)
		}
		base = "http://" + c.Listen
	}
	client, err := admin.NewClient(base, "")
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return client, nil
}
