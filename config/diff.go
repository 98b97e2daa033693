package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"usher/conf"
)

// Change is one difference between two configurations.
type Change struct {
	// Path leads to the setting. Entries of lists are named by what tells them apart, as in "pools.web.backends[web-2].weight".
	Path string
	// Old and New are the values as they print, secrets as ***; or Absent and Present for an entry that is on one side alone.
	Old, New string
	// Restart says that the running Usher takes no notice before its next start.
	Restart bool
}

// What Change shows for an entry that came or went as a whole.
const (
	Absent  = "(absent)"
	Present = "(present)"
)

// Diff returns what differs between two configurations, in the order in which they print.
func Diff(old, new *Config) []Change {
	d := differ{known: old.hidden().and(new.hidden())}
	d.compare("", reflect.ValueOf(old).Elem(), reflect.ValueOf(new).Elem())
	return d.changes
}

type differ struct {
	changes []Change
	known   secrets
	restart bool // for what is compared now
}

func (d *differ) compare(path string, a, b reflect.Value) {
	a, b = reflect.Indirect(a), reflect.Indirect(b)
	switch t := a.Type(); {
	case isScalar(t):
		d.leaf(path, a, b, d.known.text)
	case t.Kind() == reflect.Struct:
		for _, f := range fieldsOf(t) {
			outer := d.restart
			d.restart = outer || f.restart
			d.compare(conf.Join(path, f.name), a.FieldByIndex(f.index), b.FieldByIndex(f.index))
			d.restart = outer
		}
	case t.Kind() == reflect.Map:
		d.entries(path, d.known.entries(a), d.known.entries(b), conf.Join)
	case isScalar(t.Elem()):
		d.leaf(path, a, b, d.known.flow)
	default:
		d.lists(path, a, b)
	}
}

// leaf compares two values that are shown whole.
func (d *differ) leaf(path string, a, b reflect.Value, show func(reflect.Value) string) {
	if reflect.DeepEqual(a.Interface(), b.Interface()) || a.Kind() == reflect.Slice && a.Len()+b.Len() == 0 {
		return
	}
	c := Change{path, show(a), show(b), d.restart}
	if c.Old == c.New {
		c.New += " (changed)" // a secret
	}
	d.changes = append(d.changes, c)
}

// listEntries names the entries of a list by their identities, or by their places where identities are not unique.
func listEntries(v reflect.Value) []entry {
	out := make([]entry, v.Len())
	seen := map[string]bool{}
	for i := range out {
		out[i] = entry{identity(v.Index(i)), v.Index(i)}
		seen[out[i].name] = true
	}
	if len(seen) < len(out) {
		for i := range out {
			out[i].name = fmt.Sprint(i)
		}
	}
	return out
}

// identity is what tells an entry of a list from the others: what it says itself, or its first setting.
func identity(v reflect.Value) string {
	if x, ok := v.Interface().(interface{ Identity() (string, error) }); ok {
		if id, err := x.Identity(); err == nil {
			return id
		}
	}
	return scalarText(v.FieldByIndex(fieldsOf(v.Type())[0].index))
}

// lists compares two lists of groups. That entries changed places counts, as the first matching route wins.
func (d *differ) lists(path string, a, b reflect.Value) {
	before, after := listEntries(a), listEntries(b)
	d.entries(path, before, after, func(path, name string) string { return path + "[" + name + "]" })
	x, y := common(before, after), common(after, before)
	if !slices.Equal(x, y) {
		d.changes = append(d.changes, Change{path, "[" + strings.Join(x, ", ") + "]", "[" + strings.Join(y, ", ") + "]", d.restart})
	}
}

// common returns the names in a that b has too, in a's order.
func common(a, b []entry) []string {
	in := map[string]bool{}
	for _, e := range b {
		in[e.name] = true
	}
	var out []string
	for _, e := range a {
		if in[e.name] {
			out = append(out, e.name)
		}
	}
	return out
}

// entries compares what has one name on both sides, and tells of what is on one side alone.
func (d *differ) entries(path string, a, b []entry, join func(path, name string) string) {
	after := map[string]reflect.Value{}
	for _, e := range b {
		after[e.name] = e.value
	}
	before := map[string]bool{}
	for _, e := range a {
		before[e.name] = true
		if value, ok := after[e.name]; ok {
			d.compare(join(path, e.name), e.value, value)
		} else {
			d.changes = append(d.changes, Change{join(path, e.name), Present, Absent, d.restart})
		}
	}
	for _, e := range b {
		if !before[e.name] {
			d.changes = append(d.changes, Change{join(path, e.name), Absent, Present, d.restart})
		}
	}
}
