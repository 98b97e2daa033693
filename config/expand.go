package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// fault says why a value cannot be used, what to do about it, and what else is to be known.
type fault struct{ text, hint, note string }

// value returns the text of a setting that is a single value: variables are replaced, and {file: PATH} by the file's content.
func (n *node) value() (string, *fault) {
	if n.kind == scalar {
		return n.expanded()
	}
	if file := n.file(); file != nil {
		path, f := file.expanded()
		if f != nil {
			return "", f
		}
		return fileText(path)
	}
	return "", &fault{text: "expected a single value, found " + n.what()}
}

// file returns the path of {file: PATH}, or nil for any other node.
func (n *node) file() *node {
	if p := n.get("file"); p != nil && len(n.pairs) == 1 && p.value.kind == scalar {
		return p.value
	}
	return nil
}

// elsewhere reports whether the value comes, be it in part, from the environment or a file.
func (n *node) elsewhere() bool {
	return n.file() != nil || !n.literal && strings.Contains(strings.ReplaceAll(n.text, "$${", ""), "${")
}

func (n *node) expanded() (string, *fault) {
	if n.literal {
		return n.text, nil
	}
	return expand(n.text)
}

// expand replaces ${NAME} and ${NAME:-default} by what the environment says, and $${ by ${. The default also stands for an empty value.
// What is put in is not looked at again.
func expand(s string) (string, *fault) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		inner, rest, closed := strings.Cut(s[i+2:], "}")
		value, f := variable(inner, closed)
		if f != nil {
			return "", f
		}
		b.WriteString(s[:i] + value)
		s = rest
	}
}

// variable returns the value for what stands between ${ and }.
func variable(inner string, closed bool) (string, *fault) {
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !closed || !isVariable(name) {
		return "", &fault{text: "${ begins no variable: " + quote("${"+inner), hint: "write ${NAME} or ${NAME:-default}, and $${ for a literal ${"}
	}
	value, set := os.LookupEnv(name)
	switch {
	case value == "" && hasFallback:
		return fallback, nil
	case !set:
		return "", &fault{text: "the environment variable " + name + " is not set", hint: fmt.Sprintf("set it, or give a default: ${%s:-value}", name)}
	case !utf8.ValidString(value):
		return "", &fault{text: "the environment variable " + name + " is not valid UTF-8"}
	}
	return value, nil
}

func isVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !('a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return name != ""
}

// maxValueFile is how large a file may be that stands for one value.
const maxValueFile = 64 << 10

// fileText returns the content of a file without the line feed at its end.
func fileText(path string) (string, *fault) {
	text, err := readSmall(path, maxValueFile)
	if err != nil {
		return "", &fault{text: "read the file of the value: " + err.Error()}
	}
	if !utf8.Valid(text) {
		return "", &fault{text: "the file " + quote(path) + " is not valid UTF-8", hint: "encode binary content, in base64 or hexadecimal"}
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// readSmall returns the content of a regular file of at most limit bytes. Its errors name the path.
func readSmall(path string, limit int64) ([]byte, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, plainError(path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, plainError(path, err)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%s is larger than %d KiB", path, limit>>10)
	}
	return text, nil
}

// plainError says what is wrong with a file without the name of the system call.
func plainError(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
