// Command usher is a session-aware reverse proxy and load balancer. Flags come in here, packages are called, an exit code goes out.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases.
var version = "dev"

// Exit codes; see docs/operations.md.
const (
	exitFailed  = 1  // could not run
	exitUsage   = 2  // bad usage
	exitCheck   = 3  // a check ran and did not hold
	exitInvalid = 78 // invalid configuration (EX_CONFIG of sysexits.h)
)

// exitError is an error with the code that the process ends with. A nil err prints nothing: what there was to say has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func main() { os.Exit(execute(context.Background(), os.Args[1:])) }

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	code := exitFailed
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(os.Stderr, "usher: %s\n", text)
	}
	if code == exitUsage {
		fmt.Fprintf(os.Stderr, "try: %s --help\n", cmd.CommandPath())
	}
	return code
}

// globals are the flags that every command has.
type globals struct {
	file      string
	admin     string
	logLevel  string
	logFormat string
	noColor   bool
}

func newRoot() *cobra.Command {
	var g globals
	root := &cobra.Command{
		Use:   "usher",
		Short: "Session-aware reverse proxy and load balancer",
		Long: `Usher sends traffic to backends by round-robin, least-conn, random, p2c, hash or sticky-cookie policies.

Nothing installed yet? Try: usher demo
No file? Try:               usher run --listen :8080 --to :3001 --to :3002 --policy sticky-cookie`,
		SilenceUsage: true, SilenceErrors: true,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&g.file, "config", "c", "usher.yaml", "configuration file")
	flags.StringVar(&g.admin, "admin", "", "URL of the admin API (default: as the configuration file says, else http://127.0.0.1:9901)")
	flags.StringVar(&g.logLevel, "log-level", "", "debug, info, warn or error (default: as the configuration file says)")
	flags.StringVar(&g.logFormat, "log-format", "", "auto, text or json (default: as the configuration file says)")
	flags.BoolVar(&g.noColor, "no-color", false, "no colors (NO_COLOR does the same)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitUsage, err} })
	root.AddCommand(newDemo(&g), newRun(&g), newValidate(&g), newConfig(&g), newReload(&g), newStatus(&g), newBackends(&g),
		newHealthcheck(&g), newVersion())
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args = noArgs
			c.RunE = func(*cobra.Command, []string) error {
				return usageError("completion needs a shell: bash, zsh, fish or powershell")
			}
		}
	}
	return root
}

// noArgs refuses arguments, with the exit code for bad usage.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("unknown command or argument %q", args[0])
	}
	return nil
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return usageError("%s needs a command", cmd.CommandPath())
	}}
	c.AddCommand(commands...)
	return c
}
