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
	var b strings.Builder
	printGroup(&b, reflect.ValueOf(c).Elem(), "")
	return []byte(b.String())
}

// printGroup writes the settings of a struct, a line or more each.
func printGroup(b *strings.Builder, v reflect.Value, indent string) {
	for _, f := range fieldsOf(v.Type()) {
		printEntry(b, f.name, v.FieldByIndex(f.index), indent)
	}
}

func printEntry(b *strings.Builder, key string, v reflect.Value, indent string) {
	v = reflect.Indirect(v)
	b.WriteString(indent + key + ":")
	switch {
	case isScalar(v.Type()):
		b.WriteString(" " + printScalar(v) + "\n")
	case v.Kind() == reflect.Struct:
		b.WriteString("\n")
		printGroup(b, v, indent+"  ")
	case v.Kind() == reflect.Map:
		printMap(b, v, indent)
	default:
		printList(b, v, indent)
	}
}

func printMap(b *strings.Builder, v reflect.Value, indent string) {
	if v.Len() == 0 {
		b.WriteString(" {}\n")
		return
	}
	b.WriteString("\n")
	for _, key := range sortedKeys(v) {
		printEntry(b, printWord(key), v.MapIndex(reflect.ValueOf(key)), indent+"  ")
	}
}

func printList(b *strings.Builder, v reflect.Value, indent string) {
	if v.Len() == 0 || isScalar(v.Type().Elem()) {
		b.WriteString(" " + printFlow(v) + "\n")
		return
	}
	b.WriteString("\n")
	for i := range v.Len() {
		var entry strings.Builder
		printGroup(&entry, v.Index(i), indent+"    ")
		b.WriteString(indent + "  - " + strings.TrimPrefix(entry.String(), indent+"    "))
	}
}

// printFlow returns a list of single values between brackets.
func printFlow(v reflect.Value) string {
	out := make([]string, v.Len())
	for i := range out {
		out[i] = printScalar(v.Index(i))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// printScalar returns a single value so that it is read as it is.
func printScalar(v reflect.Value) string {
	text := scalarText(v)
	if v.Kind() != reflect.String && !strings.Contains(text, ":") {
		return text
	}
	return printWord(strings.ReplaceAll(text, "${", "$${"))
}

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
