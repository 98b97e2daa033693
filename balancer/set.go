package balancer

import "slices"

// Set is a small set of backends: those that a request has been tried on. The zero value is empty and ready to use, and a nil *Set may be
// read like an empty one. Up to four members take no memory beyond the Set. It is not safe for concurrent use.
type Set struct {
	few  [4]*Backend
	more []*Backend
	n    int
}

// Add puts b in. Adding a member again changes nothing.
func (s *Set) Add(b *Backend) {
	switch {
	case s.Has(b):
		return
	case s.n < len(s.few):
		s.few[s.n] = b
	default:
		s.more = append(s.more, b)
	}
	s.n++
}

// Has reports whether b is a member.
func (s *Set) Has(b *Backend) bool {
	if s == nil || s.n == 0 {
		return false
	}
	return slices.Contains(s.few[:min(s.n, len(s.few))], b) || slices.Contains(s.more, b)
}

// Len is the number of members.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return s.n
}
