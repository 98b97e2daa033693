package config

import (
	"encoding/json"
	"reflect"

	"usher/conf"
)

// Schema returns the JSON Schema (2020-12) of the configuration file, for editors. It is made from the types, and so knows every key that
// a file may have and no other; what depends on more than one setting is left to validation.
func Schema() []byte {
	c := &Config{}
	c.SetDefaults()
	root := objectSchema(reflect.ValueOf(c).Elem())
	addSugar(root["properties"].(object))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Usher configuration"
	root["$defs"] = object{
		"variable": object{"type": "string", "pattern": `\$\{`, "description": "A value from the environment: ${NAME} or ${NAME:-default}."},
		"file": object{
			"type": "object", "required": []string{"file"}, "additionalProperties": false, "description": "A value that is read from a file.",
			"properties": object{"file": object{"type": "string"}},
		},
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return append(text, '\n')
}

// object is a JSON object; encoding/json writes its keys in order.
type object = map[string]any

func addSugar(properties object) {
	pool := &Pool{}
	pool.SetDefaults()
	parts := objectSchema(reflect.ValueOf(pool).Elem())["properties"].(object)
	for _, key := range []string{"backends", "policy", "affinity"} {
		properties[key] = parts[key]
	}
	address := scalarSchema(reflect.New(reflect.TypeFor[string]()).Elem())
	address["description"] = "The address of one listener, main: short for listeners."
	properties["listen"] = address
	tls := valueSchema(newValue(reflect.TypeFor[Config](), "TLSProfiles"))
	tls["description"] = "The TLS profile of the listener of listen: short for tls_profiles."
	properties["tls"] = tls
}

// newValue returns a value of the entries of a map field, with defaults.
func newValue(t reflect.Type, field string) reflect.Value {
	f, _ := t.FieldByName(field)
	v := reflect.New(f.Type.Elem().Elem()).Elem()
	setDefaults(v)
	return v
}

// valueSchema describes v's type; v itself holds the defaults.
func valueSchema(v reflect.Value) object {
	switch t := v.Type(); {
	case isScalar(t):
		return scalarSchema(v)
	case t.Kind() == reflect.Pointer:
		return valueSchema(entryOf(t))
	case t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(short):
		return object{"anyOf": []any{object{"type": "string"}, objectSchema(v)}}
	case t.Kind() == reflect.Struct:
		return objectSchema(v)
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": valueSchema(entryOf(t))}
	default:
		s := object{"type": "array", "items": valueSchema(entryOf(t))}
		if v.Len() > 0 && isScalar(t.Elem()) {
			s["default"] = defaults(v)
		}
		return s
	}
}

// entryOf returns what an entry of a map or list, or the target of a pointer, is before the file has its say.
func entryOf(t reflect.Type) reflect.Value {
	v := reflect.New(t.Elem()).Elem()
	if v.Kind() != reflect.Pointer {
		setDefaults(v)
	}
	return v
}

func objectSchema(v reflect.Value) object {
	properties := object{}
	for _, f := range fieldsOf(v.Type()) {
		s := valueSchema(v.FieldByIndex(f.index))
		s["description"] = f.doc
		properties[f.name] = s
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// scalarSchema describes a single value, which may always come from the environment or a file.
func scalarSchema(v reflect.Value) object {
	s := object{"anyOf": []any{plainSchema(v), object{"$ref": "#/$defs/variable"}, object{"$ref": "#/$defs/file"}}}
	if d := defaultOf(v); d != nil && d != "" {
		s["default"] = d
	}
	return s
}

func plainSchema(v reflect.Value) object {
	if e, ok := v.Interface().(conf.Enum); ok {
		return object{"enum": spellings(e.Values())}
	}
	if pattern, ok := patterns[v.Type()]; ok {
		return object{"anyOf": []any{object{"type": "string", "pattern": pattern}, object{"const": 0}}}
	}
	switch v.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer"}
	}
	return object{"type": []string{"string", "number", "boolean"}} // YAML takes 1.5 or true for such, and we for text
}

// patterns are the forms of the values that have a unit.
var patterns = map[reflect.Type]string{
	reflect.TypeFor[conf.Duration](): `^(0|[0-9]+d|([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+)$`,
	reflect.TypeFor[conf.Size]():     `^(0|[0-9]+ *(B|kB|MB|GB|KiB|MiB|GiB))$`,
	reflect.TypeFor[conf.Rate]():     `^(0|[0-9]+ *(B|kB|MB|GB|KiB|MiB|GiB)/s)$`,
	reflect.TypeFor[conf.Percent]():  `^[0-9]+(\.[0-9]+)?%$`,
}

// spellings returns the values, and what YAML makes of those that need quotes to be text.
func spellings(values []string) []any {
	var out []any
	for _, s := range values {
		out = append(out, s)
		var v any
		if json.Unmarshal([]byte(s), &v) == nil {
			out = append(out, v)
		}
	}
	return out
}

// defaultOf returns a single value as JSON has it.
func defaultOf(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int:
		return v.Int()
	case reflect.Struct:
		return nil
	}
	return scalarText(v)
}

func defaults(v reflect.Value) []any {
	out := make([]any, v.Len())
	for i := range out {
		out[i] = defaultOf(v.Index(i))
	}
	return out
}
