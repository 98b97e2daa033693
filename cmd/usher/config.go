package main

import (
	"fmt"

	"github.com/spf13/cobra"

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
