package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"usher/conf"
)

// field is one setting of a struct.
type field struct {
	name, doc string
	index     []int
	typ       reflect.Type
	restart   bool // tagged restart:"true": read once, at the start
}

// fieldsOf returns the settings of a struct in the order of its fields, those of embedded structs in their place.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				out = append(out, inner)
			}
			continue
		}
		if name := f.Tag.Get("conf"); name != "" {
			out = append(out, field{name, f.Tag.Get("doc"), []int{i}, f.Type, f.Tag.Get("restart") == "true"})
		}
	}
	return out
}

func names(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

var (
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
	short       = reflect.TypeFor[conf.Scalar]()
	secretType  = reflect.TypeFor[conf.Secret]()
)

// isScalar reports whether a setting of that type is a single value.
func isScalar(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return true
	}
	return t.Kind() == reflect.String || t.Kind() == reflect.Bool || t.Kind() == reflect.Int
}

// setDefaults sets the defaults of a new value: its own, or those of the structs in it.
func setDefaults(v reflect.Value) {
	if d, ok := v.Addr().Interface().(conf.Defaulter); ok {
		d.SetDefaults()
		return
	}
	if v.Kind() == reflect.Struct && !isScalar(v.Type()) {
		for _, f := range fieldsOf(v.Type()) {
			setDefaults(v.FieldByIndex(f.index))
		}
	}
}

// binder sets Go values from nodes and remembers where each setting stands.
type binder struct {
	found  *findings
	places map[string]place // by path in the full form
	bad    map[string]bool  // settings with an error in them
}

// fail records an error about the setting at path.
func (b *binder) fail(path string, n *node, f *fault) {
	found := b.found.add(n.spot(), "%s", f.text).hint("%s", f.hint)
	if f.note != "" {
		found.note(spot{}, "%s", f.note)
	}
	b.spoil(path)
}

// spoil marks a setting, and all that it is in, as not to be looked at further.
func (b *binder) spoil(path string) {
	for b.bad[path] = true; path != ""; b.bad[path] = true {
		path = parent(path)
	}
}

// parent is the path of what the setting at path is in.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }

// bind sets v from what stands at p.
func (b *binder) bind(p place, v reflect.Value, path string) {
	n := p.value
	b.places[path] = p
	switch t := v.Type(); {
	case n.null:
		b.empty(p, path)
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		setDefaults(v.Elem())
		b.bind(p, v.Elem(), path)
	case isScalar(t):
		b.scalar(p, v, path)
	case t.Kind() == reflect.Struct:
		b.group(p, v, path)
	case t.Kind() == reflect.Slice:
		b.list(p, v, path)
	case t.Kind() == reflect.Map:
		b.entries(p, v, path)
	default:
		panic("config: no setting can be a " + t.String())
	}
}

// empty records a setting without a value.
func (b *binder) empty(p place, path string) {
	f := &fault{text: called(path) + " has no value", hint: "give it one, or remove the key"}
	if p.key == nil {
		f = &fault{text: "an entry of " + called(path) + " is empty", hint: "give it a value, or remove it"}
	}
	b.fail(path, p.owner(), f)
}

// called is what messages call the setting at path.
func called(path string) string {
	if path == "" {
		return "the file"
	}
	return quote(keyOf(path))
}

// keyOf is the last key of a path.
func keyOf(path string) string {
	path, _, _ = strings.Cut(path[strings.LastIndexByte(path, '.')+1:], "[")
	return path
}

