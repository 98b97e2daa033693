package config

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// JSON returns the report as one object with a list, problems, and a line feed.
func (r *Report) JSON() []byte {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(err) // strings and numbers cannot fail
	}
	return append(text, '\n')
}

// GitHub returns the report as workflow commands, a line each, which GitHub shows at the lines of the file.
func (r *Report) GitHub() string {
	var b strings.Builder
	for _, d := range r.Problems {
		fmt.Fprintf(&b, "::%s file=%s", d.Severity, escapeProperty(d.File))
		if d.Line > 0 {
			fmt.Fprintf(&b, ",line=%d,col=%d", d.Line, d.Column)
		}
		message := d.Message
		if d.Hint != "" {
			message += " (" + d.Hint + ")"
		}
		fmt.Fprintf(&b, "::%s\n", escapeData(message))
	}
	return b.String()
}

func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func escapeProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(escapeData(s))
}

// The colours of the frame.
const (
	red    = "\x1b[1;31m"
	yellow = "\x1b[1;33m"
	blue   = "\x1b[1;34m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

// Text returns the report for people: each problem with the line it is about, an empty line between two.
func (r *Report) Text(color bool) string {
	var parts []string
	for _, d := range r.Problems {
		p := printer{color: color, gutter: d.gutter()}
		p.problem(d)
		parts = append(parts, p.String())
	}
	return strings.Join(parts, "\n")
}

// gutter is the width of the widest line number shown.
func (d Diagnostic) gutter() int {
	line := d.Line
	for _, n := range d.Notes {
		line = max(line, n.Line)
	}
	return len(strconv.Itoa(line))
}

// printer writes one problem in a frame.
type printer struct {
	strings.Builder
	color  bool
	gutter int
}

func (p *printer) paint(color, s string) string {
	if !p.color {
		return s
	}
	return color + s + reset
}

func (p *printer) problem(d Diagnostic) {
	color := red
	if d.Severity == Warning {
		color = yellow
	}
	fmt.Fprintf(p, "%s%s\n", p.paint(color, string(d.Severity)+":"), p.paint(bold, " "+d.Message))
	p.arrow("-->", where(d.File, d.Line, d.Column), d.Path)
	p.excerpt(d.Line, d.Excerpt, "^", "", color)
	for _, n := range d.Notes {
		p.note(n)
	}
	if d.Hint != "" {
		p.foot("help", d.Hint)
	}
}

func (p *printer) note(n Note) {
	if n.Excerpt == (Excerpt{}) {
		message := n.Message
		if n.Line > 0 {
			message += " (" + where(n.File, n.Line, n.Column) + ")"
		}
		p.foot("note", message)
		return
	}
	p.arrow(":::", where(n.File, n.Line, n.Column), "")
	p.excerpt(n.Line, n.Excerpt, "-", n.Message, blue)
}

// arrow writes the line that names a place.
func (p *printer) arrow(arrow, place, path string) {
	if path != "" {
		path = " (" + path + ")"
	}
	fmt.Fprintf(p, "%*s%s %s%s\n", p.gutter, "", p.paint(blue, arrow), place, path)
}

// excerpt writes a line of the file and marks the part that is meant.
func (p *printer) excerpt(line int, e Excerpt, mark, label, color string) {
	if e == (Excerpt{}) {
		return
	}
	if label != "" {
		label = " " + label
	}
	bar := p.paint(blue, "|")
	fmt.Fprintf(p, "%*s %s\n", p.gutter, "", bar)
	fmt.Fprintf(p, "%s %s %s\n", p.paint(blue, fmt.Sprintf("%*d", p.gutter, line)), bar, e.Text)
	fmt.Fprintf(p, "%*s %s %s%s\n", p.gutter, "", bar, strings.Repeat(" ", e.Column-1), p.paint(color, strings.Repeat(mark, e.Width)+label))
}

// foot writes a line of advice.
func (p *printer) foot(kind, text string) {
	fmt.Fprintf(p, "%*s %s %s\n", p.gutter, "", p.paint(blue, "="), p.paint(bold, kind+":")+" "+text)
}

func where(file string, line, column int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}
