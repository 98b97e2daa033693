//go:build linux

package main

import (
	"fmt"
	"html"
	"strings"
)

// colors of the bars.
var colors = map[string]string{
	"usher": "#0b7a75", "haproxy": "#7a8ba3", "nginx": "#a9b7c6", "caddy": "#d3b88c", "base": "#69b3af",
}

// The plot's measures, in pixels.
const (
	plotWidth  = 840
	plotLeft   = 250 // of the bars
	plotUnit   = 110 // what Usher has
	plotMost   = 4.0 // units; longer bars are cut
	plotBar    = 13
	plotMargin = 16
)

// plot returns the costs as bars, those of Usher being one unit long, as SVG.
func (r *results) plot() string {
	var body strings.Builder
	y := plotMargin + 30
	for _, c := range cases {
		if !r.has(c.name, "usher") {
			continue
		}
		text(&body, plotLeft-10, y+plotBar-2, "end", c.title)
		for _, proxy := range r.Order {
			if r.has(c.name, proxy) {
				r.bar(&body, y, c.name, proxy)
				y += plotBar + 2
			}
		}
		y += 10
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %d" font-family="sans-serif" font-size="12">`+"\n",
		plotWidth, y+plotMargin, y+plotMargin)
	fmt.Fprintln(&b, `<rect width="100%" height="100%" fill="#ffffff"/>`)
	x := plotLeft
	for _, proxy := range r.Order {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="12" height="12" fill="%s"/>`+"\n", x, plotMargin-4, colors[proxy])
		text(&b, x+17, plotMargin+7, "start", labels[proxy])
		x += 110
	}
	text(&b, plotLeft-10, plotMargin+7, "end", "Cost of a request, Usher's being 1")
	fmt.Fprintf(&b, `<line x1="%d" y1="%d" x2="%[1]d" y2="%d" stroke="#0b7a75" stroke-dasharray="2 3"/>`+"\n", plotLeft+plotUnit, plotMargin+24, y)
	return b.String() + body.String() + "</svg>\n"
}

func (r *results) bar(b *strings.Builder, y int, testCase, proxy string) {
	units, unit := 1.0, "µs"
	cost := r.of(testCase, proxy, sample.cost).median
	if usher := r.of(testCase, "usher", sample.cost).median; usher > 0 {
		units = max(0, cost/usher)
	}
	if testCase == "idle" {
		unit = "KiB"
	}
	width := int(min(units, plotMost) * plotUnit)
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n", plotLeft, y, width, plotBar, colors[proxy])
	note := fmt.Sprintf("%.3g %s", cost, unit)
	if units > plotMost {
		note = fmt.Sprintf("… %s, %.1f times", note, units)
	}
	text(b, plotLeft+width+5, y+plotBar-2, "start", note)
}

func text(b *strings.Builder, x, y int, anchor, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" fill="#222222">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}
