package config

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"usher/proxy"
)

var fieldsType = reflect.TypeFor[proxy.HeaderValues]()

// allKeys lists the keys of all settings, secretKeys those of settings that hold secrets, fieldKeys those of groups of header fields.
var (
	allKeys    = keysOf(reflect.TypeFor[Config](), func(reflect.Type) bool { return true })
	secretKeys = keysOf(reflect.TypeFor[Config](), func(t reflect.Type) bool {
		return t == secretType || t.Kind() == reflect.Slice && t.Elem() == secretType
	})
	fieldKeys = keysOf(reflect.TypeFor[Config](), func(t reflect.Type) bool { return t == fieldsType })
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

// hideSecrets keeps what stands under keys for secrets and credentials out of excerpts, and takes it up in what is known.
func hideSecrets(src *source, n *node) {
	for _, item := range n.items {
		hideSecrets(src, item)
	}
	fields := slices.Contains(fieldKeys, n.name)
	for _, p := range n.pairs {
		switch {
		case isSecret(p.key.text) || fields && proxy.IsCredential(p.key.text):
			hideAll(src, p.value)
		case fields && p.value.elsewhere():
			if text, f := p.value.value(); f == nil {
				src.known.add(text, false)
			}
		default:
			hideSecrets(src, p.value)
		}
	}
}

func hideAll(src *source, n *node) {
	if text, f := n.value(); f == nil && !n.null {
		src.known.add(text, true)
	}
	switch file := n.file(); {
	case n.kind == scalar:
		src.hide(n)
	case file != nil:
		src.hide(file)
		return
	}
	for _, item := range n.items {
		hideAll(src, item)
	}
	for _, p := range n.pairs {
		hideAll(src, p.value)
	}
}

// hideCopies keeps what is known to be secret out of excerpts where it stands under other keys, too.
func hideCopies(src *source, n *node) {
	if n.kind == scalar && src.known[n.text] {
		src.hide(n)
	}
	for _, item := range n.items {
		hideCopies(src, item)
	}
	for _, p := range n.pairs {
		hideCopies(src, p.key)
		hideCopies(src, p.value)
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
		if maySecret(strings.Trim(before[strings.LastIndexAny(before, "{[,")+1:], "\"'- "), strings.TrimSpace(line[i+1:])) {
			return i + 1
		}
	}
	return -1
}

// maySecret reports whether what follows a key on its line may be secret. Some keys are of settings in one place and header fields in another:
// there it is, unless a group begins.
func maySecret(key, rest string) bool {
	return isSecret(key) || proxy.IsCredential(key) && (!slices.Contains(allKeys, key) || rest != "" && rest[0] != '{')
}
