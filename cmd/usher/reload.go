package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"usher/admin"
)

func newReload(g *globals) *cobra.Command {
	return asking(g, &cobra.Command{Use: "reload", Short: "Have the running Usher read its file again: prints what changed, or why it was refused"},
		(*admin.Client).Reload, func(out io.Writer, r admin.ReloadResult) error {
			return printChanges(out, r, "reloaded; nothing has changed")
		})
}

func newConfigDiff(g *globals) *cobra.Command {
	return asking(g, &cobra.Command{Use: "diff", Short: "Show what a reload of the running Usher would change"},
		(*admin.Client).Diff, func(out io.Writer, r admin.ReloadResult) error { return printChanges(out, r, "nothing would change") })
}

func printChanges(out io.Writer, r admin.ReloadResult, nothing string) error {
	if len(r.Changed) == 0 {
		fmt.Fprintln(out, nothing)
	}
	for _, c := range r.Changed {
		fmt.Fprintf(out, "%s: %q -> %q\n", c.Path, c.Old, c.New)
	}
	for _, path := range r.Restart {
		fmt.Fprintf(out, "%s takes effect with the next start\n", path)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(out, "warning: %s (%s:%d)\n", w.Message, w.File, w.Line)
	}
	return nil
}
