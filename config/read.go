package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// What a file may have at most.
const (
	maxBytes   = 1 << 20
	maxDepth   = 64
	maxKey     = 128    // bytes of a key
	maxAliased = 10_000 // nodes that stand there by alias
)

// read parses the text into a tree. It returns nil if there is none to work with; why is then in found.
func read(src *source, found *findings) *node {
	if len(src.text) > maxBytes {
		found.add(spot{}, "the file is larger than 1 MiB")
		return nil
	}
	if !utf8.ValidString(src.text) {
		found.add(src.badUTF8(), "the file is not valid UTF-8").hint("save it as UTF-8")
		return nil
	}
	first, second, err := decode(src.text)
	switch {
	case err != nil:
		syntaxError(src, found, err)
		return nil
	case first == nil:
		found.add(spot{}, "the file is empty").hint("three lines are enough: listen, backends and policy")
		return nil
	case second != nil:
		found.add(spot{line: second.Line, column: second.Column}, "a second YAML document begins here").
			hint("a configuration is one document: remove the line with ---, or the rest")
	}
	r := reader{src: src, found: found}
	root := r.convert(first.Content[0], nil, "")
	switch {
	case r.gaveUp:
		return nil
	case root.null:
		found.add(spot{}, "the file is empty").hint("three lines are enough: listen, backends and policy")
		return nil
	}
	return root
}

// decode returns the first document of text, or nil, and the second.
func decode(text string) (first, second *yaml.Node, err error) {
	defer func() {
		if r := recover(); r != nil { // crafted input has made the library panic before
			first, second, err = nil, nil, fmt.Errorf("yaml: %v", r)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var docs [2]yaml.Node
	for i := range docs {
		switch err := d.Decode(&docs[i]); {
		case errors.Is(err, io.EOF) && i == 0:
			return nil, nil, nil
		case errors.Is(err, io.EOF):
			return &docs[0], nil, nil
		case err != nil:
			return nil, nil, err
		}
	}
	return &docs[0], &docs[1], nil
}

// reader turns the library's nodes into ours, with aliases replaced by what they stand for.
type reader struct {
	src     *source
	found   *findings
	depth   int
	aliases int  // how many the node is under
	alias   spot // the outermost of them
	aliased int  // nodes made under an alias so far
	gaveUp  bool
}

// convert returns y as a node with that parent and name.
func (r *reader) convert(y *yaml.Node, up *node, name string) *node {
	n := &node{line: y.Line, column: y.Column, up: up, name: name, null: true}
	if r.aliases > 0 {
		r.aliased++
	}
	switch {
	case r.gaveUp:
		return n
	case r.depth >= maxDepth:
		r.giveUp(n, "nested more than %d deep", maxDepth)
		return n
	case r.aliased > maxAliased:
		r.giveUp(n, "aliases stand for too much").hint("write the values out")
		return n
	}
	r.depth++
	defer func() { r.depth-- }()
	if y.Style&yaml.TaggedStyle != 0 {
		r.found.add(n.spot(), "a tag (%s) has no meaning here", y.Tag).hint("remove it; put quotes around a value that begins with !")
	}
	switch y.Kind {
	case yaml.AliasNode:
		if r.aliases == 0 {
			r.alias = n.spot()
		}
		r.aliases++
		defer func() { r.aliases-- }()
		return r.convert(y.Alias, up, name)
	case yaml.SequenceNode:
		r.list(y, n)
	case yaml.MappingNode:
		r.mapping(y, n)
	default:
		n.text, n.style = y.Value, scalarStyle(y.Style)
		n.null = n.style == plain && y.Tag == "!!null"
	}
	return n
}

func (r *reader) giveUp(n *node, format string, args ...any) *finding {
	r.gaveUp = true
	if r.aliases > 0 {
		return r.found.add(r.alias, format, args...)
	}
	return r.found.add(n.spot(), format, args...)
}

func (r *reader) list(y *yaml.Node, n *node) {
	n.kind, n.null, n.style = list, false, collectionStyle(y.Style)
	for _, item := range y.Content {
		if c := r.convert(item, n, ""); !r.gaveUp {
			n.push(c)
		}
	}
}

func (r *reader) mapping(y *yaml.Node, n *node) {
	n.kind, n.null, n.style = mapping, false, collectionStyle(y.Style)
	seen := map[string]*node{}
	for i := 0; i+1 < len(y.Content) && !r.gaveUp; i += 2 {
		key := r.convert(y.Content[i], n, "")
		key.merge = y.Content[i].Tag == "!!merge"
		value := r.convert(y.Content[i+1], n, key.text)
		switch first := seen[key.text]; {
		case !r.key(key):
		case first != nil:
			at := first.spot()
			r.found.add(key.spot(), "the key %s is here twice", quote(key.text)).note(at, "the first one is here")
		default:
			seen[key.text] = key
			n.adopt(key, value)
			continue
		}
		hideSecrets(r.src, &node{kind: mapping, name: n.name, pairs: []pair{{key, value}}})
	}
}

// key reports whether a mapping may have this key, and says so if not.
func (r *reader) key(key *node) bool {
	switch {
	case r.gaveUp:
	case key.kind != scalar:
		r.found.add(key.spot(), "a key is a single word, not %s", key.what())
	case key.null:
		r.found.add(key.spot(), "a key is missing").hint("between brackets, put quotes around what begins with a colon")
	case len(key.text) > maxKey:
		r.found.add(key.spot(), "a key has at most %d bytes", maxKey)
	default:
		return true
	}
	return false
}

func scalarStyle(s yaml.Style) style {
	switch {
	case s&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		return quoted
	case s&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return block
	}
	return plain
}

func collectionStyle(s yaml.Style) style {
	if s&yaml.FlowStyle != 0 {
		return flow
	}
	return block
}

// yamlMessage is the library's message without its prefix and its line, which is often that of something else.
func yamlMessage(err error) string {
	s := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(s, "line "); ok {
		_, s, _ = strings.Cut(rest, ": ")
	}
	return s
}
