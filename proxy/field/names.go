package field

// Names is a set of field names that compares them the way a gateway interface between proxy and application might confuse them: every
// byte that is neither letter nor digit counts as one and the same, and case does not count. X_Session.Assertion is a look-alike of
// X-Session-Assertion: WSGI, Rack, CGI and PHP turn both into one variable.
//
// The zero value is an empty set. A Names that is no longer added to is safe for concurrent use. A copy is the same set.
type Names struct {
	folded map[string]struct{}
	ends   *[maxFold + 1]ends // by length of the name
}

// ends are how names of one length begin and end: sets of kinds. Most names that are not in a set are told from those that are by that.
type ends struct{ first, last uint64 }

// maxFold bounds what a look-up folds: names in a set are not longer.
const maxFold = 128

// NewNames returns a set of the names.
func NewNames(names ...string) Names {
	var n Names
	for _, name := range names {
		n.Add(name)
	}
	return n
}

// Add puts name into the set. Names of no byte or more than 128 are ignored: nobody looks like them by chance.
func (n *Names) Add(name string) {
	if name == "" || len(name) > maxFold {
		return
	}
	if n.folded == nil {
		n.folded, n.ends = map[string]struct{}{}, new([maxFold + 1]ends)
	}
	n.folded[string(fold(nil, name))] = struct{}{}
	e := &n.ends[len(name)]
	e.first |= 1 << kinds[name[0]]
	e.last |= 1 << kinds[name[len(name)-1]]
}

// Has reports whether name is in the set or looks like one that is. It does not allocate.
func (n Names) Has(name string) bool {
	if n.ends == nil || name == "" || len(name) > maxFold {
		return false
	}
	e := &n.ends[len(name)]
	return e.first>>kinds[name[0]]&1 != 0 && e.last>>kinds[name[len(name)-1]]&1 != 0 && n.has(name)
}

func (n Names) has(name string) bool {
	var buf [maxFold]byte
	_, ok := n.folded[string(fold(buf[:0], name))]
	return ok
}

// LooksLike reports whether two names are look-alikes, as Names has it.
func LooksLike(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if kinds[a[i]] != kinds[b[i]] {
			return false
		}
	}
	return true
}

func fold(dst []byte, name string) []byte {
	for i := range len(name) {
		dst = append(dst, kinds[name[i]])
	}
	return dst
}

// kinds numbers what look-alikes have in common: 0 is every byte but letters and digits, which are from 1 on.
var kinds = func() (t [256]uint8) {
	for i := range 26 {
		t['a'+i], t['A'+i] = uint8(i+1), uint8(i+1)
	}
	for i := range 10 {
		t['0'+i] = uint8(i + 27)
	}
	return t
}()
