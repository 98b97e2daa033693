package config

import (
	"regexp"
	"sort"
	"strings"
	"unicode/utf8"
)

// syntaxError reports what the YAML library refused, in words that help and at the line that is at fault: the library names the line where
// the surrounding group of keys begins.
func syntaxError(src *source, found *findings, err error) {
	message := yamlMessage(err)
	if message == "control characters are not allowed" {
		found.add(src.controlCharacter(), "control characters are not allowed").hint("in double quotes, write it as an escape like \\x1b")
		return
	}
	hideUnparsed(src)
	line := faultyLine(src, message)
	if f := tabIndent(src, found, line); f || bracketTrouble(src, found, line, message) {
		return
	}
	text := src.line(line)
	at := spot{line: line, column: indent(text) + 1, width: utf8.RuneCountInString(strings.TrimSpace(text))}
	for _, e := range yamlErrors {
		if strings.HasPrefix(message, e.message) {
			found.add(at, "%s", e.text).hint("%s", e.hint)
			return
		}
	}
	found.add(at, "not valid YAML: %s", message)
}

// yamlErrors translates the library's messages.
var yamlErrors = []struct{ message, text, hint string }{
	{"mapping values are not allowed", "a colon is not expected here", "put quotes around a value with a colon and a space in it, and check the indentation"},
	{"could not find expected ':'", "a key without a colon", "write it like key: value; an entry of a list begins with a dash and a space"},
	{"did not find expected key", "this line fits neither the one above nor its group", "check the indentation; quotes inside a quoted value are doubled"},
	{"did not find expected '-'", "a list goes on with something that is not an entry", "begin it with a dash and a space, at the indentation of the entries above"},
	{"found unexpected end of stream", "a quote is opened and never closed", "close it, or put the other kind of quotes around the value"},
	{"found unexpected document indicator", "a quote is opened and never closed", "close it, or put the other kind of quotes around the value"},
	{"did not find expected ',' or ']'", "brackets are opened and not closed, or a comma is missing", "write it like [a, b]"},
	{"did not find expected ',' or '}'", "braces are opened and not closed, or a comma is missing", "write it like {a: 1, b: 2}"},
	{"did not find expected alphabetic or numeric", "a value that begins with * or & needs quotes", `write it like "*.example.com"`},
	{"found character that cannot start any token", "a value that begins with @, % or a backquote needs quotes", "put double quotes around it"},
	{"found unknown escape character", "an unknown escape in double quotes", "put single quotes around the value, or write the backslash twice"},
	{"unknown anchor", "an alias (*) names no anchor above it", `put quotes around a value that begins with *`},
	{"did not find expected node content", "a value is missing or begins with a character that needs quotes", "put double quotes around it"},
	{"exceeded max depth", "nested too deep", "a configuration has a few levels"},
}

// faultyLine finds the shortest beginning of the text that is refused with the same message, and returns the number of its last line.
func faultyLine(src *source, message string) int {
	n := sort.Search(len(src.starts)-1, func(i int) bool {
		_, _, err := decode(src.text[:src.starts[i+1]])
		return err != nil && yamlMessage(err) == message
	})
	return min(n+1, len(src.starts))
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// tabIndent reports a tab in the indentation of the line.
func tabIndent(src *source, found *findings, line int) bool {
	text := src.line(line)
	tab := strings.IndexByte(text[:indent(text)], '\t')
	if tab < 0 {
		return false
	}
	found.add(spot{line: line, column: tab + 1}, "a tab in the indentation").hint("YAML is indented with spaces")
	return true
}

var (
	bareColon    = regexp.MustCompile(`(?:^|[\[{,]|:\s)\s*(:[^\s,\]}]*)`)
	bareVariable = regexp.MustCompile(`(?:^|[\[{,\s])(\$\{[^}]*\}?)`)
	bareStar     = regexp.MustCompile(`(?:^|[\[{,]|:\s)\s*(\*[^\s,\]}]*)`)
)

// bracketTrouble reports a value between brackets that wants quotes: one that begins with a colon, or ${VARIABLE}.
func bracketTrouble(src *source, found *findings, line int, message string) bool {
	if !strings.HasPrefix(message, "did not find expected") || !strings.ContainsAny(src.line(line), "[{") {
		return false
	}
	outer := indent(src.line(line))
	for n := line; n <= min(line+100, len(src.starts)); n++ {
		text := src.line(n)
		if n > line && indent(text) <= outer && strings.Trim(text, " \t]}") != "" {
			return false
		}
		for _, pattern := range []*regexp.Regexp{bareColon, bareVariable, bareStar} {
			if m := pattern.FindStringSubmatchIndex(text); m != nil {
				value := text[m[2]:m[3]]
				at := spot{line: n, column: utf8.RuneCountInString(text[:m[2]]) + 1, width: utf8.RuneCountInString(value)}
				if src.hides(at) && !strings.HasPrefix(value, "${") {
					found.add(at, "between brackets, a value that begins with %q needs quotes", value[:1]).hint("put double quotes around it")
				} else {
					found.add(at, "between brackets, %s needs quotes", value).hint("write it as %q", value)
				}
				return true
			}
		}
	}
	return false
}
