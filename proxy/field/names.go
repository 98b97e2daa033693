package field

// Names is a set of field names that compares them the way a gateway interface between proxy and application might confuse them: every
// byte that is neither letter nor digit counts as one and the same, and case does not count. X_Session.Assertion is a look-alike of
// X-Session-Assertion: WSGI, Rack, CGI and PHP turn both into one variable.
//
// The zero value is an empty set. A Names that is no longer added to is safe for concurrent use.
type Names struct {
	folded  map[string]struct{}
	longest int
}

// maxFold bounds what a look-up folds: names in a set are shorter.
const maxFold = 128

// NewNames returns a set of the names.
func NewNames(names ...string) Names {
	var n Names
	for _, name := range names {
		n.Add(name)
	}
	return n
}

// Add puts name into the set. Names of more than 128 bytes are ignored: nobody looks like them by chance.
func (n *Names) Add(name string) {
	if len(name) > maxFold {
		return
	}
	if n.folded == nil {
		n.folded = map[string]struct{}{}
	}
	n.folded[string(fold(nil, name))] = struct{}{}
	n.longest = max(n.longest, len(name))
}

// Has reports whether name is in the set or looks like one that is. It does not allocate.
func (n Names) Has(name string) bool {
	if len(name) > n.longest {
		return false
	}
	var buf [maxFold]byte
	_, ok := n.folded[string(fold(buf[:0], name))]
	return ok
}

// Fold returns the form in which look-alikes of name are equal.
func Fold(name string) string { return string(fold(nil, name)) }

func fold(dst []byte, name string) []byte {
	for i := range len(name) {
		c := lower[name[i]]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			c = '-'
		}
		dst = append(dst, c)
	}
	return dst
}
