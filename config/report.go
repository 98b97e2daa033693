package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"usher/admin"
)

// Severity says whether a problem stops the configuration from being used.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one problem of a configuration.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	// Message says what is wrong in the words of the file.
	Message string `json:"message"`
	// File is the file's name as it was given, or "command line".
	File string `json:"file"`
	// Line and Column count from 1, columns in characters. Both are 0 for a problem without a place.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Path leads to the setting, as "pools.web.backends[1]"; empty for the file itself.
	Path string `json:"path,omitempty"`
	// Hint says what to do about it. May be empty.
	Hint    string  `json:"hint,omitempty"`
	Excerpt Excerpt `json:"excerpt,omitzero"`
	// Notes are the other places that the problem involves.
	Notes []Note `json:"notes,omitempty"`
}

// Note is a second place that a problem involves.
type Note struct {
	Message string  `json:"message"`
	File    string  `json:"file"`
	Line    int     `json:"line,omitempty"`
	Column  int     `json:"column,omitempty"`
	Excerpt Excerpt `json:"excerpt,omitzero"`
}

// Excerpt is the line of a place, with secrets masked. The zero value means that there is none.
type Excerpt struct {
	Text string `json:"text"`
	// Column and Width, in characters, are the part of Text that is meant.
	Column int `json:"column"`
	Width  int `json:"width"`
}

// Report is all that was found wrong or doubtful in a configuration, sorted by place.
type Report struct {
	Problems []Diagnostic `json:"problems"`

	bound *Config // as far as it could be read; nil where it could not
}

// Admin is what could be read of the admin API's settings, else the defaults: who mends a file must still reach the Usher that refused it.
func (r *Report) Admin() admin.Config {
	var c admin.Config
	c.SetDefaults()
	if r.bound != nil && r.bound.Admin.Listen != "" {
		return r.bound.Admin
	}
	return c
}

// HasErrors reports whether a problem stops the configuration from being used.
func (r *Report) HasErrors() bool {
	return slices.ContainsFunc(r.Problems, func(d Diagnostic) bool { return d.Severity == Error })
}

// Err returns nil if there are no errors, else an error whose message is the whole report as text.
func (r *Report) Err() error {
	if !r.HasErrors() {
		return nil
	}
	return errors.New(r.Text(false))
}

// spot is a place in the text: width is in characters, and 0 where it follows from the text.
type spot struct {
	line, column, width int
	path                string
	node                *node
}

// spot is the place of the node.
func (n *node) spot() spot {
	if n.stands != nil {
		return n.stands.spot()
	}
	return spot{line: n.line, column: n.column, path: n.path(), node: n}
}

// finding is a problem before the source is looked at again for the excerpt.
type finding struct {
	Diagnostic
	at    spot
	notes []spot
	veil  *veil
}

// hint sets what to do about it.
func (f *finding) hint(format string, args ...any) *finding {
	f.Hint = f.veil.text(format, args...)
	return f
}

// note adds a second place.
func (f *finding) note(at spot, format string, args ...any) *finding {
	f.notes = append(f.notes, at)
	f.Notes = append(f.Notes, Note{Message: f.veil.text(format, args...)})
	return f
}

// maxFindings bounds a report. Who has made that many mistakes has made one.
const maxFindings = 200

// findings collects what is wrong.
type findings struct {
	list []*finding
	more bool
	veil *veil
}

// hide keeps secrets out of all that is found from here on.
func (fs *findings) hide(known secrets) { fs.veil = &veil{known: known} }

// add records an error and returns it, so that a hint and notes can be added.
func (fs *findings) add(at spot, format string, args ...any) *finding {
	f := &finding{at: at, veil: fs.veil, Diagnostic: Diagnostic{Severity: Error, Message: fs.veil.text(format, args...), Path: at.path}}
	if len(fs.list) >= maxFindings {
		fs.more = true
		return f
	}
	fs.list = append(fs.list, f)
	return f
}

// warn records a warning.
func (fs *findings) warn(at spot, format string, args ...any) *finding {
	f := fs.add(at, format, args...)
	f.Severity = Warning
	return f
}

// report puts the findings in order, each cause once, with excerpts from the source.
func (fs *findings) report(src *source) *Report {
	r := &Report{Problems: []Diagnostic{}}
	slices.SortStableFunc(fs.list, func(a, b *finding) int {
		return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
	})
	type cause struct {
		line, column  int
		path, message string
	}
	seen := map[cause]bool{}
	for _, f := range fs.list {
		c := cause{f.at.line, f.at.column, f.Path, f.Message}
		if !seen[c] {
			r.Problems = append(r.Problems, f.finish(src))
		}
		seen[c] = true
	}
	if fs.more {
		r.Problems = append(r.Problems, Diagnostic{Severity: Error, File: src.name, Message: fmt.Sprintf("more than %d problems; the rest is not shown", maxFindings)})
	}
	return r
}

func (f *finding) finish(src *source) Diagnostic {
	d := f.Diagnostic
	d.File, d.Line, d.Column, d.Excerpt = src.name, f.at.line, f.at.column, src.excerpt(f.at.measured(src))
	for i, at := range f.notes {
		n := &d.Notes[i]
		n.File, n.Line, n.Column, n.Excerpt = src.name, at.line, at.column, src.excerpt(at.measured(src))
	}
	return d
}

// measured fills in how wide the token at the spot is.
func (s spot) measured(src *source) spot {
	if s.width > 0 || s.node == nil || s.line == 0 {
		return s
	}
	n := s.node.first()
	s.width = 1
	if n.kind == scalar && n.style != block && n.line == s.line {
		start := src.offset(n.line, n.column)
		s.width = max(1, utf8.RuneCountInString(src.text[start:src.end(n)]))
	}
	return s
}

// shorten bounds what a message quotes from the file.
func shorten(s string) string {
	const most = 300
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// maxQuoted is how many bytes of a name or value are shown.
const maxQuoted = 80

// beginning is what is shown of a text that is longer than maxQuoted.
func beginning(s string) string { return strings.ToValidUTF8(s[:maxQuoted], "") }

// quote puts a name or value from the file in quotes.
func quote(s string) string {
	if len(s) > maxQuoted {
		s = beginning(s) + "..."
	}
	return fmt.Sprintf("%q", s)
}
