package config

import (
	"strconv"

	"usher/conf"
)

// kind is the shape of a node.
type kind uint8

const (
	scalar kind = iota
	list
	mapping
)

// style is how a node is written.
type style uint8

const (
	plain  style = iota
	quoted       // in single or double quotes
	block        // a scalar after | or >, a list or mapping on lines of its own
	flow         // a list or mapping between brackets or braces
)

// node is one value of a file or of the command line, or a key.
type node struct {
	kind    kind
	style   style
	text    string // of a scalar, before expansion
	null    bool   // nothing, ~ or null
	literal bool   // text is not expanded
	merge   bool   // the key is YAML's <<
	stands  *node  // the file has no such node, and this is what made it

	line, column int    // from 1; 0 on the command line
	up           *node  // the list or mapping that the node is in
	name         string // in up: a key or an index

	items []*node
	pairs []pair
}

// pair is one entry of a mapping.
type pair struct{ key, value *node }

// path leads to the node in the terms of the file: sugar stays what was written.
func (n *node) path() string {
	if n.up == nil {
		return n.name
	}
	return conf.Join(n.up.path(), n.name)
}

// get returns the pair with that key, or nil.
func (n *node) get(key string) *pair {
	for i := range n.pairs {
		if n.pairs[i].key.text == key {
			return &n.pairs[i]
		}
	}
	return nil
}

// adopt puts value under key into the mapping n.
func (n *node) adopt(key, value *node) {
	key.up, key.name = n, key.text
	value.up, value.name = n, key.text
	n.put(key, value)
}

// put adds an entry that stands somewhere else in the file.
func (n *node) put(key, value *node) { n.pairs = append(n.pairs, pair{key, value}) }

// push appends item to the list n.
func (n *node) push(item *node) {
	item.up, item.name = n, "["+strconv.Itoa(len(n.items))+"]"
	n.items = append(n.items, item)
}

// what names the shape for an operator.
func (n *node) what() string {
	switch n.kind {
	case list:
		return "a list"
	case mapping:
		return "a group of keys"
	}
	return "a single value"
}

// place is where a setting stands: its value and, if it has one, its key.
type place struct {
	key, value *node
	named      bool // the key is a name of the operator's choice
}

// point returns the node to point at for the setting as a whole: the value if it fits on a line, else the key.
func (p place) point() *node {
	if p.key == nil || p.value.kind == scalar && p.value.style != block && !p.value.null || p.value.style == flow {
		return p.value
	}
	return p.key
}

// owner returns the node to point at for something that is missing in the setting: the key if there is one.
func (p place) owner() *node {
	if p.key != nil {
		return p.key
	}
	return p.value
}

// first is the first token of the node: a block mapping begins with its first key.
func (n *node) first() *node {
	if n.kind == mapping && n.style == block && len(n.pairs) > 0 {
		return n.pairs[0].key
	}
	return n
}