// group sets a struct.
func (b *binder) group(p place, v reflect.Value, path string) {
	n, fields := p.value, fieldsOf(v.Type())
	if reflect.PointerTo(v.Type()).Implements(short) && n.kind == scalar {
		text, f := n.value()
		if f == nil {
			if err := v.Addr().Interface().(conf.Scalar).SetScalar(text); err != nil {
				f = &fault{text: err.Error()}
			}
		}
		if f != nil {
			b.fail(path, n, f)
		}
		return
	}
	if n.kind != mapping {
		b.fail(path, p.point(), &fault{text: called(path) + " is a group of keys, not " + n.what(), hint: "its keys: " + strings.Join(names(fields), ", ")})
		return
	}
	for _, e := range n.pairs {
		if b.merges(e.key, path) {
			continue
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.key.text })
		if i < 0 {
			b.unknown(path, n, e.key, names(fields))
			continue
		}
		b.bind(place{key: e.key, value: e.value}, v.FieldByIndex(fields[i].index), conf.Join(path, fields[i].name))
	}
}

// merges reports whether the key is YAML's merge key, and says so.
func (b *binder) merges(key *node, path string) bool {
	if key.merge {
		at := key.spot()
		at.path = key.up.path()
		b.found.add(at, "merge keys (<<) are not supported").hint("write the values out")
		b.spoil(path)
	}
	return key.merge
}

// unknown records a key that a group does not have.
func (b *binder) unknown(path string, n, key *node, known []string) {
	if path == "" {
		known = append(known, sugarKeys()...)
	}
	at := key.spot()
	at.path = n.path()
	b.found.add(at, "unknown key %s", quote(key.text)).hint("%s", advice(key.text, known, "known here: "))
	b.spoil(path)
}

// list sets a slice. An empty one is nil.
func (b *binder) list(p place, v reflect.Value, path string) {
	if p.value.kind != list {
		b.fail(path, p.point(), &fault{text: called(path) + " is a list, not " + p.value.what(), hint: "write it like " + keyOf(path) + ": [a, b], or a line with a dash for each"})
		return
	}
	v.SetZero()
	for i, item := range p.value.items {
		e := reflect.New(v.Type().Elem()).Elem()
		setDefaults(e)
		b.bind(place{value: item}, e, conf.Index(path, i))
		v.Set(reflect.Append(v, e))
	}
}

// entries sets a map. An empty one is nil.
func (b *binder) entries(p place, v reflect.Value, path string) {
	if p.value.kind != mapping {
		b.fail(path, p.point(), &fault{text: called(path) + " is a group of named entries, not " + p.value.what(), hint: "write it like " + keyOf(path) + ": {name: ...}"})
		return
	}
	v.SetZero()
	for i, e := range p.value.pairs {
		if i == 0 {
			v.Set(reflect.MakeMap(v.Type()))
		}
		if b.merges(e.key, path) {
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		if value.Kind() != reflect.Pointer {
			setDefaults(value)
		}
		b.bind(place{e.key, e.value, true}, value, conf.Join(path, e.key.text))
		if value.Kind() == reflect.Pointer && value.IsNil() {
			value.Set(reflect.New(value.Type().Elem()))
			setDefaults(value.Elem())
		}
		v.SetMapIndex(reflect.ValueOf(e.key.text).Convert(v.Type().Key()), value)
	}
}

// scalar sets a single value.
func (b *binder) scalar(p place, v reflect.Value, path string) {
	text, f := p.value.value()
	if f == nil {
		f = setText(v, text, keyOf(path))
		if f != nil && (p.value.kind == mapping || p.value.text != text) {
			f.note = "the value is " + quote(text)
		}
	}
	if f != nil {
		b.fail(path, p.point(), f)
	}
}

// setText sets a single value from its text. key is what messages call it.
func setText(v reflect.Value, text, key string) *fault {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return &fault{text: err.Error()}
		}
		return nil
	}
	if e, ok := v.Interface().(conf.Enum); ok && !slices.Contains(e.Values(), text) {
		return &fault{text: fmt.Sprintf("unknown value %s for %q", quote(text), key), hint: advice(text, e.Values(), "use one of: ")}
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return &fault{text: fmt.Sprintf("%q is true or false, not %s", key, quote(text))}
		}
		v.SetBool(text == "true")
	default:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return &fault{text: fmt.Sprintf("%q is a whole number, not %s", key, quote(text))}
		}
		v.SetInt(n)
	}
	return nil
}
