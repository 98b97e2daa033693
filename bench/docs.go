//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Where the page and what it is made from are, from the module's directory.
const (
	docsPage    = "docs/performance.md"
	docsPlot    = "docs/performance.svg"
	docsResults = "bench/results.json"
	docsBegin   = "<!-- measured: written by make bench-docs -->\n"
	docsEnd     = "<!-- end of what was measured -->\n"
)

// docs writes the part of the page that is measured, the plot, and the results that both are made from.
func docs([]string) error {
	s, err := environment()
	if err != nil {
		return err
	}
	r, err := readResults(s.results)
	if err != nil {
		return fmt.Errorf("%w; make bench writes it", err)
	}
	page, err := os.ReadFile(docsPage)
	if err != nil {
		return err
	}
	text, err := replaceMeasured(string(page), r.measured())
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(docsPage, []byte(text), 0o644), os.WriteFile(docsPlot, []byte(r.plot()), 0o644), r.write(docsResults))
}

// replaceMeasured puts text between the marks of the page.
func replaceMeasured(page, text string) (string, error) {
	before, rest, begins := strings.Cut(page, docsBegin)
	_, after, ends := strings.Cut(rest, docsEnd)
	if !begins || !ends {
		return "", fmt.Errorf("%s has lost the marks around what is measured", docsPage)
	}
	return before + docsBegin + "\n" + text + "\n" + docsEnd + after, nil
}

// measured returns the part of the page that is.
func (r *results) measured() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s on %s, %s, Go %s, in %d rounds of %s.\n\n", r.Date, r.Machine, r.Kernel, strings.TrimPrefix(r.Go, "go"), r.Rounds,
		r.Duration)
	fmt.Fprintf(&b, "| proxy | version |\n|---|---|\n")
	for _, proxy := range r.Order {
		fmt.Fprintf(&b, "| %s | `%s` |\n", labels[proxy], r.Versions[proxy])
	}
	fmt.Fprintf(&b, "\n![Cost of a request by case and proxy](performance.svg)\n\n%s", r.markdown())
	return b.String()
}
