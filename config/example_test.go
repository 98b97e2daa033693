package config

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// example is the example configuration with certificates that exist.
func example(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writePair(t, dir, "site")
	return bytes.ReplaceAll(text, []byte("/etc/usher"), []byte(dir))
}

func TestExampleIsValidWithoutWarnings(t *testing.T) {
	if c, r := Parse("config.example.yaml", example(t)); c == nil || len(r.Problems) > 0 {
		t.Error(r.Text(false))
	}
}

func TestExampleHasEveryKey(t *testing.T) {
	have := map[string]bool{}
	root := read(newSource("", string(example(t))), &findings{})
	collectKeys(root, reflect.TypeFor[Config](), "", func(path string) { have[path] = true })
	wanted := 0
	eachKey(reflect.TypeFor[Config](), "", func(path string) {
		wanted++
		if !have[path] {
			t.Errorf("the example does not show %s", path)
		}
	})
	if wanted < 80 {
		t.Errorf("only %d keys were found in the types", wanted)
	}
}

// eachKey calls f for each key of t, with * for the names and places of entries.
func eachKey(t reflect.Type, path string, f func(string)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		if t.Kind() != reflect.Pointer {
			path += ".*"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isScalar(t) {
		return
	}
	for _, s := range fieldsOf(t) {
		f(path + "." + s.name)
		eachKey(s.typ, path+"."+s.name, f)
	}
}

// collectKeys calls f for each key in the file, in eachKey's form.
func collectKeys(n *node, t reflect.Type, path string, f func(string)) {
	named := t.Kind() == reflect.Map
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || named {
		t = t.Elem()
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, item := range n.items {
		collectKeys(item, t, path+".*", f)
	}
	for _, p := range n.pairs {
		if named {
			collectKeys(p.value, t, path+".*", f)
		} else if i := slices.IndexFunc(fieldsOf(t), func(s field) bool { return s.name == p.key.text }); i >= 0 {
			f(path + "." + p.key.text)
			collectKeys(p.value, fieldsOf(t)[i].typ, path+"."+p.key.text, f)
		}
	}
}

func TestExampleShowsTheDefaults(t *testing.T) {
	c, _ := Parse("example", example(t))
	bare, r := Parse("bare", []byte("listeners: {public: {address: ':443'}}\npools: {web: {backends: [a:1]}}\nroutes: [{pool: web}]\n"))
	if bare == nil {
		t.Fatal(r.Text(false))
	}
	public, web := *c.Listeners["public"], *c.Pools["web"]
	public.TLS, web.Backends, web.Affinity.Mode = "", nil, "none"
	bareWeb := *bare.Pools["web"]
	bareWeb.Backends = nil
	for _, x := range []struct{ got, want any }{
		{public, *bare.Listeners["public"]}, {web, bareWeb}, {c.Admin, bare.Admin}, {c.Logging, bare.Logging}, {c.Shutdown, bare.Shutdown},
		{c.Reload, bare.Reload}, {c.DataDir, bare.DataDir}, {c.Loops, bare.Loops}, {c.Routes[3].Timeouts, bare.Routes[0].Timeouts}, {c.Routes[2].Upgrade, bare.Routes[0].Upgrade},
	} {
		if !reflect.DeepEqual(x.got, x.want) {
			t.Errorf("got %+v, want %+v", x.got, x.want)
		}
	}
}

// schema returns the generated schema, compiled.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("usher.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("usher.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaAcceptsWhatIsAccepted(t *testing.T) {
	environment(t)
	s := schema(t)
	files := cases(t, "good")
	files["example"] = example(t)
	for name, text := range cases(t, "good") {
		c, _ := Parse(name, text)
		files[name+", printed"] = c.Print()
	}
	for name, text := range files {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefusesWhatHasNoMeaning(t *testing.T) {
	s := schema(t)
	for _, text := range []string{
		"backedns: []", "listen: []", "pools: {a: {policy: fastest}}", "shutdown: {grace: 30}", "shutdown: {grace: soon}", "routes: {}",
		"listeners: {a: {limits: {header_bytes: 64k}}}", "backends: [{url: a, wieght: 1}]", "reload: {watch: 1}", "logging: {access: {sample: 10}}",
		"listen: {file: a, b: c}", "tls: {certs: []}", "loops: some", "listeners: {a: {engine: nginx}}", "affinity: {mode: hash}",
	} {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if s.Validate(v) == nil {
			t.Errorf("accepted: %s", text)
		}
	}
}

func TestSchemaDoesNotChangeBetweenCalls(t *testing.T) {
	if !bytes.Equal(Schema(), Schema()) {
		t.Error("two calls, two schemas")
	}
}

func TestEverySettingIsDocumented(t *testing.T) {
	var walk func(reflect.Type, string)
	walk = func(t2 reflect.Type, path string) {
		for t2.Kind() == reflect.Pointer || t2.Kind() == reflect.Slice || t2.Kind() == reflect.Map {
			t2 = t2.Elem()
		}
		if t2.Kind() != reflect.Struct || isScalar(t2) {
			return
		}
		for _, f := range fieldsOf(t2) {
			if f.doc == "" {
				t.Errorf("%s.%s has no doc", path, f.name)
			}
			walk(f.typ, path+"."+f.name)
		}
	}
	walk(reflect.TypeFor[Config](), "")
}
