package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newHealthcheck(g *globals) *cobra.Command {
	return &cobra.Command{
		Use: "healthcheck", Short: "Exit 0 if the running Usher is ready, 3 if it is not, 1 if none answers", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := g.client()
			if err != nil {
				return err
			}
			s, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			if !s.Ready {
				return &exitError{exitCheck, fmt.Errorf("not ready: %s", s.Reason)}
			}
			fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return nil
		},
	}
}
