package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"usher/admin"
)

func newStatus(g *globals) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "status", Short: "Show how the running Usher is", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := g.client()
			if err != nil {
				return err
			}
			s, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), output, s, func(out io.Writer) error { return statusTable(out, s) })
		},
	}
	outputFlag(c, &output)
	return c
}

func statusTable(out io.Writer, s admin.Status) error {
	ready := "ready"
	if !s.Ready {
		ready = "not ready: " + s.Reason
	}
	fmt.Fprintf(out, "usher %s, %s, up %s\n", s.Version, ready, time.Since(s.Started).Round(time.Second))
	fmt.Fprintf(out, "configuration of %s\n", s.Loaded.Local().Format(time.DateTime))
	if s.ReloadError != "" {
		fmt.Fprintf(out, "the last reload was refused:\n%s\n", s.ReloadError)
	}
	t := table(out)
	fmt.Fprintln(t, "LISTENER\tADDRESS\tTLS\tCONNECTIONS")
	for _, l := range s.Listeners {
		fmt.Fprintf(t, "%s\t%s\t%v\t%d\n", l.Name, l.Address, l.TLS, l.Connections)
	}
	return t.Flush()
}

// table aligns columns that are separated by tabs.
func table(out io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(out, 0, 0, 2, ' ', 0) }

func newBackends(g *globals) *cobra.Command {
	return group("backends", "Show the backends", newBackendsList(g))
}

func newBackendsList(g *globals) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: "List the backends of every pool, with their requests in flight", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := g.client()
			if err != nil {
				return err
			}
			list, err := client.Backends(cmd.Context())
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), output, list, func(out io.Writer) error {
				t := table(out)
				fmt.Fprintln(t, "POOL\tBACKEND\tADDRESS\tWEIGHT\tIN FLIGHT")
				for _, b := range list {
					fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\n", b.Pool, b.ID, b.Address, b.Weight, b.InFlight)
				}
				return t.Flush()
			})
		},
	}
	outputFlag(c, &output)
	return c
}

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
