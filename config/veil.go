package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"usher/conf"
	"usher/proxy"
)

// secrets are texts that are not to be shown. True marks what stands under a key for secrets or credentials, and is hidden wherever it turns
// up; false the value of a header field that came from elsewhere, and is hidden as such alone.
type secrets map[string]bool

// What is shorter is no secret, and may be in any message; what is shorter than a generated one is shown where another setting has it by chance.
const (
	leastKnown  = 4
	leastShared = 16
)

// hidden returns what is not to be shown of c; nothing for one that was not read from a text.
func (c *Config) hidden() secrets {
	if c.known == nil {
		return nil
	}
	return *c.known
}

// add takes a text up. A star stands for any value.
func (s secrets) add(text string, everywhere bool) {
	if text != "" && text != "*" {
		s[text] = s[text] || everywhere && len(text) >= leastKnown
	}
}

// and returns the secrets of both.
func (s secrets) and(o secrets) secrets {
	all := secrets{}
	for _, from := range []secrets{s, o} {
		for text, everywhere := range from {
			all.add(text, everywhere)
		}
	}
	return all
}

// cover returns the setting v or, for one that is not to be shown, a Secret in its place.
func (s secrets) cover(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.String && len(v.String()) >= leastShared && s[v.String()] {
		return reflect.ValueOf(conf.Secret(v.String()))
	}
	return v
}

// field is cover for the value of a header field.
func (s secrets) field(name string, v reflect.Value) reflect.Value {
	if _, known := s[v.String()]; known || proxy.IsCredential(name) && v.String() != "*" {
		return reflect.ValueOf(conf.Secret(v.String()))
	}
	return v
}

// entry is one value of a map or list.
type entry struct {
	name  string
	value reflect.Value
}

// entries returns the entries of a map in order, those of header fields covered.
func (s secrets) entries(v reflect.Value) []entry {
	var out []entry
	for _, key := range sortedKeys(v) {
		e := entry{key, v.MapIndex(reflect.ValueOf(key))}
		if v.Type() == fieldsType {
			e.value = s.field(key, e.value)
		}
		out = append(out, e)
	}
	return out
}

// veil keeps secrets out of messages. A nil one hides nothing.
type veil struct {
	known    secrets
	replacer *strings.Replacer // made when the first message is
}

// maxMessage bounds what is looked at of a message, in bytes.
const maxMessage = 4096

// cutOff marks where the rest of a message may be that of a secret.
const cutOff = "\x00"

// text formats a message, without secrets, and bounds it.
func (v *veil) text(format string, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if v == nil || len(v.known) == 0 {
		return shorten(s)
	}
	if v.replacer == nil {
		v.replacer = v.known.replacer()
	}
	shown, _, cut := strings.Cut(v.replacer.Replace(s[:min(len(s), maxMessage)]), cutOff)
	if cut {
		shown += "..."
	}
	return shorten(shown)
}

// replacer puts *** in the place of each secret, as it is, as it is quoted, and in lower case. Where only the beginning of a long one is there,
// it drops the rest of the message.
func (s secrets) replacer() *strings.Replacer {
	texts := slices.DeleteFunc(slices.Collect(maps.Keys(s)), func(text string) bool { return !s[text] })
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	for _, text := range texts {
		for _, form := range forms(text) {
			if len(form) <= maxMessage {
				pairs = append(pairs, form, "***")
			}
			if len(form) > maxQuoted {
				pairs = append(pairs, quote(form), `"***"`, beginning(form), "***"+cutOff)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// forms returns how a text may stand in a message.
func forms(text string) []string {
	quoted := strconv.Quote(text)
	out := []string{text, quoted[1 : len(quoted)-1], strings.ToLower(text)}
	return slices.Compact(out)
}
