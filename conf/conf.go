// Package conf holds what every package's configuration is made of: values that carry a unit or a secret, and problems that know
// which setting they are about. It knows nothing of files; package config binds a file to these types.
package conf

import "fmt"

// Problem is one thing that is wrong, or doubtful, with a setting.
type Problem struct {
	// Path leads to the setting from the value that was validated, as "cookie.same_site" or "backends[1].weight". Empty means the
	// value itself.
	Path string
	// Text says what is wrong in the words of the file: names of keys and values, never Go types.
	Text string
	// Hint says what to do about it. May be empty.
	Hint string
	// Warning marks a problem that does not stop the configuration from being used.
	Warning bool
	// Also names other places that the problem involves.
	Also []Note
}

// Note points at a second place that a problem involves.
type Note struct {
	Path string // as Problem.Path
	Text string
}

// Problems collects what a Validate method finds. The zero value is ready to use.
type Problems []*Problem

// Add records an error about the setting at path and returns it, so that a hint can be set.
func (ps *Problems) Add(path, format string, args ...any) *Problem {
	p := &Problem{Path: path, Text: fmt.Sprintf(format, args...)}
	*ps = append(*ps, p)
	return p
}

// Warn records a warning about the setting at path and returns it.
func (ps *Problems) Warn(path, format string, args ...any) *Problem {
	p := ps.Add(path, format, args...)
	p.Warning = true
	return p
}

// Under takes over the problems of a value that is found at prefix, with their paths made relative to the value that contains it.
func (ps *Problems) Under(prefix string, inner Problems) {
	for _, p := range inner {
		p.Path = Join(prefix, p.Path)
		for i := range p.Also {
			p.Also[i].Path = Join(prefix, p.Also[i].Path)
		}
		*ps = append(*ps, p)
	}
}

// WithHint sets the hint.
func (p *Problem) WithHint(format string, args ...any) *Problem {
	p.Hint = fmt.Sprintf(format, args...)
	return p
}

// WithNote adds a second place.
func (p *Problem) WithNote(path, format string, args ...any) *Problem {
	p.Also = append(p.Also, Note{Path: path, Text: fmt.Sprintf(format, args...)})
	return p
}

// Join joins two paths: "a" and "b" to "a.b", "a" and "[1].b" to "a[1].b".
func Join(outer, inner string) string {
	if outer == "" || inner == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}

// Index is the path of element i of the list at path.
func Index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// Defaulter is implemented, on the pointer, by settings that are not all zero when the file does not name them. The binder calls
// SetDefaults before it reads the file's values into the setting, for each entry of a map or list too.
type Defaulter interface{ SetDefaults() }

// Validator is implemented by settings with rules of their own. Validate is called once the whole file is bound, and only on what was
// bound without an error.
type Validator interface{ Validate() Problems }

// Enum is implemented by string types that allow only some values. The binder refuses the others.
type Enum interface{ Values() []string }

// Scalar is implemented, on the pointer, by structs that a file may also give as a scalar: a backend as its address alone, say.
type Scalar interface{ SetScalar(s string) error }
