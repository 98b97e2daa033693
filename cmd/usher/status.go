package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"usher/admin"
)

func newStatus(g *globals) *cobra.Command {
	return asking(g, &cobra.Command{Use: "status", Short: "Show how the running Usher is"}, (*admin.Client).Status, printStatus)
}

func printStatus(out io.Writer, s admin.Status) error {
	ready := "ready"
	if !s.Ready {
		ready = "not ready: " + s.Reason
	}
	fmt.Fprintf(out, "usher %s, %s, up %s\n", s.Version, ready, time.Since(s.Started).Round(time.Second))
	fmt.Fprintf(out, "configuration of %s\n", s.Loaded.Local().Format(time.DateTime))
	if s.ReloadError != "" {
		fmt.Fprintf(out, "the last reload was refused:\n%s\n", s.ReloadError)
	}
	t := columns(out)
	fmt.Fprintln(t, "LISTENER\tADDRESS\tTLS\tCONNECTIONS")
	for _, l := range s.Listeners {
		fmt.Fprintf(t, "%s\t%s\t%v\t%d\n", l.Name, l.Address, l.TLS, l.Connections)
	}
	return t.Flush()
}

func newBackends(g *globals) *cobra.Command {
	return group("backends", "Show the backends",
		asking(g, &cobra.Command{Use: "list", Short: "List the backends of every pool, with their requests in flight"}, (*admin.Client).Backends, printBackends))
}

func printBackends(out io.Writer, list []admin.Backend) error {
	t := columns(out)
	fmt.Fprintln(t, "POOL\tBACKEND\tADDRESS\tWEIGHT\tIN FLIGHT")
	for _, b := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\n", b.Pool, b.ID, b.Address, b.Weight, b.InFlight)
	}
	return t.Flush()
}
