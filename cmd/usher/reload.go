package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"usher/admin"
)

func newReload(g *globals) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "reload", Short: "Have the running Usher read its file again: prints what changed, or why it was refused", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := g.client()
			if err != nil {
				return err
			}
			result, err := client.Reload(cmd.Context())
			if err != nil {
				return refused(err)
			}
			return printResult(cmd.OutOrStdout(), output, result, "reloaded; nothing has changed")
		},
	}
	outputFlag(c, &output)
	return c
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
