package field

// Names is a set of field names that compares them the way a gateway interface between proxy and application might confuse them: every
// byte that is neither letter nor digit counts as one and the same, and case does not count. X_Session.Assertion is a look-alike of
// X-Session-Assertion: WSGI, Rack, CGI and PHP turn both into one variable.
//
// The zero value is an empty set. A Names that is no longer added to is safe for concurrent use. A copy is the same set.
type Names struct{ byLength *[maxName + 1]family }

// family are the names of one length, and how they begin and end: sets of kinds, by which nearly all names that are not there are told.
type family struct {
	first, last uint64
	names       []string
}

// maxName bounds the names in a set.
const maxName = 128

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
	if name == "" || len(name) > maxName || n.Has(name) {
		return
	}
	if n.byLength == nil {
		n.byLength = new([maxName + 1]family)
	}
	f := &n.byLength[len(name)]
	f.first |= 1 << kinds[name[0]]
	f.last |= 1 << kinds[name[len(name)-1]]
	f.names = append(f.names, name)
}

// AddAll puts the names of another set into n.
func (n *Names) AddAll(other Names) {
	if other.byLength == nil {
		return
	}
	for i := range other.byLength {
		for _, name := range other.byLength[i].names {
			n.Add(name)
		}
	}
}

// Has reports whether name is in the set or looks like one that is. It does not allocate.
func (n Names) Has(name string) bool {
	if n.byLength == nil || name == "" || len(name) > maxName {
		return false
	}
	f := &n.byLength[len(name)]
	return f.first>>(kinds[name[0]]&63)&1 != 0 && f.last>>(kinds[name[len(name)-1]]&63)&1 != 0 && f.has(name)
}

func (f *family) has(name string) bool {
	for _, n := range f.names {
		if LooksLike(n, name) {
			return true
		}
	}
	return false
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
