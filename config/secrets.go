package config

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// allKeys lists the keys of all settings, secretKeys those of settings that hold secrets.
var (
	allKeys    = keysOf(reflect.TypeFor[Config](), func(reflect.Type) bool { return true })
	secretKeys = keysOf(reflect.TypeFor[Config](), func(t reflect.Type) bool {
		return t == secretType || t.Kind() == reflect.Slice && t.Elem() == secretType
	})
)

// keysOf returns the keys below t whose type is wanted, in order.
func keysOf(t reflect.Type, want func(reflect.Type) bool) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isScalar(t) {
		return nil
	}
	var out []string
	for _, f := range fieldsOf(t) {
		if want(f.typ) {
			out = append(out, f.name)
		}
		out = append(out, keysOf(f.typ, want)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isSecret reports whether the key is, or may be meant for, one that holds secrets. It need not be known: what stands under a misspelt one
// is no less secret.
func isSecret(key string) bool {
	return slices.Contains(secretKeys, key) || !slices.Contains(allKeys, key) && nearest(key, secretKeys) != ""
}

// hideSecrets keeps what stands under secret keys out of excerpts.
func hideSecrets(src *source, n *node) {
	for _, item := range n.items {
		hideSecrets(src, item)
	}
	for _, p := range n.pairs {
		if isSecret(p.key.text) {
			hideAll(src, p.value)
		} else {
			hideSecrets(src, p.value)
		}
	}
}

func hideAll(src *source, n *node) {
	if n.kind == scalar {
		src.hide(n)
	}
	for _, item := range n.items {
		hideAll(src, item)
	}
	for _, p := range n.pairs {
		hideAll(src, p.value)
	}
}

// hideUnparsed keeps out of excerpts what may be a secret in a text that has no tree: what follows a secret key on its line, and the lines
// after it up to the next key that is indented no further.
func hideUnparsed(src *source) {
	under, outer := false, 0
	for n := 1; n <= len(src.starts); n++ {
		line := src.line(n)
		from := indent(line)
		if !under || from <= outer && strings.Contains(line, ":") {
			at := secretAt(line)
			under, outer, from = at >= 0, from, at
		}
		if under {
			src.masks = append(src.masks, mask{n, utf8.RuneCountInString(line[:from]) + 1, n + 1, 1})
		}
	}
}

// secretAt returns where on the line the value of a secret key may begin, or -1.
func secretAt(line string) int {
	for i := range len(line) {
		if line[i] != ':' {
			continue
		}
		before := line[max(0, i-maxKey):i]
		if isSecret(strings.Trim(before[strings.LastIndexAny(before, "{,-")+1:], `"' `)) {
			return i + 1
		}
	}
	return -1
}
