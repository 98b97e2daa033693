package config

import (
	"encoding"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Print returns the configuration as YAML in its full form: every setting with its value, secrets as ***, in an order that does not
// change. Read again it gives an equal configuration, save for the secrets.
func (c *Config) Print() []byte {
	p := sheet{known: c.hidden()}
	p.group(reflect.ValueOf(c).Elem(), "")
	return []byte(p.String())
}

// sheet is a configuration as it is printed.
type sheet struct {
	strings.Builder
	known secrets
}

// group writes the settings of a struct, a line or more each.
func (p *sheet) group(v reflect.Value, indent string) {
	for _, f := range fieldsOf(v.Type()) {
		p.entry(f.name, v.FieldByIndex(f.index), indent)
	}
}

func (p *sheet) entry(key string, v reflect.Value, indent string) {
	v = reflect.Indirect(v)
	p.WriteString(indent + key + ":")
	switch {
	case isScalar(v.Type()):
		p.WriteString(" " + p.known.word(v) + "\n")
	case v.Kind() == reflect.Struct:
		p.WriteString("\n")
		p.group(v, indent+"  ")
	case v.Kind() == reflect.Map:
		p.entries(v, indent)
	default:
		p.list(v, indent)
	}
}

func (p *sheet) entries(v reflect.Value, indent string) {
	if v.Len() == 0 {
		p.WriteString(" {}\n")
		return
	}
	p.WriteString("\n")
	for _, e := range p.known.entries(v) {
		p.entry(printWord(e.name), e.value, indent+"  ")
	}
}

func (p *sheet) list(v reflect.Value, indent string) {
	if v.Len() == 0 || isScalar(v.Type().Elem()) {
		p.WriteString(" " + p.known.flow(v) + "\n")
		return
	}
	p.WriteString("\n")
	for i := range v.Len() {
		entry := sheet{known: p.known}
		entry.group(v.Index(i), indent+"    ")
		p.WriteString(indent + "  - " + strings.TrimPrefix(entry.String(), indent+"    "))
	}
}

// flow returns a list of single values between brackets.
func (s secrets) flow(v reflect.Value) string {
	out := make([]string, v.Len())
	for i := range out {
		out[i] = s.word(v.Index(i))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// word returns a single value so that it is read as it is.
func (s secrets) word(v reflect.Value) string {
	text := s.text(v)
	if v.Kind() != reflect.String && !strings.Contains(text, ":") {
		return text
	}
	return printWord(strings.ReplaceAll(text, "${", "$${"))
}

// text returns a single value as text, or *** for what is not to be shown.
func (s secrets) text(v reflect.Value) string { return scalarText(s.cover(v)) }

// scalarText returns a single value as text, or *** for a secret.
func scalarText(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			panic(err) // no setting's MarshalText has a way to fail
		}
		return string(text)
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	}
	return v.String()
}

// Words that need no quotes, and those of them that YAML or some of its readers take for something other than text.
var (
	bareWord = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./+-]*$`)
	taken    = regexp.MustCompile(`^(?i:true|false|null|yes|no|on|off|y|n)$`)
)

// printWord returns text as YAML reads it back.
func printWord(text string) string {
	if bareWord.MatchString(text) && !taken.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}
