package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"usher/admin"
	"usher/config"
)

// asking completes a command that asks the running Usher and shows the answer, as a table or as JSON.
func asking[T any](g *globals, c *cobra.Command, ask func(*admin.Client, context.Context) (T, error), table func(io.Writer, T) error) *cobra.Command {
	var output string
	c.Args = noArgs
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if output != "table" && output != "json" {
			return usageError("-o %q is neither table nor json", output)
		}
		client, err := g.client()
		if err != nil {
			return err
		}
		answer, err := ask(client, cmd.Context())
		if err != nil {
			return refused(err)
		}
		if output == "table" {
			return table(cmd.OutOrStdout(), answer)
		}
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		return e.Encode(answer)
	}
	return c
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
	client, err := admin.NewClient(base, os.Getenv("USHER_ADMIN_TOKEN"))
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return client, nil
}

// refused prints the diagnostics of a configuration that was refused and returns the exit code for it; other errors pass.
func refused(err error) error {
	var r *admin.Refused
	if !errors.As(err, &r) {
		return err
	}
	os.Stderr.WriteString(r.Text)
	return &exitError{exitInvalid, errors.New("invalid configuration; the one before stays in force")}
}

// columns aligns what is separated by tabs. It must be flushed.
func columns(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }
