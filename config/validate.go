package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"usher/conf"
)

// validate calls Validate on v, which was bound at path, and on all that is in it, save what has an error in it already.
func (b *binder) validate(v reflect.Value, path string) {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if isScalar(v.Type()) {
		return
	}
	b.ask(v, path)
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range fieldsOf(v.Type()) {
			b.validate(v.FieldByIndex(f.index), conf.Join(path, f.name))
		}
	case reflect.Slice:
		for i := range v.Len() {
			b.validate(v.Index(i), conf.Index(path, i))
		}
	case reflect.Map:
		for _, key := range sortedKeys(v) {
			if e := v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key())); e.Kind() == reflect.Pointer {
				b.validate(e, conf.Join(path, key))
			}
		}
	}
}

// ask records what v says of itself. An embedded struct is not asked: its method is that of the struct around it.
func (b *binder) ask(v reflect.Value, path string) {
	if b.bad[path] || !v.CanAddr() {
		return
	}
	x, ok := v.Addr().Interface().(conf.Validator)
	if !ok {
		return
	}
	for _, p := range x.Validate() {
		at := conf.Join(path, p.Path)
		f := b.found.add(b.about(at, p.Text), "%s", p.Text).hint("%s", p.Hint)
		if p.Warning {
			f.Severity = Warning
		} else {
			b.spoil(at)
		}
		for _, n := range p.Also {
			f.note(b.about(conf.Join(path, n.Path), p.Text), "%s", n.Text)
		}
	}
}

// about returns the place of a problem with the setting at path. Where keys are of the operator's choice, one whose text names the key, in any
// case of letters, is about the key.
func (b *binder) about(path, text string) spot {
	if p := b.places[path]; p.named && strings.Contains(strings.ToLower(text), strings.ToLower(p.key.text)) {
		return p.key.spot()
	}
	return b.locate(path)
}

// locate returns the place of the setting at path or, if the file does not have it, of the nearest one that it would be in.
func (b *binder) locate(path string) spot {
	if p, ok := b.places[path]; ok && path != "" {
		return p.point().spot()
	}
	for path != "" {
		path = parent(path)
		if p, ok := b.places[path]; ok && path != "" {
			return p.owner().spot()
		}
	}
	return spot{}
}

// sortedKeys returns the keys of a map of strings in order.
func sortedKeys(v reflect.Value) []string {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	return keys
}

// sorted returns the keys of m in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
